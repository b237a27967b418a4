// A store on a simulated disk of its own, for tests of what is kept in one, and ways to wait for it.
// Nothing is shared between two of them.
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { unwrap } from '../../src/base/errors.ts'

export function newStore() {
  const clock = new SimulatedClock(() => setImmediate())
  const store = unwrap(new SimulatedStoreDisk({ clock, random: simulatedRandom(1) }).open())
  const settle = async <T>(promise: Promise<T>) => clock.settle(promise)
  return { store, settle, written: () => clock.run(5_000) }
}
