// npm run demo: what the program does today, shown on real files with the real command line.
// Makes a folder of files, a torrent of it, shows what that holds, verifies the files, damages one byte and shows
// that exactly its piece is found. Exit 1 when anything is not as it should be. Everything lies in a temporary
// folder that is removed on every way out.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const mainPath = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const mebibyte = 1_048_576
const pieceLengthBytes = 256 * 1024
const contentName = 'field-recordings'
const trackerUrl = 'https://tracker.example/announce'

const contentFiles: readonly (readonly [path: string, lengthBytes: number])[] = [
  ['2026-10-03 harbour/left.wav', 24 * mebibyte],
  ['2026-10-03 harbour/right.wav', 24 * mebibyte + 7],
  ['2026-11-21 first snow/whole.flac', 16 * mebibyte + 300_001],
  ['2026-11-21 first snow/notes.txt', 1_234],
  ['cover.png', 345_678],
]
const damagedFile = 1
const damagedOffset = 9 * mebibyte + 4321

const folder = mkdtempSync(join(tmpdir(), 'swarmbid-demo-'))
const contentPath = join(folder, contentName)
const { NO_COLOR: noColour } = process.env
const isColour = process.stdout.isTTY && (noColour === undefined || noColour === '')
let running: ChildProcess | undefined
let interruptedCode: number | undefined

function heading(text: string): void {
  console.log(isColour ? `\n\u001b[1m${text}\u001b[22m` : `\n${text}`)
}

function expectThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`not as promised: ${promise}`)
  console.log(`${isColour ? '\u001b[32m✓\u001b[39m' : 'ok'} ${promise}`)
}

interface Outcome {
  readonly exitCode: number | null
  readonly text: string
}

/** Runs the command line as a user would; `isShown` prints the command and what it prints. */
async function swarmbid(isShown: boolean, ...commandArguments: string[]): Promise<Outcome> {
  if (isShown)
    console.log(`$ swarmbid ${commandArguments.map((text) => (/\s/.test(text) ? `'${text}'` : text)).join(' ')}`)
  const child = spawn(process.execPath, [mainPath, ...commandArguments], {
    cwd: folder,
    stdio: ['ignore', 'pipe', isShown ? 'inherit' : 'ignore'],
    env: isColour && isShown ? { ...process.env, FORCE_COLOR: '1' } : process.env,
  })
  running = child
  const parts: Buffer[] = []
  child.stdout?.on('data', (part: Buffer) => parts.push(part))
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  running = undefined
  if (interruptedCode !== undefined) throw new Error('interrupted')
  const text = Buffer.concat(parts).toString('utf8')
  if (isShown) process.stdout.write(text)
  return { exitCode, text }
}

/** Bytes that look random and are the same in every run. */
function* fillerBytes(label: string, lengthBytes: number): Generator<Uint8Array, void> {
  let chunk = Buffer.alloc(0)
  for (let round = 0, made = 0; made < lengthBytes; round++, made += chunk.length) {
    const seed = createHash('sha256').update(`${label} ${round}`).digest()
    chunk = createHash('shake256', { outputLength: Math.min(mebibyte, lengthBytes - made) })
      .update(seed)
      .digest()
    yield chunk
  }
}

function makeContent(): void {
  heading('Real files')
  for (const [path, lengthBytes] of contentFiles) {
    const filePath = join(contentPath, path)
    mkdirSync(dirname(filePath), { recursive: true })
    writeFileSync(filePath, '')
    const descriptor = openSync(filePath, 'w')
    for (const chunk of fillerBytes(path, lengthBytes)) writeSync(descriptor, chunk)
    closeSync(descriptor)
  }
  const totalBytes = contentFiles.reduce((sum, [, lengthBytes]) => sum + lengthBytes, 0)
  console.log(`${contentFiles.length} files, ${(totalBytes / mebibyte).toFixed(1)} MiB, in ${contentPath}`)
}

function flipByte(path: string, offset: number): void {
  const descriptor = openSync(path, 'r+')
  const byte = new Uint8Array(1)
  readSync(descriptor, byte, 0, 1, offset)
  byte[0] = (byte[0] as number) ^ 1
  writeSync(descriptor, byte, 0, 1, offset)
  closeSync(descriptor)
}

/** The piece a byte of a file is in: in a hybrid torrent every file begins at a piece. */
function expectedPiece(file: number, offset: number): number {
  const order = contentFiles.map(([path], index) => ({ path, index })).sort((a, b) => (a.path < b.path ? -1 : 1))
  let piece = 0
  for (const { index } of order) {
    if (index === file) break
    piece += Math.ceil((contentFiles[index]?.[1] ?? 0) / pieceLengthBytes)
  }
  return piece + Math.floor(offset / pieceLengthBytes)
}

interface BadPieceLine {
  readonly type: string
  readonly piece?: number
}

async function demonstrate(): Promise<void> {
  makeContent()

  heading('A torrent of them: both versions in one, hashed in worker threads')
  const created = await swarmbid(
    true,
    'create',
    contentName,
    '-l',
    '256KiB',
    '-t',
    trackerUrl,
    '-c',
    'Made by the demo',
  )
  expectThat(created.exitCode === 0, 'the torrent is made')

  heading('What it holds')
  const torrent = `${contentName}.torrent`
  const shown = await swarmbid(true, 'info', torrent)
  expectThat(
    contentFiles.every(([path]) => shown.text.includes(`${contentName}/${path}`)),
    'every file is in it',
  )

  heading('The same for programs, and as a link')
  const described = await swarmbid(false, 'info', '--json', torrent)
  const description = JSON.parse(described.text) as { readonly infoHashV1: string; readonly infoHashV2: string }
  console.log(`$ swarmbid info --json ${torrent}\n${described.text.slice(0, 300)}…`)
  const magnet = await swarmbid(true, 'magnet', torrent)
  expectThat(
    magnet.text.includes(description.infoHashV1) && magnet.text.includes(description.infoHashV2),
    'the link names both info hashes',
  )

  heading('The files against the torrent')
  const verified = await swarmbid(true, 'verify', torrent)
  expectThat(verified.exitCode === 0, 'all of it is right')

  heading('One bit of one file flipped')
  const damagedPath = contentFiles[damagedFile]?.[0] ?? ''
  flipByte(join(contentPath, damagedPath), damagedOffset)
  console.log(`byte ${damagedOffset} of ${damagedPath}`)
  const damaged = await swarmbid(true, 'verify', torrent)
  expectThat(damaged.exitCode === 1, 'verification fails')
  const report = await swarmbid(false, 'verify', '--json', torrent)
  const lines = report.text.trim().split('\n')
  const badPieces = lines.map((line) => JSON.parse(line) as BadPieceLine).filter(({ type }) => type === 'bad-piece')
  const piece = expectedPiece(damagedFile, damagedOffset)
  expectThat(badPieces.length === 1 && badPieces[0]?.piece === piece, `exactly piece ${piece} is found bad`)

  flipByte(join(contentPath, damagedPath), damagedOffset)
  const repaired = await swarmbid(false, 'verify', torrent)
  expectThat(repaired.exitCode === 0, 'flipped back, all is right again')
}

function onSignal(signal: NodeJS.Signals, code: number): void {
  interruptedCode ??= code
  running?.kill(signal)
}

process.on('SIGINT', () => onSignal('SIGINT', 130))
process.on('SIGTERM', () => onSignal('SIGTERM', 143))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
try {
  await demonstrate()
  heading('All as promised.')
} catch (error) {
  process.exitCode = interruptedCode ?? 1
  if (interruptedCode === undefined) console.error(error instanceof Error ? error.message : error)
}
