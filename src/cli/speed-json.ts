// What of Speed `download` and `seed` tell programs; the names are a promise to them (docs/command-line.md). Amounts are base
// units as decimal text, prices those for a MiB, accounts CAIP-10. Pure.
import { formatBaseUnits, type TokenAmount } from '../base/token-amount.ts'
import type {
  AccountEvent,
  InHand,
  Invoice,
  SpeedEvent,
  SpeedParty,
  SpeedRow,
  StayRow,
  TorrentQuote,
  TorrentSpeedSnapshot,
  TransferEvent,
} from '../daemon/transfer-request.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'

type JsonObject = Readonly<Record<string, unknown>>
type Of<Type> = Extract<TransferEvent, { readonly type: Type }>

function unitsOrNull(amount: TokenAmount | undefined): string | null {
  return amount === undefined ? null : formatBaseUnits(amount)
}

function partyOf({ account, side, bytes, owed, paid }: SpeedParty): JsonObject {
  return { account, side, bytes, owed: formatBaseUnits(owed), paid: formatBaseUnits(paid) }
}

function rowOf({
  endpoint,
  account,
  side,
  state,
  problem,
  postedPrice,
  price,
  bytes,
  owed,
  paid,
}: SpeedRow): JsonObject {
  return {
    peer: formatEndpoint(endpoint),
    account,
    side,
    state,
    ...(problem === undefined ? {} : { error: { code: problem.code, message: problem.detail } }),
    postedPrice: formatBaseUnits(postedPrice),
    price: unitsOrNull(price),
    bytes,
    owed: formatBaseUnits(owed),
    paid: formatBaseUnits(paid),
  }
}

function stayOf({ account, side, perHour, amount, leftMs }: StayRow): JsonObject {
  return {
    account,
    side,
    perHour: formatBaseUnits(perHour),
    amount: formatBaseUnits(amount),
    leftMs: Math.max(0, Math.round(leftMs)),
  }
}

/** Of `progress`. */
export function speedJson(speed: TorrentSpeedSnapshot): JsonObject {
  const {
    symbol,
    budget,
    spent,
    locked,
    earned,
    boughtBytes,
    freeBytes,
    postedPrice,
    sharesSold,
    shares,
    rows,
    stays,
    parties,
  } = speed
  return {
    symbol,
    budget: unitsOrNull(budget),
    spent: formatBaseUnits(spent),
    locked: formatBaseUnits(locked),
    earned: formatBaseUnits(earned),
    boughtBytes,
    freeBytes,
    postedPrice: unitsOrNull(postedPrice),
    sharesSold,
    shares,
    peers: rows.map(rowOf),
    stays: stays.map(stayOf),
    parties: parties.map(partyOf),
  }
}

/** Of an event: its name, and what it says. */
function eventOf(event: SpeedEvent | AccountEvent): JsonObject {
  const { type, ...members } = event
  const plain = Object.entries(members).map(([name, value]) => [
    name,
    typeof value === 'bigint' ? formatBaseUnits(value as TokenAmount) : value,
  ])
  return { event: type, ...Object.fromEntries(plain) }
}

export function speedEventJson({ torrent, event }: Of<'speed'>): JsonObject {
  return { type: 'speed', id: torrent.id, ...eventOf(event) }
}

export function accountEventJson({ event, symbol }: Of<'account'>): JsonObject {
  return { type: 'account', symbol, ...eventOf(event) }
}

function msOrNull(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}

export function quoteJson(id: string, symbol: string, quote: TorrentQuote): JsonObject {
  const { verdict, sellers, lanes, leastPrice, mostPrice, bid, expectedPay, fees, locked, remainingBytes } = quote
  return {
    type: 'quote',
    id,
    symbol,
    verdict,
    remainingBytes,
    sellers,
    leastPrice: unitsOrNull(leastPrice),
    mostPrice: unitsOrNull(mostPrice),
    bid: formatBaseUnits(bid),
    lanes,
    expectedPay: formatBaseUnits(expectedPay),
    fees: formatBaseUnits(fees),
    locked: formatBaseUnits(locked),
    lockedMs: quote.lockedMs,
    unpaidMs: msOrNull(quote.unpaidMs),
    paidMs: msOrNull(quote.paidMs),
    savedMs: msOrNull(quote.savedMs),
    sampledMs: Math.round(quote.sampledMs),
  }
}

export function invoiceJson(id: string, invoice: Invoice): JsonObject {
  const { symbol, budget, spent, locked, earned, boughtBytes, freeBytes, savedSeconds, parties } = invoice
  return {
    type: 'invoice',
    id,
    symbol,
    budget: unitsOrNull(budget),
    spent: formatBaseUnits(spent),
    locked: locked === undefined ? '0' : formatBaseUnits(locked.amount),
    lockedUntilMs: locked === undefined ? null : locked.untilMs,
    earned: formatBaseUnits(earned),
    boughtBytes,
    freeBytes,
    savedSeconds: savedSeconds === undefined ? null : Math.round(savedSeconds),
    parties: parties.map(partyOf),
  }
}

export function earnsTooLittleJson({ torrent, symbol, earned, costPerHour }: Of<'earns-too-little'>): JsonObject {
  const amounts = { earned: formatBaseUnits(earned), costPerHour: formatBaseUnits(costPerHour) }
  return { type: 'earns-too-little', id: torrent.id, symbol, ...amounts }
}

export function cashedJson({ symbol, cashed, inHand }: Of<'cashed'>): JsonObject {
  return { type: 'cashed', symbol, cashed: formatBaseUnits(cashed), ...inHandOf(inHand) }
}

function inHandOf({ amount, untilMs }: InHand): JsonObject {
  return { inHand: formatBaseUnits(amount), inHandUntilMs: msOrNull(untilMs) }
}
