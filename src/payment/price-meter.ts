// How much is owed for bytes at prices that step at counts of bytes: the same to the unit on both sides of a connection.
// Guarantees: exact; owed = floor(sum of price x bytes / 2^20) over the whole count, so rounding favours the payer by less
// than one base unit in all, however often it is asked. Counting a piece is one addition of numbers.
import { assert, present } from '../base/assert.ts'
import { byteCount } from '../base/byte-count.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'

/** A price holds from a count of bytes on, until that of the next step. */
interface PriceStep {
  readonly fromByte: number
  /** Base units for 2^20 bytes. */
  readonly pricePerMiB: TokenAmount
  /** What is owed for all bytes before, in 2^-20 of a base unit. */
  readonly scaledBefore: bigint
}

const scaleBits = 20n
/** Prices that came and are not paid for yet; a price an epoch makes this ten minutes. */
const maxSteps = 64

/** What so many bytes cost at one price, rounded down. */
export function priceOf(bytes: number, pricePerMiB: TokenAmount): TokenAmount {
  return tokenAmount((pricePerMiB * BigInt(bytes)) >> scaleBits)
}

export class PriceMeter {
  private steps: PriceStep[]
  private counted = 0
  /** A price from here on was agreed last, be it the one there was. */
  private agreedFromByte = 0

  /** `before` is owed for what came before the first byte counted. */
  constructor(before: TokenAmount, pricePerMiB: TokenAmount) {
    this.steps = [{ fromByte: 0, pricePerMiB, scaledBefore: before << scaleBits }]
  }

  get bytes(): number {
    return this.counted
  }

  /** Of the next byte. */
  get pricePerMiB(): TokenAmount {
    return this.stepAt(this.counted).pricePerMiB
  }

  add(bytes: number): void {
    this.counted += bytes
  }

  /** False: it would change what is counted or agreed already, or there are too many prices; nothing has changed. */
  setPrice(fromByte: number, pricePerMiB: TokenAmount): boolean {
    const last = present(this.steps.at(-1), 'a price')
    if (!Number.isSafeInteger(fromByte) || fromByte < this.counted || fromByte < this.agreedFromByte) return false
    if (pricePerMiB !== last.pricePerMiB && fromByte > last.fromByte && this.steps.length >= maxSteps) return false
    this.agreedFromByte = fromByte
    if (pricePerMiB === last.pricePerMiB) return true
    if (fromByte === last.fromByte) this.steps.pop()
    this.steps.push({ fromByte, pricePerMiB, scaledBefore: last.scaledBefore + scaled(last, fromByte) })
    return true
  }

  /** For all that was counted. */
  owed(): TokenAmount {
    return this.owedAt(this.counted)
  }

  /** What will be owed at a count of bytes, at the prices known; not before what was settled. */
  owedAt(bytes: number): TokenAmount {
    const step = this.stepAt(bytes)
    return tokenAmount((step.scaledBefore + scaled(step, bytes)) >> scaleBits)
  }

  /** The largest count at which no more than `amount` is owed, at the prices known; 0 where that is less than nothing. */
  bytesFor(amount: TokenAmount): number {
    const most = ((amount + 1n) << scaleBits) - 1n
    for (let index = this.steps.length - 1; index >= 0; index--) {
      const step = present(this.steps[index], 'a price')
      if (step.scaledBefore > most) continue
      const next = this.steps[index + 1]?.fromByte ?? Number.MAX_SAFE_INTEGER
      if (step.pricePerMiB === 0n) return next
      const affordable = byteCount(BigInt(step.fromByte) + (most - step.scaledBefore) / step.pricePerMiB)
      return Math.min(affordable, next)
    }
    return present(this.steps[0], 'a price').fromByte
  }

  /** So much at least is owed for what was counted: the other side, or a later record, says so. */
  raiseTo(owed: TokenAmount): void {
    const more = owed - this.owed()
    if (more <= 0n) return
    this.steps = this.steps.map((step) => ({ ...step, scaledBefore: step.scaledBefore + (more << scaleBits) }))
  }

  /** Forgets prices that were counted past and paid for; what is asked about later lies after them. */
  settle(paid: TokenAmount): void {
    const most = paid << scaleBits
    let passed = 0
    for (let index = 1; index < this.steps.length; index++) {
      const step = present(this.steps[index], 'a price')
      if (step.fromByte <= this.counted && step.scaledBefore <= most) passed = index
    }
    if (passed > 0) this.steps = this.steps.slice(passed)
  }

  private stepAt(bytes: number): PriceStep {
    for (let index = this.steps.length - 1; index >= 0; index--) {
      const step = present(this.steps[index], 'a price')
      if (step.fromByte <= bytes) return step
    }
    assert(false, 'a count of bytes that was not settled')
    return present(this.steps[0], 'a price')
  }
}

function scaled(step: PriceStep, untilByte: number): bigint {
  return step.pricePerMiB * BigInt(untilByte - step.fromByte)
}
