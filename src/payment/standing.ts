// What a provider remembers of those who did not pay, across restarts: how often, how much, and what they get meanwhile.
// Pure, over one record an account. Guarantees: each default costs more than the last (pay ahead for an hour, for a day,
// then nothing for a week); memory halves every thirty days of the rail's own time, so that nobody is remembered for ever.
import { byteCount } from '../base/byte-count.ts'
import { addAmounts, type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { AccountId } from '../ports/ledger.ts'

export interface Standing {
  readonly account: AccountId
  /** Of defaults, those that are not forgotten. */
  readonly defaults: number
  /** Of what was sent and never paid. */
  readonly unpaid: TokenAmount
  /** Bytes it paid for in all, halved with time like the rest. */
  readonly paidBytes: number
  /** When the rest was last counted, and until when it is punished, in the rail's time. */
  readonly countedAtMs: number
  readonly untilMs: number
}

/** 'credit': a window ahead of payment; 'prepay': nothing ahead; 'banned': no paid service. */
export type Treatment = 'credit' | 'prepay' | 'banned'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const halfLifeMs = 30 * dayMs
const punishmentsMs = [0, hourMs, dayMs, 7 * dayMs]
/** Connections break: of what was not paid, a part is forgiven for so many as much that is. */
const paidPerForgiven = 64n
/** From so many defaults on paying ahead is not enough. */
const banAfter = 3

export function newStanding(account: AccountId): Standing {
  return { account, defaults: 0, unpaid: zeroAmount, paidBytes: 0, countedAtMs: 0, untilMs: 0 }
}

export function treatmentOf(standing: Standing | undefined, ledgerMs: number): Treatment {
  if (standing === undefined || ledgerMs >= standing.untilMs) return 'credit'
  return standing.defaults >= banAfter ? 'banned' : 'prepay'
}

/** Whether it paid for so much before that its first window need not come out of the pool for newcomers. */
export function isEstablished(standing: Standing | undefined, bytes: number, ledgerMs: number): boolean {
  return (
    standing !== undefined &&
    halved(standing, ledgerMs).paidBytes >= bytes &&
    treatmentOf(standing, ledgerMs) === 'credit'
  )
}

export function afterDefault(standing: Standing, unpaid: TokenAmount, ledgerMs: number): Standing {
  const kept = halved(standing, ledgerMs)
  const defaults = kept.defaults + 1
  const punishmentMs = punishmentsMs[Math.min(defaults, punishmentsMs.length - 1)] ?? 0
  return { ...kept, defaults, unpaid: addAmounts(kept.unpaid, unpaid), untilMs: ledgerMs + punishmentMs }
}

export function afterPayment(standing: Standing, bytes: number, amount: TokenAmount, ledgerMs: number): Standing {
  const kept = halved(standing, ledgerMs)
  const forgiven = amount / paidPerForgiven
  const unpaid = kept.unpaid > forgiven ? ((kept.unpaid - forgiven) as TokenAmount) : zeroAmount
  return { ...kept, unpaid, paidBytes: Math.min(kept.paidBytes + bytes, Number.MAX_SAFE_INTEGER) }
}

/** A difference too small for a default, such as connections break off with; many of them are one. */
export function afterDifference(
  standing: Standing,
  unpaid: TokenAmount,
  tolerated: TokenAmount,
  ledgerMs: number,
): Standing {
  const kept = halved(standing, ledgerMs)
  const sum = addAmounts(kept.unpaid, unpaid)
  return sum > tolerated ? afterDefault(kept, unpaid, ledgerMs) : { ...kept, unpaid: sum }
}

function halved(standing: Standing, ledgerMs: number): Standing {
  const { countedAtMs, defaults, paidBytes, unpaid } = standing
  const halvings = Math.floor(Math.max(0, ledgerMs - countedAtMs) / halfLifeMs)
  if (countedAtMs === 0) return { ...standing, countedAtMs: ledgerMs }
  if (halvings === 0) return standing
  const shift = BigInt(Math.min(halvings, 256))
  return {
    ...standing,
    defaults: byteCount(BigInt(defaults) >> shift),
    unpaid: (unpaid >> shift) as TokenAmount,
    paidBytes: byteCount(BigInt(paidBytes) >> shift),
    countedAtMs: countedAtMs + halvings * halfLifeMs,
  }
}
