// Property 11 of Speed: at every instant a provider is owed no more than its window, and a payer is out by no more than a
// tick, over runs full of faults and with liars on either side. That the checks find faults is shown in
// planted-faults.test.ts.
// SWARMBID_TEST_LONG: a hundred thousand runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liarsOf, playExposure } from './exposure-plays.ts'
import { roles } from './lane-party.ts'
import { checkAccounts, finish } from './lane-scenarios.ts'

const { SWARMBID_TEST_LONG } = process.env
const runs = SWARMBID_TEST_LONG === undefined ? 300 : 100_000

test(`property 11: a provider loses at most its window and a payer a tick, at every instant of ${runs} runs`, () => {
  const seen = { deaths: 0, fullWindows: 0, connectionsAhead: 0, paidMiB: 0 }
  for (let seed = 1; seed <= runs; seed++) {
    try {
      const { world, isWindowFull } = playExposure(seed)
      for (const role of roles) seen.deaths += world.parties[role].life
      if (isWindowFull) seen.fullWindows++
      seen.connectionsAhead += world.prepaidConnections.size
      seen.paidMiB += world.verifiedBytes / 2 ** 20
      if (liarsOf(seed) === undefined && seed % 5 === 0) {
        finish(world)
        checkAccounts(world)
      }
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
  for (const [what, count] of Object.entries(seen)) assert.ok(count >= runs / 20, `${what}: ${count}`)
})
