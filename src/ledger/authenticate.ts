// Who says an operation: its signature, and those of its vouchers. Apart from the rules and from all state, so that it
// can be done elsewhere (in threads) and in batches; a signature that holds once holds for ever.
// Guarantees: an AuthenticOperation is made here alone; the same one gives the same bytes and hash everywhere.
import type { Brand } from '../base/brand.ts'
import { concatBytes, equalBytes } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { accountAddress, accountId } from '../formats/money/account-id.ts'
import { operationCodec } from '../formats/money/operation-codec.ts'
import { operationDigest } from '../formats/money/operation-digest.ts'
import { voucherDigest } from '../formats/money/voucher-digest.ts'
import type { AccountId, LedgerOperation, Signature, SignedOperation, SignedVoucher } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import { isAccountOf } from './account-name.ts'
import type { Statement } from './draft.ts'
import type { LedgerFacts } from './genesis.ts'

interface Authenticated {
  readonly statement: Statement
  readonly signature: Signature
  /** Canonical, as the journal keeps it. */
  readonly operationBytes: Uint8Array
  /** SHA-256 of account and operation. */
  readonly bodyHash: Uint8Array
}

export type AuthenticOperation = Brand<Authenticated, 'AuthenticOperation'>

function vouchersOf(operation: LedgerOperation): readonly SignedVoucher[] {
  if (operation.type === 'claim') return operation.vouchers
  return operation.type === 'payee-close' && operation.last !== undefined ? [operation.last] : []
}

/** What tells one body under an operation's id from another. */
export function bodyHashOf(account: AccountId, operationBytes: Uint8Array): Uint8Array {
  return sha256(concatBytes([accountAddress(account), operationBytes]))
}

/** Errors: signature-invalid, ledger-refused (an account of elsewhere), voucher-invalid (a malformed signature). */
export function authenticate(
  { account, operation, signature }: SignedOperation,
  facts: LedgerFacts,
  scheme: SignatureScheme,
): Result<AuthenticOperation> {
  if (!isAccountOf(facts.rail, account)) return failure('ledger-refused', 'not an account of this ledger')
  const signer = scheme.recover(operationDigest(operation, account, facts.domain), signature)
  if (!signer.ok) return signer
  if (!equalBytes(signer.value, accountAddress(account))) {
    return failure('signature-invalid', 'the operation is signed by another key than its account')
  }
  const voucherSigners: AccountId[] = []
  for (const voucher of vouchersOf(operation)) {
    const payer = scheme.recover(voucherDigest(voucher, facts.domain), voucher.signature)
    if (!payer.ok) return failure('voucher-invalid', payer.detail)
    voucherSigners.push(accountId(facts.rail, payer.value))
  }
  const operationBytes = operationCodec.encode(operation)
  const authenticated: Authenticated = {
    statement: { operation, account, voucherSigners },
    signature,
    operationBytes,
    bodyHash: bodyHashOf(account, operationBytes),
  }
  return success(authenticated as AuthenticOperation)
}
