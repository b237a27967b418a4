// Compact node info (BEP 5, 32): an id and an endpoint, 26 bytes for IPv4, 38 for IPv6, packed end to end.
// Guarantees: lists are read in place; nodes with port 0 are left out.
import { assert } from '../../base/assert.ts'
import { type AddressFamily, decodeCompactEndpoint, type Endpoint, encodeCompactEndpoint } from '../compact-endpoint.ts'
import { nodeIdLength } from './message.ts'

export interface DhtNode {
  /** 20 bytes. */
  readonly id: Uint8Array
  readonly endpoint: Endpoint
}

export function compactNodeLength(family: AddressFamily): 26 | 38 {
  return family === 4 ? 26 : 38
}

/** At most `maxCount` nodes of a whole number of packed ones; ids are views of `packed`. */
export function decodeCompactNodes(packed: Uint8Array, family: AddressFamily, maxCount: number): DhtNode[] {
  const stride = compactNodeLength(family)
  assert(packed.length % stride === 0, 'a whole number of nodes')
  const nodes: DhtNode[] = []
  for (let offset = 0; offset < packed.length && nodes.length < maxCount; offset += stride) {
    const endpoint = decodeCompactEndpoint(packed, offset + nodeIdLength, family)
    if (endpoint !== undefined) nodes.push({ id: packed.subarray(offset, offset + nodeIdLength), endpoint })
  }
  return nodes
}

/** Writes a node at `offset`; the offset after it. */
export function encodeCompactNode(target: Uint8Array, offset: number, node: DhtNode): number {
  assert(node.id.length === nodeIdLength, 'a node id of 20 bytes')
  assert(offset + compactNodeLength(node.endpoint.family) <= target.length, 'room for a node')
  target.set(node.id, offset)
  return encodeCompactEndpoint(target, offset + nodeIdLength, node.endpoint)
}
