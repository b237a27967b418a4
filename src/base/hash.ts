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
