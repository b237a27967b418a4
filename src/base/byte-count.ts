// Counts of bytes on their way between exact arithmetic (bigint) and the hot path (numbers).
// Guarantees: whole, never above 2^53 - 1, so that adding to one stays exact for any content there is.
import { assert } from './assert.ts'

const maxCount = BigInt(Number.MAX_SAFE_INTEGER)

/** What is over 2^53 - 1 is cut to that; less than nothing is a bug. */
export function byteCount(value: bigint): number {
  assert(value >= 0n, 'a count of bytes')
  return Number(value < maxCount ? value : maxCount)
}
