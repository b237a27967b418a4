// A child process that says by lines of JSON what happens, and waiting for one of them.
// Guarantees: lines are kept, so none is missed however early it came; waiting ends with a time limit or with the
// process, and then the failure shows what was said last; the process is ended by its id.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface TypedLine {
  readonly type?: string
}

export interface JsonProcess<Line extends TypedLine> {
  readonly process: ChildProcess
  /** What it said so far. */
  readonly lines: readonly Line[]
  /** What it said on standard error so far. */
  errors(): string
  /** What it said last, both ways, for a failure. */
  said(): string
  /** The first line of that type that fits, said already or to come. */
  line(type: string, timeoutMs?: number, fits?: (line: Line) => boolean): Promise<Line>
  /** The exit code, once it has ended by itself; the failure of the wait after the time limit. */
  exit(timeoutMs?: number): Promise<number | null>
  /** Ends it: `signal`, and after two seconds SIGKILL. Returns the exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

export interface JsonProcessOptions {
  /** What it is called in failures. */
  readonly name: string
  readonly cwd?: string
  readonly environment?: Readonly<Record<string, string>>
}

/** On a machine that is busy with other things; a named peer whose connection broke is dialled again within seconds. */
const usualTimeoutMs = 90_000
const graceMs = 8_000

export function startJsonProcess<Line extends TypedLine>(
  command: string,
  commandArguments: readonly string[],
  options: JsonProcessOptions,
): JsonProcess<Line> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = process.env
  const child = spawn(command, commandArguments, {
    stdio: ['pipe', 'pipe', 'pipe'],
    cwd: options.cwd,
    env: { ...inherited, ...options.environment },
  })
  const lines: Line[] = []
  const listeners = new Set<() => void>()
  const tellAll = () => {
    for (const listener of [...listeners]) listener()
  }
  let errors = ''
  let hasEnded = false
  let how = ''
  child.stdin.on('error', () => undefined)
  child.stderr.on('data', (part: Buffer) => {
    errors += part.toString()
  })
  createInterface(child.stdout).on('line', (text) => {
    try {
      lines.push(JSON.parse(text) as Line)
    } catch {
      errors += `not JSON: ${text}\n`
    }
    tellAll()
  })
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (exitCode, signal) => {
      hasEnded = true
      how = `ended: ${signal ?? `exit code ${exitCode}`}\n`
      tellAll()
      resolve(exitCode)
    })
  })
  const said = () =>
    `${lines
      // Of what is said again and again the latest is enough.
      .filter(({ type }, index) => type !== 'progress' || index >= lines.length - 2)
      .slice(-20)
      .map((line) => JSON.stringify(line))
      .join('\n')}\n${errors.slice(-4_000)}${how}`

  function waitFor<T>(what: string, timeoutMs: number, look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer)
        listeners.delete(check)
        act()
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${options.name}: no ${what} in ${timeoutMs} ms; last:\n${said()}`))),
        timeoutMs,
      )
      function check(): void {
        const found = look()
        if (found !== undefined) settle(() => resolve(found))
        else if (hasEnded) settle(() => reject(new Error(`${options.name} ended before ${what}; last:\n${said()}`)))
      }
      listeners.add(check)
      check()
    })
  }

  return {
    process: child,
    lines,
    errors: () => errors,
    said,
    line: (type, timeoutMs = usualTimeoutMs, fits = () => true) =>
      waitFor(`line of type ${type}`, timeoutMs, () => lines.find((line) => line.type === type && fits(line))),
    async exit(timeoutMs = usualTimeoutMs) {
      await waitFor('end', timeoutMs, () => (hasEnded ? true : undefined))
      return ended
    },
    async end(signal = 'SIGTERM') {
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      const exitCode = await ended
      clearTimeout(timer)
      return exitCode
    },
  }
}
