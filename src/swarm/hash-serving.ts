// Answers to hash requests (BEP 52): of piece layers from memory; of a piece's leaves, by which a peer finds out who sent
// it bad blocks, by reading and hashing the piece, at a bounded rate.
// Guarantees: every request is answered, with hashes that belong to the torrent or a reject. Owns the requests that wait
// for their piece to be read.
import { sha256Into, sha256Length } from '../base/hash.ts'
import { blockLengthBytes, type TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import { HashTrees } from '../peer/serve-hashes.ts'
import { areLeavesOf, leavesOfPiece, type PieceLayers, type PieceLeaves } from './leaf-hashes.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** What may be hashed for others: a small share of one processor. */
const bytesPerMs = 32_768
const maxWaiting = 16

interface WaitingRequest {
  readonly peer: SwarmPeer
  /** A copy: that of the message is gone by then. */
  readonly range: HashRange
  readonly piece: number
  readonly leaves: PieceLeaves
}

export class HashServing {
  private readonly context: SwarmContext
  private readonly info: TorrentInfo
  private readonly pieceLayers: PieceLayers
  private readonly trees: HashTrees
  private waiting: WaitingRequest[] = []
  private busyUntilMs = Number.NEGATIVE_INFINITY

  constructor(context: SwarmContext, info: TorrentInfo, pieceLayers: PieceLayers) {
    this.context = context
    this.info = info
    this.pieceLayers = pieceLayers
    this.trees = new HashTrees(info, pieceLayers)
  }

  request(peer: SwarmPeer, range: HashRange): void {
    const answer = this.trees.answer(range)
    if (answer.type === 'hashes') peer.connection.hashes(range, answer.hashes)
    else if (answer.type === 'leaves-needed') this.requestLeaves(peer, range, answer.piece)
    else peer.connection.hashReject(range)
  }

  /** A piece can be viewed now, or never. */
  readable(piece: number, isServable: boolean): void {
    const due = this.waiting.filter((request) => request.piece === piece)
    if (due.length === 0) return
    this.waiting = this.waiting.filter((request) => request.piece !== piece)
    for (const request of due) {
      if (request.peer.isGone) continue
      if (isServable) this.answer(request)
      else request.peer.connection.hashReject(request.range)
    }
  }

  removed(peer: SwarmPeer): void {
    this.waiting = this.waiting.filter((request) => request.peer !== peer)
  }

  private requestLeaves(peer: SwarmPeer, range: HashRange, piece: number): void {
    const { storage, nowMs } = this.context
    const leaves = leavesOfPiece(this.info, this.pieceLayers, piece)
    const isBusy = nowMs < this.busyUntilMs || this.waiting.length >= maxWaiting
    if (leaves === undefined || isBusy || !storage.have.get(piece)) peer.connection.hashReject(range)
    else this.answer({ peer, range: { ...range, piecesRoot: range.piecesRoot.slice() }, piece, leaves })
  }

  private answer(request: WaitingRequest): void {
    const { peer, range, piece, leaves } = request
    const hashes = new Uint8Array(leaves.range.length * sha256Length)
    for (let index = 0; index < leaves.count; index++) {
      if (this.hashBlock(piece, index, leaves, hashes)) continue
      this.waiting.push(request)
      return
    }
    this.busyUntilMs = this.context.nowMs + leaves.lengthBytes / bytesPerMs
    if (!areLeavesOf(leaves, hashes)) peer.connection.hashReject(range)
    else {
      const ownHashes = hashes.subarray(0, leaves.count * sha256Length)
      peer.connection.hashes(range, this.trees.answerWithLeaves(range, ownHashes))
    }
  }

  /** False: the block has to be read first. */
  private hashBlock(piece: number, index: number, leaves: PieceLeaves, hashes: Uint8Array): boolean {
    const { storage } = this.context
    const begin = index * blockLengthBytes
    const view = storage.view(piece, begin, Math.min(blockLengthBytes, leaves.lengthBytes - begin))
    if (view === undefined) return false
    sha256Into(view, hashes, index * sha256Length)
    storage.unpin(piece, begin)
    return true
  }
}
