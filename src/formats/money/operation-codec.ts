// Operations of a ledger as canonical bencode (the journal, peers) and as JSON (the API), alone and signed.
// Guarantees: strict; what is read has exactly the fields of its kind, every one within its range.
import type { LedgerOperation, SignedOperation } from '../../ports/ledger.ts'
import { type Codec, codec, record, union, type Variants } from './form.ts'
import { operationId, operationTable } from './operation-schema.ts'
import { account, signatureBytes } from './typed-forms.ts'

const variants = Object.fromEntries(
  Object.entries(operationTable).map(([type, { fields }]) => [type, { id: operationId, ...fields }]),
) as unknown as Variants<LedgerOperation>

const operation = union<LedgerOperation>(variants)

export const operationCodec: Codec<LedgerOperation> = codec(operation)

export const signedOperationCodec: Codec<SignedOperation> = codec(
  record<SignedOperation>({ account, operation, signature: signatureBytes }),
)
