// How far a long command is: a bar where a terminal shows it, a line now and then where output is kept,
// an object a line for programs. Owns nothing but when it last spoke.
import { formatBytes } from './display-text.ts'
import type { Output } from './output.ts'

export type ProgressForm = 'people' | 'json' | 'none'

const barWidth = 30
const stepPercent = 10
const keptLineIntervalMs = 1_000
const rateAfterMs = 500

/** Returns a function to call with the bytes done so far. `label` is a literal, such as `hashing`. */
export function newProgress(
  output: Output,
  form: ProgressForm,
  label: string,
  totalBytes: number,
): (doneBytes: number) => void {
  const startMs = performance.now()
  let saidPercent = 0
  let saidMs = startMs

  function sayKept(percent: number, nowMs: number, text: string): void {
    if (percent < saidPercent + stepPercent || nowMs - saidMs < keptLineIntervalMs) return
    saidPercent = percent
    saidMs = nowMs
    output.note(text)
  }

  return (doneBytes) => {
    if (form === 'none') return
    if (form === 'json') {
      output.json({ type: 'progress', doneBytes, totalBytes })
      return
    }
    const nowMs = performance.now()
    const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes)
    const percent = Math.floor(share * 100)
    const elapsedMs = nowMs - startMs
    const rate = elapsedMs < rateAfterMs ? '' : `  ${formatBytes(Math.round((doneBytes / elapsedMs) * 1000))}/s`
    const amount = `${percent} %  ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}${rate}`
    const filled = Math.round(share * barWidth)
    if (!output.status(`${label} [${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${amount}`)) {
      sayKept(percent, nowMs, `${label} ${amount}`)
    }
  }
}
