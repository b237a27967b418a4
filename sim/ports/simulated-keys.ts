// Keys of a simulation, and what is signed with them: a signature costs a hash, and nobody makes one without the key.
// Guarantees: within the rules of their form, so that everything but the curve is the real thing; the same name gives the
// same key in every run, and the same digest the same signature.
import { concatBytes, equalBytes, fromUtf8, toHex } from '../../src/base/bytes.ts'
import { failure, success } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import type { Signature } from '../../src/ports/ledger.ts'
import type { SignatureScheme, SigningKey } from '../../src/ports/signatures.ts'

const signatureLength = 65
const addressLength = 20
/** Of r, with the address behind it; of s, which is low. */
const addressOffset = 12
const proofOffset = 33
const proofLength = 31

/** Who has which key: what stands for the curve. */
export class SimulatedKeys {
  /** By address: what recovering has to know, and nobody else sees. */
  private readonly secrets = new Map<string, Uint8Array>()

  readonly scheme: SignatureScheme = {
    recover: (digest, signature) => {
      const address = signature.slice(addressOffset, addressOffset + addressLength)
      const secret = this.secrets.get(toHex(address))
      const isRight = secret !== undefined && equalBytes(signed(address, secret, digest), signature)
      return isRight ? success(address) : failure('signature-invalid', 'the signature is of something else')
    },
  }

  key(name: string): SigningKey {
    const secret = sha256(fromUtf8(`key of ${name}`))
    const address = sha256(secret).slice(0, addressLength)
    this.secrets.set(toHex(address), secret)
    return { address, sign: (digest) => signed(address, secret, digest), forget: () => undefined }
  }
}

function signed(address: Uint8Array, secret: Uint8Array, digest: Uint8Array): Signature {
  const bytes = new Uint8Array(signatureLength)
  bytes.set(address, addressOffset)
  bytes.set(sha256(concatBytes([digest, secret])).subarray(0, proofLength), proofOffset)
  bytes[signatureLength - 1] = 27
  return bytes as Signature
}
