// Benchmark: a ledger that is served by another process, over WebSocket on this machine: signed operations a second that
// are durable and proved when they are answered, and how long answers take. The generator shares the machine's cores.
// Guarantees: every operation timed is answered, with entries that follow to a head that the operator signed.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { unwrap } from '../src/base/errors.ts'
import { secp256k1 } from '../src/host/secp256k1.ts'
import { systemClock } from '../src/host/system-clock.ts'
import { systemRandom } from '../src/host/system-random.ts'
import { ledgerFacts } from '../src/ledger/genesis.ts'
import { connectLedger } from '../src/rails/ledger-socket.ts'
import { RemoteLedger } from '../src/rails/remote-ledger.ts'
import { fromBase64 } from '../src/rails/service-messages.ts'
import { type LoadPlan, planLoad } from './frame/ledger-load.ts'
import type { ServedLedger, ServerCost } from './frame/ledger-server-child.ts'
import { type Benchmark, type Measurement, median } from './measure.ts'

const rounds = 5
const operationsPerRound = 6_000
const connections = 4
/** Of all connections together. */
const inFlight = 128
const aim = 5_000
const p99AimMs = 50

const childPath = fileURLToPath(new URL('./frame/ledger-server-child.ts', import.meta.url))
const never = new AbortController().signal

interface Round {
  readonly rate: number
  readonly p99Ms: number
  readonly perGroup: number
  /** Microseconds of processor time an operation. */
  readonly serverMainUs: number
  readonly serverUs: number
  readonly generatorUs: number
}

async function costOf(child: ChildProcess): Promise<ServerCost> {
  child.send('cost')
  const [cost] = (await once(child, 'message')) as [ServerCost]
  return cost
}

async function playRound(
  child: ChildProcess,
  remotes: readonly RemoteLedger[],
  plan: LoadPlan,
  round: number,
): Promise<Round> {
  const operations = plan.operations(operationsPerRound, `remote ${round}`)
  const latencies: number[] = []
  const before = await costOf(child)
  const ownBefore = process.cpuUsage()
  const startedMs = performance.now()
  let next = 0
  const client = async (remote: RemoteLedger) => {
    for (let signed = operations[next++]; signed !== undefined; signed = operations[next++]) {
      const askedMs = performance.now()
      const answer = await remote.submit(signed, never)
      assert.ok(answer.ok, answer.ok ? '' : answer.detail)
      latencies.push(performance.now() - askedMs)
    }
  }
  await Promise.all(
    Array.from({ length: inFlight }, (_, index) => client(remotes[index % connections] as RemoteLedger)),
  )
  const seconds = (performance.now() - startedMs) / 1000
  const own = process.cpuUsage(ownBefore)
  const after = await costOf(child)
  latencies.sort((a, b) => a - b)
  const count = operations.length
  return {
    rate: count / seconds,
    p99Ms: latencies[Math.floor(0.99 * count)] ?? Number.POSITIVE_INFINITY,
    perGroup: count / (after.groups - before.groups),
    serverMainUs: (after.mainUs - before.mainUs) / count,
    serverUs: (after.allUs - before.allUs) / count,
    generatorUs: (own.user + own.system) / count,
  }
}

async function measure(): Promise<Measurement[]> {
  const folder = mkdtempSync(join(tmpdir(), 'swarmbid-bench-'))
  const child = fork(childPath, [join(folder, 'ledger')])
  try {
    const [{ url, genesis }] = (await once(child, 'message')) as [ServedLedger]
    const facts = unwrap(ledgerFacts(fromBase64(genesis)))
    const plan = planLoad(facts)
    const remotes = Array.from(
      { length: connections },
      () =>
        new RemoteLedger({
          facts,
          connect: connectLedger({ url }),
          clock: systemClock(),
          random: systemRandom(),
          scheme: secp256k1.scheme,
        }),
    )
    const played: Round[] = []
    for (let round = 0; round <= rounds; round++) {
      const result = await playRound(child, remotes, plan, round)
      if (round > 0) played.push(result)
    }
    for (const remote of remotes) remote.close()
    const of = (pick: (round: Round) => number) => median(played.map(pick))
    const [rate, p99] = [of((each) => each.rate), of((each) => each.p99Ms)]
    const [main, server, generator] = [
      of((each) => each.serverMainUs),
      of((each) => each.serverUs),
      of((each) => each.generatorUs),
    ]
    const share = (rate * main) / 1e6
    const bound = share > 0.85 ? "the server's main thread" : 'the disk, the generator, or what else the machine does'
    console.log(
      `  bound by ${bound}: the server's main thread ran ${(100 * share).toFixed(0)} % of the time; an operation takes it ` +
        `${main.toFixed(0)} us, ${server.toFixed(0)} us with the database, and the generator ${generator.toFixed(0)} us; ` +
        `${of((each) => each.perGroup).toFixed(0)} operations a sync`,
    )
    return [
      {
        name: 'durable proved transfers',
        unit: 'ops/s',
        ours: rate,
        theirs: aim,
        ratio: rate / aim,
        bar: 1,
        rival: 'the aim',
      },
      {
        name: `p99 with ${inFlight} in flight`,
        unit: 'ms',
        ours: p99,
        theirs: p99AimMs,
        ratio: p99AimMs / p99,
        bar: 1,
        rival: 'the aim',
      },
    ]
  } finally {
    child.disconnect()
    rmSync(folder, { recursive: true, force: true })
  }
}

export const benchmark: Benchmark = {
  name: 'ledger-remote',
  summary: 'a ledger served to another process: durable, proved operations a second and their latency, against the aim',
  run: measure,
}
