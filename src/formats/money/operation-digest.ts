// What an account signs to have a ledger carry out an operation (EIP-712): the struct of its kind, id and account first.
// Guarantees: any field changed, or another account, ledger or chain, is another digest; only the low twenty bytes of
// accounts are signed, so one of another rail than the statement is signed for is a bug.
import { assert, present } from '../../base/assert.ts'
import type { AccountId, LedgerOperation, SigningDomain } from '../../ports/ledger.ts'
import { accountRail, isRailOfDomain } from './account-id.ts'
import { optionalAccount } from './operation-forms.ts'
import { operationId, operationTable } from './operation-schema.ts'
import { typedDigest } from './typed-data.ts'
import { account as accountForm } from './typed-forms.ts'
import { type TypedFields, type TypedStruct, typedStruct } from './typed-struct.ts'

interface SignedStruct {
  readonly struct: TypedStruct<object>
  /** Fields that name an account. */
  readonly accountKeys: readonly string[]
}

const structs = new Map(Object.entries(operationTable).map(([type, row]) => [type, signedStruct(row)]))

function signedStruct({ struct, fields }: { readonly struct: string; readonly fields: object }): SignedStruct {
  const members = { id: operationId, account: accountForm, ...fields }
  return {
    struct: typedStruct<object>(struct, members as TypedFields<object>),
    accountKeys: Object.entries(members).flatMap(([key, form]) =>
      form === accountForm || form === optionalAccount ? [key] : [],
    ),
  }
}

function structOf(type: string): SignedStruct {
  return present(structs.get(type), 'an operation that is known')
}

/** 32 bytes, the caller's. */
export function operationDigest(operation: LedgerOperation, account: AccountId, domain: SigningDomain): Uint8Array {
  const { struct, accountKeys } = structOf(operation.type)
  const signed: Readonly<Record<string, unknown>> = { ...operation, account }
  for (const key of accountKeys) {
    const named = signed[key] as AccountId | undefined
    const isHere = named === undefined || isRailOfDomain(accountRail(named), domain)
    assert(isHere, 'accounts on the rail that is signed for')
  }
  return typedDigest(domain, struct.encodeWords(signed))
}

/** What other implementations hash: `Transfer(bytes32 id,address account,...)`. */
export function operationEncodedType(type: LedgerOperation['type']): string {
  return structOf(type).struct.encodedType
}
