// SHA-1 and SHA-256 over bytes, synchronous and deterministic; the one place of the core that may use
// node:crypto. Digests are fresh arrays that the caller owns.
import { createHash, hash } from 'node:crypto'

export const sha1Length = 20
export const sha256Length = 32

/** BEP 3 piece and info hash: 20 bytes. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return hash('sha1', bytes, 'buffer')
}

/** BEP 52 block, node and info hash: 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

/** Digests as text are far cheaper than as arrays: a third of the time for the 64 bytes of a Merkle node. */
function putDigest(digest: string, target: Uint8Array, offset: number): void {
  for (let index = 0; index < digest.length; index++) target[offset + index] = digest.charCodeAt(index)
}

/** The SHA-1 of `bytes`, written into `target` at `offset`. */
export function sha1Into(bytes: Uint8Array, target: Uint8Array, offset: number): void {
  putDigest(hash('sha1', bytes, 'binary'), target, offset)
}

/** The SHA-256 of `bytes`, written into `target` at `offset`; `bytes` may be that very place. */
export function sha256Into(bytes: Uint8Array, target: Uint8Array, offset: number): void {
  putDigest(hash('sha256', bytes, 'binary'), target, offset)
}

/** Digests of `count` messages of `messageLength` bytes that stand end to end, written end to end. */
export function hashRun(
  algorithm: 'sha1' | 'sha256',
  bytes: Uint8Array,
  messageLength: number,
  count: number,
  digests: Uint8Array,
  digestOffset: number,
): void {
  const digestInto = algorithm === 'sha1' ? sha1Into : sha256Into
  const digestLength = algorithm === 'sha1' ? sha1Length : sha256Length
  for (let index = 0; index < count; index++) {
    const message = bytes.subarray(index * messageLength, (index + 1) * messageLength)
    digestInto(message, digests, digestOffset + index * digestLength)
  }
}

/** A hash over bytes that come in parts, in order. `digest` ends it. */
export interface RunningHash {
  update(bytes: Uint8Array): void
  digest(): Uint8Array
}

export function runningHash(algorithm: 'sha1' | 'sha256'): RunningHash {
  const state = createHash(algorithm)
  return {
    update: (bytes) => void state.update(bytes),
    digest: () => state.digest(),
  }
}
