// Nobody is there for long: peers are killed or stopped in the middle of everything, and come back with what is on
// their disks.
import type { Scenario } from '../scenario.ts'

const meanLifeMs = 12_000
const meanPauseMs = 4_000
const mostDepartures = 3

export const churn: Scenario = {
  name: 'churn',
  about: 'peers are killed or stopped and come back, time and again; all finish',
  peers: 10,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 100_000 })
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 60_000,
    }))
    let killedCount = 0
    let stoppedCount = 0
    for (const one of leechers) {
      let departures = 0
      const depart = async () => {
        if (stage.random.below(3) === 0) {
          stoppedCount++
          await stage.pause(one)
        } else {
          killedCount++
          stage.kill(one)
        }
        stage.after(stage.exponentialMs(meanPauseMs), async () => {
          await stage.comeBack(one)
          if (++departures < mostDepartures) stage.after(stage.exponentialMs(meanLifeMs), depart)
        })
      }
      stage.after(stage.exponentialMs(meanLifeMs), depart)
    }
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(killedCount > 0, 'nobody was killed')
        stage.expect(stoppedCount > 0, 'nobody was stopped')
        await stage.expectContent()
      },
    }
  },
}
