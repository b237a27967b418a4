// What a session asks for it may ask for: of a peer that does not choke it (or allowed it that piece, BEP 6) and has the
// piece, in blocks of 16 KiB at most, each once at a time where peers answer every request (BEP 6), no more at once than
// the peer said it keeps, and only while it says that it is interested.
import { blockLengthBytes } from '../../src/formats/metainfo/metainfo.ts'
import type { CheckMaker } from './check.ts'
import { blockKey } from './tapped-connection.ts'

/** What a peer keeps that says nothing (BEP 10, `reqq`), as clients assume. */
const usualQueueLength = 500

export const asksPolitely: CheckMaker = {
  name: 'asks-politely',
  make: ({ tap, violate }) => {
    tap.observe({
      onRequest: ({ machine, out, in: peer }, way, piece, begin, length) => {
        if (way === 'in') return
        const block = `${piece}:${begin}`
        if (peer.isChoking && !peer.allowedFast.has(piece)) violate(machine, `asked for ${block} while choked`)
        if (peer.have?.get(piece) !== true) violate(machine, `asked for ${block}, which the peer does not have`)
        if (!out.isInterested) violate(machine, `asked for ${block} without being interested`)
        if (length > blockLengthBytes) violate(machine, `asked for ${length} bytes at once`)
        const key = blockKey(piece, begin)
        const mayBeDropped = !(out.supportsFast && peer.supportsFast)
        if (!mayBeDropped && out.requests.has(key) && !out.cancelled.has(key))
          violate(machine, `asked twice at once for ${block}`)
        if (out.requests.size - out.cancelled.size >= (peer.requestQueueLength ?? usualQueueLength)) {
          violate(machine, 'asked for more at once than the peer keeps')
        }
      },
    })
    return {}
  },
}
