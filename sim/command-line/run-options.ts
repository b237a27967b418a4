// The options of `npm run sim`, and the runs they ask for. Guarantees: what is not understood is refused with a message
// that says what is expected. Pure.
import { type Command, InvalidArgumentError } from 'commander'
import { parseCount, parseDuration, parseSize } from '../../src/cli/option-values.ts'
import type { Scenario } from '../scenario.ts'
import type { Job } from './run-summary.ts'

export interface RunOptions {
  readonly seed?: number
  readonly seeds?: number
  readonly runs?: number
  readonly peers?: number
  readonly size?: number
  readonly limit?: number
  readonly twice?: boolean
  readonly threads?: number
  readonly csv?: string
  readonly plot?: string
  readonly log?: string
  readonly json?: boolean
  readonly list?: boolean
}

const decimalFactors: Readonly<Record<string, number>> = { kb: 1e3, mb: 1e6, gb: 1e9 }
const maxSeed = 2 ** 31 - 1

/** `100MB` is a hundred million bytes, `100MiB` as everywhere else. */
export function parseContentSize(text: string): number {
  const match = /^([1-9][0-9]{0,8}) ?(kb|mb|gb)$/i.exec(text)
  if (match === null) return parseSize(text)
  return Number(match[1]) * (decimalFactors[match[2]?.toLowerCase() ?? ''] ?? 1)
}

function parseSeed(text: string): number {
  const seed = Number(text)
  if (!/^[0-9]{1,10}$/.test(text) || seed > maxSeed)
    throw new InvalidArgumentError(`Expected a number up to ${maxSeed}.`)
  return seed
}

export function declareOptions(program: Command): Command {
  return program
    .description('Plays whole swarms of the product itself in a simulated world, from one seed.')
    .argument('[scenario]', 'its name, `all`, or `large`')
    .option('--list', 'list the scenarios')
    .option('--seed <n>', 'the seed, or the first of several; default: a random one', parseSeed)
    .option('--seeds <n>', 'so many seeds of each scenario', parseCount)
    .option('--runs <n>', 'so many runs in all, the scenarios taking turns', parseCount)
    .option('--peers <n>', 'peers, as the scenario counts them', parseCount)
    .option('--size <size>', 'of the content, such as 100MB or 64KiB', parseContentSize)
    .option('--limit <time>', 'simulated time it may take, such as 90s or 2h', parseDuration)
    .option('--twice', 'play each run twice and compare all events')
    .option('--threads <n>', 'runs at once; default: as many as there are cores', parseCount)
    .option('--csv <file>', 'write how far the swarm was at each second')
    .option('--plot <file>', 'draw that as SVG; of one run')
    .option('--log <file>', 'write all events; of one run')
    .option('--json', 'one JSON object a run')
}

/** Every scenario, those that take long with fewer peers. */
export const everyScenario = 'all'
/** Those that take long, as they are. */
export const largeScenarios = 'large'

/** What is played of scenarios, by the name that was given; empty: there is none of that name. */
export function scenariosNamed(
  name: string | undefined,
  scenarios: readonly Scenario[],
): readonly Pick<Job, 'scenario' | 'peers'>[] {
  if (name === everyScenario) return scenarios.map((one) => ({ scenario: one.name, peers: one.fewerPeers }))
  const chosen = scenarios.filter(
    (one) => one.name === name || (name === largeScenarios && one.fewerPeers !== undefined),
  )
  return chosen.map((one) => ({ scenario: one.name, peers: undefined }))
}

/** The runs asked for, in order, seeds from `seed` on. */
export function jobsOf(chosen: readonly Pick<Job, 'scenario' | 'peers'>[], seed: number, options: RunOptions): Job[] {
  const { seeds = 1, runs = seeds * chosen.length } = options
  const jobs: Job[] = []
  for (let index = 0; index < runs; index++) {
    const one = chosen[index % chosen.length]
    if (one === undefined) break
    jobs.push({
      scenario: one.scenario,
      seed: (seed + Math.floor(index / chosen.length)) % (maxSeed + 1),
      peers: options.peers ?? one.peers,
      contentBytes: options.size,
      limitMs: options.limit === undefined ? undefined : options.limit * 1_000,
      isTwice: options.twice ?? false,
      logFile: options.log,
      keepsSamples: options.csv !== undefined || options.plot !== undefined,
    })
  }
  return jobs
}
