// Who may bid in a contested round, when more want to than one message holds: fixed by rule before there are bids, so
// that neither side can choose its competitors. Guarantees: a quarter of the places are for newcomers, and places that
// one group does not need go to the other; the same contenders give the same seats. Pure.
import { fromUtf8, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import type { AccountId } from '../ports/ledger.ts'
import { type AuctionSeat, maxSeats } from './market-messages.ts'
import { byAccount } from './sealing.ts'

export interface Contender extends AuctionSeat {
  /** Nothing was paid by it yet. */
  readonly isNewcomer: boolean
}

const newcomerSeats = maxSeats / 4

/** In the order of accounts. Of the established the heaviest; among equals, and newcomers, by a hash of the epoch. */
export function chooseSeats(contenders: readonly Contender[], epoch: number): readonly AuctionSeat[] {
  if (contenders.length <= maxSeats) return seatsOf(contenders)
  const drawn = new Map(contenders.map(({ account }) => [account, drawOf(account, epoch)]))
  const drawOrder = (a: Contender, b: Contender) =>
    (drawn.get(a.account) ?? '') < (drawn.get(b.account) ?? '') ? -1 : 1
  const newcomers = contenders.filter(({ isNewcomer }) => isNewcomer).sort(drawOrder)
  const established = contenders
    .filter(({ isNewcomer }) => !isNewcomer)
    .sort((a, b) => b.weight - a.weight || drawOrder(a, b))
  const forNewcomers = Math.max(newcomerSeats, maxSeats - established.length)
  const seated = newcomers.slice(0, forNewcomers)
  return seatsOf([...seated, ...established.slice(0, maxSeats - seated.length)])
}

function seatsOf(contenders: readonly Contender[]): readonly AuctionSeat[] {
  return contenders.map(({ account, weight }) => ({ account, weight })).sort(byAccount)
}

function drawOf(account: AccountId, epoch: number): string {
  return toHex(sha256(fromUtf8(`swarmbid seat 1 ${epoch} ${account}`)))
}
