// Runs as CSV, a line a simulated second and one for the end: for whoever wants to draw or compute more than the plot
// shows. Pure.
import type { RunSummary } from './run-summary.ts'

const columns = [
  'scenario',
  'seed',
  'seconds',
  'peers',
  'finished',
  'verified_share',
  'received_bytes',
  'received_bytes_per_second',
]

export function csvOf(summaries: readonly RunSummary[]): string {
  const lines = [columns.join(',')]
  for (const { job, samples } of summaries) {
    let before = { simulatedMs: 0, receivedBytes: 0 }
    for (const sample of samples) {
      const { simulatedMs, peers, finished, share, receivedBytes } = sample
      const rate = ((receivedBytes - before.receivedBytes) * 1_000) / (simulatedMs - before.simulatedMs)
      lines.push(
        [
          job.scenario,
          job.seed,
          (simulatedMs / 1_000).toFixed(3),
          peers,
          finished,
          share.toFixed(6),
          receivedBytes,
          Math.round(rate),
        ].join(','),
      )
      before = sample
    }
  }
  return `${lines.join('\n')}\n`
}
