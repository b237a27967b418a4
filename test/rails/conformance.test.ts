// The rails that are ledgers, one's own and one elsewhere, keep what every rail and every ledger promises.
import assert from 'node:assert/strict'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { Ledger } from '../../src/ports/ledger.ts'
import { type LedgerUnderTest, ledgerConformance, ledgerCoreConformance } from '../conformance/ledger-conformance.ts'
import { drawn, type GenesisChange, hourMs, tokens } from '../ledger/ledger-harness.ts'
import { LedgerWorld } from './ledger-world.ts'
import { SimulatedService } from './simulated-service.ts'

const challengeMs = 60_000
const wide: GenesisChange = (genesis) => ({
  ...genesis,
  challengeMs,
  limits: { ...genesis.limits, maxPeerPermille: 1_000 },
})
const withFees: GenesisChange = (genesis) => {
  const { fees } = genesis
  return { ...wide(genesis), fees: { ...fees, open: tokenAmount(10n ** 18n), payoutPpm: 100_000, to: 'burned' } }
}

async function opened(change: GenesisChange, isElsewhere: boolean): Promise<LedgerUnderTest> {
  const world = new LedgerWorld({ change })
  const own = await world.open()
  for (const index of [1, 2, 3]) {
    const grant = { type: 'grant', to: world.people.account(index), invite: drawn(`invite ${index}`) } as const
    assert.equal(await world.submit(own, 0, grant), 'done')
  }
  const service = new SimulatedService(world)
  service.ledger = own
  const ledger: Ledger = isElsewhere ? service.client() : own
  let draws = 0
  return {
    ledger,
    challengeMs,
    laneMs: 2 * hourMs,
    account: (index) => world.people.account(index),
    sign: (by, operation) => world.people.sign(by, operation),
    voucher: (lane, by, amount) => world.people.voucher(lane, by, amount),
    tokens: (whole) => tokens(whole),
    draw: () => drawn(`conformance ${draws++}`),
    settle: (promise) => world.clock.settle(promise),
    pass: (ms) => world.clock.run(ms),
  }
}

for (const [title, isElsewhere] of [
  ["one's own", false],
  ['elsewhere', true],
] as const) {
  ledgerCoreConformance(title, () => opened(wide, isElsewhere))
  ledgerConformance(
    title,
    () => opened(wide, isElsewhere),
    () => opened(withFees, isElsewhere),
  )
}
