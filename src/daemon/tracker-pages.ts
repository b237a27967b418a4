// The figures of a tracker as its operator reads them: a page without scripts, JSON, and the text form of Prometheus.
// Guarantees: nothing but names from our own code and numbers is shown. Pure.
import type { Metric } from '../tracker/metric.ts'

const prefix = 'swarmbid_tracker_'

/** The exposition format of Prometheus, version 0.0.4. */
export function metricsText(metrics: readonly Metric[]): string {
  const lines: string[] = []
  for (const { name, help, kind, values, label } of metrics) {
    lines.push(`# HELP ${prefix}${name} ${help}`, `# TYPE ${prefix}${name} ${kind}`)
    for (const [which, value] of Object.entries(values)) {
      lines.push(`${prefix}${name}${label === undefined ? '' : `{${label}="${which}"}`} ${value}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** One object: a number a metric, or an object of numbers where it has a label. */
export function statisticsJson(metrics: readonly Metric[]): string {
  const entries = metrics.map(({ name, values, label }) => [name, label === undefined ? values[''] : values])
  return `${JSON.stringify(Object.fromEntries(entries))}\n`
}

function row({ help, values, label }: Metric): string {
  const cells = Object.entries(values).map(([which, value]) => {
    const text = new Intl.NumberFormat('en').format(value)
    return `<tr><td>${help}${label === undefined ? '' : ` <i>${which}</i>`}</td><td>${text}</td></tr>`
  })
  return cells.join('\n')
}

export function statisticsPage(metrics: readonly Metric[]): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tracker</title>
<style>body{font:1rem sans-serif;margin:2rem}td{padding:.2rem 1rem .2rem 0}td+td{text-align:right}</style></head>
<body><h1>Tracker</h1>
<table>
${metrics.map(row).join('\n')}
</table>
<p>As <a href="/stats.json">JSON</a> and for <a href="/metrics">Prometheus</a>.</p>
</body></html>
`
}
