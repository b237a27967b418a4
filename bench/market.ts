// Benchmark (property 9 of the design of Speed): how long it takes to settle a round and a job, at the 99th percentile,
// against the most that is allowed. Random bids and asks; and the worst case, where all are equal and ties are hashed.
// The percentile is over inputs, each at its best of five calls: so it is not the scheduler that is measured.
import { simulatedRandom } from '../sim/ports/simulated-random.ts'
import { toHex } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/hash.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { type OpenedAsk, procure } from '../src/market/procurement.ts'
import { type OpenedBid, settleRound } from '../src/market/sealed-round.ts'
import type { AccountId, Hash256 } from '../src/ports/ledger.ts'
import { limitRow } from './frame/rounds.ts'
import type { Benchmark, Measurement } from './measure.ts'

const random = simulatedRandom(1)
const unit = 10n ** 12n
const inputs = 400
const callsPerInput = 5
const samples = 3
const listRoot = toHex(sha256(new Uint8Array(1))) as Hash256

function party(index: number) {
  const bytes = new Uint8Array(32)
  random.fill(bytes)
  const nonce = toHex(bytes) as Hash256
  return { account: `swarmbid:0:0x${toHex(bytes.subarray(0, 20))}${index}` as AccountId, nonce }
}

function amount(isEqual: boolean) {
  return tokenAmount(isEqual ? unit : unit * BigInt(1 + random.below(2 ** 31)))
}

function bids(count: number, isEqual: boolean): readonly OpenedBid[] {
  return Array.from({ length: count }, (_, index) => ({
    ...party(index),
    bid: amount(isEqual),
    weight: isEqual ? 1024 : 1024 + random.below(1025),
  }))
}

function asks(count: number, isEqual: boolean): readonly OpenedAsk[] {
  return Array.from({ length: count }, (_, index) => ({
    ...party(index),
    cost: amount(isEqual),
    units: 1 + random.below(100),
    handicap: isEqual ? 0 : random.below(8_192),
  }))
}

/** The 99th percentile of one sample, in microseconds. */
function percentile99(work: (input: number) => unknown): number {
  const times = new Float64Array(inputs)
  for (let input = 0; input < inputs; input++) {
    let best = Number.POSITIVE_INFINITY
    for (let call = 0; call < callsPerInput; call++) {
      const startedMs = performance.now()
      work(input)
      best = Math.min(best, performance.now() - startedMs)
    }
    times[input] = best * 1_000
  }
  times.sort()
  return times[Math.floor(inputs * 0.99)] as number
}

function limit(name: string, allowed: number, work: (input: number) => unknown): Measurement {
  percentile99(work)
  const measured = Array.from({ length: samples }, () => percentile99(work))
  return limitRow({ name, unit: 'us', figure: (sample: number) => sample }, allowed, measured)
}

function round(count: number, allowed: number, isEqual = false): Measurement {
  const rounds = Array.from({ length: inputs }, () => bids(count, isEqual))
  const terms = { listRoot, shares: 4, postedPrice: tokenAmount(unit), missing: 0 }
  const name = `a round of ${count} bids${isEqual ? ', all equal' : ''}, p99`
  return limit(name, allowed, (input) => settleRound({ ...terms, epoch: input }, rounds[input] ?? []))
}

function job(count: number, allowed: number, isEqual = false): Measurement {
  const jobs = Array.from({ length: inputs }, () => asks(count, isEqual))
  const terms = { listRoot, units: 1_000, ceiling: tokenAmount(unit * 2n ** 31n), missing: 0 }
  const name = `a job of ${count} asks${isEqual ? ', all equal' : ''}, p99`
  return limit(name, allowed, (input) => procure(terms, jobs[input] ?? []))
}

export const benchmark: Benchmark = {
  name: 'market',
  summary: 'property 9: settling a round and a job, at the 99th percentile, within what is allowed',
  run() {
    return [round(50, 50), round(1_000, 1_000), job(50, 100), round(64, 1_000, true), job(64, 1_000, true)]
  },
}
