// What Speed does to swarms of real processes on shaped lines, measured: every plan from as many seeds, each with Speed and as
// its control, one after another; tables, plots and results go to docs/. Guarantees: nothing is left behind on any way
// out; only a whole page is written, and none of a machine that was busy with other things. Exit 2: no shaped lines here.
// Usage: node tools/bootstrap.mjs tools/evidence-real.ts [--seeds N] [--only TEXT] [--size BYTES] [--json FILE] [--write]
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { parseArgs } from 'node:util'
import { evidencePlot, slugOf } from '../sim/evidence/evidence-page.ts'
import type { Mode } from '../sim/evidence/paired-run.ts'
import { congestionControl } from '../test/end-to-end/shaped-links.ts'
import { type Kit, makeKit } from '../test/end-to-end/shaped-people.ts'
import { makeRealContent, playShapedSwarm, type RealPlan, type RealRun } from '../test/end-to-end/shaped-swarm.ts'
import { libtorrent } from '../test/foreign/libtorrent-program.ts'
import { transmissionCli } from '../test/foreign/transmission.ts'
import { mostLoad, plotFolder, type RealEvidence, type RealPair, realPage } from './real-page.ts'
import { realPlans, withContent } from './real-plans.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    size: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
const plans = realPlans
  .filter(({ name }) => name.includes(values.only))
  .map((plan) => (values.size === undefined ? plan : withContent(plan, Number(values.size))))
const legacyPrograms = [libtorrent, transmissionCli]
const ends: (() => unknown)[] = []
/** Interrupted: processes and namespaces end with this one by themselves, folders do not. */
process.once('exit', () => {
  for (const end of ends.reverse()) end()
})
const scope = { after: (end: unknown) => void ends.push(end as () => unknown) }

function most(count: (plan: RealPlan) => number): number {
  return Math.max(...plans.map(count))
}

async function playAll(kit: Kit): Promise<RealEvidence[]> {
  const evidence: RealEvidence[] = []
  for (const plan of plans) {
    const content = await makeRealContent(scope, plan.contentBytes, plan.pieceLengthBytes)
    const play = async (seed: number, mode: Mode): Promise<RealRun> => {
      const run = await playShapedSwarm(plan, { kit, content, seed, mode, legacy: legacyPrograms })
      if (run === undefined) throw new Error('shaped lines are refused')
      const { load, books, seconds } = run
      const problems = books === undefined || books.problems.length === 0 ? '' : ` ${JSON.stringify(books.problems)}`
      const busy = `${(load.ofMachine * 100).toFixed(0)} % busy`
      console.error(`${plan.name} ${seed} ${mode}: ${seconds.toFixed(0)} s, ${busy}${problems}`)
      return run
    }
    const pairs: RealPair[] = []
    for (const seed of seeds) {
      const control = await play(seed, 'control')
      pairs.push({ seed, control, speed: await play(seed, 'speed') })
    }
    evidence.push({ plan, pairs })
  }
  return evidence
}

/** Into docs/, where all of it was played and can be relied upon. */
function write(evidence: readonly RealEvidence[], page: string): void {
  const runs = evidence.flatMap(({ pairs }) => pairs.flatMap(({ speed, control }) => [speed, control]))
  const isWhole = values.only === '' && values.size === undefined
  if (!isWhole || runs.some(({ load }) => load.ofMachine > mostLoad)) {
    console.error(
      'docs/speed-evidence-real.md is left as it is: not everything was played, or the machine was too busy',
    )
    process.exitCode = 1
    return
  }
  const folder = new URL(`../docs/${plotFolder}/`, import.meta.url)
  mkdirSync(folder, { recursive: true })
  for (const one of evidence) writeFileSync(new URL(`${slugOf(one.plan)}.svg`, folder), evidencePlot(one))
  writeFileSync(new URL('results.json', folder), resultsOf(evidence))
  writeFileSync(new URL('../docs/speed-evidence-real.md', import.meta.url), page)
}

function resultsOf(evidence: readonly RealEvidence[]): string {
  return `${JSON.stringify(evidence, null, 2)}\n`
}

try {
  const payers = most(({ leechers }) => leechers.payer ?? 0)
  const others = most(({ leechers, seeds: count }) => count + (leechers.free ?? 0))
  const kit = await makeKit(scope, payers, others)
  if (kit === undefined) {
    console.error('no network namespaces with shaped lines here: that needs root, `ip` and `tc`')
    process.exitCode = foreignRequired === '1' ? 1 : 2
  } else {
    const evidence = await playAll(kit)
    const programs = legacyPrograms.flatMap((program) => {
      const version = program.version()
      return version === undefined ? [] : [`${program.name} ${version}`]
    })
    const [kernel = ''] = /^\d+\.\d+/.exec(release()) ?? []
    const date = new Date().toISOString().slice(0, 10)
    const surroundings = { date, kernel, cores: cpus().length, congestionControl, programs }
    const page = realPage(evidence, surroundings)
    console.log(page)
    if (values.json !== undefined) writeFileSync(values.json, resultsOf(evidence))
    if (values.write) write(evidence, page)
  }
} finally {
  for (const end of ends.splice(0).reverse()) await end()
}
