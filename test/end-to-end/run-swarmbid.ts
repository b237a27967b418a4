// The command line as a real child process: what a user's shell sees of it.
// Guarantees: the child is ended after a time limit, by its id, and its output is complete when it is returned.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'

export const mainPath = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Outcome {
  readonly exitCode: number | null
  readonly endSignal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly input?: Uint8Array
  /** What it is run in, such as a network namespace. */
  readonly wrapper?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Called with the process once it runs. */
  readonly onStart?: (child: ChildProcess) => void
}

const timeoutMs = 30_000

export function swarmbid(commandArguments: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env
  const [command = process.execPath, ...before] = [...(options.wrapper ?? []), process.execPath]
  const child = spawn(command, [...before, mainPath, ...commandArguments], {
    cwd: options.cwd,
    env: { ...inherited, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => out.push(part))
  child.stderr.on('data', (part: Buffer) => err.push(part))
  child.stdin.on('error', () => undefined)
  if (options.input !== undefined) child.stdin.end(options.input)
  else if (options.onStart === undefined) child.stdin.end()
  options.onStart?.(child)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exitCode, endSignal) => {
      const [stdout, stderr] = [Buffer.concat(out).toString('utf8'), Buffer.concat(err).toString('utf8')]
      resolve({ exitCode, endSignal, stdout, stderr })
    })
  })
}

/** What lines of JSON may say; each test looks at what it is about. */
export interface JsonLine {
  readonly type?: string
  readonly file?: string
  readonly name?: string | null
  readonly infoHashV1?: string | null
  readonly infoHashV2?: string | null
  readonly pieceCount?: number
  readonly totalBytes?: number | null
  readonly files?: readonly unknown[]
  readonly doneBytes?: number
  readonly ok?: boolean
  readonly badPieceCount?: number
  readonly error?: { readonly code: string; readonly message: string }
  readonly port?: number
  readonly transferSeconds?: number
  readonly downloadedBytes?: number
  readonly wastedBytes?: number
  readonly uploadedBytes?: number
  readonly magnet?: string
  readonly state?: string
  readonly seeders?: number | null
}

/** A command that goes on, such as `seed`; it must be given `--json`. */
export function startSwarmbid(
  commandArguments: readonly string[],
  options: Pick<RunOptions, 'cwd' | 'environment'> = {},
): JsonProcess<JsonLine> {
  const name = `swarmbid ${commandArguments[0]}`
  return startJsonProcess(process.execPath, [mainPath, ...commandArguments], { name, ...options })
}

/** The objects of an output with one a line. */
export function jsonLines(text: string): JsonLine[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as JsonLine)
}
