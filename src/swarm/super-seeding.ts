// Super-seeding (BEP 16): the only seed shows each peer one or two pieces, rare ones, and the next only after somebody
// else has got them from that peer, so that each piece leaves it about once. A pure state machine over haves.
// Guarantees: a peer is never shown a piece it has, and what was shown stays shown. The instance owns what was shown to
// whom; the peers' bitfields are the swarm's and only read.
import { present } from '../base/assert.ts'
import { Bitfield } from '../base/bitfield.ts'
import type { Random } from '../ports/random.ts'

/** With one alone, a peer would stand idle between its last block and the proof that it was passed on. */
const piecesAtOnce = 2

interface Shown {
  readonly piece: number
  isDelivered: boolean
}

interface Receiver {
  readonly bits: Bitfield
  /** Everything that was shown to it, ever. */
  readonly shown: Bitfield
  /** Shown, and not seen elsewhere yet. */
  open: Shown[]
  /** It has, or was shown, everything. */
  isSated: boolean
}

export class SuperSeeding {
  private readonly pieceCount: number
  private readonly random: Random
  /** Per piece: peers that have it, and peers it was shown to and did not get yet. */
  private readonly copies: Uint16Array
  /** No piece has fewer copies. */
  private fewestCopies = 0
  private readonly receivers = new Map<number, Receiver>()
  /** Per open piece the peers it is open at. */
  private readonly openAt = new Map<number, number[]>()

  constructor(pieceCount: number, random: Random) {
    this.pieceCount = pieceCount
    this.random = random
    this.copies = new Uint16Array(pieceCount)
  }

  /** A peer came that is told nothing of what we have. `bits` is kept current by the caller, before `peerHas`. */
  addPeer(peer: number, bits: Bitfield): void {
    this.receivers.set(peer, { bits, shown: new Bitfield(this.pieceCount), open: [], isSated: false })
    for (let piece = bits.nextSet(0); piece !== -1; piece = bits.nextSet(piece + 1)) this.arrived(piece, peer)
  }

  removePeer(peer: number): void {
    const bits = this.receivers.get(peer)?.bits
    if (bits === undefined) return
    for (let piece = bits.nextSet(0); piece !== -1; piece = bits.nextSet(piece + 1)) this.count(piece, -1)
    this.dismiss(peer)
  }

  /** A peer of whose pieces nothing was said so far does not take part; some may have been shown to it already. */
  dismiss(peer: number): void {
    const receiver = this.receivers.get(peer)
    if (receiver === undefined) return
    this.receivers.delete(peer)
    for (const { piece, isDelivered } of receiver.open) {
      this.forgetOpen(piece, peer)
      if (!isDelivered) this.count(piece, -1)
    }
    this.dropPassedOn()
  }

  /** A peer has a piece no more. */
  peerLost(peer: number, piece: number): void {
    if (this.receivers.has(peer)) this.count(piece, -1)
  }

  /** A peer has a piece now. Others it is open at passed it on, or need not any more: ask `next` for all peers. */
  peerHas(peer: number, piece: number): void {
    const own = this.receivers.get(peer)?.open.find((shown) => shown.piece === piece)
    if (own !== undefined && !own.isDelivered) {
      own.isDelivered = true
      // It counted from when it was shown.
      this.count(piece, -1)
    }
    this.arrived(piece, peer)
    if (own !== undefined && this.isEverywhere(piece)) this.close(piece, peer)
  }

  /** The next piece to show a peer (send `have`), the one with fewest copies, equal ones by lot; -1: none now. */
  next(peer: number): number {
    const receiver = this.receivers.get(peer)
    if (receiver === undefined || !isWaiting(receiver)) return -1
    // What others have already is shown to those who get nothing else, one at a time.
    const isOneMore = receiver.open.length > 0
    if (isOneMore && this.fewestCopies > 0) return -1
    const piece = this.rarestFor(receiver)
    receiver.isSated = piece === -1
    if (piece === -1 || (isOneMore && (this.copies[piece] as number) > 0)) return -1
    receiver.shown.set(piece)
    receiver.open.push({ piece, isDelivered: false })
    const peers = this.openAt.get(piece)
    if (peers === undefined) this.openAt.set(piece, [peer])
    else peers.push(peer)
    this.count(piece, 1)
    return piece
  }

  /** Whether a peer was told that we have a piece: other requests of it are refused. */
  isShown(peer: number, piece: number): boolean {
    return this.receivers.get(peer)?.shown.get(piece) === true
  }

  /** Peers that are waiting for a piece to be shown, in the order they came. */
  waiting(): number[] {
    return [...this.receivers].filter(([, receiver]) => isWaiting(receiver)).map(([peer]) => peer)
  }

  private arrived(piece: number, peer: number): void {
    this.count(piece, 1)
    for (const other of [...(this.openAt.get(piece) ?? [])]) if (other !== peer) this.close(piece, other)
  }

  private close(piece: number, peer: number): void {
    const receiver = present(this.receivers.get(peer), 'a peer that is here')
    const shown = present(
      receiver.open.find((entry) => entry.piece === piece),
      'a piece open at the peer',
    )
    receiver.open = receiver.open.filter((entry) => entry !== shown)
    this.forgetOpen(piece, peer)
    if (!shown.isDelivered) this.count(piece, -1)
  }

  private forgetOpen(piece: number, peer: number): void {
    const left = (this.openAt.get(piece) ?? []).filter((other) => other !== peer)
    if (left.length === 0) this.openAt.delete(piece)
    else this.openAt.set(piece, left)
  }

  /** Who could only pass a piece on to peers that left has nothing to wait for. */
  private dropPassedOn(): void {
    for (const [piece, peers] of [...this.openAt]) {
      if (!this.isEverywhere(piece)) continue
      for (const peer of [...peers]) {
        if (this.receivers.get(peer)?.bits.get(piece) === true) this.close(piece, peer)
      }
    }
  }

  private isEverywhere(piece: number): boolean {
    for (const { bits } of this.receivers.values()) if (!bits.get(piece)) return false
    return true
  }

  private count(piece: number, delta: 1 | -1): void {
    const copies = (this.copies[piece] as number) + delta
    this.copies[piece] = copies
    if (copies < this.fewestCopies) this.fewestCopies = copies
  }

  private rarestFor(receiver: Receiver): number {
    const { pieceCount, copies } = this
    const from = this.random.below(pieceCount)
    let best = -1
    let bestCopies = Number.POSITIVE_INFINITY
    let fewest = Number.POSITIVE_INFINITY
    for (let index = 0; index < pieceCount; index++) {
      const piece = from + index < pieceCount ? from + index : from + index - pieceCount
      const count = copies[piece] as number
      if (count < fewest) fewest = count
      if (count >= bestCopies || receiver.bits.get(piece) || receiver.shown.get(piece)) continue
      best = piece
      bestCopies = count
      if (count === this.fewestCopies) return best
    }
    this.fewestCopies = fewest
    return best
  }
}

function isWaiting(receiver: Receiver): boolean {
  return !receiver.isSated && receiver.open.length < piecesAtOnce
}
