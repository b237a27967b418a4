// Signatures that cost a hash: the address in r, a hash over digest and address in s. Within the rules of their form,
// so that everything but the curve is the real thing.
import { concatBytes, equalBytes } from '../../src/base/bytes.ts'
import { failure, success } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import type { Signature } from '../../src/ports/ledger.ts'
import type { SignatureScheme } from '../../src/ports/signatures.ts'

export function fakeSign(address: Uint8Array, digest: Uint8Array): Signature {
  const bytes = new Uint8Array(65)
  bytes.set(address, 12)
  bytes.set(sha256(concatBytes([digest, address])).subarray(0, 31), 33)
  bytes[64] = 27
  return bytes as Signature
}

export const fakeScheme: SignatureScheme = {
  recover(digest, signature) {
    const address = signature.slice(12, 32)
    const isRight = equalBytes(fakeSign(address, digest), signature)
    return isRight ? success(address) : failure('signature-invalid', 'the signature is of something else')
  },
}
