// The routing tables of a node as bytes and back, to be kept across restarts: canonical bencode.
// Guarantees: reading never throws and is capped in size and number; what makes no sense is left out, down to nothing.
// Nodes read are only named: they are asked before they count.

import { concatBytes } from '../base/bytes.ts'
import type { AddressFamily } from '../base/endpoint.ts'
import { BencodeCursor } from '../formats/bencode/cursor.ts'
import { encode } from '../formats/bencode/encode.ts'
import { scan } from '../formats/bencode/scan.ts'
import { compactNodeLength, type DhtNode, decodeCompactNodes } from '../formats/krpc/compact-node.ts'
import { nodeIdLength } from '../formats/krpc/message.ts'
import type { RoutingTable } from './routing-table.ts'

export interface SavedPlace {
  readonly family: AddressFamily
  readonly id: Uint8Array
  readonly nodes: readonly DhtNode[]
}

const maxPlaces = 64
const maxNodes = 400
const scanOptions = { limits: { maxBytes: 2_000_000, maxDepth: 4, maxTokens: 1_024 } }

/** Those closest to the id are worth most, and stand last in a table. */
export function encodeTables(tables: readonly RoutingTable[]): Uint8Array {
  const places = tables.slice(0, maxPlaces).map((table) => {
    const answered = [...table.nodes()].filter((node) => node.answeredMs !== Number.NEGATIVE_INFINITY)
    const packed = answered.slice(-maxNodes).map((node) => node.packed)
    return { family: table.family, id: table.ownId, nodes: concatBytes(packed) }
  })
  return encode({ places })
}

function readPlace(entry: BencodeCursor): SavedPlace | undefined {
  const family = entry.get('family')?.integer()
  const id = entry.get('id')?.bytes()
  const packed = entry.get('nodes')?.bytes()
  if ((family !== 4 && family !== 6) || id?.length !== nodeIdLength || packed === undefined) return undefined
  const stride = compactNodeLength(family)
  const whole = packed.subarray(0, packed.length - (packed.length % stride))
  return { family, id, nodes: decodeCompactNodes(whole, family, maxNodes) }
}

/** What `encodeTables` wrote; empty for anything else. Ids are views of `bytes`. */
export function savedPlaces(bytes: Uint8Array | undefined): SavedPlace[] {
  const scanned = bytes === undefined ? undefined : scan(bytes, scanOptions)
  if (scanned?.ok !== true) return []
  const list = new BencodeCursor(scanned.value).get('places')
  const places: SavedPlace[] = []
  for (const entry of list?.elements() ?? []) {
    const place = readPlace(entry)
    if (place !== undefined && places.length < maxPlaces) places.push(place)
  }
  return places
}
