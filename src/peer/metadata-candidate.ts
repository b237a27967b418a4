// One info dictionary that may be the torrent's (BEP 9): of a length that some peers claim, put together from pieces they
// send. Who was asked for what and who sent what is kept by peer number, so that a wrong one can be blamed on someone.
// Guarantees: memory for content grows only as content arrives. The instance owns its pieces.
import { present } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import { metadataPieceLengthBytes } from '../formats/peer/metadata-message.ts'

/** A piece that was asked for so long ago may be asked of a few others too, and later of anyone. */
const secondAskMs = 2_000
const anyAskMs = 4_000
const secondAskCount = 4
/** Time for a candidate to be complete before others are preferred: at first, and for each of its pieces. */
const patienceMs = 30_000
const piecePatienceMs = 100

export interface SentPiece {
  readonly piece: number
  readonly peer: number
  readonly data: Uint8Array
}

export class MetadataCandidate {
  readonly lengthBytes: number
  /** In the order they joined. */
  readonly peers = new Set<number>()
  private readonly pieceCount: number
  private readonly sent: (SentPiece | undefined)[] = []
  private sentCount = 0
  /** By piece, by how many peers an answer is awaited, and since when. */
  private readonly askedCounts: Uint16Array
  private readonly askedAtMs: Float64Array
  /** How often it took too long; what is to be preferred has fewer. */
  private demotions = 0
  private patienceEndsMs: number

  constructor(lengthBytes: number, nowMs: number) {
    this.lengthBytes = lengthBytes
    this.pieceCount = Math.ceil(lengthBytes / metadataPieceLengthBytes)
    this.askedCounts = new Uint16Array(this.pieceCount)
    this.askedAtMs = new Float64Array(this.pieceCount)
    this.patienceEndsMs = this.patienceEnd(nowMs)
  }

  /** Told time and again whether it is being fetched. Whoever sends just enough not to be idle cannot hold up others. */
  judgePace(isActive: boolean, nowMs: number): void {
    if (isActive && nowMs < this.patienceEndsMs) return
    if (isActive) this.demotions++
    this.patienceEndsMs = this.patienceEnd(nowMs)
  }

  /** Short ones first: a lie is then disproved for less than the truth costs. Negative: this one before the other. */
  compare(other: MetadataCandidate): number {
    return this.demotions - other.demotions || this.lengthBytes - other.lengthBytes
  }

  get isEmpty(): boolean {
    return this.sentCount === 0
  }

  /** Drops all content; awaited answers are not awaited any more. */
  clear(): void {
    this.sent.length = 0
    this.sentCount = 0
    this.askedCounts.fill(0)
  }

  get isComplete(): boolean {
    return this.sentCount === this.pieceCount
  }

  /** The best piece to ask of a peer that is not in `own` already; undefined when there is none now. */
  wanted(own: ReadonlyMap<number, number>, nowMs: number): number | undefined {
    let best: number | undefined
    let bestCount = Number.POSITIVE_INFINITY
    for (let piece = 0; piece < this.pieceCount && bestCount > 0; piece++) {
      const count = this.askedCounts[piece] as number
      if (count >= bestCount || this.sent[piece] !== undefined || own.has(piece)) continue
      const waitedMs = nowMs - (this.askedAtMs[piece] as number)
      const most = waitedMs < secondAskMs ? 1 : waitedMs < anyAskMs ? secondAskCount : Number.POSITIVE_INFINITY
      if (count > 0 && count >= most) continue
      best = piece
      bestCount = count
    }
    return best
  }

  asked(piece: number, nowMs: number): void {
    const count = this.askedCounts[piece] as number
    if (count === 0) this.askedAtMs[piece] = nowMs
    this.askedCounts[piece] = count + 1
  }

  /** An answer came, or is not awaited any more. */
  settled(piece: number): void {
    this.askedCounts[piece] = (this.askedCounts[piece] as number) - 1
  }

  /** Takes a copy, unless there is one already. */
  put(piece: number, peer: number, data: Uint8Array): void {
    if (this.sent[piece] !== undefined) return
    this.sent[piece] = { piece, peer, data: data.slice() }
    this.sentCount++
  }

  /** All pieces of a complete one, in order. */
  contents(): readonly SentPiece[] {
    return Array.from({ length: this.pieceCount }, (_, piece) => present(this.sent[piece], 'a complete candidate'))
  }

  bytes(): Uint8Array {
    return concatBytes(this.contents().map(({ data }) => data))
  }

  private patienceEnd(nowMs: number): number {
    return nowMs + patienceMs + this.pieceCount * piecePatienceMs
  }
}
