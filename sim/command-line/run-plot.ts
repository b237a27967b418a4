// One run as a picture (SVG): how much all peers have and how many are finished, and below it the rate at which they
// receive, over simulated time. Readable on a light and on a dark page. Pure.
import { formatBytes, formatRate } from '../../src/cli/display-text.ts'
import type { RunSummary } from './run-summary.ts'

const width = 800
const panelHeight = 220
const left = 90
const right = 70
const top = 46
const between = 44
const plotWidth = width - left - right
const tickCount = 4
const axisColour = '#808080'

interface Line {
  readonly name: string
  readonly colour: string
  /** Milliseconds and values, in order of time. */
  readonly points: readonly (readonly [atMs: number, value: number])[]
  readonly highest: number
}

interface Panel {
  readonly lines: readonly Line[]
  readonly label: (share: number) => string
}

const text = (x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', colour = axisColour) => {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${escaped}</text>`
}

function panelOf({ lines, label }: Panel, y: number, endMs: number): string[] {
  const drawn: string[] = []
  for (let tick = 0; tick <= tickCount; tick++) {
    const share = tick / tickCount
    const at = y + panelHeight * (1 - share)
    drawn.push(`<path d="M${left} ${at}h${plotWidth}" stroke="${axisColour}" stroke-opacity="0.3"/>`)
    drawn.push(text(left - 8, at + 4, label(share), 'end'))
    const seconds = (share * endMs) / 1_000
    drawn.push(text(left + plotWidth * share, y + panelHeight + 16, `${Number(seconds.toFixed(1))} s`, 'middle'))
  }
  let nameX = left
  for (const { name, colour, points, highest } of lines) {
    const path = points.map(([atMs, value]) => {
      const x = left + (plotWidth * atMs) / endMs
      return `${x.toFixed(1)} ${(y + panelHeight * (1 - value / highest)).toFixed(1)}`
    })
    drawn.push(`<path d="M${path.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    drawn.push(text(nameX, y - 8, name, 'start', colour))
    nameX += 24 + 8 * name.length
  }
  return drawn
}

/** A picture of a run that kept its samples. */
export function plotOf({ job, samples, leechers, contentBytes, simulatedMs }: RunSummary): string {
  const endMs = Math.max(1, simulatedMs)
  let before = { simulatedMs: 0, receivedBytes: 0 }
  const rates = samples.map((sample) => {
    const rate = ((sample.receivedBytes - before.receivedBytes) * 1_000) / (sample.simulatedMs - before.simulatedMs)
    before = sample
    return [sample.simulatedMs, rate] as const
  })
  const highestRate = Math.max(1, ...rates.map(([, rate]) => rate))
  const start = [0, 0] as const
  const progress: Panel = {
    lines: [
      {
        name: 'verified',
        colour: '#3b82c4',
        points: [start, ...samples.map(({ simulatedMs: atMs, share }) => [atMs, share] as const)],
        highest: 1,
      },
      {
        name: `finished of ${leechers}`,
        colour: '#2f9e5f',
        points: [start, ...samples.map(({ simulatedMs: atMs, finished }) => [atMs, finished] as const)],
        highest: Math.max(1, leechers),
      },
    ],
    label: (share) => `${share * 100} %`,
  }
  const speed: Panel = {
    lines: [{ name: 'received by all', colour: '#d9822b', points: [start, ...rates], highest: highestRate }],
    label: (share) => formatRate(share * highestRate),
  }
  const height = top + 2 * (panelHeight + between)
  const title = `${job.scenario}, seed ${job.seed}: ${leechers} peers, ${formatBytes(contentBytes)}`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
    text(left, 16, title, 'start'),
    ...panelOf(progress, top, endMs),
    ...panelOf(speed, top + panelHeight + between, endMs),
    '</svg>\n',
  ].join('\n')
}
