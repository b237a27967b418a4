// Commitments to bids, asks and ceilings, roots of lists of them, and how ties are broken: SHA-256 over fixed layouts.
// Guarantees: a commitment is for one author, one asker and one round, so none can be copied; a root names the terms that
// were signed before, too; the order among equals is known to nobody before the last nonce is. Pure.
import { assert } from '../base/assert.ts'
import {
  compareBytes,
  concatBytes,
  fromHex,
  fromUtf8,
  toHex,
  writeUint32,
  writeUint64,
  writeUint256,
} from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { AuctionCall, Commitment, JobRequest } from './market-messages.ts'

/** Parts of one message are told apart by length: text and hashes are preceded by it. */
function text(value: string): Uint8Array {
  const bytes = fromUtf8(value)
  const target = new Uint8Array(4 + bytes.length)
  writeUint32(target, 0, bytes.length)
  target.set(bytes, 4)
  return target
}

function count(value: number): Uint8Array {
  assert(Number.isSafeInteger(value) && value >= 0, 'a count')
  const target = new Uint8Array(8)
  writeUint64(target, 0, BigInt(value))
  return target
}

function amount(value: TokenAmount): Uint8Array {
  const target = new Uint8Array(32)
  writeUint256(target, 0, value)
  return target
}

function hash(value: Hash256): Uint8Array {
  return unwrap(fromHex(value))
}

function digest(parts: readonly Uint8Array[]): Hash256 {
  return toHex(sha256(concatBytes(parts))) as Hash256
}

/** A bid of `bidder` in round `epoch` of `provider`. `nonce`: 32 bytes that nobody else can guess. */
export function sealBid(
  provider: AccountId,
  bidder: AccountId,
  epoch: number,
  bid: TokenAmount,
  nonce: Hash256,
): Hash256 {
  return digest([text('swarmbid bid 1'), text(provider), text(bidder), count(epoch), amount(bid), hash(nonce)])
}

/** An ask of `provider` for a job of `requester`. */
export function sealAsk(
  requester: AccountId,
  provider: AccountId,
  job: Hash256,
  cost: TokenAmount,
  units: number,
  nonce: Hash256,
): Hash256 {
  const parties = [text('swarmbid ask 1'), text(requester), text(provider), hash(job)]
  return digest([...parties, amount(cost), count(units), hash(nonce)])
}

export function sealCeiling(job: Hash256, ceiling: TokenAmount, salt: Hash256): Hash256 {
  return digest([text('swarmbid ceiling 1'), hash(job), amount(ceiling), hash(salt)])
}

/** Of a list together with the call it answers. */
export function auctionListRoot(provider: AccountId, call: AuctionCall, commitments: readonly Commitment[]): Hash256 {
  return digest([
    text('swarmbid auction list 1'),
    text(provider),
    count(call.epoch),
    count(call.shares),
    amount(call.postedPrice),
    count(call.backedMiB),
    count(call.seats.length),
    ...call.seats.flatMap(({ account, weight }) => [text(account), count(weight)]),
    ...listed(commitments),
  ])
}

export function jobListRoot(requester: AccountId, request: JobRequest, commitments: readonly Commitment[]): Hash256 {
  return digest([
    text('swarmbid job list 1'),
    text(requester),
    hash(request.job),
    count(request.units),
    count(request.deadlineMs),
    hash(request.ceilingCommitment),
    count(request.seats.length),
    ...request.seats.flatMap(({ account, handicap, mostUnits }) => [text(account), count(handicap), count(mostUnits)]),
    ...listed(commitments),
  ])
}

function listed(commitments: readonly Commitment[]): Uint8Array[] {
  return [
    count(commitments.length),
    ...commitments.flatMap(({ account, commitment }) => [text(account), hash(commitment)]),
  ]
}

/** Strictly in the order of accounts: nobody is in it twice, and there is one list of the same members. */
export function isInOrder(members: readonly { readonly account: AccountId }[]): boolean {
  return members.every(({ account }, index) => index === 0 || (members[index - 1]?.account ?? '') < account)
}

export function byAccount(a: { readonly account: AccountId }, b: { readonly account: AccountId }): number {
  return a.account < b.account ? -1 : a.account > b.account ? 1 : 0
}

/**
 * The order among equals: SHA-256 of a seed and the account, then the account. The seed is SHA-256 of the list's root, the
 * round's number and all revealed nonces, sorted. Nothing is hashed before two are equal.
 */
export function tieOrder(
  listRoot: Hash256,
  round: number,
  nonces: readonly Hash256[],
): (a: AccountId, b: AccountId) => number {
  let seed: Uint8Array | undefined
  const keys = new Map<AccountId, Uint8Array>()
  const keyOf = (account: AccountId) => {
    seed ??= sha256(concatBytes([hash(listRoot), count(round), ...[...nonces].sort().map(hash)]))
    const key = keys.get(account) ?? sha256(concatBytes([seed, text(account)]))
    keys.set(account, key)
    return key
  }
  return (a, b) => compareBytes(keyOf(a), keyOf(b)) || byAccount({ account: a }, { account: b })
}
