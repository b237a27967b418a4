// How what is paid and earned is shown to people: a line while it goes on, an invoice at the end, a quote before.
// Guarantees: amounts that are shortened say so; prices are for a GiB; what is an estimate is called one. Pure.
import { formatRounded, formatTokenAmount, type TokenAmount, type TokenSymbol } from '../base/token-amount.ts'
import { pricePerGiB } from '../daemon/price-unit.ts'
import type { ExplainedAward, ExplainedReceipt } from '../daemon/speed-records.ts'
import type {
  AccountEvent,
  InHand,
  Invoice,
  SpeedEvent,
  SpeedParty,
  TorrentQuote,
  TorrentSpeedSnapshot,
  TransferEvent,
} from '../daemon/transfer-request.ts'
import { formatAddress, parseAccountId } from '../formats/money/account-id.ts'
import { counted, formatBytes, formatDuration } from './display-text.ts'

const shownDecimals = 4
const priceDecimals = 2

function short(amount: TokenAmount, symbol: TokenSymbol): string {
  return formatRounded(amount, symbol, shownDecimals)
}

/** `1000 TEST/GiB`. */
export function priceText(perMiB: TokenAmount, symbol: TokenSymbol): string {
  return `${formatRounded(pricePerGiB(perMiB), symbol, priceDecimals)}/GiB`
}

/** A moment of a ledger's time. */
export function momentText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** The address of an account, shortened. */
export function accountText(account: string): string {
  const parsed = parseAccountId(account)
  const address = parsed.ok ? formatAddress(parsed.value) : account
  return address.length <= 12 ? address : `${address.slice(0, 8)}…${address.slice(-4)}`
}

function sum(parties: readonly SpeedParty[], side: SpeedParty['side']): TokenAmount {
  let total = 0n
  for (const party of parties) if (party.side === side) total += party.paid
  return total as TokenAmount
}

/** What is bought just now, and what the budget has left. */
function payingText(speed: TorrentSpeedSnapshot): string | undefined {
  const { rows, budget, spent, locked, symbol, parties } = speed
  if (budget === undefined) return undefined
  const sellers = rows.filter(({ side, state }) => side === 'paying' && state !== 'closed')
  const held = sellers.filter(({ state, price }) => state === 'holding' && price !== undefined)
  const prices = held.map(({ price = 0n }) => price as TokenAmount).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  const [least] = prices
  const most = prices.at(-1)
  let what =
    sellers.length === 0
      ? 'nobody who sells is connected'
      : `waiting for a share of ${counted(sellers.length, 'seller')}`
  if (least !== undefined && most !== undefined) {
    const range =
      least === most ? priceText(least, symbol) : `${priceText(least, symbol)} to ${priceText(most, symbol)}`
    what = `paying ${counted(held.length, 'peer')} ${range}`
  }
  const committed = spent + locked
  const left = (budget > committed ? budget - committed : 0n) as TokenAmount
  return `${what}, paid ${short(sum(parties, 'paying'), symbol)}; of ${short(budget, symbol)} ${short(left, symbol)} left, ${short(locked, symbol)} in lanes`
}

function earningText({ postedPrice, sharesSold, shares, symbol, parties }: TorrentSpeedSnapshot): string | undefined {
  if (postedPrice === undefined) return undefined
  const earned = short(sum(parties, 'earning'), symbol)
  return `sold ${sharesSold} of ${counted(shares, 'share')}, at ${priceText(postedPrice, symbol)}, earned ${earned}`
}

/** Staying that is paid for. */
function stayingText({ stays, symbol }: TorrentSpeedSnapshot): string | undefined {
  const texts = (['paying', 'earning'] as const).flatMap((side) => {
    const rows = stays.filter((row) => row.side === side)
    if (rows.length === 0) return []
    const perHour = rows.reduce((total, row) => total + row.perHour, 0n) as TokenAmount
    const whom = side === 'paying' ? `${counted(rows.length, 'seeder')} paid to stay` : `paid to stay by ${rows.length}`
    return [`${whom}: ${short(perHour, symbol)} an hour`]
  })
  return texts.length === 0 ? undefined : texts.join(', ')
}

/** One line for each side that there is. */
export function speedTexts(speed: TorrentSpeedSnapshot | undefined): readonly string[] {
  if (speed === undefined) return []
  return [payingText(speed), earningText(speed), stayingText(speed)].filter((text) => text !== undefined)
}

function partyText({ account, bytes, paid }: SpeedParty, symbol: TokenSymbol): string {
  const perMiB = bytes === 0 ? 0n : (paid * 1_048_576n) / BigInt(bytes)
  return `${accountText(account)}  ${formatBytes(bytes)}  ${short(paid, symbol)}  (${priceText(perMiB as TokenAmount, symbol)})`
}

/** Labels and values, as `newFields` shows them; several of one label come one after another. */
type Field = readonly [label: string, value: string]

export function invoiceFields(invoice: Invoice): readonly Field[] {
  const { symbol, budget, locked, boughtBytes, freeBytes, savedSeconds, parties } = invoice
  const bought = parties.filter(({ side }) => side === 'paying')
  const sold = parties.filter(({ side }) => side === 'earning')
  const fields: Field[] = []
  if (budget !== undefined || bought.length > 0) {
    const of = budget === undefined ? '' : ` of ${formatTokenAmount(budget, symbol)}`
    fields.push(['paid', `${formatTokenAmount(sum(parties, 'paying'), symbol)}${of}`])
    if (locked !== undefined) {
      const until = `until ${momentText(locked.untilMs)} at the latest`
      fields.push([
        'locked',
        `${formatTokenAmount(locked.amount, symbol)} in ${counted(locked.lanes, 'lane')}, ${until}`,
      ])
    }
    fields.push(['bought', `${formatBytes(boughtBytes)}, and ${formatBytes(freeBytes)} free of charge`])
    if (savedSeconds !== undefined) fields.push(['saved', `about ${formatDuration(savedSeconds)} (estimated)`])
    for (const party of bought) fields.push(['to', partyText(party, symbol)])
  }
  if (sold.length > 0) {
    const bytes = sold.reduce((total, party) => total + party.bytes, 0)
    fields.push(['earned', `${formatTokenAmount(sum(parties, 'earning'), symbol)} for ${formatBytes(bytes)}`])
    for (const party of sold) fields.push(['from', partyText(party, symbol)])
  }
  return fields
}

const verdicts: Readonly<Record<TorrentQuote['verdict'], string>> = {
  'worth-it': 'worth it',
  'not-worth-it': 'not worth it',
  'no-provider': 'nobody who was met sells for what would be bid',
  'over-budget': 'the budget is too small',
}

function timeText(ms: number): string {
  return Number.isFinite(ms) ? `about ${formatDuration(ms / 1_000)}` : 'not in sight'
}

export function verdictText({ verdict, sellers }: TorrentQuote): string {
  return verdict === 'no-provider' && sellers === 0 ? 'nobody who sells was met' : verdicts[verdict]
}

export function quoteFields(quote: TorrentQuote, symbol: TokenSymbol): readonly Field[] {
  const { sellers, leastPrice, mostPrice, bid, remainingBytes, sampledMs } = quote
  const fields: Field[] = [
    ['to come', `${formatBytes(remainingBytes)}; ${formatDuration(sampledMs / 1_000)} of it were looked at`],
    ['unpaid', timeText(quote.unpaidMs)],
  ]
  if (leastPrice !== undefined && mostPrice !== undefined) {
    const asked =
      leastPrice === mostPrice
        ? priceText(leastPrice, symbol)
        : `${priceText(leastPrice, symbol)} to ${priceText(mostPrice, symbol)}`
    fields.push(['sellers', `${sellers}, asking ${asked}; the bid would be ${priceText(bid, symbol)}`])
  }
  if (quote.lanes > 0) {
    fields.push(['paid', `${timeText(quote.paidMs)}, saving ${timeText(quote.savedMs)}`])
    fields.push(['price', `about ${short(quote.expectedPay, symbol)}, and fees of ${short(quote.fees, symbol)}`])
    fields.push([
      'locked',
      `${short(quote.locked, symbol)} in ${counted(quote.lanes, 'lane')}, ${formatDuration(quote.lockedMs / 1_000)} at most`,
    ])
  }
  return fields
}

/** Undefined: nothing that people need a line for. */
export function speedEventText(event: SpeedEvent, symbol: TokenSymbol): string | undefined {
  if (event.type === 'stay-began') {
    const who =
      event.side === 'paying' ? `${accountText(event.account)} is paid` : `${accountText(event.account)} pays us`
    return `${who} to stay: ${short(event.perHour, symbol)} an hour, for ${formatDuration(event.lastsMs / 1_000)}`
  }
  if (event.type === 'stay-ended') {
    const who = event.side === 'paying' ? 'is paid to stay no more' : 'pays for staying no more'
    return `${accountText(event.account)} ${who} (${event.why}); it came to ${short(event.amount, symbol)}`
  }
  if (event.type === 'stay-refused') {
    const least = event.leastPerHour === undefined ? '' : `; it asks ${short(event.leastPerHour, symbol)} an hour`
    return `${accountText(event.account)} does not stay for what is offered (${event.why})${least}`
  }
  if (event.type === 'budget-spent') return 'the budget is spent; it goes on without paying'
  if (event.type === 'fraud')
    return `${accountText(event.account)} cheats (${event.kind}): it is banned, and the proof kept`
  return undefined
}

/** Undefined: nothing that people need a line for. */
export function accountEventText(event: AccountEvent, symbol: TokenSymbol): string | undefined {
  if (event.type === 'default') return `${accountText(event.account)} did not pay ${short(event.amount, symbol)}`
  if (event.type !== 'ledger') return undefined
  return event.isReachable ? 'the ledger answers again' : 'the ledger does not answer; no new lanes are opened'
}

type EarnsTooLittle = Extract<TransferEvent, { readonly type: 'earns-too-little' }>

export function earnsTooLittleText({ torrent, earned, costPerHour, symbol }: EarnsTooLittle): string {
  const rate = `${formatTokenAmount(costPerHour, symbol)} an hour`
  return `${torrent.name} brings less than ${rate} by now, so it is seeded no longer; it earned ${short(earned, symbol)}`
}

export function cashedText(cashed: TokenAmount, { amount, lanes, untilMs }: InHand, symbol: TokenSymbol): string {
  const done = `cashed ${formatTokenAmount(cashed, symbol)}`
  if (lanes === 0) return done
  const rest = `${formatTokenAmount(amount, symbol)} in ${counted(lanes, 'lane')} to be cashed before ${momentText(untilMs)}`
  return `${cashed > 0n ? `${done}; ` : ''}${rest} (swarmbid lane claim, or run this again)`
}

const reasons: Readonly<Record<ExplainedAward['reason'], string>> = {
  'free-share': 'a share was free, so it went for the posted price',
  'followed': 'nobody else wanted the share, so its price went with the posted one',
  'above-posted': 'there were shares for all bids, so the posted price held',
  'highest-losing-bid': 'the price is the highest bid that got no share, weighted',
  'missing-reveal': 'a bid was not opened, so the posted price held',
  'job': 'part of a download with a deadline, at what the other offers came to',
}

/** An award, and why its price was what it was. */
export function awardLines(award: ExplainedAward): readonly string[] {
  const { atMs, side, account, torrent, price, postedPrice, bid, rank, openings, missing, reason, symbol } = award
  const verb = side === 'paying' ? 'bought of' : 'sold to'
  const rate = (perMiB: TokenAmount) => priceText(perMiB, symbol)
  const parts = [`posted ${rate(postedPrice)}`]
  if (bid !== undefined) parts.push(`bid ${rate(bid)}`)
  if (rank !== undefined && openings !== undefined) parts.push(`place ${rank} of ${openings}`)
  if (missing !== undefined && missing > 0) parts.push(`${counted(missing, 'bid')} not opened`)
  return [
    `${momentText(atMs)}  ${verb} ${accountText(account)} at ${rate(price)}, torrent ${torrent.slice(0, 8)}`,
    `  ${reasons[reason]} (${parts.join(', ')})`,
  ]
}

/** What a payee signed that it was paid. */
export function receiptLines({
  atMs,
  payee,
  torrent,
  amount,
  bytes,
  lane,
  symbol,
}: ExplainedReceipt): readonly string[] {
  return [
    `${momentText(atMs)}  receipt of ${accountText(payee)} for ${short(amount, symbol)}, torrent ${torrent.slice(0, 8)}`,
    `  paid in all by lane ${lane.slice(0, 8)}; of its last connection ${formatBytes(bytes)} are paid for`,
  ]
}
