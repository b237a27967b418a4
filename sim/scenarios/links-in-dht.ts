// Nothing but links, and no tracker at all: one seed, many who know a bare magnet link, and one node of the DHT that all
// of them begin with (BEP 5, 9). Which version the torrent is of follows from the seed.
import type { Scenario } from '../scenario.ts'
import { dhtRouter, inDht } from './dht-router.ts'

const versions = ['v1', 'v2', 'hybrid'] as const

export const linksInDht: Scenario = {
  name: 'links-in-dht',
  about: 'all know a bare link, and find each other in the DHT of their own sessions alone; all finish',
  peers: 49,
  contentBytes: 300_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const version = versions[stage.world.seed % versions.length] ?? 'v1'
    stage.setContent({ version, trackers: [] })
    const router = await dhtRouter(stage)
    const config = inDht(router)
    await stage.seed({ config, uploadBytesPerSecond: 500_000 })
    const leechers = await stage.leechers(stage.peers, () => ({
      config,
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000 + stage.random.below(200_000),
      isByMagnet: true,
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const met = leechers.filter(({ machine }) => (machine.session.snapshot().dht?.places[0]?.nodes ?? 0) > 1)
        stage.expect(met.length === leechers.length, `only ${met.length} sessions know further nodes`)
        await stage.expectContent()
        await router.stop()
      },
    }
  },
}
