// What the simulator reaches: plays every scenario once and counts, by V8's own coverage, which functions ran.
// Guarantees: fails where a file or a function of src/session was not reached, but for those listed with a reason in
// simulation-unreached.ts, and says which of these are reached after all. Says the shares of the rooms below, too.
// Usage: node tools/bootstrap.mjs tools/simulation-coverage.ts [SEED]
import { readFileSync } from 'node:fs'
import { Session } from 'node:inspector/promises'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { type FunctionCoverage, functionsOf, hasCode } from './coverage-of-functions.ts'
import { unreached } from './simulation-unreached.ts'
import { listSources } from './tidy.ts'

const wholeRoom = 'src/session/'
const otherRooms = ['src/peer/', 'src/swarm/', 'src/storage/', 'src/tracker/']
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const seed = Number(process.argv[2] ?? 1)

const known = new Set(Object.values(unreached).flat())

const inspector = new Session()
inspector.connect()
await inspector.post('Profiler.enable')
await inspector.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })

// Only what is loaded from here on is counted.
const { playJob, scenarios } = await import('../sim/command-line/play-job.ts')
const startMs = performance.now()
let failedCount = 0
for (const { name, fewerPeers } of scenarios) {
  const { violations } = await playJob({ scenario: name, seed, peers: fewerPeers })
  for (const { check, detail } of violations) console.error(`${name}, seed ${seed}: ${check}: ${detail}`)
  if (violations.length > 0) failedCount++
}
const { result: scripts } = await inspector.post('Profiler.takePreciseCoverage')
inspector.disconnect()

const byPath = new Map<string, readonly FunctionCoverage[]>()
for (const { url, functions } of scripts) {
  if (url.startsWith('file:'))
    byPath.set(relative(root, fileURLToPath(url)).replaceAll('\\', '/'), functionsOf(functions))
}

const sources = listSources(root)
const isRunnable = (path: string) =>
  hasCode(
    ts.transpile(readFileSync(join(root, path), 'utf8'), {
      target: ts.ScriptTarget.ESNext,
      verbatimModuleSyntax: true,
    }),
  )

function sharesOf(room: string): string {
  const functions = sources.filter((path) => path.startsWith(room)).flatMap((path) => byPath.get(path) ?? [])
  const called = functions.filter(({ count }) => count > 0).length
  return `${room.slice(0, -1)} ${called} of ${functions.length}`
}

const missing = new Set<string>()
for (const path of sources.filter((one) => one.startsWith(wholeRoom))) {
  const functions = byPath.get(path)
  if (functions === undefined && isRunnable(path)) missing.add(path)
  for (const { name, count } of functions ?? []) if (count === 0) missing.add(`${path} ${name}`)
}
const unexplained = [...missing].filter((one) => !known.has(one))
const stale = [...known].filter((one) => !missing.has(one))

for (const one of unexplained) console.error(`never reached: ${one}`)
for (const one of stale) console.log(`reached, or gone: take it out of tools/simulation-unreached.ts: ${one}`)
const seconds = ((performance.now() - startMs) / 1_000).toFixed(1)
console.log(`simulation: functions called: ${[wholeRoom, ...otherRooms].map(sharesOf).join(', ')}; ${seconds} s`)
process.exitCode = unexplained.length + failedCount > 0 ? 1 : 0
