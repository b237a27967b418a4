// Peers come one after the other, independently of each other, and stay for a while when they are done: nobody is there
// all the time but the first seed, and late peers find what early ones left behind.
import type { Scenario } from '../scenario.ts'

const meanPauseMs = 4_000
const meanStayMs = 8_000

export const steadyArrivals: Scenario = {
  name: 'steady-arrivals',
  about: 'peers come as a Poisson process and leave a while after they are done; all finish first',
  peers: 15,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 150_000, latencyMs: 10 })
    let comingCount = stage.peers
    const arrive = async () => {
      comingCount--
      if (comingCount > 0) stage.after(stage.exponentialMs(meanPauseMs), arrive)
      await stage.leecher({ latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 150_000 })
    }
    await arrive()
    const leaving = new Set<unknown>()
    stage.every(1_000, () => {
      for (const one of stage.participants) {
        if (one.role === 'seed' || one.finishedMs === undefined || leaving.has(one)) continue
        leaving.add(one)
        stage.after(stage.exponentialMs(meanStayMs), () => stage.leave(one))
      }
    })
    return {
      isOver: () => comingCount === 0 && stage.allFinished(),
      judge: async () => {
        const lastMs = Math.max(...stage.participants.map(({ joinedMs }) => joinedMs))
        const isCrossed = stage.participants.some(({ leftMs }) => leftMs !== undefined && leftMs < lastMs)
        stage.expect(isCrossed || stage.peers < 5, 'nobody left before the last came')
        await stage.expectContent()
        for (const { machine, finishedMs, leftMs } of stage.participants) {
          if (leftMs === undefined) continue
          stage.expect(finishedMs !== undefined && machine.has(stage.content), 'left before it was done', machine)
          const events = stage.tracker().eventsOf(machine.address)
          stage.expect(events.at(-1) === 'stopped', `told the tracker ${events.join(', ')}`, machine)
          const completedCount = events.filter((event) => event === 'completed').length
          stage.expect(completedCount === 1, `told the tracker ${completedCount} times that it is complete`, machine)
        }
      },
    }
  },
}
