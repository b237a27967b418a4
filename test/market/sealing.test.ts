// Commitments and roots are those of docs/protocol/speed.md, put together here by its table and nothing else.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { auctionListRoot, jobListRoot, sealAsk, sealBid, sealCeiling } from '../../src/market/sealing.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'

const text = (value: string) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(value))
  return Buffer.concat([length, Buffer.from(value)])
}
const count = (value: number) => Buffer.from(value.toString(16).padStart(16, '0'), 'hex')
const amount = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex')
const hash = (value: string) => Buffer.from(value, 'hex')
const sha256 = (...parts: readonly Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest('hex')

const [anna, bert, carl] = ['ledger:anna', 'ledger:bert', 'ledger:carl'] as AccountId[]
const [one, two, three] = ['11', '22', '33'].map((digits) => digits.repeat(32)) as Hash256[]
assert.ok(anna && bert && carl && one && two && three)
const most = tokenAmount(2n ** 256n - 1n)

test('a bid is sealed as the protocol says', () => {
  const sealed = sha256(text('swarmbid bid 1'), text(anna), text(bert), count(7), amount(most), hash(one))
  assert.equal(sealBid(anna, bert, 7, most, one), sealed)
})

test('an ask and a ceiling are sealed as the protocol says', () => {
  const parts = [text('swarmbid ask 1'), text(anna), text(bert), hash(two), amount(5n), count(12), hash(one)]
  assert.equal(sealAsk(anna, bert, two, tokenAmount(5n), 12, one), sha256(...parts))
  const ceiling = sha256(text('swarmbid ceiling 1'), hash(two), amount(9n), hash(three))
  assert.equal(sealCeiling(two, tokenAmount(9n), three), ceiling)
})

test('the root of an auction names its call, too, as the protocol says', () => {
  const call = {
    type: 'auction-call',
    epoch: 9,
    shares: 2,
    postedPrice: tokenAmount(1_000n),
    seats: [
      { account: bert, weight: 1_024 },
      { account: carl, weight: 2_048 },
    ],
    backedMiB: 3,
    commitWithinMs: 1_000,
  } as const
  const head = [text('swarmbid auction list 1'), text(anna), count(9), count(2), amount(1_000n), count(3)]
  const seats = [count(2), text(bert), count(1_024), text(carl), count(2_048)]
  const root = sha256(...head, ...seats, count(1), text(carl), hash(three))
  assert.equal(auctionListRoot(anna, call, [{ account: carl, commitment: three }]), root)
})

test('the root of a job names its request, too, as the protocol says', () => {
  const request = {
    type: 'job-request',
    job: one,
    units: 40,
    deadlineMs: 60_000,
    ceilingCommitment: two,
    seats: [{ account: bert, handicap: 6_553, mostUnits: 40 }],
    askWithinMs: 500,
  } as const
  const head = [text('swarmbid job list 1'), text(anna), hash(one), count(40), count(60_000), hash(two)]
  const seats = [count(1), text(bert), count(6_553), count(40)]
  const root = sha256(...head, ...seats, count(1), text(bert), hash(three))
  assert.equal(jobListRoot(anna, request, [{ account: bert, commitment: three }]), root)
})
