// Making a torrent of one large file in the page cache, against mktorrent (v1) and libtorrent (hybrid), both
// from start to exit of a process; the hashing alone is shown beside it. Pairs alternate, the median counts.
// SWARMBID_BENCH_MIB sets the size (2048). A missing program is named, and fails under SWARMBID_REQUIRE_FOREIGN=1.
import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hashContent } from '../src/host/content-hasher.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const mebibyte = 1_048_576
const pieceLengthBytes = mebibyte
const rounds = 5
const threads = 2
const mainPath = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const { SWARMBID_REQUIRE_FOREIGN: foreignRequired, SWARMBID_BENCH_MIB: wantedSize = '2048' } = process.env
const isForeignRequired = foreignRequired === '1'

const libtorrentProgram = `
import libtorrent, sys
storage = libtorrent.file_storage()
libtorrent.add_files(storage, sys.argv[1])
torrent = libtorrent.create_torrent(storage, ${pieceLengthBytes})
libtorrent.set_piece_hashes(torrent, sys.argv[2])
open(sys.argv[3], 'wb').write(libtorrent.bencode(torrent.generate()))
`

interface Place {
  readonly folder: string
  readonly content: string
  readonly sizeMiB: number
  readonly environment: NodeJS.ProcessEnv
}

function makePlace(): Place {
  const sizeMiB = Number(wantedSize)
  if (!Number.isInteger(sizeMiB) || sizeMiB < 1) throw new Error('SWARMBID_BENCH_MIB must be a number of MiB')
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'swarmbid-bench-'))
  const content = join(folder, 'content.bin')
  const descriptor = openSync(content, 'w')
  const chunk = new Uint8Array(mebibyte)
  for (let index = 0; index < sizeMiB; index++) writeSync(descriptor, randomFillSync(chunk))
  closeSync(descriptor)
  // As the bootstrap sets it for every run but the first.
  return { folder, content, sizeMiB, environment: { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') } }
}

function secondsOf(program: string, programArguments: readonly string[], place: Place): number {
  const output = join(place.folder, 'output.torrent')
  rmSync(output, { force: true })
  const startedMs = performance.now()
  const result = spawnSync(program, programArguments, { env: place.environment, encoding: 'utf8' })
  const seconds = (performance.now() - startedMs) / 1000
  if (result.status !== 0 || !existsSync(output)) throw new Error(`${program} failed: ${result.stderr}`)
  return seconds
}

function ourSeconds(place: Place, format: 'v1' | 'hybrid'): number {
  const options = ['--quiet', '--format', format, '--piece-length', '1MiB', '--threads', String(threads)]
  return secondsOf(
    process.execPath,
    [mainPath, 'create', place.content, '-o', join(place.folder, 'output.torrent'), ...options],
    place,
  )
}

async function hashingSeconds(place: Place, wants: 'v1' | 'both'): Promise<number> {
  const spanBytes = place.sizeMiB * mebibyte
  const files = [{ path: place.content, lengthBytes: spanBytes, offset: 0 }]
  const startedMs = performance.now()
  const hashed = await hashContent(
    { files, pieceLengthBytes, spanBytes, wants, onBadFile: 'fail', maxThreads: threads },
    () => undefined,
    new AbortController().signal,
    true,
  )
  if (!hashed.ok) throw new Error(hashed.detail)
  return (performance.now() - startedMs) / 1000
}

interface Rival {
  readonly name: string
  readonly bar: number
  readonly format: 'v1' | 'hybrid'
  readonly wants: 'v1' | 'both'
  probe(): SpawnSyncReturns<string>
  seconds(place: Place): number
}

const rivals: readonly Rival[] = [
  {
    name: 'mktorrent',
    bar: 1.1,
    format: 'v1',
    wants: 'v1',
    probe: () => spawnSync('mktorrent', ['-h'], { encoding: 'utf8' }),
    seconds: (place) =>
      secondsOf(
        'mktorrent',
        [
          '-t',
          String(threads),
          '-l',
          '20',
          '-a',
          'http://127.0.0.1/',
          '-o',
          join(place.folder, 'output.torrent'),
        ].concat(place.content),
        place,
      ),
  },
  {
    name: 'python3-libtorrent',
    bar: 2,
    format: 'hybrid',
    wants: 'both',
    probe: () => spawnSync('/usr/bin/python3', ['-c', 'import libtorrent'], { encoding: 'utf8' }),
    seconds: (place) =>
      secondsOf(
        '/usr/bin/python3',
        ['-c', libtorrentProgram, place.content, place.folder, join(place.folder, 'output.torrent')],
        place,
      ),
  },
]

async function measure(rival: Rival, place: Place): Promise<readonly Measurement[]> {
  ourSeconds(place, rival.format)
  const samples: { ours: number; theirs: number; hashing: number }[] = []
  for (let round = 0; round < rounds; round++) {
    const ours = ourSeconds(place, rival.format)
    const theirs = rival.seconds(place)
    samples.push({ ours, theirs, hashing: await hashingSeconds(place, rival.wants) })
  }
  const row = (name: string, bar: number, seconds: (sample: (typeof samples)[number]) => number): Measurement => ({
    name,
    unit: 'MiB/s',
    ours: median(samples.map((sample) => place.sizeMiB / seconds(sample))),
    theirs: median(samples.map((sample) => place.sizeMiB / sample.theirs)),
    ratio: median(samples.map((sample) => sample.theirs / seconds(sample))),
    bar,
  })
  return [
    row(`${rival.format}, ${place.sizeMiB} MiB, against ${rival.name}`, rival.bar, (sample) => sample.ours),
    row('  its hashing alone, in a running process', 0, (sample) => sample.hashing),
  ]
}

async function run(): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  const present = rivals.filter((rival) => {
    const probed = rival.probe()
    const isThere = probed.error === undefined && (probed.status === 0 || /mktorrent/.test(probed.stdout))
    if (!isThere && isForeignRequired) throw new Error(`${rival.name} is missing`)
    if (!isThere) console.error(`  ${rival.name} is missing: not compared with it`)
    return isThere
  })
  const place = makePlace()
  try {
    for (const rival of present) measurements.push(...(await measure(rival, place)))
  } finally {
    rmSync(place.folder, { recursive: true, force: true })
  }
  return measurements
}

export const benchmark: Benchmark = {
  name: 'create',
  summary: 'torrents made of one large file: v1 against mktorrent, hybrid against libtorrent, two threads each',
  run,
}
