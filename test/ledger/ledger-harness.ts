// A ledger with a few accounts and a clock that tests set; operations are signed, submitted and written down at once or
// in groups, and what the books must always be is checked after each.
import assert from 'node:assert/strict'
import { toHex } from '../../src/base/bytes.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import type { AppliedOperation } from '../../src/ledger/applied-operations.ts'
import { type AuthenticOperation, authenticate } from '../../src/ledger/authenticate.ts'
import { type Genesis, genesisCodec, type LedgerFacts, ledgerFacts, testGenesis } from '../../src/ledger/genesis.ts'
import { LedgerCore } from '../../src/ledger/ledger-core.ts'
import type { LedgerState } from '../../src/ledger/ledger-state.ts'
import type {
  AccountId,
  Hash256,
  LaneId,
  LedgerOperation,
  OperationId,
  SignedOperation,
  SignedVoucher,
} from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from './fake-signatures.ts'

export const unit = 10n ** 18n
export const hourMs = 3_600_000
export const startMs = 1_000_000

/** What is drawn at random in life: 32 bytes in hexadecimal, a different one for each name. */
export function drawn(name: string | number): Hash256 {
  return toHex(sha256(new TextEncoder().encode(String(name)))) as Hash256
}

export function idOf(name: string | number): OperationId {
  return drawn(`id ${name}`) as string as OperationId
}

export function tokens(whole: number | bigint): TokenAmount {
  return tokenAmount(BigInt(whole) * unit)
}

/** Account 0 is the operator's. */
export function addressOf(index: number): Uint8Array {
  return sha256(new TextEncoder().encode(`account ${index}`)).slice(0, 20)
}

export type GenesisChange = (genesis: Genesis) => Genesis

export function factsOf(change: GenesisChange = (genesis) => genesis): LedgerFacts {
  const genesis = testGenesis('test', toHex(addressOf(0)), startMs, drawn('nonce'))
  return unwrap(ledgerFacts(genesisCodec.encode(change(genesis))))
}

export const withDeposits: GenesisChange = (genesis) => ({
  ...genesis,
  symbol: 'BTT',
  minting: { type: 'deposits', chain: 'eip155:199', vault: '0x00', confirmations: 12 },
})

/** Distributes over its members, so that an operation without its id keeps the fields of its type. */
export type Unnamed<T> = T extends unknown ? Omit<T, 'id'> : never

export class LedgerHarness {
  readonly facts: LedgerFacts
  core: LedgerCore
  nowMs = startMs
  /** What is on the disk. */
  readonly journal: Uint8Array[] = []
  private drawnIds = 0

  constructor(change?: GenesisChange, keptOperations?: number) {
    this.facts = factsOf(change)
    this.core = new LedgerCore(this.facts, keptOperations)
  }

  get state(): LedgerState {
    return this.core.state
  }

  account(index: number): AccountId {
    return accountId(this.facts.rail, addressOf(index))
  }

  available(index: number): bigint {
    return this.state.account(this.account(index)).available
  }

  sign(by: number, operation: LedgerOperation): SignedOperation {
    const account = this.account(by)
    const signature = fakeSign(addressOf(by), operationDigest(operation, account, this.facts.domain))
    return { account, operation, signature }
  }

  voucher(lane: LaneId, by: number, amount: bigint): SignedVoucher {
    const voucher = { lane, cumulativeAmount: tokenAmount(amount) }
    return { ...voucher, signature: fakeSign(addressOf(by), voucherDigest(voucher, this.facts.domain)) }
  }

  authentic(by: number, operation: LedgerOperation): AuthenticOperation {
    return unwrap(authenticate(this.sign(by, operation), this.facts, fakeScheme))
  }

  nextId(): OperationId {
    return idOf(this.drawnIds++)
  }

  /** Submits under a new id; leaves it to the group. */
  submit(by: number, operation: Unnamed<LedgerOperation>, id: OperationId = this.nextId()): Result<AppliedOperation> {
    const result = this.core.submit(this.authentic(by, { ...operation, id } as LedgerOperation), this.nowMs)
    assert.ok(result !== 'look-up')
    checkBooks(this.state)
    return result
  }

  /** Submits what must succeed and writes it down; its id. */
  do(by: number, operation: Unnamed<LedgerOperation>): OperationId {
    const id = this.nextId()
    unwrap(this.submit(by, operation, id))
    this.write()
    return id
  }

  /** The code with which it is refused; nothing may have changed then. */
  refusal(by: number, operation: Unnamed<LedgerOperation>): string {
    this.write()
    const before = this.core.height
    const root = toHex(this.core.proofs.update())
    const result = this.submit(by, operation)
    assert.ok(!result.ok, 'refused')
    assert.equal(this.core.height, before)
    assert.equal(toHex(this.core.proofs.update()), root)
    return result.code
  }

  /** Writes the group and acknowledges it. */
  write(): void {
    const group = this.core.seal()
    if (group === undefined) return
    this.journal.push(...group.lines)
    this.core.acknowledge(group.head.height)
  }

  grant(...accounts: number[]): void {
    for (const index of accounts) {
      this.do(0, { type: 'grant', to: this.account(index), invite: drawn(`invite ${index}`) })
    }
  }

  openLane(payer: number, payee: number, deposit: TokenAmount, forMs = 24 * hourMs): LaneId {
    const expiresAtMs = this.nowMs + forMs
    return this.do(payer, { type: 'open-lane', payee: this.account(payee), deposit, expiresAtMs }) as string as LaneId
  }

  /** A ledger that has read the journal, as after a restart. */
  replayed(): LedgerCore {
    const core = new LedgerCore(this.facts)
    for (const line of this.journal) unwrap(core.replay(line))
    unwrap(core.finishReplay())
    return core
  }
}

/** P19, and what P4 rests on: the books are sums, whatever was done. */
export function checkBooks(state: LedgerState): void {
  const totals = state.totals()
  let held = 0n
  let arriving = 0n
  const locked = new Map<AccountId, bigint>()
  const leaving = new Map<AccountId, bigint>()
  const lanes = new Map<AccountId, number>()
  const add = (sums: Map<AccountId, bigint>, account: AccountId, amount: bigint) =>
    sums.set(account, (sums.get(account) ?? 0n) + amount)
  for (const [, lane] of state.entriesOf('lane')) {
    assert.ok(lane.claimed >= 0n && lane.claimed <= lane.deposit)
    add(locked, lane.payer, lane.deposit - lane.claimed)
    lanes.set(lane.payer, (lanes.get(lane.payer) ?? 0) + 1)
  }
  for (const [, escrow] of state.entriesOf('escrow')) add(locked, escrow.payer, escrow.held)
  for (const [, campaign] of state.entriesOf('campaign')) add(locked, campaign.proposer, campaign.held)
  for (const [, withdrawal] of state.entriesOf('withdrawal')) add(leaving, withdrawal.from, withdrawal.amount)
  for (const [, deposit] of state.entriesOf('deposit')) arriving += deposit.state === 'seen' ? deposit.amount : 0n
  for (const [id, account] of state.entriesOf('account')) {
    const { available } = account
    assert.ok(available >= 0n && account.locked >= 0n && account.leaving >= 0n && account.arriving >= 0n)
    assert.equal(account.locked, locked.get(id as AccountId) ?? 0n)
    assert.equal(account.leaving, leaving.get(id as AccountId) ?? 0n)
    assert.equal(account.lanes, lanes.get(id as AccountId) ?? 0)
    held += available + account.locked + account.leaving
  }
  assert.equal(totals.minted - totals.burned, held, 'minted minus burned is the sum of balances')
  assert.equal(totals.arriving, arriving)
}
