// npm run demo: a swarm on this machine. A tracker, two seeders with limited upload and four leechers, each a process
// of the real command line on real sockets, share some files; pieces flow between the leechers too. At the end the
// contents are compared byte by byte. Exit 1 when anything is not as promised. Everything lies in a temporary folder
// that is removed on every way out, as are the processes. `npm run demo -- MIB` changes the size (256).
import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatBytes } from '../src/cli/display-text.ts'
import { type JsonProcess, startJsonProcess } from '../test/foreign/json-process.ts'
import { type Participant, showTable } from './demo-table.ts'

interface Line {
  readonly type?: string
  readonly port?: number
  readonly infoHashV1?: string
  readonly infoHashV2?: string
  readonly doneBytes?: number
  readonly wantedBytes?: number
  readonly downloadRate?: number
  readonly uploadRate?: number
  readonly downloadedBytes?: number
  readonly uploadedBytes?: number
  readonly peers?: number
  readonly transferSeconds?: number
}

const mainPath = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const mebibyte = 1_048_576
const totalMiB = Math.max(8, Math.trunc(Number(process.argv[2] ?? 256)) || 256)
const contentName = 'field-recordings'
/** Shares of the content, in hundredths; names that are not ASCII, and a file that is less than a piece. */
const contentFiles: readonly (readonly [path: string, hundredths: number])[] = [
  ['2026-10-03 harbour/left.wav', 30],
  ['2026-10-03 harbour/right.wav', 30],
  ['2026-11-21 första snö/whole.flac', 25],
  ['2026-11-21 första snö/rehearsal.flac', 14],
  ['notes.txt', 0],
  ['cover.png', 1],
]
const smallFileBytes = 1_234
const limits = ['20MiB', '40MiB'] as const
const leecherCount = 4
const endTimeoutMs = 120_000

const folder = mkdtempSync(join(tmpdir(), 'swarmbid-demo-'))
const torrent = join(folder, `${contentName}.torrent`)
const seedFolder = join(folder, 'seeders')
const { NO_COLOR: noColour } = process.env
const isColour = process.stdout.isTTY && (noColour === undefined || noColour === '')
const children: JsonProcess<Line>[] = []
let interruptedCode: number | undefined

function heading(text: string): void {
  console.log(isColour ? `\n\u001b[1m${text}\u001b[22m` : `\n${text}`)
}

function expectThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`not as promised: ${promise}`)
  console.log(`${isColour ? '\u001b[32m✓\u001b[39m' : 'ok'} ${promise}`)
}

/** A command to its end, as a user would run it. */
function swarmbid(...commandArguments: string[]): void {
  console.log(`$ swarmbid ${commandArguments.map((text) => (/\s/.test(text) ? `'${text}'` : text)).join(' ')}`)
  const { status } = spawnSync(process.execPath, [mainPath, ...commandArguments], { cwd: folder, stdio: 'inherit' })
  if (interruptedCode === undefined) expectThat(status === 0, `swarmbid ${commandArguments[0]} succeeds`)
}

/** A command that goes on. */
function start(name: string, ...commandArguments: string[]): JsonProcess<Line> {
  if (interruptedCode !== undefined) throw new Error('interrupted')
  const child = startJsonProcess<Line>(process.execPath, [mainPath, ...commandArguments, '--json'], {
    name,
    cwd: folder,
  })
  children.push(child)
  return child
}

function makeContent(): number {
  heading('Real files')
  const chunk = new Uint8Array(mebibyte)
  let totalBytes = 0
  for (const [path, hundredths] of contentFiles) {
    const filePath = join(seedFolder, contentName, path)
    mkdirSync(dirname(filePath), { recursive: true })
    const descriptor = openSync(filePath, 'w')
    const lengthBytes = Math.floor((totalMiB * mebibyte * hundredths) / 100) + smallFileBytes
    for (let made = 0; made < lengthBytes; made += chunk.length) {
      writeSync(descriptor, randomFillSync(chunk), 0, Math.min(chunk.length, lengthBytes - made))
    }
    closeSync(descriptor)
    totalBytes += lengthBytes
  }
  console.log(`${contentFiles.length} files, ${formatBytes(totalBytes)}`)
  return totalBytes
}

function newParticipant(name: string, role: Participant['role'], totalBytes: number): Participant {
  return {
    name,
    role,
    doneBytes: 0,
    totalBytes,
    downloadRate: 0,
    uploadRate: 0,
    uploadedBytes: 0,
    peers: 0,
    isDone: false,
  }
}

/** Returns what brings it up to date with all that its process said. */
function follow(participant: Participant, child: JsonProcess<Line>): () => void {
  let seen = 0
  return () => {
    for (const line of child.lines.slice(seen)) {
      if (line.type === 'done') participant.isDone = true
      const doneBytes = line.doneBytes ?? participant.doneBytes
      participant.doneBytes = participant.isDone ? participant.totalBytes : doneBytes
      participant.downloadRate = participant.isDone ? 0 : (line.downloadRate ?? participant.downloadRate)
      participant.uploadRate = line.uploadRate ?? participant.uploadRate
      participant.uploadedBytes = line.uploadedBytes ?? participant.uploadedBytes
      participant.peers = line.peers ?? participant.peers
    }
    seen = child.lines.length
  }
}

/** What the table shows, and what keeps it up to date. */
interface Shown {
  readonly participants: Participant[]
  readonly updates: (() => void)[]
}

function show({ participants, updates }: Shown, participant: Participant, child: JsonProcess<Line>): void {
  participants.push(participant)
  updates.push(follow(participant, child))
}

/** Byte by byte, in parts of some MiB. */
function isSameFile(one: string, other: string): boolean {
  const [first, second] = [openSync(one, 'r'), openSync(other, 'r')]
  const [a, b] = [Buffer.alloc(4 * mebibyte), Buffer.alloc(4 * mebibyte)]
  try {
    for (;;) {
      const [countA, countB] = [readSync(first, a), readSync(second, b)]
      if (countA !== countB || !a.subarray(0, countA).equals(b.subarray(0, countB))) return false
      if (countA === 0) return true
    }
  } finally {
    closeSync(first)
    closeSync(second)
  }
}

function isAlive({ process: child }: JsonProcess<Line>): boolean {
  return child.exitCode === null && child.signalCode === null
}

async function startSeeders(shown: Shown, totalBytes: number): Promise<void> {
  for (const [index, limit] of limits.entries()) {
    const name = `seeder ${index + 1}`
    const state = join(folder, 'state', name)
    const options = ['--state', state, '--bind', '127.0.0.1', '--upload-limit', limit]
    const child = start(name, 'seed', torrent, seedFolder, ...options)
    show(shown, newParticipant(name, 'seeder', totalBytes), child)
  }
  for (const child of children.slice(1)) await child.line('listening')
}

interface Ending {
  readonly name: string
  readonly uploadedBytes: number
  readonly downloadedBytes: number
}

/** Ctrl-C for one of them; what it gave and got. */
async function finish(name: string, child: JsonProcess<Line>): Promise<Ending> {
  const exitCode = await child.end('SIGINT')
  const last = child.lines.findLast(({ type }) => type === 'stopped')
  if (exitCode !== 130 || last === undefined) throw new Error(`${name} ended with ${exitCode}: ${child.errors()}`)
  return { name, uploadedBytes: last.uploadedBytes ?? 0, downloadedBytes: last.downloadedBytes ?? 0 }
}

function tellTotals(endings: readonly Ending[], totalBytes: number): void {
  heading('Who gave how much')
  const given = endings.reduce((sum, { uploadedBytes }) => sum + uploadedBytes, 0)
  for (const { name, uploadedBytes } of endings) {
    const share = ((100 * uploadedBytes) / Math.max(1, given)).toFixed(1)
    console.log(`${name.padEnd(10)} ${formatBytes(uploadedBytes).padStart(10)}  ${share.padStart(5)} %`)
  }
  const leechers = endings.filter(({ name }) => name.startsWith('leecher'))
  const exchanged = leechers.reduce((sum, { uploadedBytes }) => sum + uploadedBytes, 0)
  expectThat(exchanged > 0, `the leechers gave each other ${formatBytes(exchanged)}`)
  expectThat(given >= leecherCount * totalBytes, 'all that arrived was given by somebody')
}

async function demonstrate(): Promise<void> {
  const totalBytes = makeContent()

  heading('A tracker')
  const tracker = start('tracker', 'tracker', '--port', '0', '--bind', '127.0.0.1', '--interval', '10s')
  const { port } = await tracker.line('listening')
  const url = `http://127.0.0.1:${port}/announce`
  console.log(url)

  heading('A torrent of the files, both versions in one')
  swarmbid('create', join('seeders', contentName), '-o', torrent, '-t', url, '-q')

  heading(
    `${limits.length} seeders that upload at most ${limits.join('/s and ')}/s, ${leecherCount} leechers, each a process`,
  )
  const shown: Shown = { participants: [], updates: [] }
  await startSeeders(shown, totalBytes)
  const leechers: { name: string; child: JsonProcess<Line>; folder: string }[] = []
  for (let index = 1; index <= leecherCount; index++) {
    const name = `leecher ${index}`
    const place = join(folder, name)
    const options = ['--dir', place, '--state', join(folder, 'state', name), '--bind', '127.0.0.1', '--stay']
    const child = start(name, 'download', torrent, ...options)
    leechers.push({ name, child, folder: place })
    show(shown, newParticipant(name, 'leecher', totalBytes), child)
  }
  const table = showTable(shown.participants, () => {
    for (const update of shown.updates) update()
  })
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

  const seeders = children.slice(1, 1 + limits.length)
  const endings = await Promise.all([
    ...seeders.map((child, index) => finish(`seeder ${index + 1}`, child)),
    ...leechers.map(({ name, child }) => finish(name, child)),
  ])
  tellTotals(endings, totalBytes)

  heading('The contents, byte by byte and by their hashes')
  for (const { name, folder: place } of leechers) {
    const isSame = contentFiles.every(([path]) =>
      isSameFile(join(seedFolder, contentName, path), join(place, contentName, path)),
    )
    expectThat(isSame, `${name} has exactly the files that were seeded`)
  }
  swarmbid('verify', torrent, leechers[0]?.folder ?? '', '-q')
  expectThat((await tracker.end('SIGINT')) === 130, 'the tracker ends when it is told to')
  expectThat(!children.some(isAlive), 'no process is left')
}

function onSignal(code: number): void {
  interruptedCode ??= code
  for (const child of children) void child.end('SIGINT')
}

process.on('SIGINT', () => onSignal(130))
process.on('SIGTERM', () => onSignal(143))
process.on('SIGHUP', () => onSignal(129))
process.on('exit', () => {
  for (const child of children) if (isAlive(child)) child.process.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})
try {
  await demonstrate()
  heading('All as promised.')
} catch (error) {
  if (interruptedCode === undefined) console.error(error instanceof Error ? error.message : error)
  await Promise.all(children.map((child) => child.end('SIGINT')))
  process.exitCode = interruptedCode ?? 1
}
