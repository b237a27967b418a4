// Serving blocks (BEP 3, 6): requests wait in a ring per peer, and leave as fast as rate limits and the stream allow.
// Guarantees: only verified pieces are served; each request of a peer that speaks BEP 6 is answered, with its block or a
// reject; each view is unpinned once; nothing is allocated per block but copies where pins would keep others waiting.
// Owns peers' upload fields but those of choking.
import { fromHex } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { blockLengthBytes } from '../formats/metainfo/metainfo.ts'
import { allowedFastCount, allowedFastSet } from './allowed-fast.ts'
import { contentLength, pieceLength } from './block-grid.ts'
import type { UploadPolicy } from './policies.ts'
import { disconnect, type SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import { maxQueuedRequests } from './upload-queue.ts'

/** Requests refused to one peer in an epoch: all it had queued when it was choked, twice over, then it is a flood. */
const maxRefusedRequests = 2 * maxQueuedRequests
/** What a peer gets while choked, for a start; its allowed fast set once over if that is less. */
const maxFreeBytes = 16_777_216
/** Nothing of what lies in a stream left in that time: nobody reads at the other end. */
const stalledMs = 120_000

export class Uploading {
  /** Content sent since the start. */
  uploadedBytes = 0
  private readonly context: SwarmContext
  private isPaused = false
  /** What an UploadPolicy allows and is told, if it does: undefined for plain BitTorrent. */
  private bound: UploadPolicy['allowanceBytes']
  private onServed: UploadPolicy['onServed']
  private readonly wasTold: (peer: SwarmPeer, piece: number) => boolean
  private readonly unpin: (piece: number, begin: number) => void

  /** `wasTold`: whether a peer knows that we have a piece. */
  constructor(context: SwarmContext, wasTold: (peer: SwarmPeer, piece: number) => boolean) {
    this.context = context
    this.wasTold = wasTold
    this.unpin = (piece, begin) => context.storage.unpin(piece, begin)
  }

  setPolicy(policy: UploadPolicy): void {
    this.bound = policy.allowanceBytes?.bind(policy)
    this.onServed = policy.onServed?.bind(policy)
    for (const peer of this.context.peers) this.allowed(peer)
  }

  /** Paused: all that waits is refused, and whatever is asked for from now on, allowed fast or not. */
  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused
    if (!isPaused) return
    for (const peer of this.context.peers) this.refuseWhere(peer, () => true)
  }

  request(peer: SwarmPeer, piece: number, begin: number, length: number): void {
    const { storage } = this.context
    const isChoked = peer.connection.amChoking
    if (this.isPaused) {
      this.refuse(peer, piece, begin, length)
      return
    }
    const isAllowed = !isChoked || (peer.grantedFast.has(piece) && length <= peer.freeBytes)
    const isThere = storage.have.get(piece) && this.isWithin(piece, begin, length) && this.wasTold(peer, piece)
    if (isAllowed && isThere && peer.uploads.push(piece, begin, length)) {
      if (isChoked) peer.freeBytes -= length
      this.markReady(peer)
    } else this.refuse(peer, piece, begin, length)
  }

  /** Lets a peer that has next to nothing have some pieces although it is choked (BEP 6). */
  grantFast(peer: SwarmPeer): void {
    const { behaviour, grid, storage } = this.context
    const { connection, bits, remote } = peer
    if (this.isPaused || !behaviour.allowedFast || !connection.supportsFast || bits.count >= allowedFastCount) return
    const infoHash = unwrap(fromHex(connection.remote.infoHash))
    const granted = allowedFastSet(remote, infoHash, grid.pieceCount).filter(
      (piece) => storage.have.get(piece) && !bits.get(piece) && this.wasTold(peer, piece),
    )
    peer.grantedFast = new Set(granted)
    peer.freeBytes = Math.min(maxFreeBytes, granted.length * grid.plan.pieceLengthBytes)
    for (const piece of granted) connection.allowedFast(piece)
  }

  cancel(peer: SwarmPeer, piece: number, begin: number, length: number): void {
    const position = peer.uploads.find(piece, begin, length)
    if (position === -1) return
    peer.uploads.remove(position)
    this.reject(peer, piece, begin, length)
  }

  /** Sends what waits until `allowedBytes` are reached (the last block may go beyond) or the stream is full. */
  pump(peer: SwarmPeer, allowedBytes: number): number {
    const { uploads, connection } = peer
    const { grid, storage, nowMs } = this.context
    let sentBytes = 0
    while (!peer.isStreamFull && sentBytes < allowedBytes && this.mayServe(peer)) {
      const position = uploads.first
      const piece = uploads.pieceAt(position)
      const begin = uploads.beginAt(position)
      const length = uploads.lengthAt(position)
      const insideBytes = Math.min(length, pieceLength(grid, piece) - begin)
      const isPinned = peer.unwritten.mayPin(piece, grid.plan.pieceLengthBytes) && storage.canPin(piece, begin)
      const view = storage.view(piece, begin, insideBytes)
      if (view === undefined) {
        peer.isUploadReady = false
        return sentBytes
      }
      uploads.remove(position)
      const sentBefore = connection.sentBytes
      if (peer.unwritten.isEmpty) peer.writtenAtMs = nowMs
      const bytes = isPinned && insideBytes === length ? view : copied(view, length)
      peer.isStreamFull = !connection.block(piece, begin, bytes)
      if (bytes === view) peer.unwritten.push(piece, begin, connection.sentBytes)
      else {
        peer.unwritten.pushCopy(connection.sentBytes)
        storage.unpin(piece, begin)
      }
      sentBytes += connection.sentBytes - sentBefore
      const contentBytes = contentLength(grid, piece, begin, insideBytes)
      peer.uploadMeter.add(contentBytes, nowMs)
      peer.epochUploadedBytes += length
      peer.roundUploadedBytes += contentBytes
      this.uploadedBytes += contentBytes
      this.onServed?.(peer.number, length)
    }
    peer.isUploadReady = this.mayServe(peer)
    return sentBytes
  }

  /** The stream has passed so many bytes of the connection; Infinity: it is closed and touches none any more. */
  written(peer: SwarmPeer, totalBytes: number): void {
    peer.isStreamFull = false
    peer.writtenAtMs = this.context.nowMs
    const bytes = totalBytes - peer.writtenMeter.totalBytes
    if (bytes > 0 && bytes !== Number.POSITIVE_INFINITY) peer.writtenMeter.add(bytes, this.context.nowMs)
    peer.unwritten.giveBack(totalBytes, this.unpin)
  }

  /** Parts with peers that asked for blocks and take none of what waits in their stream: it is memory others need. */
  endStalled(): void {
    const { context } = this
    for (const peer of context.peers) {
      if (peer.unwritten.isEmpty || context.nowMs - peer.writtenAtMs < stalledMs) continue
      disconnect(context, peer, 'timed-out', `the peer took nothing of what it asked for in ${stalledMs / 1000} s`)
    }
  }

  /** Its piece can be viewed now, or never. */
  readable(piece: number, isServable: boolean): void {
    for (const peer of this.context.peers) {
      if (!isServable) this.refusePiece(peer, piece)
      this.markReady(peer)
    }
  }

  /** We do not have it any more. */
  refusePiece(peer: SwarmPeer, piece: number): void {
    this.refuseWhere(peer, (other) => other === piece)
  }

  /** It is choked now: what waits is refused, but for what it may have in spite of it (BEP 6). */
  choked(peer: SwarmPeer): void {
    this.refuseWhere(peer, (piece) => !peer.grantedFast.has(piece))
  }

  /** A new epoch, another share of it, or more of an allowance: who waited for that may go on. */
  allowed(peer: SwarmPeer): void {
    this.markReady(peer)
  }

  /**
   * More than a block at once is refused, as BEP 3 has it: storage reads in windows that share one block. In version 2 a
   * whole last block may be asked for, its gap included, as libtorrent does: that is zeros.
   */
  private isWithin(piece: number, begin: number, length: number): boolean {
    const { grid } = this.context
    if (length > blockLengthBytes) return false
    const lengthBytes = pieceLength(grid, piece)
    if (begin + length <= lengthBytes) return true
    const paddedBytes = Math.ceil(lengthBytes / blockLengthBytes) * blockLengthBytes
    return !grid.hasGaps && begin < lengthBytes && begin + length <= paddedBytes
  }

  /** Whether the first block that waits may be sent: beyond what a slot allows by a part of it, never beyond the bound. */
  private mayServe(peer: SwarmPeer): boolean {
    const { uploads, connection, epochUploadedBytes, allowanceBytes, number } = peer
    if (uploads.size === 0 || !(epochUploadedBytes < allowanceBytes || connection.amChoking)) return false
    return this.bound === undefined || uploads.lengthAt(uploads.first) <= this.bound(number)
  }

  private markReady(peer: SwarmPeer): void {
    if (peer.isUploadReady || peer.isGone || !this.mayServe(peer)) return
    peer.isUploadReady = true
    this.context.outputs.push({ type: 'upload-ready', peer })
  }

  private refuse(peer: SwarmPeer, piece: number, begin: number, length: number): void {
    peer.refusedRequests++
    if (peer.refusedRequests > maxRefusedRequests) {
      disconnect(this.context, peer, 'peer-flood', `${peer.refusedRequests} requests that cannot be served`)
    } else this.reject(peer, piece, begin, length)
  }

  private refuseWhere(peer: SwarmPeer, isMeant: (piece: number) => boolean): void {
    const { uploads } = peer
    for (let position = uploads.first; position < uploads.end; ) {
      const following = uploads.next(position)
      if (isMeant(uploads.pieceAt(position))) this.refuseAt(peer, position)
      position = following
    }
    if (uploads.size === 0 && peer.hashRequests.length === 0) peer.isUploadReady = false
  }

  private refuseAt(peer: SwarmPeer, position: number): void {
    const { uploads } = peer
    const piece = uploads.pieceAt(position)
    const begin = uploads.beginAt(position)
    const length = uploads.lengthAt(position)
    uploads.remove(position)
    this.reject(peer, piece, begin, length)
  }

  private reject(peer: SwarmPeer, piece: number, begin: number, length: number): void {
    if (peer.connection.supportsFast) peer.connection.reject(piece, begin, length)
  }
}

/** With zeros after it where it is shorter. */
function copied(view: Uint8Array, lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes)
  bytes.set(view)
  return bytes
}
