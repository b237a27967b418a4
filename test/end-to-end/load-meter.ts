// How busy processors were, by what Linux counts: all of this machine, and this process's children alone. Guarantees: only
// looks; a child that ended counts up to the last look. For measurements that a lack of processor time would spoil.
import { readdirSync, readFileSync } from 'node:fs'
import { cpus } from 'node:os'

/** Shares of all cores, 0 to 1. */
export interface Load {
  readonly ofMachine: number
  /** The busiest five seconds. */
  readonly ofMachineAtMost: number
  readonly ofChildren: number
}

export interface LoadMeter {
  end(): Load
}

const lookMs = 1_000
const looksOfPeak = 5
const ticksPerSecond = 100

/** Of the whole machine: busy and all, in ticks. */
function machineTicks(): { readonly busy: number; readonly all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n')
  const counts = line.split(/\s+/).slice(1, 9).map(Number)
  const all = counts.reduce((sum, count) => sum + count, 0)
  // Idle, and waiting for disks.
  return { all, busy: all - (counts[3] ?? 0) - (counts[4] ?? 0) }
}

/** Ticks of each child that is alive. */
function readChildren(into: Map<string, number>): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // Of the fields behind the name, which may have blanks in it: state, parent, and then those of time.
      const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
      if (Number(fields[1]) === process.pid) into.set(pid, Number(fields[11]) + Number(fields[12]))
    } catch {
      // It has ended since.
    }
  }
}

/** Measures from now on. */
export function loadMeter(): LoadMeter {
  const startMs = performance.now()
  const first = new Map<string, number>()
  readChildren(first)
  const latest = new Map(first)
  const looks = [machineTicks()]
  const timer = setInterval(() => {
    readChildren(latest)
    looks.push(machineTicks())
  }, lookMs)
  const share = (from: number, to: number) => {
    const [a, b] = [looks[from], looks[to]]
    return a === undefined || b === undefined || b.all === a.all ? 0 : (b.busy - a.busy) / (b.all - a.all)
  }
  return {
    end() {
      clearInterval(timer)
      readChildren(latest)
      looks.push(machineTicks())
      const seconds = (performance.now() - startMs) / 1_000
      let ticks = 0
      for (const [pid, count] of latest) ticks += count - (first.get(pid) ?? 0)
      const peaks = looks.map((_, index) => share(index - looksOfPeak, index))
      return {
        ofMachine: share(0, looks.length - 1),
        ofMachineAtMost: Math.max(...peaks),
        ofChildren: ticks / ticksPerSecond / seconds / cpus().length,
      }
    },
  }
}
