// Holds the product's swarms against the fluid model and the model's own table in docs/validation.md: every plan with
// as many seeds, a thread for each processor. Guarantees: fails where an average is further away than the bar.
// Usage: node tools/bootstrap.mjs tools/validate.ts [--seeds N] [--threads N] [--only TEXT] [--write]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { compare, isWithin, validationPage } from '../sim/validation/comparison.ts'
import { swarmPlans } from '../sim/validation/swarm-plans.ts'
import { averagesOf } from '../test/sim/validation-threads.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
})
const seeds = Array.from({ length: Number(values.seeds) }, (_, index) => index + 1)
const comparisons = []
for (const plan of swarmPlans.filter(({ name }) => name.includes(values.only))) {
  const startMs = process.cpuUsage().user / 1_000
  const comparison = compare(plan, await averagesOf(plan.name, seeds, Number(values.threads)))
  comparisons.push(comparison)
  const cpuSeconds = (process.cpuUsage().user / 1_000 - startMs) / 1_000
  console.log(
    validationPage([comparison])
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .join('\n'),
  )
  console.log(JSON.stringify(comparison.runs))
  console.log(`${cpuSeconds.toFixed(0)} s of processor time`)
  if (!isWithin(comparison)) process.exitCode = 1
}
// Complete pages only.
if (values.write && values.only === '')
  writeFileSync(new URL('../docs/validation.md', import.meta.url), validationPage(comparisons))
