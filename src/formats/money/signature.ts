// Signatures over secp256k1 as 65 bytes: r, s, v. The rules of their form, before any curve arithmetic.
// Guarantees: r and s are in range, s is the low one of the two that hold, v is 27 or 28; so nobody but the signer can
// make a second signature out of one. The signer can: a signature is never the key of anything.
import { assert } from '../../base/assert.ts'
import { fromHex } from '../../base/bytes.ts'
import { failure, type Result, success, unwrap } from '../../base/errors.ts'
import type { Signature } from '../../ports/ledger.ts'

export const signatureLength = 65

const halfLength = 32
const vOffset = 2 * halfLength
/** v where the curve point behind r has an even y; where it is odd, one more. */
const evenV = 27
/** The number of points of the curve, and half of it, rounded down: the largest s. */
const order = unwrap(fromHex('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'))
const halfOrder = unwrap(fromHex('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0'))

/** The 65 bytes, not copied. Errors: signature-invalid. */
export function parseSignature(bytes: Uint8Array): Result<Signature> {
  const fault = faultOf(bytes)
  return fault === undefined ? success(bytes as Signature) : failure('signature-invalid', fault)
}

/** A signature made by the program itself: r and s, 64 bytes, and whether the point behind r has an odd y. */
export function joinSignature(compact: Uint8Array, isOdd: boolean): Signature {
  const bytes = new Uint8Array(signatureLength)
  bytes.set(compact)
  bytes[vOffset] = isOdd ? evenV + 1 : evenV
  assert(compact.length === vOffset && faultOf(bytes) === undefined, 'a signature within the rules')
  return bytes as Signature
}

/** Whether the point behind r has an odd y. */
export function isOddSignature(signature: Signature): boolean {
  return signature[vOffset] !== evenV
}

/** Why it is none, if so. Makes no garbage where it is one. */
function faultOf(bytes: Uint8Array): string | undefined {
  if (bytes.length !== signatureLength) return `a signature of ${bytes.length} bytes, not ${signatureLength}`
  const v = bytes[vOffset] as number
  if (v !== evenV && v !== evenV + 1) return `a signature with v ${v}, not 27 or 28`
  if (isZero(bytes, 0) || compareHalf(bytes, 0, order) >= 0) return 'a signature with r out of range'
  if (isZero(bytes, halfLength)) return 'a signature with s out of range'
  if (compareHalf(bytes, halfLength, halfOrder) > 0) return 'a signature with s out of range or the high one of two'
  return undefined
}

function isZero(bytes: Uint8Array, offset: number): boolean {
  for (let index = 0; index < halfLength; index++) {
    if (bytes[offset + index] !== 0) return false
  }
  return true
}

function compareHalf(bytes: Uint8Array, offset: number, bound: Uint8Array): number {
  for (let index = 0; index < halfLength; index++) {
    const difference = (bytes[offset + index] as number) - (bound[index] as number)
    if (difference !== 0) return difference
  }
  return 0
}
