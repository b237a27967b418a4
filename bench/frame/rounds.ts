// How whole programs are measured against each other: every side once a round, another one first each time, and what
// counts is the median over rounds of the ratios within one. So all sides see the same minutes of the machine.
// Keeps no state.
import { type Measurement, median } from '../measure.ts'

interface Play<Sample> {
  readonly name: string
  run(): Promise<Sample>
}

/** The samples of each side, in the order of sides, a sample a round. */
export async function playRounds<Sample>(
  plays: readonly Play<Sample>[],
  rounds: number,
): Promise<readonly (readonly Sample[])[]> {
  const samples: Sample[][] = plays.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < plays.length; turn++) {
      const index = (round + turn) % plays.length
      const play = plays[index] as Play<Sample>
      try {
        samples[index]?.push(await play.run())
      } catch (error) {
        throw new Error(`${play.name}, round ${round + 1}`, { cause: error })
      }
    }
  }
  return samples
}

interface Row<Sample> {
  readonly name: string
  readonly unit: string
  /** Less is better. */
  readonly isCost?: boolean
  readonly bar?: number
  figure(sample: Sample): number
}

/** Ours against a rival's in the same rounds. */
export function pairRow<Sample>(
  row: Row<Sample>,
  rival: string,
  ours: readonly Sample[],
  theirs: readonly Sample[],
): Measurement {
  const { name, unit, isCost = false, bar = 0 } = row
  const figures = (samples: readonly Sample[]) => samples.map((sample) => row.figure(sample))
  const [our, their] = [figures(ours), figures(theirs)]
  const ratios = our.map((figure, round) => figure / (their[round] ?? Number.NaN))
  const ratio = median(ratios.map((value) => (isCost ? 1 / value : value)))
  return { name, unit, ours: median(our), theirs: median(their), ratio, bar, rival }
}

/** The worst of ours against the most that is allowed. */
export function limitRow<Sample>(row: Row<Sample>, allowed: number, ours: readonly Sample[]): Measurement {
  const { name, unit } = row
  const worst = Math.max(...ours.map((sample) => row.figure(sample)))
  return { name, unit, ours: worst, theirs: allowed, ratio: allowed / worst, bar: 1, rival: 'allowed' }
}

interface Program {
  readonly name: string
  /** Where it is from, for whoever lacks it. */
  readonly origin: string
  version(): string | undefined
}

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env

/** Those whose program is installed, with its name and version; the others are named, and fail where required (CI). */
export function present<T>(
  items: readonly T[],
  programOf: (item: T) => Program,
): readonly { readonly item: T; readonly title: string }[] {
  return items.flatMap((item) => {
    const { name, origin, version } = programOf(item)
    const found = version()
    if (found !== undefined) return [{ item, title: `${name} ${found}` }]
    if (foreignRequired === '1') throw new Error(`${name} is missing: ${origin}`)
    console.error(`  not compared with ${name}, which is missing: ${origin}`)
    return []
  })
}
