// The values that only operations have, each as bencode, as JSON and as a word of EIP-712: words out of a fixed list,
// accounts on another chain, hashes in lists, gates of air-drops. Guarantees: what is optional is signed as an array of
// none or one, so that nothing passes for its absence.
import { fromUtf8 } from '../../base/bytes.ts'
import type { AccountId, CampaignGate, Hash256 } from '../../ports/ledger.ts'
import { parseAccountId } from './account-id.ts'
import { list, malformed, union } from './form.ts'
import { typeHash, wordLength } from './typed-data.ts'
import { account, amount, bytes32, whole } from './typed-forms.ts'
import { type OptionalTypedForm, type TypedForm, writeHash } from './typed-struct.ts'

const maxProofLength = 32
const maxGates = 4

/** One of a few words, signed as a string. */
export function words<Word extends string>(known: readonly Word[]): TypedForm<Word> {
  const read = (value: unknown) => known.find((word) => word === value) ?? malformed(`none of ${known.join(', ')}`)
  return {
    typeName: 'string',
    structTypes: [],
    writeWord: writeText,
    toBencode: (value) => value,
    fromBencode: (cursor) => read(cursor.latin1()),
    toJson: (value) => value,
    fromJson: read,
  }
}

function writeText(target: Uint8Array, offset: number, value: string): void {
  writeHash(target, offset, fromUtf8(value))
}

/** An account of any rail, as its whole text. */
export const chainAccount: TypedForm<AccountId> = {
  typeName: 'string',
  structTypes: [],
  writeWord: writeText,
  toBencode: (value) => value,
  fromBencode: (cursor) => accountOf(cursor.latin1()),
  toJson: (value) => value,
  fromJson: accountOf,
}

function accountOf(value: unknown): AccountId {
  const parsed = typeof value === 'string' ? parseAccountId(value) : undefined
  return parsed?.ok === true ? parsed.value : malformed('not an account')
}

function optionalWord<T>(form: TypedForm<T>): OptionalTypedForm<T> {
  return {
    ...form,
    isOptional: true,
    typeName: `${form.typeName}[]`,
    writeWord(target, offset, value) {
      const element = new Uint8Array(value === undefined ? 0 : wordLength)
      if (value !== undefined) form.writeWord(element, 0, value)
      writeHash(target, offset, element)
    },
  }
}

export const hash256 = bytes32<Hash256>()
export const optionalHash = optionalWord(hash256)
export const optionalAccount = optionalWord(account)

export const hashes: TypedForm<readonly Hash256[]> = {
  ...list(hash256, 0, maxProofLength),
  typeName: 'bytes32[]',
  structTypes: [],
  writeWord(target, offset, values) {
    const elements = new Uint8Array(wordLength * values.length)
    for (const [index, value] of values.entries()) hash256.writeWord(elements, wordLength * index, value)
    writeHash(target, offset, elements)
  },
}

const gateType = 'CampaignGate(string type,uint64 height,uint256 minimum)'
const gateTypeHash = typeHash(gateType)
const gate = union<CampaignGate>({ invite: {}, passkey: {}, balance: { height: whole, minimum: amount } })

/** Signed with zeros for what a gate does not have. */
export const campaignGates: TypedForm<readonly CampaignGate[]> = {
  ...list(gate, 0, maxGates),
  typeName: 'CampaignGate[]',
  structTypes: [gateType],
  writeWord(target, offset, gates) {
    const elements = new Uint8Array(wordLength * gates.length)
    for (const [index, value] of gates.entries()) {
      const members = new Uint8Array(4 * wordLength)
      members.set(gateTypeHash)
      writeText(members, wordLength, value.type)
      whole.writeWord(members, 2 * wordLength, value.type === 'balance' ? value.height : 0)
      if (value.type === 'balance') amount.writeWord(members, 3 * wordLength, value.minimum)
      writeHash(elements, wordLength * index, members)
    }
    writeHash(target, offset, elements)
  },
}
