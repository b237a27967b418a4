// The table of the demo: who has how much, how fast it goes, who gave or paid what. A live block on a terminal, now and
// then a line where output is kept. Owns nothing but what it drew last.
import { formatPercent } from '../src/cli/display-text.ts'

/** Numbers end below their heading. */
export type Column = readonly [heading: string, width: number]

export interface TableRow {
  readonly name: string
  /** Of the content, 0 to 1. */
  readonly share: number
  readonly cells: readonly string[]
  /** Where output is kept; undefined: nothing worth it. */
  readonly kept?: string | undefined
}

export interface TableForm {
  readonly nameColumns: number
  /** Right of the bar and the percentage. */
  readonly columns: readonly Column[]
}

const drawEveryMs = 250
const keptEveryMs = 2_000
const widestBar = 40
const usualColumns = 80
const percentColumn: Column = ['', 9]
const brackets = '  []'.length

function cells(values: readonly string[], columns: readonly Column[]): string {
  return values.map((value, index) => value.padStart(columns[index]?.[1] ?? 0)).join('')
}

/** One line for each, below a line of headings; none is longer than `width`. */
function tableLines({ nameColumns, columns }: TableForm, rows: readonly TableRow[], width: number): string[] {
  const right = [percentColumn, ...columns]
  const otherColumns = right.reduce((sum, [, taken]) => sum + taken, nameColumns + brackets)
  const barColumns = Math.max(4, Math.min(widestBar, width - 1 - otherColumns))
  const headings = right.map(([heading]) => heading)
  const head = ' '.repeat(nameColumns + barColumns + brackets) + cells(headings, right)
  const lines = rows.map(({ name, share, cells: values }) => {
    const filled = Math.floor(share * barColumns)
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(barColumns - filled)}]`
    return `${name.padEnd(nameColumns)}  ${bar}${cells([formatPercent(share), ...values], right)}`
  })
  return [head, ...lines].map((line) => line.slice(0, width - 1))
}

export interface DemoTable {
  /** The last state, and no more after it. */
  end(): void
}

/** Shows `rows` as they are from now on. */
export function showTable(form: TableForm, rows: () => readonly TableRow[]): DemoTable {
  const { stdout } = process
  let drawnLines = 0

  function draw(): void {
    const back = drawnLines > 0 ? `\r\u001b[${drawnLines}A\u001b[J` : ''
    const lines = tableLines(form, rows(), stdout.columns ?? usualColumns)
    stdout.write(`${back}${lines.map((line) => `${line}\n`).join('')}`)
    drawnLines = lines.length
  }

  function keep(): void {
    const said = rows()
      .map(({ kept }) => kept)
      .filter((text) => text !== undefined)
    if (said.length > 0) console.log(said.join(';  '))
  }

  const timer = stdout.isTTY ? setInterval(draw, drawEveryMs) : setInterval(keep, keptEveryMs)
  return {
    end() {
      clearInterval(timer)
      draw()
    },
  }
}
