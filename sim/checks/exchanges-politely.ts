// What a session tells a peer of its other peers (BEP 11): at most 50 that came and 50 that went, once a minute; only such
// as it has a connection to, and never the one it tells, each once until it is dropped; nothing of a private torrent (BEP 27).
import { unwrap } from '../../src/base/errors.ts'
import { endpointKey } from '../../src/formats/compact-endpoint.ts'
import { decodePeerExchange, peerExchangeExtension } from '../../src/formats/peer/peer-exchange.ts'
import type { CheckMaker } from './check.ts'
import type { TappedConnection } from './tapped-connection.ts'

const maxListed = 50
const intervalMs = 60_000

export const exchangesPolitely: CheckMaker = {
  name: 'exchanges-politely',
  make: ({ world, tap, violate }) => {
    const lines = new Map<TappedConnection, { saidMs: number; readonly told: Set<string> }>()
    tap.observe({
      onExtension: (connection, way, name, payload) => {
        if (name !== peerExchangeExtension || way === 'in') return
        const { machine } = connection
        const { added, dropped } = unwrap(decodePeerExchange(payload.slice()))
        const line = lines.get(connection) ?? { saidMs: Number.NEGATIVE_INFINITY, told: new Set() }
        lines.set(connection, line)
        const nowMs = world.clock.nowMs()
        if (nowMs - line.saidMs < intervalMs) violate(machine, `exchanged peers twice in ${nowMs - line.saidMs} ms`)
        line.saidMs = nowMs
        if (added.length > maxListed || dropped.length > maxListed) {
          violate(machine, `told of ${added.length} peers and dropped ${dropped.length} at once`)
        }
        if (connection.content?.info.isPrivate === true) violate(machine, 'exchanged peers of a private torrent')
        const connected = new Set(Array.from(tap.connectionsOf(machine), ({ remote }) => remote.address))
        for (const endpoint of dropped) {
          if (!line.told.delete(endpointKey(endpoint)))
            violate(machine, `dropped ${endpoint.address} without a word before`)
        }
        for (const { endpoint } of added) {
          if (line.told.has(endpointKey(endpoint))) violate(machine, `told of ${endpoint.address} twice`)
          line.told.add(endpointKey(endpoint))
          if (endpoint.address === connection.remote.address) violate(machine, `told ${endpoint.address} of itself`)
          if (!connected.has(endpoint.address))
            violate(machine, `told of ${endpoint.address}, which it is not connected to`)
        }
      },
      onClosed: (connection) => void lines.delete(connection),
    })
    return {}
  },
}
