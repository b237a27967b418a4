// Holds the product's swarms against the fluid model and the model's own table in docs/validation.md: every plan with
// as many seeds, a thread for each processor. Guarantees: fails where an average is further away than the bar.
// What is there in the file of --runs is not run again, so that a long validation can be interrupted; it is of the same
// sources, or is to be deleted.
// Usage: node tools/bootstrap.mjs tools/validate.ts [--seeds N] [--threads N] [--only TEXT] [--runs FILE] [--write]
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compare, isWithin, validationPage } from '../sim/validation/comparison.ts'
import { swarmPlans } from '../sim/validation/swarm-plans.ts'
import type { SwarmAverages } from '../sim/validation/swarm-run.ts'
import { averagesOf } from '../test/sim/validation-threads.ts'
import type { SwarmAnswer } from '../test/sim/validation-worker.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    runs: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
})
const { runs } = values
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
const known = new Map<string, SwarmAverages>()
const keyOf = ({ plan, seed }: Pick<SwarmAnswer, 'plan' | 'seed'>) => `${plan} ${seed}`
if (runs !== undefined && existsSync(runs)) {
  for (const line of readFileSync(runs, 'utf8').split('\n').filter(Boolean)) {
    const { averages, ...of } = JSON.parse(line, (_, value) => (value === null ? Number.NaN : value)) as SwarmAnswer
    known.set(keyOf(of), averages)
  }
}
const comparisons = []
for (const plan of swarmPlans.filter(({ name }) => name.includes(values.only))) {
  const averages = await averagesOf(plan.name, seeds, {
    threads: Number(values.threads),
    known: (seed) => known.get(keyOf({ plan: plan.name, seed })),
    onAverages: (answer) => {
      console.error(JSON.stringify(answer))
      if (runs !== undefined) appendFileSync(runs, `${JSON.stringify(answer)}\n`)
    },
  })
  const comparison = compare(plan, averages)
  comparisons.push(comparison)
  if (!isWithin(comparison)) process.exitCode = 1
}
const page = validationPage(comparisons)
const isTable = (line: string) => line.startsWith('|')
console.log(page.split('\n').filter(isTable).join('\n'))
const { user } = process.cpuUsage()
console.log(`${(user / 1_000_000).toFixed(0)} s of processor time`)
// Complete pages only.
if (values.write && values.only === '') writeFileSync(new URL('../docs/validation.md', import.meta.url), page)
