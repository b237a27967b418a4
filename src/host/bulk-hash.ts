// Hashing of many messages at once, by native/bulk-hash.c where it was built and the processor can, else by Node.
// Guarantees: both ways give the same digests for the same arguments; what is missing is found once, at load.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { assert } from '../base/assert.ts'
import { hashRun as portableHashRun, sha1Length, sha256Length } from '../base/hash.ts'
import type { HashRun } from '../ports/hasher.ts'

interface NativeBulkHash {
  readonly isSupported: boolean
  hashRun(
    algorithm: 0 | 1,
    bytes: Uint8Array,
    messageLength: number,
    count: number,
    digests: Uint8Array,
    digestOffset: number,
  ): void
  hashGather(
    algorithm: 0 | 1,
    bytes: Uint8Array,
    messageLength: number,
    count: number,
    digests: Uint8Array,
    digestOffset: number,
    starts: Float64Array,
  ): void
}

function loadNative(): NativeBulkHash | undefined {
  const name = `../../native/build/bulk-hash-${process.platform}-${process.arch}.node`
  const path = fileURLToPath(new URL(name, import.meta.url))
  if (!existsSync(path)) return undefined
  try {
    const native = createRequire(import.meta.url)(path) as NativeBulkHash
    return native.isSupported ? native : undefined
  } catch {
    // Built for another C library, or not for this system: the portable way does.
    return undefined
  }
}

const native = loadNative()

export const isHashingAccelerated = native !== undefined

/** See HashRun. */
export const hashRun: HashRun = (algorithm, bytes, messageLength, count, digests, digestOffset) => {
  const digestLength = algorithm === 'sha1' ? sha1Length : sha256Length
  assert(messageLength * count <= bytes.length, 'messages within their bytes')
  assert(digestOffset + count * digestLength <= digests.length, 'room for the digests')
  if (native === undefined) portableHashRun(algorithm, bytes, messageLength, count, digests, digestOffset)
  else native.hashRun(algorithm === 'sha1' ? 0 : 1, bytes, messageLength, count, digests, digestOffset)
}

/**
 * As hashRun, of messages anywhere in `bytes`: message i begins at byte `starts[i]`. Twice as fast as one by one, and
 * a third faster than bringing them together first.
 */
export function hashGather(
  algorithm: 'sha1' | 'sha256',
  bytes: Uint8Array,
  messageLength: number,
  count: number,
  digests: Uint8Array,
  digestOffset: number,
  starts: Float64Array,
): void {
  const digestLength = algorithm === 'sha1' ? sha1Length : sha256Length
  assert(count <= starts.length, 'a start for each message')
  assert(digestOffset + count * digestLength <= digests.length, 'room for the digests')
  for (let index = 0; index < count; index++) {
    const start = starts[index] as number
    assert(
      Number.isInteger(start) && start >= 0 && start + messageLength <= bytes.length,
      'messages within their bytes',
    )
  }
  if (native !== undefined) {
    native.hashGather(algorithm === 'sha1' ? 0 : 1, bytes, messageLength, count, digests, digestOffset, starts)
    return
  }
  for (let index = 0; index < count; index++) {
    const start = starts[index] as number
    const message = bytes.subarray(start, start + messageLength)
    portableHashRun(algorithm, message, messageLength, 1, digests, digestOffset + index * digestLength)
  }
}
