// Names of things in a swarm. Identities that are looked up, compared and shown are lower-case hexadecimal
// strings: cheap as map keys and structured-cloneable. Bytes exist at the wire only.

import { assert } from './assert.ts'
import type { Brand } from './brand.ts'
import { fromHex, toHex } from './bytes.ts'
import { unwrap } from './errors.ts'

/** SHA-1 of the info dictionary (BEP 3): 40 hexadecimal digits. */
export type InfoHashV1 = Brand<string, 'InfoHashV1'>
/** SHA-256 of the info dictionary (BEP 52): 64 hexadecimal digits. On the wire often cut to 20 bytes. */
export type InfoHashV2 = Brand<string, 'InfoHashV2'>
/** 20 bytes a peer names itself by (BEP 3, 20): 40 hexadecimal digits. */
export type PeerId = Brand<string, 'PeerId'>
/** 20 bytes of a DHT node or target (BEP 5): 40 hexadecimal digits. */
export type NodeId = Brand<string, 'NodeId'>

function hexOf(bytes: Uint8Array, length: number): string {
  assert(bytes.length === length, `an id of ${length} bytes, not ${bytes.length}`)
  return toHex(bytes)
}

export function infoHashV1(bytes: Uint8Array): InfoHashV1 {
  return hexOf(bytes, 20) as InfoHashV1
}

export function infoHashV2(bytes: Uint8Array): InfoHashV2 {
  return hexOf(bytes, 32) as InfoHashV2
}

export function peerId(bytes: Uint8Array): PeerId {
  return hexOf(bytes, 20) as PeerId
}

export function nodeId(bytes: Uint8Array): NodeId {
  return hexOf(bytes, 20) as NodeId
}

/** The bytes of any id above. */
export function idBytes(id: InfoHashV1 | InfoHashV2 | PeerId | NodeId): Uint8Array {
  return unwrap(fromHex(id))
}

/** The two letters by which other clients know this one (BEP 20). */
export const clientCode = 'SW'
