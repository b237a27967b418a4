// Signatures over secp256k1: native where the library loads and proves itself on a known answer, else in JavaScript.
// Guarantees: both give the same bytes; a secret stays in its closure, is never copied out of it, and is overwritten
// when the key is forgotten.
import { assert } from '../base/assert.ts'
import { equalBytes, fromHex } from '../base/bytes.ts'
import { failure, success, unwrap } from '../base/errors.ts'
import { keccak256Into, keccakLength } from '../base/keccak.ts'
import { addressLength } from '../formats/money/evm-address.ts'
import type { OpenKey, SignatureScheme } from '../ports/signatures.ts'
import { loadNativeCurve } from './secp256k1-native.ts'
import { type Curve, portableCurve } from './secp256k1-portable.ts'

const digestLength = 32
const secretLength = 32

export interface Secp256k1 {
  readonly scheme: SignatureScheme
  readonly openKey: OpenKey
}

/** The 20 bytes that are a public key's address on EVM chains and, after 0x41, on TRON. */
function addressOf(publicKey: Uint8Array): Uint8Array {
  const digest = new Uint8Array(keccakLength)
  // The first byte says only that the other 64 are both coordinates.
  keccak256Into(publicKey, 1, publicKey.length, digest, 0)
  return digest.slice(keccakLength - addressLength)
}

/** A scheme over one way of doing the arithmetic. */
export function secp256k1Over(curve: Curve): Secp256k1 {
  return {
    scheme: {
      recover(digest, signature) {
        assert(digest.length === digestLength, 'a digest of 32 bytes')
        const publicKey = curve.recover(digest, signature)
        if (publicKey === undefined) return failure('signature-invalid', 'no key makes this signature')
        return success(addressOf(publicKey))
      },
    },
    openKey(given) {
      const publicKey = given.length === secretLength ? curve.publicKey(given) : undefined
      if (publicKey === undefined) return failure('signature-invalid', 'not the secret of a key')
      const secret = given.slice()
      let isForgotten = false
      return success({
        address: addressOf(publicKey),
        sign(digest) {
          assert(!isForgotten, 'a key that was not forgotten')
          assert(digest.length === digestLength, 'a digest of 32 bytes')
          return curve.sign(digest, secret)
        },
        forget() {
          isForgotten = true
          secret.fill(0)
        },
      })
    },
  }
}

/** From RFC 6979 with secret 1 and SHA-256 of "Satoshi Nakamoto", as known since 2013. */
const knownAnswer = {
  secret: unwrap(fromHex('01'.padStart(64, '0'))),
  digest: unwrap(fromHex('a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e')),
  signature: unwrap(
    fromHex(
      '934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8' +
        '2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5',
    ),
  ),
  address: unwrap(fromHex('7e5f4552091a69125d5dfcb7b8c2659029395bdf')),
}

/** Whether a curve signs and recovers as it must. */
function provesItself(curve: Curve): boolean {
  const { secret, digest, signature, address } = knownAnswer
  const signed = curve.sign(digest, secret)
  const publicKey = curve.recover(digest, signed)
  return (
    equalBytes(signed.subarray(0, signature.length), signature) &&
    publicKey !== undefined &&
    equalBytes(addressOf(publicKey), address)
  )
}

function chooseCurve(native: Curve | undefined): Curve {
  return native !== undefined && provesItself(native) ? native : portableCurve
}

const native = loadNativeCurve()
const chosen = chooseCurve(native)

export const isSigningAccelerated = chosen === native

export const secp256k1 = secp256k1Over(chosen)
