// Labelled lines below a heading: how people are shown a torrent, a link, a result.
// Values are made visible here, so that commands cannot forget it.
import type { Output } from './output.ts'

const labelWidth = 13

export interface Fields {
  /** One value; nothing when there is none. */
  field(label: string, value: string | undefined): void
  /** A value a line, the label before the first; past `maxCount` only how many there are. */
  list(label: string, values: readonly string[], maxCount?: number): void
}

export function newFields(output: Output): Fields {
  const { style } = output

  function field(label: string, value: string | undefined): void {
    if (value !== undefined) output.line(`  ${style.faint(label.padEnd(labelWidth))} ${style.plain(value)}`)
  }

  return {
    field,
    list(label, values, maxCount = values.length) {
      const shown = values.slice(0, maxCount)
      for (const [index, value] of shown.entries()) field(index === 0 ? label : '', value)
      if (shown.length < values.length) field('', `and ${values.length - shown.length} more`)
    },
  }
}
