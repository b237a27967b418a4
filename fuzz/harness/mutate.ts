// Turns a valid input into a broken one: bits, bytes and ranges changed, lengths and digits tweaked, tokens
// inserted, two inputs spliced. Guarantees: the outcome depends only on the arguments; it never exceeds the
// given length; the seed is left as it is.
import { concatBytes, fromLatin1, writeUint16, writeUint32 } from '../../src/base/bytes.ts'
import type { FuzzRandom } from './random.ts'

export interface MutationSource {
  readonly seeds: readonly Uint8Array[]
  readonly tokens: readonly Uint8Array[]
  readonly maxLengthBytes: number
}

type Mutator = (input: Uint8Array, random: FuzzRandom, source: MutationSource) => Uint8Array

/** Numbers at which parsers break, as decimal text and as fields of 1, 2, 4 bytes. */
const edgeNumbers = [
  0, 1, 2, 3, 4, 5, 6, 9, 10, 12, 13, 15, 16, 18, 19, 20, 31, 32, 63, 64, 99, 100, 127, 128, 255, 256, 1023, 1024, 4095,
  16_383, 16_384, 16_385, 32_767, 32_768, 65_535, 65_536, 131_072, 1_048_576, 16_777_215, 16_777_216, 2_147_483_647,
  2_147_483_648, 4_294_967_295,
]
const edgeDecimals = [
  ...edgeNumbers.map(String),
  '-1',
  '-0',
  '00',
  '01',
  '4294967296',
  '9007199254740991',
  '9007199254740992',
  '9223372036854775807',
  '9223372036854775808',
  '-9223372036854775808',
  '-9223372036854775809',
  '18446744073709551615',
  '18446744073709551616',
  '99999999999999999999999999999999999999999999',
].map(fromLatin1)

function pick<T>(items: readonly T[], random: FuzzRandom): T {
  return items[random.below(items.length)] as T
}

function replaced(input: Uint8Array, start: number, end: number, middle: Uint8Array): Uint8Array {
  return concatBytes([input.subarray(0, start), middle, input.subarray(end)])
}

/** Length of a range: short ones far more often than long ones. */
function rangeLength(most: number, random: FuzzRandom): number {
  const cap = Math.max(1, Math.min(most, 1 << random.below(10)))
  return 1 + random.below(cap)
}

const flipBit: Mutator = (input, random) => {
  const output = input.slice()
  const index = random.below(input.length)
  output[index] = (output[index] as number) ^ (1 << random.below(8))
  return output
}

const setByte: Mutator = (input, random) => {
  const output = input.slice()
  output[random.below(input.length)] = random.below(2) === 0 ? random.below(256) : pick(edgeNumbers, random)
  return output
}

const nudgeByte: Mutator = (input, random) => {
  const output = input.slice()
  const index = random.below(input.length)
  output[index] = (output[index] as number) + random.below(9) - 4
  return output
}

const deleteRange: Mutator = (input, random) => {
  const start = random.below(input.length)
  return replaced(input, start, start + rangeLength(input.length - start, random), new Uint8Array(0))
}

const truncate: Mutator = (input, random) => input.slice(0, random.below(input.length))

const insertRandom: Mutator = (input, random) => {
  const middle = new Uint8Array(rangeLength(64, random))
  for (let index = 0; index < middle.length; index++) middle[index] = random.below(256)
  const at = random.below(input.length + 1)
  return replaced(input, at, at, middle)
}

const insertToken: Mutator = (input, random, { tokens }) => {
  const at = random.below(input.length + 1)
  return replaced(input, at, at, pick(tokens, random))
}

const overwriteWithToken: Mutator = (input, random, { tokens }) => {
  const at = random.below(input.length)
  const token = pick(tokens, random)
  return replaced(input, at, Math.min(input.length, at + token.length), token)
}

/** Repeats a range in place: lists grow, keys repeat, nesting deepens. */
const repeatRange: Mutator = (input, random, { maxLengthBytes }) => {
  const start = random.below(input.length)
  const range = input.subarray(start, start + rangeLength(input.length - start, random))
  const times = Math.min(1 + random.below(1 << random.below(10)), Math.ceil(maxLengthBytes / range.length))
  return replaced(input, start, start, concatBytes(Array.from({ length: times }, () => range)))
}

const moveRange: Mutator = (input, random) => {
  const start = random.below(input.length)
  const range = input.subarray(start, start + rangeLength(input.length - start, random))
  const rest = replaced(input, start, start + range.length, new Uint8Array(0))
  const at = random.below(rest.length + 1)
  return replaced(rest, at, at, range)
}

const splice: Mutator = (input, random, { seeds }) => {
  const other = pick(seeds, random)
  const start = random.below(other.length + 1)
  const end = start + random.below(other.length - start + 1)
  const at = random.below(input.length + 1)
  return replaced(input, at, Math.min(input.length, at + random.below(end - start + 1)), other.subarray(start, end))
}

/** A number in decimal, such as a string's length, becomes its neighbour or an edge. */
const tweakDecimal: Mutator = (input, random) => {
  const isDigit = (index: number) => (input[index] as number) >= 0x30 && (input[index] as number) <= 0x39
  let start = random.below(input.length)
  while (start < input.length && !isDigit(start)) start++
  if (start === input.length) return insertToken(input, random, { seeds: [], tokens: edgeDecimals, maxLengthBytes: 0 })
  while (start > 0 && isDigit(start - 1)) start--
  let end = start
  while (end < input.length && end - start < 15 && isDigit(end)) end++
  if (random.below(2) === 0) return replaced(input, start, end, pick(edgeDecimals, random))
  const value = Number(String.fromCharCode(...input.subarray(start, end)))
  return replaced(input, start, end, fromLatin1(String(value + random.below(5) - 2)))
}

/** A big-endian field of 1, 2 or 4 bytes becomes an edge, or the number of bytes that follow it. */
const tweakField: Mutator = (input, random) => {
  const width = Math.min(input.length, pick([1, 2, 4, 4], random))
  const output = input.slice()
  const at = random.below(input.length - width + 1)
  const following = input.length - at - width + random.below(3) - 1
  const value = random.below(3) === 0 ? Math.max(0, following) : pick(edgeNumbers, random)
  if (width === 4) writeUint32(output, at, value)
  else if (width >= 2) writeUint16(output, at, value)
  else output[at] = value
  return output
}

const mutators: readonly Mutator[] = [
  flipBit,
  setByte,
  nudgeByte,
  deleteRange,
  truncate,
  insertRandom,
  insertToken,
  insertToken,
  overwriteWithToken,
  repeatRange,
  moveRange,
  splice,
  splice,
  tweakDecimal,
  tweakDecimal,
  tweakField,
]

/** One of the seeds after one to eight mutations. */
export function mutate(source: MutationSource, random: FuzzRandom): Uint8Array {
  let input = pick(source.seeds, random).slice()
  for (let left = 1 + random.below(1 << random.below(4)); left > 0; left--) {
    const mutator = input.length === 0 ? insertToken : pick(mutators, random)
    input = mutator(input, random, source).slice(0, source.maxLengthBytes)
  }
  return input
}
