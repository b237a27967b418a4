// No tracker and no DHT: all but the first know the first, who knows the seed; whom else they meet, they are told by
// each other (BEP 11), in the open or all in one local network. Whoever was named would be a bottleneck alone: it uploads
// next to nothing.
import type { Scenario } from '../scenario.ts'
import { listenPort } from '../world/machine.ts'

/** Of the one whom all know: the content would take it many times as long as there is. */
const trickle = 2_000

export const exchangeAlone: Scenario = {
  name: 'exchange-alone',
  about: 'all know one slow peer alone, and the others by what peers tell each other; all finish',
  peers: 60,
  contentBytes: 200_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    stage.setContent({ trackers: [] })
    const config = { exchangesPeers: true }
    const isLocal = stage.random.below(2) === 0
    let places = 0
    const place = () => (isLocal ? { address: `10.0.0.${++places}` } : {})
    const seed = await stage.seed({ config, ...place(), uploadBytesPerSecond: 400_000 })
    const add = { peers: [`${seed.machine.address}:${listenPort}`] }
    const slow = { uploadBytesPerSecond: trickle, downloadBytesPerSecond: trickle }
    const hub = await stage.leecher({ config, add, ...place(), ...slow })
    const named = { peers: [`${hub.machine.address}:${listenPort}`] }
    await stage.leechers(stage.peers, () => ({
      config,
      ...place(),
      add: named,
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000 + stage.random.below(200_000),
      isByMagnet: stage.random.below(2) === 0,
    }))
    const others = stage.participants.filter((one) => one !== hub)
    return {
      isOver: () => others.every(({ finishedMs }) => finishedMs !== undefined),
      judge: async () => {
        await stage.leave(hub)
        await stage.expectContent()
      },
    }
  },
}
