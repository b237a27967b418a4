// What tests of whole sessions begin with: a simulated world, and seeds in it. The machines, their contents and trackers
// are those of the simulator (sim/world). Keeps no state.
import { setImmediate } from 'node:timers/promises'
import type { Content } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { World } from '../../sim/world/world.ts'
import type { SessionConfig } from '../../src/session/session-config.ts'

/** Promises are settled when the event loop comes round: nothing else is under way in this process. */
export function newWorld(seed = 1): World {
  return new World({ seed, settlePromises: () => setImmediate() })
}

/** A machine that had the content on its disk, and seeds it. */
export async function seedOf(
  world: World,
  content: Content,
  address = '10.0.0.1',
  config: Partial<SessionConfig> = {},
): Promise<Machine> {
  const machine = world.machine(address)
  machine.put(content)
  await machine.start(config)
  const id = await machine.add(content.metainfo)
  await world.until('seeding', () => machine.stateOf(id) === 'seeding')
  return machine
}
