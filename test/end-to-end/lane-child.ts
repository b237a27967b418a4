// One side of a lane as a process: the product's driver over a database of its own, a wallet's limits, and a ledger that
// is served elsewhere. Payer and payee meet on a socket and only count the bytes that would have moved. Runs until it is
// killed; `finish` on standard input ends the buying.
import { writeSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { parseBaseUnits, tokenAmount } from '../../src/base/token-amount.ts'
import { termsOf } from '../../src/daemon/open-lanes.ts'
import { useLedger } from '../../src/daemon/use-ledger.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { openSqliteStore } from '../../src/host/sqlite-store.ts'
import { systemClock } from '../../src/host/system-clock.ts'
import { systemRandom } from '../../src/host/system-random.ts'
import type { PayeeMessage, PayerMessage } from '../../src/payment/lane-messages.ts'
import type { PayeeNotice, PayerNotice } from '../../src/payment/payment-events.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { startPayee, startPayer } from '../../src/session/lane-driver.ts'
import { SpendingBook } from '../../src/wallet/spending-book.ts'
import { firstPolicy } from '../../src/wallet/spending-policy.ts'
import { walletSigner } from '../../src/wallet/wallet-signer.ts'
import { type LaneChildLine, type LaneChildOptions, packMessage, unpackMessage } from './lane-process.ts'

type Message =
  | { readonly type: 'payer'; readonly message: PayerMessage }
  | { readonly type: 'payee'; readonly message: PayeeMessage }
  /** So much would be in it. */
  | { readonly type: 'bytes'; readonly bytes: number }
  /** How many bytes are asked for in all, on this connection. */
  | { readonly type: 'request'; readonly upTo: number }

const options = JSON.parse(process.argv[2] ?? '') as LaneChildOptions
const { role, chunkBytes } = options
const pricePerMiB = unwrap(parseBaseUnits(options.pricePerMiB))
const budget = 'job'
const turnMs = 5
const bytesPerSecond = 1_048_576
const conditions = {
  pieceBytes: chunkBytes,
  hasWholePieceHashes: false,
  bytesPerSecond,
  roundTripMs: 1,
  remainingBytes: Number.MAX_SAFE_INTEGER,
}

/** Written when the call returns, also to a pipe that is full: what was said was so, whatever dies then. */
function say(line: LaneChildLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const { ledger, facts } = unwrap(await useLedger(options.dataFolder))
const key = unwrap(secp256k1.openKey(unwrap(fromHex(options.secret))))
const account = accountId(facts.rail, key.address)
const other = options.other as AccountId
const store = unwrap(await openSqliteStore(join(options.dataFolder, 'payments.db')))
const clock = systemClock()
const limits = { peerPermille: 1_000, lanes: 100 }
const policy = { ...firstPolicy, spending: 'on', limits: { BTT: limits, TEST: limits } } as const
const book = new SpendingBook(store, () => clock.wallMs(), policy)
const { symbol, fees } = facts.genesis
const signer = walletSigner({ account, key: () => key, terms: () => ({ symbol, fees }), book, owner: undefined })
const ports = { store, signer, ledger, clock, spending: book }
const parts = { terms: termsOf(facts), account, scheme: secp256k1.scheme, random: systemRandom() }
let socket: Socket | undefined

function send(message: Message): void {
  socket?.write(packMessage(message))
}

function notice(each: PayerNotice | PayeeNotice): void {
  const detail = 'failure' in each ? `${each.failure.code}: ${each.failure.detail}` : ''
  say({ type: 'notice', name: each.type, detail })
  // As a program would that is started again by its owner.
  if (each.type === 'halted') process.exit(1)
}

function listen(wire: Socket, onMessage: (message: Message) => void, onEnd: () => void): void {
  socket = wire
  wire.setNoDelay(true)
  const lines = createInterface(wire)
  // The socket says it, too.
  lines.on('error', () => undefined)
  lines.on('line', (line) => {
    if (socket !== wire) return
    let message: Message
    try {
      message = unpackMessage<Message>(line)
    } catch {
      // The last line of who was killed is cut.
      return
    }
    onMessage(message)
  })
  wire.on('error', () => undefined)
  wire.on('close', () => {
    if (socket !== wire) return
    socket = undefined
    onEnd()
  })
}

async function pay(): Promise<void> {
  const tell = (_to: AccountId, message: PayerMessage) => send({ type: 'payer', message })
  const driver = unwrap(await startPayer(parts, ports, { tell, notice }))
  const { machine } = driver
  driver.handle({ type: 'set-budget', budget, total: tokenAmount(9_000n * 10n ** 18n) })
  let isFinishing = false
  let requested = 0
  let received = 0
  createInterface(process.stdin).on('line', () => {
    isFinishing = true
    driver.handle({ type: 'finish', payee: other })
  })
  const take = (message: Message) => {
    if (message.type === 'payee') driver.handle({ type: 'told', from: other, message: message.message })
    if (message.type !== 'bytes') return
    const tab = machine.tabOf(other)
    if (tab === undefined) return
    received += message.bytes
    say({ type: 'verified', bytes: message.bytes })
    machine.countVerified(tab, message.bytes, clock.nowMs())
    machine.noneOutstanding(tab, clock.nowMs())
    driver.plan()
  }
  const call = () => {
    const wire = connect(options.port, options.host)
    wire.on('connect', () => {
      requested = 0
      received = 0
      driver.handle({ type: 'attach', payee: other, budget, bytesPerSecond, pieceBytes: chunkBytes })
      driver.handle({ type: 'price', payee: other, fromByte: 0, pricePerMiB })
      if (isFinishing) driver.handle({ type: 'finish', payee: other })
    })
    listen(wire, take, () => {
      driver.handle({ type: 'detach', payee: other })
      setTimeout(call, 50)
    })
  }
  call()
  setInterval(() => {
    say({ type: 'lanes', count: machine.records.length })
  }, 250)
  setInterval(() => {
    const tab = machine.tabOf(other)
    if (tab === undefined || isFinishing) return
    const upTo = received + Math.min(machine.requestAllowanceBytes(tab), 8 * chunkBytes)
    if (upTo <= requested) return
    requested = upTo
    send({ type: 'request', upTo })
  }, turnMs)
}

async function bePaid(): Promise<void> {
  const tell = (_to: AccountId, message: PayeeMessage) => send({ type: 'payee', message })
  const claimAt = tokenAmount(10n ** 18n)
  const driver = unwrap(await startPayee({ ...parts, claimAt }, ports, { tell, notice }))
  const { machine } = driver
  let requested = 0
  let served = 0
  let latest = ''
  const take = (message: Message) => {
    if (message.type === 'payer' && message.message.type === 'voucher') {
      const { lane, cumulativeAmount } = message.message.voucher
      if (latest !== `${lane} ${cumulativeAmount}`) say({ type: 'voucher' })
      latest = `${lane} ${cumulativeAmount}`
    }
    if (message.type === 'payer') driver.handle({ type: 'told', from: other, message: message.message })
    if (message.type === 'request') requested = message.upTo
  }
  const server = createServer((wire) => {
    socket?.destroy()
    if (socket !== undefined) driver.handle({ type: 'detach', payer: other })
    requested = 0
    served = 0
    driver.handle({ type: 'attach', payer: other, network: '127.0.0', conditions })
    driver.handle({ type: 'price', payer: other, fromByte: 0, pricePerMiB })
    listen(wire, take, () => driver.handle({ type: 'detach', payer: other }))
  })
  await new Promise<void>((resolve) => server.listen(options.port, options.host, resolve))
  setInterval(() => {
    say({ type: 'lanes', count: machine.records.length })
  }, 250)
  setInterval(() => {
    const tab = machine.tabOf(other)
    if (socket === undefined || tab === undefined) return
    while (served + chunkBytes <= requested && machine.allowanceBytes(tab) >= chunkBytes) {
      machine.countServed(tab, chunkBytes, clock.nowMs())
      served += chunkBytes
      send({ type: 'bytes', bytes: chunkBytes })
    }
    driver.plan()
  }, turnMs)
}

await (role === 'payer' ? pay() : bePaid())
say({ type: 'ready' })
