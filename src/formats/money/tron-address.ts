// Addresses of TRON as text: base58check of 0x41 and the same twenty bytes that are the address on an EVM chain.
// Guarantees: one text an address; length, prefix and checksum are all checked, with work bounded by the length.
import { assert } from '../../base/assert.ts'
import { failure, type Result, success } from '../../base/errors.ts'
import { sha256 } from '../../base/hash.ts'
import { addressLength } from './evm-address.ts'

const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
const digitByCode = Int8Array.from({ length: 128 }, (_, code) => alphabet.indexOf(String.fromCharCode(code)))
const prefix = 0x41
const checksumLength = 4
const payloadLength = 1 + addressLength
const rawLength = payloadLength + checksumLength
/** The prefix makes every address begin with T and have as many characters. */
const textLength = 34

function checksum(payload: Uint8Array): Uint8Array {
  return sha256(sha256(payload)).subarray(0, checksumLength)
}

/** The prefix is not zero, so no leading zeros have to be written. */
function toBase58(bytes: Uint8Array): string {
  const digits: number[] = []
  for (const byte of bytes) {
    let carry = byte
    for (let index = 0; index < digits.length || carry > 0; index++) {
      carry += (digits[index] ?? 0) * 256
      digits[index] = carry % 58
      carry = Math.floor(carry / 58)
    }
  }
  return digits.reduceRight((text, digit) => text + alphabet.charAt(digit), '')
}

/** The bytes as a number of `rawLength` bytes; undefined where a character is none or the number is larger. */
function fromBase58(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(rawLength)
  for (let index = 0; index < text.length; index++) {
    let carry = digitByCode[text.charCodeAt(index)] ?? -1
    if (carry < 0) return undefined
    for (let at = rawLength - 1; at >= 0; at--) {
      carry += (bytes[at] as number) * 58
      bytes[at] = carry
      carry >>>= 8
    }
    if (carry > 0) return undefined
  }
  return bytes
}

export function formatTronAddress(address: Uint8Array): string {
  assert(address.length === addressLength, 'an address of 20 bytes')
  const raw = new Uint8Array(rawLength)
  raw[0] = prefix
  raw.set(address, 1)
  raw.set(checksum(raw.subarray(0, payloadLength)), payloadLength)
  return toBase58(raw)
}

/** The twenty bytes without the prefix. Errors: account-invalid. */
export function parseTronAddress(text: string): Result<Uint8Array> {
  const raw = text.length === textLength ? fromBase58(text) : undefined
  if (raw === undefined || raw[0] !== prefix) {
    return failure('account-invalid', 'not an address of T and 33 characters of base 58')
  }
  const expected = checksum(raw.subarray(0, payloadLength))
  if (!expected.every((byte, index) => raw[payloadLength + index] === byte)) {
    return failure('account-invalid', 'the checksum of the address does not hold; a character is wrong')
  }
  return success(raw.slice(1, payloadLength))
}
