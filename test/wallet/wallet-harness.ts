// A wallet with one account on one ledger, a clock and an owner that tests set, and a store whose program can die.
// Guarantees: every signature given out is checked against the account. The test owns all of it.
import assert from 'node:assert/strict'
import { equalBytes } from '../../src/base/bytes.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { accountId, ledgerDomain, ledgerRail } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import type { AccountId, LaneId, LedgerOperation, OperationId, RailId, Signature } from '../../src/ports/ledger.ts'
import type { Owner, SigningRequest, SpendingPurpose, SpendingQuestion } from '../../src/ports/signer.ts'
import type { RailTerms } from '../../src/wallet/charge.ts'
import { sealWallet } from '../../src/wallet/key-vault.ts'
import { SpendingBook } from '../../src/wallet/spending-book.ts'
import { firstPolicy, type SpendingPolicy, type TokenLimits } from '../../src/wallet/spending-policy.ts'
import { newWallet, type Wallet } from '../../src/wallet/wallet.ts'
import { drawn } from '../ledger/ledger-harness.ts'
import { lightCost, ports, seededFill } from './key-files.ts'
import { MemoryDisk } from './memory-store.ts'

export const dayMs = 86_400_000
export const passphrase = 'correct horse battery'
const unit = 10n ** 18n
const genesisHash = new Uint8Array(32).fill(5)

export const rail: RailId = ledgerRail(genesisHash)
export const domain = ledgerDomain(genesisHash)
export const quiet: AbortSignal = new AbortController().signal

export function tokens(whole: number): TokenAmount {
  return tokenAmount(BigInt(whole) * unit)
}

/** Somebody else's account. */
export function stranger(index: number): AccountId {
  return accountId(rail, new Uint8Array(20).fill(0x40 + index))
}

const file = await sealWallet(
  { type: 'key', secret: new Uint8Array(32).fill(3) },
  passphrase,
  lightCost,
  seededFill('harness'),
  ports,
)

const generous: TokenLimits = { peerPermille: 1_000, lanes: 10_000 }

export class WalletHarness {
  readonly disk = new MemoryDisk()
  readonly terms: RailTerms = {
    symbol: 'TEST',
    fees: { transfer: tokens(0), open: tokens(0), withdrawal: tokens(0) },
  }
  nowMs = 20_000 * dayMs
  policy: SpendingPolicy
  answers: (boolean | (() => boolean | Promise<boolean>))[] = []
  readonly questions: SpendingQuestion[] = []
  /** Answers from `answers`, unless a test has another one, or none. */
  owner: Owner | undefined
  wallet: Wallet
  book: SpendingBook
  private drawnIds = 0

  constructor(limits: Partial<TokenLimits> = {}, terms: Partial<RailTerms> = {}) {
    this.terms = { ...this.terms, ...terms }
    this.policy = {
      ...firstPolicy,
      spending: 'on',
      limits: { BTT: { ...generous }, TEST: { ...generous, ...limits } },
    }
    this.owner = {
      confirm: async (question) => {
        this.questions.push(question)
        const answer = this.answers.shift()
        assert.ok(answer !== undefined, 'a question that was expected')
        return typeof answer === 'function' ? answer() : answer
      },
    }
    this.book = this.newBook()
    this.wallet = this.newWallet()
  }

  private newBook(): SpendingBook {
    return new SpendingBook(this.disk.open(), () => this.nowMs, this.policy)
  }

  private newWallet(): Wallet {
    const { owner } = this
    const parts = { file, ports, book: this.book, rails: new Map([[rail, this.terms]]) }
    return newWallet(owner === undefined ? parts : { ...parts, owner })
  }

  /** The program begins again; what it had in memory is gone. */
  async restart(): Promise<void> {
    this.disk.diesIn = Number.POSITIVE_INFINITY
    this.book = this.newBook()
    this.wallet = this.newWallet()
    await this.unlock()
  }

  async unlock(): Promise<this> {
    unwrap(await this.wallet.unlock(passphrase))
    return this
  }

  get account(): AccountId {
    return this.wallet.signer(0, rail).account
  }

  nextId(): OperationId {
    return drawn(`id ${this.drawnIds++}`) as string as OperationId
  }

  sign(request: SigningRequest, signal = quiet): Promise<Result<Signature>> {
    return this.wallet.signer(0, rail).sign(request, signal)
  }

  async operation(operation: LedgerOperation, purpose: SpendingPurpose = {}): Promise<string> {
    const signed = await this.sign({ type: 'ledger-operation', domain, operation, purpose })
    if (!signed.ok) return signed.code
    this.checkSigner(operationDigest(operation, this.account, domain), signed.value)
    return 'signed'
  }

  transfer(amount: number, purpose?: SpendingPurpose, id = this.nextId()): Promise<string> {
    return this.operation({ type: 'transfer', id, to: stranger(1), amount: tokens(amount) }, purpose)
  }

  /** Opens a lane; its id, or why not. */
  async openLane(deposit: number, payee = stranger(1), purpose?: SpendingPurpose): Promise<string> {
    const id = this.nextId()
    const operation = { type: 'open-lane', id, payee, deposit: tokens(deposit), expiresAtMs: 1 } as const
    const outcome = await this.operation(operation, purpose)
    return outcome === 'signed' ? id : outcome
  }

  async voucher(lane: string, amount: number, purpose: SpendingPurpose = {}): Promise<string> {
    const voucher = { lane: lane as LaneId, cumulativeAmount: tokens(amount) }
    const signed = await this.sign({ type: 'voucher', domain, voucher, purpose })
    if (!signed.ok) return signed.code
    this.checkSigner(voucherDigest(voucher, domain), signed.value)
    return 'signed'
  }

  async spentToday(): Promise<number> {
    const spent = unwrap(await this.book.spentToday('TEST'))
    assert.equal(spent % unit, 0n)
    return Number(spent / unit)
  }

  private checkSigner(digest: Uint8Array, signature: Signature): void {
    const recovered = unwrap(secp256k1.scheme.recover(digest, signature))
    assert.ok(equalBytes(recovered, this.wallet.accounts[0]?.address ?? digest))
  }
}

export function lane(name: string): LaneId {
  return drawn(name) as string as LaneId
}
