// One grant of an air-drop with its proof, as the file that its receiver is given. JSON.
// Guarantees: strict reading, one form. Whether the proof leads to the root is for whoever uses it to look at.
import { failure, type Result, success } from '../../base/errors.ts'
import type { TokenAmount } from '../../base/token-amount.ts'
import type { AccountId, Hash256, RailId } from '../../ports/ledger.ts'
import { codec, list, record } from './form.ts'
import { account, amount, bytes32, whole } from './typed-forms.ts'

export interface GrantProof {
  /** Of the whole list. */
  readonly root: Hash256
  readonly index: number
  readonly to: AccountId
  readonly amount: TokenAmount
  /** Siblings from the leaf upwards. */
  readonly proof: readonly Hash256[]
}

const maxProofLength = 32
const hash = bytes32<Hash256>()

const proofCodec = codec(
  record<GrantProof>({ root: hash, index: whole, to: account, amount, proof: list(hash, 0, maxProofLength) }),
)

export function formatGrantProof(proof: GrantProof): string {
  return `${JSON.stringify(proofCodec.toJson(proof), undefined, 2)}\n`
}

/** Errors: statement-malformed. */
export function parseGrantProof(text: string, rail: RailId): Result<GrantProof> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return failure('statement-malformed', 'not JSON')
  }
  const read = proofCodec.fromJson(parsed, rail)
  return read.ok ? success(read.value) : failure('statement-malformed', `not the proof of a grant: ${read.detail}`)
}
