// What came of paired swarms, as the page docs/speed-evidence.md: of each plan how long every kind took with Speed and in
// the control, what was paid, and what the bars of the design say to it. Values only, the same for the same runs.
import { all, barsOf, bytesPerMiB, type PlanEvidence, quantile, seconds, sum } from './evidence-bars.ts'
import type { EvidencePlan } from './evidence-plans.ts'

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
