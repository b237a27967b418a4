// The table of the demo: who has how much, how fast it goes, who gave what. A live block on a terminal, now and then
// a line for each where output is kept. Owns nothing but what it drew last.
import { counted, formatBytes, formatPercent, formatRate } from '../src/cli/display-text.ts'

export interface Participant {
  readonly name: string
  readonly role: 'seeder' | 'leecher'
  doneBytes: number
  totalBytes: number
  downloadRate: number
  uploadRate: number
  uploadedBytes: number
  peers: number
  isDone: boolean
}

const drawEveryMs = 250
const keptEveryMs = 2_000
const widestBar = 40
const usualColumns = 80

/** Widths of what stands right of the bar; the numbers end below their headings. */
const rightColumns = [
  ['', 9],
  ['down', 12],
  ['up', 12],
  ['gave', 11],
  ['peers', 7],
] as const
const nameColumns = 9
const otherColumns = rightColumns.reduce((sum, [, width]) => sum + width, nameColumns + '  []'.length)

function cells(values: readonly string[]): string {
  return values.map((value, index) => value.padStart(rightColumns[index]?.[1] ?? 0)).join('')
}

/** One line for each, below a line of headings; none is longer than `columns`. */
function tableLines(participants: readonly Participant[], columns: number): string[] {
  const barColumns = Math.max(4, Math.min(widestBar, columns - 1 - otherColumns))
  const head = ' '.repeat(nameColumns + barColumns + '  []'.length) + cells(rightColumns.map(([heading]) => heading))
  const rows = participants.map((one) => {
    const { name, role, doneBytes, totalBytes, downloadRate, uploadRate, uploadedBytes, peers } = one
    const share = role === 'seeder' ? 1 : doneBytes / Math.max(1, totalBytes)
    const filled = Math.floor(share * barColumns)
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(barColumns - filled)}]`
    const rates = [downloadRate, uploadRate].map(formatRate)
    return `${name.padEnd(nameColumns)}  ${bar}${cells([formatPercent(share), ...rates, formatBytes(uploadedBytes), `${peers}`])}`
  })
  return [head, ...rows].map((line) => line.slice(0, columns - 1))
}

export interface DemoTable {
  /** The last state, and no more after it. */
  end(): void
}

/** Shows `participants` as they are from now on; `update` brings them up to date. */
export function showTable(participants: readonly Participant[], update: () => void): DemoTable {
  const { stdout } = process
  let drawnLines = 0

  function draw(): void {
    update()
    const back = drawnLines > 0 ? `\r\u001b[${drawnLines}A\u001b[J` : ''
    const lines = tableLines(participants, stdout.columns ?? usualColumns)
    stdout.write(`${back}${lines.map((line) => `${line}\n`).join('')}`)
    drawnLines = lines.length
  }

  function keep(): void {
    update()
    const said = participants
      .filter(({ role }) => role === 'leecher')
      .map(({ name, doneBytes, totalBytes, downloadRate, peers }) => {
        const share = formatPercent(doneBytes / Math.max(1, totalBytes))
        return `${name} ${share} at ${formatRate(downloadRate)} from ${counted(peers, 'peer')}`
      })
    console.log(said.join(';  '))
  }

  const timer = stdout.isTTY ? setInterval(draw, drawEveryMs) : setInterval(keep, keptEveryMs)
  return {
    end() {
      clearInterval(timer)
      draw()
    },
  }
}
