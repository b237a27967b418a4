// What one peer says, passed on to the parts of the swarm that it concerns. The one PeerEvents per connection.
// Guarantees: a message costs no object; the time of a message is when its bytes came. Holds the length of the current block.
import { Bitfield } from '../base/bitfield.ts'
import { unwrap } from '../base/errors.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import type { PeerEvents } from '../peer/peer-events.ts'
import type { Announcing } from './announcing.ts'
import type { Blaming } from './blaming.ts'
import { blockAt } from './block-grid.ts'
import type { Choking } from './choking.ts'
import type { HashServing } from './hash-serving.ts'
import type { Interest } from './interest.ts'
import type { Receiving } from './receiving.ts'
import type { Requesting } from './requesting.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import type { Uploading } from './uploading.ts'

export interface SwarmParts {
  readonly context: SwarmContext
  readonly announcing: Announcing
  readonly blaming: Blaming
  readonly choking: Choking
  readonly hashServing: HashServing
  readonly interest: Interest
  readonly receiving: Receiving
  readonly requesting: Requesting
  readonly uploading: Uploading
}

export class PeerMessages implements PeerEvents {
  private readonly parts: SwarmParts
  private readonly peer: SwarmPeer
  private blockLength = 0

  constructor(parts: SwarmParts, peer: SwarmPeer) {
    this.parts = parts
    this.peer = peer
  }

  onChoke(): void {
    this.tellTime()
    this.parts.requesting.choked(this.peer)
  }

  onUnchoke(): void {
    this.tellTime()
    this.parts.requesting.unchoked(this.peer)
  }

  onInterested(): void {
    this.parts.choking.interested(this.peer)
  }

  onNotInterested(): void {
    this.parts.choking.uninterested(this.peer)
  }

  onHave(piece: number): void {
    const { peer, parts } = this
    const { context, interest, announcing } = parts
    this.count()
    if (!peer.bits.set(piece)) return
    context.picker.peerHas(piece)
    interest.peerChanged(peer, piece, true)
    announcing.peerHas(peer, piece)
    if (peer.isSeed) this.becameSeed()
  }

  onBitfield(bits: Uint8Array): void {
    const { peer } = this
    this.gotPieces(unwrap(Bitfield.fromBytes(bits, peer.bits.length)))
  }

  onHaveAll(): void {
    const all = new Bitfield(this.peer.bits.length)
    all.setAll()
    this.gotPieces(all)
  }

  onHaveNone(): void {
    this.gotAll()
  }

  onDonthave(piece: number): void {
    const { peer, parts } = this
    if (!peer.bits.clear(piece)) return
    parts.context.picker.peerLost(peer.number, piece, peer.bits)
    parts.interest.peerChanged(peer, piece, false)
    parts.requesting.pieceGone(peer, piece)
    parts.announcing.peerLost(peer, piece)
  }

  onRequest(piece: number, begin: number, length: number): void {
    this.parts.uploading.request(this.peer, piece, begin, length)
  }

  onCancel(piece: number, begin: number, length: number): void {
    this.parts.uploading.cancel(this.peer, piece, begin, length)
  }

  onBlock(piece: number, begin: number, length: number): boolean {
    this.tellTime()
    this.blockLength = length
    return this.parts.receiving.begin(this.peer, piece, begin, length)
  }

  onFragment(offset: number, chunk: Uint8Array, start: number, end: number): void {
    this.parts.receiving.fragment(this.peer, offset, chunk, start, end)
  }

  onBlockEnd(): void {
    this.tellTime()
    this.parts.receiving.end(this.peer, this.blockLength)
  }

  onReject(piece: number, begin: number, _length: number): void {
    this.parts.requesting.rejected(this.peer, blockAt(this.parts.context.grid, piece, begin))
  }

  onSuggest(piece: number): void {
    this.parts.requesting.suggested(this.peer, piece)
  }

  onAllowedFast(piece: number): void {
    this.parts.requesting.allowedFast(this.peer, piece)
  }

  onUploadOnly(isUploadOnly: boolean): void {
    this.peer.isUploadOnly = isUploadOnly
    this.parts.choking.uninterested(this.peer)
    this.parts.interest.partIfUseless(this.peer)
  }

  onHashRequest(range: HashRange): void {
    this.parts.hashServing.request(this.peer, range)
  }

  onHashes(range: HashRange, hashes: Uint8Array): void {
    this.parts.blaming.hashes(this.peer, range, hashes)
  }

  onHashReject(range: HashRange): void {
    this.parts.blaming.rejected(this.peer, range)
  }

  private tellTime(): void {
    this.parts.context.nowMs = Math.max(this.parts.context.nowMs, this.peer.connection.lastReceiveMs)
  }

  /** The picker counts peers from when they say something about pieces, with what they had said by then. */
  private count(): void {
    const { peer, parts } = this
    if (peer.isCounted) return
    peer.isCounted = true
    parts.context.picker.addPeer(peer.number, peer.bits)
    parts.uploading.grantFast(peer)
  }

  /** The first word about pieces is counted as a whole, later ones by what is new in them. */
  private gotPieces(pieces: Bitfield): void {
    const { peer } = this
    if (!peer.isCounted) {
      peer.bits.or(pieces)
      this.gotAll()
      return
    }
    pieces.andNot(peer.bits)
    for (let piece = pieces.nextSet(0); piece !== -1 && !peer.isGone; piece = pieces.nextSet(piece + 1)) {
      this.onHave(piece)
    }
  }

  private gotAll(): void {
    const { peer, parts } = this
    const { bits } = peer
    this.count()
    parts.interest.recount(peer)
    if (peer.isSeed) parts.announcing.seedCame(peer)
    if (peer.isSuperSeeded) {
      for (let piece = bits.nextSet(0); piece !== -1; piece = bits.nextSet(piece + 1)) {
        parts.announcing.peerHas(peer, piece)
      }
    }
    if (peer.isSeed) this.becameSeed()
  }

  private becameSeed(): void {
    this.parts.choking.uninterested(this.peer)
    this.parts.interest.partIfUseless(this.peer)
  }
}
