// What the properties of both markets are checked over: random cases from a seed, and how many of them.
// Guarantees: the same cases in every run; SWARMBID_TEST_LONG asks for as many as the design names.
import { toHex } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { SharesBid } from '../../src/market/multi-share.ts'
import type { OpenedAsk } from '../../src/market/procurement.ts'
import type { OpenedBid } from '../../src/market/sealed-round.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'
import type { Random } from '../../src/ports/random.ts'

const { SWARMBID_TEST_LONG } = process.env
export const isLong = SWARMBID_TEST_LONG !== undefined

/** How many cases: as the design has it, or as many as there is time for in every run. */
export function cases(long: number, short: number): number {
  return isLong ? long : short
}

export function account(index: number): AccountId {
  return `swarmbid:0:0x${index.toString(16).padStart(4, '0')}` as AccountId
}

export function hashOf(text: string): Hash256 {
  return toHex(sha256(new TextEncoder().encode(text))) as Hash256
}

export const root = hashOf('list')
const nonces = Array.from({ length: 1_100 }, (_, index) => hashOf(`nonce ${index}`))

export function nonceOf(index: number): Hash256 {
  return nonces[index] as Hash256
}

export function between(random: Random, least: number, most: number): number {
  return least + random.below(most - least + 1)
}

export function amountBelow(random: Random, limit: number): TokenAmount {
  return tokenAmount(BigInt(random.below(limit)))
}

/** Small values collide, large ones show roundings. */
export function valueLimit(random: Random): number {
  return [4, 12, 1_000, 2 ** 32][random.below(4)] as number
}

function randomWeight(random: Random): number {
  return random.below(3) === 0 ? 1024 : between(random, 1024, 2048)
}

export function randomBids(random: Random, count: number, limit: number): OpenedBid[] {
  return Array.from({ length: count }, (_, index) => ({
    account: account(index),
    bid: amountBelow(random, limit),
    weight: randomWeight(random),
    nonce: nonceOf(index),
  }))
}

export function falling(values: readonly TokenAmount[]): TokenAmount[] {
  return [...values].sort((a, b) => (a > b ? -1 : a < b ? 1 : 0))
}

export function randomSharesBids(random: Random, count: number, demand: number, limit: number): SharesBid[] {
  return Array.from({ length: count }, () => ({
    unitBids: falling(Array.from({ length: between(random, 1, demand) }, () => amountBelow(random, limit))),
    weight: randomWeight(random),
  }))
}

export function randomAsks(random: Random, count: number, mostUnits: number, limit: number): OpenedAsk[] {
  return Array.from({ length: count }, (_, index) => ({
    account: account(index),
    cost: amountBelow(random, limit),
    units: between(random, 1, mostUnits),
    handicap: random.below(4) === 0 ? 0 : random.below(16_384),
    nonce: nonceOf(index),
  }))
}

export function sum(values: Iterable<bigint>): bigint {
  let total = 0n
  for (const value of values) total += value
  return total
}
