// A DHT that changes while it is asked (BEP 5, F9): nodes that are nothing else, of which three in ten leave without a
// word within seconds, and as many others come. What was announced before is looked up meanwhile and is found, and
// sessions that know a bare link find each other there, too.
import type { Scenario } from '../scenario.ts'
import { announceMany, askForAll, dhtOf, nodesOf } from './dht-lookups.ts'

const goneOf10 = 3
/** Lookups take a second or two. */
const churnMs = 5_000
const lookupsMs = 10_000
const searchCount = 200
const foundShare = 0.99

export const dhtChurn: Scenario = {
  name: 'dht-churn',
  about: '1,000 nodes of the DHT, of which 30 % are replaced while lookups are under way; 99 % find, in log2 N hops',
  peers: 1_000,
  fewerPeers: 100,
  contentBytes: 200_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    stage.setContent({ trackers: [] })
    const count = nodesOf(stage)
    const { crowd, config, lasting } = await dhtOf(stage, count)
    await stage.seed({ config, uploadBytesPerSecond: 200_000 })
    const searches = await announceMany(stage, crowd, searchCount)
    const mortal = crowd.nodes.filter((node) => !lasting.includes(node))
    const leaving = Math.min(mortal.length, Math.ceil((count * goneOf10) / 10))
    let gone = 0
    for (let index = 0; index < leaving; index++) {
      const [node] = mortal.splice(stage.random.below(mortal.length), 1)
      stage.after(stage.random.below(churnMs), async () => {
        if (node !== undefined) await crowd.leave(node)
        gone++
      })
      stage.after(stage.random.below(churnMs), async () => void (await crowd.join()))
    }
    askForAll(stage, crowd, searches, lookupsMs)
    await stage.leechers(2, () => ({ config, latencyMs: 5 + stage.random.below(60), isByMagnet: true }))
    return {
      isOver: () => stage.allFinished() && searches.every(({ isOver }) => isOver),
      judge: async () => {
        stage.expect(gone >= (count * goneOf10) / 10, `only ${gone} of ${count} nodes left`)
        const found = searches.filter(({ hops }) => hops !== undefined)
        stage.expect(found.length >= foundShare * searches.length, `${found.length} of ${searches.length} found`)
        const mostHops = Math.max(...found.map(({ hops = 0 }) => hops))
        stage.expect(mostHops <= Math.log2(count), `found after ${mostHops} hops in a DHT of ${count}`)
        stage.world.log('dht', `${found.length} of ${searches.length} found, after ${mostHops} hops at most`)
        await stage.expectContent()
        await crowd.close()
      },
    }
  },
}
