// Links that lose, delay and reorder packets, each another way: slower, and otherwise as if nothing were.
// TCP sends again what is lost; the program sees pauses and bursts, and takes nobody for dead.
import type { Scenario } from '../scenario.ts'

export const lossyLinks: Scenario = {
  name: 'lossy-links',
  about: 'packets are lost, late and out of order; all finish',
  peers: 8,
  contentBytes: 800_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const { random } = stage
    await stage.seed({ uploadBytesPerSecond: 500_000, latencyMs: 20, lossPerMille: 5 })
    await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + random.below(150),
      jitterMs: random.below(50),
      lossPerMille: random.below(30),
      reorderPerMille: random.below(30),
      uploadBytesPerSecond: 50_000 + random.below(500_000),
      downloadBytesPerSecond: 200_000 + random.below(1_000_000),
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const { lost, retransmitted, reordered } = stage.world.network.faults
        stage.expect(lost > 0, 'no packet was lost')
        stage.expect(retransmitted > 0, 'no packet was sent again')
        stage.expect(reordered > 0, 'no packet was overtaken')
        await stage.expectContent()
      },
    }
  },
}
