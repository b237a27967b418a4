// The price at which a provider sells by itself: it follows how much of what is offered gets bought and paid for.
// Guarantees: within floor and cap; never over eight times its lowest of the last hour; settles within 60 epochs for any
// usual demand, and does not swing for ever where only few shares can be sold. Owns the price of one provider.
import { assert, present } from '../base/assert.ts'
import { type TokenAmount, tokenAmount } from '../base/token-amount.ts'

export interface PostedPriceOptions {
  readonly start: TokenAmount
  readonly floor: TokenAmount
  readonly cap: TokenAmount
  /** kA: with few shares the use of them moves in steps. */
  readonly shares: number
  readonly epochMs?: number
}

/** What was seen in one epoch. */
export interface EpochUse {
  readonly paidBytes: number
  readonly offeredBytes: number
  /** Whether anybody with an account wanted anything. */
  readonly hasInterest: boolean
}

/** u* = 4/5. */
const targetNumerator = 4n
const targetDenominator = 5n
/** d = 1/8 to 1/64. */
const fastest = 8n
const slowest = 64n
const epochsSeen = 8
const flipsToSlow = 4
const calmEpochsToHasten = 12
const risePerHour = 8n
const hourMs = 3_600_000
const marksPerHour = 12

export class PostedPrice {
  private readonly options: PostedPriceOptions
  private readonly epochsPerMark: number
  private current: TokenAmount
  /** 1/d. */
  private damping = fastest
  /** Of the last epochs: which way the use was off, and whether by more than a share. */
  private readonly offs: { readonly sign: number; readonly isWide: boolean }[] = []
  private calmEpochs = 0
  /** The lowest price of each twelfth of the last hour, the latest last. */
  private readonly lows: TokenAmount[]
  private epochsInMark = 0

  constructor(options: PostedPriceOptions) {
    const { start, floor, cap, shares, epochMs = 10_000 } = options
    assert(floor <= start && start <= cap && floor > 0n && shares > 0, 'a price between floor and cap, and shares')
    this.options = options
    this.epochsPerMark = Math.max(1, Math.ceil(hourMs / marksPerHour / epochMs))
    this.current = start
    this.lows = [start]
  }

  /** r, base units for a MiB. */
  get price(): TokenAmount {
    return this.current
  }

  /** 1/d of the moment: 8, 16, 32 or 64. */
  get dampingDivisor(): bigint {
    return this.damping
  }

  /** An epoch is over. Without interest the price stays, and so does what is known of its swings. */
  endEpoch(use: EpochUse): void {
    if (use.hasInterest && use.offeredBytes > 0) this.follow(use)
    this.noteLow()
  }

  private follow({ paidBytes, offeredBytes }: EpochUse): void {
    const { floor, cap, shares } = this.options
    const offered = BigInt(offeredBytes)
    const paid = paidBytes > offeredBytes ? offered : BigInt(paidBytes)
    // (u - u*) / u* = off / whole, never below -1 nor, as u <= 1, above 1/4.
    const off = targetDenominator * paid - targetNumerator * offered
    const whole = targetNumerator * offered
    this.noteSwing(off, targetDenominator * offered, BigInt(shares))
    const divisor = whole * this.damping
    const change = this.current * (off < 0n ? -off : off)
    // Rounded away from where it is, so that a price of few units moves, too.
    const step = (change + divisor - 1n) / divisor
    const wanted = off < 0n ? this.current - step : this.current + step
    const limit = this.lows.reduce((least, low) => (low < least ? low : least), this.current) * risePerHour
    const highest = limit < cap ? limit : cap
    this.current = tokenAmount(wanted < floor ? floor : wanted > highest ? highest : wanted)
  }

  /** `off` / `scale` is u - u*. */
  private noteSwing(off: bigint, scale: bigint, shares: bigint): void {
    const distance = off < 0n ? -off : off
    this.offs.push({ sign: off > 0n ? 1 : off < 0n ? -1 : 0, isWide: distance * shares > scale })
    if (this.offs.length > epochsSeen) this.offs.shift()
    let flips = 0
    for (let index = 1; index < this.offs.length; index++) {
      const [before, now] = [present(this.offs[index - 1], 'seen'), present(this.offs[index], 'seen')]
      if (before.sign * now.sign < 0 && (before.isWide || now.isWide)) flips++
    }
    this.calmEpochs = this.offs.at(-1)?.isWide === true ? 0 : this.calmEpochs + 1
    if (flips >= flipsToSlow && this.damping < slowest) {
      this.damping *= 2n
      this.offs.length = 0
    } else if (this.calmEpochs >= calmEpochsToHasten && this.damping > fastest) {
      this.damping /= 2n
      this.calmEpochs = 0
    }
  }

  private noteLow(): void {
    const last = present(this.lows.at(-1), 'a price')
    this.lows[this.lows.length - 1] = this.current < last ? this.current : last
    if (++this.epochsInMark < this.epochsPerMark) return
    this.epochsInMark = 0
    this.lows.push(this.current)
    // One more than an hour has, as the oldest is begun only.
    if (this.lows.length > marksPerHour + 1) this.lows.shift()
  }
}
