// One of the seeds sends rubbish, and pieces come from several: nobody takes it for content, and whoever sees through it
// parts with that one alone.
import type { Scenario } from '../scenario.ts'
import { SimpleSeed } from '../world/simple-seed.ts'

export const corruptPeer: Scenario = {
  name: 'corrupt-peer',
  about: 'a seed sends rubbish among slow honest ones; all finish, and nobody else is blamed',
  peers: 2,
  contentBytes: 1_000_000,
  pieceLengthBytes: 131_072,
  limitMs: 600_000,
  async arrange(stage) {
    const { world, content } = stage
    const rubbish = new Uint8Array(16_384).fill(0x5a)
    const liar = new SimpleSeed(world, {
      address: stage.address(),
      latencyMs: 20,
      uploadBytesPerSecond: 30_000,
      content,
      serve: (_piece, _begin, length) => rubbish.subarray(0, length),
    })
    // Too slow to be left pieces of their own, so that pieces come from several.
    for (let count = 0; count < 3; count++) await stage.seed({ uploadBytesPerSecond: 40_000, latencyMs: 20 })
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 20_000,
      add: { peers: [liar.endpoint] },
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: () => {
        stage.expect(liar.servedCount > 0, 'nobody was sent rubbish')
        const damaged = leechers.some(({ machine, id }) => machine.torrent(id).damagedPieces > 0)
        stage.expect(damaged, 'nobody noticed')
      },
    }
  },
}
