// A test of the tests: faults planted in the product are found by scenarios and checks, each within 200 seeds.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { type PlantedFault, plantedFaults } from '../../sim/planted-faults.ts'
import type { FaultOutcome, FaultTask } from './planted-fault-worker.ts'

const lastSeed = 200

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
