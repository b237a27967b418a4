// What a peer says it has while the torrent's size is not known, or nobody there to be told (BEP 3, 6, 54): kept as
// bits, not as messages, so that it never takes more memory than a bitfield of the largest torrent.
// Guarantees: replayed, it comes to the same as the messages in their order. The instance owns its bits.
import { emptyBytes } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import { checkBitfield, withoutSpareBits } from '../formats/peer/wire-decoder.ts'
import type { PeerEvents } from './peer-events.ts'

/** A peer says what it has with one of three messages, or with haves alone. */
type FirstMessage = 'none' | 'bitfield' | 'have-all' | 'have-none'

/** Allowed fast pieces kept; BEP 6 makes sets of 10. */
const maxAllowedFast = 100
const minKeptBytes = 64

export class KeptAvailability {
  private first: FirstMessage = 'none'
  /** Pieces the peer has; after have-all, pieces it lost since. */
  private bits: Uint8Array = emptyBytes
  /** Undefined while none came; 0, which fits no torrent, after some of different lengths. */
  private bitfieldLength: number | undefined
  /** One more than the highest piece told one by one. */
  private end = 0
  private readonly fastPieces: number[] = []

  bitfield(bits: Uint8Array): void {
    const { bitfieldLength } = this
    this.bitfieldLength = bitfieldLength === undefined || bitfieldLength === bits.length ? bits.length : 0
    this.makeRoom(bits.length)
    const hasLost = this.first === 'have-all'
    if (!hasLost) this.first = 'bitfield'
    for (let index = 0; index < bits.length; index++) {
      const [kept, told] = [this.bits[index] as number, bits[index] as number]
      this.bits[index] = hasLost ? kept & ~told : kept | told
    }
  }

  haveAll(): void {
    this.first = 'have-all'
    this.bits.fill(0)
  }

  haveNone(): void {
    this.first = 'have-none'
  }

  have(piece: number): void {
    this.put(piece, this.first !== 'have-all')
  }

  donthave(piece: number): void {
    this.put(piece, this.first === 'have-all')
  }

  allowedFast(piece: number): void {
    this.end = Math.max(this.end, piece + 1)
    if (this.fastPieces.length < maxAllowedFast) this.fastPieces.push(piece)
  }

  /** Whether all of it is about a torrent of this size. Errors: peer-frame-length, peer-frame-value. */
  check(pieceCount: number): Failure | undefined {
    if (this.end > pieceCount) return failure('peer-frame-value', `piece ${this.end - 1}, beyond the last one`)
    const { bitfieldLength } = this
    return bitfieldLength === undefined ? undefined : checkBitfield(this.bits.subarray(0, bitfieldLength), pieceCount)
  }

  /** Tells it to `listener`, asked anew each time since it may be gone after any event; the size was checked. */
  replay(listener: () => PeerEvents | undefined, pieceCount: number): void {
    const { bits } = this
    if (this.first === 'bitfield') {
      listener()?.onBitfield(withoutSpareBits(bits.subarray(0, this.bitfieldLength), pieceCount))
    } else {
      if (this.first === 'have-all') listener()?.onHaveAll()
      if (this.first === 'have-none') listener()?.onHaveNone()
      for (let piece = 0; piece < this.end; piece++) {
        if (((bits[piece >>> 3] ?? 0) & (0x80 >>> (piece & 7))) === 0) continue
        if (this.first === 'have-all') listener()?.onDonthave(piece)
        else listener()?.onHave(piece)
      }
    }
    for (const piece of this.fastPieces) listener()?.onAllowedFast(piece)
  }

  private put(piece: number, isSet: boolean): void {
    this.end = Math.max(this.end, piece + 1)
    const index = piece >>> 3
    this.makeRoom(index + 1)
    const mask = 0x80 >>> (piece & 7)
    const byte = this.bits[index] as number
    this.bits[index] = isSet ? byte | mask : byte & ~mask
  }

  private makeRoom(lengthBytes: number): void {
    if (lengthBytes <= this.bits.length) return
    const grown = new Uint8Array(Math.max(minKeptBytes, lengthBytes, 2 * this.bits.length))
    grown.set(this.bits)
    this.bits = grown
  }
}
