// Whom a payee serves ahead of payment, and how far: tabs with their windows, the pool for newcomers, and what is
// remembered of those who did not pay. Guarantees: unpaid is never over the window at the price of the moment, nor over
// what the lanes can still pay; a difference that is not paid is remembered before it is forgotten here.
// Owns tabs, standings and pool.
import { addAmounts, subtractAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { StoreChange } from '../ports/store.ts'
import { CreditPool, type CreditPoolOptions } from './credit-pool.ts'
import { ExposureWindow, type LinkConditions, paidPerWindow } from './exposure-window.ts'
import { deleteRecord, type KeptTab, payeeTabs, putRecord, standings } from './lane-records.ts'
import { type PayeeTab, unpaidOf } from './payee-lane.ts'
import { PriceMeter, priceOf } from './price-meter.ts'
import {
  afterDefault,
  afterDifference,
  afterPayment,
  isEstablished,
  newStanding,
  type Standing,
  treatmentOf,
} from './standing.ts'

/** Who has had a whole window and pays nothing for so long does not pay. */
export const paysWithinMs = 30_000
/** A connection may come back for so long before what it owes is a default. */
export const returnsWithinMs = 600_000
const poolRetryMs = 60_000
/** Less than that is no service. */
const blockBytes = 16_384

/** Until its connection says otherwise. */
const unknownConditions: LinkConditions = {
  pieceBytes: 0,
  hasWholePieceHashes: false,
  bytesPerSecond: 0,
  roundTripMs: 0,
  remainingBytes: Number.MAX_SAFE_INTEGER,
}

/** What a payer left out when it paid, and whether that counts as not paying. */
export interface Missed {
  readonly amount: TokenAmount
  readonly isDefault: boolean
}

export class PayeeTabs {
  readonly byPayer = new Map<AccountId, PayeeTab>()
  private readonly rail: RailId
  private readonly byNumber: (PayeeTab | undefined)[] = []
  private readonly pool: CreditPool
  private readonly standings = new Map<AccountId, Standing>()

  constructor(
    rail: RailId,
    pool: CreditPoolOptions | undefined,
    tabs: readonly KeptTab[],
    known: readonly Standing[],
    nowMs: number,
  ) {
    this.rail = rail
    this.pool = new CreditPool(pool)
    for (const standing of known) this.standings.set(standing.account, standing)
    for (const { account, owed, paid, pricePerMiB } of tabs) {
      this.open(account, owed > paid ? subtractAmounts(owed, paid) : zeroAmount, pricePerMiB, nowMs)
    }
  }

  numbered(number: number): PayeeTab | undefined {
    return this.byNumber[number]
  }

  standingOf(payer: AccountId): Standing | undefined {
    return this.standings.get(payer)
  }

  /** The tab of a payer, made if there is none. */
  of(payer: AccountId, nowMs: number): PayeeTab {
    return this.byPayer.get(payer) ?? this.open(payer, zeroAmount, zeroAmount, nowMs)
  }

  attach(tab: PayeeTab, network: string, conditions: LinkConditions): void {
    tab.window.setConditions(conditions)
    if (tab.isAttached) return
    const unpaid = unpaidOf(tab)
    if (network !== tab.network) {
      // What is owed from elsewhere flows back there with time.
      if (unpaid === 0n) this.returnCredit(tab)
      tab.pooledBytes = 0
    }
    tab.network = network
    tab.before = unpaid > tab.writtenOff ? subtractAmounts(unpaid, tab.writtenOff) : zeroAmount
    tab.writtenOff = zeroAmount
    tab.meter = new PriceMeter(zeroAmount, zeroAmount)
    tab.paid = zeroAmount
    tab.paidBytes = 0
    tab.sampleBytes = Number.POSITIVE_INFINITY
    tab.isAttached = true
    tab.isResuming = true
    tab.hello = undefined
    tab.strangeLanes = 0
    tab.exhaustedSinceMs = Number.POSITIVE_INFINITY
    tab.poolAtMs = Number.NEGATIVE_INFINITY
  }

  detach(tab: PayeeTab, nowMs: number): void {
    tab.isAttached = false
    tab.isResuming = false
    tab.hello = undefined
    tab.detachedAtMs = nowMs
    tab.limitBytes = 0
    if (unpaidOf(tab) === 0n) this.returnCredit(tab)
  }

  /** What was owed before is as the payer says, who pays by its own count; what that leaves out is remembered. */
  resume(tab: PayeeTab, agreed: TokenAmount, ledgerMs: number): Missed | undefined {
    const missed = this.miss(tab, unpaidOf(tab) - agreed, ledgerMs)
    tab.before = zeroAmount
    // What was paid since the connection began was for that, too.
    tab.meter.raiseTo(addAmounts(tab.paid, agreed))
    tab.isResuming = false
    return missed
  }

  /** It has owed for too long: remembered at once, and still owed. `isStalled`: with a whole window, and connected. */
  writeOff(tab: PayeeTab, isStalled: boolean, ledgerMs: number): Missed | undefined {
    const unpaid = unpaidOf(tab)
    const missed = this.miss(tab, unpaid, ledgerMs, isStalled)
    tab.writtenOff = unpaid
    tab.exhaustedSinceMs = Number.POSITIVE_INFINITY
    return missed
  }

  forget(tab: PayeeTab): StoreChange {
    this.returnCredit(tab)
    this.byPayer.delete(tab.payer)
    this.byNumber[tab.number] = undefined
    return deleteRecord(payeeTabs, this.rail, keptOf(tab))
  }

  /** For the commit that makes its vouchers count. */
  kept(tab: PayeeTab, isPaidBy: TokenAmount): readonly StoreChange[] {
    const standing = this.standings.get(tab.payer)
    const changes = [putRecord(payeeTabs, this.rail, { ...keptOf(tab), paid: addAmounts(tab.paid, isPaidBy) })]
    return standing === undefined ? changes : [...changes, putRecord(standings, this.rail, standing)]
  }

  keptStanding(payer: AccountId): readonly StoreChange[] {
    const standing = this.standings.get(payer)
    return standing === undefined ? [] : [putRecord(standings, this.rail, standing)]
  }

  /** A voucher for so much more is on the disk. */
  credit(tab: PayeeTab, rise: TokenAmount, ledgerMs: number | undefined, nowMs: number): void {
    tab.paid = addAmounts(tab.paid, rise)
    const paidBytes = Math.min(tab.meter.bytesFor(tab.paid), tab.meter.bytes)
    const more = Math.max(0, paidBytes - tab.paidBytes)
    tab.meter.settle(tab.paid)
    tab.paidBytes += more
    tab.window.paid(more)
    if (tab.paidBytes >= tab.sampleBytes) {
      tab.window.settledAfter(nowMs - tab.sampleAtMs)
      tab.sampleBytes = Number.POSITIVE_INFINITY
    }
    tab.exhaustedSinceMs = Number.POSITIVE_INFINITY
    const unpaid = unpaidOf(tab)
    if (unpaid < tab.writtenOff) tab.writtenOff = unpaid
    if (ledgerMs !== undefined) {
      const standing = this.standings.get(tab.payer) ?? newStanding(tab.payer)
      this.standings.set(tab.payer, afterPayment(standing, more, rise, ledgerMs))
    }
    // From here on its first window is backed by what it paid.
    if (tab.window.paidBytes >= paidPerWindow * tab.window.firstBytes) this.returnCredit(tab)
  }

  /** How far it may be served, where its lanes can pay so much more. */
  limit(tab: PayeeTab, cover: TokenAmount, ledgerMs: number, nowMs: number): void {
    const price = tab.meter.pricePerMiB
    if (price > 0n) tab.pricePerMiB = price
    tab.limitBytes = 0
    tab.exhaustedSinceMs = !tab.isAttached || price === 0n ? Number.POSITIVE_INFINITY : tab.exhaustedSinceMs
    if (!tab.isAttached || tab.isResuming || price === 0n) return
    if (treatmentOf(this.standings.get(tab.payer), ledgerMs) === 'banned') return
    const ahead = priceOf(this.windowBytes(tab, ledgerMs, nowMs), price)
    tab.limitBytes = tab.meter.bytesFor(addAmounts(tab.paid, ahead < cover ? ahead : cover))
    this.noteExhausted(tab, nowMs)
  }

  /** So many bytes are sent. Hot: numbers only. */
  count(tab: PayeeTab, bytes: number, nowMs: number): void {
    tab.meter.add(bytes)
    if (tab.sampleBytes === Number.POSITIVE_INFINITY) {
      tab.sampleBytes = tab.meter.bytes
      tab.sampleAtMs = nowMs
    }
    this.noteExhausted(tab, nowMs)
  }

  /** Whether it can be served no more so soon, unless it is paid for. */
  waitsWithin(tab: PayeeTab, ms: number): boolean {
    return 1_000 * (tab.limitBytes - tab.meter.bytes) < tab.window.bytesPerSecond * ms + 1_000 * blockBytes
  }

  private noteExhausted(tab: PayeeTab, nowMs: number): void {
    const isExhausted = tab.limitBytes - tab.meter.bytes < blockBytes
    if (!isExhausted) tab.exhaustedSinceMs = Number.POSITIVE_INFINITY
    else if (tab.exhaustedSinceMs === Number.POSITIVE_INFINITY) tab.exhaustedSinceMs = nowMs
  }

  /** How many bytes are sent ahead of payment; 0: none, it pays ahead. */
  windowBytes(tab: PayeeTab, ledgerMs: number, nowMs: number): number {
    const standing = this.standings.get(tab.payer)
    if (treatmentOf(standing, ledgerMs) !== 'credit') return 0
    const first = tab.window.firstBytes
    const enough = paidPerWindow * first
    const isBacked = tab.window.paidBytes >= enough || isEstablished(standing, enough, ledgerMs)
    if (isBacked || tab.pooledBytes >= first) return tab.window.bytes
    if (tab.poolAtMs > nowMs) return 0
    if (!this.pool.take(tab.network, first - tab.pooledBytes, nowMs)) {
      tab.poolAtMs = nowMs + poolRetryMs
      return 0
    }
    tab.pooledBytes = first
    return tab.window.bytes
  }

  private miss(tab: PayeeTab, unpaid: bigint, ledgerMs: number, isStalled = false): Missed | undefined {
    const amount = unpaid - tab.writtenOff
    if (amount <= 0n) return undefined
    const missed = amount as TokenAmount
    const standing = this.standings.get(tab.payer) ?? newStanding(tab.payer)
    const tolerated = priceOf(tab.window.firstBytes, tab.pricePerMiB)
    const after =
      isStalled || missed > tolerated
        ? afterDefault(standing, missed, ledgerMs)
        : afterDifference(standing, missed, tolerated, ledgerMs)
    if (missed > priceOf(tab.window.tickBytes, tab.pricePerMiB)) tab.window.reset()
    this.standings.set(tab.payer, after)
    const isDefault = after.defaults > standing.defaults
    // What strangers kept is lent again only as it flows back with time.
    if (isDefault) tab.pooledBytes = 0
    return { amount: missed, isDefault }
  }

  private returnCredit(tab: PayeeTab): void {
    if (tab.pooledBytes > 0) this.pool.giveBack(tab.network, tab.pooledBytes)
    tab.pooledBytes = 0
  }

  private open(payer: AccountId, unpaid: TokenAmount, pricePerMiB: TokenAmount, nowMs: number): PayeeTab {
    const tab: PayeeTab = {
      number: this.byNumber.length,
      payer,
      network: '',
      meter: new PriceMeter(unpaid, zeroAmount),
      paid: zeroAmount,
      window: new ExposureWindow(unknownConditions),
      pooledBytes: 0,
      isAttached: false,
      isResuming: false,
      hello: undefined,
      looking: new Set(),
      strangeLanes: 0,
      exhaustedSinceMs: Number.POSITIVE_INFINITY,
      before: zeroAmount,
      writtenOff: zeroAmount,
      detachedAtMs: nowMs,
      limitBytes: 0,
      paidBytes: 0,
      sampleBytes: Number.POSITIVE_INFINITY,
      sampleAtMs: 0,
      pricePerMiB,
      poolAtMs: Number.NEGATIVE_INFINITY,
      wakeMs: Number.POSITIVE_INFINITY,
    }
    this.byNumber.push(tab)
    this.byPayer.set(payer, tab)
    return tab
  }
}

function keptOf({ payer, meter, before, paid, pricePerMiB }: PayeeTab): KeptTab {
  return { account: payer, owed: addAmounts(meter.owed(), before), paid, pricePerMiB }
}
