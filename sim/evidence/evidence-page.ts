// What came of paired swarms, as the page docs/speed-evidence.md: of each plan how long every kind took with Speed and in
// the control, what was paid, and what the bars of the design say to it. Values only, the same for the same runs.
import type { BarName, EvidencePlan, Kind } from './evidence-plans.ts'
import type { MemberOutcome, RunOutcome } from './paired-run.ts'

/** The same seed in both modes; of a run what its members came to is enough. */
interface Pair {
  readonly seed: number
  readonly speed: Pick<RunOutcome, 'members'>
  readonly control: Pick<RunOutcome, 'members'>
}

export interface PlanEvidence {
  readonly plan: EvidencePlan
  readonly pairs: readonly Pair[]
}

/** A measure with what the design asks of it; `isMet` undefined: it says nothing about it. */
interface Bar {
  readonly name?: BarName
  readonly what: string
  readonly value: string
  readonly isMet: boolean | undefined
}

const giving: readonly Kind[] = ['free', 'legacy']
const bytesPerMiB = 1_048_576

/** Of the values, the one that so large a share is not above; undefined: not finished. Infinity sorts last. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

function secondsOf(members: readonly MemberOutcome[], kinds: readonly string[]): number[] {
  return members.filter(({ kind }) => kinds.includes(kind)).map(({ seconds }) => seconds ?? Number.POSITIVE_INFINITY)
}

function all({ pairs }: PlanEvidence, mode: 'speed' | 'control', kinds: readonly string[]): number[] {
  return pairs.flatMap((pair) => secondsOf(pair[mode].members, kinds))
}

/** How equal equals are: 1, all alike; 1/n, one has it all (Jain). */
function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value * value, 0)
  return (sum * sum) / (values.length * squares)
}

/** Of throughput, among those who do the same, the mean over the runs. */
function meanJain({ pairs }: PlanEvidence, mode: 'speed' | 'control', kind: string): number {
  const each = pairs.map((pair) => secondsOf(pair[mode].members, [kind]))
  const finished = each.map((seconds) => seconds.filter(Number.isFinite)).filter(({ length }) => length > 1)
  return finished.reduce((total, seconds) => total + jain(seconds.map((one) => 1 / one)), 0) / finished.length
}

export function evidencePage(evidence: readonly PlanEvidence[]): string {
  const seeds = evidence[0]?.pairs.map(({ seed }) => seed) ?? []
  return `# What Speed does to a swarm

The product's own sessions in the simulator ([simulator.md](simulator.md)), each swarm twice from the same seed: with Speed,
and as its control, in which nobody pays and everything else is the same: machines, links, when they come, slots, seeds. This
page is written by \`node tools/bootstrap.mjs tools/evidence.ts --write\`, seeds ${seeds.join(', ')}. What is bad is here, too.

\`payer\` has a budget and earns; \`free\` has no tokens and earns; \`legacy\` has no Speed; \`rider\` has none and gives nothing.
Times are seconds from a peer's coming to its last byte, over all seeds; tokens are those of a ledger of play money, prices
for a MiB. \`washer\` and \`defaulter\` are payers who paid themselves before, and who never pay. A bar that is missed says why.

${evidence.map((one) => planSection(one)).join('\n')}`
}

/** Of one plan; its plot is in that folder. */
export function planSection(evidence: PlanEvidence, plotFolder = 'speed-evidence'): string {
  const { plan } = evidence
  const kinds = Object.keys(plan.leechers)
  const rows = kinds.map((kind) => kindRow(evidence, kind))
  const found = barsOf(evidence)
  const bars = found.map(({ what, value, isMet }) => {
    return `| ${what} | ${value} | ${isMet === undefined ? '' : isMet ? 'yes' : '**no**'} |`
  })
  const reasons = found.flatMap(({ name, isMet }) => {
    const reason =
      isMet !== false || name === undefined ? undefined : (plan.reasons?.[name] ?? generalReasons(plan)[name])
    return reason === undefined ? [] : [`\n${reason}\n`]
  })
  return `## ${plan.name[0]?.toUpperCase()}${plan.name.slice(1)}

${plan.about[0]?.toUpperCase()}${plan.about.slice(1)}. ${Object.entries(plan.leechers)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ')}; ${plan.seeds} seeds
of ${plan.seedBytesPerSecond / 1_000} kB/s, peers ${plan.uploadBytesPerSecond / 1_000} up and ${plan.downloadBytesPerSecond / 1_000} down, ${plan.contentBytes / 1_000_000} MB, ${plan.slots} slots of which ${plan.shares} may be sold.

![times](${plotFolder}/${slugOf(plan)}.svg)

| kind | median, control | with Speed | 95 of 100, control | with Speed | bought | paid a MiB | earned each |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

| measure | | as designed |
| --- | --- | --- |
${bars.join('\n')}
${reasons.join('')}`
}

/** Where a plan says nothing itself. */
function generalReasons({ staySeconds, leechers }: EvidencePlan): EvidencePlan['reasons'] & object {
  if (Number.isFinite(staySeconds) || leechers.rider === undefined) return {}
  return {
    riders: `*Why free riders are not later:* whoever is done seeds to the end in this swarm, so the rest comes at what all upload
together, and who gave nothing is done soon after the last who gave. If riders get a share s of all that is uploaded until
then, they take (1 - s) times the most in the table, whatever chokers do. "Free riders, and nobody stays" asks where it counts.`,
  }
}

export function slugOf({ name }: EvidencePlan): string {
  return name.toLowerCase().replaceAll(',', '').replaceAll(' ', '-')
}

function kindRow(evidence: PlanEvidence, kind: string): string {
  const [before, after] = [all(evidence, 'control', [kind]), all(evidence, 'speed', [kind])]
  const members = evidence.pairs.flatMap(({ speed }) => speed.members.filter((one) => one.kind === kind))
  const bought = sum(members, 'boughtBytes')
  const price = bought === 0 ? '' : ((sum(members, 'paid') * bytesPerMiB) / bought).toFixed(2)
  const share = bought / (members.length * evidence.plan.contentBytes)
  const cells = [
    seconds(quantile(before, 0.5)),
    seconds(quantile(after, 0.5)),
    seconds(quantile(before, 0.95)),
    seconds(quantile(after, 0.95)),
    `${(share * 100).toFixed(0)} %`,
    price,
    (sum(members, 'earned') / members.length).toFixed(1),
  ]
  return `| ${kind} | ${cells.join(' | ')} |`
}

function barsOf(evidence: PlanEvidence): Bar[] {
  const { plan, pairs } = evidence
  const bars: Bar[] = []
  const [paying, unpaid] = [all(evidence, 'speed', ['payer']), all(evidence, 'speed', giving)]
  if (paying.length > 0) {
    const own = quantile(paying, 0.5) / quantile(all(evidence, 'control', ['payer']), 0.5)
    bars.push({
      name: 'payers-gain',
      what: 'payers, of the time they take in the control',
      value: share(own),
      isMet: own < 1,
    })
  }
  if (paying.length > 0 && unpaid.length > 0) {
    const [late, lateUnpaid] = [quantile(paying, 0.95), quantile(unpaid, 0.95)]
    const value = `${seconds(late)} s against ${seconds(lateUnpaid)} s`
    const what = 'payers are never later than who pays nothing, 95 of 100'
    bars.push({ name: 'payers-late', what, value, isMet: late <= lateUnpaid })
  }
  bars.push(...unpaidBars(evidence, unpaid))
  const riding = all(evidence, 'speed', ['rider'])
  if (riding.length > 0) {
    const ratio = quantile(riding, 0.5) / quantile(unpaid, 0.5)
    const what = 'free riders, of the time of who gives: at least 1.5'
    bars.push({ name: 'riders', what, value: share(ratio), isMet: ratio >= 1.5 })
    const before = quantile(all(evidence, 'control', ['rider']), 0.5) / quantile(all(evidence, 'control', giving), 0.5)
    bars.push({ what: 'the same in the control', value: share(before), isMet: undefined })
    if (!Number.isFinite(plan.staySeconds)) bars.push(mostOfRiders(plan))
  }
  for (const kind of ['washer', 'defaulter'] as const) {
    const [own, like] = [all(evidence, 'speed', [kind]), kind === 'washer' ? 'payer' : 'rider']
    if (own.length === 0) continue
    const [ratio, before] = (['speed', 'control'] as const).map(
      (mode) => quantile(all(evidence, mode, [kind]), 0.5) / quantile(all(evidence, mode, [like]), 0.5),
    ) as [number, number]
    const value = `${share(ratio)}, in the control ${share(before)}`
    bars.push({ what: `${kind}s, of the time of ${like}s: what it gains them`, value, isMet: undefined })
  }
  if (Number.isFinite(plan.staySeconds)) {
    const [kept, before] = [stayOf(evidence, 'speed'), stayOf(evidence, 'control')]
    const what = 'seeding of who earns, of the time in the control: at least 2'
    bars.push({ name: 'stay', what, value: share(kept / before), isMet: kept >= 2 * before })
  }
  if (plan.leechers.defaulter !== undefined) {
    const taken = pairs.flatMap(({ speed }) => speed.members.filter(({ kind }) => kind === 'defaulter'))
    const mebibytes = sum(taken, 'boughtBytes') / taken.length / bytesPerMiB
    bars.push({ what: 'a defaulter took unpaid shares of, MiB', value: mebibytes.toFixed(1), isMet: undefined })
  }
  const perPair = pairs.map(({ speed }) => speed.members.filter(({ kind }) => kind === 'seed'))
  const earned = perPair.reduce((total, seeds) => total + sum(seeds, 'earned'), 0) / Math.max(1, pairs.length)
  bars.push({ what: 'the seeds earned, tokens a run', value: earned.toFixed(1), isMet: undefined })
  return bars
}

/** Of those who give and have no tokens. */
function unpaidBars(evidence: PlanEvidence, unpaid: readonly number[]): Bar[] {
  if (unpaid.length === 0) return []
  const [with90, control90] = [quantile(unpaid, 0.9), quantile(all(evidence, 'control', giving), 0.9)]
  const what = 'honest peers without tokens, of the time in the control, 90 of 100: at most 1.2'
  const late: Bar = { name: 'unpaid-late', what, value: share(with90 / control90), isMet: with90 <= 1.2 * control90 }
  const equal = meanJain(evidence, 'speed', 'free')
  if (!Number.isFinite(equal)) return [late]
  const value = `${share(equal)}, in the control ${share(meanJain(evidence, 'control', 'free'))}`
  const question = 'how equal those are who do the same (Jain): at least 0.9'
  const bars: Bar[] = [late, { name: 'equal', what: question, value, isMet: equal >= 0.9 }]
  if (Number.isFinite(evidence.plan.staySeconds)) {
    const own = share(quantile(ownRatios(evidence, 'free'), 0.95))
    bars.push({ what: 'each of those, of its own time in the control, 95 of 100', value: own, isMet: undefined })
  }
  return bars
}

/** The same peer comes at the same moment in both modes. */
function ownRatios({ pairs }: PlanEvidence, kind: Kind): number[] {
  return pairs.flatMap(({ speed, control }) => {
    const [own, before] = [secondsOf(speed.members, [kind]), secondsOf(control.members, [kind])]
    return own.map((one, index) => one / (before[index] ?? Number.NaN))
  })
}

/**
 * Who is done seeds to the end, so the rest comes at what the whole swarm can upload, whatever anybody chose before: were they
 * given nothing until the others are done, riders would take so many times as long, and no longer.
 */
function mostOfRiders({ leechers }: EvidencePlan): Bar {
  const counts = Object.values(leechers).reduce((sum, count) => sum + count, 0)
  const most = counts / (counts - (leechers.rider ?? 0))
  const what = 'at most there could be, were they given nothing until all others are done'
  return { what, value: share(most), isMet: undefined }
}

function stayOf({ pairs }: PlanEvidence, mode: 'speed' | 'control'): number {
  const earners = pairs.flatMap((pair) => pair[mode].members.filter(({ kind }) => kind === 'payer' || kind === 'free'))
  return sum(earners, 'seedingSeconds') / earners.length
}

function sum(members: readonly MemberOutcome[], name: 'boughtBytes' | 'paid' | 'earned' | 'seedingSeconds'): number {
  return members.reduce((total, member) => total + member[name], 0)
}

function seconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0) : 'never'
}

function share(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : 'never'
}

const [width, height, left, top] = [640, 260, 50, 30]
const [plotWidth, plotHeight] = [width - left - 20, height - top - 40]
const colours = ['#3b82c4', '#2f9e5f', '#d9822b', '#9b4fb8', '#808080']

/** Of each kind how many were done when: lines with Speed, dashes in the control. */
export function evidencePlot(evidence: PlanEvidence): string {
  const kinds = Object.keys(evidence.plan.leechers)
  const lines = kinds.flatMap((kind, index) => {
    const colour = colours[index % colours.length] as string
    return [
      { colour, dash: '5 4', seconds: all(evidence, 'control', [kind]) },
      { colour, dash: '', seconds: all(evidence, 'speed', [kind]) },
    ]
  })
  const longest = Math.max(1, ...lines.flatMap((line) => line.seconds.filter(Number.isFinite)))
  const grid = [0, 0.5, 1].flatMap((part) => {
    const y = top + plotHeight * (1 - part)
    const x = left + plotWidth * part
    return [
      `<path d="M${left} ${y}h${plotWidth}" stroke="#808080" stroke-opacity="0.3"/>`,
      label(left - 6, y + 4, `${part * 100} %`, 'end', '#808080'),
      label(x, height - 20, `${(part * longest).toFixed(0)} s`, 'middle', '#808080'),
    ]
  })
  const names = kinds.map((kind, index) =>
    label(left + 80 * index, 18, kind, 'start', colours[index % colours.length] as string),
  )
  const drawn = lines.map(({ colour, dash, seconds: times }) => {
    const sorted = [...times].filter(Number.isFinite).sort((a, b) => a - b)
    const points = sorted.map((time, index) => {
      const x = left + (plotWidth * time) / longest
      return `${x.toFixed(1)} ${(top + plotHeight * (1 - (index + 1) / times.length)).toFixed(1)}`
    })
    const dashes = dash === '' ? '' : ` stroke-dasharray="${dash}"`
    return `<path d="M${[`${left} ${top + plotHeight}`, ...points].join('L')}" fill="none" stroke="${colour}" stroke-width="2"${dashes}/>`
  })
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`
  const title = `<title>${evidence.plan.name}: how many of each kind were done when</title>`
  return [open, title, ...grid, ...names, ...drawn, '</svg>\n'].join('\n')
}

function label(x: number, y: number, words: string, anchor: string, colour: string): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`
}
