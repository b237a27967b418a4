// Notes for people on why shares were bought or sold at their prices, from the awards that were told or taken.
// Guarantees: one where a share begins or has another price, none where nothing changed. Owns what was noted last.
import type { TokenAmount } from '../base/token-amount.ts'
import type { AuctionAward } from '../market/market-messages.ts'
import type { AccountId } from '../ports/ledger.ts'
import type { AwardReason, AwardRecord } from './award-records.ts'
import type { MarketPlace } from './torrent-markets.ts'

type Award = AuctionAward | { readonly type: 'walk-in-award'; readonly epoch: number; readonly price: TokenAmount }

interface Round {
  readonly epoch: number
  readonly listed: number
}

export class AwardNotes {
  private readonly place: MarketPlace
  private readonly side: AwardRecord['side']
  /** What is paid, by account. */
  private readonly prices = new Map<AccountId, TokenAmount>()
  private readonly rounds = new Map<AccountId, Round>()

  constructor(place: MarketPlace, side: AwardRecord['side']) {
    this.place = place
    this.side = side
  }

  /** Of a provider's round, how many sealed a bid. */
  listed(provider: AccountId, epoch: number, count: number): void {
    this.rounds.set(provider, { epoch, listed: count })
  }

  /** A share of somebody's, or for somebody: `provider` is who sells it, `winner` who has it. */
  awarded(provider: AccountId, winner: AccountId, award: Award, postedPrice: TokenAmount): void {
    const account = this.side === 'paying' ? provider : winner
    const { epoch, price } = award
    const before = this.prices.get(account)
    if (before === price) return
    this.prices.set(account, price)
    const { room, facts, rail } = this.place
    const shared = {
      atMs: Math.floor(room.ports.clock.wallMs()),
      torrent: facts.id,
      account,
      side: this.side,
      epoch,
      price,
      postedPrice,
    }
    if (award.type === 'walk-in-award') {
      rail.awards.keep({ ...shared, reason: before === undefined ? 'free-share' : 'followed' })
      return
    }
    const { openings } = award
    const round = this.rounds.get(provider)
    const missing = round?.epoch === epoch ? Math.max(0, round.listed - openings.length) : 0
    const own = openings.find((opening) => opening.account === winner)
    rail.awards.keep({
      ...shared,
      reason: reasonOf(price, postedPrice, missing),
      openings: openings.length,
      missing,
      ...(own === undefined ? {} : { bid: own.bid, rank: 1 + openings.filter(({ bid }) => bid > own.bid).length }),
    })
  }

  ended(account: AccountId): void {
    this.prices.delete(account)
  }
}

function reasonOf(price: TokenAmount, postedPrice: TokenAmount, missing: number): AwardReason {
  if (missing > 0) return 'missing-reveal'
  return price > postedPrice ? 'highest-losing-bid' : 'above-posted'
}
