// Paid staying: what a requester offers a seeder for staying on a torrent, and what both tell each other about it, as values;
// what a stay costs, and how a challenge is drawn and answered (docs/decisions/2026-11-23-paid-staying.md).
// Guarantees: what is owed for n ticks is one floor of the whole, so no rounding adds up; an answer is of one account, one
// stay and one nonce. Pure but for the randomness passed in.
import { assert } from '../base/assert.ts'
import { concatBytes, fromHex, fromUtf8, toHex, writeUint32, writeUint64 } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { mulDiv, type TokenAmount, tokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'

export interface StayTerms {
  /** 32 bytes, drawn at random. */
  readonly stay: Hash256
  /** Milliseconds from the offer on; what is no whole interval at the end is not paid. */
  readonly lastsMs: number
  /** Base units for an hour of staying. */
  readonly perHour: TokenAmount
  /** A tick: one challenge, and one payment after it. Milliseconds. */
  readonly intervalMs: number
  /** The most of one challenge. */
  readonly blocks: number
}

export interface StayBlock {
  readonly piece: number
  /** Of the piece; `length` in bytes. */
  readonly offset: number
  readonly length: number
}

export type StayRefusal = 'not-seeding' | 'too-cheap' | 'too-long' | 'too-often' | 'one-already'

/** The tick is the number of those passed, and one. */
export interface StayChallenge {
  readonly type: 'stay-challenge'
  readonly stay: Hash256
  readonly tick: number
  readonly nonce: Hash256
  readonly blocks: readonly StayBlock[]
}

interface StayEnd {
  readonly type: 'stay-end'
  readonly stay: Hash256
}

export type StayRequesterMessage = ({ readonly type: 'stay-offer' } & StayTerms) | StayChallenge | StayEnd

export type StayProviderMessage =
  | { readonly type: 'stay-accept'; readonly stay: Hash256 }
  /** `leastPerHour`: what it would stay for. */
  | {
      readonly type: 'stay-refuse'
      readonly stay: Hash256
      readonly reason: StayRefusal
      readonly leastPerHour: TokenAmount
    }
  | { readonly type: 'stay-proof'; readonly stay: Hash256; readonly tick: number; readonly answer: Hash256 }
  | StayEnd

const maxBlockBytes = 16_384
const hourMs = 3_600_000n

/** Owed for one tick more, where so many are passed already. */
export function stayTickPrice(terms: StayTerms, passed: number): TokenAmount {
  return tokenAmount(stayOwed(terms, passed + 1) - stayOwed(terms, passed))
}

/** Owed in all once so many ticks are passed. */
export function stayOwed({ perHour, intervalMs }: StayTerms, ticks: number): TokenAmount {
  return mulDiv(perHour, BigInt(ticks) * BigInt(intervalMs), hourMs, 'down')
}

/** Where the content lies that may be asked for: pieces that whoever asks has, and how long each is. */
export interface StayContent {
  readonly pieceCount: number
  pieceBytes(piece: number): number
}

/** Blocks at places that nobody can know before. */
export function drawStayBlocks({ pieceCount, pieceBytes }: StayContent, count: number, random: Random): StayBlock[] {
  return Array.from({ length: count }, () => {
    const piece = random.below(pieceCount)
    const bytes = pieceBytes(piece)
    const offset = random.below(Math.ceil(bytes / maxBlockBytes)) * maxBlockBytes
    return { piece, offset, length: Math.min(maxBlockBytes, bytes - offset) }
  })
}

/** The answer of `provider` to a challenge: `contents` are the blocks asked for, in order. */
export function stayAnswer(
  provider: AccountId,
  { stay, tick, nonce, blocks }: Omit<StayChallenge, 'type'>,
  contents: readonly Uint8Array[],
): Hash256 {
  assert(
    contents.length === blocks.length && contents.every(({ length }, at) => length === blocks[at]?.length),
    'the blocks that were asked for',
  )
  const name = text('swarmbid stay 1')
  const parts = [name, text(provider), unwrap(fromHex(stay)), count(tick), unwrap(fromHex(nonce)), ...contents]
  return toHex(sha256(concatBytes(parts))) as Hash256
}

function text(value: string): Uint8Array {
  const bytes = fromUtf8(value)
  const length = new Uint8Array(4)
  writeUint32(length, 0, bytes.length)
  return concatBytes([length, bytes])
}

function count(value: number): Uint8Array {
  const target = new Uint8Array(8)
  writeUint64(target, 0, BigInt(value))
  return target
}
