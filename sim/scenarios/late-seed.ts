// For minutes nobody has anything to give: connections stay, kept alive, and cost next to nothing. Then a seed comes,
// and everybody is there to be served.
import type { Scenario } from '../scenario.ts'

const seedComesMs = 200_000

export const lateSeed: Scenario = {
  name: 'late-seed',
  about: 'nobody has anything for minutes, then a seed comes; all finish soon after',
  peers: 3,
  contentBytes: 300_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    await stage.leechers(stage.peers, () => ({ latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 500_000 }))
    stage.after(seedComesMs, async () => void (await stage.seed({ uploadBytesPerSecond: 500_000 })))
    return { isOver: () => stage.participants.length > stage.peers && stage.allFinished() }
  },
}
