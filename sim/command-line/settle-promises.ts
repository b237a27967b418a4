// Waits until no promise is left that could be settled, for the clock of a simulation that Node runs. Guarantees: comes
// back after all of them, however long their chains; now and then the event loop turns as well, so that threads hear
// messages and can be ended.
import { setImmediate } from 'node:timers/promises'

/** A turn of the event loop costs far more than most moments of a simulation do. */
const settlementsPerTurn = 4_096

let settlementCount = 0

export function settlePromises(): Promise<void> {
  settlementCount = (settlementCount + 1) % settlementsPerTurn
  if (settlementCount === 0) return setImmediate()
  return new Promise(settleNow)
}

/** Ticks come after all promises that can be settled, and after those that these lead to. */
function settleNow(resolve: () => void): void {
  process.nextTick(resolve)
}
