// The table at the end of a command: a line a run, or a line a scenario where there were many. Times of peers are from
// their coming to their last verified byte, in simulated seconds; `wall` and `processor` are real. Pure.
import { formatBytes, formatCount, formatPercent } from '../../src/cli/display-text.ts'
import { quantile, type RunSummary } from './run-summary.ts'

/** More lines than this are none that people read. */
const mostRuns = 30
const digestDigits = 12

const heading = [
  'scenario',
  'seed',
  'peers',
  'done',
  'min',
  'median',
  'p95',
  'max',
  'received',
  'waste',
  'events',
  'digest',
  'wall',
  'processor',
]

const seconds = (ms: number | undefined) => (ms === undefined ? '-' : `${(ms / 1_000).toFixed(1)} s`)

function sumOf(summaries: readonly RunSummary[], value: (one: RunSummary) => number): number {
  return summaries.reduce((sum, one) => sum + value(one), 0)
}

/** One line about runs of one scenario. */
function cellsOf(summaries: readonly RunSummary[]): string[] {
  const [first] = summaries
  if (first === undefined) return []
  const isOne = summaries.length === 1
  const finishMs = summaries.flatMap((one) => one.finishMs).sort((a, b) => a - b)
  const received = sumOf(summaries, (one) => one.receivedBytes)
  const peers = sumOf(summaries, (one) => one.leechers)
  return [
    first.job.scenario,
    isOne ? `${first.job.seed}` : `${summaries.length} runs`,
    formatCount(peers),
    formatPercent(finishMs.length / Math.max(1, peers)),
    seconds(finishMs[0]),
    seconds(quantile(finishMs, 0.5)),
    seconds(quantile(finishMs, 0.95)),
    seconds(finishMs.at(-1)),
    formatBytes(received),
    formatPercent(sumOf(summaries, (one) => one.wastedBytes) / Math.max(1, received)),
    formatCount(sumOf(summaries, (one) => one.eventCount)),
    isOne ? first.digest.slice(0, digestDigits) : '',
    seconds(sumOf(summaries, (one) => one.wallMs)),
    seconds(sumOf(summaries, (one) => one.processorMs)),
  ]
}

/** Lines; the first is a heading. */
export function summaryTable(summaries: readonly RunSummary[]): string[] {
  const groups: readonly (readonly RunSummary[])[] =
    summaries.length <= mostRuns
      ? summaries.map((one) => [one])
      : [...Map.groupBy(summaries, ({ job }) => job.scenario).values()]
  const rows = [heading, ...groups.map(cellsOf)]
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const columnWidth = widths[column] ?? 0
      return column === 0 ? cell.padEnd(columnWidth) : cell.padStart(columnWidth)
    })
    return cells.join('  ').trimEnd()
  })
}
