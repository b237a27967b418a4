// Measurements as people read them: lines of a table on the screen, rows of one in the documents.
// Guarantees: a ratio below its bar is said to miss it, and so is one that is no number. Pure.
import type { Measurement } from '../measure.ts'

function figure(value: number): string {
  return new Intl.NumberFormat('en', { maximumSignificantDigits: 4 }).format(value)
}

export function missesBar({ ratio, bar }: Measurement): boolean {
  return !(ratio >= bar)
}

/** A line for each, in columns. */
export function tableLines(measurements: readonly Measurement[]): readonly string[] {
  const width = Math.max(...measurements.map(({ name }) => name.length))
  return measurements.map((measurement) => {
    const { name, unit, ours, theirs, ratio, bar, rival } = measurement
    const sides = `${figure(ours).padStart(10)} : ${figure(theirs).padStart(9)} ${unit.padEnd(6)}`
    const verdict = bar === 0 ? '' : missesBar(measurement) ? `MISSES ${figure(bar)}x` : `bar ${figure(bar)}x`
    const line = `  ${name.padEnd(width)} ${sides} ${ratio.toFixed(2).padStart(7)}x  ${verdict.padEnd(14)} ${rival ?? ''}`
    return line.trimEnd()
  })
}

/** A table of Markdown. */
export function markdownTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map((measurement) => {
    const { name, unit, ours, theirs, ratio, bar, rival = '' } = measurement
    const label = name.startsWith(' ') ? `… ${name.trim()}` : name
    const least = bar === 0 ? '' : figure(bar)
    const verdict = bar === 0 ? '' : missesBar(measurement) ? '**missed**' : 'met'
    const cells = [label, unit, figure(ours), figure(theirs), rival, ratio.toFixed(2), least, verdict]
    return `| ${cells.join(' | ')} |`
  })
  return ['| | unit | ours | theirs | whose | ratio | bar | |', '| --- | --- | ---: | ---: | --- | ---: | ---: | --- |']
    .concat(rows)
    .join('\n')
}
