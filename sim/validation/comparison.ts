// What simulated swarms and the fluid model say of the same plan, side by side, and as the page docs/validation.md.
// Values only; the deviation is that of the mean over all seeds.
import { boundBy, type SteadyState, steadyState } from './qiu-srikant.ts'
import type { SwarmAverages, SwarmPlan } from './swarm-run.ts'

export interface Comparison {
  readonly plan: SwarmPlan
  readonly model: SteadyState
  readonly runs: readonly SwarmAverages[]
  /** Mean over the runs. */
  readonly simulated: SwarmAverages
}

/** The bar: a simulated mean is as near to the model. */
export const closeness = 0.05

export function compare(plan: SwarmPlan, runs: readonly SwarmAverages[]): Comparison {
  const [first] = runs
  if (first === undefined) throw new Error('no runs to compare')
  const names = Object.keys(first) as (keyof SwarmAverages)[]
  const means = names.map((name) => [name, runs.reduce((sum, run) => sum + run[name], 0) / runs.length])
  return { plan, model: steadyState(plan.swarm), runs, simulated: Object.fromEntries(means) as SwarmAverages }
}

/** By what part of it the simulated mean is more than the model has it. */
export function deviations({ model, simulated }: Comparison): SteadyState {
  return {
    downloaders: simulated.downloaders / model.downloaders - 1,
    seeds: simulated.seeds / model.seeds - 1,
    seconds: simulated.seconds / model.seconds - 1,
  }
}

export function isWithin(comparison: Comparison, bar = closeness): boolean {
  return Object.values(deviations(comparison)).every((deviation) => Math.abs(deviation) <= bar)
}

const columns = [
  ['downloaders', 'downloaders', 1],
  ['seeds', 'seeds', 1],
  ['seconds', 'download time, s', 0],
] as const

export function validationPage(comparisons: readonly Comparison[]): string {
  return `# Validation

The product's own sessions, simulated with links, trackers and choke rounds, against the fluid model of Qiu and Srikant
(SIGCOMM 2004): peers come at random, download, seed for a while and leave. Means over all seeds and the whole window,
after a warm-up; the bar is ${closeness * 100} %. This page is written by
\`node tools/bootstrap.mjs tools/validate.ts --write\`; \`npm run test:long\` holds the product to it.

| swarm | | model | simulated | deviation | spread of seeds |
| --- | --- | --- | --- | --- | --- |
${comparisons.flatMap(rowsOf).join('\n')}

| swarm | arrival every | abandons after | download | upload | seeds stay | seeds | finished | gave up | uplinks used |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${comparisons.map(planRow).join('\n')}

Capacities are the time one content takes over the link; times in seconds. In the model the download time is the time
that peers spend downloading, whether they finish or not, which for its memoryless downloads is that of those who
finish, too. Contents have one size, so here those who finish take longer than those who give up, and fewer give up in
time than the model has it: with the share that gives up here that alone is 2 to 3 % on downloaders and time.
${comparisons.some(({ plan }) => plan.paying !== undefined) ? paidSection(comparisons) : ''}`
}

/** Of the swarms in which some pay, beside the same in which nobody does. */
function paidSection(comparisons: readonly Comparison[]): string {
  return `
## Where some pay

One of three who come can pay what the content costs at first, everybody sells two of four slots, and all else is the same. The
model has one class of peers; what it says holds of both together. In the long run as many contents are done as come, and
where links up are what is short, what is done a second is all that they send: arrivals = upload x (effectiveness x downloaders +
seeds), with seeds = arrivals / departures. So downloaders = arrivals x (1/upload - 1/departures) / effectiveness, whoever is served
first: paying moves capacity from one to the other, and makes none. By Little's law the mean time over both classes is downloaders /
arrivals, so it is conserved, and what payers gain in sum the others lose in sum. Where links down are what is short, everybody
downloads as fast as it can, and there is nothing to be bought. It fails where selling leaves links idle, or where who is paid
stays longer; here nobody's stay follows its earnings.

| swarm | download time of payers, s | of the others, s | payers bought | mean of all against the same seeds without Speed | spread of seeds |
| --- | --- | --- | --- | --- | --- |
${comparisons.flatMap((one) => paidRow(one, comparisons)).join('\n')}
`
}

function paidRow({ plan, runs, simulated }: Comparison, comparisons: readonly Comparison[]): string[] {
  if (plan.paying === undefined) return []
  const plain = comparisons.find((one) => one.plan.paying === undefined && plan.name.startsWith(one.plan.name))
  const changes = runs.map((run, index) => run.seconds / (plain?.runs[index]?.seconds ?? Number.NaN) - 1)
  const mean = changes.reduce((total, change) => total + change, 0) / changes.length
  const against = Number.isNaN(mean) ? ['', ''] : [percent(mean), percent(deviationOf(changes)).slice(1)]
  const { payerSeconds, unpaidSeconds, boughtShare } = simulated
  const cells = [payerSeconds.toFixed(0), unpaidSeconds.toFixed(0), `${(boughtShare * 100).toFixed(0)} %`, ...against]
  return [`| ${plan.name} | ${cells.join(' | ')} |`]
}

function rowsOf(comparison: Comparison): string[] {
  const { plan, model, simulated, runs } = comparison
  const off = deviations(comparison)
  return columns.map(([name, title, digits], index) => {
    const cells = [model[name].toFixed(digits), simulated[name].toFixed(digits), percent(off[name])]
    const spread = deviationOf(runs.map((run) => run[name] / model[name]))
    return `| ${index === 0 ? plan.name : ''} | ${title} | ${cells.join(' | ')} | ${percent(spread).slice(1)} |`
  })
}

function planRow({ plan, runs, simulated }: Comparison): string {
  const { swarm } = plan
  const abandons = swarm.abandons === 0 ? 'never' : seconds(swarm.abandons)
  const rates = [seconds(swarm.arrivals), abandons, seconds(swarm.download), seconds(swarm.upload)]
  const counts = [
    runs.length,
    sum(runs, 'finished'),
    sum(runs, 'abandoned'),
    `${Math.round(simulated.uplinkUse * 100)} %`,
  ]
  return `| ${plan.name} (${boundBy(swarm)}) | ${[...rates, seconds(swarm.departures), ...counts].join(' | ')} |`
}

function sum(runs: readonly SwarmAverages[], name: 'finished' | 'abandoned'): number {
  return runs.reduce((total, run) => total + run[name], 0)
}

/** Of one seed's average from that of all. */
function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((total, value) => total + value, 0) / values.length
  return Math.sqrt(values.reduce((total, value) => total + (value - mean) ** 2, 0) / Math.max(1, values.length - 1))
}

function seconds(rate: number): string {
  return (1 / rate).toFixed(0)
}

function percent(share: number): string {
  return `${share < 0 ? '-' : '+'}${Math.abs(share * 100).toFixed(1)} %`
}
