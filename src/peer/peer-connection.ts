// One peer after the handshake: bytes in become events, calls become messages out (BEP 3, 6, 10, 21, 52, 54).
// Guarantees: receiving never throws whatever the bytes, and ends with a typed failure for what no peer may send; no
// event follows a failure or `stop`, and nothing is sent either. No object is made per message of the hot kinds
// (request, have, block). The instance owns the state of the connection; the sink's owner owns the stream.
import { type Failure, failure } from '../base/errors.ts'
import {
  donthaveExtension,
  encodeDonthave,
  encodeUploadOnly,
  uploadOnlyExtension,
} from '../formats/peer/availability.ts'
import { type ExtensionHandshake, encodeExtensionHandshake } from '../formats/peer/extension-handshake.ts'
import type { Handshake, HandshakeFlags } from '../formats/peer/handshake.ts'
import * as encoder from '../formats/peer/wire-encoder.ts'
import * as wire from '../formats/peer/wire-messages.ts'
import { clientName } from './client-name.ts'
import { type EncryptionStage, plaintextStage } from './encryption-stage.ts'
import { MessageWriter } from './message-writer.ts'
import type { ByteSink, ExtensionEvents, HashAnswers, PeerEvents } from './peer-events.ts'
import { type ExtensionOffer, PeerReceiver } from './peer-receiver.ts'

export interface PeerConnectionOptions {
  /** The stream; a connection over the same one as its PeerOpening takes the same stage. */
  readonly sink: ByteSink
  readonly stage?: EncryptionStage
  /** What we said in the handshake, and what the peer did. */
  readonly local: Pick<HandshakeFlags, 'extensionProtocol' | 'fast'>
  readonly remote: Handshake
  /** As PeerOpening found it: hashes may be asked of the peer (BEP 52). */
  readonly isV2?: boolean
  /** Absent while the metadata is still to come: see `setPieceCount`. */
  readonly pieceCount?: number
  /** In the order of their BEP 10 ids, from 1. donthave and upload_only are added and handled here. */
  readonly offers: readonly ExtensionOffer[]
  /** `reqq`: how many requests of the peer we keep. */
  readonly requestQueueLength: number
  readonly extension: ExtensionEvents
  /** Told answers to hash requests while there are no PeerEvents yet. */
  readonly hashAnswers?: HashAnswers
  /** Something waits to be flushed where nothing did. */
  readonly onWaiting?: () => void
  readonly nowMs: number
}

const builtInOffers: readonly ExtensionOffer[] = [
  { name: donthaveExtension, maxPayloadBytes: 64 },
  { name: uploadOnlyExtension, maxPayloadBytes: 64 },
]

const keepAliveMs = 100_000
const silenceMs = 120_000
/** What may wait in the stream of a peer that asks without reading. */
const maxQueuedBytes = 4 * 1024 * 1024
/** Requests that clients keep which do not say how many. BitComet drops what exceeds 50. */
const usualRequestQueueLength = 250
const bitCometRequestQueueLength = 50
/** "-BC" in hexadecimal, at the start of a peer id. */
const bitCometPrefix = '2d4243'
/** "-TR": Transmission (3.00) refuses the last of as many requests as it says it keeps, and tells so 10 s later. */
const transmissionPrefix = '2d5452'

export class PeerConnection {
  readonly remote: Handshake
  readonly supportsFast: boolean
  /** Hash messages (BEP 52) may be exchanged. */
  readonly isV2: boolean
  /** BEP 10. */
  readonly supportsExtensions: boolean
  private readonly sink: ByteSink
  private readonly stage: EncryptionStage
  private readonly writer: MessageWriter
  private readonly receiver: PeerReceiver
  private readonly offers: readonly ExtensionOffer[]
  private readonly ownQueueLength: number
  private isChokingPeer = true
  private isInterestedInPeer = false
  private receivedTotalBytes = 0
  private nowMs: number
  private receivedAtMs: number
  private sentAtMs: number
  private sentBytesSeen = 0
  private nameOfId: string | undefined

  constructor(options: PeerConnectionOptions) {
    const { local, remote, offers, nowMs } = options
    this.remote = remote
    this.sink = options.sink
    this.stage = options.stage ?? plaintextStage
    this.supportsFast = local.fast && remote.flags.fast
    this.supportsExtensions = local.extensionProtocol && remote.flags.extensionProtocol
    this.isV2 = options.isV2 ?? false
    const names = new Set(offers.map(({ name }) => name))
    this.offers = [...offers, ...builtInOffers.filter(({ name }) => !names.has(name))]
    this.ownQueueLength = options.requestQueueLength
    this.writer = new MessageWriter(this.stage.sealing(this.sink), options.onWaiting)
    this.nowMs = nowMs
    this.receivedAtMs = nowMs
    this.sentAtMs = nowMs
    this.receiver = new PeerReceiver({
      features: this,
      offers: this.offers,
      extension: options.extension,
      early: options.hashAnswers,
      refusals: this,
      nowMs,
    })
    if (options.pieceCount !== undefined) this.receiver.setPieceCount(options.pieceCount)
  }

  /** Who is told from now on; at once, what came before there were both events and a piece count. Called once. */
  setEvents(events: PeerEvents): void {
    this.receiver.setEvents(events)
  }

  /**
   * Tells the torrent's size when its metadata has come; what was kept is checked against it and, if there are
   * events, told. May be called from within an event; again, it does nothing.
   * Errors, which end the connection: peer-frame-length, peer-frame-value.
   */
  setPieceCount(pieceCount: number): Failure | undefined {
    return this.receiver.setPieceCount(pieceCount)
  }

  /**
   * Takes the next bytes of the stream; all events they cause happen before this returns. Errors, returned again by
   * later calls, upon which the stream is to be closed: peer-frame-too-large, peer-frame-length, peer-frame-value,
   * peer-protocol, peer-flood.
   */
  receive(bytes: Uint8Array, nowMs: number): Failure | undefined {
    this.tellTime(nowMs)
    this.receivedAtMs = nowMs
    this.receivedTotalBytes += bytes.length
    this.receiver.flood.refill(nowMs)
    const wrong = this.receiver.push(this.stage.opened(bytes))
    if (wrong === undefined) return this.checkQueue()
    this.writer.stop()
    return wrong
  }

  /** Hands what was said since the last flush to the stream. `block` does so by itself. */
  flush(): void {
    this.writer.flush()
  }

  /** Repeating a state we are in sends nothing, here and in the three that follow. */
  choke(): void {
    if (this.isChokingPeer) return
    this.isChokingPeer = true
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeChoke(this.writer.bytes, start)
  }

  unchoke(): void {
    if (!this.isChokingPeer) return
    this.isChokingPeer = false
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeUnchoke(this.writer.bytes, start)
  }

  interested(): void {
    if (this.isInterestedInPeer) return
    this.isInterestedInPeer = true
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeInterested(this.writer.bytes, start)
  }

  notInterested(): void {
    if (!this.isInterestedInPeer) return
    this.isInterestedInPeer = false
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeNotInterested(this.writer.bytes, start)
  }

  have(piece: number): void {
    const start = this.writer.room(wire.pieceMessageLength)
    encoder.encodeHave(this.writer.bytes, start, piece)
  }

  /** It leaves with the next message or `flush`: a peer that has the piece need not know at once that we have it too. */
  haveLater(piece: number): void {
    const start = this.writer.patientRoom(wire.pieceMessageLength)
    encoder.encodeHave(this.writer.bytes, start, piece)
  }

  /** One of `bitfield`, `haveAll` and `haveNone` comes before any other message about pieces, or none of them. */
  bitfield(bits: Uint8Array): void {
    const message = new Uint8Array(wire.bitfieldHeaderLength + bits.length)
    encoder.encodeBitfield(message, 0, bits)
    this.writer.writeLarge(message)
  }

  /** Only to a peer that `supportsFast`, as `haveNone`, `reject`, `suggest` and `allowedFast`; nothing is sent else. */
  haveAll(): void {
    if (!this.supportsFast) return
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeHaveAll(this.writer.bytes, start)
  }

  haveNone(): void {
    if (!this.supportsFast) return
    const start = this.writer.room(wire.stateMessageLength)
    encoder.encodeHaveNone(this.writer.bytes, start)
  }

  request(piece: number, begin: number, length: number): void {
    const start = this.writer.room(wire.blockMessageLength)
    encoder.encodeRequest(this.writer.bytes, start, piece, begin, length)
    this.receiver.requestsSent++
  }

  cancel(piece: number, begin: number, length: number): void {
    const start = this.writer.room(wire.blockMessageLength)
    encoder.encodeCancel(this.writer.bytes, start, piece, begin, length)
    this.receiver.cancelsSent++
  }

  /**
   * Sends a block, 1 byte to 128 KiB, together with all that waits. `payload` is sent from where it is and stays
   * unchanged until the stream has written it. False: it was taken, but the stream wants no more now.
   */
  block(piece: number, begin: number, payload: Uint8Array): boolean {
    return this.writer.block(piece, begin, payload)
  }

  reject(piece: number, begin: number, length: number): void {
    if (!this.supportsFast) return
    const start = this.writer.room(wire.blockMessageLength)
    encoder.encodeReject(this.writer.bytes, start, piece, begin, length)
  }

  suggest(piece: number): void {
    if (!this.supportsFast) return
    const start = this.writer.room(wire.pieceMessageLength)
    encoder.encodeSuggest(this.writer.bytes, start, piece)
  }

  allowedFast(piece: number): void {
    if (!this.supportsFast) return
    const start = this.writer.room(wire.pieceMessageLength)
    encoder.encodeAllowedFast(this.writer.bytes, start, piece)
  }

  /** Answered by onHashes or onHashReject. False, and nothing sent, when the connection is not of version 2. */
  hashRequest(range: wire.HashRange): boolean {
    if (!this.isV2) return false
    const start = this.writer.room(wire.hashMessageLength)
    encoder.encodeHashRequest(this.writer.bytes, start, range)
    this.receiver.hashRequestsSent++
    return true
  }

  /** `hashes`: 32 bytes each, the base layer first, then uncles towards the root. */
  hashes(range: wire.HashRange, hashes: Uint8Array): void {
    const message = new Uint8Array(wire.hashMessageLength + hashes.length)
    encoder.encodeHashes(message, 0, range, hashes)
    this.writer.writeLarge(message)
  }

  hashReject(range: wire.HashRange): void {
    const start = this.writer.room(wire.hashMessageLength)
    encoder.encodeHashReject(this.writer.bytes, start, range)
  }

  /** BEP 5: our DHT node, to a peer that has one. */
  dhtPort(port: number): void {
    if (!this.remote.flags.dht) return
    const start = this.writer.room(wire.portMessageLength)
    encoder.encodePort(this.writer.bytes, start, port)
  }

  /** Ours, with all we offer and `reqq` filled in. False, and nothing sent, to a peer without BEP 10. */
  extensionHandshake(fields: Omit<ExtensionHandshake, 'extensions' | 'requestQueueLength'>): boolean {
    const extensions = new Map(this.offers.map(({ name }, index) => [name, index + 1]))
    return this.sendExtended(
      0,
      encodeExtensionHandshake({ ...fields, extensions, requestQueueLength: this.ownQueueLength }),
    )
  }

  /** Whether its extension handshake has come. */
  get hasToldExtensions(): boolean {
    return this.receiver.hasToldExtensions
  }

  /** Whether the peer takes messages of an extension. */
  supports(name: string): boolean {
    return this.receiver.peerExtensions.has(name)
  }

  /** Sends an extension message; false when the peer does not take it. `payload` is copied. */
  extended(name: string, payload: Uint8Array): boolean {
    const id = this.receiver.peerExtensions.get(name)
    return id !== undefined && this.sendExtended(id, payload)
  }

  /** BEP 54. False: the peer does not take it, and goes on believing that we have the piece. */
  donthave(piece: number): boolean {
    return this.extended(donthaveExtension, encodeDonthave(piece))
  }

  /** BEP 21: whether we want nothing any more, when that changes after our extension handshake. */
  uploadOnly(isUploadOnly: boolean): boolean {
    if (this.extended(uploadOnlyExtension, encodeUploadOnly(isUploadOnly))) return true
    return this.sendExtended(0, encodeExtensionHandshake({ extensions: new Map(), isUploadOnly }))
  }

  /** Ends it from our side: nothing is told or sent any more, also from within an event. */
  stop(): void {
    this.receiver.end()
    this.writer.stop()
  }

  /** When `wake` has something to do: say that we are here, or notice that the peer is not. */
  nextWakeMs(): number {
    return Math.min(this.receivedAtMs + silenceMs, this.lastSentMs() + keepAliveMs)
  }

  /** Errors: timed-out after 120 s in which nothing came, peer-flood. */
  wake(nowMs: number): Failure | undefined {
    this.tellTime(nowMs)
    if (this.receiver.failed !== undefined) return this.receiver.failed
    // As in `nextWakeMs`: a difference may be rounded to less, and then it would be woken for nothing at once.
    if (nowMs >= this.receivedAtMs + silenceMs) {
      return this.fail(failure('timed-out', `the peer was silent for ${silenceMs / 1000} s`))
    }
    if (nowMs >= this.sentAtMs + keepAliveMs) {
      this.sentAtMs = nowMs
      const start = this.writer.room(wire.keepAliveLength)
      encoder.encodeKeepAlive(this.writer.bytes, start)
      this.writer.flush()
    }
    return this.checkQueue()
  }

  /** It is we who did not read, as a rate limit or a full disk has it: silence counts from now on. */
  forgiveSilence(nowMs: number): void {
    this.receivedAtMs = nowMs
  }

  get amChoking(): boolean {
    return this.isChokingPeer
  }

  get amInterested(): boolean {
    return this.isInterestedInPeer
  }

  /** The peer chokes us. */
  get isChoking(): boolean {
    return this.receiver.isChoking
  }

  get isInterested(): boolean {
    return this.receiver.isInterested
  }

  get isUploadOnly(): boolean {
    return this.receiver.isUploadOnly
  }

  /** Name and version, as the peer says or as its id tells. Text of the peer's choosing. */
  get client(): string {
    this.nameOfId ??= clientName(this.remote.peerId)
    return this.receiver.client ?? this.nameOfId
  }

  /** How many of our requests the peer keeps. */
  get requestQueueLength(): number {
    const said = this.receiver.requestQueueLength
    const { peerId } = this.remote
    if (said === undefined)
      return peerId.startsWith(bitCometPrefix) ? bitCometRequestQueueLength : usualRequestQueueLength
    return peerId.startsWith(transmissionPrefix) ? Math.max(1, said - 1) : said
  }

  /** All bytes from the peer since the handshake; and of them, bytes of blocks. */
  get receivedBytes(): number {
    return this.receivedTotalBytes
  }

  get receivedPayloadBytes(): number {
    return this.receiver.payloadBytes
  }

  /** All bytes handed to the stream since the handshake; and of them, bytes of blocks. */
  get sentBytes(): number {
    return this.writer.sentBytes
  }

  get sentPayloadBytes(): number {
    return this.writer.sentPayloadBytes
  }

  get lastReceiveMs(): number {
    return this.receivedAtMs
  }

  private sendExtended(id: number, payload: Uint8Array): boolean {
    if (!this.supportsExtensions) return false
    const message = new Uint8Array(wire.extendedHeaderLength + payload.length)
    encoder.encodeExtended(message, 0, id, payload)
    this.writer.writeLarge(message)
    return true
  }

  /** Calls do not bring the time: what was sent since the last one that did counts from there, which is early enough. */
  private lastSentMs(): number {
    return this.writer.sentBytes === this.sentBytesSeen ? this.sentAtMs : this.nowMs
  }

  private tellTime(nowMs: number): void {
    this.sentAtMs = this.lastSentMs()
    this.sentBytesSeen = this.writer.sentBytes
    this.nowMs = nowMs
  }

  private checkQueue(): Failure | undefined {
    const { queuedBytes } = this.sink
    if (queuedBytes === undefined || queuedBytes <= maxQueuedBytes) return undefined
    return this.fail(failure('peer-flood', `${queuedBytes} bytes wait for a peer that does not read them`))
  }

  private fail(why: Failure): Failure {
    this.receiver.end(why)
    this.writer.stop()
    return why
  }
}
