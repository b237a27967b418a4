// Standard output and error of one run: results to the one, notes and errors to the other.
// Guarantees: colours only where a terminal shows them, a reader that went away (EPIPE) ends nothing and is not
// complained about. Text put in a style is made visible first, so no value reaches the terminal raw.
import type { WriteStream } from 'node:tty'
import { jsonLine, visible } from './display-text.ts'

export interface Style {
  plain(text: string): string
  strong(text: string): string
  faint(text: string): string
  good(text: string): string
  bad(text: string): string
  warning(text: string): string
}

export interface Output {
  /** Of standard output. */
  readonly style: Style
  /** Of standard error. */
  readonly noteStyle: Style
  /** A line of the result, made of literals and styled text. */
  line(text: string): void
  json(value: unknown): void
  /** A line beside the result. */
  note(text: string): void
  /** A failure, for people. */
  failure(code: string, message: string): void
  /** A line that the next one of its kind replaces; false where there is no terminal for it. */
  status(text: string): boolean
  /** Takes the status line away. */
  endStatus(): void
  /** False once whoever read the results has gone. */
  isRead(): boolean
}

interface Environment {
  readonly FORCE_COLOR?: string | undefined
  readonly NO_COLOR?: string | undefined
  readonly TERM?: string | undefined
}

/** FORCE_COLOR decides when set, then NO_COLOR, then whether it is a terminal that knows colours. */
export function usesColour(isTerminal: boolean, environment: Environment): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no, TERM: terminal } = environment
  if (force !== undefined) return force !== '0' && force !== 'false'
  if (no !== undefined && no !== '') return false
  return isTerminal && terminal !== 'dumb'
}

export function newStyle(hasColour: boolean): Style {
  const wrap = (start: number, end: number) => (text: string) =>
    hasColour ? `\u001b[${start}m${visible(text)}\u001b[${end}m` : visible(text)
  return {
    plain: visible,
    strong: wrap(1, 22),
    faint: wrap(2, 22),
    good: wrap(32, 39),
    bad: wrap(31, 39),
    warning: wrap(33, 39),
  }
}

const clearLine = '\r\u001b[K'

export function newOutput(
  results: WriteStream,
  notes: WriteStream,
  environment: Environment,
  onBroken: (error: Error) => void,
): Output {
  let isRead = true
  let hasStatus = false
  const isStatusShown = notes.isTTY === true && environment.TERM !== 'dumb'
  results.on('error', (error: NodeJS.ErrnoException) => {
    isRead = false
    if (error.code !== 'EPIPE' && error.code !== 'EOF') onBroken(error)
  })
  // Nothing can be said about standard error where it would be said.
  notes.on('error', () => undefined)

  function endStatus(): void {
    if (hasStatus) notes.write(clearLine)
    hasStatus = false
  }

  function line(text: string): void {
    endStatus()
    if (isRead) results.write(`${text}\n`)
  }

  const noteStyle = newStyle(usesColour(notes.isTTY === true, environment))

  function note(text: string): void {
    endStatus()
    notes.write(`${text}\n`)
  }

  return {
    style: newStyle(usesColour(results.isTTY === true, environment)),
    noteStyle,
    line,
    json: (value) => line(jsonLine(value)),
    note,
    failure: (code, message) => note(`${noteStyle.bad('swarmbid:')} ${noteStyle.plain(message)} (${code})`),
    status(text) {
      if (!isStatusShown) return false
      notes.write(`${clearLine}${text.slice(0, (notes.columns ?? 80) - 1)}`)
      hasStatus = true
      return true
    },
    endStatus,
    isRead: () => isRead,
  }
}
