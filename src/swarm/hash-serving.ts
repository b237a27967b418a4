// Answers to hash requests (BEP 52): of piece layers from memory, sent and charged as blocks are; of a piece's leaves, by
// which a peer finds out who sent it bad blocks, by reading and hashing the piece.
// Guarantees: every request is answered, with hashes that belong to the torrent or a reject; what it costs in memory and
// hashing is bounded, whatever is asked. Owns the requests that wait, and `hashRequests` of peers.
import { sha256Into, sha256Length } from '../base/hash.ts'
import { blockLengthBytes, type TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import { HashTrees } from '../peer/serve-hashes.ts'
import { areLeavesOf, leavesOfPiece, type PieceLayers, type PieceLeaves } from './leaf-hashes.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** What may be hashed for others, as bytes of blocks or as nodes of trees: a share of one processor. */
const bytesPerMs = 32_768
const nodesPerMs = 250
/** Of a large tree, hashed at once. */
const sliceNodes = 8_192
const maxWaiting = 16
/** Pieces of which leaves are computed. */
const maxLeafPieceBytes = 16_777_216
/** Of piece layers, of one peer; others keep two or four. */
const maxQueued = 16

interface WaitingRequest {
  readonly peer: SwarmPeer
  /** A copy: that of the message is gone by then. */
  readonly range: HashRange
  readonly piece: number
  readonly leaves: PieceLeaves
  /** Those that are computed, padding after them. */
  readonly hashes: Uint8Array
  count: number
}

export class HashServing {
  private readonly context: SwarmContext
  private readonly info: TorrentInfo
  private readonly pieceLayers: PieceLayers
  private readonly trees: HashTrees
  private waiting: WaitingRequest[] = []
  private busyUntilMs = Number.NEGATIVE_INFINITY
  /** Somebody waits for that. */
  private isDeferred = false

  constructor(context: SwarmContext, info: TorrentInfo, pieceLayers: PieceLayers) {
    this.context = context
    this.info = info
    this.pieceLayers = pieceLayers
    this.trees = new HashTrees(info, pieceLayers)
  }

  request(peer: SwarmPeer, range: HashRange): void {
    if (this.trees.isOfPieceLayer(range)) {
      if (peer.hashRequests.length < maxQueued) this.enqueue(peer, range)
      else peer.connection.hashReject(range)
      return
    }
    const answer = this.trees.answer(range)
    if (answer.type === 'leaves-needed') this.requestLeaves(peer, range, answer.piece)
    else peer.connection.hashReject(range)
  }

  /** Sends answers from piece layers until `allowedBytes` are reached; how many bytes were handed to the stream. */
  pump(peer: SwarmPeer, allowedBytes: number): number {
    const { connection, hashRequests } = peer
    const sentBefore = connection.sentBytes
    while (this.isReady(peer) && connection.sentBytes - sentBefore < allowedBytes) {
      const range = hashRequests[0] as HashRange
      const hashedBefore = this.trees.hashedCount
      if (this.trees.prepare(range, sliceNodes)) {
        hashRequests.shift()
        const answer = this.trees.answer(range)
        if (answer.type === 'hashes') connection.hashes(range, answer.hashes)
        else if (answer.type === 'leaves-needed') this.requestLeaves(peer, range, answer.piece)
        else connection.hashReject(range)
      }
      this.occupy((this.trees.hashedCount - hashedBefore) / nodesPerMs)
    }
    this.isDeferred ||= hashRequests.length > 0 && this.isBusy
    return connection.sentBytes - sentBefore
  }

  /** `pump` has something to send to it. */
  isReady(peer: SwarmPeer): boolean {
    return peer.hashRequests.length > 0 && !this.isBusy
  }

  /** Infinity: nobody waits for us. */
  nextWakeMs(): number {
    return this.isDeferred ? this.busyUntilMs : Number.POSITIVE_INFINITY
  }

  /** Goes on with requests that waited for their share of the processor. */
  settle(): void {
    if (!this.isDeferred || this.isBusy) return
    this.isDeferred = false
    for (const peer of this.context.peers) if (peer.hashRequests.length > 0) this.markReady(peer)
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
    const { storage } = this.context
    const leaves = leavesOfPiece(this.info, this.pieceLayers, piece)
    const isCheap = leaves !== undefined && leaves.lengthBytes <= maxLeafPieceBytes
    if (!isCheap || this.isBusy || this.waiting.length >= maxWaiting || !storage.have.get(piece)) {
      peer.connection.hashReject(range)
      return
    }
    this.occupy(leaves.lengthBytes / bytesPerMs)
    const hashes = new Uint8Array(leaves.range.length * sha256Length)
    this.answer({ peer, range: copyOf(range), piece, leaves, hashes, count: 0 })
  }

  private enqueue(peer: SwarmPeer, range: HashRange): void {
    peer.hashRequests.push(copyOf(range))
    if (this.isBusy) this.isDeferred = true
    else this.markReady(peer)
  }

  private markReady(peer: SwarmPeer): void {
    if (peer.isUploadReady || peer.isGone) return
    peer.isUploadReady = true
    this.context.outputs.push({ type: 'upload-ready', peer })
  }

  private get isBusy(): boolean {
    return this.context.nowMs < this.busyUntilMs
  }

  private occupy(durationMs: number): void {
    this.busyUntilMs = Math.max(this.busyUntilMs, this.context.nowMs) + durationMs
  }

  private answer(request: WaitingRequest): void {
    const { peer, range, piece, leaves, hashes } = request
    for (; request.count < leaves.count; request.count++) {
      if (this.hashBlock(piece, request.count, leaves, hashes)) continue
      this.waiting.push(request)
      return
    }
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

function copyOf(range: HashRange): HashRange {
  return { ...range, piecesRoot: range.piecesRoot.slice() }
}
