// Bencode as simply as it can be written: recursive, slow, strict. What the real decoder is compared with.
// Guarantees: shares no code with it but the conversion of text and bytes.
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import type { BencodeDictionary, BencodeValue } from '../../../src/formats/bencode/decode.ts'

export function modelEncode(value: BencodeValue): string {
  if (typeof value === 'number' || typeof value === 'bigint') return `i${value}e`
  if (value instanceof Uint8Array) return `${value.length}:${toLatin1(value)}`
  if (Array.isArray(value)) return `l${value.map(modelEncode).join('')}e`
  const keys = [...value.keys()].sort()
  return `d${keys.map((key) => `${key.length}:${key}${modelEncode(value.get(key) as BencodeValue)}`).join('')}e`
}

interface Parsed {
  readonly value: BencodeValue
  readonly rest: string
}

function parse(text: string): Parsed | undefined {
  const integer = /^i(0|-?[1-9][0-9]*)e/.exec(text)
  if (integer !== null) {
    const wide = BigInt(integer[1] as string)
    if (wide < -(2n ** 63n) || wide >= 2n ** 64n) return undefined
    const narrow = Number(wide)
    return { value: Number.isSafeInteger(narrow) ? narrow : wide, rest: text.slice(integer[0].length) }
  }
  const string = /^(0|[1-9][0-9]{0,6}):/.exec(text)
  if (string !== null) {
    const start = string[0].length
    const end = start + Number(string[1])
    return end > text.length ? undefined : { value: fromLatin1(text.slice(start, end)), rest: text.slice(end) }
  }
  return text[0] === 'l' ? parseList(text.slice(1)) : text[0] === 'd' ? parseDictionary(text.slice(1)) : undefined
}

function parseList(text: string): Parsed | undefined {
  const list: BencodeValue[] = []
  let rest = text
  while (rest[0] !== 'e') {
    const parsed = parse(rest)
    if (parsed === undefined) return undefined
    list.push(parsed.value)
    rest = parsed.rest
  }
  return { value: list, rest: rest.slice(1) }
}

function parseDictionary(text: string): Parsed | undefined {
  const dictionary: BencodeDictionary = new Map()
  let previous: string | undefined
  let rest = text
  while (rest[0] !== 'e') {
    const key = parse(rest)
    if (key === undefined || !(key.value instanceof Uint8Array)) return undefined
    const name = toLatin1(key.value)
    const parsed = parse(key.rest)
    if (parsed === undefined || (previous !== undefined && name <= previous)) return undefined
    dictionary.set(name, parsed.value)
    previous = name
    rest = parsed.rest
  }
  return { value: dictionary, rest: rest.slice(1) }
}

/** The value of canonical bencode, undefined for everything else. */
export function modelDecode(bytes: Uint8Array): BencodeValue | undefined {
  const parsed = parse(toLatin1(bytes))
  return parsed?.rest === '' ? parsed.value : undefined
}

const integers = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -100, max: 100 }),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
)
const binary = fc.oneof(fc.uint8Array({ maxLength: 12 }), fc.uint8Array({ minLength: 40, maxLength: 120 }))
const keys = fc.uint8Array({ maxLength: 6 }).map((bytes) => toLatin1(bytes))

/** Any value, as the decoder gives it. */
export const values: fc.Arbitrary<BencodeValue> = fc.letrec<{ value: BencodeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, depthSize: 'small' },
    integers,
    binary,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.array(fc.tuple(keys, tie('value')), { maxLength: 5 }).map((entries): BencodeValue => new Map(entries)),
  ),
})).value

const atoms = [
  'd',
  'l',
  'e',
  'e',
  'i0e',
  'i7e',
  'i-3e',
  'i-0e',
  'i03e',
  '0:',
  '1:a',
  '1:b',
  '2:ab',
  '02:ab',
  '3:ab',
  'i',
  '-',
  ':',
  '9',
  'x',
]

/** Bytes that are bencode, nearly bencode, or made of its parts. */
export const nearlyBencode: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.array(fc.constantFrom(...atoms), { maxLength: 24 }).map((parts) => fromLatin1(parts.join(''))),
  fc.tuple(values, fc.nat(), fc.nat(255)).map(([value, place, byte]) => {
    const bytes = fromLatin1(modelEncode(value))
    bytes[place % bytes.length] = byte
    return bytes
  }),
  values.map((value) => fromLatin1(modelEncode(value))),
)
