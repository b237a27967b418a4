// Benchmark: vouchers a second through the drivers of both sides, as a session runs them: bytes counted, an amount kept on
// the disk, signed by the wallet within its limits, told, checked, kept by the payee and acknowledged. Over stores in
// memory and on the disk, to one payee and to several at once. Says what bounds it, and what a voucher costs the disk.
// Guarantees: what is counted is acknowledged by its payee, so that it is on both sides' disks.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compareBytes, toHex } from '../src/base/bytes.ts'
import { failure, success, unwrap } from '../src/base/errors.ts'
import { sha256 } from '../src/base/hash.ts'
import { tokenAmount, zeroAmount } from '../src/base/token-amount.ts'
import { accountId } from '../src/formats/money/account-id.ts'
import { operationDigest } from '../src/formats/money/operation-digest.ts'
import { secp256k1 } from '../src/host/secp256k1.ts'
import { openSqliteStore } from '../src/host/sqlite-store.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { systemRandom } from '../src/host/system-random.ts'
import { genesisCodec, ledgerFacts, testGenesis } from '../src/ledger/genesis.ts'
import type { PayeeMessage, PayerMessage } from '../src/payment/lane-messages.ts'
import type { PayerNotice } from '../src/payment/payment-events.ts'
import type { RailTerms } from '../src/payment/rail-terms.ts'
import type { AccountId, Hash256, LedgerOperation, OperationId } from '../src/ports/ledger.ts'
import type { SigningKey } from '../src/ports/signatures.ts'
import type { Store, StoreChange, StoreEntry } from '../src/ports/store.ts'
import { EmbeddedLedger } from '../src/rails/embedded-ledger.ts'
import { writeGenesis } from '../src/rails/journal-store.ts'
import { type PayeeDriver, type PayerDriver, startPayee, startPayer } from '../src/session/lane-driver.ts'
import { SpendingBook } from '../src/wallet/spending-book.ts'
import { firstPolicy } from '../src/wallet/spending-policy.ts'
import { walletSigner } from '../src/wallet/wallet-signer.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const rounds = 5
const payeeCounts = [1, 8, 64]
const mostDatabases = 8
const roundMs = 2_000
const warmUpMs = 1_000
const patienceMs = 20_000
const budget = 'job'
const price = tokenAmount(10n ** 12n)
const bytesPerSecond = 500_000_000
/** The most that is paid at a time; at 500 MB/s, so many vouchers a second are due. */
const tickBytes = 16_777_216
/** Of a core, for payment at that rate. */
const processorShare = 0.02
const aimUs = (1e6 * processorShare * tickBytes) / bytesPerSecond
const conditions = {
  pieceBytes: 4_194_304,
  hasWholePieceHashes: true,
  bytesPerSecond,
  roundTripMs: 50,
  remainingBytes: Number.MAX_SAFE_INTEGER,
}
const never = new AbortController().signal

class MemoryStore implements Store {
  private readonly tables = new Map<string, Map<string, StoreEntry>>()

  async get(table: string, key: Uint8Array) {
    return success(this.tables.get(table)?.get(toHex(key))?.value)
  }

  async range(table: string, { from, to, order, maxCount }: Parameters<Store['range']>[1]) {
    const all = [...(this.tables.get(table)?.values() ?? [])].filter(
      ({ key }) =>
        (from === undefined || compareBytes(key, from) >= 0) && (to === undefined || compareBytes(key, to) < 0),
    )
    all.sort((a, b) => (order === 'ascending' ? 1 : -1) * compareBytes(a.key, b.key))
    return success(all.slice(0, maxCount))
  }

  async commit(changes: readonly StoreChange[]) {
    for (const change of changes) {
      const table = this.tables.get(change.table) ?? new Map<string, StoreEntry>()
      this.tables.set(change.table, table)
      const name = toHex(change.key)
      if (change.type === 'insert' && table.has(name)) return failure('store-conflict', 'it is there already')
      if (change.type === 'delete') table.delete(name)
      else table.set(name, { key: change.key.slice(), value: change.value.slice() })
    }
    return success(undefined)
  }

  async close() {
    return success(undefined)
  }
}

/** What was asked of a store. */
interface Written {
  commits: number
  bytes: number
}

function counting(store: Store, written: Written): Store {
  return {
    get: (table, key) => store.get(table, key),
    range: (table, range) => store.range(table, range),
    commit(changes, durability) {
      if (durability === 'durable') written.commits++
      for (const change of changes) written.bytes += change.key.length + ('value' in change ? change.value.length : 0)
      return store.commit(changes, durability)
    },
    close: () => store.close(),
  }
}

function keyOf(name: string): SigningKey {
  return unwrap(secp256k1.openKey(sha256(new TextEncoder().encode(name))))
}

function drawn(name: string): Hash256 {
  return toHex(sha256(new TextEncoder().encode(name))) as Hash256
}

async function openLedger(names: readonly string[]): Promise<EmbeddedLedger> {
  const operator = keyOf('operator')
  const genesis = testGenesis('bench', toHex(operator.address), systemClock().wallMs(), drawn('nonce'))
  const bytes = genesisCodec.encode({ ...genesis, limits: { ...genesis.limits, maxPeerPermille: 1_000 } })
  const store = new MemoryStore()
  unwrap(await writeGenesis(store, bytes))
  const ports = { store, clock: systemClock(), random: systemRandom(), scheme: secp256k1.scheme, operator }
  const ledger = unwrap(await EmbeddedLedger.open(bytes, ports))
  const { rail, domain } = unwrap(ledgerFacts(bytes))
  const account = accountId(rail, operator.address)
  for (const name of names) {
    const to = accountId(rail, keyOf(name).address)
    const id = drawn(`grant ${name}`) as string as OperationId
    const operation: LedgerOperation = { type: 'grant', id, to, invite: drawn(`invite ${name}`) }
    const signature = operator.sign(operationDigest(operation, account, domain))
    unwrap(await ledger.submit({ account, operation, signature }, never))
  }
  return ledger
}

interface Opened {
  readonly payer: PayerDriver
  readonly payees: ReadonlyMap<AccountId, PayeeDriver>
  readonly written: { readonly payer: Written; readonly payees: Written }
  /** Acknowledged so far. */
  acknowledged(): number
  close(): Promise<void>
}

type OpenStore = (name: string) => Promise<Store>

/** A payer that always owes the next voucher, and its payees. */
async function openPair(openStore: OpenStore, payeeCount: number): Promise<Opened> {
  const names = Array.from({ length: payeeCount }, (_, index) => `payee ${index}`)
  const ledger = await openLedger(['payer', ...names])
  const { rail, domain, facts } = ledger
  const { challengeMs, limits, fees } = facts.genesis
  const { minDeposit, maxLaneMs } = limits
  const terms: RailTerms = { rail, domain, challengeMs, minDeposit, maxLaneMs, openFee: fees.open }
  const written = { payer: { commits: 0, bytes: 0 }, payees: { commits: 0, bytes: 0 } }
  const stores: Store[] = []
  const clock = systemClock()
  const limit = { peerPermille: 1_000, lanes: 10_000 }
  const policy = { ...firstPolicy, spending: 'on' as const, limits: { BTT: limit, TEST: limit } }
  const open = async (name: string, count: Written) => {
    const store = counting(await openStore(name), count)
    stores.push(store)
    const key = keyOf(name)
    const account = accountId(rail, key.address)
    const book = new SpendingBook(store, () => clock.wallMs(), policy)
    const ofRail = { symbol: ledger.symbol, fees }
    const signer = walletSigner({ account, key: () => key, terms: () => ofRail, book, owner: undefined })
    const options = { terms, account, scheme: secp256k1.scheme, random: systemRandom() }
    return { account, options, ports: { store, signer, ledger, clock, spending: book } }
  }

  const payees = new Map<AccountId, PayeeDriver>()
  let count = 0
  let isOver = false
  const mine = await open('payer', written.payer)
  const onNotice = (notice: PayerNotice) => assert.notEqual(notice.type, 'halted')
  const payer = unwrap(
    await startPayer(mine.options, mine.ports, {
      tell(to: AccountId, message: PayerMessage) {
        queueMicrotask(() => payees.get(to)?.handle({ type: 'told', from: mine.account, message }))
        if (message.type === 'voucher') setImmediate(buy, to)
      },
      notice: onNotice,
    }),
  )
  function buy(payee: AccountId): void {
    if (isOver) return
    const tab = payer.machine.tabOf(payee)
    const theirs = payees.get(payee)?.machine.tabOf(mine.account)
    if (tab === undefined || theirs === undefined) return
    payees.get(payee)?.machine.countServed(theirs, tickBytes, clock.nowMs())
    if (payer.machine.countVerified(tab, tickBytes, clock.nowMs())) payer.handle({ type: 'wake' })
  }
  payer.handle({ type: 'set-budget', budget, total: tokenAmount(10n ** 22n) })
  for (const name of names) {
    const { account, options, ports } = await open(name, written.payees)
    const pool = { totalBytes: 64 * tickBytes }
    const tell = (_to: AccountId, message: PayeeMessage) => {
      if (message.type === 'acknowledge') count++
      queueMicrotask(() => payer.handle({ type: 'told', from: account, message }))
    }
    const started = await startPayee(
      { ...options, pool, claimAt: tokenAmount(10n ** 30n) },
      { ...ports },
      { tell, notice: () => undefined },
    )
    const payee = unwrap(started)
    payees.set(account, payee)
    payee.handle({ type: 'attach', payer: mine.account, network: name, conditions })
    payer.handle({ type: 'attach', payee: account, budget, bytesPerSecond, pieceBytes: conditions.pieceBytes })
    payee.handle({ type: 'price', payer: mine.account, fromByte: 0, pricePerMiB: price })
    payer.handle({ type: 'price', payee: account, fromByte: 0, pricePerMiB: price })
    buy(account)
  }
  const close = async () => {
    isOver = true
    for (const driver of [payer, ...payees.values()]) await driver.close()
    for (const store of stores) unwrap(await store.close())
    unwrap(await ledger.close())
  }
  return { payer, payees, written, acknowledged: () => count, close }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

interface Round {
  readonly rate: number
  /** Processor time a voucher, both sides together: of the main thread, and of all. */
  readonly mainUs: number
  readonly allUs: number
  readonly payer: { readonly commits: number; readonly bytes: number }
  readonly payees: { readonly commits: number; readonly bytes: number }
}

function signedOf({ payer }: Opened): bigint {
  return payer.machine.records.reduce((sum, { signed }) => sum + signed, zeroAmount as bigint)
}

function sumOf({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

async function playRound(opened: Opened): Promise<Round> {
  const { written } = opened
  const before = { payer: { ...written.payer }, payees: { ...written.payees }, signed: signedOf(opened) }
  const [mainBefore, allBefore] = [process.threadCpuUsage(), process.cpuUsage()]
  const startedMs = performance.now()
  await pause(roundMs)
  const seconds = (performance.now() - startedMs) / 1000
  const vouchers = Number((signedOf(opened) - before.signed) / (price * BigInt(tickBytes >> 20)))
  assert.ok(vouchers > 0, 'vouchers were signed')
  const each = (now: Written, then: Written) => ({
    commits: (now.commits - then.commits) / vouchers,
    bytes: (now.bytes - then.bytes) / vouchers,
  })
  return {
    rate: vouchers / seconds,
    mainUs: sumOf(process.threadCpuUsage(mainBefore)) / vouchers,
    allUs: sumOf(process.cpuUsage(allBefore)) / vouchers,
    payer: each(written.payer, before.payer),
    payees: each(written.payees, before.payees),
  }
}

async function playAll(name: string, openStore: OpenStore, payeeCount: number): Promise<Measurement[]> {
  const opened = await openPair(openStore, payeeCount)
  try {
    const untilMs = performance.now() + patienceMs
    while (opened.acknowledged() < 10 * payeeCount && performance.now() < untilMs) await pause(20)
    assert.ok(opened.acknowledged() >= 10 * payeeCount, 'vouchers are acknowledged')
    await pause(warmUpMs)
    const played: Round[] = []
    for (let round = 0; round < rounds; round++) played.push(await playRound(opened))
    const of = (pick: (round: Round) => number) => median(played.map(pick))
    const [rate, mainUs, allUs] = [of((each) => each.rate), of((each) => each.mainUs), of((each) => each.allUs)]
    const share = (rate * mainUs) / 1e6
    const bound = share > 0.85 ? 'this thread' : 'the disk, or what else the machine does'
    const text = (pick: (round: Round) => Round['payer']) =>
      `${of((each) => pick(each).commits).toFixed(2)} syncs and ${of((each) => pick(each).bytes).toFixed(0)} bytes`
    console.log(
      `  ${name}: bound by ${bound}; this thread ran ${(100 * share).toFixed(0)} % of the time; a voucher is ${text((each) => each.payer)} of the payer, ` +
        `${text((each) => each.payees)} of the payee`,
    )
    return [
      { name: `vouchers, ${name}`, unit: '/s', ours: rate, theirs: rate, ratio: 1, bar: 0, rival: 'itself' },
      {
        name: `processor time, ${name}`,
        unit: 'us',
        ours: allUs,
        theirs: aimUs,
        ratio: aimUs / allUs,
        bar: 1,
        rival: 'the aim',
      },
    ]
  } finally {
    await opened.close()
  }
}

async function measure(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-bench-'))
  try {
    const measurements: Measurement[] = []
    for (const payeeCount of payeeCounts) {
      const words = payeeCount === 1 ? 'one payee' : `${payeeCount} payees`
      const inMemory: OpenStore = async () => new MemoryStore()
      const onDisk: OpenStore = async (name) =>
        unwrap(await openSqliteStore(join(folder, `${payeeCount}`, name.replace(' ', '-'), 'spending.db')))
      measurements.push(...(await playAll(`${words}, in memory`, inMemory, payeeCount)))
      // Each payee of this process has a database of its own, and a thread.
      if (payeeCount <= mostDatabases)
        measurements.push(...(await playAll(`${words}, on the disk`, onDisk, payeeCount)))
    }
    return measurements
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const benchmark: Benchmark = {
  name: 'lane-drivers',
  summary:
    'vouchers a second through the drivers of both sides; processor time of one against 2 % of a core at 500 MB/s',
  run: measure,
}
