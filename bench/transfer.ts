// A large file over loopback: leech (from libtorrent), own to own, and seed (to libtorrent), each against libtorrent
// to libtorrent in the same run. Counted from the first connection to the last verified byte; pairs alternate, the
// median counts. CPU and memory (anonymous and shared) of the process measured stand beside it; the files that
// libtorrent maps into its memory count as shared where they lie on a memory file system.
// SWARMBID_BENCH_MIB (2048), SWARMBID_BENCH_PIECE (1MiB) and SWARMBID_BENCH_ROUNDS (5) change the work.
import { type ChildProcess, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mainPath, startSwarmbid } from '../test/end-to-end/run-swarmbid.ts'
import { startLibtorrent } from '../test/foreign/libtorrent.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const mebibyte = 1_048_576
const clockTicks = 100
const sampleIntervalMs = 50
const settings = process.env
const { SWARMBID_BENCH_MIB: sizeText = '2048', SWARMBID_BENCH_PIECE: pieceLength = '1MiB' } = settings
const { SWARMBID_BENCH_ROUNDS: roundsText = '5' } = settings
const sizeMiB = Number(sizeText)
const rounds = Number(roundsText)

interface Place {
  readonly folder: string
  readonly seedFolder: string
  readonly torrent: string
  readonly environment: Readonly<Record<string, string>>
}

/** What one process took from the moment watching began. */
interface Cost {
  readonly cpuSeconds: number
  readonly peakMiB: number
}

interface Sample {
  readonly seconds: number
  readonly leecher: Cost
  readonly seeder: Cost
}

function makePlace(): Place {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swarmbid-bench-'))
  const seedFolder = join(folder, 'seed')
  mkdirSync(seedFolder)
  const content = join(seedFolder, 'content.bin')
  const descriptor = openSync(content, 'w')
  const chunk = new Uint8Array(mebibyte)
  for (let index = 0; index < sizeMiB; index++) writeSync(descriptor, randomFillSync(chunk))
  closeSync(descriptor)
  const torrent = join(folder, 'content.torrent')
  const options = ['--format', 'v1', '-l', pieceLength, '-q', '-o', torrent]
  const made = spawnSync(process.execPath, [mainPath, 'create', content, ...options], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(made.stderr)
  // As the bootstrap sets it for every run but the first.
  return { folder, seedFolder, torrent, environment: { NODE_COMPILE_CACHE: join(folder, 'compiled') } }
}

function cpuSecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / clockTicks
}

function privateMiBOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
  return (kibibytes('RssAnon') + kibibytes('RssShmem')) / 1024
}

/** Watches a process until the function returned is called, which must be while it lives. */
function watch(child: ChildProcess): () => Cost {
  const { pid } = child
  if (pid === undefined) throw new Error('no process to watch')
  const startCpuSeconds = cpuSecondsOf(pid)
  let peakMiB = 0
  const timer = setInterval(() => {
    peakMiB = Math.max(peakMiB, privateMiBOf(pid))
  }, sampleIntervalMs)
  return () => {
    clearInterval(timer)
    return { cpuSeconds: cpuSecondsOf(pid) - startCpuSeconds, peakMiB: Math.max(peakMiB, privateMiBOf(pid)) }
  }
}

type Side = 'ours' | 'theirs'

interface Running {
  readonly process: ChildProcess
  readonly port: number
  end(): Promise<unknown>
}

async function startSeed(place: Place, side: Side): Promise<Running> {
  if (side === 'theirs') return startLibtorrent({ source: place.torrent, folder: place.seedFolder, isSeed: true })
  const state = join(place.folder, 'state-seed')
  const options = ['--state', state, '--bind', '127.0.0.1', '--port', '0', '--json']
  const seed = startSwarmbid(['seed', place.torrent, place.seedFolder, ...options], { environment: place.environment })
  const { port } = await seed.line('listening')
  if (port === undefined) throw new Error('no port')
  return { process: seed.process, port, end: () => seed.end() }
}

async function transfer(place: Place, seedSide: Side, leechSide: Side): Promise<Sample> {
  const leechFolder = join(place.folder, 'leech')
  const state = join(place.folder, 'state-leech')
  const seed = await startSeed(place, seedSide)
  try {
    const seedCost = watch(seed.process)
    if (leechSide === 'theirs') {
      const leech = await startLibtorrent({ source: place.torrent, folder: leechFolder, isSeed: false })
      const leechCost = watch(leech.process)
      leech.connect('127.0.0.1', seed.port)
      const { transferSeconds: seconds = 0 } = await leech.line('done', 300_000)
      const sample = { seconds, leecher: leechCost(), seeder: seedCost() }
      await leech.end()
      return sample
    }
    const peer = `127.0.0.1:${seed.port}`
    const options = ['--dir', leechFolder, '--state', state, '--bind', '127.0.0.1', '--port', '0', '--peer', peer]
    // It stays, so that its figures can be read when it is done.
    const leechOptions = ['download', place.torrent, ...options, '--stay', '--json']
    const leech = startSwarmbid(leechOptions, { environment: place.environment })
    const leechCost = watch(leech.process)
    const { transferSeconds: seconds = 0 } = await leech.line('done', 300_000)
    const sample = { seconds, leecher: leechCost(), seeder: seedCost() }
    await leech.end()
    return sample
  } finally {
    await seed.end()
    for (const folder of [leechFolder, state, join(place.folder, 'state-seed')]) {
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

const contests = [
  { name: 'leech', seed: 'theirs', leech: 'ours', measured: 'leecher', bar: 1.25 },
  { name: 'own to own', seed: 'ours', leech: 'ours', measured: 'leecher', bar: 1.4 },
  { name: 'seed', seed: 'ours', leech: 'theirs', measured: 'seeder', bar: 0 },
] as const

async function run(): Promise<readonly Measurement[]> {
  const place = makePlace()
  const measurements: Measurement[] = []
  try {
    await transfer(place, 'ours', 'ours')
    for (const { name, seed, leech, measured, bar } of contests) {
      const samples: { ours: Sample; theirs: Sample }[] = []
      for (let round = 0; round < rounds; round++) {
        const theirs = await transfer(place, 'theirs', 'theirs')
        samples.push({ ours: await transfer(place, seed, leech), theirs })
      }
      const row = (suffix: string, unit: string, least: number, of: (sample: Sample) => number, isCost: boolean) => {
        const ours = median(samples.map((sample) => of(sample.ours)))
        const theirs = median(samples.map((sample) => of(sample.theirs)))
        const ratios = samples.map(({ ours: our, theirs: their }) => of(our) / of(their))
        const ratio = median(isCost ? ratios.map((value) => 1 / value) : ratios)
        measurements.push({ name: `${name}${suffix}`, unit, ours, theirs, ratio, bar: least })
      }
      row(`, ${sizeMiB} MiB in pieces of ${pieceLength}`, 'MiB/s', bar, (sample) => sizeMiB / sample.seconds, false)
      const gibibytes = sizeMiB / 1024
      row(`  CPU of the ${measured}`, 's/GiB', 0, (sample) => sample[measured].cpuSeconds / gibibytes, true)
      row(`  memory of the ${measured}`, 'MiB', 0, (sample) => sample[measured].peakMiB, true)
    }
  } finally {
    rmSync(place.folder, { recursive: true, force: true })
  }
  return measurements
}

export const benchmark: Benchmark = {
  name: 'transfer',
  summary: 'one file over loopback, leech, own to own and seed, against libtorrent to libtorrent',
  run,
}
