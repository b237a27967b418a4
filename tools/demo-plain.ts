// The first part of the demo: a tracker, two seeders with limited upload and four leechers, each a process of the real
// command line on real sockets, share some files; pieces flow between the leechers too. At the end the contents are
// compared byte by byte.
import { join } from 'node:path'
import { counted, formatBytes, formatPercent, formatRate } from '../src/cli/display-text.ts'
import type { JsonProcess } from '../test/foreign/json-process.ts'
import {
  areAllGone,
  type ContentFile,
  expectSameContent,
  expectThat,
  folder,
  heading,
  interrupt,
  type Line,
  makeContent,
  start,
  swarmbid,
} from './demo-stage.ts'
import { showTable, type TableRow } from './demo-table.ts'

const contentName = 'field-recordings'
/** Shares of the content, in hundredths; names that are not ASCII, and a file that is less than a piece. */
const contentFiles: readonly ContentFile[] = [
  ['2026-10-03 harbour/left.wav', 30],
  ['2026-10-03 harbour/right.wav', 30],
  ['2026-11-21 första snö/whole.flac', 25],
  ['2026-11-21 första snö/rehearsal.flac', 14],
  ['notes.txt', 0],
  ['cover.png', 1],
]
const limits = ['20MiB', '40MiB'] as const
const leecherCount = 4
const endTimeoutMs = 120_000
const form = {
  nameColumns: 9,
  columns: [
    ['down', 12],
    ['up', 12],
    ['gave', 11],
    ['peers', 7],
  ],
} as const

interface Participant {
  readonly name: string
  readonly child: JsonProcess<Line>
  readonly isSeeder: boolean
  readonly place: string
}

function rowOf({ name, child, isSeeder }: Participant, totalBytes: number): TableRow {
  const last = child.lines.findLast(({ type }) => type === 'progress')
  const isDone = isSeeder || child.lines.some(({ type }) => type === 'done')
  const { downloadRate = 0, uploadRate = 0, uploadedBytes = 0, peers = 0, doneBytes = 0 } = last ?? {}
  const share = isDone ? 1 : doneBytes / Math.max(1, totalBytes)
  const down = formatRate(isDone ? 0 : downloadRate)
  return {
    name,
    share,
    cells: [down, formatRate(uploadRate), formatBytes(uploadedBytes), `${peers}`],
    kept: isSeeder ? undefined : `${name} ${formatPercent(share)} at ${down} from ${counted(peers, 'peer')}`,
  }
}

function startSeeder(torrent: string, seedFolder: string, limit: string, number: number): Participant {
  const name = `seeder ${number}`
  const options = ['--state', join(folder, 'state', name), '--bind', '127.0.0.1', '--upload-limit', limit]
  return { name, isSeeder: true, place: seedFolder, child: start(name, ['seed', torrent, seedFolder, ...options]) }
}

function startLeecher(torrent: string, number: number): Participant {
  const name = `leecher ${number}`
  const place = join(folder, name)
  const options = ['--dir', place, '--state', join(folder, 'state', name), '--bind', '127.0.0.1', '--stay']
  return { name, isSeeder: false, place, child: start(name, ['download', torrent, ...options]) }
}

async function tellTotals(participants: readonly Participant[], totalBytes: number): Promise<void> {
  const endings = await Promise.all(participants.map(({ name, child }) => interrupt(name, child, 'stopped')))
  heading('Who gave how much')
  const gave = endings.map(({ uploadedBytes = 0 }) => uploadedBytes)
  const given = gave.reduce((sum, bytes) => sum + bytes, 0)
  for (const [index, { name }] of participants.entries()) {
    const share = ((100 * (gave[index] ?? 0)) / Math.max(1, given)).toFixed(1)
    console.log(`${name.padEnd(10)} ${formatBytes(gave[index] ?? 0).padStart(10)}  ${share.padStart(5)} %`)
  }
  const exchanged = gave.reduce((sum, bytes, index) => (participants[index]?.isSeeder ? sum : sum + bytes), 0)
  expectThat(exchanged > 0, `the leechers gave each other ${formatBytes(exchanged)}`)
  expectThat(given >= leecherCount * totalBytes, 'all that arrived was given by somebody')
}

export async function playPlain(totalMiB: number): Promise<void> {
  const torrent = join(folder, `${contentName}.torrent`)
  const seedFolder = join(folder, 'seeders')
  heading('Real files')
  const totalBytes = makeContent(join(seedFolder, contentName), contentFiles, totalMiB)

  heading('A tracker')
  const tracker = start('tracker', ['tracker', '--port', '0', '--bind', '127.0.0.1', '--interval', '10s'])
  const { port } = await tracker.line('listening')
  const url = `http://127.0.0.1:${port}/announce`
  console.log(url)

  heading('A torrent of the files, both versions in one')
  swarmbid('create', join('seeders', contentName), '-o', torrent, '-t', url, '-q')

  heading(
    `${limits.length} seeders that upload at most ${limits.join('/s and ')}/s, ${leecherCount} leechers, each a process`,
  )
  const seeders = limits.map((limit, index) => startSeeder(torrent, seedFolder, limit, index + 1))
  for (const { child } of seeders) await child.line('listening')
  const leechers = Array.from({ length: leecherCount }, (_, index) => startLeecher(torrent, index + 1))
  const participants = [...seeders, ...leechers]
  const table = showTable(form, () => participants.map((each) => rowOf(each, totalBytes)))
  const done = await Promise.all(leechers.map(({ child }) => child.line('done', endTimeoutMs))).finally(() =>
    table.end(),
  )
  for (const [index, { name }] of leechers.entries()) {
    const { transferSeconds = 0 } = done[index] ?? {}
    const rate = formatBytes(Math.round(totalBytes / Math.max(0.001, transferSeconds)))
    console.log(`${name}: complete after ${transferSeconds.toFixed(1)} s, ${rate}/s`)
  }
  const [first] = done
  console.log(`info hash v1 ${first?.infoHashV1}\ninfo hash v2 ${first?.infoHashV2}`)
  await tellTotals(participants, totalBytes)

  heading('The contents, byte by byte and by their hashes')
  for (const { name, place } of leechers) {
    expectSameContent(name, join(place, contentName), join(seedFolder, contentName), contentFiles)
  }
  swarmbid('verify', torrent, leechers[0]?.place ?? '', '-q')
  expectThat((await tracker.end('SIGINT')) === 130, 'the tracker ends when it is told to')
  expectThat(areAllGone(), 'no process is left')
}
