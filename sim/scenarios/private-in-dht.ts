// A private torrent (BEP 27) among sessions that are all nodes of the DHT and exchange peers: its tracker names some of
// the peers at a time, and nothing of the torrent is ever said to the DHT, or to a peer about another one.
import type { Scenario } from '../scenario.ts'
import { dhtRouter, inDht } from './dht-router.ts'

export const privateInDht: Scenario = {
  name: 'private-in-dht',
  about: 'a private torrent in sessions that use the DHT and exchange peers; nothing of it is said there, all finish',
  peers: 8,
  contentBytes: 800_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    stage.tracker({ maxPeersPerReply: 4, intervalSeconds: 60 })
    stage.setContent({ isPrivate: true })
    const router = await dhtRouter(stage)
    const config = { ...inDht(router), exchangesPeers: true }
    const joining = { config, uploadBytesPerSecond: 100_000 }
    await stage.seed({ ...joining, uploadBytesPerSecond: 200_000 })
    await stage.leechers(stage.peers, () => ({ ...joining, latencyMs: 5 + stage.random.below(60) }))
    const machines = [router, ...stage.participants.map(({ machine }) => machine)]
    let nodes = 0
    stage.every(1_000, () => {
      for (const machine of machines) {
        if (!machine.isUp) continue
        const dht = machine.session.snapshot().dht
        nodes = Math.max(nodes, dht?.places[0]?.nodes ?? 0)
        stage.expect((dht?.infoHashesStored ?? 0) === 0, 'the private torrent was announced in the DHT', machine)
      }
    })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(nodes > 0, 'nobody was a node of the DHT')
        await stage.expectContent()
        await router.stop()
      },
    }
  },
}
