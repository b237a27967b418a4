// The foreign programs of the tests as sides of a transfer. A leecher among them is dialled by the libtorrent at the
// other end, as most cannot be told whom to dial; its time is from that connection to when its last byte is verified,
// asked for every 25 ms.
// Guarantees: the process watched is the one that the program's driver started: starts never overlap.
import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { ForeignPeer, ForeignProgram, ForeignTask } from '../../test/foreign/foreign-program.ts'
import { ownChildren } from './process-cost.ts'
import { type LeechSide, loopback, type SeedSide, type SideTask, transferLimitMs } from './sides.ts'

const pollMs = 25

async function start(
  program: ForeignProgram,
  role: ForeignTask['role'],
  { torrent, folder, home }: SideTask,
): Promise<{ readonly peer: ForeignPeer; readonly pid: number }> {
  mkdirSync(home, { recursive: true })
  const before = new Set(ownChildren())
  const peer = await program.start({ role, source: torrent, folder, home, address: loopback })
  const [pid, ...others] = ownChildren().filter((child) => !before.has(child))
  if (pid !== undefined && others.length === 0) return { peer, pid }
  await peer.stop()
  throw new Error(`${program.name} is not one process`)
}

async function untilComplete(peer: ForeignPeer): Promise<void> {
  const endMs = performance.now() + transferLimitMs
  while (!(await peer.progress()).isComplete) {
    if (performance.now() > endMs) throw new Error(`not complete in ${transferLimitMs} ms; ${peer.said()}`)
    await delay(pollMs)
  }
}

export function foreignSide(program: ForeignProgram): SeedSide & LeechSide {
  const { name, origin, version } = program
  return {
    name,
    origin,
    version,

    async seed(task) {
      const { peer, pid } = await start(program, 'seed', task)
      return { pid, places: [{ address: loopback, port: peer.port }], stop: () => peer.stop() }
    },

    async leech(task, seed) {
      const { dial } = seed
      if (dial === undefined) throw new Error(`nobody dials ${name}`)
      const { peer, pid } = await start(program, 'leech', task)
      return {
        pid,
        async finished() {
          await dial({ address: loopback, port: peer.port })
          const startedMs = performance.now()
          await untilComplete(peer)
          return (performance.now() - startedMs) / 1_000
        },
        stop: () => peer.stop(),
      }
    },
  }
}
