// What two sides' terms come to (docs/protocol/speed.md): on which ledger, who may pay whom, from what price on.
// Guarantees: pure, and both sides come to the same from the same terms. A ledger counts only if both named it, so one
// that a peer made for itself is worth nothing; with none in common there is no payment.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { accountRail } from '../formats/money/account-id.ts'
import type { SpeedKind, SpeedLedger, SpeedTerms } from '../formats/peer/speed-messages.ts'
import { type SpeedParty, speedSession, speedTermsHash } from '../formats/peer/speed-signing.ts'
import type { Hash256, RailId } from '../ports/ledger.ts'

/** What one side says and is known by. */
export interface SpeedSide {
  readonly terms: SpeedTerms
  readonly peerId: PeerId
}

export interface SpeedAgreement {
  readonly rail: RailId
  readonly session: Hash256
  readonly own: SpeedParty
  readonly peer: SpeedParty
  /** We may pay the peer, at first this for a MiB; undefined: we may not. */
  readonly payingPrice: TokenAmount | undefined
  /** The peer may pay us. */
  readonly earningPrice: TokenAmount | undefined
  readonly leastTickBytes: number
  readonly mostTickBytes: number
}

/** Errors: speed-terms, speed-identity. */
export function agree(own: SpeedSide, peer: SpeedSide): Result<SpeedAgreement> {
  const pays = own.terms.pays && peer.terms.earns
  const earns = own.terms.earns && peer.terms.pays
  if (!pays && !earns) return unfit('neither side pays the other')
  const leastTickBytes = Math.max(own.terms.leastTickBytes, peer.terms.leastTickBytes)
  const mostTickBytes = Math.min(own.terms.mostTickBytes, peer.terms.mostTickBytes)
  if (leastTickBytes > mostTickBytes) return unfit('no tick is within the limits of both')
  const chosen = chooseLedger(own.terms.ledgers, peer.terms.ledgers)
  if (chosen === undefined) return unfit('no ledger is trusted by both')
  const [ownLedger, peerLedger] = chosen
  if (ownLedger.account === peerLedger.account) return failure('speed-identity', 'the account is our own')
  const parties = {
    own: { account: ownLedger.account, peerId: own.peerId, termsHash: speedTermsHash(own.terms) },
    peer: { account: peerLedger.account, peerId: peer.peerId, termsHash: speedTermsHash(peer.terms) },
  }
  return success({
    rail: accountRail(ownLedger.account),
    session: speedSession(parties.own, parties.peer),
    ...parties,
    payingPrice: pays ? peerLedger.postedPrice : undefined,
    earningPrice: earns ? ownLedger.postedPrice : undefined,
    leastTickBytes,
    mostTickBytes,
  })
}

function unfit(detail: string): Failure {
  return failure('speed-terms', detail)
}

/** Of those in both lists, the one that stands first in both together; among equals the name decides. */
function chooseLedger(
  own: readonly SpeedLedger[],
  peer: readonly SpeedLedger[],
): readonly [SpeedLedger, SpeedLedger] | undefined {
  const places = firstPlaces(peer)
  let best: readonly [SpeedLedger, SpeedLedger] | undefined
  let bestPlace = Number.POSITIVE_INFINITY
  let bestRail = ''
  for (const [rail, ownPlace] of firstPlaces(own)) {
    const peerPlace = places.get(rail)
    if (peerPlace === undefined) continue
    const place = ownPlace + peerPlace
    if (place > bestPlace || (place === bestPlace && rail > bestRail)) continue
    best = [own[ownPlace] as SpeedLedger, peer[peerPlace] as SpeedLedger]
    bestPlace = place
    bestRail = rail
  }
  return best
}

/** A ledger named twice counts where it comes first. */
function firstPlaces(ledgers: readonly SpeedLedger[]): ReadonlyMap<RailId, number> {
  const places = new Map<RailId, number>()
  for (const [place, { account }] of ledgers.entries()) {
    const rail = accountRail(account)
    if (!places.has(rail)) places.set(rail, place)
  }
  return places
}

/** Who may send a message of a kind, once it is agreed who pays. */
export const speedSenders: Readonly<Record<SpeedKind, 'payer' | 'payee' | 'either' | 'greeting'>> = {
  'terms': 'greeting',
  'bind': 'greeting',
  'want-share': 'payer',
  'auction-commit': 'payer',
  'auction-reveal': 'payer',
  'auction-call': 'payee',
  'auction-list': 'payee',
  'auction-award': 'payee',
  'walk-in-award': 'payee',
  'share-lost': 'payee',
  'job-request': 'payer',
  'job-list': 'payer',
  'job-award': 'payer',
  'job-end': 'payer',
  'job-ask': 'payee',
  'job-reveal': 'payee',
  'shown-root': 'either',
  'shown-job-root': 'either',
  'evidence': 'either',
  'lane': 'either',
  'hello': 'payer',
  'voucher': 'payer',
  'finish': 'payer',
  'receipt': 'payee',
  'present': 'payee',
  'acknowledge': 'payee',
  'stay-offer': 'payer',
  'stay-challenge': 'payer',
  'stay-accept': 'payee',
  'stay-refuse': 'payee',
  'stay-proof': 'payee',
  'stay-end': 'either',
  'refuse': 'either',
}
