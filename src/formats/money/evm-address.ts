// Addresses of EVM chains as text: 0x and 40 hexadecimal digits, whose case may carry a checksum (EIP-55).
// Guarantees: what is mixed case is refused unless its checksum holds; the twenty bytes are read back the same.

import { assert } from '../../base/assert.ts'
import { fromLatin1, toHex, writeHex } from '../../base/bytes.ts'
import { failure, type Result, success } from '../../base/errors.ts'
import { keccak256 } from '../../base/keccak.ts'

export const addressLength = 20

/** As people are shown it: with the checksum. */
export function formatEvmAddress(address: Uint8Array): string {
  assert(address.length === addressLength, 'an address of 20 bytes')
  const digits = toHex(address)
  const digest = keccak256(fromLatin1(digits))
  let text = '0x'
  for (let index = 0; index < digits.length; index++) {
    const digit = digits.charAt(index)
    const nibble = (digest[index >>> 1] as number) >>> (index % 2 === 0 ? 4 : 0)
    text += (nibble & 8) === 0 ? digit : digit.toUpperCase()
  }
  return text
}

/** 20 bytes. Digits all of one case carry no checksum and are taken. Errors: account-invalid. */
export function parseEvmAddress(text: string): Result<Uint8Array> {
  const address = new Uint8Array(addressLength)
  const length = 2 + 2 * addressLength
  if (text.length !== length || !text.startsWith('0x') || !writeHex(address, 0, text, 2, length)) {
    return failure('account-invalid', 'not an address of 0x and 40 hexadecimal digits')
  }
  const isOneCase = !/[a-f]/.test(text) || !/[A-F]/.test(text)
  if (!isOneCase && text !== formatEvmAddress(address)) {
    return failure('account-invalid', 'the checksum of the address does not hold; a character is wrong')
  }
  return success(address)
}
