// Signed vouchers as bencode, as JSON, and as members of the operations that hand them in.
// Guarantees: a claim has at least one and at most as many as fit into a statement.
import type { LaneId, SignedVoucher } from '../../ports/ledger.ts'
import { type Codec, codec, type Form, list, record } from './form.ts'
import { amount, bytes32, signatureBytes } from './typed-forms.ts'
import { nestedList, type OptionalTypedForm, type TypedFields, type TypedForm, typedStruct } from './typed-struct.ts'

/** In one claim. */
export const maxVouchers = 256

const name = 'SignedVoucher'
const fields: TypedFields<SignedVoucher> = {
  lane: bytes32<LaneId>(),
  cumulativeAmount: amount,
  signature: signatureBytes,
}
export const signedVoucherForm: Form<SignedVoucher> = record<SignedVoucher>(fields)
const struct = typedStruct<SignedVoucher>(name, fields)

export const signedVoucherCodec: Codec<SignedVoucher> = codec(signedVoucherForm)

export const signedVouchers: TypedForm<readonly SignedVoucher[]> = nestedList(
  list(signedVoucherForm, 1, maxVouchers),
  name,
  struct,
)

/** EIP-712 has nothing optional: an array of one or none. */
export const optionalVoucher: OptionalTypedForm<SignedVoucher> = {
  ...signedVoucherForm,
  isOptional: true,
  typeName: signedVouchers.typeName,
  structTypes: signedVouchers.structTypes,
  writeWord: (target, offset, value) => signedVouchers.writeWord(target, offset, value === undefined ? [] : [value]),
}
