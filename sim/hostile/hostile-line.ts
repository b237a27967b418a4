// One connection of a peer that means harm: bytes both ways on the streams port of a simulated host. What it is sent is
// decoded for behaviours that answer; what it sends is theirs, byte by byte. Guarantees: nothing is sent or counted after
// its end; the faults sent are counted, and since when. Owns the stream.
import { concatBytes, emptyBytes, fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { peerId } from '../../src/base/ids.ts'
import { encodeHandshake, HandshakeDecoder, handshakeLength } from '../../src/formats/peer/handshake.ts'
import { WireDecoder } from '../../src/formats/peer/wire-decoder.ts'
import type { HashRange, WireSink } from '../../src/formats/peer/wire-messages.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Random } from '../../src/ports/random.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'
import type { SimulatedClock } from '../ports/simulated-clock.ts'
import { type Content, pieceSpace } from '../world/content.ts'

/** What a line needs of the peer it belongs to. */
export interface LineOwner {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly content: Content
  readonly ownId: string
  /** Ids that others said, in the order they were heard, by their addresses. */
  readonly heardIds: Map<string, string>
  /** `byProduct`: it was the other side that ended it. */
  ended(line: HostileLine, byProduct: boolean): void
}

/** A flood waits until so much has left. */
const mostQueuedBytes = 262_144

export class HostileLine implements StreamSink {
  readonly isDialled: boolean
  readonly owner: LineOwner
  /** Told when the stream stands, dialled or accepted. */
  onStanding: () => void = () => undefined
  /** The other side's handshake is whole. */
  onShaken: () => void = () => undefined
  onRequest: (piece: number, begin: number, length: number) => void = () => undefined
  onExtended: (id: number, payload: Uint8Array) => void = () => undefined
  onHashRequest: (range: HashRange) => void = () => undefined
  /** False: it lets what it is sent pile up. */
  isReading = true
  isShaken = false
  isEnded = false
  /** Of faults. */
  attackBytes = 0
  attackedSinceMs = Number.POSITIVE_INFINITY
  private readonly handshake = new HandshakeDecoder()
  private decoder: WireDecoder | undefined
  private stream: Stream | undefined
  private hasLeft = false

  constructor(owner: LineOwner, isDialled: boolean) {
    this.owner = owner
    this.isDialled = isDialled
  }

  get clock(): Clock {
    return this.owner.clock
  }

  get random(): Random {
    return this.owner.random
  }

  get content(): Content {
    return this.owner.content
  }

  get remoteAddress(): string {
    return this.stream?.remote.address ?? ''
  }

  /** Before anything comes of it. */
  attach(stream: Stream): void {
    this.stream = stream
  }

  /** What any peer might send. */
  say(...messages: readonly Uint8Array[]): void {
    if (!this.isEnded) for (const message of messages) this.stream?.write(message)
  }

  /** What no honest peer sends, or not so much of. */
  attack(...messages: readonly Uint8Array[]): void {
    const bytes = messages.length === 1 ? (messages[0] ?? emptyBytes) : concatBytes(messages)
    if (this.isEnded || (this.stream?.queuedBytes ?? 0) > mostQueuedBytes) return
    this.attackBytes += bytes.length
    this.attackedSinceMs = Math.min(this.attackedSinceMs, this.clock.nowMs())
    if (bytes.length > 0) this.stream?.write(bytes)
  }

  /** A handshake like that of others, in its own name or another. */
  shakeHands(id: string = this.owner.ownId): void {
    const { infoHashV1, infoHashV2 } = this.content.info
    const infoHash = infoHashV1 ?? infoHashV2?.slice(0, 40) ?? ''
    const flags = { extensionProtocol: true, fast: true, dht: false, v2Upgrade: infoHashV2 !== undefined }
    const message = new Uint8Array(handshakeLength)
    encodeHandshake(message, 0, { flags, infoHash, peerId: peerId(unwrap(fromHex(id))) })
    this.say(message)
  }

  /** As long as it stands. */
  every(intervalMs: number, act: () => void): void {
    this.owner.clock.after(intervalMs, () => {
      if (this.isEnded) return
      act()
      this.every(intervalMs, act)
    })
  }

  after(delayMs: number, act: () => void): void {
    this.owner.clock.after(delayMs, () => {
      if (!this.isEnded) act()
    })
  }

  /** Random bytes. */
  noise(lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes)
    this.random.fill(bytes)
    return bytes
  }

  /** The right bytes. */
  blockAt(piece: number, begin: number, length: number): Uint8Array {
    const start = piece * this.content.info.pieceLengthBytes + begin
    return pieceSpace(this.content).subarray(start, start + length)
  }

  reset(): void {
    if (this.isEnded) return
    this.hasLeft = true
    this.stream?.abort()
  }

  onOpen(): void {
    this.onStanding()
  }

  allowedBytes(): number {
    return this.isReading ? 65_536 : 0
  }

  onData(bytes: Uint8Array): void {
    let rest = bytes
    if (!this.isShaken) {
      const taken = this.handshake.push(bytes)
      const said = this.handshake.handshake()
      if (typeof taken !== 'number' || said === undefined) return
      rest = bytes.subarray(taken)
      this.isShaken = true
      this.owner.heardIds.set(this.remoteAddress, said.peerId)
      this.decoder = new WireDecoder(this.sink(), { pieceCount: this.content.info.pieceCount })
      this.onShaken()
    }
    if (rest.length > 0 && !this.isEnded) this.decoder?.push(rest)
  }

  onWritten(): void {}

  onEnd(): void {
    this.stream?.close()
  }

  onClose(): void {
    if (this.isEnded) return
    this.isEnded = true
    this.owner.ended(this, !this.hasLeft)
  }

  private sink(): WireSink {
    const nothing = () => undefined
    return {
      keepAlive: nothing,
      choke: nothing,
      unchoke: nothing,
      interested: nothing,
      notInterested: nothing,
      have: nothing,
      bitfield: nothing,
      haveAll: nothing,
      haveNone: nothing,
      request: (piece, begin, length) => this.onRequest(piece, begin, length),
      piece: nothing,
      blockFragment: nothing,
      cancel: nothing,
      port: nothing,
      suggest: nothing,
      reject: nothing,
      allowedFast: nothing,
      extended: (id, payload) => this.onExtended(id, payload),
      hashRequest: (range) => this.onHashRequest(range),
      hashes: nothing,
      hashReject: nothing,
      unknown: nothing,
    }
  }
}
