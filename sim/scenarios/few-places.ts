// Strangers that want nothing take every place a session has, for one of its torrents or for all: who is of use gets one
// after a while, for each of them, and never are there more connections than allowed.
import { allBehaviours } from '../hostile/all-behaviours.ts'
import { HostilePeer } from '../hostile/hostile-peer.ts'
import type { Scenario } from '../scenario.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

const strangerCount = 6
const seedComesMs = 15_000
const connections = { maxConnections: 5, maxConnectionsPerTorrent: 4, maxHalfOpen: 5, maxSlotsPerTorrent: 4 }

export const fewPlaces: Scenario = {
  name: 'few-places',
  about: 'idle strangers hold all places of sessions with few; they make room for who is of use, and all finish',
  peers: 2,
  contentBytes: 400_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const other = stage.another({ lengths: [200_000], name: 'other', seed: 2 })
    const idle = allBehaviours.filter(({ name }) => name === 'idle')
    const strangers = Array.from({ length: strangerCount }, () => idle.map((one) => new HostilePeer(stage, one))).flat()
    const leechers = await stage.leechers(stage.peers, () => ({
      uploadBytesPerSecond: 100_000,
      config: { connections },
    }))
    for (const { machine } of leechers) {
      for (const stranger of strangers) stranger.visit(machine.address)
      await machine.add(other.metainfo)
    }
    let fullCount = 0
    stage.every(500, () => {
      for (const { machine, id } of leechers) {
        const { connections: count } = machine.session.snapshot()
        const { peers } = machine.torrent(id)
        const isOfStrangers = peers.every(({ endpoint }) =>
          strangers.some(({ address }) => address === endpoint.address),
        )
        if (peers.length === connections.maxConnectionsPerTorrent && isOfStrangers) fullCount++
        stage.expect(count <= connections.maxConnections, `has ${count} connections`, machine)
        const mostOfTorrent = connections.maxConnectionsPerTorrent
        stage.expect(peers.length <= mostOfTorrent, `has ${peers.length} peers of one torrent`, machine)
      }
    })
    stage.after(seedComesMs, async () => {
      const seed = await stage.seed({ uploadBytesPerSecond: 200_000 })
      seed.machine.put(other)
      await seed.machine.add(other.metainfo)
    })
    const hasOther = () => leechers.every(({ machine }) => machine.stateOf(torrentIdOf(other)) === 'seeding')
    return {
      isOver: () => stage.nowMs > seedComesMs + 1_000 && stage.allFinished() && hasOther(),
      judge: async () => {
        stage.expect(fullCount > 0, 'never were all places of a torrent taken by strangers')
        for (const { machine } of leechers) stage.expect(machine.has(other), 'lacks bytes of the other', machine)
        await stage.expectContent()
      },
    }
  },
}
