// Every operation of a ledger, its fields in the order in which they are signed: the one table that digests, bytes and
// JSON of operations are made from. A new operation is a member of LedgerOperation and a row here.
import type { LaneId, LedgerOperation, OperationId } from '../../ports/ledger.ts'
import { account, amount, bytes32, whole } from './typed-forms.ts'
import type { TypedFields } from './typed-struct.ts'
import { optionalVoucher, signedVouchers } from './voucher-codec.ts'

type OperationType = LedgerOperation['type']

interface OperationRow<T> {
  /** Its name as a struct of EIP-712, whose first members are the id and the account that signs. */
  readonly struct: string
  readonly fields: TypedFields<Omit<T, 'type' | 'id'>>
}

type OperationTable = { readonly [Type in OperationType]: OperationRow<Extract<LedgerOperation, { type: Type }>> }

export const operationId = bytes32<OperationId>()
const lane = bytes32<LaneId>()

export const operationTable: OperationTable = {
  'transfer': { struct: 'Transfer', fields: { to: account, amount } },
  'open-lane': { struct: 'OpenLane', fields: { payee: account, deposit: amount, expiresAtMs: whole } },
  'top-up-lane': { struct: 'TopUpLane', fields: { lane, amount } },
  'claim': { struct: 'Claim', fields: { vouchers: signedVouchers } },
  'payee-close': { struct: 'PayeeClose', fields: { lane, last: optionalVoucher } },
  'request-close': { struct: 'RequestClose', fields: { lane } },
  'close': { struct: 'Close', fields: { lane } },
}
