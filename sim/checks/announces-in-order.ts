// What trackers hear of one run of a torrent (BEP 3): `started` before all else and once for each start, `completed`
// once at most, `stopped` after all else when the program ends in order; nothing without an event sooner than they allow.
import type { Machine } from '../world/machine.ts'
import type { SeenAnnounce } from '../world/seen-announce.ts'
import type { CheckMaker } from './check.ts'

interface Registration {
  /** The last one that was answered. */
  last: SeenAnnounce
  isThere: boolean
  hasCompleted: boolean
  /** The torrent was stopped since, and its `stopped` may have been called back by a new start. */
  mayRestart: boolean
}

/** Longer than any announce is on its way. */
const onItsWayMs = 1_000
/** So long after its `stopped` a torrent that was started again meanwhile says `started`. */
const restartMs = 5_000

export const announcesInOrder: CheckMaker = {
  name: 'announces-in-order',
  make: ({ world, violate }) => {
    /** By tracker, torrent and peer id, which is another one in each life of a program. */
    const registrations = new Map<string, Registration>()
    /** When a torrent of theirs was in another state last. */
    const changedMs = new Map<Machine, number>()
    return {
      onAnnounce: (announce) => {
        const { tracker, from, infoHash, peerId, event, isAnswered } = announce
        const machine = world.machines.find(({ address }) => address === from)
        // It was on its way when the program died.
        if (machine?.isUp === false) return
        const key = `${tracker.url} ${infoHash} ${peerId}`
        const known = registrations.get(key)
        // `started` may have been called back on its way, and it is not known then whether it was heard.
        const isEarly = machine !== undefined && announce.atMs - (changedMs.get(machine) ?? 0) < onItsWayMs
        const isRestart = known !== undefined && Math.abs(announce.atMs - known.last.atMs - restartMs) < onItsWayMs
        const wrong = event === 'stopped' && (isEarly || isRestart) ? undefined : fault(known, announce)
        if (wrong !== undefined) violate(machine, `announced ${event} ${wrong}`)
        // What was not answered is said again.
        if (!isAnswered) return
        registrations.set(key, {
          last: announce,
          isThere: event !== 'stopped',
          mayRestart: false,
          hasCompleted: event === 'completed' || (known?.hasCompleted ?? false),
        })
      },
      onChange: (machine, change) => {
        if (change.type === 'state') changedMs.set(machine, world.clock.nowMs())
        const hasStopped =
          change.type === 'removed' ||
          (change.type === 'state' && (change.state.type === 'stopped' || change.state.type === 'queued'))
        if (!hasStopped) return
        for (const registration of registrations.values()) {
          if (registration.last.from === machine.address) registration.mayRestart = true
        }
      },
      onDown: (machine, isOrderly) => {
        for (const [key, { last, isThere }] of registrations) {
          if (last.from !== machine.address) continue
          registrations.delete(key)
          if (!isOrderly || !isThere || last.tracker.isSilent) continue
          if (world.clock.nowMs() < forgottenMs(last)) violate(machine, `ended, and ${last.tracker.url} was not told`)
        }
      },
    }
  },
}

/** Since then the tracker counts it out by itself. */
function forgottenMs({ tracker, atMs }: SeenAnnounce): number {
  return atMs + 2_000 * tracker.server.intervalSeconds
}

function fault(known: Registration | undefined, { event, atMs, tracker }: SeenAnnounce): string | undefined {
  const isThere = known?.isThere === true && atMs < forgottenMs(known.last)
  if (event === 'started') return isThere && !known.mayRestart ? 'twice' : undefined
  if (known?.isThere !== true) return 'before `started`'
  if (event === 'completed') return known.hasCompleted ? 'twice' : undefined
  if (event === 'stopped') return undefined
  const pauseMs = atMs - known.last.atMs
  const leastMs = 1_000 * tracker.server.minIntervalSeconds
  return pauseMs < leastMs ? `after ${pauseMs} ms, of ${leastMs} at least` : undefined
}
