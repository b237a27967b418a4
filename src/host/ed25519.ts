// The ItemSignatures port on node:crypto: Ed25519 (RFC 8032) with raw keys of 32 bytes.
// Guarantees: whatever the bytes, verifying answers and never throws; a seed never leaves the key object made of it.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { concatBytes } from '../base/bytes.ts'
import type { ItemKey, ItemSignatures } from '../ports/item-signatures.ts'

const keyLength = 32
/** What stands before the 32 bytes in DER: SubjectPublicKeyInfo and PKCS #8 of RFC 8410. */
const publicPrefix = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)
const privatePrefix = Uint8Array.of(
  ...[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20],
)

function der(prefix: Uint8Array, key: Uint8Array): Buffer {
  return Buffer.from(concatBytes([prefix, key]))
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: der(publicPrefix, publicKey), format: 'der', type: 'spki' })
}

export const ed25519: ItemSignatures = {
  verify(publicKey, message, signature) {
    if (publicKey.length !== keyLength) return false
    try {
      return verify(null, message, publicKeyObject(publicKey), signature)
    } catch {
      return false
    }
  },
}

/** The key of a seed of 32 secret bytes. */
export function itemKeyOf(seed: Uint8Array): ItemKey {
  assert(seed.length === keyLength, 'a seed of 32 bytes')
  const secret = createPrivateKey({ key: der(privatePrefix, seed), format: 'der', type: 'pkcs8' })
  const exported = createPublicKey(secret).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(exported.subarray(publicPrefix.length)),
    sign: (message) => new Uint8Array(sign(null, message, secret)),
  }
}
