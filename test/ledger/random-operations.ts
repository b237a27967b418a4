// Operations drawn from a seed, of all kinds but air-drops, mostly such as make sense to a ledger at that moment and
// some that do not. The same seed draws the same ones.
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { AccountId, LaneId, LedgerOperation, OperationId, SignedVoucher } from '../../src/ports/ledger.ts'
import { drawn, hourMs, type LedgerHarness, type Unnamed, unit } from './ledger-harness.ts'

export interface DrawnOperation {
  readonly by: number
  readonly operation: Unnamed<LedgerOperation>
  /** Who signed its vouchers, as numbers. */
  readonly signers: readonly number[]
}

export function seededDraw(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const people = 8

export class OperationDraw {
  private readonly ledger: LedgerHarness
  private readonly draw: (below: number) => number
  private readonly hasDeposits: boolean

  constructor(ledger: LedgerHarness, seed: number, hasDeposits: boolean) {
    this.ledger = ledger
    this.draw = seededDraw(seed)
    this.hasDeposits = hasDeposits
  }

  next(): DrawnOperation {
    this.ledger.nowMs += this.draw(20) === 0 ? this.draw(3 * hourMs) : this.draw(1000)
    const by = this.draw(people)
    const kind = this.draw(100)
    const plain = (operation: Unnamed<LedgerOperation>, who = by): DrawnOperation => ({
      by: who,
      operation,
      signers: [],
    })
    if (kind < 12) return plain({ type: 'transfer', to: this.someone(), amount: this.amount() })
    if (kind < 13) return plain({ type: 'burn', amount: this.amount() })
    if (kind < 20) return plain(this.income(), this.draw(10) === 0 ? by : 0)
    if (kind < (this.hasDeposits ? 32 : 21)) return plain(this.leaving(by), this.draw(4) === 0 ? by : 0)
    if (kind < 50) return this.escrow(by)
    return this.lane(by)
  }

  private someone(): AccountId {
    return this.ledger.account(this.draw(people))
  }

  private numberOf(account: AccountId): number {
    for (let index = 0; index < people; index++) if (this.ledger.account(index) === account) return index
    return 0
  }

  private amount() {
    const kind = this.draw(12)
    return tokenAmount(kind === 0 ? 0n : kind === 1 ? 20_000n * unit : BigInt(this.draw(500) + 1) * (unit / 7n))
  }

  private idAmong<Id extends string>(entries: Iterable<readonly [string, unknown]>): Id {
    const ids = [...entries].map(([id]) => id)
    return (ids[this.draw(ids.length + 1)] ?? drawn('nothing')) as Id
  }

  private income(): Unnamed<LedgerOperation> {
    const source = drawn(`source ${this.draw(40)}`)
    if (!this.hasDeposits) return { type: 'grant', to: this.someone(), invite: source }
    if (this.draw(2) === 0) return { type: 'deposit-see', source, to: this.someone(), amount: this.amount() }
    return { type: 'deposit-settle', source, result: this.draw(4) === 0 ? 'dropped' : 'credited' }
  }

  private leaving(by: number): Unnamed<LedgerOperation> {
    const withdrawal = this.idAmong<OperationId>(this.ledger.state.entriesOf('withdrawal'))
    const to = `eip155:199:0x${'ab'.repeat(20)}` as AccountId
    switch (this.draw(7)) {
      case 0:
        return { type: 'withdraw-cancel', withdrawal }
      case 1:
      case 2:
        return { type: 'withdraw-send', withdrawal, transaction: drawn(by) }
      case 3:
      case 4:
        return { type: 'withdraw-settle', withdrawal, result: this.draw(2) === 0 ? 'sent' : 'failed' }
      default:
        return { type: 'withdraw', to, amount: this.amount() }
    }
  }

  private escrow(by: number): DrawnOperation {
    const id = this.idAmong<OperationId>(this.ledger.state.entriesOf('escrow'))
    const escrow = this.ledger.state.escrow(id)
    const [payer, payee, arbiter] = [escrow?.payer, escrow?.payee, escrow?.arbiter].map((account) =>
      account === undefined || this.draw(8) === 0 ? by : this.numberOf(account),
    ) as [number, number, number]
    const amount = this.amount()
    switch (this.draw(6)) {
      case 0:
        return { by: payer, operation: { type: 'escrow-release', escrow: id, amount }, signers: [] }
      case 1:
        return {
          by: this.draw(2) === 0 ? by : payee,
          operation: { type: 'escrow-refund', escrow: id },
          signers: [],
        }
      case 2:
        return {
          by: this.draw(2) === 0 ? payer : payee,
          operation: { type: 'escrow-dispute', escrow: id, evidence: drawn(1) },
          signers: [],
        }
      case 3:
        return {
          by: arbiter,
          operation: { type: 'escrow-rule', escrow: id, toPayee: amount, ruling: drawn(1) },
          signers: [],
        }
      default: {
        const timeoutAtMs = this.ledger.nowMs + this.draw(50) * hourMs
        const named = this.draw(3) === 0 ? {} : { arbiter: this.someone() }
        const fund = { type: 'escrow-fund', payee: this.someone(), amount, timeoutAtMs, terms: drawn(2) } as const
        return { by, operation: { ...fund, ...named }, signers: [] }
      }
    }
  }

  private voucher(): { readonly voucher: SignedVoucher; readonly signer: number } {
    const id = this.idAmong<LaneId>(this.ledger.state.entriesOf('lane'))
    const lane = this.ledger.state.lane(id)
    const signer = lane === undefined || this.draw(30) === 0 ? this.draw(people) : this.numberOf(lane.payer)
    const steps = BigInt(this.draw(lane === undefined || this.draw(10) === 0 ? 120 : 100))
    const amount = lane === undefined ? steps : lane.claimed + ((lane.deposit - lane.claimed) * steps) / 99n
    return { voucher: this.ledger.voucher(id, signer, amount), signer }
  }

  private lane(by: number): DrawnOperation {
    const lane = this.idAmong<LaneId>(this.ledger.state.entriesOf('lane'))
    const known = this.ledger.state.lane(lane)
    const payer = known === undefined || this.draw(10) === 0 ? by : this.numberOf(known.payer)
    const payee = known === undefined || this.draw(10) === 0 ? by : this.numberOf(known.payee)
    switch (this.draw(10)) {
      case 0:
        return { by: payer, operation: { type: 'top-up-lane', lane, amount: this.amount() }, signers: [] }
      case 1:
        return { by: payer, operation: { type: 'request-close', lane }, signers: [] }
      case 2:
        return { by, operation: { type: 'close', lane }, signers: [] }
      case 3: {
        if (this.draw(2) === 0) return { by: payee, operation: { type: 'payee-close', lane }, signers: [] }
        const { voucher, signer } = this.voucher()
        return {
          by: payee,
          operation: { type: 'payee-close', lane: this.draw(9) === 0 ? lane : voucher.lane, last: voucher },
          signers: [signer],
        }
      }
      case 4:
      case 5:
      case 6: {
        const batch = Array.from({ length: 1 + this.draw(4) }, () => this.voucher())
        return {
          by,
          operation: { type: 'claim', vouchers: batch.map(({ voucher }) => voucher) },
          signers: batch.map(({ signer }) => signer),
        }
      }
      default: {
        const expiresAtMs = this.ledger.nowMs + this.draw(60) * hourMs
        return {
          by,
          operation: { type: 'open-lane', payee: this.someone(), deposit: this.amount(), expiresAtMs },
          signers: [],
        }
      }
    }
  }
}
