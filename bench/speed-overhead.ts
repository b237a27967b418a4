// Property 12, what paying costs: one large file that is bought against the same file free, between the same two people, over
// loopback and with round trips of 20 to 300 ms. Guarantees: all in turn in the same minutes; the connection is the same in
// both, so that what is left of the ratio is bargaining, counting, signing and keeping.
import { rmSync } from 'node:fs'
import { startSwarmbid } from '../test/end-to-end/run-swarmbid.ts'
import { type RelayCounts, startRelay } from './frame/delaying-relay.ts'
import { type MoneyPeople, moneyPeople } from './frame/money-people.ts'
import { type Content, inPlace, makeLargeContent, mebibyte, type Place } from './frame/place.ts'
import { watch } from './frame/process-cost.ts'
import { limitRow, pairRow, playRounds } from './frame/rounds.ts'
import { loopback, pidOf, transferLimitMs } from './frame/sides.ts'
import type { Benchmark, BenchmarkOptions, Environment, Measurement } from './measure.ts'

const leastShare = 0.97
const mostPaymentShare = 0.001
const mostFastPaymentShare = 0.000_1
const fastMiBPerSecond = 16
/** Of a core, at 500 MB/s. */
const mostCores = 0.02
const coresAtBytesPerSecond = 500e6
const firstByteMs = 50
const roundTripsMs = [0, 20, 100, 300]
const usualPieceLength = '1MiB'
/** Little, so that budgets and lanes never are what is waited for. */
const price = '1TEST'
const budget = '50TEST'

interface Sample {
  readonly seconds: number
  /** Of both processes. */
  readonly cpuSeconds: number
  readonly boughtBytes: number
  readonly counts: RelayCounts
}

interface Stage {
  readonly place: Place
  readonly content: Content
  readonly people: MoneyPeople
  readonly environment: Environment
}

interface Way {
  readonly isPaid: boolean
  /** Undefined: straight, without a relay. */
  readonly roundTripMs: number | undefined
}

interface SpeedFigures {
  readonly speed?: { readonly boughtBytes?: number }
  readonly boughtBytes?: number
}

const noCounts: RelayCounts = {
  totalBytes: 0,
  speedBytes: 0,
  wantedAtMs: undefined,
  awardedAtMs: undefined,
  paidAtMs: undefined,
}

async function transfer({ isPaid, roundTripMs }: Way, stage: Stage): Promise<Sample> {
  const { place, content, people } = stage
  const [folder, payerHome, sellerHome] = [place.fresh('leech'), place.fresh('home'), place.fresh('home')]
  const common = (home: string) => ['--state', home, '--bind', loopback, '--port', '0', '--json']
  const selling = isPaid ? ['--earn', '--price', price] : []
  const seed = startSwarmbid(['seed', content.torrent, content.seedFolder, ...common(sellerHome), ...selling], {
    environment: { ...people.seller, ...stage.environment },
  })
  try {
    const { port = 0 } = await seed.line('listening')
    const relay = roundTripMs === undefined ? undefined : await startRelay(port, roundTripMs)
    const sellerCost = watch(pidOf(seed.process))
    const paying = isPaid ? ['--pay', budget] : []
    const peer = ['--peer', `${loopback}:${relay?.port ?? port}`, '--stay']
    const download = startSwarmbid(
      ['download', content.torrent, '--dir', folder, ...common(payerHome), ...paying, ...peer],
      { environment: { ...people.payer, ...stage.environment } },
    )
    try {
      await download.line('listening')
      const payerCost = watch(pidOf(download.process))
      const { transferSeconds } = await download.line('done', transferLimitMs)
      const cpuSeconds = sellerCost().cpuSeconds + payerCost().cpuSeconds
      if (transferSeconds === undefined) throw new Error(`it does not say how long it took; ${download.said()}`)
      await download.end('SIGINT')
      const said = download.lines as readonly SpeedFigures[]
      const boughtBytes = said.findLast((line) => line.boughtBytes !== undefined)?.boughtBytes ?? 0
      if (isPaid && boughtBytes === 0) throw new Error(`nothing was bought; ${download.said()}`)
      return { seconds: transferSeconds, cpuSeconds, boughtBytes, counts: relay?.counts ?? noCounts }
    } finally {
      await download.end('SIGINT')
      relay?.close()
    }
  } finally {
    await seed.end('SIGINT')
    for (const used of [folder, payerHome, sellerHome]) rmSync(used, { recursive: true, force: true })
  }
}

function inWords(roundTripMs: number | undefined): string {
  if (roundTripMs === undefined) return 'straight over loopback'
  return roundTripMs === 0 ? 'through a relay' : `round trip of ${roundTripMs} ms`
}

/** From asking for a share to the first paid block, as the payer sees it. */
function firstPaidMs({ wantedAtMs, paidAtMs }: RelayCounts, roundTripMs: number): number {
  if (wantedAtMs === undefined || paidAtMs === undefined) return Number.POSITIVE_INFINITY
  return paidAtMs - wantedAtMs + roundTripMs / 2
}

function rowsFor(
  roundTripMs: number | undefined,
  sizeMiB: number,
  paid: readonly Sample[],
  free: readonly Sample[],
): readonly Measurement[] {
  const name = `${sizeMiB} MiB, ${inWords(roundTripMs)}`
  const rate = { name, unit: 'MiB/s', bar: leastShare, figure: ({ seconds }: Sample) => sizeMiB / seconds }
  const bought = {
    name: '  bought of it',
    unit: 'MiB',
    figure: ({ boughtBytes }: Sample) => boughtBytes / mebibyte,
  }
  const cpu = {
    name: '  processor time of both',
    unit: 's/GiB',
    isCost: true,
    figure: ({ cpuSeconds }: Sample) => (1_024 * cpuSeconds) / sizeMiB,
  }
  const rows = [
    pairRow(rate, 'free', paid, free),
    pairRow(cpu, 'free', paid, free),
    limitRow(bought, sizeMiB, paid),
  ].map((row, index) => (index === 2 ? { ...row, bar: 0, rival: 'the file' } : row))
  if (roundTripMs === undefined) return [...rows, coresRow(paid, free, sizeMiB)]
  const isFast = paid.every(({ seconds }) => sizeMiB / seconds > fastMiBPerSecond)
  const share = {
    name: '  messages of Speed, of all bytes',
    unit: '%',
    figure: ({ counts }: Sample) => (100 * counts.speedBytes) / counts.totalBytes,
  }
  const first = {
    name: '  first paid block after asking',
    unit: 'ms',
    figure: ({ counts }: Sample) => firstPaidMs(counts, roundTripMs),
  }
  return [
    ...rows,
    limitRow(share, 100 * (isFast ? mostFastPaymentShare : mostPaymentShare), paid),
    limitRow(first, 2 * roundTripMs + firstByteMs, paid),
  ]
}

/** The median of what paying took more, at 500 MB/s. */
function coresRow(paid: readonly Sample[], free: readonly Sample[], sizeMiB: number): Measurement {
  const more = paid.map(({ cpuSeconds }, round) => cpuSeconds - (free[round]?.cpuSeconds ?? Number.NaN))
  const sorted = more.sort((a, b) => a - b)
  const seconds = Math.max(0.000_1, sorted[sorted.length >>> 1] ?? Number.NaN)
  const ours = (100 * seconds * coresAtBytesPerSecond) / (sizeMiB * mebibyte)
  const theirs = 100 * mostCores
  return {
    name: '  of a core more at 500 MB/s',
    unit: '%',
    ours,
    theirs,
    ratio: theirs / ours,
    bar: 1,
    rival: 'allowed',
  }
}

async function run(options: BenchmarkOptions, place: Place): Promise<readonly Measurement[]> {
  const { sizeMiB, pieceLength = usualPieceLength, pairs } = options
  const content = makeLargeContent(place, sizeMiB, pieceLength)
  const people = await moneyPeople(place)
  try {
    const stage = { place, content, people, environment: {} }
    // Compiles what is run for the first time, and reads the content once.
    await transfer({ isPaid: true, roundTripMs: undefined }, stage)
    const rows: Measurement[] = []
    for (const roundTripMs of [undefined, ...roundTripsMs]) {
      const plays = [true, false].map((isPaid) => ({
        name: `${isPaid ? 'bought' : 'free'}, ${inWords(roundTripMs)}`,
        run: () => transfer({ isPaid, roundTripMs }, stage),
      }))
      const [paid = [], free = []] = await playRounds(plays, pairs)
      rows.push(...rowsFor(roundTripMs, sizeMiB, paid, free))
    }
    return rows
  } finally {
    await people.close()
  }
}

export const benchmark: Benchmark = {
  name: 'speed-overhead',
  summary: 'property 12: what is bought against the same free, over loopback and long ways',
  run: (options) => inPlace(2 * options.sizeMiB, (place) => run(options, place)),
  runOurs: (options, environment) =>
    inPlace(2 * options.sizeMiB, async (place) => {
      const { sizeMiB, pieceLength = usualPieceLength } = options
      const content = makeLargeContent(place, sizeMiB, pieceLength)
      const people = await moneyPeople(place)
      try {
        const way = { isPaid: true, roundTripMs: undefined }
        // Compiles, which is not what is looked for.
        await transfer(way, { place, content, people, environment: {} })
        await transfer(way, { place, content, people, environment })
      } finally {
        await people.close()
      }
    }),
}
