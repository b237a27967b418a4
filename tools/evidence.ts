// What Speed does to swarms, measured: every plan from as many seeds, each with Speed and as its control, in a few threads;
// tables and plots go to docs/speed-evidence.md. Guarantees: the same seeds give the same page; only a whole one is written.
// Usage: node tools/bootstrap.mjs tools/evidence.ts [--seeds N] [--threads N] [--only TEXT] [--size BYTES] [--write]
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { PlanEvidence } from '../sim/evidence/evidence-bars.ts'
import { evidencePage, evidencePlot, slugOf } from '../sim/evidence/evidence-page.ts'
import { evidencePlans } from '../sim/evidence/evidence-plans.ts'
import type { RunOutcome } from '../sim/evidence/paired-run.ts'
import type { EvidenceAnswer, EvidenceTask } from './evidence-worker.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    size: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
const contentBytes = values.size === undefined ? undefined : Number(values.size)
const plans = evidencePlans.filter(({ name }) => name.includes(values.only))
const tasks = plans.flatMap(({ name: plan }) =>
  seeds.flatMap((seed) =>
    (['control', 'speed'] as const).map((mode): EvidenceTask => ({ plan, seed, mode, contentBytes })),
  ),
)
const outcomes = new Map<string, RunOutcome>()
const keyOf = ({ plan, seed, mode }: EvidenceTask) => `${plan} ${seed} ${mode}`
let next = 0

async function work(): Promise<void> {
  const worker = new Worker(new URL('./evidence-worker.ts', import.meta.url))
  try {
    for (let task = tasks[next++]; task !== undefined; task = tasks[next++]) {
      worker.postMessage(task)
      const [answer] = (await once(worker, 'message')) as [EvidenceAnswer]
      outcomes.set(keyOf(task), answer.outcome)
      console.error(`${keyOf(task)}: ${answer.outcome.simulatedSeconds.toFixed(0)} s simulated`)
    }
  } finally {
    await worker.terminate()
  }
}

await Promise.all(Array.from({ length: Math.min(Number(values.threads), tasks.length) }, work))
const outcomeOf = (task: EvidenceTask): RunOutcome => {
  const outcome = outcomes.get(keyOf(task))
  if (outcome === undefined) throw new Error(`no outcome of ${keyOf(task)}`)
  return outcome
}
const evidence = plans.map((plan): PlanEvidence => {
  const pairs = seeds.map((seed) => {
    const task = { plan: plan.name, seed, contentBytes }
    return { seed, speed: outcomeOf({ ...task, mode: 'speed' }), control: outcomeOf({ ...task, mode: 'control' }) }
  })
  return { plan: { ...plan, contentBytes: contentBytes ?? plan.contentBytes }, pairs }
})
const page = evidencePage(evidence)
console.log(page)
// Complete pages only.
if (values.write && values.only === '') {
  const folder = new URL('../docs/speed-evidence/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  for (const one of evidence) writeFileSync(new URL(`${slugOf(one.plan)}.svg`, folder), evidencePlot(one))
  writeFileSync(new URL('../docs/speed-evidence.md', import.meta.url), page)
}
