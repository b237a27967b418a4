// Peers that trade among themselves have all their slots taken, and the seed has no place for more: somebody who comes
// later with nothing is given a turn all the same (BEP 3, optimistic unchoke).
import type { Scenario } from '../scenario.ts'

const comesMs = 20_000
const patienceMs = 90_000

export const newcomer: Scenario = {
  name: 'newcomer',
  about: 'one with nothing comes to others that trade; somebody unchokes it before long',
  peers: 3,
  contentBytes: 16_000_000,
  pieceLengthBytes: 65_536,
  limitMs: comesMs + patienceMs,
  async arrange(stage) {
    const { peers } = stage
    const connections = { maxConnections: 100, maxConnectionsPerTorrent: peers, maxHalfOpen: 50, maxSlotsPerTorrent: 8 }
    await stage.seed({ uploadBytesPerSecond: 200_000, config: { connections } })
    const trading = {
      uploadBytesPerSecond: 40_000,
      config: { connections: { ...connections, maxConnectionsPerTorrent: 100, maxSlotsPerTorrent: 2 } },
    }
    await stage.leechers(peers, () => ({ ...trading, latencyMs: 5 + stage.random.below(60) }))
    stage.after(comesMs, async () => void (await stage.leecher({ latencyMs: 20 })))
    const isServed = () => {
      const late = stage.participants[peers + 1]
      return late?.machine.torrent(late.id).peers.some(({ isChoking }) => !isChoking) === true
    }
    return { isOver: isServed }
  },
}
