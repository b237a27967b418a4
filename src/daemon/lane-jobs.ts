// What the command line does with lanes, one job at a time: opening, topping up, paying by voucher, taking one, cashing,
// closing from either side, watching. Guarantees: a job ends when what it is about is on the disk or the ledger has said
// yes or no; what it had to leave open goes on with the next job, or while watching.
import { existsSync } from 'node:fs'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, SwarmbidError, unwrap } from '../base/errors.ts'
import { addAmounts, parseTokenAmount, type TokenAmount, type TokenSymbol, zeroAmount } from '../base/token-amount.ts'
import { accountId, parseAccountId, parseAddress } from '../formats/money/account-id.ts'
import { systemRandom } from '../host/system-random.ts'
import { type PayeeLane, type PayerLane, payeeLanes, payerLanes } from '../payment/lane-records.ts'
import type { PayeeNotice, PayerNotice } from '../payment/payment-events.ts'
import { laneLifeMs } from '../payment/rail-terms.ts'
import type {
  AccountId,
  KnownLane,
  Lane,
  LaneId,
  OperationId,
  OperationOutcome,
  RailId,
  SignedVoucher,
} from '../ports/ledger.ts'
import type { PayerDriver } from '../session/lane-driver.ts'
import { readTable } from '../session/lane-records-reader.ts'
import { type LanesRequest, type OpenedLanes, openPayments, within, withLanes } from './open-lanes.ts'
import { spendingPath } from './paying-account.ts'
import { useLedger } from './use-ledger.ts'
import { formatVoucherLine, parseVoucherLine } from './voucher-line.ts'

/** A lane as this machine has it on record, from the side of its own account. */
export interface LaneView {
  readonly side: 'payer' | 'payee'
  readonly lane: LaneId
  readonly other: AccountId
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly deposit: TokenAmount
  readonly claimed: TokenAmount
  /** The largest voucher: signed, or held. */
  readonly voucher: TokenAmount
  readonly expiresAtMs: number
  readonly state: PayerLane['state'] | { readonly type: 'frozen' }
}

export interface LaneChange {
  readonly lane: LaneId
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly amount: TokenAmount
  readonly fee: TokenAmount
  readonly state: Lane['state'] | undefined
}

export interface WrittenVoucher {
  readonly line: string
  readonly lane: LaneId
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly payee: AccountId
  /** In all. */
  readonly amount: TokenAmount
}

export type LaneNotice =
  | { readonly side: 'payer'; readonly notice: PayerNotice }
  | { readonly side: 'payee'; readonly notice: PayeeNotice }

const patienceMs = 20_000
const idLength = 32
/** What a payer needs to be taken note of; nothing is served on a voucher that was handed over. */
const noConditions = {
  pieceBytes: 1,
  hasWholePieceHashes: false,
  bytesPerSecond: 1,
  roundTripMs: 0,
  remainingBytes: Number.MAX_SAFE_INTEGER,
} as const
const byHand = 'by-hand'

function drawId(): OperationId {
  const bytes = new Uint8Array(idLength)
  systemRandom().fill(bytes)
  return toHex(bytes) as OperationId
}

function readPayee(rail: RailId, text: string): AccountId {
  if (!text.includes(':')) return accountId(rail, unwrap(parseAddress(rail, text)))
  const account = unwrap(parseAccountId(text))
  return account.startsWith(`${rail}:`)
    ? account
    : unwrap(failure('account-invalid', `an account that is not on ${rail}`))
}

function readAmount(text: string, symbol: TokenSymbol): TokenAmount {
  const { amount } = unwrap(parseTokenAmount(text, symbol))
  return amount > 0n ? amount : unwrap(failure('amount-invalid', 'nothing at all'))
}

/** The one lane that a text means: its id, or the beginning of it, 4 digits or more. Errors: lane-closed, usage. */
function findLane(text: string, ids: readonly LaneId[]): LaneId {
  const digits = text.toLowerCase().replace(/^0x/, '')
  if (!/^[0-9a-f]{4,64}$/.test(digits)) unwrap(failure('usage', 'a lane is named by 4 to 64 hexadecimal digits'))
  const found = ids.filter((id) => id.startsWith(digits))
  const [first] = found
  if (found.length > 1) unwrap(failure('usage', `${found.length} lanes begin with ${digits}; name one`))
  return first ?? unwrap(failure('lane-closed', `${digits}: no lane of this account is on record here`))
}

/** Notices of a payer, and who waits for one of them. */
function listening<Notice>() {
  const waiters = new Set<(notice: Notice) => void>()
  return {
    hear(notice: Notice): void {
      for (const waiter of [...waiters]) waiter(notice)
    },
    /** The first that `pick` makes something of. */
    first<T>(pick: (notice: Notice) => T | undefined): Promise<T> {
      return new Promise((resolve) => {
        const waiter = (notice: Notice) => {
          const picked = pick(notice)
          if (picked === undefined) return
          waiters.delete(waiter)
          resolve(picked)
        }
        waiters.add(waiter)
      })
    },
  }
}

type Heard = ReturnType<typeof listening<PayerNotice>>

/** What became of an operation of the owner's, for good. */
async function doneByHand(
  driver: PayerDriver,
  heard: Heard,
  operation: Extract<Parameters<PayerDriver['handle']>[0], { readonly type: 'by-hand' }>['operation'],
  signal: AbortSignal,
): Promise<OperationOutcome> {
  const done = heard.first((notice) => {
    if (notice.type === 'halted') return notice.failure
    // A wallet that cannot sign now is asked again, but not by who stands before it.
    if (notice.type === 'refused' && notice.failure.code.startsWith('spending-')) return notice.failure
    return notice.type === 'done' && notice.id === operation.id ? notice.result : undefined
  })
  driver.handle({ type: 'by-hand', operation })
  return unwrap(unwrap(await within(done, patienceMs, signal)))
}

function changeOf(lanes: OpenedLanes, lane: LaneId, amount: TokenAmount, outcome: OperationOutcome): LaneChange {
  const { facts, symbol } = lanes
  const state = outcome.lanes?.find(({ id }) => id === lane)?.state
  return { lane, rail: facts.rail, symbol, amount, fee: outcome.fee, state }
}

async function asPayer<T>(
  request: LanesRequest,
  work: (lanes: OpenedLanes, driver: PayerDriver, heard: Heard) => Promise<T>,
): Promise<T> {
  const heard = listening<PayerNotice>()
  return withLanes(request, { onPayer: (notice) => heard.hear(notice) }, async (lanes) =>
    work(lanes, await lanes.startPayer(), heard),
  )
}

/** A lane to be paid on by hand. `lifeMs` absent: as long as lanes usually live there. */
export function openLaneByHand(
  request: LanesRequest,
  payee: string,
  amount: string,
  lifeMs: number | undefined,
  signal: AbortSignal,
): Promise<LaneChange> {
  return asPayer(request, async (lanes, driver, heard) => {
    const deposit = readAmount(amount, lanes.symbol)
    const nowMs = unwrap(await lanes.ledger.timeMs(signal))
    const id = drawId()
    const expiresAtMs = nowMs + (lifeMs ?? laneLifeMs(lanes.terms))
    const operation = {
      type: 'open-lane',
      id,
      payee: readPayee(lanes.facts.rail, payee),
      deposit,
      expiresAtMs,
    } as const
    const outcome = await doneByHand(driver, heard, operation, signal)
    return changeOf(lanes, id as string as LaneId, deposit, outcome)
  })
}

export function topUpLaneByHand(
  request: LanesRequest,
  laneText: string,
  amountText: string,
  signal: AbortSignal,
): Promise<LaneChange> {
  return asPayer(request, async (lanes, driver, heard) => {
    const amount = readAmount(amountText, lanes.symbol)
    const lane = findLane(laneText, payerIds(driver))
    const outcome = await doneByHand(driver, heard, { type: 'top-up-lane', id: drawId(), lane, amount }, signal)
    return changeOf(lanes, lane, amount, outcome)
  })
}

function payerIds(driver: PayerDriver): LaneId[] {
  return driver.machine.records.map(({ lane }) => lane)
}

/** How much a voucher is to be for: so much more, so much in all, or what was signed last. */
export type VoucherSum =
  | { readonly type: 'more'; readonly amount: string }
  | { readonly type: 'total'; readonly amount: string }
  | { readonly type: 'again' }

export function payByHand(
  request: LanesRequest,
  laneText: string,
  sum: VoucherSum,
  signal: AbortSignal,
): Promise<WrittenVoucher> {
  return asPayer(request, async (lanes, driver, heard) => {
    const { facts, symbol, ledger } = lanes
    const id = findLane(laneText, payerIds(driver))
    const signed = driver.machine.records.find(({ lane }) => lane === id)?.signed ?? zeroAmount
    const cumulativeAmount = amountOf(sum, signed, symbol)
    const seen = unwrap(await ledger.lane(id, signal))
    if (seen === undefined) return unwrap(failure('lane-closed', 'the ledger has no such lane'))
    if (seen.state.type === 'closed') return unwrap(failure('lane-closed', 'the lane has ended'))
    const ledgerMs = unwrap(await ledger.timeMs(signal))
    const answered = heard.first((notice): SignedVoucher | Failure | undefined => {
      if (notice.type === 'voucher-signed' && notice.voucher.lane === id) return notice.voucher
      return notice.type === 'refused' || notice.type === 'halted' ? notice.failure : undefined
    })
    driver.handle({ type: 'sign-by-hand', voucher: { lane: id, cumulativeAmount }, seen, ledgerMs })
    const voucher = unwrap(await within(answered, patienceMs, signal))
    if ('code' in voucher) return unwrap(voucher)
    const line = formatVoucherLine({ rail: facts.rail, voucher })
    return { line, lane: id, rail: facts.rail, symbol, payee: seen.payee, amount: cumulativeAmount }
  })
}

function amountOf(sum: VoucherSum, signed: TokenAmount, symbol: TokenSymbol): TokenAmount {
  if (sum.type === 'more') return addAmounts(signed, readAmount(sum.amount, symbol))
  if (sum.type === 'total') return readAmount(sum.amount, symbol)
  return signed > 0n ? signed : unwrap(failure('voucher-invalid', 'nothing was signed on this lane yet'))
}

/** Takes a voucher that was handed over. Errors: statement-malformed, voucher-invalid, lane-closed. */
export async function takeVoucher(request: LanesRequest, line: string, signal: AbortSignal): Promise<LaneView> {
  const { rail, voucher } = unwrap(parseVoucherLine(line))
  const heard = listening<PayeeNotice>()
  const told = listening<'ready' | Failure | SignedVoucher>()
  const listeners = {
    onPayee: (notice: PayeeNotice) => heard.hear(notice),
    onPayeeMessage: (message: { readonly type: string }) => {
      if (message.type === 'present') told.hear('ready')
      if (message.type === 'acknowledge') told.hear(voucher)
    },
  }
  return withLanes(request, listeners, async ({ account, facts, ledger, symbol, ...lanes }) => {
    if (facts.rail !== rail) return unwrap(failure('ledger-missing', `the voucher is for ${rail}; name it by --ledger`))
    const lane = unwrap(await ledger.lane(voucher.lane, signal))
    if (lane === undefined) return unwrap(failure('lane-closed', 'the ledger has no such lane'))
    if (lane.state.type === 'closed') return unwrap(failure('lane-closed', 'the lane has ended'))
    if (lane.payee !== account) return unwrap(failure('voucher-invalid', 'it pays another account'))
    const driver = await lanes.startPayee()
    const ready = told.first((each) => (each === 'ready' ? each : undefined))
    driver.handle({ type: 'attach', payer: lane.payer, network: byHand, conditions: noConditions })
    const mark = { lane: lane.id, signed: voucher.cumulativeAmount }
    driver.handle({ type: 'told', from: lane.payer, message: { type: 'hello', lanes: [mark], unpaid: zeroAmount } })
    unwrap(await within(ready, patienceMs, signal))
    // It may have been topped up since it was looked at last.
    driver.handle({ type: 'lane-seen', lane })
    const refused = heard.first((notice): Failure | undefined => {
      if (notice.type === 'refused' || notice.type === 'halted') return notice.failure
      return notice.type === 'voucher-alarm'
        ? failure('voucher-invalid', 'a larger one of this lane is here, or another of the same amount')
        : undefined
    })
    const taken = told.first((each) => (each === voucher ? voucher : undefined))
    driver.handle({ type: 'told', from: lane.payer, message: { type: 'voucher', voucher } })
    const answer = unwrap(await within(Promise.race([taken, refused]), patienceMs, signal))
    driver.handle({ type: 'detach', payer: lane.payer })
    if ('code' in answer) return unwrap(answer)
    const record = driver.machine.records.find((each) => each.lane === lane.id)
    if (record === undefined) return unwrap(failure('lane-closed', 'the lane is too near to its end'))
    return payeeView(record, rail, symbol)
  })
}

export interface Cashed {
  readonly rail: RailId
  readonly symbol: TokenSymbol
  readonly amount: TokenAmount
  readonly lanes: number
}

/** Cashes what is in hand of all lanes that pay this account. */
export function claimByHand(request: LanesRequest, signal: AbortSignal): Promise<Cashed> {
  return asPayee(request, { type: 'claim' }, signal)
}

async function asPayee(
  request: LanesRequest,
  wish: { readonly type: 'claim' } | { readonly type: 'close-lane'; readonly lane: LaneId },
  signal: AbortSignal,
): Promise<Cashed> {
  const heard = listening<PayeeNotice>()
  let [amount, lanes] = [zeroAmount, 0]
  let refused: Failure | undefined
  const onPayee = (notice: PayeeNotice) => {
    if (notice.type === 'cashed') [amount, lanes] = [addAmounts(amount, notice.amount), lanes + 1]
    if (notice.type === 'done' && !notice.result.ok) refused = notice.result
    heard.hear(notice)
  }
  return withLanes(request, { onPayee }, async (opened) => {
    const driver = await opened.startPayee()
    const halted = heard.first((notice) => (notice.type === 'halted' ? notice.failure : undefined))
    const settled = heard.first((notice) =>
      notice.type === 'done' && driver.machine.pendingCount === 0 ? ('settled' as const) : undefined,
    )
    driver.handle(wish)
    if (driver.machine.pendingCount > 0) {
      const end = unwrap(await within(Promise.race([settled, halted]), patienceMs, signal))
      if (end !== 'settled') return unwrap(end)
    }
    if (refused !== undefined) return unwrap(refused)
    return { rail: opened.facts.rail, symbol: opened.symbol, amount, lanes }
  })
}

export type ClosedLane = ({ readonly side: 'payer' } & LaneChange) | ({ readonly side: 'payee' } & Cashed)

/** As payer asks for the end, as payee ends it with what is in hand. */
export async function closeByHand(request: LanesRequest, laneText: string, signal: AbortSignal): Promise<ClosedLane> {
  const views = await listLanes(request.dataFolder, request.ledger)
  const lane = findLane(laneText, [...new Set(views.map((view) => view.lane))])
  const sides = views.filter((view) => view.lane === lane).map(({ side }) => side)
  if (sides[0] === 'payee') return { side: 'payee', ...(await asPayee(request, { type: 'close-lane', lane }, signal)) }
  return asPayer(request, async (lanes, driver, heard) => {
    const outcome = await doneByHand(driver, heard, { type: 'request-close', id: drawId(), lane }, signal)
    return { side: 'payer', ...changeOf(lanes, lane, zeroAmount, outcome) }
  })
}

/** All on record, of either side. Errors: wallet-busy, those of opening the ledger. */
export async function listLanes(dataFolder: string, wanted: string | undefined): Promise<readonly LaneView[]> {
  const { facts, close } = unwrap(await useLedger(dataFolder, wanted))
  await close()
  const { rail, genesis } = facts
  if (!existsSync(spendingPath(dataFolder))) return []
  const store = unwrap(await openPayments(dataFolder))
  try {
    const paying = unwrap(await readTable(store, payerLanes, rail))
    const paid = unwrap(await readTable(store, payeeLanes, rail))
    return [
      ...paying.map((record) => payerView(record, rail, genesis.symbol)),
      ...paid.map((record) => payeeView(record, rail, genesis.symbol)),
    ]
  } finally {
    await store.close()
  }
}

export interface ShownLane {
  readonly lane: LaneId
  readonly rail: RailId
  readonly symbol: TokenSymbol
  /** As it is on record here, from either side; none: it has ended, or is of others. */
  readonly views: readonly LaneView[]
  readonly onLedger: KnownLane | undefined
}

/** One of them, or by its whole id any other, and what the ledger says of it. Errors: lane-closed (none anywhere). */
export async function showLane(
  dataFolder: string,
  wanted: string | undefined,
  laneText: string,
  signal: AbortSignal,
): Promise<ShownLane> {
  const all = await listLanes(dataFolder, wanted)
  const whole = /^(?:0x)?([0-9a-f]{64})$/.exec(laneText.toLowerCase())?.[1] as LaneId | undefined
  const lane = whole ?? findLane(laneText, [...new Set(all.map((view) => view.lane))])
  const { ledger, facts, close } = unwrap(await useLedger(dataFolder, wanted))
  try {
    const views = all.filter((view) => view.lane === lane)
    const onLedger = unwrap(await ledger.lane(lane, signal))
    if (views.length === 0 && onLedger === undefined) {
      return unwrap(failure('lane-closed', `${lane}: no such lane is on record here or on the ledger`))
    }
    return { lane, rail: facts.rail, symbol: facts.genesis.symbol, views, onLedger }
  } finally {
    await close()
  }
}

/** Both sides at work until the signal: cashes in time, answers wishes to close, takes back what is over. */
export async function watchLanes(
  request: LanesRequest,
  onReady: (account: AccountId, symbol: TokenSymbol) => void,
  onNotice: (notice: LaneNotice) => void,
  signal: AbortSignal,
): Promise<void> {
  const heard = listening<PayerNotice | PayeeNotice>()
  const listeners = {
    onPayer(notice: PayerNotice) {
      onNotice({ side: 'payer', notice })
      heard.hear(notice)
    },
    onPayee(notice: PayeeNotice) {
      onNotice({ side: 'payee', notice })
      heard.hear(notice)
    },
  }
  await withLanes(request, listeners, async (lanes) => {
    const halted = heard.first((notice) => (notice.type === 'halted' ? notice.failure : undefined))
    await lanes.startPayer()
    await lanes.startPayee()
    onReady(lanes.account, lanes.symbol)
    const stopped = new Promise<undefined>((resolve) => {
      if (signal.aborted) resolve(undefined)
      else signal.addEventListener('abort', () => resolve(undefined), { once: true })
    })
    const failed = await Promise.race([halted, stopped])
    if (failed !== undefined) throw new SwarmbidError(failed.code, failed.detail)
  })
}

function payerView(record: PayerLane, rail: RailId, symbol: TokenSymbol): LaneView {
  const { lane, payee, deposit, claimed, signed, expiresAtMs, frozen } = record
  const state = frozen === undefined ? record.state : ({ type: 'frozen' } as const)
  return { side: 'payer', lane, other: payee, rail, symbol, deposit, claimed, voucher: signed, expiresAtMs, state }
}

function payeeView(record: PayeeLane, rail: RailId, symbol: TokenSymbol): LaneView {
  const { lane, payer, deposit, claimed, newest, expiresAtMs, state } = record
  const voucher = newest?.cumulativeAmount ?? zeroAmount
  return { side: 'payee', lane, other: payer, rail, symbol, deposit, claimed, voucher, expiresAtMs, state }
}
