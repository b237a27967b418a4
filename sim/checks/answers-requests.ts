// Every request ends: what a peer asks for is sent, refused, or given up with the connection, once and within a time
// (BEP 3, 6), at once where the peer is choked; and nothing is sent that nobody asked for, nobody wants any more, nor to
// whom is choked, but for allowed-fast pieces.
import type { CheckMaker } from './check.ts'
import { blockKey, pieceOfKey, type TappedConnection } from './tapped-connection.ts'

/** Far beyond what a queue of a slow uplink takes. */
const patienceMs = 300_000
/** Refusing costs nothing. */
const refusalMs = 1_000

export const answersRequests: CheckMaker = {
  name: 'answers-requests',
  make: ({ world, tap, violate }) => {
    tap.observe({
      onBlock: (connection, way, piece, begin) => {
        if (way === 'in') return
        const { machine, in: asked, out } = connection
        if (!asked.requests.has(blockKey(piece, begin))) {
          violate(machine, `sent ${piece}:${begin}, which was not asked for`)
        } else if (asked.cancelled.has(blockKey(piece, begin))) {
          violate(machine, `sent ${piece}:${begin} after the peer had cancelled it`)
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
        const nowMs = world.clock.nowMs()
        const sinceMs = nowMs - patienceMs
        for (const connection of tap.connections) {
          const { machine, in: asked, isHungUp } = connection
          if (!isHungUp && lacksRefusal(connection, nowMs - refusalMs)) {
            asked.requests.clear()
            violate(machine, 'choked a peer and did not refuse what it had asked for')
          }
          const [oldest] = asked.requests
          if (oldest === undefined || oldest[1] >= sinceMs) continue
          asked.forgetRequests()
          violate(machine, `let a request wait for ${patienceMs / 1_000} s`)
        }
      },
    }
  },
}

/** BEP 6: what was asked before `sinceMs` of one that chokes is refused by now. */
function lacksRefusal({ out, in: asked, chokedMs }: TappedConnection, sinceMs: number): boolean {
  if (!out.isChoking || !out.supportsFast || !asked.supportsFast || chokedMs > sinceMs) return false
  for (const [key, askedMs] of asked.requests) {
    if (askedMs <= sinceMs && !out.allowedFast.has(pieceOfKey(key))) return true
  }
  return false
}
