// Receipts of a ledger: what its operator signs about the record, checking them, and telling when two of them, or one and
// the journal, cannot both be true. Guarantees: a receipt speaks of the end of a group only, so that there is a root of
// that state; a contradiction is proof to anyone, as both sides of it carry the operator's signature.
import { assert } from '../base/assert.ts'
import { equalBytes, toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { type LedgerReceipt, receiptCodec, receiptDigest, type SignedReceipt } from '../formats/money/receipt.ts'
import type { AccountId, Hash256, LaneId, LedgerOperation } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { LedgerFacts } from './genesis.ts'
import type { JournalHead, LedgerCore } from './ledger-core.ts'

function hashText(bytes: Uint8Array): Hash256 {
  return toHex(bytes) as Hash256
}

/** `timeMs`: the ledger's time now, which the receipt attests as well. */
export function headReceipt({ height, hash, root }: JournalHead, timeMs: number): LedgerReceipt {
  return { type: 'head', height, entryHash: hashText(hash), stateRoot: hashText(root), timeMs }
}

/** Right after the group was sealed, as the state is that of its head; to be given out once it is acknowledged. */
export function balanceReceipt(core: LedgerCore, head: JournalHead, account: AccountId, timeMs: number): LedgerReceipt {
  assert(core.height === head.height, 'the state at the head of the group')
  const { available, locked, leaving, arriving } = core.state.account(account)
  const stateRoot = hashText(head.root)
  return { type: 'balance', account, available, locked, leaving, arriving, height: head.height, stateRoot, timeMs }
}

/** As balanceReceipt. Undefined: there is no such lane at that height; the state tree proves as much. */
export function laneReceipt(
  core: LedgerCore,
  head: JournalHead,
  id: LaneId,
  timeMs: number,
): LedgerReceipt | undefined {
  assert(core.height === head.height, 'the state at the head of the group')
  const lane = core.state.lane(id)
  if (lane === undefined) return undefined
  return { type: 'lane', lane, height: head.height, stateRoot: hashText(head.root), timeMs }
}

/** Of one entry of a group: `entryHash` is that of its line. */
export function operationReceipt(
  { domain }: LedgerFacts,
  operation: LedgerOperation,
  account: AccountId,
  entry: Pick<Extract<LedgerReceipt, { readonly type: 'operation' }>, 'fee' | 'height' | 'timeMs'>,
  entryHash: Uint8Array,
): LedgerReceipt {
  const digest = hashText(operationDigest(operation, account, domain))
  return { type: 'operation', id: operation.id, account, digest, ...entry, entryHash: hashText(entryHash) }
}

/** Whose receipts they are. */
export type ReceiptLedger = Pick<LedgerFacts, 'domain' | 'operator'>

/** What the operator of this ledger attests. Errors: signature-invalid. */
export function checkReceipt(
  { receipt, signature }: SignedReceipt,
  { domain, operator }: ReceiptLedger,
  scheme: SignatureScheme,
): Result<LedgerReceipt> {
  const signer = scheme.recover(receiptDigest(receipt, domain), signature)
  if (!signer.ok) return signer
  if (equalBytes(signer.value, accountAddress(operator))) return success(receipt)
  return failure('signature-invalid', 'the receipt is not signed by the operator of the ledger')
}

/** Why both cannot be true, of two receipts of one ledger; undefined: they can. */
export function contradictionOf(a: LedgerReceipt, b: LedgerReceipt): string | undefined {
  if (a.type === 'operation' && b.type === 'operation' && a.id === b.id) {
    const isSame = a.digest === b.digest && a.height === b.height && a.entryHash === b.entryHash && a.fee === b.fee
    if (!isSame) return `operation ${a.id} is attested in two ways`
  }
  if (a.height !== b.height) return undefined
  if ('entryHash' in a && 'entryHash' in b && a.entryHash !== b.entryHash) return `two entries of height ${a.height}`
  if ('stateRoot' in a && 'stateRoot' in b && a.stateRoot !== b.stateRoot) return `two states at height ${a.height}`
  if (subjectOf(a) === undefined || subjectOf(a) !== subjectOf(b)) return undefined
  // At different times the same is said of the same height.
  return textOf(a) === textOf({ ...b, timeMs: a.timeMs }) ? undefined : `two accounts of ${subjectOf(a)}`
}

function subjectOf(receipt: LedgerReceipt): string | undefined {
  if (receipt.type === 'balance') return receipt.account
  return receipt.type === 'lane' ? receipt.lane.id : undefined
}

function textOf(receipt: LedgerReceipt): string {
  return toHex(receiptCodec.encode(receipt))
}
