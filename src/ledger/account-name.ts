// Whether a text names an account of a ledger, for operations that were not read from bytes but made in this process.
// Guarantees: one text an account, so that texts are compared and are keys. Names themselves: formats/money/account-id.
import type { RailId } from '../ports/ledger.ts'

const prefix = ':0x'
const addressDigits = 40

export function isAccountOf(rail: RailId, account: string): boolean {
  const start = rail.length + prefix.length
  if (
    account.length !== start + addressDigits ||
    !account.startsWith(rail) ||
    !account.startsWith(prefix, rail.length)
  ) {
    return false
  }
  for (let index = start; index < account.length; index++) {
    const unit = account.charCodeAt(index)
    if (!((unit >= 0x30 && unit <= 0x39) || (unit >= 0x61 && unit <= 0x66))) return false
  }
  return true
}
