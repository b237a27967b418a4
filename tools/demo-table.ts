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

const barColumns = 24
const drawEveryMs = 250
const keptEveryMs = 2_000

function row(participant: Participant): string {
  const { name, role, doneBytes, totalBytes, downloadRate, uploadRate, uploadedBytes, peers } = participant
  const share = role === 'seeder' ? 1 : doneBytes / Math.max(1, totalBytes)
  const filled = Math.floor(share * barColumns)
  return [
    name.padEnd(10),
    `[${'#'.repeat(filled)}${'.'.repeat(barColumns - filled)}]`,
    formatPercent(share).padStart(7),
    `down ${formatRate(downloadRate).padEnd(11)}`,
    `up ${formatRate(uploadRate).padEnd(11)}`,
    `gave ${formatBytes(uploadedBytes).padEnd(9)}`,
    counted(peers, 'peer'),
  ].join('  ')
}

export interface DemoTable {
  /** The last state, and no more after it. */
  end(): void
}

/** Shows `participants` as they are from now on. */
export function showTable(participants: readonly Participant[]): DemoTable {
  const { stdout } = process
  let drawnLines = 0

  function draw(): void {
    const back = drawnLines > 0 ? `\r\u001b[${drawnLines}A\u001b[J` : ''
    const columns = (stdout.columns ?? 80) - 1
    stdout.write(`${back}${participants.map((one) => `${row(one).slice(0, columns)}\n`).join('')}`)
    drawnLines = participants.length
  }

  function keep(): void {
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
      if (stdout.isTTY) draw()
      else for (const participant of participants) console.log(row(participant).trimEnd())
    },
  }
}
