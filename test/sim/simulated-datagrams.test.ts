// Simulated UDP keeps the promises of the datagrams port.
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedNetwork } from '../../sim/ports/simulated-network.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { datagramsConformance } from '../conformance/datagrams-conformance.ts'
import { passingUntil } from './running-clock.ts'

for (const { family, address, foreignAddress, group } of [
  { family: 4, address: '10.0.0.1', foreignAddress: '192.0.2.1', group: '239.192.152.143' },
  { family: 6, address: 'fd00::1', foreignAddress: '2001:db8::1', group: 'ff15::efc0:988f' },
] as const) {
  datagramsConformance(`simulated, IPv${family}`, async () => {
    const clock = new SimulatedClock(() => setImmediate())
    const network = new SimulatedNetwork({ clock, random: simulatedRandom(1) })
    return {
      datagrams: network.datagrams({ address }),
      family,
      address,
      foreignAddress,
      group,
      until: passingUntil(clock),
      settle: () => clock.run(100),
    }
  })
}
