// What a downloader bids by itself, and the budgets that bids are reserved from before they are sealed.
// Guarantees: what is reserved and spent together never passes a torrent's budget nor the day's, however many torrents
// bid at once; what is not used is free again. Owns both books.
import { assert } from '../base/assert.ts'
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'

/** Rates of spending count in 1/1024: one pays the budget out evenly over what is left to download. */
export const evenSpending = 1024n

export interface BidInputs {
  readonly spendingRate: bigint
  readonly remainingBudget: TokenAmount
  /** Without what was given to a job. */
  readonly remainingMiB: number
  /** Twice the median of recent prices (`RecentPrices.most`). */
  readonly mostPerMiB: TokenAmount
  /** r of the provider it is for. */
  readonly postedPrice: TokenAmount
}

/**
 * Base units for a MiB: an even part of the budget, or the posted price where that is more, so that a budget that does
 * not last for everything buys what it can at once. Below the posted price where that is over the most, and no bid then.
 */
export function autoBid(inputs: BidInputs): TokenAmount {
  const { spendingRate, remainingBudget, remainingMiB, mostPerMiB, postedPrice } = inputs
  if (remainingMiB <= 0) return zeroAmount
  const share = (spendingRate * remainingBudget) / (evenSpending * BigInt(remainingMiB))
  const wanted = share > postedPrice ? share : postedPrice
  // Never over what the budget holds for a single MiB, whatever the rate.
  const affordable = wanted < remainingBudget ? wanted : remainingBudget
  return tokenAmount(affordable < mostPerMiB ? affordable : mostPerMiB)
}

/** Only a change over a tenth is worth another bid. */
export function isWorthRebidding(standing: TokenAmount, wanted: TokenAmount): boolean {
  const change = wanted > standing ? wanted - standing : standing - wanted
  return change * 10n > standing
}

interface Book {
  limit: TokenAmount
  reserved: bigint
  spent: bigint
}

function roomIn({ limit, reserved, spent }: Book): bigint {
  return limit - reserved - spent
}

/** One wallet's budgets: one for each torrent, and one for the day over all of them. */
export class BidBudgets {
  private readonly day: Book
  private readonly torrents = new Map<string, Book>()

  constructor(dayLimit: TokenAmount, spentToday: TokenAmount = zeroAmount) {
    this.day = { limit: dayLimit, reserved: 0n, spent: spentToday }
  }

  /** A limit below what is reserved already ends further reservations, and takes none back. */
  setTorrent(torrent: string, limit: TokenAmount, spent?: TokenAmount): void {
    const book = this.torrents.get(torrent)
    if (book !== undefined) book.limit = limit
    else this.torrents.set(torrent, { limit, reserved: 0n, spent: spent ?? 0n })
  }

  setDay(limit: TokenAmount): void {
    this.day.limit = limit
  }

  /** Another day: what was spent is forgotten, what is reserved is not. */
  beginDay(): void {
    this.day.spent = 0n
  }

  /** What a torrent may still reserve; 0: none, or no budget. */
  available(torrent: string): TokenAmount {
    const book = this.torrents.get(torrent)
    if (book === undefined) return zeroAmount
    const [ofTorrent, ofDay] = [roomIn(book), roomIn(this.day)]
    const room = ofTorrent < ofDay ? ofTorrent : ofDay
    return room > 0n ? tokenAmount(room) : zeroAmount
  }

  /** False: more than there is, and nothing was reserved. */
  reserve(torrent: string, amount: TokenAmount): boolean {
    const book = this.torrents.get(torrent)
    if (book === undefined || amount > this.available(torrent)) return false
    book.reserved += amount
    this.day.reserved += amount
    return true
  }

  /** Of what was reserved, so much was spent, and the rest of `reserved` is free again. */
  settle(torrent: string, reserved: TokenAmount, spent: TokenAmount): void {
    const book = this.torrents.get(torrent)
    assert(book !== undefined && reserved <= book.reserved && spent <= reserved, 'a reservation made before')
    for (const one of [book, this.day]) {
      one.reserved -= reserved
      one.spent += spent
    }
  }

  /** What is reserved and spent, of a torrent or of the day. */
  committed(torrent?: string): TokenAmount {
    const book = torrent === undefined ? this.day : this.torrents.get(torrent)
    return book === undefined ? zeroAmount : tokenAmount(book.reserved + book.spent)
  }
}
