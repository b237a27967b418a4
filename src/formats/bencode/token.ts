// The lexical rules of bencode (BEP 3), shared by all that reads it: digits, what is canonical, what fits.
// Guarantees: pure functions over byte ranges the caller has bounded; nothing is read outside them.
import { toLatin1 } from '../../base/bytes.ts'

export const byteZero = 0x30
export const byteNine = 0x39
export const byteColon = 0x3a
export const byteMinus = 0x2d
export const byteD = 0x64
export const byteE = 0x65
export const byteI = 0x69
export const byteL = 0x6c

/** Longest run of digits looked at; more than any 64-bit value needs, zeros in front included. */
export const maxDigits = 40

/** The first byte at or after `position` that is no decimal digit; `limit` if there is none before. */
export function endOfDigits(bytes: Uint8Array, position: number, limit: number): number {
  while (position < limit) {
    const byte = bytes[position] as number
    if (byte < byteZero || byte > byteNine) break
    position++
  }
  return position
}

/** The value of decimal digits; exact below 2^53, and never below 2^53 where it is not exact. */
export function decimalValue(bytes: Uint8Array, start: number, end: number): number {
  let value = 0
  for (let position = start; position < end; position++) {
    // The digit first: a sum with its character code would be rounded near 2^53.
    const digit = (bytes[position] as number) - byteZero
    value = value * 10 + digit
  }
  return value
}

/** Whether digits are not the one canonical form of their number: zeros in front, or minus zero. */
export function hasNeedlessZero(bytes: Uint8Array, start: number, end: number, isNegative: boolean): boolean {
  return bytes[start] === byteZero && (isNegative || end > start + 1)
}

const minInt64Digits = '9223372036854775808'
const maxUint64Digits = '18446744073709551615'

/** Whether the number of these digits is outside -2^63 .. 2^64-1. */
export function isOutOfRange(bytes: Uint8Array, start: number, end: number, isNegative: boolean): boolean {
  const limit = isNegative ? minInt64Digits : maxUint64Digits
  if (end - start < limit.length) return false
  while (start < end && bytes[start] === byteZero) start++
  if (end - start !== limit.length) return end - start > limit.length
  for (let index = 0; index < limit.length; index++) {
    const difference = (bytes[start + index] as number) - limit.charCodeAt(index)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** The number of an integer's text, without `i` and `e`; undefined where a number does not hold it exactly. */
export function safeInteger(bytes: Uint8Array, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === byteMinus
  const value = decimalValue(bytes, isNegative ? start + 1 : start, end)
  if (value > Number.MAX_SAFE_INTEGER) return undefined
  return isNegative && value !== 0 ? -value : value
}

/** The value of an integer's text, without `i` and `e`: a number where that is exact, else a bigint. */
export function integerValue(bytes: Uint8Array, start: number, end: number): number | bigint {
  return safeInteger(bytes, start, end) ?? BigInt(toLatin1(bytes, start, end))
}
