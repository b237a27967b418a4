// Seeds that answer a few requests, at once, and from then on none, but say that they are there, and one that is honest:
// what is asked of the silent ones is soon asked of that one.
import type { Scenario } from '../scenario.ts'
import { pieceSpace } from '../world/content.ts'
import { SimpleSeed } from '../world/simple-seed.ts'

const silentCount = 12
/** So that they count as fast. */
const servedEach = 4

export const silentSeeds: Scenario = {
  name: 'silent-seeds',
  about: 'many seeds answer next to nothing, one everything; all finish as if there were one',
  peers: 2,
  contentBytes: 1_200_000,
  pieceLengthBytes: 65_536,
  limitMs: 300_000,
  async arrange(stage) {
    const { world, content } = stage
    const space = pieceSpace(content)
    const silent = Array.from({ length: silentCount }, () => {
      let served = 0
      const serve = (piece: number, begin: number, length: number) => {
        const start = piece * content.info.pieceLengthBytes + begin
        return served++ < servedEach ? space.subarray(start, start + length) : undefined
      }
      return new SimpleSeed(world, { address: stage.address(), latencyMs: 5, content, serve })
    })
    const peers = silent.map(({ endpoint }) => endpoint)
    // Only one seed knows the tracker in time: the silent ones are asked first.
    await stage.leechers(stage.peers, () => ({ latencyMs: 5 + stage.random.below(30), add: { peers } }))
    stage.after(5_000, async () => void (await stage.seed({ uploadBytesPerSecond: 200_000, latencyMs: 20 })))
    return {
      isOver: () => stage.participants.length > stage.peers && stage.allFinished(),
      judge: () => {
        const asked = silent.filter(({ requestCount }) => requestCount > 0)
        stage.expect(asked.length > 2, `${asked.length} silent seeds were asked`)
      },
    }
  },
}
