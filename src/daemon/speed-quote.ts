// What paying for a download would cost and save, from some seconds of it without paying: who sells, at what price, and
// how fast each of them and all together are. Guarantees: nothing is paid. Owns what it saw.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import { autoBid, evenSpending } from '../market/auto-bid.ts'
import { type Quote, quote } from '../market/quote.ts'
import { RecentPrices } from '../market/unit-ceiling.ts'
import { laneLifeMs, type RailTerms } from '../payment/rail-terms.ts'
import type { TorrentSnapshot } from '../session/snapshots.ts'

export interface TorrentQuote extends Quote {
  /** Sellers that were met, and the least and most they ask for a MiB. */
  readonly sellers: number
  readonly leastPrice: TokenAmount | undefined
  readonly mostPrice: TokenAmount | undefined
  /** What would be bid for a MiB at the cheapest of them. */
  readonly bid: TokenAmount
  readonly remainingBytes: number
  /** How long was looked. */
  readonly sampledMs: number
}

export interface QuoteSetting {
  readonly terms: RailTerms
  readonly budget: TokenAmount
  /** r where nobody says anything else. */
  readonly usualPrice: TokenAmount
  /** Infinity: no limit. */
  readonly downloadLimit: number
}

/** A peer that sells, as it was seen. */
interface Seller {
  price: TokenAmount
  samples: number
  served: number
  bestRate: number
}

const mebibyte = 1_048_576
/** Connections are made first. */
const warmUpMs = 4_000

export class QuoteSampler {
  private readonly setting: QuoteSetting
  private readonly startMs: number
  private readonly sellers = new Map<string, Seller>()
  /** The best rate of each peer that served, whether it sells or not. */
  private readonly rates = new Map<string, number>()
  /** Of the whole torrent, since it is warmed up. */
  private readonly totals = { rate: 0, samples: 0 }

  constructor(setting: QuoteSetting, nowMs: number) {
    this.setting = setting
    this.startMs = nowMs
  }

  sample({ speed, peers, downloadRate: rate }: TorrentSnapshot, nowMs: number): void {
    if (nowMs - this.startMs >= warmUpMs) {
      this.totals.rate += rate
      this.totals.samples++
    }
    const byEndpoint = new Map(peers.map((peer) => [formatEndpoint(peer.endpoint), peer]))
    for (const [endpoint, { downloadRate }] of byEndpoint) {
      if (downloadRate > (this.rates.get(endpoint) ?? 0)) this.rates.set(endpoint, downloadRate)
    }
    for (const { endpoint, side, state, postedPrice } of speed?.rows ?? []) {
      if (side !== 'paying' || state === 'agreeing' || state === 'closed') continue
      const name = formatEndpoint(endpoint)
      const peer = byEndpoint.get(name)
      const seller = this.sellers.get(name) ?? { price: postedPrice, samples: 0, served: 0, bestRate: 0 }
      seller.price = postedPrice
      seller.samples++
      if (peer !== undefined && !peer.isChoking) {
        seller.served++
        seller.bestRate = Math.max(seller.bestRate, peer.downloadRate)
      }
      this.sellers.set(name, seller)
    }
  }

  quote(torrent: TorrentSnapshot, nowMs: number): TorrentQuote {
    const { terms, budget, usualPrice, downloadLimit } = this.setting
    const remainingBytes = torrent.wantedBytes - torrent.doneBytes
    const unpaid = this.totals.rate / Math.max(1, this.totals.samples)
    const sellers = [...this.sellers.values()]
    const others = [...this.rates.values()].filter((rate) => rate > 0).sort((a, b) => a - b)
    // Whoever has not served yet is taken for as fast as the usual peer that did.
    const usualRate = others[Math.floor(others.length / 2)] ?? 0
    const bidAt = (postedPrice: TokenAmount) =>
      autoBid({
        spendingRate: evenSpending,
        remainingBudget: budget,
        remainingMiB: Math.max(1, Math.ceil(remainingBytes / mebibyte)),
        mostPerMiB: new RecentPrices().most(usualPrice),
        postedPrice,
      })
    const prices = sellers.map(({ price }) => price).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
    const bid = bidAt(prices[0] ?? zeroAmount)
    const quoted = quote({
      remainingBytes,
      unpaidBytesPerSecond: unpaid,
      mostBytesPerSecond: downloadLimit,
      providers: sellers.map(({ price, samples, served, bestRate }) => ({
        postedPrice: price,
        // What it gives for nothing anyway is no gain.
        shareBytesPerSecond: (bestRate > 0 ? bestRate : usualRate) * (1 - served / samples),
        isContested: false,
      })),
      bidAt,
      budget,
      feePerLane: tokenAmount(terms.openFee),
      laneMs: laneLifeMs(terms),
    })
    // Sellers that serve as fast without being paid are there, and not worth it.
    const isServedAnyway = quoted.verdict === 'no-provider' && prices[0] !== undefined && prices[0] <= bid
    return {
      ...quoted,
      verdict: isServedAnyway ? 'not-worth-it' : quoted.verdict,
      sellers: sellers.length,
      leastPrice: prices[0],
      mostPrice: prices.at(-1),
      bid,
      remainingBytes,
      sampledMs: nowMs - this.startMs,
    }
  }
}
