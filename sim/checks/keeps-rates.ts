// A session keeps its rate limits (payload and protocol together), the usual or the alternative ones, and those of each
// torrent: in no ten seconds more than they allow and a twentieth, and what may be saved up and taken at once. Peers of
// the local network count for none of them where they are exempt. Seen where it hands bytes to its streams and takes
// them, and where web seeds send.
import type { RateLimits } from '../../src/session/session-config.ts'
import type { Content } from '../world/content.ts'
import type { Machine } from '../world/machine.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import type { CheckMaker } from './check.ts'
import type { TappedConnection, Way } from './tapped-connection.ts'

const windowSeconds = 10
const tolerance = 1.05
/** Two tenths of a second are saved up; a turn and the block that ends it go beyond. */
const savedSeconds = 0.2
const turnBytes = 131_072
const ways = ['in', 'out'] as const
/** RFC 1918, 3927, 4193 and 4291. */
const localAddress = /^(?:10\.|127\.|169\.254\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|f[cd]|fe[89ab])/

/** Bytes a second. */
type Limits = Readonly<Record<Way, number>>
/** A window begins anew with whatever comes after. */
const noLimits: Limits = { in: 0, out: 0 }

/** Of all that counts for one limit: the session's, or a torrent's. */
interface Meter {
  readonly totals: Record<Way, number>
  /** At each of the last seconds, oldest first. */
  readonly history: Record<Way, number[]>
  /** As they were a second ago; a window begins anew with others. */
  limits: Limits
}

export const keepsRates: CheckMaker = {
  name: 'keeps-rates',
  make: ({ world, tap, violate }) => {
    const sessions = new Map<Machine, Meter>()
    const torrents = new Map<Machine, Map<Content, Meter>>()
    const count = (machine: Machine, content: Content | undefined, way: Way, bytes: number): void => {
      meterOf(sessions, machine, () => sessionLimits(machine)).totals[way] += bytes
      if (content === undefined) return
      const ofMachine = torrents.get(machine) ?? new Map<Content, Meter>()
      torrents.set(machine, ofMachine)
      meterOf(ofMachine, content, () => torrentLimits(machine, content)).totals[way] += bytes
    }
    tap.observe({
      onBytes: (connection, way, bytes) => {
        if (!isExempt(connection)) count(connection.machine, connection.content, way, bytes)
      },
    })
    return {
      onWebContent: (machine, content, lengthBytes) => count(machine, content, 'in', lengthBytes),
      onSecond: () => {
        for (const machine of world.machines) {
          const tell = (of: string) => (detail: string) => violate(machine, `${detail}${of}`)
          const session = sessions.get(machine)
          if (session !== undefined) judge(session, machine.isUp ? sessionLimits(machine) : undefined, tell(''))
          for (const [content, meter] of torrents.get(machine) ?? []) {
            judge(meter, torrentLimits(machine, content), tell(' to one torrent'))
          }
        }
      },
    }
  },
}

function isExempt({ machine, remote }: TappedConnection): boolean {
  return machine.config.exemptLocalNetwork && localAddress.test(remote.address)
}

function meterOf<Key>(meters: Map<Key, Meter>, key: Key, limitsNow: () => Limits | undefined): Meter {
  const known = meters.get(key)
  if (known !== undefined) return known
  const made = { totals: { in: 0, out: 0 }, history: { in: [0], out: [0] }, limits: limitsNow() ?? noLimits }
  meters.set(key, made)
  return made
}

/** Once a second. `limits` undefined: nothing runs that they would hold for. */
function judge(meter: Meter, limits: Limits | undefined, tell: (detail: string) => void): void {
  for (const way of ways) {
    const history = meter.history[way]
    if (limits?.[way] !== meter.limits[way]) history.length = 0
    history.push(meter.totals[way])
    if (history.length > windowSeconds + 1) history.shift()
    if (limits === undefined) continue
    const bytes = meter.totals[way] - (history[0] as number)
    const seconds = history.length - 1
    if (bytes <= limits[way] * (seconds * tolerance + savedSeconds) + turnBytes) continue
    tell(`${way === 'in' ? 'took' : 'sent'} ${bytes} bytes in ${seconds} s, of ${limits[way]} a second allowed`)
  }
  meter.limits = limits ?? noLimits
}

function sessionLimits({ config }: Machine): Limits {
  return waysOf(config.useAlternativeRates ? config.alternativeRates : config.rates)
}

function torrentLimits(machine: Machine, content: Content): Limits | undefined {
  const torrent = machine.isUp ? machine.session.torrentSnapshot(torrentIdOf(content)) : undefined
  return torrent?.ok === true ? waysOf(torrent.value.limits) : undefined
}

function waysOf({ downloadBytesPerSecond, uploadBytesPerSecond }: RateLimits): Limits {
  return { in: downloadBytesPerSecond, out: uploadBytesPerSecond }
}
