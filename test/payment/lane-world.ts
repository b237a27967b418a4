// Two parties, a payer and a payee, with a ledger of its own time between them: messages are lost, come twice and late,
// answers fail to come, either party dies at any moment and comes back with what was on its disk, or with an old backup.
// Everything follows from the seed. What must hold is checked at each step, by counting of its own (lane-checks.ts).
import assert from 'node:assert/strict'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { type ErrorCode, failure, type Result, success } from '../../src/base/errors.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { authenticate } from '../../src/ledger/authenticate.ts'
import type { PayeeMessage, PayerMessage } from '../../src/payment/lane-messages.ts'
import { losses } from '../../src/payment/lane-records.ts'
import type { Payee, PayeeInput } from '../../src/payment/payee.ts'
import type { SettlementRule } from '../../src/payment/payee-lanes.ts'
import type { Payer, PayerInput } from '../../src/payment/payer.ts'
import type { PayeeOutput, PayerOutput, PaymentAnswer } from '../../src/payment/payment-events.ts'
import type { RailTerms } from '../../src/payment/rail-terms.ts'
import type { AccountId, Lane, LaneId, OperationOutcome, Signature, SignedOperation } from '../../src/ports/ledger.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import { addressOf, checkBooks, type GenesisChange, LedgerHarness } from '../ledger/ledger-harness.ts'
import { seededDraw } from '../ledger/random-operations.ts'
import { askLedger, tellWatchers } from './lane-ledger.ts'
import { machineOf, newParty, type Party, type Role, roles } from './lane-party.ts'
import type { StoreContents } from './memory-store.ts'

/** Accounts of the ledger. */
const accountNumber: Readonly<Record<Role, number>> = { payer: 1, payee: 2 }
const budgetName = 'job'

export interface WorldOptions {
  readonly seed: number
  readonly budget: TokenAmount
  readonly jobBytes: number
  readonly pieceBytes: number
  readonly bytesPerSecond: number
  readonly pricePerMiB: TokenAmount
  /** Of a hundred messages, how many are lost, and how many come twice. */
  readonly lostPercent?: number
  readonly twicePercent?: number
  readonly genesis?: GenesisChange
  readonly claimAt?: TokenAmount
  readonly settles?: SettlementRule
  readonly pool?: { totalBytes: number }
  /** How long the disk takes at most. */
  readonly diskMs?: number
  /** With what the owner's wallet answers instead of a signature. */
  readonly refusesToSign?: (request: SigningRequest, world: LaneWorld) => ErrorCode | undefined
  /** Whether a write fails. */
  readonly failsDisk?: (role: Role, world: LaneWorld) => boolean
  /** Takes requests and sends nothing. */
  readonly servesNothing?: boolean
  /** What a liar says instead; undefined: nothing. */
  readonly twist?: (
    message: PayerMessage | PayeeMessage,
    from: Role,
    world: LaneWorld,
  ) => PayerMessage | PayeeMessage | undefined
}

interface Event {
  readonly atMs: number
  readonly run: () => void
}

export interface WorldCheck {
  /** A party asks for a signature: nothing has been signed yet. */
  signing?(world: LaneWorld, role: Role, request: SigningRequest): void
  step?(world: LaneWorld): void
}

export class LaneWorld {
  readonly options: WorldOptions
  readonly ledger: LedgerHarness
  readonly terms: RailTerms
  readonly parties: Readonly<Record<Role, Party>>
  readonly draw: (below: number) => number
  nowMs = 1_000_000
  /** Answers and messages that were handled: where a crash may be put. */
  steps = 0
  /** Stands still, as the ledger's time does. */
  isLedgerDown = false
  connection = 0
  isConnected = false
  verifiedBytes = 0
  /** In 2^-20 of a base unit, by counting of its own. */
  verifiedScaled = 0n
  servedScaled = 0n
  servedBytes = 0
  outstandingBytes = 0
  private unverifiedBytes = 0
  /** Of every lane there was, as the ledger last had it. */
  readonly laneHistory = new Map<LaneId, Lane>()
  /** The disk of a party comes from a backup. */
  readonly wasRestored = new Set<Role>()
  /** A payee that wanted to be paid ahead, in how many connections. */
  readonly prepaidConnections = new Set<number>()
  readonly checks: WorldCheck[]
  onStep: ((world: LaneWorld) => void) | undefined
  /** In order of time, and of coming. */
  private readonly accounts: Readonly<Record<Role, AccountId>>
  private readonly events: Event[] = []

  constructor(options: WorldOptions, checks: WorldCheck[] = []) {
    this.options = options
    this.checks = checks
    this.draw = seededDraw(options.seed)
    this.ledger = new LedgerHarness(options.genesis)
    this.ledger.grant(1, 2)
    this.accounts = { payer: this.ledger.account(1), payee: this.ledger.account(2) }
    const { facts } = this.ledger
    const { challengeMs, limits, fees } = facts.genesis
    this.terms = {
      rail: facts.rail,
      domain: facts.domain,
      challengeMs,
      minDeposit: limits.minDeposit,
      maxLaneMs: limits.maxLaneMs,
      openFee: fees.open,
    }
    this.parties = { payer: newParty('payer'), payee: newParty('payee') }
    for (const role of roles) this.start(role)
    this.give('payer', { type: 'set-budget', budget: budgetName, total: options.budget })
    this.operate()
  }

  /** The operator closes what has expired, unasked. */
  private operate(): void {
    this.at(this.terms.challengeMs, () => {
      for (const operation of this.ledger.core.overdue(this.ledger.nowMs, 10, () => this.ledger.nextId())) {
        if (!this.isLedgerDown) this.submit(this.ledger.sign(0, operation))
      }
      this.operate()
    })
  }

  get payer(): Payer | undefined {
    return this.parties.payer.machine as Payer | undefined
  }

  get payee(): Payee | undefined {
    return this.parties.payee.machine as Payee | undefined
  }

  account(role: Role): AccountId {
    return this.accounts[role]
  }

  available(role: Role): bigint {
    return this.ledger.state.account(this.accounts[role]).available
  }

  lanesOnLedger(): Lane[] {
    return Array.from(this.ledger.state.entriesOf('lane'), ([, lane]) => lane)
  }

  lossesOf(): TokenAmount {
    const all = this.parties.payee.store.read(losses, this.terms.rail)
    return tokenAmount(all.reduce((sum, { amount }) => sum + amount, 0n))
  }

  // Time

  at(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs
    let place = this.events.length
    while (place > 0 && (this.events[place - 1] as Event).atMs > atMs) place--
    this.events.splice(place, 0, { atMs, run })
  }

  /** Plays until nothing is due before `untilMs`, or `isDone`. */
  play(untilMs: number, isDone: () => boolean = () => false): void {
    while (!isDone()) {
      const next = this.events[0]
      if (next === undefined || next.atMs > untilMs) break
      this.events.shift()
      this.passTo(next.atMs)
      next.run()
      for (const check of this.checks) check.step?.(this)
    }
    if (!isDone()) this.passTo(untilMs)
  }

  private passTo(atMs: number): void {
    const passed = Math.max(0, atMs - this.nowMs)
    this.nowMs += passed
    if (!this.isLedgerDown) this.ledger.nowMs += passed
  }

  // Parties

  /** Begins with what is on the disk. */
  start(role: Role): void {
    const party = this.parties[role]
    const seed = this.options.seed * 1000 + party.life * 2 + accountNumber[role]
    const options = {
      terms: this.terms,
      account: this.account(role),
      scheme: fakeScheme,
      random: simulatedRandom(seed),
    }
    party.machine = machineOf(role, party.store, options, this.options, this.nowMs)
    this.give(role, { type: 'wake' })
  }

  /** The process dies; of what it was writing the first part is on the disk. */
  kill(role: Role): void {
    const party = this.parties[role]
    if (party.machine === undefined) return
    this.disconnect()
    party.machine = undefined
    party.life++
    const kept = this.draw(party.writing.length + 1)
    for (const changes of party.writing.splice(0).slice(0, kept)) party.store.apply(changes)
    party.wakeAtMs = Number.POSITIVE_INFINITY
    party.diskMs = 0
  }

  restore(role: Role, backup: StoreContents): void {
    assert.equal(this.parties[role].machine, undefined)
    this.parties[role].store.contents = new Map(backup)
    this.wasRestored.add(role)
  }

  give(role: Role, input: PayerInput | PayeeInput): void {
    const party = this.parties[role]
    if (party.machine === undefined) return
    ;(party.machine as { handle(input: unknown, nowMs: number): void }).handle(input, this.nowMs)
    this.drain(party)
  }

  private drain(party: Party): void {
    const { machine } = party
    if (machine === undefined) return
    for (let output = machine.poll(); output !== undefined; output = machine.poll()) this.perform(party, output)
    this.plan(party)
  }

  /** Sets its alarm. */
  private plan(party: Party): void {
    const { machine, life } = party
    if (machine === undefined) return
    const atMs = Math.max(machine.nextWakeMs(), this.nowMs)
    if (atMs === Number.POSITIVE_INFINITY || atMs >= party.wakeAtMs) return
    party.wakeAtMs = atMs
    this.at(atMs - this.nowMs, () => {
      if (party.life !== life || party.machine === undefined || this.nowMs < party.wakeAtMs) return
      party.wakeAtMs = Number.POSITIVE_INFINITY
      const isDue = party.machine.nextWakeMs() <= this.nowMs
      if (isDue) this.give(party.role, { type: 'wake' })
      else this.plan(party)
    })
  }

  answer(party: Party, life: number, delayMs: number, answer: () => PaymentAnswer): void {
    this.at(delayMs, () => {
      if (party.life !== life || party.machine === undefined) return
      this.steps++
      const given = answer()
      this.onStep?.(this)
      if (party.life === life && party.machine !== undefined) this.give(party.role, given)
    })
  }

  private perform(party: Party, output: PayerOutput | PayeeOutput): void {
    const { life, role } = party
    switch (output.type) {
      case 'commit': {
        const { ticket, changes } = output
        party.writing.push(changes)
        const delayMs = this.diskDelay(party)
        this.answer(party, life, delayMs, () => {
          const first = party.writing.shift()
          assert.ok(first !== undefined)
          if (this.options.failsDisk?.(role, this) === true) {
            return { type: 'committed', ticket, result: failure('disk-full', 'no room') }
          }
          party.store.apply(first)
          return { type: 'committed', ticket, result: success(undefined) }
        })
        return
      }
      case 'sign': {
        for (const check of this.checks) check.signing?.(this, role, output.request)
        const code = this.options.refusesToSign?.(output.request, this)
        party.asked.push(output.request)
        const result: Result<Signature> =
          code === undefined
            ? success(fakeSign(addressOf(accountNumber[role]), this.digestOf(role, output.request)))
            : failure(code, 'no')
        this.answer(party, life, 1 + this.draw(5), () => ({ type: 'signed', ticket: output.ticket, result }))
        return
      }
      case 'tell':
        this.say(party, output.message)
        return
      case 'settle':
        return
      case 'notice':
        party.notices.push(output.notice)
        return
      default:
        askLedger(this, party, output)
    }
  }

  /** In order, whatever the disk does. */
  private diskDelay(party: Party): number {
    const doneMs = Math.max(party.diskMs, this.nowMs) + 1 + this.draw(this.options.diskMs ?? 5)
    party.diskMs = doneMs
    return doneMs - this.nowMs
  }

  private digestOf(role: Role, request: SigningRequest): Uint8Array {
    if (request.type === 'voucher') return voucherDigest(request.voucher, request.domain)
    assert.ok(request.type === 'ledger-operation')
    return operationDigest(request.operation, this.account(role), request.domain)
  }

  // Between the parties

  connect(): void {
    if (this.isConnected || this.payer === undefined || this.payee === undefined) return
    this.isConnected = true
    this.connection++
    this.outstandingBytes = 0
    this.unverifiedBytes = 0
    const { pieceBytes, bytesPerSecond, pricePerMiB } = this.options
    const conditions = {
      pieceBytes,
      hasWholePieceHashes: true,
      bytesPerSecond,
      roundTripMs: 60,
      remainingBytes: Number.MAX_SAFE_INTEGER,
    }
    const network = '10.0.0'
    this.give('payee', { type: 'attach', payer: this.account('payer'), network, conditions })
    this.give('payer', { type: 'attach', payee: this.account('payee'), budget: budgetName, bytesPerSecond, pieceBytes })
    this.price(0, pricePerMiB)
    this.transfer(this.connection)
  }

  price(fromByte: number, pricePerMiB: TokenAmount): void {
    if (fromByte > 0 && fromByte < (this.steppedPrices.at(-1)?.fromByte ?? 0)) return
    this.steppedPrices = fromByte === 0 ? [] : this.steppedPrices
    this.steppedPrices.push({ fromByte, pricePerMiB })
    if (fromByte === 0) {
      this.countedVerified = 0
      this.countedServed = 0
    }
    this.give('payee', { type: 'price', payer: this.account('payer'), fromByte, pricePerMiB })
    this.give('payer', { type: 'price', payee: this.account('payee'), fromByte, pricePerMiB })
  }

  steppedPrices: { fromByte: number; pricePerMiB: TokenAmount }[] = []
  countedVerified = 0
  countedServed = 0

  /** What bytes of this connection cost, a naive sum in 2^-20 of a base unit. */
  cost(fromByte: number, toByte: number): bigint {
    let sum = 0n
    for (const [index, { fromByte: from, pricePerMiB }] of this.steppedPrices.entries()) {
      const start = Math.max(from, fromByte)
      const end = Math.min(this.steppedPrices[index + 1]?.fromByte ?? Number.MAX_SAFE_INTEGER, toByte)
      if (end > start) sum += BigInt(end - start) * pricePerMiB
    }
    return sum
  }

  disconnect(): void {
    if (!this.isConnected) return
    this.isConnected = false
    this.connection++
    this.give('payer', { type: 'detach', payee: this.account('payee') })
    this.give('payee', { type: 'detach', payer: this.account('payer') })
  }

  private say(party: Party, message: PayerMessage | PayeeMessage): void {
    if (!this.isConnected) return
    const { connection, options } = this
    const to: Role = party.role === 'payer' ? 'payee' : 'payer'
    const said = options.twist === undefined ? message : options.twist(message, party.role, this)
    if (said === undefined || this.draw(100) < (options.lostPercent ?? 0)) return
    if ('windowBytes' in said && said.windowBytes === 0) this.prepaidConnections.add(connection)
    const times = this.draw(100) < (options.twicePercent ?? 0) ? 2 : 1
    for (let time = 0; time < times; time++) {
      this.at(30 + this.draw(options.twicePercent === undefined ? 1 : 60), () => {
        if (!this.isConnected || this.connection !== connection) return
        this.steps++
        this.onStep?.(this)
        if (this.connection === connection) this.hearFrom(party.role, to, said)
      })
    }
  }

  private hearFrom(from: Role, to: Role, message: PayerMessage | PayeeMessage): void {
    this.give(to, { type: 'told', from: this.account(from), message } as PayerInput | PayeeInput)
  }

  /** Requests, blocks, whole verified pieces: a turn every 50 ms. */
  private transfer(connection: number): void {
    const isDone = this.verifiedBytes >= this.options.jobBytes
    this.at(isDone ? 1000 : 50, () => {
      if (!this.isConnected || this.connection !== connection) return
      const { payer, payee } = this
      const payeeTab = payee?.tabOf(this.account('payer'))
      const payerTab = payer?.tabOf(this.account('payee'))
      if (payer !== undefined && payee !== undefined && payerTab !== undefined && payeeTab !== undefined) {
        this.turn(payer, payerTab, payee, payeeTab)
      }
      this.transfer(connection)
    })
  }

  private turn(payer: Payer, payerTab: number, payee: Payee, payeeTab: number): void {
    const { jobBytes, bytesPerSecond, pieceBytes } = this.options
    const left = jobBytes - this.verifiedBytes - this.unverifiedBytes
    // What is asked for stays so until it is served: a request is never taken back here.
    const mayBuy = payer.requestAllowanceBytes(payerTab) - this.unverifiedBytes
    const wanted = Math.min(left, mayBuy, Math.ceil(bytesPerSecond / 20))
    const bytes = Math.floor(Math.min(wanted, payee.allowanceBytes(payeeTab)))
    if (bytes > 0 && this.options.servesNothing !== true) {
      this.servedScaled += this.cost(this.countedServed, this.countedServed + bytes)
      this.countedServed += bytes
      this.servedBytes += bytes
      payee.countServed(payeeTab, bytes, this.nowMs)
      this.drain(this.parties.payee)
      this.unverifiedBytes += bytes
      const { connection } = this
      this.at(30, () => this.arrive(connection, payer, payerTab, pieceBytes))
    } else if (this.unverifiedBytes === 0) {
      payer.noneOutstanding(payerTab, this.nowMs)
      this.drain(this.parties.payer)
    }
  }

  private arrive(connection: number, payer: Payer, payerTab: number, pieceBytes: number): void {
    if (!this.isConnected || this.connection !== connection) return
    const isLast = this.verifiedBytes + this.unverifiedBytes >= this.options.jobBytes
    const whole = isLast ? this.unverifiedBytes : Math.floor(this.unverifiedBytes / pieceBytes) * pieceBytes
    if (whole === 0) return
    this.unverifiedBytes -= whole
    this.verifiedBytes += whole
    this.verifiedScaled += this.cost(this.countedVerified, this.countedVerified + whole)
    this.countedVerified += whole
    payer.countVerified(payerTab, whole, this.nowMs)
    this.drain(this.parties.payer)
  }

  // The ledger (lane-ledger.ts)

  submit(operation: SignedOperation): Result<OperationOutcome> {
    const authentic = authenticate(operation, this.ledger.facts, fakeScheme)
    if (!authentic.ok) return authentic
    const result = this.ledger.core.submit(authentic.value, this.ledger.nowMs)
    assert.ok(result !== 'look-up')
    checkBooks(this.ledger.state)
    this.ledger.write()
    if (!result.ok) return result
    for (const { id } of result.value.outcome.lanes ?? []) {
      const lane = this.ledger.state.lane(id) ?? result.value.outcome.lanes?.find((other) => other.id === id)
      // What was answered before is answered again, however long ago it was true.
      if (lane === undefined || this.laneHistory.get(id)?.state.type === 'closed') continue
      this.laneHistory.set(id, lane)
      tellWatchers(this, lane)
    }
    return success(result.value.outcome)
  }
}

export function plainOptions(seed: number): WorldOptions {
  return {
    seed,
    budget: tokenAmount(5_000n * 10n ** 18n),
    jobBytes: 24 * 1_048_576,
    pieceBytes: 262_144,
    bytesPerSecond: 786_432,
    pricePerMiB: tokenAmount(10n ** 18n + 7n),
  }
}
