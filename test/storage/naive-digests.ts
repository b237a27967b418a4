// Digests of a content in memory, computed in the plainest way: what the real hashing is compared with.
// Shares no code with what it checks, and is free to be slow.
import { createHash } from 'node:crypto'

export interface PlacedContent {
  readonly offset: number
  readonly bytes: Uint8Array
}

const blockLengthBytes = 16_384

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** SHA-1 of each piece of the piece space, gaps as zeros. */
export function naivePieces(files: readonly PlacedContent[], pieceLengthBytes: number, spanBytes: number): Buffer {
  const space = Buffer.alloc(spanBytes)
  for (const { offset, bytes } of files) if (bytes.length > 0) space.set(bytes, offset)
  const digests: Buffer[] = []
  for (let start = 0; start < spanBytes; start += pieceLengthBytes) {
    digests.push(
      createHash('sha1')
        .update(space.subarray(start, start + pieceLengthBytes))
        .digest(),
    )
  }
  return Buffer.concat(digests)
}

/** Root of the tree over leaves padded with zero hashes to a width that is a power of two. */
function naiveRoot(leaves: readonly Buffer[], width: number): Buffer {
  let level = [...leaves]
  while (level.length < width) level.push(Buffer.alloc(32))
  while (level.length > 1) {
    level = level
      .filter((_, index) => index % 2 === 0)
      .map((left, index) => sha256(Buffer.concat([left, level[2 * index + 1] as Buffer])))
  }
  return level[0] as Buffer
}

function leavesOf(bytes: Uint8Array): Buffer[] {
  const leaves: Buffer[] = []
  for (let start = 0; start < bytes.length; start += blockLengthBytes)
    leaves.push(sha256(bytes.subarray(start, start + blockLengthBytes)))
  return leaves
}

function nextPowerOfTwo(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, count)))
}

/** The piece layer of a file; of one that fits in a piece, its root. Empty for an empty file. */
export function naiveLayer(bytes: Uint8Array, pieceLengthBytes: number): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0)
  if (bytes.length <= pieceLengthBytes) {
    const leaves = leavesOf(bytes)
    return naiveRoot(leaves, nextPowerOfTwo(leaves.length))
  }
  const roots: Buffer[] = []
  for (let start = 0; start < bytes.length; start += pieceLengthBytes) {
    roots.push(
      naiveRoot(leavesOf(bytes.subarray(start, start + pieceLengthBytes)), pieceLengthBytes / blockLengthBytes),
    )
  }
  return Buffer.concat(roots)
}
