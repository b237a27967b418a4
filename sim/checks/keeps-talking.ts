// Nobody is silent on an open connection for so long that the other side gives it up (BEP 3: two minutes); and while
// nothing is to be done next to nothing is done: a program that spins is found out by the moments it takes.
import type { CheckMaker } from './check.ts'
import type { TappedConnection } from './tapped-connection.ts'

const longestSilenceMs = 115_000
/** Without a byte on any connection for so long the world counts as idle, and the next seconds are measured. */
const settlingSeconds = 10
const idleSeconds = 10
/** Moments a second, on average: a tick, dials, announces. */
const idleMomentsOfMachine = 20
/** More moments within one second are taken by nobody: time stands still. */
const mostMomentsOfMachine = 50_000

export const keepsTalking: CheckMaker = {
  name: 'keeps-talking',
  make: ({ world, tap, violate }) => {
    const openedMs = new Map<TappedConnection, number>()
    let moments = 0
    let idleFor = 0
    let idleMoments = 0
    let hasMoved = false
    tap.observe({
      onOpened: (connection) => void openedMs.set(connection, world.clock.nowMs()),
      onHungUp: (connection) => void openedMs.delete(connection),
      onClosed: (connection) => void openedMs.delete(connection),
      onBytes: () => {
        hasMoved = true
      },
    })
    const hosts = () => world.machines.length + world.otherHosts + 1
    const judgeIdle = (momentsOfSecond: number) => {
      idleFor = hasMoved ? 0 : idleFor + 1
      hasMoved = false
      idleMoments = idleFor <= settlingSeconds ? 0 : idleMoments + momentsOfSecond
      if (idleFor < settlingSeconds + idleSeconds) return
      const perSecond = idleMoments / idleSeconds
      if (perSecond > idleMomentsOfMachine * hosts()) {
        violate(undefined, `${perSecond} moments a second, in which no byte moved`)
      }
      idleFor = settlingSeconds
      idleMoments = 0
    }
    return {
      onMoment: () => {
        moments++
        if (moments === mostMomentsOfMachine * hosts()) violate(undefined, 'time stands still')
      },
      onSecond: () => {
        judgeIdle(moments)
        moments = 0
        const nowMs = world.clock.nowMs()
        for (const [connection, sinceMs] of openedMs) {
          const { machine, out } = connection
          if (nowMs - Math.max(out.saidMs, sinceMs) <= longestSilenceMs) continue
          openedMs.delete(connection)
          violate(machine, `said nothing to ${connection.remote.address} for ${longestSilenceMs / 1_000} s`)
        }
      },
    }
  },
}
