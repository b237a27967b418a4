// Everybody comes at once, and there is one seed: the swarm has to spread pieces faster than the seed could send them
// to each.
import type { Scenario } from '../scenario.ts'

export const flashCrowd: Scenario = {
  name: 'flash-crowd',
  about: 'everybody comes at once to one seed; all finish',
  peers: 16,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 1_000_000, latencyMs: 10 })
    await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000 + stage.random.below(900_000),
    }))
    return { isOver: () => stage.allFinished() }
  },
}
