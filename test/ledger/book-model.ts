// The rules of a ledger told a second time, naively: plain numbers in plain maps, nothing shared with the product but
// the operations. For comparing with it step by step.
import type { AccountId, LaneId, LedgerOperation, OperationId } from '../../src/ports/ledger.ts'
import { hourMs } from './ledger-harness.ts'

interface Person {
  available: bigint
  isInvited: boolean
}

interface Channel {
  readonly payer: AccountId
  readonly payee: AccountId
  deposit: bigint
  claimed: bigint
  /** When it may be closed by anyone, and nothing can be claimed any more. */
  overMs: number
  isClosing: boolean
}

interface Held {
  readonly payer: AccountId
  readonly payee: AccountId
  readonly arbiter: AccountId | undefined
  held: bigint
  overMs: number
  isDisputed: boolean
}

interface Leaving {
  readonly from: AccountId
  readonly amount: bigint
  isSent: boolean
}

export interface ModelOptions {
  readonly operator: AccountId
  readonly hasDeposits: boolean
  readonly grant: bigint
  readonly minDeposit: bigint
  readonly payoutPpm: bigint
}

const day = 24 * hourMs

export class BookModel {
  readonly people = new Map<AccountId, Person>()
  readonly channels = new Map<string, Channel>()
  readonly escrows = new Map<string, Held>()
  readonly withdrawals = new Map<string, Leaving>()
  readonly deposits = new Map<string, { readonly to: AccountId; amount: bigint; state: string }>()
  readonly invites = new Set<string>()
  burned = 0n
  private readonly options: ModelOptions

  constructor(options: ModelOptions) {
    this.options = options
  }

  person(account: AccountId): Person {
    const known = this.people.get(account) ?? { available: 0n, isInvited: false }
    this.people.set(account, known)
    return known
  }

  /** Whether it is carried out; if so, it is. `signers`: of its vouchers. */
  play(by: AccountId, operation: LedgerOperation, signers: readonly AccountId[], nowMs: number): boolean {
    const { type } = operation
    if (type.startsWith('escrow-')) return this.playEscrow(by, operation, nowMs)
    if (type.startsWith('deposit-') || type.startsWith('withdraw')) {
      return this.options.hasDeposits && this.playDeposit(by, operation)
    }
    if (type === 'transfer') {
      if (operation.to === by || operation.amount === 0n || !this.take(by, operation.amount)) return false
      this.person(operation.to).available += operation.amount
      return true
    }
    if (type === 'burn') {
      if (operation.amount === 0n || !this.take(by, operation.amount)) return false
      this.burned += operation.amount
      return true
    }
    if (type === 'grant') {
      const to = this.person(operation.to)
      if (this.options.hasDeposits || by !== this.options.operator) return false
      if (to.isInvited || this.invites.has(operation.invite)) return false
      to.isInvited = true
      to.available += this.options.grant
      this.invites.add(operation.invite)
      return true
    }
    return this.playLane(by, operation, signers, nowMs)
  }

  private take(from: AccountId, amount: bigint): boolean {
    const person = this.person(from)
    if (person.available < amount) return false
    person.available -= amount
    return true
  }

  private pay(to: AccountId, amount: bigint): void {
    const fee = (amount * this.options.payoutPpm) / 1_000_000n
    this.person(to).available += amount - fee
    this.burned += fee
  }

  private playLane(by: AccountId, operation: LedgerOperation, signers: readonly AccountId[], nowMs: number): boolean {
    if (operation.type === 'open-lane') {
      const { payee, deposit, expiresAtMs } = operation
      if (payee === by || deposit < this.options.minDeposit) return false
      if (expiresAtMs < nowMs + hourMs || expiresAtMs > nowMs + 30 * day) return false
      const lanes = [...this.channels.values()].filter((lane) => lane.payer === by)
      if (lanes.filter((lane) => lane.payee === payee).length >= 8 || !this.take(by, deposit)) return false
      const lane = { payer: by, payee, deposit, claimed: 0n, overMs: expiresAtMs, isClosing: false }
      this.channels.set(operation.id, lane)
      return true
    }
    if (operation.type === 'claim') return this.claim(operation.vouchers, signers, nowMs)
    if (!('lane' in operation)) return false
    const lane = this.channels.get(operation.lane)
    if (lane === undefined) return false
    const isOver = nowMs >= lane.overMs
    switch (operation.type) {
      case 'top-up-lane':
        if (by !== lane.payer || operation.amount === 0n || lane.isClosing || isOver) return false
        if (!this.take(by, operation.amount)) return false
        lane.deposit += operation.amount
        return true
      case 'request-close':
        if (by !== lane.payer || lane.isClosing) return false
        lane.isClosing = true
        lane.overMs = Math.min(lane.overMs, nowMs + hourMs)
        return true
      case 'close':
        return isOver && this.endLane(operation.lane, lane)
      case 'payee-close': {
        const { last } = operation
        if (by !== lane.payee || (last !== undefined && last.lane !== operation.lane)) return false
        if (last !== undefined && isOver && last.cumulativeAmount > lane.claimed) return false
        if (last !== undefined && !isOver) {
          if (signers[0] !== lane.payer || last.cumulativeAmount > lane.deposit) return false
          this.advance(lane, last.cumulativeAmount)
        }
        return this.endLane(operation.lane, lane)
      }
      default:
        return false
    }
  }

  private claim(
    vouchers: readonly { readonly lane: LaneId; readonly cumulativeAmount: bigint }[],
    signers: readonly AccountId[],
    nowMs: number,
  ): boolean {
    const live = vouchers.flatMap(({ lane, cumulativeAmount }, index) => {
      const channel = this.channels.get(lane)
      return channel === undefined || nowMs >= channel.overMs
        ? []
        : [{ channel, cumulativeAmount, signer: signers[index] }]
    })
    for (const { channel, cumulativeAmount, signer } of live) {
      if (signer !== channel.payer || cumulativeAmount > channel.deposit) return false
    }
    let paid = 0
    for (const { channel, cumulativeAmount } of live) paid += this.advance(channel, cumulativeAmount) ? 1 : 0
    return paid > 0
  }

  private advance(channel: Channel, cumulativeAmount: bigint): boolean {
    if (cumulativeAmount <= channel.claimed) return false
    this.pay(channel.payee, cumulativeAmount - channel.claimed)
    channel.claimed = cumulativeAmount
    return true
  }

  private endLane(id: LaneId, lane: Channel): boolean {
    this.person(lane.payer).available += lane.deposit - lane.claimed
    return this.channels.delete(id)
  }

  private playEscrow(by: AccountId, operation: LedgerOperation, nowMs: number): boolean {
    if (operation.type === 'escrow-fund') {
      const { payee, amount, timeoutAtMs, arbiter, id } = operation
      if (payee === by || arbiter === by || arbiter === payee || amount === 0n) return false
      if (timeoutAtMs <= nowMs || timeoutAtMs > nowMs + 366 * day || !this.take(by, amount)) return false
      this.escrows.set(id, { payer: by, payee, arbiter, held: amount, overMs: timeoutAtMs, isDisputed: false })
      return true
    }
    if (!('escrow' in operation)) return false
    const { escrow: id } = operation
    const escrow = this.escrows.get(id)
    if (escrow === undefined) return false
    switch (operation.type) {
      case 'escrow-release':
        if (by !== escrow.payer || operation.amount === 0n || operation.amount > escrow.held) return false
        escrow.held -= operation.amount
        this.pay(escrow.payee, operation.amount)
        if (escrow.held === 0n) this.escrows.delete(id)
        return true
      case 'escrow-refund':
        return (by === escrow.payee || nowMs >= escrow.overMs) && this.divide(id, escrow, 0n)
      case 'escrow-dispute':
        if ((by !== escrow.payer && by !== escrow.payee) || escrow.arbiter === undefined) return false
        if (escrow.isDisputed || nowMs >= escrow.overMs) return false
        escrow.isDisputed = true
        escrow.overMs = nowMs + 14 * day
        return true
      default:
        if (by !== escrow.arbiter || !escrow.isDisputed || nowMs >= escrow.overMs) return false
        return operation.toPayee <= escrow.held && this.divide(id, escrow, operation.toPayee)
    }
  }

  private divide(id: OperationId, escrow: Held, toPayee: bigint): boolean {
    this.pay(escrow.payee, toPayee)
    this.person(escrow.payer).available += escrow.held - toPayee
    return this.escrows.delete(id)
  }

  private playDeposit(by: AccountId, operation: LedgerOperation): boolean {
    const isOperator = by === this.options.operator
    switch (operation.type) {
      case 'deposit-see': {
        const known = this.deposits.get(operation.source)
        if (!isOperator || operation.amount === 0n) return false
        if (known !== undefined && (known.state !== 'dropped' || known.to !== operation.to)) return false
        this.deposits.set(operation.source, { to: operation.to, amount: operation.amount, state: 'seen' })
        return true
      }
      case 'deposit-settle': {
        const known = this.deposits.get(operation.source)
        if (!isOperator || known?.state !== 'seen') return false
        known.state = operation.result
        if (operation.result === 'credited') this.person(known.to).available += known.amount
        return true
      }
      case 'withdraw':
        if (operation.amount === 0n || !this.take(by, operation.amount)) return false
        this.withdrawals.set(operation.id, { from: by, amount: operation.amount, isSent: false })
        return true
      default:
        return 'withdrawal' in operation && this.moveWithdrawal(by, operation)
    }
  }

  private moveWithdrawal(
    by: AccountId,
    operation: Extract<LedgerOperation, { readonly withdrawal: OperationId }>,
  ): boolean {
    const leaving = this.withdrawals.get(operation.withdrawal)
    const isOperator = by === this.options.operator
    if (leaving === undefined) return false
    if (operation.type === 'withdraw-send') {
      if (!isOperator || leaving.isSent) return false
      leaving.isSent = true
      return true
    }
    if (operation.type === 'withdraw-cancel') {
      if (leaving.isSent || (by !== leaving.from && !isOperator)) return false
    } else if (!isOperator || !leaving.isSent) return false
    if (operation.type === 'withdraw-settle' && operation.result === 'sent') this.burned += leaving.amount
    else this.person(leaving.from).available += leaving.amount
    return this.withdrawals.delete(operation.withdrawal)
  }
}
