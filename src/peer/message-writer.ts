// Outgoing messages of one connection: small ones collect in one buffer that is used again and leave in one write;
// a block leaves with whatever waits before it, its bytes where they are. The order of calls is the order on the wire.
// Guarantees: nothing allocated per message. The instance owns its buffer.
import { assert } from '../base/assert.ts'
import { emptyBytes } from '../base/bytes.ts'
import { encodePieceHeader } from '../formats/peer/wire-encoder.ts'
import { pieceHeaderLength } from '../formats/peer/wire-messages.ts'
import type { ByteSink } from './peer-events.ts'

const firstBufferBytes = 256
/** With so much waiting it is written at once: a buffer is never larger. */
const maxBufferBytes = 16_384

export class MessageWriter {
  /** Where `room` makes room. Another array after the next call of it. */
  bytes: Uint8Array = emptyBytes
  /** Handed to the sink so far, blocks included; and of that, bytes of blocks. */
  sentBytes = 0
  sentPayloadBytes = 0
  private readonly sink: ByteSink
  private readonly onWaiting: (() => void) | undefined
  private end = 0
  /** Somebody was told that messages wait. */
  private isAwaited = false
  private isEnded = false
  /** The usual case, a block with nothing waiting before it, needs no new view. */
  private pieceHeader: Uint8Array = emptyBytes

  /** `onWaiting` is told when the first message waits that is to leave soon, to be flushed by somebody. */
  constructor(sink: ByteSink, onWaiting?: () => void) {
    this.sink = sink
    this.onWaiting = onWaiting
  }

  /** Offset in `bytes` of that much room, which the caller fills at once. */
  room(length: number): number {
    const start = this.patientRoom(length)
    if (!this.isAwaited) {
      this.isAwaited = true
      this.onWaiting?.()
    }
    return start
  }

  /** The same for a message that may wait for others: nobody is told. */
  patientRoom(length: number): number {
    assert(length <= maxBufferBytes, 'a message that fits the buffer')
    return this.take(length)
  }

  /** A message of any size: memory of its own to be filled, then to be given to `writeLarge`. */
  writeLarge(message: Uint8Array): void {
    this.flush()
    this.write(message)
  }

  /** Writes what waits. */
  flush(): void {
    const { end } = this
    if (end === 0) return
    this.end = 0
    this.isAwaited = false
    this.write(this.bytes.subarray(0, end))
  }

  /** A piece message; `payload` as for ByteSink.write. False: the sink is full, though this was taken. */
  block(piece: number, begin: number, payload: Uint8Array): boolean {
    const start = this.take(pieceHeaderLength)
    const end = encodePieceHeader(this.bytes, start, piece, begin, payload.length)
    this.end = 0
    this.isAwaited = false
    return this.write(start === 0 ? this.pieceHeader : this.bytes.subarray(0, end), payload)
  }

  /** Nothing leaves any more. */
  stop(): void {
    this.isEnded = true
    this.end = 0
  }

  private take(length: number): number {
    const { end } = this
    if (end + length > this.bytes.length) return this.makeRoom(length)
    this.end = end + length
    return end
  }

  private makeRoom(length: number): number {
    const wanted = this.end + length
    if (wanted > maxBufferBytes) {
      this.flush()
      return this.take(length)
    }
    const grown = new Uint8Array(Math.min(maxBufferBytes, Math.max(firstBufferBytes, wanted, 2 * this.bytes.length)))
    grown.set(this.bytes.subarray(0, this.end))
    this.bytes = grown
    this.pieceHeader = grown.subarray(0, pieceHeaderLength)
    return this.take(length)
  }

  private write(header: Uint8Array, payload?: Uint8Array): boolean {
    if (this.isEnded) return true
    this.sentBytes += header.length
    if (payload === undefined) return this.sink.write(header)
    this.sentBytes += payload.length
    this.sentPayloadBytes += payload.length
    return this.sink.write(header, payload)
  }
}
