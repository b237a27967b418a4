// A DHT to which an attacker comes with three hosts in ten, who wants to be next to whatever is looked up (BEP 42, S18):
// with the best ids that fit their addresses, or by the seed with any he likes. What is announced is found by others in
// spite of them, and sessions that come when the Sybils are there and know a bare link find each other, too.
import { addSybils } from '../hostile/dht-sybils.ts'
import type { Scenario } from '../scenario.ts'
import { announceMany, askForAll, dhtOf, nodesOf } from './dht-lookups.ts'

const sybilShare = 0.3
const knownMs = 30_000
const lookupsMs = 20_000
const searchCount = 200
const foundShare = 0.95

export const dhtSybils: Scenario = {
  name: 'dht-sybils',
  about: '1,000 hosts of the DHT, of which 30 % are Sybils at every target; 95 % of lookups find what was announced',
  peers: 1_000,
  fewerPeers: 100,
  contentBytes: 200_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    stage.setContent({ trackers: [] })
    const count = nodesOf(stage)
    const sybils = Math.round(sybilShare * count)
    const { crowd, config } = await dhtOf(stage, count - sybils)
    const ids = stage.world.seed % 2 === 0 ? 'chosen' : 'fitting'
    const victims = crowd.nodes.map(({ endpoint }) => endpoint)
    const ring = addSybils(crowd, sybils, ids, victims)
    await stage.world.clock.run(knownMs)
    await stage.seed({ config, uploadBytesPerSecond: 200_000 })
    const searches = await announceMany(stage, crowd, searchCount)
    askForAll(stage, crowd, searches, lookupsMs)
    await stage.leechers(2, () => ({ config, latencyMs: 5 + stage.random.below(60), isByMagnet: true }))
    return {
      isOver: () => stage.allFinished() && searches.every(({ isOver }) => isOver),
      judge: async () => {
        stage.expect(ring.storeCount >= searches.length, `Sybils were asked to store ${ring.storeCount} times only`)
        const found = searches.filter(({ hops }) => hops !== undefined)
        stage.expect(found.length >= foundShare * searches.length, `${found.length} of ${searches.length} found`)
        stage.world.log('dht', `${found.length} of ${searches.length} found, ${ids} Sybils`)
        await stage.expectContent()
        await crowd.close()
      },
    }
  },
}
