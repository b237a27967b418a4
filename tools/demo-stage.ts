// What the parts of the demo have in common: a temporary folder, commands as a user runs them, processes that go on, what
// was promised, real files. Guarantees: nothing is left behind on any way out, neither files nor processes.
import { spawnSync } from 'node:child_process'
import { randomFillSync } from 'node:crypto'
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatBytes } from '../src/cli/display-text.ts'
import { type JsonProcess, startJsonProcess } from '../test/foreign/json-process.ts'

/** What lines of JSON may say; each part looks at what it is about. */
export interface Line {
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

export type ContentFile = readonly [path: string, hundredths: number]

const mainPath = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))
const mebibyte = 1_048_576
const smallFileBytes = 1_234

export const folder: string = mkdtempSync(join(tmpdir(), 'swarmbid-demo-'))
const { NO_COLOR: noColour } = process.env
const isColour = process.stdout.isTTY && (noColour === undefined || noColour === '')
const children: JsonProcess<Line>[] = []
let interruptedCode: number | undefined

export function heading(text: string): void {
  console.log(isColour ? `\n\u001b[1m${text}\u001b[22m` : `\n${text}`)
}

export function expectThat(isTrue: boolean, promise: string): void {
  if (!isTrue) throw new Error(`not as promised: ${promise}`)
  console.log(`${isColour ? '\u001b[32m✓\u001b[39m' : 'ok'} ${promise}`)
}

/** A command to its end, as a user would run it. */
export function swarmbid(...commandArguments: string[]): void {
  console.log(`$ swarmbid ${commandArguments.map((text) => (/\s/.test(text) ? `'${text}'` : text)).join(' ')}`)
  const { status } = spawnSync(process.execPath, [mainPath, ...commandArguments], { cwd: folder, stdio: 'inherit' })
  if (interruptedCode === undefined) expectThat(status === 0, `swarmbid ${commandArguments[0]} succeeds`)
}

/** A command to its end beside others; the last object it says with --json. */
export async function told<T>(environment: Readonly<Record<string, string>>, ...line: string[]): Promise<T> {
  const child = startJsonProcess<Line>(process.execPath, [mainPath, ...line, '--json'], {
    name: line.slice(0, 2).join(' '),
    cwd: folder,
    environment,
  })
  children.push(child)
  const exitCode = await child.exit()
  if (exitCode !== 0) throw new Error(`swarmbid ${line.join(' ')}: ${child.errors()}`)
  return child.lines.at(-1) as T
}

/** A command that goes on. */
export function start<T extends Line = Line>(
  name: string,
  commandArguments: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): JsonProcess<T> {
  if (interruptedCode !== undefined) throw new Error('interrupted')
  const options = { name, cwd: folder, environment }
  const child = startJsonProcess<T>(process.execPath, [mainPath, ...commandArguments, '--json'], options)
  children.push(child)
  return child
}

/** Below `place`; a file is its share of so many MiB, and a little more. Their length in all. */
export function makeContent(place: string, files: readonly ContentFile[], totalMiB: number): number {
  const chunk = new Uint8Array(mebibyte)
  let totalBytes = 0
  for (const [path, hundredths] of files) {
    const filePath = join(place, path)
    mkdirSync(dirname(filePath), { recursive: true })
    const descriptor = openSync(filePath, 'w')
    const lengthBytes = Math.floor((totalMiB * mebibyte * hundredths) / 100) + smallFileBytes
    for (let made = 0; made < lengthBytes; made += chunk.length) {
      writeSync(descriptor, randomFillSync(chunk), 0, Math.min(chunk.length, lengthBytes - made))
    }
    closeSync(descriptor)
    totalBytes += lengthBytes
  }
  console.log(`${files.length} files, ${formatBytes(totalBytes)}`)
  return totalBytes
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

export function expectSameContent(name: string, place: string, original: string, files: readonly ContentFile[]): void {
  const isSame = files.every(([path]) => isSameFile(join(original, path), join(place, path)))
  expectThat(isSame, `${name} has exactly the files that were seeded`)
}

export function isAlive({ process: child }: { readonly process: JsonProcess<Line>['process'] }): boolean {
  return child.exitCode === null && child.signalCode === null
}

export function areAllGone(): boolean {
  return !children.some(isAlive)
}

/** Ctrl-C for a command that goes on; the last line of a type that it said. */
export async function interrupt<T extends Line>(name: string, child: JsonProcess<T>, type: string): Promise<T> {
  const exitCode = await child.end('SIGINT')
  const last = child.lines.findLast((line) => line.type === type)
  if (exitCode !== 130 || last === undefined) throw new Error(`${name} ended with ${exitCode}: ${child.errors()}`)
  return last
}

function onSignal(code: number): void {
  interruptedCode ??= code
  for (const child of children) void child.end('SIGINT')
}

/** Plays the parts in order; the exit code says whether all was as promised. */
export async function play(parts: readonly (() => Promise<void>)[]): Promise<void> {
  process.on('SIGINT', () => onSignal(130))
  process.on('SIGTERM', () => onSignal(143))
  process.on('SIGHUP', () => onSignal(129))
  process.on('exit', () => {
    for (const child of children) if (isAlive(child)) child.process.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  try {
    for (const part of parts) await part()
    heading('All as promised.')
  } catch (error) {
    if (interruptedCode === undefined) console.error(error instanceof Error ? error.message : error)
    await Promise.all(children.map((child) => child.end('SIGINT')))
    process.exitCode = interruptedCode ?? 1
  }
}
