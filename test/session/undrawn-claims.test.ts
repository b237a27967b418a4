// Claims that a share was not drawn: an account gets a tick and a quarter of what it served, whatever it says and however often.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { AccountId, RailId } from '../../src/ports/ledger.ts'
import { ProviderTrust } from '../../src/session/provider-trust.ts'
import { UndrawnClaims } from '../../src/session/undrawn-claims.ts'

const tickBytes = 262_144
const rail = `swarmbid:${'0'.repeat(32)}` as RailId
const [one, other] = ['ledger:1:0x01', 'ledger:1:0x02'] as unknown as readonly [AccountId, AccountId]

function claimOf(claimedBytes: number, servedBytes = 0, wasIdle = true, isEmpty = true) {
  return { claimedBytes, servedBytes, tickBytes, wasIdle, isEmpty }
}

function trusting() {
  const clock = new SimulatedClock(() => setImmediate())
  const disk = new SimulatedStoreDisk({ clock, random: simulatedRandom(1) })
  const store = unwrap(disk.open())
  const read = async () => unwrap(await clock.settle(ProviderTrust.read(store, rail, () => clock.wallMs())))
  return { clock, read }
}

test('who serves nothing is paid a tick for what was not drawn, once, over all its connections and restarts', async () => {
  const { clock, read } = trusting()
  const claims = new UndrawnClaims(await read())
  assert.equal(claims.grant(one, claimOf(2 ** 40)), tickBytes)
  assert.equal(claims.grant(one, claimOf(2 ** 40)), 0)
  assert.equal(claims.grant(other, claimOf(1_000)), 1_000)
  await clock.run(2_000)
  const again = new UndrawnClaims(await read())
  assert.equal(again.grant(one, claimOf(2 ** 40)), 0)
})

test('a claim of what we know to be wrong is not paid; with the third one for nothing the dealing ends, for 30 days', async () => {
  const { clock, read } = trusting()
  const trust = await read()
  const claims = new UndrawnClaims(trust)
  for (let times = 0; times < 9; times++) assert.equal(claims.grant(one, claimOf(1_000, 2 ** 30, false, false)), 0)
  for (let times = 0; times < 3; times++) {
    assert.equal(trust.isAvoided(one), false)
    assert.equal(claims.grant(one, claimOf(1_000, 2 ** 30, false)), 0)
  }
  assert.equal(trust.isAvoided(one), true)
  await clock.run(2_000)
  const after = await read()
  assert.equal(after.isAvoided(one), true)
  assert.equal(after.isAvoided(other), false)
  await clock.run(31 * 86_400_000)
  assert.equal(after.isAvoided(one), false)
  assert.equal((await read()).isAvoided(one), false)
})

test('who serves is paid a quarter of that besides, a tick at a time, and never more than it claims', async () => {
  const claim = fc.record({ claimed: fc.nat(2 ** 30), served: fc.nat(2 ** 26) })
  const claims = new UndrawnClaims(await trusting().read())
  let accounts = 2
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 30 }), (rows) => {
      const account = `ledger:1:${++accounts}` as unknown as AccountId
      let served = 0
      let granted = 0
      for (const row of rows) {
        served += row.served
        const bytes = claims.grant(account, claimOf(row.claimed, served))
        assert.ok(bytes >= 0 && bytes <= Math.min(row.claimed, tickBytes))
        granted += bytes
        assert.ok(granted <= tickBytes + served / 4)
      }
    }),
  )
})
