// Finding out who sent damaged blocks, and parting with exactly those (smart ban; in version 2 at 16 KiB, BEP 52, by
// asking others for the hashes of a damaged piece's blocks before the piece is fetched again).
// Guarantees: only senders of blocks proven bad are banned, also when they left; lies in hashes are noticed. Owns the
// records of blame and the hash requests that are out.
import type { Endpoint } from '../base/endpoint.ts'
import { failure } from '../base/errors.ts'
import { sha256Length } from '../base/hash.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import { Blame } from './blame.ts'
import { lengthOf } from './block-grid.ts'
import { areLeavesOf, isSameRange, leavesOfPiece, type PieceLayers, type PieceLeaves } from './leaf-hashes.ts'
import { nobody } from './partial-pieces.ts'
import { disconnect, type SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import { isWebSeedNumber } from './web-seed.ts'

interface LeafInquiry {
  readonly piece: number
  readonly leaves: PieceLeaves
  /** By number, so that nobody is asked twice. */
  readonly asked: Set<number>
  /** Whose answer is awaited; undefined: nobody is left to ask now. */
  from: SwarmPeer | undefined
}

/** A piece is judged moments after its last block came, and a suspicion may last longer. */
const maxDeparted = 256
const guiltyDetail = 'it sent a block that is not of the torrent'

export class Blaming {
  private readonly context: SwarmContext
  private readonly info: TorrentInfo
  private readonly pieceLayers: PieceLayers
  private readonly byNumber: ReadonlyMap<number, SwarmPeer>
  private readonly onGuilty: (number: number) => void
  private readonly blame = new Blame()
  private readonly inquiries: LeafInquiry[] = []
  /** Those who left last, by number: what they sent may still be found bad. */
  private readonly departed = new Map<number, Endpoint>()

  /** `onGuilty` is told the number of each peer or web seed that sent damaged blocks, for every time that is found out. */
  constructor(
    context: SwarmContext,
    info: TorrentInfo,
    pieceLayers: PieceLayers,
    byNumber: ReadonlyMap<number, SwarmPeer>,
    onGuilty: (number: number) => void,
  ) {
    this.context = context
    this.onGuilty = onGuilty
    this.info = info
    this.pieceLayers = pieceLayers
    this.byNumber = byNumber
  }

  /** It is given pieces of its own, so that the next damaged one tells. */
  isSuspect(peer: { readonly number: number }): boolean {
    return this.blame.isSuspect(peer.number)
  }

  /** To be told while the picker still knows who sent the blocks. */
  damaged(piece: number, leaves: Uint8Array): void {
    const { behaviour, picker } = this.context
    if (!behaviour.smartBan) return
    const senders = picker.sourcesOf(piece)
    const first = senders.find((_, index) => !this.isGap(piece, index)) ?? nobody
    if (first !== nobody && senders.every((sender, index) => sender === first || this.isGap(piece, index))) {
      this.ban([first])
      return
    }
    // Without the hashes of its blocks the piece tells only on who sent all of it.
    if (leaves.length !== senders.length * sha256Length) return
    this.ban(this.blame.damaged(piece, leaves, senders))
    if (behaviour.blockBlame && this.blame.isOpen(piece)) this.inquire(piece)
  }

  /** It is good now. `leaves` where it was damaged before. */
  written(piece: number, leaves: Uint8Array | undefined): void {
    this.forget(piece)
    if (leaves !== undefined) this.ban(this.blame.resolve(piece, leaves))
  }

  removed(peer: SwarmPeer): void {
    this.departed.set(peer.number, peer.remote)
    if (this.departed.size > maxDeparted) this.forgetDeparted()
    for (const inquiry of this.inquiries) if (inquiry.from === peer) this.ask(inquiry)
  }

  /** True when they answer one of our inquiries. */
  hashes(peer: SwarmPeer, range: HashRange, hashes: Uint8Array): boolean {
    const inquiry = this.inquiryOf(peer, range)
    if (inquiry === undefined) return false
    if (!areLeavesOf(inquiry.leaves, hashes)) {
      disconnect(this.context, peer, 'peer-hashes', `hashes that are not of piece ${inquiry.piece}`, 'address')
      this.ask(inquiry)
      return true
    }
    this.forget(inquiry.piece)
    this.ban(this.blame.resolve(inquiry.piece, hashes.subarray(0, inquiry.leaves.count * sha256Length)))
    return true
  }

  rejected(peer: SwarmPeer, range: HashRange): void {
    const inquiry = this.inquiryOf(peer, range)
    if (inquiry !== undefined) this.ask(inquiry)
  }

  /** We filled it in ourselves. */
  private isGap(piece: number, index: number): boolean {
    const { grid } = this.context
    return lengthOf(grid, piece * grid.blocksPerPiece + index) === 0
  }

  private inquire(piece: number): void {
    const leaves = leavesOfPiece(this.info, this.pieceLayers, piece)
    if (leaves === undefined || this.inquiries.some((inquiry) => inquiry.piece === piece)) return
    const inquiry = { piece, leaves, asked: new Set<number>(), from: undefined }
    this.inquiries.push(inquiry)
    this.ask(inquiry)
  }

  /** Asks the next peer that has the piece. */
  private ask(inquiry: LeafInquiry): void {
    const { piece, asked, leaves } = inquiry
    inquiry.from = this.context.peers.find(
      (peer) => !peer.isGone && peer.bits.get(piece) && !asked.has(peer.number) && peer.connection.isV2,
    )
    if (inquiry.from === undefined) {
      this.forget(piece)
      return
    }
    asked.add(inquiry.from.number)
    inquiry.from.connection.hashRequest(leaves.range)
  }

  private inquiryOf(peer: SwarmPeer, range: HashRange): LeafInquiry | undefined {
    return this.inquiries.find(({ from, leaves }) => from === peer && isSameRange(leaves.range, range))
  }

  private forget(piece: number): void {
    const index = this.inquiries.findIndex((inquiry) => inquiry.piece === piece)
    if (index !== -1) this.inquiries.splice(index, 1)
  }

  private ban(guilty: readonly number[]): void {
    const { context, departed } = this
    for (const number of guilty) {
      this.onGuilty(number)
      if (isWebSeedNumber(number)) continue
      const peer = this.byNumber.get(number)
      const remote = departed.get(number)
      if (peer !== undefined) disconnect(context, peer, 'peer-damaged-block', guiltyDetail, 'address')
      else if (remote !== undefined) {
        context.outputs.push({ type: 'ban', remote, failure: failure('peer-damaged-block', guiltyDetail) })
      }
    }
  }

  /** The first who left and is no suspect, else the first. */
  private forgetDeparted(): void {
    let first: number | undefined
    for (const number of this.departed.keys()) {
      first ??= number
      if (this.blame.isSuspect(number)) continue
      this.departed.delete(number)
      return
    }
    if (first !== undefined) this.departed.delete(first)
  }
}
