// One connection to a peer, from dial or accept to its end: the sink of its stream, its opening, then the peer wire.
// Guarantees: an opening that takes too long ends; bytes in are taken only as the limits allow and charged; the end is
// told once, and from then on nothing that was written is looked at any more. Owns the stream.
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { Handshake } from '../formats/peer/handshake.ts'
import { type EncryptionStage, plaintextStage } from '../peer/encryption-stage.ts'
import type { PeerConnection } from '../peer/peer-connection.ts'
import type { ByteSink } from '../peer/peer-events.ts'
import type { LocalHandshake } from '../peer/peer-opening.ts'
import {
  type ConnectionEncryption,
  type OpeningContext,
  type OpeningWay,
  StreamOpening,
} from '../peer/stream-opening.ts'
import type { DialOptions, Stream, StreamSink, Streams } from '../ports/streams.ts'
import type { BandwidthShare } from './bandwidth.ts'
import type { Turns, WakeOwner } from './turns.ts'

/** A torrent, as its connections see it. Called within a turn. */
export interface ConnectionOwner {
  /** What to say to peers. */
  localHandshake(): LocalHandshake
  /** Both handshakes are there. A failure refuses the peer. */
  opened(connection: Connection, remote: Handshake, isV2: boolean, nowMs: number): PeerConnection | Failure
  /** The peer sent something, and is still connected; also once after `opened`. */
  received(connection: Connection, nowMs: number): void
  /** Bytes of the peer wire up to there are with the system. */
  written(connection: Connection, totalBytes: number, nowMs: number): void
  /** It counts no more. */
  ended(connection: Connection, why: Failure, nowMs: number): void
}

/** What a connection asks of the session. Called within a turn, but for `readAllowance`. */
export interface ConnectionHost {
  readonly turns: Turns
  readonly handshakeTimeoutMs: number
  /** The torrent that somebody who came named, by 20 bytes in hexadecimal, if it may be had. */
  ownerNamed(infoHash: string): ConnectionOwner | undefined
  /** How many bytes it may read now; 0: `resumeReading` is called when there are more. */
  readAllowance(connection: Connection): number
  chargeRead(connection: Connection, bytes: number, nowMs: number): void
  /** What openings of connections with an address need. */
  openingContext(remote: Endpoint): OpeningContext
  /** It is past the handshake. */
  opened(connection: Connection): void
  ended(connection: Connection): void
}

/** A handshake and the messages that may come with it. */
const readWhileOpening = 16_384

export type ConnectionStage =
  /** Dialled; the stream does not stand yet. */
  | { readonly type: 'dialling'; readonly owner: ConnectionOwner }
  /** Handshakes are under way; whoever accepted does not know the torrent until the peer has named it. */
  | { readonly type: 'opening'; readonly opening: StreamOpening; owner: ConnectionOwner | undefined }
  | { readonly type: 'open'; readonly owner: ConnectionOwner; readonly peer: PeerConnection }
  | { readonly type: 'closed' }

export class Connection implements StreamSink, ByteSink {
  readonly remote: Endpoint
  readonly direction: 'dialled' | 'accepted'
  readonly startedAtMs: number
  /** Its share of the rate limits, once it is past the handshake. */
  limited: BandwidthShare | undefined
  stage: ConnectionStage
  encryption: ConnectionEncryption = 'none'
  /** Of the peer wire. */
  encryptionStage: EncryptionStage = plaintextStage
  /** Dialled this way, it ended before the peer showed that it knows the way. */
  refusedWay: OpeningWay | undefined
  private readonly way: OpeningWay
  /** Sent before the peer wire began. */
  private openingBytes = 0
  private isReadingPaused = false
  private readonly host: ConnectionHost
  private readonly stream: Stream
  private readonly wakeOwner: WakeOwner
  private deadlineMs: number

  private constructor(
    host: ConnectionHost,
    remote: Endpoint,
    owner: ConnectionOwner | undefined,
    way: OpeningWay,
    streamOf: (sink: StreamSink) => Stream,
    nowMs: number,
  ) {
    this.host = host
    this.remote = remote
    this.way = way
    this.startedAtMs = nowMs
    this.deadlineMs = nowMs + host.handshakeTimeoutMs
    this.wakeOwner = host.turns.register((atMs) => this.wake(atMs))
    if (owner === undefined) {
      this.direction = 'accepted'
      this.stage = { type: 'opening', opening: StreamOpening.accept(this, host.openingContext(remote)), owner }
      host.turns.wakeAt(this.wakeOwner, this.deadlineMs)
    } else {
      this.direction = 'dialled'
      this.stage = { type: 'dialling', owner }
    }
    this.stream = streamOf(this)
  }

  static dial(
    host: ConnectionHost,
    owner: ConnectionOwner,
    streams: Streams,
    remote: Endpoint,
    way: OpeningWay,
    options: DialOptions,
    nowMs: number,
  ): Connection {
    return new Connection(host, remote, owner, way, (sink) => streams.dial(remote, options, sink), nowMs)
  }

  static accept(host: ConnectionHost, stream: Stream, nowMs: number): Connection {
    return new Connection(host, stream.remote, undefined, 'plaintext', () => stream, nowMs)
  }

  /** Dialled or accepted, and not yet past the handshake. */
  get isHalfOpen(): boolean {
    return this.stage.type === 'dialling' || this.stage.type === 'opening'
  }

  /** The address it leaves by, where that is known. */
  get local(): Endpoint | undefined {
    return this.stream.local
  }

  /** Written and not yet with the system. */
  get queuedBytes(): number {
    return this.stream.queuedBytes
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    return this.stream.write(header, payload)
  }

  onOpen(): void {
    this.host.turns.run((nowMs) => {
      if (this.stage.type !== 'dialling') return
      const { owner } = this.stage
      const context = this.host.openingContext(this.remote)
      const opening = StreamOpening.dial(this.way, owner.localHandshake(), this, context)
      this.stage = { type: 'opening', opening, owner }
      this.deadlineMs = nowMs + this.host.handshakeTimeoutMs
      this.host.turns.wakeAt(this.wakeOwner, this.deadlineMs)
    })
  }

  allowedBytes(): number {
    const allowed = this.stage.type === 'open' ? this.host.readAllowance(this) : readWhileOpening
    this.isReadingPaused = allowed <= 0
    return allowed
  }

  onData(bytes: Uint8Array): void {
    this.host.turns.run((nowMs) => {
      if (this.stage.type === 'open') this.receive(bytes, nowMs)
      else if (this.stage.type === 'opening') this.receiveOpening(bytes, nowMs)
    })
  }

  onWritten(totalBytes: number): void {
    const { stage } = this
    if (stage.type !== 'open') return
    const { owner } = stage
    this.host.turns.run((nowMs) => owner.written(this, totalBytes - this.openingBytes, nowMs))
  }

  onEnd(): void {
    const when = this.isHalfOpen ? ' before its handshake' : ''
    const why = failure('connection-failed', `the peer closed the connection${when}`)
    this.host.turns.run((nowMs) => this.end(why, nowMs))
  }

  onClose(reason: Failure | undefined): void {
    this.host.turns.run((nowMs) => this.end(reason ?? failure('connection-failed', 'the connection ended'), nowMs))
  }

  /** There are bytes to read for it again. */
  resumeReading(): void {
    if (!this.isReadingPaused || this.stage.type === 'closed') return
    this.isReadingPaused = false
    this.stream.resume()
  }

  /** Ends it; everybody concerned is told before this returns. Ending twice does nothing. */
  end(why: Failure, nowMs: number): void {
    const { stage } = this
    if (stage.type === 'closed') return
    if (stage.type === 'open') stage.peer.stop()
    else if (stage.type === 'opening' && isRefusal(this.way, stage.opening)) this.refusedWay = this.way
    this.stage = { type: 'closed' }
    this.host.turns.unregister(this.wakeOwner)
    // Closing in good order waits until all is sent: too long for memory that a peer may never read.
    if (stage.type !== 'open' || this.stream.queuedBytes === 0) this.stream.close()
    else this.stream.abort()
    stage.owner?.ended(this, why, nowMs)
    this.host.ended(this)
  }

  private receive(bytes: Uint8Array, nowMs: number): void {
    if (this.stage.type !== 'open') return
    const { peer, owner } = this.stage
    this.host.chargeRead(this, bytes.length, nowMs)
    const wrong = peer.receive(bytes, nowMs)
    if (wrong !== undefined) this.end(wrong, nowMs)
    else if (this.stage.type === 'open') owner.received(this, nowMs)
  }

  private receiveOpening(bytes: Uint8Array, nowMs: number): void {
    const { stage } = this
    if (stage.type !== 'opening') return
    const { opening } = stage
    const wrong = opening.receive(bytes)
    if (wrong !== undefined) {
      this.end(wrong, nowMs)
      return
    }
    const infoHash = opening.infoHash()
    if (stage.owner === undefined && infoHash !== undefined) {
      stage.owner = this.host.ownerNamed(infoHash)
      if (stage.owner === undefined) {
        this.end(failure('peer-torrent', 'a torrent that is not served here'), nowMs)
        return
      }
      opening.begin(stage.owner.localHandshake())
    }
    const remote = opening.remote()
    if (remote !== undefined && stage.owner !== undefined) this.open(opening, stage.owner, remote, nowMs)
  }

  private open(opening: StreamOpening, owner: ConnectionOwner, remote: Handshake, nowMs: number): void {
    this.encryption = opening.encryption
    this.encryptionStage = opening.stage
    this.openingBytes = opening.sentBytes
    const peer = owner.opened(this, remote, opening.isV2(), nowMs)
    if ('code' in peer) {
      this.end(peer, nowMs)
      return
    }
    this.stage = { type: 'open', owner, peer }
    this.host.opened(this)
    this.host.turns.wakeAt(this.wakeOwner, peer.nextWakeMs())
    owner.received(this, nowMs)
    const rest = opening.takeRest()
    if (rest.length > 0) this.receive(rest, nowMs)
  }

  private wake(nowMs: number): void {
    const { stage } = this
    if (stage.type === 'opening') {
      if (nowMs < this.deadlineMs) this.host.turns.wakeAt(this.wakeOwner, this.deadlineMs)
      else this.end(failure('timed-out', 'no handshake in time'), nowMs)
    } else if (stage.type === 'open') {
      if (this.isReadingPaused) stage.peer.forgiveSilence(nowMs)
      const wrong = stage.peer.wake(nowMs)
      if (wrong === undefined) this.host.turns.wakeAt(this.wakeOwner, stage.peer.nextWakeMs())
      else this.end(wrong, nowMs)
    }
  }
}

function isRefusal(way: OpeningWay, { hasReceived, encryption }: StreamOpening): boolean {
  return way === 'plaintext' ? !hasReceived : encryption === 'none'
}
