// What came of an operation on a ledger, for people and scripts.
// Guarantees: amounts are exact; people are told their token with them, scripts base units as decimal text.
import { formatBaseUnits, formatTokenAmount, type TokenAmount } from '../base/token-amount.ts'
import type { DoneOnLedger } from '../daemon/carry-out.ts'
import { exitCodes } from './exit-code.ts'
import { newFields } from './fields.ts'
import type { Output } from './output.ts'

/** A label and a value for people, a name and a value for scripts. Amounts are bigint. */
interface Fact {
  readonly label: string
  readonly name: string
  readonly value: string | number | TokenAmount | undefined
  /** For people, where it is not the value. */
  readonly text?: string | undefined
}

interface DoneTelling {
  /** In one word. */
  readonly type: string
  /** What it was done to. */
  readonly what: string
  readonly id: string
  readonly facts: readonly Fact[]
}

/** The exit code. */
export function tellDone(
  { type, what, id, facts }: DoneTelling,
  { id: operation, account, fee, ledger }: DoneOnLedger,
  isJson: boolean | undefined,
  output: Output,
): number {
  const { rail, symbol } = ledger
  if (isJson === true) {
    const members = facts.map(({ name, value }) => [name, typeof value === 'bigint' ? formatBaseUnits(value) : value])
    const told = Object.fromEntries(members)
    output.json({ type, id, operation, rail, symbol, account, ...told, fee: formatBaseUnits(fee) })
    return exitCodes.ok
  }
  output.line(output.style.good(type))
  const { field } = newFields(output)
  field(what, id)
  for (const { label, value, text } of facts) {
    if (value === undefined) continue
    field(label, text ?? (typeof value === 'bigint' ? formatTokenAmount(value, symbol) : String(value)))
  }
  field('fee', fee === 0n ? undefined : formatTokenAmount(fee, symbol))
  return exitCodes.ok
}
