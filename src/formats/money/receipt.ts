// What a ledger's operator signs about its own record: operations carried out, balances, lanes, the head of its journal.
// Guarantees: two that contradict each other prove to anyone that the operator told two stories; bytes, JSON and digest
// (EIP-712, in the ledger's own domain) all come from one table.
import { assert, present } from '../../base/assert.ts'
import type { TokenAmount } from '../../base/token-amount.ts'
import type { AccountId, Hash256, Lane, OperationId, Signature, SigningDomain } from '../../ports/ledger.ts'
import { accountRail, isRailOfDomain } from './account-id.ts'
import { type Codec, codec, type Form, record, union, type Variants } from './form.ts'
import { laneMember } from './lane-codec.ts'
import { typedDigest } from './typed-data.ts'
import { account, amount, bytes32, signatureBytes, whole } from './typed-forms.ts'
import { type TypedFields, type TypedStruct, typedStruct } from './typed-struct.ts'

/** Times are the ledger's own; the state is as of the entry at `height` of its journal. */
export type LedgerReceipt =
  | {
      readonly type: 'operation'
      readonly id: OperationId
      readonly account: AccountId
      /** What the account signed: the same id with another digest was another operation. */
      readonly digest: Hash256
      readonly fee: TokenAmount
      readonly height: number
      readonly entryHash: Hash256
      readonly timeMs: number
    }
  | {
      readonly type: 'balance'
      readonly account: AccountId
      readonly available: TokenAmount
      readonly locked: TokenAmount
      readonly leaving: TokenAmount
      readonly arriving: TokenAmount
      readonly height: number
      readonly stateRoot: Hash256
      readonly timeMs: number
    }
  | {
      readonly type: 'lane'
      readonly lane: Lane
      readonly height: number
      readonly stateRoot: Hash256
      readonly timeMs: number
    }
  | {
      readonly type: 'head'
      readonly height: number
      readonly entryHash: Hash256
      readonly stateRoot: Hash256
      readonly timeMs: number
    }

export interface SignedReceipt {
  readonly receipt: LedgerReceipt
  readonly signature: Signature
}

interface ReceiptRow<T> {
  readonly struct: string
  readonly fields: TypedFields<Omit<T, 'type'>>
}

type ReceiptTable = {
  readonly [Type in LedgerReceipt['type']]: ReceiptRow<Extract<LedgerReceipt, { readonly type: Type }>>
}

const hash = bytes32<Hash256>()
const table: ReceiptTable = {
  operation: {
    struct: 'OperationReceipt',
    fields: {
      id: bytes32<OperationId>(),
      account,
      digest: hash,
      fee: amount,
      height: whole,
      entryHash: hash,
      timeMs: whole,
    },
  },
  balance: {
    struct: 'BalanceReceipt',
    fields: {
      account,
      available: amount,
      locked: amount,
      leaving: amount,
      arriving: amount,
      height: whole,
      stateRoot: hash,
      timeMs: whole,
    },
  },
  lane: { struct: 'LaneReceipt', fields: { lane: laneMember, height: whole, stateRoot: hash, timeMs: whole } },
  head: { struct: 'HeadReceipt', fields: { height: whole, entryHash: hash, stateRoot: hash, timeMs: whole } },
}

const structs = new Map(
  Object.entries(table).map(([type, row]): [string, TypedStruct<object>] => [
    type,
    typedStruct<object>(row.struct, row.fields as TypedFields<object>),
  ]),
)
const variants = Object.fromEntries(
  Object.entries(table).map(([type, row]) => [type, row.fields]),
) as unknown as Variants<LedgerReceipt>
const receipt = union<LedgerReceipt>(variants)

export const receiptCodec: Codec<LedgerReceipt> = codec(receipt)

export const signedReceiptForm: Form<SignedReceipt> = record<SignedReceipt>({ receipt, signature: signatureBytes })

export const signedReceiptCodec: Codec<SignedReceipt> = codec(signedReceiptForm)

/** What the operator signs: 32 bytes, the caller's. */
export function receiptDigest(receipt: LedgerReceipt, domain: SigningDomain): Uint8Array {
  for (const named of accountsOf(receipt)) {
    assert(isRailOfDomain(accountRail(named), domain), 'accounts on the rail that is signed for')
  }
  return typedDigest(domain, structOf(receipt.type).encodeWords(receipt))
}

function accountsOf(receipt: LedgerReceipt): readonly AccountId[] {
  if (receipt.type === 'lane') return [receipt.lane.payer, receipt.lane.payee]
  return receipt.type === 'head' ? [] : [receipt.account]
}

/** What other implementations hash: `HeadReceipt(uint64 height,...)`. */
export function receiptEncodedType(type: LedgerReceipt['type']): string {
  return structOf(type).encodedType
}

function structOf(type: string): TypedStruct<object> {
  return present(structs.get(type), 'a receipt that is known')
}
