// Benchmark: a ledger of one's own on a real disk, in signed operations a second that are durable when they are answered,
// with many clients at once. The other side is what it is aimed at, not another program. Says what bounds it.
// Guarantees: every operation timed is authenticated, carried out, synced to the disk and answered.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { unwrap } from '../src/base/errors.ts'
import { openOwnLedger } from '../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../src/daemon/operator-key.ts'
import type { EmbeddedLedger } from '../src/rails/embedded-ledger.ts'
import { type LoadPlan, planLoad } from './frame/ledger-load.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const rounds = 5
const operationsPerRound = 6_000
const clients = 256
const aim = 5_000
const p99AimMs = 50

interface Round {
  readonly rate: number
  readonly p99Ms: number
  /** Processor time an operation, in microseconds: of the thread that checks signatures and decides, and of all. */
  readonly mainUs: number
  readonly allUs: number
  readonly perGroup: number
}

function sumOf({ user, system }: NodeJS.CpuUsage): number {
  return user + system
}

async function playRound(ledger: EmbeddedLedger, plan: LoadPlan, round: number): Promise<Round> {
  const operations = plan.operations(operationsPerRound, `round ${round}`)
  const latencies: number[] = []
  const before = ledger.statistics
  const [mainBefore, allBefore] = [process.threadCpuUsage(), process.cpuUsage()]
  const startedMs = performance.now()
  let next = 0
  const client = async () => {
    for (let signed = operations[next++]; signed !== undefined; signed = operations[next++]) {
      const askedMs = performance.now()
      const carried = await ledger.carryOut(signed)
      assert.ok(carried.ok, carried.ok ? '' : carried.detail)
      latencies.push(performance.now() - askedMs)
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const seconds = (performance.now() - startedMs) / 1000
  const { groups } = ledger.statistics
  latencies.sort((a, b) => a - b)
  return {
    rate: operations.length / seconds,
    p99Ms: latencies[Math.floor(0.99 * latencies.length)] ?? Number.POSITIVE_INFINITY,
    mainUs: sumOf(process.threadCpuUsage(mainBefore)) / operations.length,
    allUs: sumOf(process.cpuUsage(allBefore)) / operations.length,
    perGroup: operations.length / (groups - before.groups),
  }
}

async function measure(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-bench-'))
  try {
    const ledger = unwrap(await openOwnLedger({ folder: join(folder, 'ledger'), makes: true }))
    const operator = unwrap(readOperatorKey(join(folder, 'ledger', 'operator.key')))
    const plan = planLoad(ledger.facts)
    for (const grant of plan.grants(operator)) unwrap(await ledger.carryOut(grant))
    const played: Round[] = []
    for (let round = 0; round <= rounds; round++) {
      const result = await playRound(ledger, plan, round)
      if (round > 0) played.push(result)
    }
    unwrap(await ledger.close())
    const of = (pick: (round: Round) => number) => median(played.map(pick))
    const rate = of((each) => each.rate)
    const [mainUs, allUs, perGroup] = [of((each) => each.mainUs), of((each) => each.allUs), of((each) => each.perGroup)]
    const share = (rate * mainUs) / 1e6
    const bound =
      share > 0.85 ? 'the thread that checks signatures and decides' : 'the disk, or what else the machine does'
    console.log(
      `  bound by ${bound}, which ran ${(100 * share).toFixed(0)} % of the time: ${mainUs.toFixed(0)} us of it an operation, ` +
        `${allUs.toFixed(0)} us with the database's; ${perGroup.toFixed(0)} operations a sync, ` +
        `${(rate / perGroup).toFixed(0)} syncs a second`,
    )
    const p99 = of((each) => each.p99Ms)
    return [
      {
        name: 'durable signed transfers',
        unit: 'ops/s',
        ours: rate,
        theirs: aim,
        ratio: rate / aim,
        bar: 1,
        rival: 'the aim',
      },
      {
        name: `p99 with ${clients} clients`,
        unit: 'ms',
        ours: p99,
        theirs: p99AimMs,
        ratio: p99AimMs / p99,
        bar: 1,
        rival: 'the aim',
      },
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const benchmark: Benchmark = {
  name: 'ledger-embedded',
  summary: "a ledger of one's own on the disk: durable signed operations a second, against the aim",
  run: measure,
}
