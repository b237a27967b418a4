// Runs a fuzz target on mutated inputs and reports the first that breaks a promise, made as small as possible.
// Guarantees: input number n of a seed is the same on every machine, alone or in a run; an input on which
// the target does not return in time is a failure like any other.
import vm from 'node:vm'
import { fromLatin1 } from '../../src/base/bytes.ts'
import type { FuzzTarget } from '../fuzz-target.ts'
import { type MutationSource, mutate } from './mutate.ts'
import { hashText, randomFrom } from './random.ts'

export interface FuzzCrash {
  readonly iteration: number
  readonly input: Uint8Array
  /** The smallest input found that fails in the same way; the input itself when it fails by not returning. */
  readonly minimised: Uint8Array
  readonly error: unknown
}

const defaultMaxLengthBytes = 16_384
const defaultTimeLimitMs = 10_000
const maxMinimisingRuns = 4_000

const generalTokens: readonly Uint8Array[] = [
  ...['d', 'l', 'i', 'e', 'de', 'le', '0:', '1:', '1:a', 'i0e', 'i1e', 'i-1e', 'i-0e', 'i00e', '00:', 'd1:ad', 'd0:l'],
  ...['4:info', 'i9223372036854775807e', 'i18446744073709551616e', '\0', '\0\0\0\0', '\xff', '\xff\xff\xff\xff'],
  ...['..', '/', '\\', '%00', '%2e%2e', '&', '=', ':', '\xc3\x28', '\xed\xa0\x80', '\xef\xbb\xbf'],
].map(fromLatin1)

/** Input number `iteration` of a campaign: first each seed as it is, then mutations of them. */
export function inputOf(target: FuzzTarget, seed: number, iteration: number): Uint8Array {
  const plain = target.seeds[iteration]
  if (plain !== undefined) return plain.slice()
  const source: MutationSource = {
    seeds: target.seeds,
    tokens: [...generalTokens, ...(target.tokens ?? [])],
    maxLengthBytes: target.maxLengthBytes ?? defaultMaxLengthBytes,
  }
  return mutate(source, randomFrom(hashText(target.name), seed, iteration))
}

interface Attempt {
  readonly error: unknown
}

/** Calls `step` under a time limit that also ends an endless loop; what it threw, if anything. */
function attemptWithin(timeLimitMs: number, step: () => void): Attempt | undefined {
  try {
    // Only a script of its own can be stopped from within the same thread.
    vm.runInNewContext('step()', { step }, { timeout: timeLimitMs })
    return undefined
  } catch (error) {
    return { error }
  }
}

function isTimeout(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT'
}

/** What makes two failures the same one: kind of error and message, numbers aside. */
function signatureOf(error: unknown): string {
  return error instanceof Error ? `${error.name} ${error.message.replace(/\d+/g, '#').slice(0, 80)}` : String(error)
}

function failsAlike(target: FuzzTarget, input: Uint8Array, signature: string): boolean {
  try {
    target.run(input.slice())
    return false
  } catch (error) {
    return signatureOf(error) === signature
  }
}

/** Removes ranges, long ones first, as long as the target fails in the same way. */
function minimise(target: FuzzTarget, input: Uint8Array, error: unknown): Uint8Array {
  const signature = signatureOf(error)
  let smallest = input
  let runs = 0
  for (let size = input.length >>> 1; size >= 1 && runs < maxMinimisingRuns; ) {
    const before = smallest.length
    for (let start = 0; start < smallest.length && runs < maxMinimisingRuns; runs++) {
      const candidate = new Uint8Array([...smallest.subarray(0, start), ...smallest.subarray(start + size)])
      if (failsAlike(target, candidate, signature)) smallest = candidate
      else start += size
    }
    if (size > 1 || smallest.length === before) size >>>= 1
  }
  return smallest
}

/** Runs iterations `from` to `to - 1`; the first failure, if any. */
export function fuzzTarget(
  target: FuzzTarget,
  seed: number,
  from: number,
  to: number,
  timeLimitMs = defaultTimeLimitMs,
): FuzzCrash | undefined {
  let iteration = from
  const outcome = attemptWithin(timeLimitMs, () => {
    for (; iteration < to; iteration++) target.run(inputOf(target, seed, iteration))
  })
  if (outcome === undefined) return undefined
  const input = inputOf(target, seed, iteration)
  const alone = attemptWithin(timeLimitMs, () => target.run(input.slice()))
  if (alone === undefined && isTimeout(outcome.error)) {
    // Slow together, not one by one: go on from here with a fresh limit.
    return fuzzTarget(target, seed, iteration + 1, to, timeLimitMs)
  }
  const { error } = alone ?? outcome
  return { iteration, input, minimised: isTimeout(error) ? input : minimise(target, input, error), error }
}
