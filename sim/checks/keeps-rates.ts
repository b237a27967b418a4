// A session keeps its rate limits (payload and protocol together): in no ten seconds more than they allow and a
// twentieth, and what may be saved up and taken at once. Seen where it hands bytes to its streams and takes them.
import type { Machine } from '../world/machine.ts'
import type { CheckMaker } from './check.ts'
import type { Way } from './tapped-connection.ts'

const windowSeconds = 10
const tolerance = 1.05
/** Two tenths of a second are saved up; a turn and the block that ends it go beyond. */
const savedSeconds = 0.2
const turnBytes = 131_072

interface Meter {
  readonly totals: Record<Way, number>
  /** At each of the last seconds, oldest first. */
  readonly history: Record<Way, number[]>
  /** Bytes a second since when; a window begins anew with other limits. */
  limits: Record<Way, number>
}

export const keepsRates: CheckMaker = {
  name: 'keeps-rates',
  make: ({ world, tap, violate }) => {
    const meters = new Map<Machine, Meter>()
    const meterOf = (machine: Machine): Meter => {
      const known = meters.get(machine)
      if (known !== undefined) return known
      const made = { totals: { in: 0, out: 0 }, history: { in: [], out: [] }, limits: limitsOf(machine) }
      meters.set(machine, made)
      return made
    }
    tap.observe({
      onBytes: ({ machine }, way, count) => {
        meterOf(machine).totals[way] += count
      },
    })
    const judge = (machine: Machine, meter: Meter, way: Way) => {
      const history = meter.history[way]
      history.push(meter.totals[way])
      if (history.length > windowSeconds + 1) history.shift()
      const limit = meter.limits[way]
      const bytes = meter.totals[way] - (history[0] as number)
      const seconds = history.length - 1
      if (bytes <= limit * (seconds * tolerance + savedSeconds) + turnBytes) return
      violate(machine, `${way === 'in' ? 'took' : 'sent'} ${bytes} bytes in ${seconds} s, of ${limit} a second allowed`)
    }
    return {
      onSecond: () => {
        for (const machine of world.machines) {
          const limits = limitsOf(machine)
          const meter = meterOf(machine)
          if (limits.in !== meter.limits.in || limits.out !== meter.limits.out || !machine.isUp) {
            meter.limits = limits
            meter.history.in.length = 0
            meter.history.out.length = 0
          }
          judge(machine, meter, 'in')
          judge(machine, meter, 'out')
        }
      },
    }
  },
}

function limitsOf({ config }: Machine): Record<Way, number> {
  const rates = config.useAlternativeRates ? config.alternativeRates : config.rates
  return { in: rates.downloadBytesPerSecond, out: rates.uploadBytesPerSecond }
}
