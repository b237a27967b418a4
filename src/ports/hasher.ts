// Ports: hashing away from the main thread, of pieces in memory (download) and of content on disk (create, recheck).
// Hasher is hot: numbers in, one fixed sink out, nothing allocated per piece. Hashing a whole content is cold: one
// request, one promise. Types only; implementations own their workers.
import type { Failure } from '../base/errors.ts'
import type { SlotIndex } from './piece-memory.ts'

/** SHA-1 of a piece (BEP 3); Merkle root over 16 KiB blocks (BEP 52); or each of those blocks by itself, for blame. */
export type HashKind = 'sha1' | 'merkle-root' | 'leaves'

/**
 * Hashes `count` messages of `messageLength` bytes that stand end to end at the start of `bytes`, and writes their
 * digests end to end into `digests` from `digestOffset` on. Synchronous; several at once is what makes it fast.
 */
export type HashRun = (
  algorithm: 'sha1' | 'sha256',
  bytes: Uint8Array,
  messageLength: number,
  count: number,
  digests: Uint8Array,
  digestOffset: number,
) => void

export interface HasherSink {
  /**
   * `digest`: 20 bytes, 32 bytes, or 32 bytes a block for 'leaves'; a view valid until this call returns.
   * Tickets may come back in any order, each exactly once, never from inside `hash`.
   */
  onDigest(ticket: number, digest: Uint8Array): void
  /** Only when a worker died; the slot's bytes are untouched and the ticket may be asked for again. */
  onHashFailed(ticket: number, failure: Failure): void
  /** There is room again after `hash` answered false. */
  onRoom(): void
}

export interface Hasher {
  /**
   * Hashes bytes [0, lengthBytes) of a slot. The caller keeps the slot unchanged until the ticket comes back.
   * `paddedLeafCount` (merkle-root only) is the number of leaves the tree has, a power of two; missing ones are zeros.
   * False: the queue is full and nothing was taken; wait for `onRoom`.
   */
  hash(ticket: number, kind: HashKind, slot: SlotIndex, lengthBytes: number, paddedLeafCount: number): boolean
  /**
   * SHA-1 of a piece that comes in parts, because it never sits whole in memory: the parts of one `stream`, a number of
   * the caller's choosing, follow each other in the order of these calls. Each part's ticket comes back when its slot
   * is the caller's again, with an empty digest but for the last one, which ends the stream. False: as for `hash`.
   */
  hashPart(ticket: number, stream: number, slot: SlotIndex, lengthBytes: number, isLast: boolean): boolean
  /** Forgets a stream that will not be ended. Tickets of its parts still come back. */
  endStream(stream: number): void
  /** Stops the workers; tickets still out are never answered. */
  close(): Promise<void>
}

/** A file of the content, where pieces expect it (see TorrentFile: gaps between files are zeros in v1). */
interface HashedFile {
  /** Absolute path on disk. */
  readonly path: string
  readonly lengthBytes: number
  /** First byte in the piece space. */
  readonly offset: number
}

export interface ContentHashRequest {
  readonly files: readonly HashedFile[]
  readonly pieceLengthBytes: number
  /** End of the last piece in the piece space. */
  readonly spanBytes: number
  /** SHA-1 over the piece space, SHA-256 trees per file, or both in one pass over the disk. */
  readonly wants: 'v1' | 'v2' | 'both'
  /** What an unreadable, missing or shorter file means: the end (create), or pieces without a digest (recheck). */
  readonly onBadFile: 'fail' | 'continue'
  readonly maxThreads: number
}

export interface ContentHashes {
  /** 20 bytes a piece, end to end; empty unless v1 was wanted. */
  readonly pieces: Uint8Array
  /** One entry a file, in order of the request: 32 bytes for each of its pieces; empty unless v2 was wanted. */
  readonly pieceLayers: readonly Uint8Array[]
  /** Files that could not be read whole, by index; the digests of pieces that touch them mean nothing. */
  readonly badFiles: ReadonlyMap<number, Failure>
}
