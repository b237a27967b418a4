// A test of the tests: faults planted in the product are found by scenarios and checks, each within 200 seeds.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { allChecks } from '../../sim/checks/all-checks.ts'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { type PlantedFault, plantedFaults } from '../../sim/planted-faults.ts'
import { runScenario } from '../../sim/run-scenario.ts'
import { contestedAuction } from '../../sim/scenarios/contested-auction.ts'
import { corruptPeer } from '../../sim/scenarios/corrupt-peer.ts'
import { exchangeAlone } from '../../sim/scenarios/exchange-alone.ts'
import { filesVanish } from '../../sim/scenarios/files-vanish.ts'
import { flashCrowd } from '../../sim/scenarios/flash-crowd.ts'
import { jobDownload } from '../../sim/scenarios/job-download.ts'
import { lateSeed } from '../../sim/scenarios/late-seed.ts'
import { linksInDht } from '../../sim/scenarios/links-in-dht.ts'
import { localNetwork } from '../../sim/scenarios/local-network.ts'
import { marketLiars } from '../../sim/scenarios/market-liars.ts'
import { newcomer } from '../../sim/scenarios/newcomer.ts'
import { paidCrashes } from '../../sim/scenarios/paid-crashes.ts'
import { paidDownload } from '../../sim/scenarios/paid-download.ts'
import { paidLiars } from '../../sim/scenarios/paid-liars.ts'
import { powerLoss } from '../../sim/scenarios/power-loss.ts'
import { privateInDht } from '../../sim/scenarios/private-in-dht.ts'
import { rateLimited } from '../../sim/scenarios/rate-limited.ts'
import { serialDefault } from '../../sim/scenarios/serial-default.ts'
import { silentSeeds } from '../../sim/scenarios/silent-seeds.ts'
import { slowSeeds } from '../../sim/scenarios/slow-seeds.ts'
import type { FaultOutcome, FaultTask } from './planted-fault-worker.ts'

const lastSeed = 200
const scenarios = [
  contestedAuction,
  exchangeAlone,
  filesVanish,
  flashCrowd,
  corruptPeer,
  jobDownload,
  lateSeed,
  linksInDht,
  localNetwork,
  marketLiars,
  newcomer,
  paidCrashes,
  paidDownload,
  paidLiars,
  powerLoss,
  privateInDht,
  rateLimited,
  serialDefault,
  silentSeeds,
  slowSeeds,
]

async function find(fault: PlantedFault): Promise<FaultOutcome> {
  const workerData: FaultTask = { fault, lastSeed }
  const worker = new Worker(new URL('./planted-fault-worker.ts', import.meta.url), { workerData })
  try {
    const [outcome] = (await once(worker, 'message')) as [FaultOutcome]
    return outcome
  } finally {
    await worker.terminate()
  }
}

for (const fault of plantedFaults) {
  test(`the fault "${fault.what}" is found within ${lastSeed} seeds`, async (t: TestContext) => {
    const { seed, violation, others } = await find(fault)
    const found = violation === undefined ? '' : `${violation.check}: ${violation.detail}`
    assert.notEqual(seed, undefined, `not found; others complained: ${JSON.stringify(others.slice(0, 3))}`)
    t.diagnostic(`${fault.name}: seed ${seed}, ${found}`)
  })
}

test('a fault that cannot be planted is no fault that was found', async () => {
  const [first] = plantedFaults
  assert.ok(first !== undefined)
  await assert.rejects(find({ ...first, find: 'what is nowhere in the product' }), /0 places for it/)
})

test('without a fault nobody complains in the scenarios that find them', async () => {
  const played = new Set(plantedFaults.flatMap((fault) => fault.scenarios))
  assert.deepEqual(scenarios.map(({ name }) => name).sort(), [...played].sort())
  for (const scenario of scenarios) {
    const { violations } = await runScenario(scenario, {
      seed: 1,
      checks: allChecks,
      settlePromises,
    })
    assert.deepEqual(violations, [], scenario.name)
  }
})
