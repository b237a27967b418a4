// The receiving half of a connection: what the decoder brings, checked against what the peer may send in its state,
// counted against floods, and passed on (BEP 3, 6, 10, 21, 52, 54). Extension messages go by their names here.
// Guarantees: nothing is told after a failure or `end`; what comes before there is anyone to tell is kept, bounded.
// The instance owns what the peer said so far.
import { type ErrorCode, type Failure, failure } from '../base/errors.ts'
import { maxPieceCount } from '../formats/metainfo/metainfo.ts'
import {
  decodeDonthave,
  decodeUploadOnly,
  donthaveExtension,
  uploadOnlyExtension,
} from '../formats/peer/availability.ts'
import { decodeExtensionHandshake, type ExtensionHandshake } from '../formats/peer/extension-handshake.ts'
import { WireDecoder } from '../formats/peer/wire-decoder.ts'
import type { HashRange, WireSink } from '../formats/peer/wire-messages.ts'
import * as flood from './flood-guard.ts'
import { KeptAvailability } from './kept-availability.ts'
import type { ExtensionEvents, HashAnswers, PeerEvents } from './peer-events.ts'

/** An extension we understand (BEP 10). */
export interface ExtensionOffer {
  readonly name: string
  /** A message with more is refused before it is taken in, and its sender disconnected. */
  readonly maxPayloadBytes: number
}

/** What both sides said they understand. */
export interface SharedFeatures {
  readonly supportsExtensions: boolean
  readonly supportsFast: boolean
  readonly isV2: boolean
}

/** What is answered without asking anyone. */
export interface RefusalSender {
  reject(piece: number, begin: number, length: number): void
  hashReject(range: HashRange): void
}

/** An extension handshake has names and numbers; real ones are below 1 KiB. */
const maxExtensionHandshakeBytes = 65_536
/** A peer's names over all its handshakes; the decoder bounds those of one. */
const maxPeerExtensions = 200

export class PeerReceiver implements WireSink {
  isChoking = true
  isInterested = false
  isUploadOnly = false
  client: string | undefined
  requestQueueLength: number | undefined
  /** By name, the id under which the peer wants messages of an extension; never 0. */
  readonly peerExtensions = new Map<string, number>()
  /** It has said which it has. */
  hasToldExtensions = false
  payloadBytes = 0
  /** What we sent: bounds on how many answers may come. */
  requestsSent = 0
  cancelsSent = 0
  hashRequestsSent = 0
  failed: Failure | undefined
  readonly flood: flood.FloodGuard
  private readonly decoder: WireDecoder
  private readonly features: SharedFeatures
  private readonly offers: readonly ExtensionOffer[]
  private readonly extension: ExtensionEvents
  private readonly early: HashAnswers | undefined
  private readonly refusals: RefusalSender
  private pieceCount: number | undefined
  private events: PeerEvents | undefined
  /** Who is told; undefined until there are both a piece count and events. */
  private live: PeerEvents | undefined
  private kept: KeptAvailability | undefined = new KeptAvailability()
  private hasSaidPieces = false
  private isEnded = false
  private isBlockWanted = false
  private blockLength = 0
  private blocksReceived = 0
  private rejectsReceived = 0
  private hashAnswersReceived = 0

  constructor(options: {
    readonly features: SharedFeatures
    readonly offers: readonly ExtensionOffer[]
    readonly extension: ExtensionEvents
    readonly early: HashAnswers | undefined
    readonly refusals: RefusalSender
    readonly nowMs: number
  }) {
    this.features = options.features
    this.offers = options.offers
    this.extension = options.extension
    this.early = options.early
    this.refusals = options.refusals
    this.flood = new flood.FloodGuard(options.nowMs)
    const largest = this.offers.reduce((most, { maxPayloadBytes }) => Math.max(most, maxPayloadBytes), 0)
    const maxExtendedLength = this.features.supportsExtensions ? Math.max(largest, maxExtensionHandshakeBytes) : 0
    this.decoder = new WireDecoder(this, { maxExtendedLength })
  }

  /** Takes plaintext of the stream. The failure that ends the connection, returned again by later calls. */
  push(bytes: Uint8Array): Failure | undefined {
    if (this.failed !== undefined) return this.failed
    const wrong = this.decoder.push(bytes)
    if (wrong !== undefined) this.end(wrong)
    return this.failed
  }

  /** Nothing more is told; with a failure, that is why. */
  end(why?: Failure): void {
    this.isEnded = true
    this.failed ??= why
    this.live = undefined
    this.kept = undefined
    this.decoder.stop()
  }

  setPieceCount(pieceCount: number): Failure | undefined {
    if (this.isEnded || this.pieceCount !== undefined) return this.failed
    const wrong = this.kept?.check(pieceCount)
    if (wrong !== undefined) {
      this.end(wrong)
      return wrong
    }
    this.pieceCount = pieceCount
    this.decoder.setPieceCount(pieceCount)
    this.flood.allowHaves(pieceCount)
    this.goLive()
    return undefined
  }

  setEvents(events: PeerEvents): void {
    this.events = events
    this.goLive()
  }

  private goLive(): void {
    const { events, pieceCount, kept } = this
    if (events === undefined || pieceCount === undefined || this.isEnded) return
    this.live = events
    if (kept === undefined) return
    this.kept = undefined
    kept.replay(() => this.live, pieceCount)
    if (this.isUploadOnly) this.live?.onUploadOnly(true)
    if (this.isInterested) this.live?.onInterested()
    if (!this.isChoking) this.live?.onUnchoke()
  }

  private refuse(code: ErrorCode, detail: string): void {
    this.end(failure(code, detail))
  }

  private isAllowed(kind: number, what: string): boolean {
    if (this.flood.spend(kind)) return true
    this.refuse('peer-flood', `too many ${what} messages`)
    return false
  }

  private hasFast(what: string): boolean {
    if (this.features.supportsFast) return true
    this.refuse('peer-protocol', `${what} without the fast extension`)
    return false
  }

  /** BEP 3 has it first and once; aria2 (1.36.0) also sends it later, in place of haves that would be longer. */
  private maySayMany(): boolean {
    if (this.hasSaidPieces) return this.isAllowed(flood.bitfieldFlood, 'late bitfield')
    this.hasSaidPieces = true
    return true
  }

  keepAlive(): void {
    this.isAllowed(flood.keepAliveFlood, 'keep-alive')
  }

  choke(): void {
    if (!this.isAllowed(flood.stateFlood, 'choke') || this.isChoking) return
    this.isChoking = true
    this.live?.onChoke()
  }

  unchoke(): void {
    if (!this.isAllowed(flood.stateFlood, 'unchoke') || !this.isChoking) return
    this.isChoking = false
    this.live?.onUnchoke()
  }

  interested(): void {
    if (!this.isAllowed(flood.interestFlood, 'interested') || this.isInterested) return
    this.isInterested = true
    this.live?.onInterested()
  }

  notInterested(): void {
    if (!this.isAllowed(flood.interestFlood, 'not interested') || !this.isInterested) return
    this.isInterested = false
    this.live?.onNotInterested()
  }

  have(piece: number): void {
    if (!this.isAllowed(flood.haveFlood, 'have')) return
    this.hasSaidPieces = true
    if (this.live !== undefined) this.live.onHave(piece)
    else this.kept?.have(piece)
  }

  bitfield(bits: Uint8Array): void {
    if (!this.maySayMany()) return
    if (this.live !== undefined) this.live.onBitfield(bits)
    else this.kept?.bitfield(bits)
  }

  haveAll(): void {
    if (!this.hasFast('have all') || !this.maySayMany()) return
    if (this.live !== undefined) this.live.onHaveAll()
    else this.kept?.haveAll()
  }

  haveNone(): void {
    if (!this.hasFast('have none')) return
    if (this.hasSaidPieces) {
      this.refuse('peer-protocol', 'have none after other messages about pieces')
      return
    }
    this.hasSaidPieces = true
    if (this.live !== undefined) this.live.onHaveNone()
    else this.kept?.haveNone()
  }

  request(piece: number, begin: number, length: number): void {
    if (!this.isAllowed(flood.requestFlood, 'request')) return
    if (this.live !== undefined) this.live.onRequest(piece, begin, length)
    else if (this.isAllowed(flood.earlyRequestFlood, 'early request') && this.features.supportsFast) {
      this.refusals.reject(piece, begin, length)
    }
  }

  cancel(piece: number, begin: number, length: number): void {
    if (this.isAllowed(flood.cancelFlood, 'cancel')) this.live?.onCancel(piece, begin, length)
  }

  piece(piece: number, begin: number, length: number): void {
    this.blocksReceived++
    if (this.blocksReceived > this.requestsSent) {
      this.refuse('peer-protocol', `a block of piece ${piece} that was not asked for`)
      return
    }
    if (length === 0) {
      this.live?.onReject(piece, begin, 0)
      return
    }
    this.blockLength = length
    this.isBlockWanted = this.live?.onBlock(piece, begin, length) ?? false
  }

  blockFragment(offset: number, chunk: Uint8Array, start: number, end: number): void {
    this.payloadBytes += end - start
    if (!this.isBlockWanted) return
    this.live?.onFragment(offset, chunk, start, end)
    if (offset + end - start === this.blockLength) this.live?.onBlockEnd()
  }

  reject(piece: number, begin: number, length: number): void {
    if (!this.features.isV2 && !this.hasFast('a reject')) return
    this.rejectsReceived++
    if (this.rejectsReceived > this.requestsSent + this.cancelsSent) {
      this.refuse('peer-protocol', `a reject of piece ${piece} that was not asked for`)
      return
    }
    this.live?.onReject(piece, begin, length)
  }

  suggest(piece: number): void {
    if (this.hasFast('a suggestion') && this.isAllowed(flood.adviceFlood, 'suggest')) this.live?.onSuggest(piece)
  }

  allowedFast(piece: number): void {
    if (!this.hasFast('allowed fast') || !this.isAllowed(flood.adviceFlood, 'allowed fast')) return
    if (this.live !== undefined) this.live.onAllowedFast(piece)
    else this.kept?.allowedFast(piece)
  }

  port(port: number): void {
    if (this.isAllowed(flood.stateFlood, 'port') && port !== 0) this.extension.onDhtPort(port)
  }

  unknown(): void {
    this.isAllowed(flood.unknownFlood, 'unknown')
  }

  hashRequest(range: HashRange): void {
    if (!this.isAllowed(flood.hashRequestFlood, 'hash request')) return
    if (this.live !== undefined && this.features.isV2) this.live.onHashRequest(range)
    else this.refusals.hashReject(range)
  }

  hashes(range: HashRange, hashes: Uint8Array): void {
    if (this.isHashAnswerDue()) (this.live ?? this.early)?.onHashes(range, hashes)
  }

  hashReject(range: HashRange): void {
    if (this.isHashAnswerDue()) (this.live ?? this.early)?.onHashReject(range)
  }

  private isHashAnswerDue(): boolean {
    this.hashAnswersReceived++
    if (this.hashAnswersReceived <= this.hashRequestsSent) return true
    this.refuse('peer-protocol', 'hashes that were not asked for')
    return false
  }

  extended(id: number, payload: Uint8Array): void {
    if (!this.features.supportsExtensions) {
      this.refuse('peer-protocol', 'an extended message without the extension protocol')
    } else if (id === 0) this.extensionHandshake(payload)
    else if (this.isAllowed(flood.extendedFlood, 'extended')) this.extensionMessage(this.offers[id - 1], payload)
  }

  private extensionHandshake(payload: Uint8Array): void {
    if (!this.isAllowed(flood.extensionHandshakeFlood, 'extension handshake')) return
    if (payload.length > maxExtensionHandshakeBytes) {
      this.refuse('peer-frame-too-large', `an extension handshake of ${payload.length} bytes`)
      return
    }
    const decoded = decodeExtensionHandshake(payload)
    if (!decoded.ok) return
    const handshake: ExtensionHandshake = decoded.value
    this.hasToldExtensions = true
    for (const [name, id] of handshake.extensions) {
      if (id === 0) this.peerExtensions.delete(name)
      else if (this.peerExtensions.size < maxPeerExtensions || this.peerExtensions.has(name)) {
        this.peerExtensions.set(name, id)
      }
    }
    this.client = handshake.client ?? this.client
    this.requestQueueLength = handshake.requestQueueLength ?? this.requestQueueLength
    this.extension.onExtensionHandshake(handshake)
    if (handshake.isUploadOnly !== undefined) this.setUploadOnly(handshake.isUploadOnly)
  }

  /** A message of an extension that was not offered is ignored, as is a malformed one. */
  private extensionMessage(offer: ExtensionOffer | undefined, payload: Uint8Array): void {
    if (offer === undefined) return
    if (payload.length > offer.maxPayloadBytes) {
      this.refuse('peer-frame-too-large', `a ${offer.name} message of ${payload.length} bytes`)
    } else if (offer.name === donthaveExtension) {
      const piece = decodeDonthave(payload, this.pieceCount ?? maxPieceCount)
      if (piece.ok) this.donthave(piece.value)
    } else if (offer.name === uploadOnlyExtension) {
      const isUploadOnly = decodeUploadOnly(payload)
      if (isUploadOnly.ok) this.setUploadOnly(isUploadOnly.value)
    } else this.extension.onExtension(offer.name, payload)
  }

  private donthave(piece: number): void {
    this.hasSaidPieces = true
    if (this.live !== undefined) this.live.onDonthave(piece)
    else this.kept?.donthave(piece)
  }

  private setUploadOnly(isUploadOnly: boolean): void {
    if (this.isEnded || isUploadOnly === this.isUploadOnly) return
    this.isUploadOnly = isUploadOnly
    this.live?.onUploadOnly(isUploadOnly)
  }
}
