// The Signer port over keys in memory: each request is judged by its kind, counted where it is spending, and signed.
// Guarantees: nothing is signed for a rail the owner did not choose, over a limit without the owner's word, or before
// what counts is on the disk; after `lock` nothing is signed, not even what was being decided.
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { accountRail, isRailOfDomain } from '../formats/money/account-id.ts'
import { signingDigest } from '../formats/money/signing-digest.ts'
import type { AccountId, Hash256, RailId, Signature } from '../ports/ledger.ts'
import type { SigningKey } from '../ports/signatures.ts'
import type { Owner, Signer, SigningRequest, SpendingQuestion } from '../ports/signer.ts'
import { chargeOf, type RailTerms } from './charge.ts'
import type { CountAnswer, SpendingBook } from './spending-book.ts'

export interface SignerParts {
  readonly account: AccountId
  /** Undefined while the wallet is locked. */
  key(): SigningKey | undefined
  /** Undefined: the owner did not choose that rail. */
  terms(rail: RailId): RailTerms | undefined
  readonly book: SpendingBook
  /** Undefined: nobody is there to be asked. */
  readonly owner: Owner | undefined
}

type PayingRequest = SpendingQuestion['request']
/** Counts the request, with the owner's word or without. */
type Count = (isConfirmed: boolean) => Promise<Result<CountAnswer>>

const locked = failure('wallet-locked', 'the wallet is locked')
const interrupted = failure('interrupted', 'stopped before it was signed')

export function walletSigner(parts: SignerParts): Signer {
  const { account, book } = parts
  const rail = accountRail(account)

  async function agree(
    request: PayingRequest,
    amount: TokenAmount,
    payee: AccountId | undefined,
    terms: RailTerms,
    count: Count,
    signal: AbortSignal,
  ): Promise<Failure | undefined> {
    const answer = await count(false)
    if (!answer.ok) return answer
    if (answer.value.type === 'counted') return undefined
    const { exceeded } = answer.value
    if (parts.owner === undefined) {
      const names = exceeded.map(({ limit }) => limit).join(', ')
      return failure('spending-limit', `over the limit of the owner (${names}), and nobody is here to ask`)
    }
    const question: SpendingQuestion = { account, request, symbol: terms.symbol, amount, payee, exceeded }
    const isAllowed = await parts.owner.confirm(question, signal)
    if (signal.aborted) return interrupted
    if (!isAllowed) return failure('spending-refused', 'the owner did not allow the payment')
    const confirmed = await count(true)
    return confirmed.ok ? undefined : confirmed
  }

  /** Undefined: it may be signed. */
  async function judge(
    request: SigningRequest,
    terms: RailTerms,
    digest: Uint8Array,
    signal: AbortSignal,
  ): Promise<Failure | undefined> {
    switch (request.type) {
      case 'lane-waiver':
        return undefined
      case 'speed-message':
        if (request.side === 'payer' && book.policy.spending === 'off') {
          return failure('spending-off', 'spending is switched off')
        }
        if (request.side === 'payee' && book.policy.earning === 'off') {
          return failure('earning-off', 'earning is switched off')
        }
        return undefined
      case 'voucher': {
        const { voucher, purpose = {} } = request
        const asked = { rail, ...voucher, terms, purpose }
        const count: Count = (isConfirmed) => book.countVoucher({ ...asked, isConfirmed })
        return agree(request, voucher.cumulativeAmount, undefined, terms, count, signal)
      }
      case 'ledger-operation': {
        const { operation, purpose = {} } = request
        const charge = chargeOf(operation, account, terms)
        if (charge === undefined) return undefined
        const content = toHex(sha256(digest)) as Hash256
        const asked = { rail, id: operation.id, content, charge, terms, purpose }
        const count: Count = (isConfirmed) => book.count({ ...asked, isConfirmed })
        const amount = (charge.amount + charge.fee) as TokenAmount
        return agree(request, amount, charge.payee, terms, count, signal)
      }
    }
  }

  return {
    account,
    async sign(request, signal): Promise<Result<Signature>> {
      const terms = isRailOfDomain(rail, request.domain) ? parts.terms(rail) : undefined
      if (terms === undefined) return failure('rail-unknown', `${rail}: the owner did not choose to sign for it`)
      if (parts.key() === undefined) return locked
      if (signal.aborted) return interrupted
      const digest = signingDigest(request, account)
      const refusal = await judge(request, terms, digest, signal)
      if (refusal !== undefined) return refusal
      const key = parts.key()
      return key === undefined ? locked : success(key.sign(digest))
    },
  }
}
