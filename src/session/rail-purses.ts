// What torrents may put into lanes on one ledger: a purse each, filled up to the torrent's budget and to what the day leaves.
// Guarantees: all purses together never may take more than the day leaves, whoever tops up lanes first; what the day
// leaves is divided evenly among those that want more. Owns who wants more; what is spent and locked is the payer machine's.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { PayerLane } from '../payment/lane-records.ts'
import type { Payer } from '../payment/payer.ts'
import type { PayerDriver } from './lane-driver.ts'

interface PursesOptions {
  readonly payer: () => PayerDriver
  /** Of a day's budget, when so much is spent ever and in lanes. */
  readonly dayLeft: (dayBudget: TokenAmount, sums: ReturnType<Payer['sums']>) => TokenAmount
}

export class RailPurses {
  private readonly options: PursesOptions
  /** Those that want more, with what may go out of each in all. */
  private readonly wanting = new Map<string, TokenAmount>()

  constructor(options: PursesOptions) {
    this.options = options
  }

  /** What may be put into lanes today, over all torrents. */
  dayLeft(dayBudget: TokenAmount): TokenAmount {
    return this.options.dayLeft(dayBudget, this.machine.sums())
  }

  /** There is, or was, money for it here. */
  has(budget: string): boolean {
    const { machine } = this
    const { total, spent } = machine.budgetOf(budget)
    return total > 0n || spent > 0n || machine.records.some((record) => record.budget === budget)
  }

  /** So much in all may go out of it; 0: nothing more. What the day leaves is for all that want it in equal parts. */
  fill(budget: string, most: TokenAmount, dayBudget: TokenAmount): void {
    const { wanting } = this
    if (most > 0n) wanting.set(budget, most)
    else {
      wanting.delete(budget)
      this.fillTo(budget, zeroAmount)
    }
    // All of them, as what one could take is not the others' to take, too; those that get less come first.
    const part = wanting.size === 0 ? 0n : this.dayLeft(dayBudget) / BigInt(wanting.size)
    const gone = this.goneByPurse()
    const totals = Array.from(wanting, ([name, mostOfIt]) => {
      const total = (gone.get(name) ?? 0n) + part
      return { name, total: tokenAmount(total < mostOfIt ? total : mostOfIt) }
    })
    const isLess = ({ name, total }: (typeof totals)[number]) => total < this.machine.budgetOf(name).total
    for (const purse of [...totals.filter(isLess), ...totals]) this.fillTo(purse.name, purse.total)
  }

  /** Of those that want more, what is spent or in lanes. */
  private goneByPurse(): Map<string, bigint> {
    const { machine } = this
    const gone = new Map<string, bigint>()
    for (const name of this.wanting.keys()) gone.set(name, machine.budgetOf(name).spent)
    for (const { budget, deposit, toppingUp, fee } of machine.records) {
      const before = gone.get(budget)
      if (before !== undefined) gone.set(budget, before + deposit + toppingUp + fee)
    }
    return gone
  }

  private fillTo(budget: string, total: TokenAmount): void {
    if (total !== this.machine.budgetOf(budget).total)
      this.options.payer().handle({ type: 'set-budget', budget, total })
  }

  /** What a purse holds: gone for good, and in lanes or asked for. */
  of(budget: string): { readonly spent: TokenAmount; readonly locked: TokenAmount } {
    const { machine } = this
    let spent: bigint = machine.budgetOf(budget).spent
    let locked = 0n
    for (const record of machine.records) {
      if (record.budget !== budget) continue
      spent += record.signed
      locked += record.deposit + record.toppingUp + record.fee - record.signed
    }
    return { spent: tokenAmount(spent), locked: tokenAmount(locked) }
  }

  /** That are paid out of it, and go on. */
  lanesOf(budget: string): readonly PayerLane[] {
    return this.machine.records.filter((record) => {
      return record.budget === budget && record.state.type !== 'closing' && record.frozen === undefined
    })
  }

  private get machine(): Payer {
    return this.options.payer().machine
  }
}
