// Vouchers in hand when a program that was paid ends: cashed then, as nobody may be there to do it in time.
// Guarantees: bounded in time; fees of it are 2 % at most; what could not be cashed stays on record, and is told with the time it is worth something.
import { type Result, success } from '../base/errors.ts'
import { addAmounts, subtractAmounts, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { payeeLanes } from '../payment/lane-records.ts'
import { paysUntilMs } from '../payment/rail-terms.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import { startPayee } from '../session/lane-driver.ts'
import { readTable } from '../session/lane-records-reader.ts'
import { isWorthCashing } from '../session/settlement-rule.ts'
import type { SpeedRail } from '../session/speed-ports.ts'

export interface InHand {
  readonly amount: TokenAmount
  readonly lanes: number
  /** By the ledger's time: from when on the first of them may be worth nothing; Infinity: there is none. */
  readonly untilMs: number
}

/** What was promised on a rail and not cashed. Errors: store-damaged. */
export async function readInHand({ store, terms }: Pick<SpeedRail, 'store' | 'terms'>): Promise<Result<InHand>> {
  const records = await readTable(store, payeeLanes, terms.rail)
  if (!records.ok) return records
  let [amount, lanes, untilMs] = [zeroAmount, 0, Number.POSITIVE_INFINITY]
  for (const { newest, claimed, expiresAtMs, state } of records.value) {
    if (newest === undefined || newest.cumulativeAmount <= claimed) continue
    lanes++
    amount = addAmounts(amount, subtractAmounts(newest.cumulativeAmount, claimed))
    untilMs = Math.min(untilMs, state.type === 'closing' ? state.closesAtMs : paysUntilMs(expiresAtMs, terms))
  }
  return success({ amount, lanes, untilMs })
}

/** What was cashed. Errors: those of the store. */
export async function cashInHand(
  rail: SpeedRail,
  scheme: SignatureScheme,
  patienceMs: number,
): Promise<Result<TokenAmount>> {
  const before = await readInHand(rail)
  if (!before.ok || before.value.lanes === 0) return before.ok ? success(zeroAmount) : before
  const { terms, signer } = rail
  if (!isWorthCashing(before.value.amount, before.value.lanes, terms)) return success(zeroAmount)
  let cashed = zeroAmount
  let pendingCount = () => 1
  let onSettled: () => void = () => undefined
  const settled = new Promise<void>((resolve) => {
    onSettled = resolve
  })
  // Nothing else is begun here: what is due by time is due the next time, too.
  const options = {
    terms,
    account: signer.account,
    scheme,
    random: systemRandom(),
    claimAt: tokenAmount(2n ** 255n),
    returnsWithinMs: Number.POSITIVE_INFINITY,
  }
  const driver = await startPayee(
    options,
    { ...rail, clock: systemClock() },
    {
      tell: () => undefined,
      notice(notice) {
        if (notice.type === 'cashed') cashed = addAmounts(cashed, notice.amount)
        if (notice.type === 'halted' || (notice.type === 'done' && pendingCount() === 0)) onSettled()
      },
    },
  )
  if (!driver.ok) return driver
  const { machine } = driver.value
  pendingCount = () => machine.pendingCount
  driver.value.handle({ type: 'claim' })
  const timer = setTimeout(onSettled, patienceMs)
  if (pendingCount() > 0) await settled
  clearTimeout(timer)
  await driver.value.close()
  return success(cashed)
}
