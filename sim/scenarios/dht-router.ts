// What scenarios of the DHT begin with: a session without torrents, whose node everybody is told of.
// It takes no part in the swarm, so whoever makes it stops it.
import type { SessionConfig } from '../../src/session/session-config.ts'
import type { Stage } from '../stage.ts'
import { listenPort, type Machine } from '../world/machine.ts'

export async function dhtRouter(stage: Stage): Promise<Machine> {
  const machine = stage.world.machine(stage.address())
  await machine.start({ dht: { bootstrap: [], mayBootstrapLocally: false } })
  return machine
}

export function inDht(router: Machine): Partial<SessionConfig> {
  return { dht: { bootstrap: [{ host: router.address, port: listenPort }], mayBootstrapLocally: false } }
}
