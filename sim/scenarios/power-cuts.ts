// Power goes, and with it what disks were not told to keep: a program that starts anew believes nothing of its disk that
// it cannot prove, and has lost no more than the last seconds.
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const meanLifeMs = 9_000
const pauseMs = 1_000
/** How long what is complete may take until it is safe (see reliability). */
const promisedMs = 5_000
const mostLosses = 3

export const powerCuts: Scenario = {
  name: 'power-cuts',
  about: 'peers lose power and come back; nothing older than 5 s is lost, and all finish',
  peers: 6,
  contentBytes: 1_500_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 80_000 })
    const leechers = await stage.leechers(stage.peers, () => ({ uploadBytesPerSecond: 50_000 }))
    let lossCount = 0
    for (const one of leechers) {
      let losses = 0
      const lose = () => {
        const lostAtMs = stage.nowMs
        lossCount++
        stage.kill(one, true)
        stage.after(pauseMs, async () => {
          await stage.comeBack(one)
          await expectSafe(one, lostAtMs)
          if (++losses < mostLosses) stage.after(stage.exponentialMs(meanLifeMs), lose)
        })
      }
      stage.after(stage.exponentialMs(meanLifeMs), lose)
    }
    /** What was complete for long enough is still there. */
    const expectSafe = async ({ machine, id, pieces }: Participant, lostAtMs: number) => {
      await stage.world.until('content looked at', () => machine.stateOf(id) !== 'checking')
      const has = machine.torrent(id).pieces
      for (const [piece, atMs] of pieces) {
        const isThere = ((has[piece >> 3] ?? 0) & (0x80 >> (piece & 7))) !== 0
        if (isThere) continue
        stage.expect(atMs > lostAtMs - promisedMs, `lost piece ${piece}, which was safe`, machine)
        pieces.delete(piece)
      }
    }
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const lostPages = leechers.reduce((sum, { machine }) => sum + machine.disk.faults.lostPages, 0)
        stage.expect(lossCount > 0, 'nobody lost power')
        stage.expect(lostPages > 0 || lossCount < 3, 'no disk lost anything')
        await stage.expectContent()
      },
    }
  },
}
