// Statements of a market as the machines hold them, one run of bytes each, and apart again for whoever is to be convinced.
// Guarantees: what was signed, byte for byte. Owns what kind each was.
import { concatBytes } from '../base/bytes.ts'
import type { SignedProof } from './kept-proofs.ts'
import type { StatementProof } from './speed-market.ts'

const signatureLength = 65

export class ProofBytes {
  private readonly kinds = new WeakMap<Uint8Array, string>()

  join(kind: string, { body, signature }: StatementProof): Uint8Array {
    const bytes = concatBytes([body, signature])
    this.kinds.set(bytes, kind)
    return bytes
  }

  split(bytes: Uint8Array): SignedProof {
    const end = bytes.length - signatureLength
    return { kind: this.kinds.get(bytes) ?? '', body: bytes.subarray(0, end), signature: bytes.subarray(end) }
  }
}
