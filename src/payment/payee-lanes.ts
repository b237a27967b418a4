// The watcher: the payee's lanes on the rail, from the store alone. Cashes vouchers in batches, at the latest two windows
// before expiry; answers a wish to close with the newest voucher; closes what is finished, so that the rest returns.
// Guarantees: reacts within half a window of what the rail shows, also when the program was down for the first half;
// retries with the same operation; what was lost is recorded, with the reason, only when the rail itself says it is gone.
import { toHex } from '../base/bytes.ts'
import { subtractAmounts, type TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Lane, LaneId, LedgerOperation, OperationId, SignedVoucher } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { StoreChange } from '../ports/store.ts'
import type { CreditPoolOptions } from './credit-pool.ts'
import { EarnedLately } from './earned-lately.ts'
import type { Errands } from './errands.ts'
import {
  deleteRecord,
  type KeptTab,
  type LossReason,
  losses,
  type PayeeLane,
  payeeLanes,
  payeeOperations,
  putRecord,
} from './lane-records.ts'
import { heldOf, newPayeeEntry, type PayeeEntry, unclaimedOf } from './payee-lane.ts'
import type { PayeeNotice, PayeeOutput } from './payment-events.ts'
import { RailContact, retryDelayMs } from './rail-contact.ts'
import { type OperationStep, RailOperations, type SettledOperation } from './rail-operations.ts'
import { claimableUntilMs, looksEveryMs, type RailTerms, servesUntilMs } from './rail-terms.ts'
import type { Standing } from './standing.ts'

export interface PayeeOptions {
  readonly terms: RailTerms
  readonly account: AccountId
  readonly scheme: SignatureScheme
  readonly random: Random
  /** Vouchers are cashed when so much is in hand, and anyway before it is too late. */
  readonly claimAt: TokenAmount
  /** Where cashing has fees: when a batch is worth them. Absent: it has none, and `claimAt` alone says. */
  readonly settles?: SettlementRule
  readonly pool?: CreditPoolOptions
  /** Who is away for longer is not waited for: its lanes are closed. Absent: ten minutes; Infinity: by time alone. */
  readonly returnsWithinMs?: number
}

/** What is in hand: of each lane, and until when it can safely be cashed, by the rail's time. */
interface UnsettledBatch {
  readonly lanes: readonly { readonly unpaid: TokenAmount; readonly cashBeforeMs: number }[]
  readonly earnedPerDay: TokenAmount
  /** The most that may be in hand. */
  readonly exposureLimit: TokenAmount
  readonly nowMs: number
}

/** Which of the lanes to cash now, as indexes. */
export type SettlementRule = (batch: UnsettledBatch) => readonly number[]

/** What the store has of a payee on this rail. */
export interface PayeeRecords {
  readonly lanes: readonly PayeeLane[]
  readonly tabs: readonly KeptTab[]
  readonly standings: readonly Standing[]
  readonly operations: readonly LedgerOperation[]
}

export interface KeptVoucher {
  readonly entry: PayeeEntry
  readonly amount: TokenAmount
}

export type PayeeStep =
  | OperationStep
  /** These are on the disk: they count as paid. */
  | { readonly type: 'vouchers'; readonly vouchers: readonly KeptVoucher[] }
  | { readonly type: 'lane'; readonly lane: LaneId; readonly payer: AccountId }
  | { readonly type: 'time' }
  | { readonly type: 'kept' }

const maxBatch = 64
/** Cashing for its amount, where nothing presses, happens no more often. */
const claimsEveryMs = 60_000
const mostRetryMs = 60_000
const operationIdLength = 32
const kept: PayeeStep = { type: 'kept' }

export class PayeeLanes {
  readonly options: PayeeOptions
  readonly errands: Errands<PayeeStep, PayeeOutput>
  readonly contact = new RailContact()
  readonly operations: RailOperations<PayeeStep, PayeeOutput>
  readonly entries = new Map<LaneId, PayeeEntry>()
  readonly byPayer = new Map<AccountId, readonly PayeeEntry[]>()
  private readonly lately: EarnedLately
  private claimAllAtMs = Number.NEGATIVE_INFINITY
  private isAsked = false

  constructor(options: PayeeOptions, records: PayeeRecords, errands: Errands<PayeeStep, PayeeOutput>, nowMs: number) {
    this.options = options
    this.errands = errands
    this.lately = new EarnedLately(nowMs)
    this.operations = new RailOperations(options.terms, options.account, payeeOperations, errands)
    for (const record of records.lanes) this.insert(newPayeeEntry(record, nowMs))
    for (const operation of records.operations) {
      this.operations.restore(operation)
      for (const entry of this.entriesOf(operation)) begin(entry, operation)
    }
  }

  /** Vouchers for so much are on the disk. */
  earned(amount: TokenAmount, nowMs: number): void {
    this.lately.add(amount, nowMs)
  }

  notice(notice: PayeeNotice): void {
    this.errands.push({ type: 'notice', notice })
  }

  /** Replaces a record in memory; the change is to be committed before anything rests on it. */
  keep(entry: PayeeEntry, record: PayeeLane): StoreChange {
    entry.record = record
    return putRecord(payeeLanes, this.options.terms.rail, record)
  }

  add(lane: Lane, nowMs: number): PayeeEntry {
    const entry = newPayeeEntry(
      {
        lane: lane.id,
        payer: lane.payer,
        deposit: lane.deposit,
        expiresAtMs: lane.expiresAtMs,
        claimed: lane.claimed,
        state: { type: 'open' },
        isDoubtful: 'no',
      },
      nowMs + looksEveryMs(this.options.terms),
    )
    this.insert(entry)
    this.errands.commit([putRecord(payeeLanes, this.options.terms.rail, entry.record)], kept)
    return entry
  }

  look(entry: PayeeEntry): void {
    if (entry.isLooking) return
    entry.isLooking = true
    entry.lookAtMs = Number.POSITIVE_INFINITY
    const { lane, payer } = entry.record
    this.errands.lookUp(lane, { type: 'lane', lane, payer })
  }

  /** What the rail says of a lane that is known; undefined: it is no more. */
  seen(entry: PayeeEntry, lane: Lane | undefined, nowMs: number): void {
    this.commit(this.takeRail(entry, lane, nowMs))
  }

  lookFailed(entry: PayeeEntry, nowMs: number): void {
    entry.isLooking = false
    entry.lookAtMs = nowMs + Math.min(mostRetryMs, this.options.terms.challengeMs / 16)
  }

  /** What is to be done with all lanes now. The steady time to look again. */
  advance(nowMs: number): number {
    const ledgerMs = this.contact.timeAt(nowMs)
    let wakeMs = Number.POSITIVE_INFINITY
    let inHand = 0n
    const due: PayeeEntry[] = []
    const rest: PayeeEntry[] = []
    for (const entry of this.entries.values()) {
      if (entry.lookAtMs <= nowMs) this.look(entry)
      wakeMs = Math.min(wakeMs, entry.lookAtMs)
      this.warn(entry, ledgerMs)
      if (entry.operation !== undefined) continue
      if (entry.claimAtMs > nowMs) {
        wakeMs = Math.min(wakeMs, entry.claimAtMs)
        continue
      }
      const { record } = entry
      if (record.state.type === 'closing' || (entry.isFinished && !entry.isDirty)) {
        this.close(entry)
        continue
      }
      const unclaimed = unclaimedOf(record)
      if (unclaimed === 0n || record.newest === undefined) continue
      inHand += unclaimed
      const dueMs = servesUntilMs(record.expiresAtMs, this.options.terms)
      const isDue = (ledgerMs !== undefined && ledgerMs >= dueMs) || record.isDoubtful === 'yes'
      if (isDue) due.push(entry)
      else {
        rest.push(entry)
        wakeMs = Math.min(wakeMs, this.contact.steadyAt(dueMs))
      }
    }
    const { settles, claimAt } = this.options
    if (settles !== undefined && !this.isAsked) {
      return Math.min(wakeMs, this.claimWorthwhile(settles, [...due, ...rest], ledgerMs, nowMs))
    }
    const isWorthIt = inHand > 0n && inHand >= claimAt
    return Math.min(wakeMs, this.claimSome(due, rest, isWorthIt, nowMs))
  }

  /** What the rule chooses; looked at no more often than there are claims for their amount alone. */
  private claimWorthwhile(
    settles: SettlementRule,
    entries: readonly PayeeEntry[],
    ledgerMs: number | undefined,
    nowMs: number,
  ): number {
    if (entries.length === 0 || ledgerMs === undefined) return Number.POSITIVE_INFINITY
    if (this.claimAllAtMs > nowMs) return this.claimAllAtMs
    const lanes = entries.map(({ record }) => ({
      unpaid: unclaimedOf(record),
      // What may be worth nothing any moment is due, whatever its time.
      cashBeforeMs: record.isDoubtful === 'yes' ? ledgerMs : servesUntilMs(record.expiresAtMs, this.options.terms),
    }))
    const earnedPerDay = this.lately.perDay(nowMs)
    const chosen = new Set(settles({ lanes, earnedPerDay, exposureLimit: this.options.claimAt, nowMs: ledgerMs }))
    if (chosen.size === 0) return Number.POSITIVE_INFINITY
    const worthwhile = entries.filter((_, index) => chosen.has(index))
    return this.claimSome(worthwhile, [], true, nowMs)
  }

  settle({ operation, result, attempts }: SettledOperation, nowMs: number): void {
    const entries = this.entriesOf(operation)
    const changes = [this.operations.settled(operation)]
    for (const entry of entries) {
      entry.operation = undefined
      entry.isClosing = false
      entry.attempts += attempts
    }
    if (!result.ok) {
      for (const entry of entries) {
        this.notice({ type: 'refused', account: entry.record.payer, failure: result })
        entry.isAlone = true
        // Others of a batch may be good; one that was refused by itself waits for what the rail says of it.
        entry.claimAtMs = entries.length > 1 ? nowMs : nowMs + retryDelayMs(entry.attempts, this.mostDelayMs())
        this.look(entry)
      }
    }
    for (const entry of result.ok ? entries : []) {
      const lane = result.ok ? result.value.lanes?.find(({ id }) => id === entry.record.lane) : undefined
      if (lane === undefined) this.look(entry)
      else changes.push(...this.takeRail(entry, lane, nowMs))
    }
    this.commit(changes)
    this.notice({ type: 'done', id: operation.id, result })
  }

  /** The owner wants what is in hand. */
  claimNow(): void {
    this.isAsked = true
  }

  /** The owner gives up what is in hand of a lane. */
  giveUp(entry: PayeeEntry, nowMs: number): void {
    this.commit(this.end(entry, entry.record.claimed, nowMs, 'given-up'))
  }

  private commit(changes: readonly StoreChange[]): void {
    if (changes.length > 0) this.errands.commit(changes, kept)
  }

  /** What it changes on the disk. */
  private takeRail(entry: PayeeEntry, lane: Lane | undefined, nowMs: number): StoreChange[] {
    entry.isLooking = false
    entry.lookAtMs = nowMs + looksEveryMs(this.options.terms)
    const { record } = entry
    // An operation under way will tell what became of it.
    if (lane === undefined) return entry.operation === undefined ? this.end(entry, record.claimed, nowMs) : []
    const { payer } = record
    const gained = lane.claimed - record.claimed
    if (gained > 0n) this.notice({ type: 'cashed', payer, lane: lane.id, amount: gained as TokenAmount })
    if (lane.state.type === 'closed') return this.end(entry, lane.claimed, nowMs)
    const deposit = lane.deposit > record.deposit ? lane.deposit : record.deposit
    const claimed = lane.claimed > record.claimed ? lane.claimed : record.claimed
    const state = record.state.type === 'closing' ? record.state : lane.state
    const isNews = deposit !== record.deposit || claimed !== record.claimed || state.type !== record.state.type
    const changes = isNews ? [this.keep(entry, { ...record, deposit, claimed, state })] : []
    const isInVain = entry.attempts > 0 && entry.operation === undefined && unclaimedOf(entry.record) > 0n
    const untilMs = claimableUntilMs({ state, expiresAtMs: record.expiresAtMs })
    const isLost = isInVain && this.contact.hasReached(untilMs, nowMs)
    return isLost ? this.end(entry, claimed, nowMs) : changes
  }

  private claimSome(
    due: readonly PayeeEntry[],
    rest: readonly PayeeEntry[],
    isWorthIt: boolean,
    nowMs: number,
  ): number {
    const isPressing = due.length > 0 || (this.isAsked && rest.length > 0)
    this.isAsked = false
    if (!isPressing && !isWorthIt) return Number.POSITIVE_INFINITY
    if (!isPressing && this.claimAllAtMs > nowMs) return this.claimAllAtMs
    this.claimAllAtMs = nowMs + claimsEveryMs
    const all = [...due, ...rest]
    const together = all.filter(({ isAlone }) => !isAlone)
    for (let from = 0; from < together.length; from += maxBatch) this.claim(together.slice(from, from + maxBatch))
    for (const entry of all) if (entry.isAlone) this.claim([entry])
    return Number.POSITIVE_INFINITY
  }

  private claim(entries: readonly PayeeEntry[]): void {
    const vouchers = entries.map(({ record }) => record.newest).filter((voucher) => voucher !== undefined)
    this.start(entries, { type: 'claim', id: this.drawId(), vouchers })
  }

  /** The final claim, and a waiver of the rest. */
  private close(entry: PayeeEntry): void {
    const { lane, newest } = entry.record
    const last: SignedVoucher | undefined = unclaimedOf(entry.record) > 0n ? newest : undefined
    const closing = { type: 'payee-close', id: this.drawId(), lane } as const
    this.start([entry], last === undefined ? closing : { ...closing, last })
  }

  private start(entries: readonly PayeeEntry[], operation: LedgerOperation): void {
    for (const entry of entries) begin(entry, operation)
    this.operations.start(operation, [])
  }

  /** Once: by our count it is too late, and the rail does not answer. Its own time may have stood still. */
  private warn(entry: PayeeEntry, ledgerMs: number | undefined): void {
    const { record } = entry
    const unclaimed = unclaimedOf(record)
    if (entry.saidOverdue || unclaimed === 0n || ledgerMs === undefined || ledgerMs < record.expiresAtMs) return
    if (this.contact.unreachableSinceMs === Number.POSITIVE_INFINITY) return
    entry.saidOverdue = true
    this.notice({ type: 'overdue', payer: record.payer, lane: record.lane, amount: unclaimed })
  }

  /** Of a lane that is no more: what was in hand beyond what was paid out is lost. */
  private end(entry: PayeeEntry, claimed: TokenAmount, nowMs: number, given?: LossReason): StoreChange[] {
    const { rail } = this.options.terms
    const { record } = entry
    this.entries.delete(record.lane)
    const others = this.byPayer.get(record.payer)?.filter((other) => other !== entry) ?? []
    if (others.length > 0) this.byPayer.set(record.payer, others)
    else this.byPayer.delete(record.payer)
    const changes: StoreChange[] = [deleteRecord(payeeLanes, rail, record)]
    const held = heldOf(record)
    if (held > claimed) {
      const atMs = this.contact.timeAt(nowMs) ?? 0
      const reason = given ?? (atMs >= record.expiresAtMs ? 'expired' : 'closed-first')
      const { lane, payer } = record
      const loss = { lane, payer, amount: subtractAmounts(held, claimed), reason, atMs, attempts: entry.attempts }
      changes.push(putRecord(losses, rail, loss))
      this.notice({ type: 'lost', loss })
    }
    return changes
  }

  private insert(entry: PayeeEntry): void {
    const { lane, payer } = entry.record
    this.entries.set(lane, entry)
    this.byPayer.set(payer, [...(this.byPayer.get(payer) ?? []), entry])
  }

  private entriesOf(operation: LedgerOperation): PayeeEntry[] {
    const ids =
      operation.type === 'claim'
        ? operation.vouchers.map(({ lane }) => lane)
        : operation.type === 'payee-close'
          ? [operation.lane]
          : []
    return ids.map((id) => this.entries.get(id)).filter((entry) => entry !== undefined)
  }

  private mostDelayMs(): number {
    return Math.min(mostRetryMs, this.options.terms.challengeMs / 16)
  }

  private drawId(): OperationId {
    const bytes = new Uint8Array(operationIdLength)
    this.options.random.fill(bytes)
    return toHex(bytes) as OperationId
  }
}

function begin(entry: PayeeEntry, operation: LedgerOperation): void {
  entry.operation = operation.id
  entry.isClosing = operation.type === 'payee-close'
}
