// The plain values of statements, each as bencode, as JSON and as a word of EIP-712: hashes and ids, accounts, amounts,
// whole numbers, signatures, text. Guarantees: one form a value; nothing out of range is read or written.
import { assert } from '../../base/assert.ts'
import { toHex, writeHex, writeUint256 } from '../../base/bytes.ts'
import { unwrap } from '../../base/errors.ts'
import { formatBaseUnits, parseBaseUnits, type TokenAmount } from '../../base/token-amount.ts'
import type { AccountId, Signature } from '../../ports/ledger.ts'
import { accountAddress, accountId, accountRail, parseAccountId } from './account-id.ts'
import { addressLength } from './evm-address.ts'
import { malformed } from './form.ts'
import { parseSignature, signatureLength } from './signature.ts'
import { wordLength, writeAddressWord } from './typed-data.ts'
import { type TypedForm, writeHash } from './typed-struct.ts'

const hexPrefix = '0x'
/** Longer text in JSON is looked at no further. */
const maxTextLength = 256

/** 32 bytes, in the program lower-case hexadecimal: ids and hashes. */
export function bytes32<T extends string>(): TypedForm<T> {
  return {
    typeName: 'bytes32',
    structTypes: [],
    writeWord: writeDigits,
    toBencode(value) {
      const bytes = new Uint8Array(wordLength)
      writeDigits(bytes, 0, value)
      return bytes
    },
    fromBencode: (cursor) => toHex(bytesOf(cursor.bytes(), wordLength)) as T,
    toJson: (value) => hexPrefix + value,
    fromJson: (value) => toHex(bytesOfText(value, wordLength)) as T,
  }
}

/** In bencode the 20 bytes: the rail is that of the whole statement. */
export const account: TypedForm<AccountId> = {
  typeName: 'address',
  structTypes: [],
  writeWord: (target, offset, value) => writeAddressWord(target, offset, accountAddress(value)),
  toBencode: (value) => accountAddress(value),
  fromBencode: (cursor, rail) => accountId(rail, bytesOf(cursor.bytes(), addressLength)),
  toJson: (value) => value,
  fromJson(value, rail) {
    const parsed = unwrap(parseAccountId(textOf(value)))
    return accountRail(parsed) === rail ? parsed : malformed(`an account that is not on ${rail}`)
  },
}

/** Decimal text, as bencode has no integers of 256 bits. */
export const amount: TypedForm<TokenAmount> = {
  typeName: 'uint256',
  structTypes: [],
  writeWord: writeUint256,
  toBencode: formatBaseUnits,
  fromBencode: (cursor) => amountOf(cursor.latin1()),
  toJson: formatBaseUnits,
  fromJson: amountOf,
}

/** Times in milliseconds, heights, counts: 0 to 2^53 - 1. */
export const whole: TypedForm<number> = {
  typeName: 'uint64',
  structTypes: [],
  writeWord(target, offset, value) {
    assert(isWhole(value), 'a whole number')
    writeUint256(target, offset, BigInt(value))
  },
  toBencode(value) {
    assert(isWhole(value), 'a whole number')
    return value
  },
  fromBencode: (cursor) => wholeOf(cursor.integer()),
  toJson: (value) => value,
  fromJson: wholeOf,
}

export const signatureBytes: TypedForm<Signature> = {
  typeName: 'bytes',
  structTypes: [],
  writeWord: writeHash,
  toBencode: (value) => value,
  fromBencode: (cursor) => unwrap(parseSignature(bytesOf(cursor.bytes(), signatureLength))),
  toJson: (value) => hexPrefix + toHex(value),
  fromJson: (value) => unwrap(parseSignature(bytesOfText(value, signatureLength))),
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function wholeOf(value: unknown): number {
  // -0 is an integer too, and another text.
  if (typeof value !== 'number' || !isWhole(value) || Object.is(value, -0)) return malformed('not a whole number')
  return value
}

function amountOf(value: unknown): TokenAmount {
  const parsed = parseBaseUnits(textOf(value))
  return parsed.ok ? parsed.value : malformed(parsed.detail)
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value.length <= maxTextLength ? value : malformed('not text, or too long')
}

/** A copy, so that what is read keeps no message in memory. */
function bytesOf(bytes: Uint8Array | undefined, length: number): Uint8Array {
  return bytes?.length === length ? bytes.slice() : malformed(`not ${length} bytes`)
}

function bytesOfText(value: unknown, length: number): Uint8Array {
  const text = textOf(value)
  const bytes = new Uint8Array(length)
  const isWritten =
    text.length === 2 + 2 * length && text.startsWith(hexPrefix) && writeHex(bytes, 0, text, 2, text.length)
  return isWritten && hexPrefix + toHex(bytes) === text ? bytes : malformed(`not 0x and ${length} bytes in lower case`)
}

function writeDigits(target: Uint8Array, offset: number, digits: string): void {
  assert(digits.length === 2 * wordLength && writeHex(target, offset, digits, 0, digits.length), '32 bytes of digits')
}
