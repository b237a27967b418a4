// The habits of a swarm, each of which can be switched off, so that a test can show what it is good for.
// In production all are on. Values only; nothing here changes while a swarm lives.

export interface SwarmBehaviour {
  /** BEP 3: the last blocks are asked of several peers; false: each of one. */
  readonly endGame: boolean
  /** BEP 3: what came from one peer is cancelled at the others. */
  readonly cancelsDuplicates: boolean
  /** BEP 3: a peer that does not send what was asked is relied upon no more, and its blocks are asked of others. */
  readonly antiSnubbing: boolean
  /** Peers who sent damaged blocks are found by comparing with the good piece, and banned. */
  readonly smartBan: boolean
  /** BEP 52: in version 2 torrents they are found by the hashes of single blocks, before the piece is good. */
  readonly blockBlame: boolean
  /** BEP 6: choked peers get the pieces of their allowed fast set. */
  readonly allowedFast: boolean
  /** BEP 6: pieces that a peer suggests are asked of it first. */
  readonly suggestions: boolean
  /** BEP 21: two sides that want nothing part. */
  readonly leavesUseless: boolean
  /** Pieces that stall while memory is short are moved to disk. */
  readonly spillsStalled: boolean
}

export const usualBehaviour: SwarmBehaviour = {
  endGame: true,
  cancelsDuplicates: true,
  antiSnubbing: true,
  smartBan: true,
  blockBlame: true,
  allowedFast: true,
  suggestions: true,
  leavesUseless: true,
  spillsStalled: true,
}
