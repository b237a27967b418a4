// What a swarm needs of storage, as the swarm sees it: blocks in, outcomes through PieceStorageEvents, blocks out.
// Types only. Hot: numbers, views, no promises.

export interface PieceStorage {
  /**
   * Makes sure there is memory for the block at `begin` of a piece, before it is asked for: false when there is none
   * now (onMemory follows). Cheap when there is already. Also false while blocks kept on disk are being read back.
   */
  take(piece: number, begin: number): boolean
  /** The one copy: `chunk[start, end)` becomes the bytes of the piece from `offset` on. `take` was true for them. */
  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void
  /** All bytes of a block were put. When it was the last one of the piece, it is hashed, judged and written. */
  blockDone(piece: number, begin: number): void
  /** Forgets what has come of a piece that is not being hashed or written, and frees its memory. */
  discard(piece: number): void
  /** Moves what has come of a piece to disk to free its memory; its blocks stay received. For pieces that stall. */
  spill(piece: number): void
  /**
   * Bytes of a piece we have, to send, as many as a block has at most: pinned until `unpin`; undefined while they are
   * being read: onReadable follows.
   */
  view(piece: number, begin: number, length: number): Uint8Array | undefined
  /**
   * Whether a view of these bytes may be kept until a peer has taken them, however long that is. Else they are to be
   * copied and unpinned at once: peers that do not read must not hold the memory that others need.
   */
  canPin(piece: number, begin: number): boolean
  /** The bytes of one `view` are with the operating system, or will never be sent. */
  unpin(piece: number, begin: number): void
}
