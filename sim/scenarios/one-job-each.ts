// Programs that share a state folder with others and do one job each: what is known of a torrent is looked up when it is
// added, so that a download that was left off goes on where it was.
import type { Scenario } from '../scenario.ts'

const leaveAtMs = [4_000, 9_000] as const
const lastMs = 12_000

export const oneJobEach: Scenario = {
  name: 'one-job-each',
  about: 'programs for one download each are left and started again; they go on where they were',
  peers: 3,
  contentBytes: 800_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 60_000 })
    const workers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 50_000,
      config: { restoresAll: false },
    }))
    let goneOn = 0
    for (const [index, one] of workers.entries()) {
      const { machine, id } = one
      for (const atMs of leaveAtMs) {
        stage.after(atMs + index * 500, async () => {
          const before = machine.torrent(id).doneBytes
          await stage.pause(one)
          await machine.start()
          stage.expect(machine.session.snapshot().torrents.length === 0, 'takes up a job by itself', machine)
          await stage.pause(one)
          await stage.comeBack(one)
          await stage.world.until('it is looked at', () => ['downloading', 'seeding'].includes(machine.stateOf(id)))
          const { doneBytes } = machine.torrent(id)
          stage.expect(doneBytes >= before, `has ${doneBytes} bytes, and had ${before}`, machine)
          if (before > 0) goneOn++
        })
      }
    }
    return {
      isOver: () => stage.nowMs > lastMs && stage.allFinished(),
      judge: async () => {
        stage.expect(goneOn > 0, 'nobody was left off in the middle')
        await stage.expectContent()
      },
    }
  },
}
