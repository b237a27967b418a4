// Half of the peers are behind routers that let nobody in: they come to those who can be reached, and give to them as
// much as they take. One that comes to the tracker before all others hears of nobody, and of them when it may ask again.
import type { Scenario } from '../scenario.ts'

export const behindNat: Scenario = {
  name: 'behind-nat',
  about: 'half of the peers cannot be reached; all finish',
  peers: 10,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_200_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 150_000 })
    const leechers = await stage.leechers(stage.peers, (index) => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000,
      ...(index % 2 === 0 ? {} : { nat: { kind: 'port-restricted', publicAddress: stage.address() } }),
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(stage.world.network.faults.refusedByNat > 0, 'no router refused anybody')
        const hidden = leechers.filter(({ machine }) => machine.isTranslated)
        const givenBytes = hidden.reduce((sum, { machine, id }) => sum + machine.torrent(id).uploadedBytes, 0)
        stage.expect(givenBytes > 0, 'nobody gave anything from behind a router')
        await stage.expectContent()
      },
    }
  },
}
