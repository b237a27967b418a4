// No tracker: houses of some machines each, whose sessions find each other by multicast (BEP 14); one of each house has the
// content. On the way machines of each house get other addresses, and are found there. Elsewhere somebody has the torrent
// file alone, which names a node of the DHT.
import type { Scenario } from '../scenario.ts'
import type { Stage } from '../stage.ts'
import type { Content } from '../world/content.ts'
import { listenPort, type Machine } from '../world/machine.ts'
import { dhtRouter } from './dht-router.ts'

const housePeers = 4
const moveMs = 2_000
const restartMs = 40_000

export const neighbours: Scenario = {
  name: 'neighbours',
  about: 'sessions of a house find each other in the local network alone, also at new addresses; all finish',
  peers: 8,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    const router = await dhtRouter(stage)
    const nodes = [{ host: router.address, port: listenPort }]
    const content = stage.setContent({ trackers: [], nodes })
    const config = { discoversLocally: true }
    const houses = Math.max(1, Math.ceil(stage.peers / housePeers))
    let joined = 0
    for (let house = 0; house < houses; house++) {
      const addressOf = (place: number) => `50.1.${house}.${place}`
      await stage.seed({ config, address: addressOf(1), uploadBytesPerSecond: 100_000 })
      for (let place = 0; place < housePeers && joined < stage.peers; place++, joined++) {
        const address = addressOf(10 + place)
        const isByMagnet = stage.random.below(2) === 0
        const joining = { address, isByMagnet, uploadBytesPerSecond: 50_000 }
        const isBound = place === housePeers - 1
        const { machine } = await stage.leecher({
          ...joining,
          config: isBound ? { ...config, bindTo: 'eth0' } : config,
        })
        if (place === 0) stage.after(moveMs, () => machine.setInterfaces([['eth0', addressOf(100)]]))
        const further = ['wg0', `50.2.${house}.1`] as const
        if (place === 1) stage.after(moveMs, () => machine.setInterfaces([['eth0', address], further]))
      }
    }
    const far = await farNode(stage, content)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const known = far.session.snapshot().dht?.places[0]?.nodes ?? 0
        stage.expect(known > 0, 'found no node of those that the torrent names', far)
        await stage.expectContent()
        await far.stop()
        await router.stop()
      },
    }
  },
}

/**
 * In another network: knows the nodes that its torrent file names, and nobody else; started anew it begins with those it
 * remembers, as a session does that shares its folder.
 */
async function farNode(stage: Stage, { magnet: link, metainfo }: Content): Promise<Machine> {
  const dht = { bootstrap: [], mayBootstrapLocally: false }
  const machine = stage.world.machine(stage.address())
  await machine.start({ dht })
  // It knows nobody to ask yet, and is told to forget about it.
  const early = await machine.addMagnet(link)
  await machine.run({ type: 'remove', id: early, withData: false })
  await machine.add(metainfo)
  stage.after(restartMs, async () => {
    await machine.stop()
    await machine.start({ dht, restoresAll: false })
    const id = await machine.add(metainfo)
    machine.setInterfaces([
      ['eth0', machine.address],
      ['wg0', stage.address()],
    ])
    await machine.run({ type: 'reannounce', id })
    await machine.run({ type: 'stop', id })
  })
  return machine
}
