// Transfers of one content between two programs, ours and others' in turn: what leech, seed and their like measure.
// Guarantees: processes start anew for each transfer, with nothing remembered; processor time and memory are those of
// the side that is measured, from before the first connection to the last verified byte.
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import type { Benchmark, BenchmarkOptions, Environment, Measurement } from '../measure.ts'
import { type Content, inPlace, type Place } from './place.ts'
import { type Cost, watch } from './process-cost.ts'
import { limitRow, pairRow, playRounds, present } from './rounds.ts'
import type { LeechSide, SeedSide } from './sides.ts'

interface Pair {
  readonly seed: SeedSide
  readonly leech: LeechSide
}

interface Rival extends Pair {
  /** The least ratio of speeds; 0: none is promised. */
  readonly bar: number
  /** Ours takes no more processor time for each GiB. */
  readonly isCpuBar?: boolean
}

export interface TransferClaim {
  readonly name: string
  readonly summary: string
  readonly ours: Pair
  readonly rivals: readonly Rival[]
  readonly measured: 'seed' | 'leech'
  /** The most that ours may take. */
  readonly memoryLimitMiB?: number
  /** What the content is, for the table. */
  describe(options: BenchmarkOptions): string
  /** MiB, of which a place is needed for the seed and for the leecher. */
  sizeMiB(options: BenchmarkOptions): number
  makeContent(place: Place, options: BenchmarkOptions): Content
}

const mostAttempts = 5

interface Sample extends Cost {
  readonly seconds: number
}

interface Stage {
  readonly place: Place
  readonly content: Content
  readonly environment: Environment
}

async function attempt(
  { seed, leech }: Pair,
  measured: TransferClaim['measured'],
  stage: Stage,
): Promise<Sample | undefined> {
  const { place, content } = stage
  const common = { torrent: content.torrent, environment: { ...place.environment, ...stage.environment } }
  const [folder, leechHome, seedHome] = [place.fresh('leech'), place.fresh('home'), place.fresh('home')]
  mkdirSync(folder)
  const seeding = await seed.seed({ ...common, folder: content.seedFolder, home: seedHome })
  try {
    const seedCost = watch(seeding.pid)
    const leeching = await leech.leech({ ...common, folder, home: leechHome }, seeding)
    try {
      const leechCost = watch(leeching.pid)
      const seconds = await leeching.finished()
      const costs = { seed: seedCost(), leech: leechCost() }
      await seeding.check?.()
      return seconds === undefined ? undefined : { seconds, ...costs[measured] }
    } finally {
      await leeching.stop()
    }
  } finally {
    await seeding.stop()
    for (const used of [folder, leechHome, seedHome]) if (existsSync(used)) rmSync(used, { recursive: true })
  }
}

/** Among others once more where a connection broke on the way: what is measured is speed. With ours it is a failure. */
async function transfer(pair: Pair, { measured, ours }: TransferClaim, stage: Stage): Promise<Sample> {
  const attempts = pair === ours ? 1 : mostAttempts
  for (let count = 1; count <= attempts; count++) {
    const sample = await attempt(pair, measured, stage)
    if (sample !== undefined) return sample
    console.error(`  from ${pair.seed.name} to ${pair.leech.name}: a connection broke on the way`)
  }
  throw new Error(`from ${pair.seed.name} to ${pair.leech.name}: a connection broke on the way, ${attempts} times`)
}

function rowsFor(
  claim: TransferClaim,
  options: BenchmarkOptions,
  content: Content,
  samples: { readonly ours: readonly Sample[]; readonly theirs: readonly Sample[] },
  { item: rival, title }: { readonly item: Rival; readonly title: string },
): readonly Measurement[] {
  const { ours, theirs } = samples
  const gibibytes = content.sizeMiB / 1024
  const rate = {
    name: claim.describe(options),
    unit: 'MiB/s',
    bar: rival.bar,
    figure: ({ seconds }: Sample) => content.sizeMiB / seconds,
  }
  const cpu = {
    name: '  processor time',
    unit: 's/GiB',
    isCost: true,
    bar: rival.isCpuBar === true ? 1 : 0,
    figure: ({ cpuSeconds }: Sample) => cpuSeconds / gibibytes,
  }
  const memory = { name: '  memory', unit: 'MiB', isCost: true, figure: ({ peakMiB }: Sample) => peakMiB }
  return [rate, cpu, memory].map((row) => pairRow(row, title, ours, theirs))
}

async function run(claim: TransferClaim, options: BenchmarkOptions, place: Place): Promise<readonly Measurement[]> {
  const content = claim.makeContent(place, options)
  const stage = { place, content, environment: {} }
  const { measured, memoryLimitMiB } = claim
  const rivals = present(claim.rivals, (rival) => rival[measured])
  // Compiles what is run for the first time, and reads the content once.
  await transfer(claim.ours, claim, stage)
  const plays = [{ item: claim.ours, title: 'ours' }, ...rivals].map(({ item, title }) => ({
    name: title,
    run: () => transfer(item, claim, stage),
  }))
  const [ours = [], ...others] = await playRounds(plays, options.pairs)
  const rows = rivals.flatMap((rival, index) =>
    rowsFor(claim, options, content, { ours, theirs: others[index] ?? [] }, rival),
  )
  if (memoryLimitMiB === undefined) return rows
  const figure = ({ peakMiB }: Sample) => peakMiB
  return [...rows, limitRow({ name: '  most memory of all rounds', unit: 'MiB', figure }, memoryLimitMiB, ours)]
}

export function transferBenchmark(claim: TransferClaim): Benchmark {
  const { name, summary } = claim
  const neededMiB = (options: BenchmarkOptions) => 2 * claim.sizeMiB(options)
  return {
    name,
    summary,
    run: (options) => inPlace(neededMiB(options), (place) => run(claim, options, place)),
    runOurs: (options, environment) =>
      inPlace(neededMiB(options), async (place) => {
        const stage = { place, content: claim.makeContent(place, options), environment: {} }
        // Compiles, which is not what is looked for.
        await transfer(claim.ours, claim, stage)
        await transfer(claim.ours, claim, { ...stage, environment })
      }),
  }
}
