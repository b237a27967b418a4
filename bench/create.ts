// Making a torrent of one large file in the page cache, against mktorrent (v1) and libtorrent (hybrid), both
// from start to exit of a process; the hashing alone is shown beside it.
// A missing program is named, and fails under SWARMBID_REQUIRE_FOREIGN=1.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { hashContent } from '../src/host/content-hasher.ts'
import { inPlace, makeFile, mebibyte, type Place } from './frame/place.ts'
import { pairRow, playRounds, present } from './frame/rounds.ts'
import { type ProgramRun, runProgram, runSwarmbid } from './frame/run-program.ts'
import { libtorrent, python } from './frame/sides.ts'
import type { Benchmark, BenchmarkOptions, Environment, Measurement } from './measure.ts'

const pieceLengthBytes = mebibyte
const threads = 2

const libtorrentProgram = `
import libtorrent, sys
storage = libtorrent.file_storage()
libtorrent.add_files(storage, sys.argv[1])
torrent = libtorrent.create_torrent(storage, ${pieceLengthBytes})
libtorrent.set_piece_hashes(torrent, sys.argv[2])
open(sys.argv[3], 'wb').write(libtorrent.bencode(torrent.generate()))
`

interface Work {
  readonly place: Place
  readonly content: string
  readonly output: string
  readonly sizeMiB: number
}

function inWork<T>({ sizeMiB }: BenchmarkOptions, work: (work: Work) => Promise<T>): Promise<T> {
  return inPlace(sizeMiB, async (place) => {
    const content = join(place.folder, 'content.bin')
    makeFile(content, sizeMiB * mebibyte)
    return work({ place, content, output: join(place.folder, 'output.torrent'), sizeMiB })
  })
}

function secondsOf({ output }: Work, run: () => ProgramRun): number {
  rmSync(output, { force: true })
  const { seconds } = run()
  if (!existsSync(output)) throw new Error('no torrent was made')
  return seconds
}

function ourSeconds(work: Work, format: 'v1' | 'hybrid', environment: Environment = {}): number {
  const { place, content, output } = work
  const options = ['--quiet', '--format', format, '--piece-length', '1MiB', '--threads', String(threads)]
  const commandArguments = ['create', content, '-o', output, ...options]
  return secondsOf(work, () => runSwarmbid(commandArguments, { ...place.environment, ...environment }))
}

async function hashingSeconds({ content, sizeMiB }: Work, wants: 'v1' | 'both'): Promise<number> {
  const spanBytes = sizeMiB * mebibyte
  const files = [{ path: content, lengthBytes: spanBytes, offset: 0 }]
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

function mktorrentVersion(): string | undefined {
  const { error, stdout } = spawnSync('mktorrent', ['-h'], { encoding: 'utf8' })
  return error === undefined ? (/^mktorrent (\S+)/.exec(stdout)?.[1] ?? 'of unknown version') : undefined
}

interface Rival {
  readonly program: { readonly name: string; readonly origin: string; version(): string | undefined }
  readonly bar: number
  readonly format: 'v1' | 'hybrid'
  readonly wants: 'v1' | 'both'
  run(work: Work): ProgramRun
}

const rivals: readonly Rival[] = [
  {
    program: { name: 'mktorrent', origin: 'the Debian package mktorrent', version: mktorrentVersion },
    bar: 1.1,
    format: 'v1',
    wants: 'v1',
    run: ({ content, output }) => {
      const options = ['-t', String(threads), '-l', '20', '-a', 'http://127.0.0.1/', '-o', output]
      return runProgram('mktorrent', [...options, content])
    },
  },
  {
    program: libtorrent,
    bar: 2,
    format: 'hybrid',
    wants: 'both',
    run: ({ place, content, output }) => runProgram(python, ['-c', libtorrentProgram, content, place.folder, output]),
  },
]

async function measure(
  { format, wants, bar, run }: Rival,
  title: string,
  work: Work,
  pairs: number,
): Promise<readonly Measurement[]> {
  ourSeconds(work, format)
  const plays = [
    { name: 'ours', run: async () => ourSeconds(work, format) },
    { name: title, run: async () => secondsOf(work, () => run(work)) },
    { name: 'hashing', run: () => hashingSeconds(work, wants) },
  ]
  const [ours = [], theirs = [], hashing = []] = await playRounds(plays, pairs)
  const row = { unit: 'MiB/s', figure: (seconds: number) => work.sizeMiB / seconds }
  return [
    pairRow({ ...row, name: `${format}, ${work.sizeMiB} MiB`, bar }, title, ours, theirs),
    pairRow({ ...row, name: '  its hashing alone, in a running process' }, title, hashing, theirs),
  ]
}

export const benchmark: Benchmark = {
  name: 'create',
  summary: 'torrents made of one large file: v1 against mktorrent, hybrid against libtorrent, two threads each',
  run: (options) =>
    inWork(options, async (work) => {
      const measurements: Measurement[] = []
      for (const { item, title } of present(rivals, ({ program }) => program)) {
        measurements.push(...(await measure(item, title, work, options.pairs)))
      }
      return measurements
    }),
  runOurs: (options, environment) =>
    inWork(options, async (work) => {
      for (const added of [{}, environment]) ourSeconds(work, 'v1', added)
    }),
}
