// Every request ends: what a peer asks for is sent, refused, or given up with the connection, once and within a time
// (BEP 3, 6); and nothing is sent that nobody asked for, nor to whom is choked, but for allowed-fast pieces.
import type { CheckMaker } from './check.ts'
import { blockKey } from './tapped-connection.ts'

/** Far beyond what a queue of a slow uplink takes. */
const patienceMs = 300_000

export const answersRequests: CheckMaker = {
  name: 'answers-requests',
  make: ({ world, tap, violate }) => {
    tap.observe({
      onBlock: (connection, way, piece, begin) => {
        if (way === 'in') return
        const { machine, in: asked, out } = connection
        if (!asked.requests.has(blockKey(piece, begin))) {
          violate(machine, `sent ${piece}:${begin}, which was not asked for`)
        } else if (out.isChoking && !out.allowedFast.has(piece)) {
          violate(machine, `sent ${piece}:${begin} to a peer that is choked`)
        }
      },
      onReject: ({ machine, in: asked }, way, piece, begin) => {
        if (way === 'in' || asked.requests.has(blockKey(piece, begin))) return
        violate(machine, `refused ${piece}:${begin}, which was not asked for`)
      },
    })
    return {
      onSecond: () => {
        const sinceMs = world.clock.nowMs() - patienceMs
        for (const { machine, in: asked } of tap.connections) {
          const [oldest] = asked.requests
          if (oldest === undefined || oldest[1] >= sinceMs) continue
          asked.requests.clear()
          violate(machine, `let a request wait for ${patienceMs / 1_000} s`)
        }
      },
    }
  },
}
