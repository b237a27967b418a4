// The curve secp256k1 in JavaScript (noble), for systems without the native library: a thousand signatures made and
// three hundred checked a second.
// Guarantees: the same bytes for the same arguments as the native one.
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { isOddSignature, joinSignature, signatureLength } from '../formats/money/signature.ts'
import type { Signature } from '../ports/ledger.ts'

/** One way of doing the arithmetic. Digests and secrets are 32 bytes; public keys 65, uncompressed. */
export interface Curve {
  /** Undefined: the secret is 0, or not below the order of the curve. */
  publicKey(secret: Uint8Array): Uint8Array | undefined
  /** Deterministic (RFC 6979), low s. The secret is valid. */
  sign(digest: Uint8Array, secret: Uint8Array): Signature
  /** Undefined: no key makes this signature. What is returned is valid until the next call. */
  recover(digest: Uint8Array, signature: Signature): Uint8Array | undefined
}

export const portableCurve: Curve = {
  publicKey: (secret) => (secp256k1.utils.isValidSecretKey(secret) ? secp256k1.getPublicKey(secret, false) : undefined),
  sign(digest, secret) {
    const recovered = secp256k1.sign(digest, secret, { prehash: false, lowS: true, format: 'recovered' })
    return joinSignature(recovered.subarray(1), recovered[0] === 1)
  },
  recover(digest, signature) {
    const recovered = new Uint8Array(signatureLength)
    recovered[0] = isOddSignature(signature) ? 1 : 0
    recovered.set(signature.subarray(0, signatureLength - 1), 1)
    try {
      return secp256k1.Signature.fromBytes(recovered, 'recovered').recoverPublicKey(digest).toBytes(false)
    } catch {
      // Its only way of saying that r is on no point, or that the key would be infinity.
      return undefined
    }
  },
}
