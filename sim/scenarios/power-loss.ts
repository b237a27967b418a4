// The power fails again and again while content comes in, and what was not synced is lost or torn: what is believed
// after each start is on the disk.
import type { Scenario } from '../scenario.ts'

const powerLosses = 5

export const powerLoss: Scenario = {
  name: 'power-loss',
  about: 'one that downloads loses power five times; it believes nothing that is lost, and finishes',
  peers: 2,
  contentBytes: 2_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 100_000, latencyMs: 10 })
    const joined = await stage.leechers(stage.peers, () => ({ latencyMs: 10, uploadBytesPerSecond: 50_000 }))
    let losses = 0
    for (let count = 0; count < powerLosses; count++) {
      const delayMs = 5_000 + count * 6_000 + stage.random.below(4_000)
      const victim = joined[stage.random.below(joined.length)]
      stage.after(delayMs, async () => {
        if (victim?.machine.isUp !== true || victim.finishedMs !== undefined) return
        victim.machine.kill(true)
        losses++
        await victim.machine.start()
        await victim.machine.add(stage.content.metainfo)
      })
    }
    return {
      isOver: () => losses > 0 && stage.allFinished(),
      judge: () => {
        for (const { machine } of joined) stage.expect(machine.has(stage.content), 'lacks bytes', machine)
      },
    }
  },
}
