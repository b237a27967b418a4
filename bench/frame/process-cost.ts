// What a process takes: processor time and memory, all its threads included, as Linux counts them.
// Guarantees: memory is what no other process and no file shares (RssAnon) and what lies in shared memory (RssShmem,
// where files of a memory file system count that are mapped); its peak is seen every 50 ms.
import { readdirSync, readFileSync } from 'node:fs'

const clockTicks = 100
const sampleIntervalMs = 50

/** What one process took from the moment watching began. */
export interface Cost {
  readonly cpuSeconds: number
  readonly peakMiB: number
}

function statFields(pid: number | string): readonly string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
}

function cpuSecondsOf(pid: number): number {
  const fields = statFields(pid)
  return (Number(fields[11]) + Number(fields[12])) / clockTicks
}

/** In MiB, as of now. */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return (kibibytes('RssAnon') + kibibytes('RssShmem')) / 1024
}

/** Watches a process until the function returned is called, which must be while it lives. */
export function watch(pid: number): () => Cost {
  const startCpuSeconds = cpuSecondsOf(pid)
  let peakMiB = 0
  const timer = setInterval(() => {
    try {
      peakMiB = Math.max(peakMiB, memoryOf(pid))
    } catch {
      // It has ended; whoever waits for it hears of that.
      clearInterval(timer)
    }
  }, sampleIntervalMs)
  return () => {
    clearInterval(timer)
    return { cpuSeconds: cpuSecondsOf(pid) - startCpuSeconds, peakMiB: Math.max(peakMiB, memoryOf(pid)) }
  }
}

/** The processes that this one started and that live. */
export function ownChildren(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return Number(statFields(name)[1]) === process.pid
      } catch {
        return false
      }
    })
    .map(Number)
}
