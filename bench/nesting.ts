// What refusing a megabyte of `l` costs at every entrance that takes bencode: time and memory against the 50 ms and
// 10 MB it may cost. The ratio is how often the cost would fit.
import { entrances } from '../test/formats/entrances.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const allowedMs = 50
const allowedBytes = 10_000_000
const rounds = 9

function memoryBytes(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function measure(name: string, refuses: (bytes: Uint8Array) => string, bytes: Uint8Array): readonly Measurement[] {
  const samples = Array.from({ length: rounds }, () => {
    const startBytes = memoryBytes()
    const startMs = performance.now()
    if (refuses(bytes) === 'accepted') throw new Error(`${name} accepts it`)
    return { ms: performance.now() - startMs, bytes: Math.max(1, memoryBytes() - startBytes) }
  })
  // The first call compiles; an attacker's first packet pays for that, so the worst one counts.
  const worstMs = Math.max(...samples.map(({ ms }) => ms))
  const usedMb = median(samples.map((sample) => sample.bytes)) / 1_000_000
  return [
    { name, unit: 'ms', ours: worstMs, theirs: allowedMs, ratio: allowedMs / worstMs, bar: 1 },
    { name: '', unit: 'MB', ours: usedMb, theirs: allowedBytes / 1e6, ratio: allowedBytes / 1e6 / usedMb, bar: 1 },
  ]
}

export const benchmark: Benchmark = {
  name: 'nesting',
  summary: 'a megabyte of `l` refused: worst time and median memory against what is allowed',
  run() {
    const bytes = new Uint8Array(1_000_000).fill(0x6c)
    return Object.entries(entrances).flatMap(([name, refuses]) => measure(name, refuses, bytes))
  },
}
