// What paired swarms came to, as numbers: how long each kind took in both modes, and each bar of the design with what it is
// measured by. Values only, the same for the same runs.
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

const cohortSeconds = 60
const giving: readonly Kind[] = ['free', 'legacy']
export const bytesPerMiB = 1_048_576

/** Of the values, the one that so large a share is not above; undefined: not finished. Infinity sorts last. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

function secondsOf(members: readonly MemberOutcome[], kinds: readonly string[]): number[] {
  return members.filter(({ kind }) => kinds.includes(kind)).map(({ seconds }) => seconds ?? Number.POSITIVE_INFINITY)
}

export function all({ pairs }: PlanEvidence, mode: 'speed' | 'control', kinds: readonly string[]): number[] {
  return pairs.flatMap((pair) => secondsOf(pair[mode].members, kinds))
}

/** How equal equals are: 1, all alike; 1/n, one has it all (Jain). */
function jain(values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0)
  const squares = values.reduce((total, value) => total + value * value, 0)
  return (sum * sum) / (values.length * squares)
}

/**
 * How equal those of a kind are in throughput: within a run where all come at about the same time, else, over all runs, among
 * those who come within the same minute, as who comes later finds another swarm. The mean of the groups, by their sizes.
 */
function meanJain({ plan, pairs }: PlanEvidence, mode: 'speed' | 'control', kind: string): number {
  const isTogether = plan.arrivalSeconds <= cohortSeconds
  const groups = new Map<number, number[]>()
  for (const { seed, [mode]: run } of pairs) {
    for (const member of run.members) {
      if (member.kind !== kind || member.seconds === undefined) continue
      const group = isTogether ? seed : Math.floor(member.cameSeconds / cohortSeconds)
      groups.set(group, [...(groups.get(group) ?? []), 1 / member.seconds])
    }
  }
  const compared = [...groups.values()].filter(({ length }) => length > 1)
  const counts = compared.reduce((total, { length }) => total + length, 0)
  return compared.reduce((total, rates) => total + jain(rates) * rates.length, 0) / counts
}

/** Of the same kind whenever they come, the mean over the runs. */
function jainOfRuns({ pairs }: PlanEvidence, mode: 'speed' | 'control', kind: string): number {
  const each = pairs.map((pair) => secondsOf(pair[mode].members, [kind]).filter(Number.isFinite))
  const compared = each.filter(({ length }) => length > 1)
  return compared.reduce((total, times) => total + jain(times.map((one) => 1 / one)), 0) / compared.length
}

/** Of what the seeds of a run earned, the mean over the runs in which they earned something. */
function jainOfSeeds({ pairs }: PlanEvidence): number {
  const each = pairs.map(({ speed }) => speed.members.filter(({ kind }) => kind === 'seed').map(({ earned }) => earned))
  const compared = each.filter((earned) => earned.length > 1 && earned.some((one) => one > 0))
  return compared.reduce((total, earned) => total + jain(earned), 0) / compared.length
}

export function barsOf(evidence: PlanEvidence): Bar[] {
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
    if (!Number.isFinite(plan.staySeconds)) bars.push(...mostOfRiders(plan))
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
  const alike = jainOfSeeds(evidence)
  if (Number.isFinite(alike)) {
    const what = 'how equal the seeds are in what they earned (Jain): at least 0.9'
    bars.push({ name: 'equal-sellers', what, value: share(alike), isMet: alike >= 0.9 })
  }
  return bars
}

/** Of those who give and have no tokens. */
function unpaidBars(evidence: PlanEvidence, unpaid: readonly number[]): Bar[] {
  if (unpaid.length === 0) return []
  const [with90, control90] = [quantile(unpaid, 0.9), quantile(all(evidence, 'control', giving), 0.9)]
  const what = 'honest peers without tokens, of the time in the control, 90 of 100: at most 1.2'
  const late: Bar = { name: 'unpaid-late', what, value: share(with90 / control90), isMet: with90 <= 1.2 * control90 }
  const equal = meanJain(evidence, 'speed', 'free')
  const losses = ownLosses(evidence)
  const [usual, most] = [quantile(losses, 0.5), quantile(losses, 0.95)].map(signedSeconds)
  const whatLost = 'what each of them lost by it, seconds more than in the control: median, and 95 of 100'
  const lost: Bar = { what: whatLost, value: `${usual}, ${most}`, isMet: undefined }
  if (!Number.isFinite(equal)) return [late, lost]
  const { plan } = evidence
  const value = `${share(equal)}, in the control ${share(meanJain(evidence, 'control', 'free'))}`
  const isTogether = plan.arrivalSeconds <= cohortSeconds
  const who = isTogether ? 'those are who do the same' : 'those are who do the same and come in the same minute'
  const bars: Bar[] = [
    late,
    lost,
    { name: 'equal', what: `how equal ${who} (Jain): at least 0.9`, value, isMet: equal >= 0.9 },
  ]
  if (!isTogether) {
    const [all, before] = [jainOfRuns(evidence, 'speed', 'free'), jainOfRuns(evidence, 'control', 'free')]
    const what = `the same of all who come within ${plan.arrivalSeconds} s, to more and more seeds`
    bars.push({ what, value: `${share(all)}, in the control ${share(before)}`, isMet: undefined })
    const own = share(quantile(ownRatios(evidence, ['free']), 0.95))
    bars.push({ what: 'each of those, of its own time in the control, 95 of 100', value: own, isMet: undefined })
  }
  return bars
}

/** The same peer comes at the same moment in both modes. */
function ownTimes({ pairs }: PlanEvidence, kinds: readonly Kind[]): (readonly [own: number, before: number])[] {
  return pairs.flatMap(({ speed, control }) => {
    const [own, before] = [secondsOf(speed.members, kinds), secondsOf(control.members, kinds)]
    return own.map((one, index) => [one, before[index] ?? Number.NaN] as const)
  })
}

function ownRatios(evidence: PlanEvidence, kinds: readonly Kind[]): number[] {
  return ownTimes(evidence, kinds).map(([own, before]) => own / before)
}

/** Of who gives and pays nothing. */
function ownLosses(evidence: PlanEvidence): number[] {
  return ownTimes(evidence, giving).map(([own, before]) => own - before)
}

/**
 * Who is done seeds to the end, so the rest comes at what the whole swarm can upload, whatever anybody chose before. If riders get a
 * share of that until all others are done, they take (1 - share) times count/givers as long, and no longer. The least there is to be had
 * comes from the slots that are never sold: those of seeds in turn, and one of everybody else's by luck, among who has no other.
 */
function mostOfRiders({
  leechers,
  seeds,
  slots,
  shares,
  seedBytesPerSecond,
  uploadBytesPerSecond,
}: EvidencePlan): Bar[] {
  const { rider: riding = 0, defaulter = 0, sybil = 0 } = leechers
  const rider = riding + defaulter + sybil
  const count = Object.values(leechers).reduce((sum, one) => sum + one, 0)
  const givers = count - rider
  const fromSeeds = seeds * seedBytesPerSecond * (1 - shares / slots) * (rider / count)
  const byLuck = ((givers * uploadBytesPerSecond) / slots) * (rider / Math.max(rider, count - slots))
  const least = (fromSeeds + byLuck) / (seeds * seedBytesPerSecond + givers * uploadBytesPerSecond)
  const most = count / givers
  return [
    {
      what: 'at most there could be, were they given nothing until all others are done',
      value: share(most),
      isMet: undefined,
    },
    {
      what: 'at most with slots that are never sold, were all others sold or for who gives',
      value: share((1 - least) * most),
      isMet: undefined,
    },
  ]
}

function stayOf({ pairs }: PlanEvidence, mode: 'speed' | 'control'): number {
  const earners = pairs.flatMap((pair) => pair[mode].members.filter(({ kind }) => kind === 'payer' || kind === 'free'))
  return sum(earners, 'seedingSeconds') / earners.length
}

export function sum(
  members: readonly MemberOutcome[],
  name: 'boughtBytes' | 'paid' | 'earned' | 'seedingSeconds',
): number {
  return members.reduce((total, member) => total + member[name], 0)
}

export function seconds(value: number): string {
  return Number.isFinite(value) ? value.toFixed(0) : 'never'
}

function signedSeconds(value: number): string {
  return Number.isFinite(value) ? `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(0)}` : 'never'
}

function share(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : 'never'
}
