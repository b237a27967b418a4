// What came of paired swarms of real processes, as the page docs/speed-evidence-real.md: what paying brought and cost, first of
// all plans together, then of each. Values only, the same for the same runs.
import { type PlanEvidence, quantile } from '../sim/evidence/evidence-bars.ts'
import { planSection } from '../sim/evidence/evidence-page.ts'
import type { RealMember, RealPlan, RealRun } from '../test/end-to-end/shaped-swarm.ts'
import { usualLimitShare } from './real-plans.ts'

export interface RealPair {
  readonly seed: number
  readonly speed: RealRun
  readonly control: RealRun
}

export interface RealEvidence {
  readonly plan: RealPlan
  readonly pairs: readonly RealPair[]
}

/** Where and with what it was played. */
export interface Surroundings {
  readonly date: string
  readonly kernel: string
  readonly cores: number
  readonly congestionControl: string
  /** Names and versions of foreign programs. */
  readonly programs: readonly string[]
}

/** Of the machine, in the mean over a run: above it times say more of the machine than of the swarm. */
export const mostLoad = 0.7
export const plotFolder = 'speed-evidence-real'
const bytesPerMiB = 1_048_576
/** The same program, so that it is paying alone that differs. */
const unpaid = ['free']

export function realPage(evidence: readonly RealEvidence[], surroundings: Surroundings): string {
  const { date, kernel, cores, congestionControl, programs } = surroundings
  const runs = evidence.flatMap(({ pairs }) => pairs.flatMap(({ speed, control }) => [speed, control]))
  const seeds = evidence[0]?.pairs.map(({ seed }) => seed) ?? []
  const delays = runs.every(({ isDelayed }) => isDelayed)
    ? 'and 5 to 35 ms each way, drawn from the seed'
    : 'and no delay but that of its queue, of 100 ms at most: this kernel lacks netem'
  const busy = runs.filter(({ load }) => load.ofMachine > mostLoad).length
  const warning = `
**${busy} of ${runs.length} runs had a machine that was over ${percent(mostLoad)} busy: their times say more of it than of the swarm.**
`
  return `# What Speed does to a swarm of real processes

The program as people run it, beside foreign clients that know nothing of Speed: each peer is a process in a network
namespace of its own, joined by a bridge, with the rates of a line at home in both directions (tbf),
${delays}. A tracker and a ledger are processes, too, and everybody who pays or earns has a wallet. Each swarm is played twice: with Speed, and as its control,
in which nobody pays or earns, and everything else is the same: lines, moments of coming, slots, seeds. What the simulator
says of larger swarms is in [speed-evidence.md](speed-evidence.md). What is bad is here, too.

This page is written by \`node tools/bootstrap.mjs tools/evidence-real.ts --write\`, seeds ${seeds.join(', ')}, on ${date}: Linux ${kernel},
${cores} cores, congestion control ${congestionControl}; peers without Speed are ${programs.join(', ')}; riders are libtorrent
without slots. Where a plan says nothing else this program is told ${percent(usualLimitShare)} of its line as \`--upload-limit\`, in both
modes. Times are seconds from the start of a command to its last verified byte, over all seeds; tokens are those of a ledger of
play money, prices for a MiB. So few peers make quantiles of few values: of 95 of 100 the latest or next to it.
${busy > 0 ? warning : ''}
## Paid and unpaid, on the same swarm

Who paid nothing is here who has the same program, with no tokens; other programs (\`legacy\`) are slower or faster in ways of their own,
and are in the tables of the plans.

| swarm | who paid: median | 95 of 100 | the same in the control: median | 95 of 100 | who paid nothing: median | 95 of 100 | the same in the control: median | 95 of 100 | paid a MiB | first paid byte after |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${evidence.map(summaryRow).join('\n')}

${evidence.map((one) => `${planSection(one satisfies PlanEvidence, plotFolder)}\n${runTable(one)}`).join('\n')}`
}

function membersOf({ pairs }: RealEvidence, mode: 'speed' | 'control', kinds: readonly string[]): RealMember[] {
  return pairs.flatMap((pair) => pair[mode].members.filter(({ kind }) => kinds.includes(kind)))
}

function both(members: readonly RealMember[]): string[] {
  const seconds = members.map((member) => member.seconds ?? Number.POSITIVE_INFINITY)
  return [text(quantile(seconds, 0.5)), text(quantile(seconds, 0.95))]
}

function summaryRow(evidence: RealEvidence): string {
  const payers = membersOf(evidence, 'speed', ['payer'])
  const paid = payers.reduce((sum, one) => sum + one.paid, 0)
  const bought = payers.reduce((sum, one) => sum + one.boughtBytes, 0)
  const first = defined(payers.map(({ paidByteSeconds }) => paidByteSeconds))
  const cells = [
    evidence.plan.name,
    ...both(payers),
    ...both(membersOf(evidence, 'control', ['payer'])),
    ...both(membersOf(evidence, 'speed', unpaid)),
    ...both(membersOf(evidence, 'control', unpaid)),
    bought === 0 ? '' : ((paid * bytesPerMiB) / bought).toFixed(2),
    first.length === 0 ? '' : `${text(quantile(first, 0.5))} s`,
  ]
  return `| ${cells.join(' | ')} |`
}

/** Each run: whether it can be relied upon, and whether the money is all there. */
function runTable({ pairs }: RealEvidence): string {
  const rows = pairs.flatMap(({ seed, speed, control }) => [
    runRow(`${seed}, control`, control),
    runRow(`${seed}, with Speed`, speed),
  ])
  return `| run | until all had it | processors, these processes | the whole machine | its busiest 5 s | first share | first paid byte | accounts | left in lanes | books |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

function runRow(name: string, { seconds, load, members, books }: RealRun): string {
  const payers = members.filter(({ kind }) => kind === 'payer')
  const problems = books?.problems.map(({ problem }) => problem).join('; ') ?? ''
  const cells = [
    name,
    `${seconds.toFixed(0)} s`,
    percent(load.ofChildren),
    percent(load.ofMachine),
    percent(load.ofMachineAtMost),
    spread(payers.map(({ shareSeconds }) => shareSeconds)),
    spread(payers.map(({ paidByteSeconds }) => paidByteSeconds)),
    books === undefined ? '' : String(books.accounts),
    books === undefined ? '' : books.locked.toFixed(2),
    books === undefined ? '' : problems === '' ? 'add up' : `**${problems}**`,
  ]
  return `| ${cells.join(' | ')} |`
}

/** The median and the latest. */
function spread(values: readonly (number | undefined)[]): string {
  const known = defined(values)
  if (known.length === 0) return ''
  return `${text(quantile(known, 0.5))} to ${text(Math.max(...known))} s`
}

function defined(values: readonly (number | undefined)[]): number[] {
  return values.filter((value) => value !== undefined)
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

function text(seconds: number): string {
  return Number.isNaN(seconds) ? '' : Number.isFinite(seconds) ? seconds.toFixed(0) : 'never'
}
