// Lanes as bencode, as JSON, and as members of the receipts that attest them.
// Guarantees: a lane is read only where no more was claimed than was put in.
import type { Lane, LaneId, LaneState } from '../../ports/ledger.ts'
import { type Codec, codec, type Form, malformed, record, union } from './form.ts'
import { optionalHash } from './operation-forms.ts'
import { typeHash, wordLength } from './typed-data.ts'
import { account, amount, bytes32, whole } from './typed-forms.ts'
import { nested, type TypedFields, type TypedForm, typedStruct, writeHash } from './typed-struct.ts'

const stateType = 'LaneState(string type,uint64 closesAtMs)'
const stateTypeHash = typeHash(stateType)

/** Signed with a time of 0 where it has none. */
const laneState: TypedForm<LaneState> = {
  ...union<LaneState>({ open: {}, closing: { closesAtMs: whole }, closed: {} }),
  typeName: 'LaneState',
  structTypes: [stateType],
  writeWord(target, offset, state) {
    const words = new Uint8Array(3 * wordLength)
    words.set(stateTypeHash)
    words.set(typeHash(state.type), wordLength)
    whole.writeWord(words, 2 * wordLength, state.type === 'closing' ? state.closesAtMs : 0)
    writeHash(target, offset, words)
  },
}

const fields: TypedFields<Lane> = {
  id: bytes32<LaneId>(),
  payer: account,
  payee: account,
  deposit: amount,
  claimed: amount,
  expiresAtMs: whole,
  state: laneState,
  award: optionalHash,
}
const plainForm = record<Lane>(fields)
export const laneForm: Form<Lane> = {
  ...plainForm,
  fromBencode: (cursor, rail) => checked(plainForm.fromBencode(cursor, rail)),
  fromJson: (value, rail) => checked(plainForm.fromJson(value, rail)),
}

export const laneCodec: Codec<Lane> = codec(laneForm)

export const laneMember: TypedForm<Lane> = nested(laneForm, 'Lane', typedStruct<Lane>('Lane', fields))

function checked(lane: Lane): Lane {
  return lane.claimed <= lane.deposit ? lane : malformed('more claimed of a lane than was put in')
}
