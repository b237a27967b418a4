// A ledger of a simulation: the product's own core as its books, reached over a network that takes time, loses answers
// and goes away. Guarantees: everything follows from the seed; an operation whose answer was lost was carried out; the
// ledger's own time stands still while it is down (P16), and it never forgets what it answered. Owns the core; the
// ports of programs (SimulatedRail) see nothing but what they are answered.
import { assert } from '../../src/base/assert.ts'
import { toHex } from '../../src/base/bytes.ts'
import { failure, type Result, success, unwrap } from '../../src/base/errors.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { type LedgerReceipt, receiptDigest, type SignedReceipt } from '../../src/formats/money/receipt.ts'
import { authenticate } from '../../src/ledger/authenticate.ts'
import { type Genesis, genesisCodec, type LedgerFacts, ledgerFacts, testGenesis } from '../../src/ledger/genesis.ts'
import { LedgerCore } from '../../src/ledger/ledger-core.ts'
import { balanceReceipt, checkReceipt, laneReceipt } from '../../src/ledger/receipts.ts'
import type { RailTerms } from '../../src/payment/rail-terms.ts'
import type {
  AccountId,
  Hash256,
  KnownLane,
  Lane,
  LaneId,
  LedgerAccount,
  LedgerOperation,
  OperationId,
  OperationOutcome,
  SignedOperation,
} from '../../src/ports/ledger.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import type { SimulatedClock } from './simulated-clock.ts'
import { SimulatedKeys } from './simulated-keys.ts'

export interface SimulatedLedgerOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  /** There and back at most; at least half of it. */
  readonly latencyMs?: number
  /** Of what is usual for a ledger of play money. */
  readonly genesis?: (genesis: Genesis) => Genesis
}

/** `unheard`: it does not get there. `unanswered`: it is done, and the answer is lost. */
export type LedgerFault = 'unheard' | 'unanswered'

/** Long windows make quiet simulations: with these a lane is opened, rolled over and closed within an hour. */
const usualChallengeMs = 60_000
/** As long as a program waits for an answer. */
const patienceMs = 5_000
const overdueEveryMs = 1_000
const overdueAtOnce = 64
const hashLength = 32

export class SimulatedLedger {
  readonly facts: LedgerFacts
  readonly keys = new SimulatedKeys()
  /** The books: for checks, which look and do not touch. */
  readonly core: LedgerCore
  readonly terms: RailTerms
  /** Decides which requests fail; asked once for each. */
  failing: (account: AccountId, what: string) => LedgerFault | undefined = () => undefined
  /** Nothing comes through between these and the ledger. */
  readonly cutOff = new Set<AccountId>()
  /** Of every lane there ever was, as it was last: the books forget those that are closed. */
  readonly lanes = new Map<LaneId, KnownLane>()
  /** What was carried out, refused, and failed to come through: for what scenarios must have seen. */
  readonly counts = { carriedOut: 0, refused: 0, lost: 0 }
  private readonly clock: SimulatedClock
  private readonly random: Random
  private readonly latencyMs: number
  private readonly operator: SigningKey
  private readonly listeners = new Map<AccountId, Set<(lane: Lane) => void>>()
  private isAway = false
  private awaySinceMs = 0
  /** In all, for which its time stood still. */
  private awayMs = 0

  constructor({ clock, random, latencyMs = 60, genesis = (usual) => usual }: SimulatedLedgerOptions) {
    this.clock = clock
    this.random = random
    this.latencyMs = latencyMs
    this.operator = this.keys.key('the operator')
    const usual = testGenesis('simulated', toHex(this.operator.address), clock.wallMs(), this.drawHash())
    this.facts = unwrap(ledgerFacts(genesisCodec.encode(genesis({ ...usual, challengeMs: usualChallengeMs }))))
    this.core = new LedgerCore(this.facts)
    const { rail, domain } = this.facts
    const { challengeMs, limits, fees } = this.facts.genesis
    const { minDeposit, maxLaneMs } = limits
    this.terms = { rail, domain, challengeMs, minDeposit, maxLaneMs, openFee: fees.open }
    clock.after(overdueEveryMs, () => this.endOverdue())
  }

  get isDown(): boolean {
    return this.isAway
  }

  /** Nobody is answered until it is up again; then whoever watches lanes hears of all there are. */
  setDown(isDown: boolean): void {
    if (isDown === this.isAway) return
    this.isAway = isDown
    if (isDown) {
      this.awaySinceMs = this.clock.nowMs()
      return
    }
    this.awayMs += this.clock.nowMs() - this.awaySinceMs
    for (const [account, listeners] of this.listeners) for (const listener of listeners) this.tellAll(account, listener)
  }

  /** Its own. */
  get nowMs(): number {
    const steadyMs = this.isAway ? this.awaySinceMs : this.clock.nowMs()
    return this.core.timeAt(this.facts.genesis.createdAtMs + steadyMs - this.awayMs)
  }

  accountOf(key: SigningKey): AccountId {
    return accountId(this.facts.rail, key.address)
  }

  /** By the operator, at once: as everybody has an account before anything begins. */
  grant(account: AccountId): void {
    unwrap(
      this.carryOut(this.signedByOperator({ type: 'grant', id: this.drawId(), to: account, invite: this.drawHash() })),
    )
  }

  /** An answer of the ledger to an account, or that there was none. The answer is made when the request comes there. */
  ask<T>(account: AccountId, what: string, signal: AbortSignal, answer: () => Result<T>): Promise<Result<T>> {
    const interrupted = failure('interrupted', 'it was not waited for')
    if (signal.aborted) return Promise.resolve(interrupted)
    const wayMs = this.wayMs()
    const backMs = this.wayMs()
    return new Promise((resolve) => {
      const settle = (result: Result<T>) => {
        signal.removeEventListener('abort', onAbort)
        resolve(result)
      }
      const onAbort = () => settle(interrupted)
      signal.addEventListener('abort', onAbort, { once: true })
      this.clock.after(wayMs, () => {
        const isThere = !this.isAway && !this.cutOff.has(account)
        const fault = isThere ? this.failing(account, what) : 'unheard'
        const answered = fault === 'unheard' ? undefined : answer()
        if (fault !== undefined) this.counts.lost++
        const unreachable = failure('ledger-unreachable', 'the ledger did not answer')
        const isAnswered = fault === undefined && answered !== undefined
        this.clock.after(isAnswered ? backMs : patienceMs, () => settle(isAnswered ? answered : unreachable))
      })
    })
  }

  book(account: AccountId): Result<LedgerAccount> {
    const { available, locked, leaving, arriving } = this.core.state.account(account)
    return success({ available, locked, leaving, arriving })
  }

  /** One that has ended, too. */
  lane(id: LaneId): Result<KnownLane | undefined> {
    return success(this.core.state.lane(id) ?? this.lanes.get(id))
  }

  outcome(id: OperationId): Result<OperationOutcome | undefined> {
    const known = this.core.recall(id)
    assert(known !== 'look-up', 'a ledger that remembers all')
    return success(known === 'new' ? undefined : known.outcome)
  }

  carryOut(operation: SignedOperation): Result<OperationOutcome> {
    const authentic = authenticate(operation, this.facts, this.keys.scheme)
    const applied = authentic.ok ? this.core.submit(authentic.value, this.nowMs) : authentic
    assert(applied !== 'look-up', 'a ledger that remembers all')
    if (!applied.ok) {
      this.counts.refused++
      return applied
    }
    this.counts.carriedOut++
    const group = this.core.seal()
    if (group !== undefined) this.core.acknowledge(group.head.height)
    const { outcome } = applied.value
    for (const lane of outcome.lanes ?? []) this.changed(lane, operation.operation)
    return success(outcome)
  }

  balanceReceipt(account: AccountId): SignedReceipt {
    return this.attested(balanceReceipt(this.core, this.core.head, account, this.nowMs))
  }

  laneReceipt(lane: LaneId): SignedReceipt | undefined {
    const receipt = laneReceipt(this.core, this.core.head, lane, this.nowMs)
    return receipt === undefined ? undefined : this.attested(receipt)
  }

  check(receipt: SignedReceipt): Result<LedgerReceipt> {
    return checkReceipt(receipt, this.facts, this.keys.scheme)
  }

  /** Returns the way to leave. */
  watchLanes(account: AccountId, listener: (lane: Lane) => void): () => void {
    const listeners = this.listeners.get(account) ?? new Set()
    this.listeners.set(account, listeners)
    listeners.add(listener)
    this.tellAll(account, listener)
    return () => listeners.delete(listener)
  }

  private tellAll(account: AccountId, listener: (lane: Lane) => void): void {
    for (const id of this.core.state.lanesOf(account)) {
      const lane = this.core.state.lane(id)
      if (lane !== undefined) this.tell(account, listener, lane)
    }
  }

  private changed(lane: Lane, { type, id }: LedgerOperation): void {
    const { height, timeMs } = this.core.head
    const ending = { by: type, id, height, atMs: timeMs }
    const isOver = this.lanes.get(lane.id)?.state.type === 'closed'
    if (!isOver) this.lanes.set(lane.id, lane.state.type === 'closed' ? { ...lane, ending } : lane)
    for (const account of [lane.payer, lane.payee]) {
      for (const listener of this.listeners.get(account) ?? []) this.tell(account, listener, lane)
    }
  }

  private tell(account: AccountId, listener: (lane: Lane) => void, lane: Lane): void {
    this.clock.after(this.wayMs(), () => {
      const isThere = !this.isAway && !this.cutOff.has(account)
      if (isThere && this.listeners.get(account)?.has(listener) === true) listener(lane)
    })
  }

  /** The operator ends what is over, unasked. */
  private endOverdue(): void {
    this.clock.after(overdueEveryMs, () => this.endOverdue())
    if (this.isAway || this.core.state.nextDueMs() > this.nowMs) return
    for (const operation of this.core.overdue(this.nowMs, overdueAtOnce, () => this.drawId())) {
      this.carryOut(this.signedByOperator(operation))
    }
  }

  private signedByOperator(operation: LedgerOperation): SignedOperation {
    const account = this.facts.operator
    const signature = this.operator.sign(operationDigest(operation, account, this.facts.domain))
    return { account, operation, signature }
  }

  private attested(receipt: LedgerReceipt): SignedReceipt {
    return { receipt, signature: this.operator.sign(receiptDigest(receipt, this.facts.domain)) }
  }

  private wayMs(): number {
    return (this.latencyMs / 2) * (0.5 + this.random.below(501) / 1_000)
  }

  private drawId(): OperationId {
    return this.drawHash() as string as OperationId
  }

  private drawHash(): Hash256 {
    const bytes = new Uint8Array(hashLength)
    this.random.fill(bytes)
    return toHex(bytes) as Hash256
  }
}
