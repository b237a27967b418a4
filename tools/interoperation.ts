// Plays the matrix of interoperation with the programs that are installed here, one cell at a time, and prints it as a
// table with speeds. Usage: npm run interop [-- [--mib SIZE] [--write] [PATTERN]]; --write keeps docs/interoperation.md.
// Guarantees: exit 0 when all that was played held, 1 when some did not; --write leaves the page alone where a program
// is missing or a cell failed. The tests play the same cells (test/end-to-end/interoperation.test.ts).
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  type Cell,
  cells,
  type Direction,
  directionsOf,
  makeContent,
  nameOf,
  type Played,
  playCell,
  playMixedSwarm,
  playTracker,
} from '../test/end-to-end/interoperation-cells.ts'
import { libtorrent } from '../test/foreign/libtorrent-program.ts'
import { foreignPrograms } from '../test/foreign/programs.ts'
import { foreignTrackers } from '../test/foreign/trackers.ts'

type Verdict = Played | 'failed' | 'missing' | 'not played'

interface Row {
  readonly program: string
  readonly torrent: string
  readonly verdicts: readonly Verdict[]
}

const mebibyte = 1_048_576
const { values, positionals } = parseArgs({
  options: { mib: { type: 'string', default: '128' }, write: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const [pattern = ''] = positionals
const ends: (() => unknown)[] = []
const scope = { after: (end: unknown) => void ends.push(end as () => unknown) }
let failures = 0

function textOf(verdict: Verdict): string {
  if (verdict === 'not played') return ''
  if (typeof verdict === 'string') return verdict
  const rate = verdict.bytes / mebibyte / verdict.seconds
  return `${rate < 10 ? rate.toFixed(1) : rate.toFixed(0)} MiB/s`
}

async function verdictOf(name: string, play: () => Promise<Played>): Promise<Verdict> {
  if (!name.includes(pattern)) return 'not played'
  try {
    const played = await play()
    console.error(`ok   ${name}: ${textOf(played)}`)
    return played
  } catch (error) {
    failures++
    console.error(`FAIL ${name}\n${error}`)
    return 'failed'
  }
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows]
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`
}

const content = await makeContent(scope, Number(values.mib))
const versions = new Map([...foreignPrograms, ...foreignTrackers].map((one) => [one.name, one.version()]))

async function cellRow(cell: Cell): Promise<Row> {
  const { program } = cell
  const play = (direction: Direction): Promise<Verdict> | Verdict => {
    if (versions.get(program.name) === undefined) return 'missing'
    if (!directionsOf(cell).includes(direction)) return 'not played'
    const name = `${direction} ${program.name}, ${nameOf(cell)}`
    return verdictOf(name, () => playCell(content, cell, direction))
  }
  return {
    program: program.name,
    torrent: nameOf(cell),
    verdicts: [await play('uploaded to'), await play('downloaded from')],
  }
}

async function playAll(): Promise<{ readonly page: string; readonly isWhole: boolean }> {
  const rows: Row[] = []
  for (const cell of cells) rows.push(await cellRow(cell))
  const trackers: Row[] = []
  for (const tracker of foreignTrackers) {
    const play = (scheme: 'http' | 'udp') => {
      if (versions.get(tracker.name) === undefined) return 'missing'
      return verdictOf(`${tracker.name} over ${scheme}`, () => playTracker(content, tracker, scheme))
    }
    trackers.push({ program: tracker.name, torrent: '', verdicts: [await play('http'), await play('udp')] })
  }
  const present = foreignPrograms.filter(({ name }) => versions.get(name) !== undefined)
  const mixed: Row[] = []
  for (const seed of ['ours', libtorrent] as const) {
    const name = seed === 'ours' ? 'this program' : seed.name
    const verdict = await verdictOf(`mixed swarm, ${name} is the seed`, () => playMixedSwarm(content, present, seed))
    mixed.push({ program: name, torrent: '', verdicts: [verdict] })
  }
  const verdicts = [...rows, ...trackers, ...mixed].flatMap((row) => row.verdicts)
  const isWhole = pattern === '' && !verdicts.includes('missing') && !verdicts.includes('failed')
  return { page: pageOf(rows, trackers, mixed), isWhole }
}

function pageOf(rows: readonly Row[], trackers: readonly Row[], mixed: readonly Row[]): string {
  const named = (name: string) => `${name} ${versions.get(name) ?? ''}`.trim()
  const programsOf = new Map<string, string[]>()
  for (const { name, remarks } of foreignPrograms) {
    for (const remark of remarks) programsOf.set(remark, [...(programsOf.get(remark) ?? []), named(name)])
  }
  const remarks = [...programsOf].map(([remark, names]) => `- ${names.join(', ')}: ${remark}.`)
  return `# Interoperation

Whole contents between this program and others on loopback, compared byte by byte: ${values.mib} MiB in files of odd sizes,
an empty one among them, pieces of 256 KiB, found through our own tracker. This page is written by \`npm run interop -- --write\`;
\`npm test\` plays the same with 32 MiB, and fails where one of them does not hold. Speeds are of one run, with both
programs on the same two cores and others' progress looked at every 50 ms: they say that nothing is badly wrong, no more.
Connections are plaintext unless a row says that they are encrypted: there the other program takes and makes none that is not encrypted
with RC4 throughout, and this one does what it does by default.

${table(
  ['program', 'torrent', 'downloads from us', 'we download from it'],
  rows.map(({ program, torrent, verdicts }) => [named(program), torrent, ...verdicts.map(textOf)]),
)}
Two of us find each other through a foreign tracker, and download:

${table(
  ['tracker', 'HTTP', 'UDP'],
  trackers.map(({ program, verdicts }) => [named(program), ...verdicts.map(textOf)]),
)}
All of these programs and this one in one swarm, from a seed that sends 6 MiB/s; the speed is what this program, or a
second one of it, downloads with:

${table(
  ['seed', 'we download'],
  mixed.map(({ program, verdicts }) => [named(program), ...verdicts.map(textOf)]),
)}
What had to be found out about the others the hard way:

${remarks.join('\n')}
`
}

try {
  const { page, isWhole } = await playAll()
  console.log(page)
  if (values.write && isWhole) {
    writeFileSync(join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'interoperation.md'), page)
  } else if (values.write) {
    console.error('docs/interoperation.md is left as it is: not everything was played, or not everything held')
  }
  process.exitCode = failures > 0 || (values.write && !isWhole) ? 1 : 0
} finally {
  for (const end of ends) end()
}
