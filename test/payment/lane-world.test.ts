// Payer and payee of lanes over a ledger, from seeds: nothing goes wrong, everything goes wrong, a crash at every step.
// SWARMBID_TEST_LONG: four thousand seeds of faults.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { roles } from './lane-party.ts'
import {
  checkAccounts,
  download,
  finish,
  newWorld,
  noticesOf,
  playCrash,
  playFaults,
  playPlain,
  shortWindows,
} from './lane-scenarios.ts'

const { SWARMBID_TEST_LONG } = process.env
const isLong = SWARMBID_TEST_LONG !== undefined
const faultSeeds = isLong ? 4000 : 12
/** Every step of a short download in the long run; every fifth in the other. */
const stepsApart = isLong ? 1 : 5

describe('lanes', () => {
  test('pay to the unit for what was verified, and end with nothing left', () => {
    for (let seed = 1; seed <= 3; seed++) {
      const world = playPlain(seed)
      assert.equal(world.laneHistory.size, 1)
      assert.equal(noticesOf(world, 'payee', 'cashed').length, 1, 'cashed once, at the end')
    }
  })

  test('are topped up before they run dry, out of a budget that is never passed', () => {
    const world = playPlain(4, { jobBytes: 40 * 1_048_576 })
    const tops = world.parties.payer.asked.filter(
      (request) => request.type === 'ledger-operation' && request.operation.type === 'top-up-lane',
    )
    assert.ok(tops.length >= 2)
    assert.ok(world.nowMs > 0)
  })

  test('stop at the budget: what is left over is not bought', () => {
    const world = newWorld(5, { budget: tokenAmount(10n * unit), jobBytes: 40 * 1_048_576 })
    download(world, 120_000)
    assert.equal(noticesOf(world, 'payer', 'budget-spent').length, 1, 'said once')
    finish(world)
    checkAccounts(world)
    const spent = 10_000n * unit - world.available('payer')
    assert.ok(spent <= 10n * unit && spent > 9n * unit, `${spent} was bought for`)
  })

  test('are followed by others before they expire, with no gap in service', () => {
    const jobBytes = 200 * 1_048_576
    const world = newWorld(6, { genesis: shortWindows, jobBytes, diskMs: 2 })
    let longestGapMs = 0
    let lastMs = world.nowMs
    let served = 0n
    world.checks.push({
      step() {
        if (world.servedScaled === served && world.verifiedBytes < jobBytes) {
          if (served > 0n) longestGapMs = Math.max(longestGapMs, world.nowMs - lastMs)
          return
        }
        served = world.servedScaled
        lastMs = world.nowMs
      },
    })
    download(world, 600_000)
    assert.equal(world.verifiedBytes, jobBytes)
    assert.ok(world.laneHistory.size >= 3, `${world.laneHistory.size} lanes`)
    assert.ok(longestGapMs <= 150, `served nothing for ${longestGapMs} ms`)
    finish(world)
    checkAccounts(world)
    assert.equal(world.available('payee') - 10_000n * unit, world.verifiedScaled >> 20n, 'paid to the unit')
  })

  test(`stand ${faultSeeds} seeds of lost messages, crashes, silent ledgers and prices that change`, () => {
    const seen = { deaths: 0, silences: 0, done: 0 }
    for (let seed = 1; seed <= faultSeeds; seed++) {
      const world = playing(`seed ${seed}`, () => playFaults(seed))
      for (const role of roles) {
        seen.deaths += world.parties[role].life
        seen.silences += noticesOf(world, role, 'unreachable').length
      }
      if (world.verifiedBytes >= world.options.jobBytes) seen.done++
    }
    assert.ok(seen.deaths > faultSeeds && seen.silences > faultSeeds && seen.done > 0, JSON.stringify(seen))
  })
})

describe('a crash at every step (P7, P8)', () => {
  for (const role of roles) {
    for (const fromBackup of [false, true]) {
      test(`of the ${role}${fromBackup ? ', which comes back with an old backup' : ''}: every unit is accounted for`, () => {
        let crashes = 0
        let frozen = 0
        for (let atStep = 1, hasDied = true; hasDied; atStep += stepsApart) {
          const world = playing(`step ${atStep}`, () => playCrash(1 + (atStep % 7), role, atStep, fromBackup))
          hasDied = world.parties[role].life > 0
          crashes++
          frozen += noticesOf(world, 'payer', 'lane-frozen').length
          if (!fromBackup) assert.equal(world.lossesOf(), 0n)
        }
        assert.ok(crashes > 60 / stepsApart, `${crashes} crashes`)
        if (role === 'payer') assert.equal(frozen > 0, fromBackup, 'who comes from a backup learns of it')
      })
    }
  }
})

/** Says where it was if it fails. */
function playing<T>(place: string, play: () => T): T {
  try {
    return play()
  } catch (error) {
    throw new Error(place, { cause: error })
  }
}
