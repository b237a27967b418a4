// Makes the markets of a torrent on one ledger: jobs, around the auctions of shares.
// Guarantees: nothing is made but what is asked for. Keeps nothing.
import { JobBuying } from './job-buying.ts'
import { JobSelling } from './job-selling.ts'
import type { MarketMaker } from './torrent-markets.ts'

export const marketMaker: MarketMaker = {
  selling: (place, nowMs) => new JobSelling(place, nowMs),
  buying: (place, nowMs) => new JobBuying(place, nowMs),
}
