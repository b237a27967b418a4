// The driver of lanes: pays to the unit, keeps to the owner's limits, and dies at each thing it awaits without losing what
// was promised. SWARMBID_TEST_LONG: at every single one.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { unit } from '../ledger/ledger-harness.ts'
import { LanePair, type Role, windowWorth } from './lane-pair.ts'

const { SWARMBID_TEST_LONG } = process.env
const isLong = SWARMBID_TEST_LONG !== undefined
const granted = 10_000n * unit
const jobBytes = 3 * 1_048_576
const minuteMs = 60_000

async function play(dies?: { readonly role: Role; readonly atStep: number }): Promise<LanePair> {
  const pair = await new LanePair({ seed: 3, jobBytes, ...(dies === undefined ? {} : { dies }) }).open()
  assert.ok(await pair.download(10 * minuteMs), 'the job ends')
  assert.ok(await pair.finish(), 'every lane ends')
  await pair.rest(minuteMs)
  return pair
}

/** What the one paid the other got, and the wallet counts as spent what is gone, and nothing more. */
async function checkBooks(pair: LanePair): Promise<bigint> {
  const gained = (await pair.available('payee')) - granted
  assert.equal(granted - (await pair.available('payer')), gained)
  assert.ok(pair.book !== undefined)
  const spent = unwrap(await pair.world.clock.settle(pair.book.spentToday('TEST')))
  assert.equal(spent, gained, 'the wallet counts what is gone')
  const charges = pair.disks.payer.entries('wallet-charges', { order: 'ascending', maxCount: 10 })
  assert.deepEqual(charges, [], 'and holds nothing that has ended')
  return gained
}

describe('driver of lanes', () => {
  test('pays what was verified to the unit, and the wallet hears of the end of each lane', async () => {
    const pair = await play()
    assert.equal(await checkBooks(pair), pair.owed)
    const bad = pair.notices.filter(({ type }) => ['halted', 'lost', 'default', 'refused'].includes(type))
    assert.deepEqual(bad, [])
  })

  for (const role of ['payer', 'payee'] as const) {
    test(`the ${role} dies at each thing it awaits: nothing promised is lost, nothing counts twice`, async () => {
      const { steps } = await play()
      for (let atStep = 1; atStep <= steps[role]; atStep += isLong ? 1 : 7) {
        const pair = await play({ role, atStep })
        assert.equal(pair.deaths, 1, `step ${atStep}`)
        const gained = await checkBooks(pair)
        assert.ok(gained <= pair.owed + windowWorth(pair), `step ${atStep}: paid ${gained} of ${pair.owed}`)
        assert.ok(gained + windowWorth(pair) >= pair.owed, `step ${atStep}: paid ${gained} of ${pair.owed}`)
        const lost = pair.notices.filter(({ type }) => type === 'lost')
        assert.deepEqual(lost, [], `step ${atStep}`)
      }
    })
  }

  test("over the owner's limit no lane is opened, it is said, and nothing is served", async () => {
    const pair = await new LanePair({ seed: 4, jobBytes, limits: { day: tokenAmount(1n) } }).open()
    assert.equal(await pair.download(minuteMs), false)
    const refused = pair.notices.find(({ type }) => type === 'refused')
    assert.ok(refused?.type === 'refused')
    assert.equal(refused.failure.code, 'spending-limit')
    assert.equal(pair.verifiedBytes, 0)
    assert.deepEqual(pair.lanesOf('payer'), [])
  })

  test('a disk that refuses stops the party, and nothing later than what it refused is written', async () => {
    const pair = await new LanePair({ seed: 5, jobBytes }).open()
    let refusals = 0
    pair.disks.payee.failing = (changes) => {
      if (!changes.some(({ table }) => table === 'payee-tabs')) return undefined
      refusals++
      return { type: 'refused', failure: { ok: false, code: 'disk-full', detail: 'no room' } }
    }
    assert.equal(await pair.download(minuteMs), false)
    assert.equal(refusals, 1)
    assert.equal(pair.notices.filter(({ type }) => type === 'halted').length, 1)
  })
})
