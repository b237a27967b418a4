// Figures of a running tracker as pages and Prometheus show them. Each module declares its own beside what it measures;
// whoever shows them only joins the lists. Types only.

export interface Metric {
  /** Without prefix, words joined by `_`; counters end in `_total`. */
  readonly name: string
  /** One line for a person. */
  readonly help: string
  readonly kind: 'counter' | 'gauge'
  /** One a label value; a metric without labels has one, under the empty text. */
  readonly values: Readonly<Record<string, number>>
  /** What the label is called where there are several values. */
  readonly label?: string
}

export function counter(name: string, help: string, value: number): Metric {
  return { name, help, kind: 'counter', values: { '': value } }
}

export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, kind: 'gauge', values: { '': value } }
}
