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
  /** Lines that the next ones of their kind replace; false where there is no terminal for it. Not styled: cut to fit. */
  status(text: string): boolean
  /** As status, for lines that fit the columns of `screen` already, styles and all. */
  block(lines: readonly string[]): boolean
  /** Where status lines appear; undefined where they do not. */
  screen(): Screen | undefined
  /** Takes the status line away. */
  endStatus(): void
  /** False once whoever read the results has gone. */
  isRead(): boolean
}

export interface Screen {
  readonly columns: number
  readonly rows: number
  /** Whether it shows more than ASCII. */
  readonly isUnicode: boolean
}

interface Environment {
  readonly LC_ALL?: string | undefined
  readonly LC_CTYPE?: string | undefined
  readonly LANG?: string | undefined
  readonly WT_SESSION?: string | undefined
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

/** As the locale says; terminals that are UTF-8 always, whatever it says, are told by their own variable. */
export function usesUnicode(environment: Environment): boolean {
  const { LC_ALL: all, LC_CTYPE: type, LANG: language, WT_SESSION: windowsTerminal } = environment
  if (windowsTerminal !== undefined) return true
  return /utf-?8/i.test([all, type, language].find((value) => value !== undefined && value !== '') ?? '')
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

const usualColumns = 80
const usualRows = 24
/** Terminals show `^C` where the cursor is; a line that it makes too long would be two. */
const interruptColumns = 2

/** Back to the first of so many lines, with nothing below. */
function backOver(lineCount: number): string {
  return lineCount > 1 ? `\r\u001b[${lineCount - 1}A\u001b[J` : '\r\u001b[J'
}

export function newOutput(
  results: WriteStream,
  notes: WriteStream,
  environment: Environment,
  onBroken: (error: Error) => void,
): Output {
  let isRead = true
  let statusLines = 0
  const isStatusShown = notes.isTTY === true && environment.TERM !== 'dumb'
  results.on('error', (error: NodeJS.ErrnoException) => {
    isRead = false
    if (error.code !== 'EPIPE' && error.code !== 'EOF') onBroken(error)
  })
  // Nothing can be said about standard error where it would be said.
  notes.on('error', () => undefined)

  function endStatus(): void {
    if (statusLines > 0) notes.write(backOver(statusLines))
    statusLines = 0
  }

  function block(lines: readonly string[]): boolean {
    if (!isStatusShown) return false
    // In one write, so that nothing flickers.
    notes.write(`${statusLines > 0 ? backOver(statusLines) : ''}${lines.join('\n')}`)
    statusLines = lines.length
    return true
  }

  function screen(): Screen | undefined {
    if (!isStatusShown) return undefined
    const { columns = usualColumns, rows = usualRows } = notes
    return { columns: columns - interruptColumns, rows, isUnicode: usesUnicode(environment) }
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
    status: (text) => block([text.slice(0, (notes.columns ?? usualColumns) - interruptColumns - 1)]),
    block,
    screen,
    endStatus,
    isRead: () => isRead,
  }
}
