// The messages of the peer wire: their numbers, their lengths, and the sink that receives them decoded.
// BEP 3 (base), BEP 5 (port), BEP 6 (fast), BEP 10 (extended), BEP 52 (hashes).
// Shared by the decoder and the encoder; holds no state.

export const chokeId = 0
export const unchokeId = 1
export const interestedId = 2
export const notInterestedId = 3
export const haveId = 4
export const bitfieldId = 5
export const requestId = 6
export const pieceId = 7
export const cancelId = 8
export const portId = 9
export const suggestId = 13
export const haveAllId = 14
export const haveNoneId = 15
export const rejectId = 16
export const allowedFastId = 17
export const extendedId = 20
export const hashRequestId = 21
export const hashesId = 22
export const hashRejectId = 23

/** Bytes on the wire, the length prefix included. */
export const keepAliveLength = 4
/** Choke, unchoke, interested, not interested, have all, have none. */
export const stateMessageLength = 5
/** Have, suggest, allowed fast. */
export const pieceMessageLength = 9
/** Request, cancel, reject. */
export const blockMessageLength = 17
export const portMessageLength = 7
/** What precedes the block in a piece message. */
export const pieceHeaderLength = 13
export const bitfieldHeaderLength = 5
export const extendedHeaderLength = 6
/** Hash request and hash reject; also what precedes the hashes in a hashes message. */
export const hashMessageLength = 53

/** The largest block any request may ask for; what is usual is 16 KiB. */
export const maxRequestLength = 131_072
/** Hashes in one message; BEP 52 recommends 512. */
export const maxHashCount = 8_192
/** Layers of a Merkle tree over 2^53 bytes of 16 KiB blocks, rounded up. */
export const maxHashLayers = 40

/** What a hash message is about (BEP 52); lengths and positions count hashes of the base layer. */
export interface HashRange {
  /** Root of the file's tree, 32 bytes. */
  readonly piecesRoot: Uint8Array
  /** Layers above the leaves; 0: hashes of 16 KiB blocks. */
  readonly baseLayer: number
  readonly index: number
  readonly length: number
  /**
   * Layers above the base layer from which uncles are wanted; those that the hashes themselves yield are left out,
   * so that `max(0, proofLayers + 1 - log2(length))` uncles follow the hashes, of which BEP 52 wants 2 or more.
   */
  readonly proofLayers: number
}

/**
 * Receives messages in the order of the stream, one call each. Byte arrays are views into memory that is
 * reused: they hold only until the method returns. Numbers are within the bounds the decoder states.
 * None of the methods may throw.
 */
export interface WireSink {
  keepAlive(): void
  choke(): void
  unchoke(): void
  interested(): void
  notInterested(): void
  have(piece: number): void
  /** Of the torrent's size and without spare bits where that is known; else see `checkBitfield`, `withoutSpareBits`. */
  bitfield(bits: Uint8Array): void
  request(piece: number, begin: number, length: number): void
  /**
   * A block begins; `length` bytes of it follow through `blockFragment` before any other message. Length 0, which
   * nothing follows, is how clients without BEP 6, BitComet among them, refuse a request.
   */
  piece(piece: number, begin: number, length: number): void
  /**
   * `chunk[start, end)` are the bytes of the current block from `offset` on: in order, without gaps, never
   * empty. The block is complete when `offset + end - start` is its length. `chunk` is what was pushed.
   */
  blockFragment(offset: number, chunk: Uint8Array, start: number, end: number): void
  cancel(piece: number, begin: number, length: number): void
  /** The peer's DHT port, 0 to 65535. */
  port(port: number): void
  suggest(piece: number): void
  haveAll(): void
  haveNone(): void
  reject(piece: number, begin: number, length: number): void
  allowedFast(piece: number): void
  /** `id` is of our own numbering, as our extension handshake gave it; 0 is the peer's handshake. */
  extended(id: number, payload: Uint8Array): void
  hashRequest(range: HashRange): void
  /** `hashes`: 32 bytes each, the base layer first, then uncles towards the root. */
  hashes(range: HashRange, hashes: Uint8Array): void
  hashReject(range: HashRange): void
  /** A message of a kind not known here has begun and is being skipped. */
  unknown(id: number, payloadLength: number): void
}
