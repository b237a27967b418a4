// One fast seed and some that are hardly there: the last blocks, which are asked of the slow ones, are asked of the fast
// one as well (BEP 3, end game).
import type { Scenario } from '../scenario.ts'
import { SimpleSeed } from '../world/simple-seed.ts'

const slowCount = 4
/** Half a minute for a block. */
const slowBytesPerSecond = 600

export const slowSeeds: Scenario = {
  name: 'slow-seeds',
  about: 'some seeds are very slow; all finish in the time of the fast one',
  peers: 2,
  contentBytes: 600_000,
  pieceLengthBytes: 65_536,
  limitMs: 20_000,
  async arrange(stage) {
    const { world, content } = stage
    const slow = Array.from({ length: slowCount }, () => {
      return new SimpleSeed(world, {
        address: stage.address(),
        latencyMs: 5,
        uploadBytesPerSecond: slowBytesPerSecond,
        content,
      })
    })
    const peers = slow.map(({ endpoint }) => endpoint)
    await stage.seed({ uploadBytesPerSecond: 300_000, latencyMs: 20 })
    await stage.leechers(stage.peers, () => ({ latencyMs: 5 + stage.random.below(30), add: { peers } }))
    return {
      isOver: () => stage.allFinished(),
      judge: () =>
        stage.expect(
          slow.some(({ requestCount }) => requestCount > 0),
          'no slow seed was asked',
        ),
    }
  },
}
