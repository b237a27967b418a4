// Telling peers what we have (BEP 3, 6, 21, 54), and as a super-seed as little of it as helps (BEP 16).
// Guarantees: what a peer is told is true; the first message about pieces comes first and once; peers that have a piece
// are told of ours too, as seeds show by it how far others are, but with what else they are told, or after a second: a
// write for each piece and peer costs both sides more than most of what they do. Messages wait in the connection until it
// is flushed, so that haves of one turn leave together.
// Owns the state of super-seeding.
import { SuperSeeding } from './super-seeding.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'

/** Who has a piece waits no longer to hear that we have it too. */
const laterMs = 1_000

export class Announcing {
  private readonly context: SwarmContext
  private superSeeding: SuperSeeding | undefined
  private readonly byNumber: ReadonlyMap<number, SwarmPeer>
  /** What peers believe of us. */
  private isUploadOnly: boolean
  /** When haves leave that wait for other messages. */
  private flushAtMs = Number.POSITIVE_INFINITY

  constructor(context: SwarmContext, byNumber: ReadonlyMap<number, SwarmPeer>, isUploadOnly: boolean) {
    this.context = context
    this.byNumber = byNumber
    this.isUploadOnly = isUploadOnly
  }

  /** The first message about pieces. */
  greet(peer: SwarmPeer): void {
    const { connection } = peer
    const { have } = this.context.storage
    if (this.superSeeding !== undefined && have.isComplete) {
      peer.isSuperSeeded = true
      connection.haveNone()
      this.superSeeding.addPeer(peer.number, peer.bits)
    } else if (have.isComplete && connection.supportsFast) connection.haveAll()
    else if (have.hasAny) connection.bitfield(have.wireView())
    else connection.haveNone()
  }

  /** We have a piece more. */
  pieceHere(piece: number): void {
    const { peers, nowMs } = this.context
    for (const peer of peers) {
      if (peer.isGone || peer.isSuperSeeded) continue
      if (!peer.bits.get(piece)) peer.connection.have(piece)
      else {
        peer.connection.haveLater(piece)
        this.flushAtMs = Math.min(this.flushAtMs, nowMs + laterMs)
      }
    }
  }

  /** What waited long enough leaves. */
  settle(): void {
    const { peers, nowMs } = this.context
    if (nowMs < this.flushAtMs) return
    this.flushAtMs = Number.POSITIVE_INFINITY
    for (const peer of peers) if (!peer.isGone) peer.connection.flush()
  }

  nextWakeMs(): number {
    return this.flushAtMs
  }

  pieceLost(piece: number): void {
    for (const peer of this.context.peers) if (!peer.isGone) peer.connection.donthave(piece)
  }

  /** BEP 21: whether we want nothing, when that changes. */
  tellUploadOnly(isUploadOnly: boolean): void {
    if (isUploadOnly === this.isUploadOnly) return
    this.isUploadOnly = isUploadOnly
    for (const peer of this.context.peers) if (!peer.isGone) peer.connection.uploadOnly(isUploadOnly)
  }

  /** Takes effect for peers that connect from now on; off, for all: they are told the rest. */
  setSuperSeeding(isOn: boolean): void {
    if (isOn) this.superSeeding ??= new SuperSeeding(this.context.grid.pieceCount, this.context.random)
    else if (this.superSeeding !== undefined) {
      for (const peer of this.context.peers) this.tellRest(peer, this.superSeeding)
      this.superSeeding = undefined
    }
  }

  /** A peer has a piece more: its bits say so already. */
  peerHas(peer: SwarmPeer, piece: number): void {
    if (!peer.isSuperSeeded || this.superSeeding === undefined) return
    this.superSeeding.peerHas(peer.number, piece)
    this.showMore()
  }

  /** A peer does not have a piece any more: one that had everything under super-seeding was not told that we do. */
  peerLost(peer: SwarmPeer, piece: number): void {
    if (peer.isSuperSeeded) this.superSeeding?.peerLost(peer.number, piece)
    else if (this.context.storage.have.get(piece)) peer.connection.have(piece)
  }

  /** One that has everything is shown nothing, and is no proof that what others were shown was passed on by them. */
  seedCame(peer: SwarmPeer): void {
    if (!peer.isSuperSeeded) return
    peer.isSuperSeeded = false
    this.superSeeding?.dismiss(peer.number)
    this.showMore()
  }

  /** The peer said all that it has for now: it is shown its first pieces. */
  showFirst(peer: SwarmPeer): void {
    if (!peer.isSuperSeeded || peer.wasShown) return
    peer.wasShown = true
    this.showNext(peer.number)
  }

  /** Whether a peer was told that we have a piece. */
  wasTold(peer: SwarmPeer, piece: number): boolean {
    return !peer.isSuperSeeded || this.superSeeding?.isShown(peer.number, piece) === true
  }

  removed(peer: SwarmPeer): void {
    if (!peer.isSuperSeeded || this.superSeeding === undefined) return
    this.superSeeding.removePeer(peer.number)
    this.showMore()
  }

  private showMore(): void {
    for (const number of this.superSeeding?.waiting() ?? []) this.showNext(number)
  }

  private showNext(number: number): void {
    const peer = this.byNumber.get(number)
    if (peer?.wasShown !== true || peer.isGone) return
    for (;;) {
      const piece = this.superSeeding?.next(number) ?? -1
      if (piece === -1) return
      peer.connection.have(piece)
    }
  }

  private tellRest(peer: SwarmPeer, superSeeding: SuperSeeding): void {
    if (!peer.isSuperSeeded) return
    peer.isSuperSeeded = false
    const { have } = this.context.storage
    for (let piece = have.nextSet(0); piece !== -1; piece = have.nextSet(piece + 1)) {
      if (!superSeeding.isShown(peer.number, piece) && !peer.bits.get(piece)) peer.connection.have(piece)
    }
  }
}
