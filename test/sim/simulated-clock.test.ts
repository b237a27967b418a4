// The simulated clock, randomness and names keep the promises of their ports.
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedWeb } from '../../sim/ports/simulated-http.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { clockConformance } from '../conformance/clock-conformance.ts'
import { randomConformance } from '../conformance/random-conformance.ts'
import { resolverConformance } from '../conformance/resolver-conformance.ts'
import { passingUntil } from './running-clock.ts'

clockConformance('simulated', () => {
  const clock = new SimulatedClock(() => setImmediate())
  return { clock, until: passingUntil(clock) }
})

randomConformance('simulated', () => simulatedRandom(7))

resolverConformance('simulated', () => {
  const clock = new SimulatedClock(() => setImmediate())
  const web = new SimulatedWeb(clock, 5)
  web.name('tracker.test', ['192.0.2.7', '2001:db8::7'])
  const resolver = web.resolver()
  return {
    resolver: { resolve: (...question) => clock.settle(resolver.resolve(...question)) },
    knownName: 'tracker.test',
    knownAddress: '192.0.2.7',
  }
})
