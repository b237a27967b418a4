// A payer and a payee, each the product's driver over a simulated store, with a real wallet's limits, on one embedded
// ledger, all on one simulated clock. Either dies at any thing it awaits, before or after it happened, and comes back with
// what its disk has. Checks at each signature and each acknowledgement that what they rest on is on the disk.
import assert from 'node:assert/strict'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import type { PayeeMessage, PayerMessage } from '../../src/payment/lane-messages.ts'
import { payeeLanes, payerLanes, payerOperations, readRecords, recordRange } from '../../src/payment/lane-records.ts'
import type { PayeeNotice, PayerNotice } from '../../src/payment/payment-events.ts'
import type { RailTerms } from '../../src/payment/rail-terms.ts'
import type { AccountId, LaneId, Ledger } from '../../src/ports/ledger.ts'
import type { Signer, SigningRequest } from '../../src/ports/signer.ts'
import type { Store } from '../../src/ports/store.ts'
import type { EmbeddedLedger } from '../../src/rails/embedded-ledger.ts'
import {
  type LaneDriverPorts,
  type PayeeDriver,
  type PayerDriver,
  startPayee,
  startPayer,
} from '../../src/session/lane-driver.ts'
import { SpendingBook } from '../../src/wallet/spending-book.ts'
import { firstPolicy, type SpendingPolicy, type TokenLimits } from '../../src/wallet/spending-policy.ts'
import { walletSigner } from '../../src/wallet/wallet-signer.ts'
import { fakeScheme } from '../ledger/fake-signatures.ts'
import { drawn, unit } from '../ledger/ledger-harness.ts'
import { fakeKey, LedgerWorld } from '../rails/ledger-world.ts'

export type Role = 'payer' | 'payee'
const numberOf: Readonly<Record<Role, number>> = { payer: 1, payee: 2 }
const mebibyte = 1_048_576
const pricePerMiB = tokenAmount(unit + 7n)
const bytesPerSecond = 1_572_864
const pieceBytes = 262_144
const budget = 'job'

/** As long as a program runs. */
interface Life {
  isDead: boolean
}

export interface PairOptions {
  readonly seed: number
  readonly jobBytes: number
  readonly limits?: Partial<TokenLimits>
  /** Which of the things that this party awaits kills it. */
  readonly dies?: { readonly role: Role; readonly atStep: number }
}

export class LanePair {
  readonly world: LedgerWorld
  readonly options: PairOptions
  readonly disks: Readonly<Record<Role, SimulatedStoreDisk>>
  readonly notices: (PayerNotice | PayeeNotice)[] = []
  readonly steps: Record<Role, number> = { payer: 0, payee: 0 }
  deaths = 0
  verifiedBytes = 0
  payer: PayerDriver | undefined
  payee: PayeeDriver | undefined
  book: SpendingBook | undefined
  policy: SpendingPolicy
  private ledger: EmbeddedLedger | undefined
  private readonly lives: Record<Role, Life> = { payer: { isDead: true }, payee: { isDead: true } }
  private readonly signed = new Map<LaneId, bigint>()
  private connection = 0
  /** Nothing more is bought. */
  private isResting = false
  private isConnected = false

  constructor(options: PairOptions) {
    this.options = options
    this.world = new LedgerWorld({ seed: options.seed, change: (genesis) => ({ ...genesis, challengeMs: 20_000 }) })
    const disk = (seed: number) => new SimulatedStoreDisk({ clock: this.world.clock, random: simulatedRandom(seed) })
    this.disks = { payer: disk(options.seed * 2), payee: disk(options.seed * 2 + 1) }
    const limits = { peerPermille: 1_000, lanes: 10, ...options.limits }
    this.policy = { ...firstPolicy, spending: 'on', limits: { BTT: limits, TEST: limits } }
  }

  async open(): Promise<this> {
    this.ledger = await this.world.open()
    for (const index of [1, 2]) {
      const invite = drawn(`invite ${index}`) as string as never
      const to = this.world.people.account(index)
      assert.equal(await this.world.submit(this.ledger, 0, { type: 'grant', to, invite }), 'done')
    }
    return this
  }

  account(role: Role): AccountId {
    return this.world.people.account(numberOf[role])
  }

  get terms(): RailTerms {
    const { facts } = this.world.people
    const { challengeMs, limits, fees } = facts.genesis
    const { minDeposit, maxLaneMs } = limits
    return { rail: facts.rail, domain: facts.domain, challengeMs, minDeposit, maxLaneMs, openFee: fees.open }
  }

  async available(role: Role): Promise<bigint> {
    assert.ok(this.ledger !== undefined)
    return this.world.available(this.ledger, numberOf[role])
  }

  /** What was verified costs so much, to the unit below. */
  get owed(): bigint {
    return (BigInt(this.verifiedBytes) * pricePerMiB) >> 20n
  }

  async start(role: Role): Promise<void> {
    const life: Life = { isDead: false }
    this.lives[role] = life
    const { world } = this
    const ports = this.portsOf(role, life)
    const random = simulatedRandom(this.options.seed * 100 + this.deaths * 2 + numberOf[role])
    const options = { terms: this.terms, account: this.account(role), scheme: fakeScheme, random }
    const notice = (each: PayerNotice | PayeeNotice) => void this.notices.push(each)
    if (role === 'payer') {
      const tell = (_to: AccountId, message: PayerMessage) => this.say('payer', life, message)
      const started = startPayer(options, ports, { tell, notice })
      await this.await(started, life, (driver) => {
        this.payer = driver
        driver.handle({ type: 'set-budget', budget, total: tokenAmount(500n * unit) })
      })
    } else {
      const tell = (_to: AccountId, message: PayeeMessage) => {
        if (message.type === 'acknowledge') this.checkAcknowledged(message.lane, message.cumulativeAmount)
        this.say('payee', life, message)
      }
      const claimAt = tokenAmount(10n ** 30n)
      await this.await(startPayee({ ...options, claimAt }, ports, { tell, notice }), life, (driver) => {
        this.payee = driver
      })
    }
    await world.clock.run(10)
  }

  private async await<T>(started: Promise<Result<T>>, life: Life, take: (driver: T) => void): Promise<void> {
    let isStarted = false
    void started.then((result) => {
      isStarted = true
      if (!life.isDead) take(unwrap(result))
    })
    await this.world.clock.runUntil(() => isStarted || life.isDead, this.world.clock.nowMs() + 60_000)
  }

  connect(): void {
    const { payer, payee } = this
    if (this.isConnected || payer === undefined || payee === undefined) return
    this.isConnected = true
    this.connection++
    const conditions = {
      pieceBytes,
      hasWholePieceHashes: true,
      bytesPerSecond,
      roundTripMs: 20,
      remainingBytes: Number.MAX_SAFE_INTEGER,
    }
    payee.handle({ type: 'attach', payer: this.account('payer'), network: '10.0.0', conditions })
    payer.handle({ type: 'attach', payee: this.account('payee'), budget, bytesPerSecond, pieceBytes })
    payee.handle({ type: 'price', payer: this.account('payer'), fromByte: 0, pricePerMiB })
    payer.handle({ type: 'price', payee: this.account('payee'), fromByte: 0, pricePerMiB })
    this.transfer(this.connection)
  }

  disconnect(): void {
    if (!this.isConnected) return
    this.isConnected = false
    this.payer?.handle({ type: 'detach', payee: this.account('payee') })
    this.payee?.handle({ type: 'detach', payer: this.account('payer') })
  }

  /** Keeps both up and connected until it is done, or for so long. */
  async keepUp(isDone: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.world.clock.nowMs() + withinMs
    while (!isDone() && this.world.clock.nowMs() < endMs) {
      for (const role of ['payer', 'payee'] as const) if (this.lives[role].isDead) await this.start(role)
      if (!this.isResting && !this.lives.payer.isDead && !this.lives.payee.isDead) this.connect()
      const isDown = () => this.lives.payer.isDead || this.lives.payee.isDead
      await this.world.clock.runUntil(() => isDone() || isDown(), Math.min(endMs, this.world.clock.nowMs() + 1_000))
    }
    return isDone()
  }

  download(withinMs: number): Promise<boolean> {
    return this.keepUp(() => this.verifiedBytes >= this.options.jobBytes, withinMs)
  }

  /** Pays the rest and ends the lanes. */
  finish(): Promise<boolean> {
    const kept = () => this.lanesOf('payer').length + this.lanesOf('payee').length
    let saidInConnection = -1
    return this.keepUp(() => {
      if (this.isConnected && saidInConnection !== this.connection) {
        saidInConnection = this.connection
        this.payer?.handle({ type: 'finish', payee: this.account('payee') })
      }
      return kept() === 0
    }, 3_600_000)
  }

  /** Both run on without each other; who dies is started again. */
  async rest(forMs: number): Promise<void> {
    this.isResting = true
    await this.keepUp(() => false, forMs)
  }

  lanesOf(role: Role): readonly { readonly lane: LaneId }[] {
    return role === 'payer' ? this.read(role, payerLanes) : this.read(role, payeeLanes)
  }

  private read<T>(role: Role, table: typeof payerLanes | ({ readonly table: string } & object)): T[] {
    const { rail } = this.terms
    const entries = this.disks[role].entries(table.table, recordRange(rail, 1_000))
    return unwrap(readRecords(table as never, rail, entries)) as T[]
  }

  private die(role: Role): void {
    this.lives[role].isDead = true
    this.deaths++
    if (role === 'payer') this.payer = undefined
    else this.payee = undefined
    this.disconnect()
    this.disks[role].crash(this.deaths % 2 === 0)
  }

  /** Something awaited: the program may die before it happens, or before it hears of it. */
  private async pass<T>(role: Role, life: Life, call: () => Promise<T>): Promise<T> {
    this.step(role, life)
    if (life.isDead) return new Promise<T>(() => undefined)
    const result = await call()
    this.step(role, life)
    return life.isDead ? new Promise<T>(() => undefined) : result
  }

  private step(role: Role, life: Life): void {
    if (life.isDead) return
    const { dies } = this.options
    this.steps[role]++
    if (dies?.role === role && this.steps[role] === dies.atStep) this.die(role)
  }

  private portsOf(role: Role, life: Life): LaneDriverPorts {
    const { ledger, world } = this
    assert.ok(ledger !== undefined)
    const pass = <T>(call: () => Promise<T>) => this.pass(role, life, call)
    const disk = unwrap(this.disks[role].open())
    const store: Store = {
      get: (table, key) => pass(() => disk.get(table, key)),
      range: (table, range) => pass(() => disk.range(table, range)),
      commit: (changes, durability) => pass(() => disk.commit(changes, durability)),
      close: () => disk.close(),
    }
    const book = new SpendingBook(store, () => world.clock.wallMs(), this.policy)
    if (role === 'payer') this.book = book
    const { fees } = world.people.facts.genesis
    const wallet = walletSigner({
      account: this.account(role),
      key: () => fakeKey(numberOf[role]),
      terms: () => ({ symbol: 'TEST', fees: { transfer: zeroAmount, open: fees.open, withdrawal: zeroAmount } }),
      book,
      owner: undefined,
    })
    const signer: Signer = {
      account: wallet.account,
      sign: (request, signal) => {
        this.checkSigning(role, request)
        return pass(() => wallet.sign(request, signal))
      },
    }
    const onRail: Ledger = {
      rail: ledger.rail,
      symbol: ledger.symbol,
      domain: ledger.domain,
      timeMs: (signal) => pass(() => ledger.timeMs(signal)),
      account: (account, signal) => pass(() => ledger.account(account, signal)),
      lane: (lane, signal) => pass(() => ledger.lane(lane, signal)),
      submit: (operation, signal) => pass(() => ledger.submit(operation, signal)),
      outcome: (id, signal) => pass(() => ledger.outcome(id, signal)),
      watchLanes: (account, listener) =>
        ledger.watchLanes(account, (lane) => {
          if (!life.isDead) listener(lane)
        }),
    }
    const clock = {
      nowMs: () => world.clock.nowMs(),
      wallMs: () => world.clock.wallMs(),
      alarm: (onRing: () => void) =>
        world.clock.alarm(() => {
          if (!life.isDead) onRing()
        }),
    }
    return { store, signer, ledger: onRail, clock, ...(role === 'payer' ? { spending: book } : {}) }
  }

  private checkSigning(role: Role, request: SigningRequest): void {
    if (role === 'payee') return
    if (request.type === 'ledger-operation') {
      const kept = this.read<{ readonly id: string }>('payer', payerOperations)
      assert.ok(
        kept.some(({ id }) => id === request.operation.id),
        'an operation is on the disk before it is signed',
      )
      return
    }
    assert.ok(request.type === 'voucher')
    const { lane, cumulativeAmount } = request.voucher
    const record = this.read<{ readonly lane: LaneId; readonly signed: bigint }>('payer', payerLanes)
    assert.equal(record.find((each) => each.lane === lane)?.signed, cumulativeAmount, 'on the disk before it is signed')
    assert.ok(cumulativeAmount >= (this.signed.get(lane) ?? 0n), 'never lower than before')
    this.signed.set(lane, cumulativeAmount)
  }

  private checkAcknowledged(lane: LaneId, amount: TokenAmount): void {
    const kept = this.read<{ readonly lane: LaneId; readonly newest?: { readonly cumulativeAmount: bigint } }>(
      'payee',
      payeeLanes,
    )
    const record = kept.find((each) => each.lane === lane)
    if (record !== undefined)
      assert.ok((record.newest?.cumulativeAmount ?? 0n) >= amount, 'on the disk before it counts')
  }

  private say(from: Role, life: Life, message: PayerMessage | PayeeMessage): void {
    const { connection } = this
    if (life.isDead || !this.isConnected) return
    this.world.clock.after(10, () => {
      if (!this.isConnected || connection !== this.connection) return
      if (from === 'payer') {
        this.payee?.handle({ type: 'told', from: this.account('payer'), message: message as PayerMessage })
      } else this.payer?.handle({ type: 'told', from: this.account('payee'), message: message as PayeeMessage })
    })
  }

  /** Whole pieces, every 20 ms, as far as both sides allow. */
  private transfer(connection: number): void {
    this.world.clock.after(20, () => {
      if (!this.isConnected || connection !== this.connection) return
      const { payer, payee } = this
      const payerTab = payer?.machine.tabOf(this.account('payee'))
      const payeeTab = payee?.machine.tabOf(this.account('payer'))
      if (payer !== undefined && payee !== undefined && payerTab !== undefined && payeeTab !== undefined) {
        const nowMs = this.world.clock.nowMs()
        const left = this.options.jobBytes - this.verifiedBytes
        const wanted = Math.min(left, payer.machine.requestAllowanceBytes(payerTab), bytesPerSecond / 50)
        const bytes = Math.floor(Math.min(wanted, payee.machine.allowanceBytes(payeeTab)))
        if (bytes > 0) {
          payee.machine.countServed(payeeTab, bytes, nowMs)
          this.verifiedBytes += bytes
          payer.machine.countVerified(payerTab, bytes, nowMs)
        } else payer.machine.noneOutstanding(payerTab, nowMs)
        payer.plan()
        payee.plan()
      }
      this.transfer(connection)
    })
  }
}

/** What may be lost with a death: a window of what was verified and not paid yet. */
export function windowWorth({ options }: LanePair): bigint {
  return (pricePerMiB * BigInt(Math.max(mebibyte, options.jobBytes / 8))) >> 20n
}
