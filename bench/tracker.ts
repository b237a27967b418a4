// Benchmark: announces answered by our tracker, by npm's bittorrent-tracker and by opentracker, from equal swarms, as answers
// for each second of CPU that the answering process took; and what a million torrents take. Guarantees: the same peers in
// the same order, in turn, each with peers in every answer; the asker's own CPU is not counted.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toHex } from '../src/base/bytes.ts'
import { startSwarmbid } from '../test/end-to-end/run-swarmbid.ts'
import { startJsonProcess } from '../test/foreign/json-process.ts'
import { type ForeignTracker, foreignTrackers } from '../test/foreign/trackers.ts'
import { ownChildren, watch } from './frame/process-cost.ts'
import { askHttp, askUdp, infoHashOf, peersPerTorrent, torrentCount } from './frame/tracker-load.ts'
import { type Benchmark, type BenchmarkOptions, type Measurement, median } from './measure.ts'

interface Side {
  readonly name: string
  readonly pid: number
  readonly port: number
  stop(): Promise<unknown>
}

interface MemoryLine {
  readonly type: 'filled'
  readonly torrents: number
  readonly peers: number
  readonly mib: number
  readonly slowestMs: number
}

const all = torrentCount * peersPerTorrent
const udpAnswers = 40_000
const httpAnswers = 6_000
const millionTorrents = 1_000_000
const peersOfEach = 4
const mostMib = 1_500_000_000 / 1_048_576
const mostStallMs = 50
const memoryPath = fileURLToPath(new URL('./frame/tracker-memory-child.ts', import.meta.url))

async function startOurs(home: string): Promise<Side> {
  const started = startSwarmbid(['tracker', '--port', '0', '--bind', '127.0.0.1', '--json'], { cwd: home })
  const { port } = (await started.line('listening')) as { readonly port?: number }
  const { pid } = started.process
  assert.ok(pid !== undefined && port !== undefined)
  return { name: 'ours', pid, port, stop: () => started.end('SIGTERM') }
}

async function startForeign(tracker: ForeignTracker, home: string): Promise<Side> {
  const before = new Set(ownChildren())
  const hashes = Array.from({ length: torrentCount }, (_, torrent) => toHex(infoHashOf(torrent)))
  const running = await tracker.start(home, hashes.join('\n'))
  const [pid] = ownChildren().filter((child) => !before.has(child))
  assert.ok(pid !== undefined)
  return { name: tracker.name, pid, port: Number(new URL(running.urls.http).port), stop: running.stop }
}

interface Way {
  readonly name: string
  readonly answers: number
  ask(port: number, first: number, count: number): Promise<void>
}

const keptName = 'HTTP, connections kept'
const ways: readonly Way[] = [
  { name: 'UDP', answers: udpAnswers, ask: askUdp },
  { name: 'HTTP, a connection each', answers: httpAnswers, ask: (...about) => askHttp(...about, false) },
  { name: keptName, answers: httpAnswers, ask: (...about) => askHttp(...about, true) },
]

/** Answers for a second of CPU. */
async function rateOf({ pid, port }: Side, { ask, answers }: Way, round: number): Promise<number> {
  const cost = watch(pid)
  await ask(port, all + round * answers, answers)
  return answers / cost().cpuSeconds
}

/** For each side, in order, a figure a round. */
async function contest(sides: readonly Side[], way: Way, pairs: number): Promise<number[][]> {
  const samples: number[][] = sides.map(() => [])
  for (const side of sides) await way.ask(side.port, all, way.answers)
  for (let round = 0; round < pairs; round++) {
    for (const [index, side] of sides.entries()) samples[index]?.push(await rateOf(side, way, round))
  }
  return samples
}

async function memory(): Promise<readonly Measurement[]> {
  const child = startJsonProcess<MemoryLine>(process.execPath, [memoryPath, `${millionTorrents}`, `${peersOfEach}`], {
    name: 'a million torrents',
  })
  try {
    const { torrents, peers, mib, slowestMs } = await child.line('filled', 120_000)
    assert.deepEqual([torrents, peers], [millionTorrents, millionTorrents * peersOfEach])
    const rival = 'what is allowed'
    const room = { name: `a million torrents of ${peersOfEach} peers`, unit: 'MiB', ours: mib, theirs: mostMib, rival }
    const stall = { name: 'slowest announce on the way', unit: 'ms', ours: slowestMs, theirs: mostStallMs, rival }
    return [
      { ...room, ratio: mostMib / mib, bar: 1 },
      { ...stall, ratio: mostStallMs / slowestMs, bar: 1 },
    ]
  } finally {
    await child.end('SIGKILL')
  }
}

async function run({ pairs }: BenchmarkOptions): Promise<readonly Measurement[]> {
  const home = mkdtempSync(join(tmpdir(), 'swarmbid-bench-'))
  const sides: Side[] = []
  try {
    sides.push(await startOurs(home))
    for (const tracker of foreignTrackers) {
      assert.ok(tracker.version() !== undefined, `${tracker.name} is missing: ${tracker.origin}`)
      sides.push(await startForeign(tracker, home))
    }
    for (const side of sides) await askUdp(side.port, 0, all)
    const measurements: Measurement[] = []
    for (const way of ways) {
      // opentracker keeps none.
      const asked = sides.filter(({ name }) => way.name !== keptName || name !== 'opentracker')
      const [ours = [], ...others] = await contest(asked, way, pairs)
      for (const [index, theirs] of others.entries()) {
        const tracker = foreignTrackers.find(({ name }) => name === asked[index + 1]?.name) as ForeignTracker
        const isNpm = tracker.name === 'bittorrent-tracker'
        measurements.push({
          name: way.name,
          unit: '/CPU s',
          ours: median(ours),
          theirs: median(theirs),
          ratio: median(ours.map((figure, round) => figure / (theirs[round] ?? Number.NaN))),
          bar: isNpm ? 3 : way.name === 'UDP' ? 0.4 : 0,
          rival: `${tracker.name} ${tracker.version()}`,
        })
      }
    }
    return [...measurements, ...(await memory())]
  } finally {
    for (const side of sides) await side.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

export const benchmark: Benchmark = {
  name: 'tracker',
  summary: "announces answered, against npm's bittorrent-tracker and opentracker; a million torrents",
  run,
}
