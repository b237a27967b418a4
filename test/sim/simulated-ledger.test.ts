// Promises of the simulated ledger and of what a machine has there: the real books, asked over a network that fails.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { World } from '../../sim/world/world.ts'
import { present } from '../../src/base/assert.ts'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import type { Genesis } from '../../src/ledger/genesis.ts'
import type { Hash256, Lane, LaneOperation, OperationId } from '../../src/ports/ledger.ts'
import type { SpeedRail } from '../../src/session/speed-ports.ts'
import { type LedgerUnderTest, ledgerConformance, ledgerCoreConformance } from '../conformance/ledger-conformance.ts'

const token = 10n ** 18n
const { signal } = new AbortController()

async function opened(genesis: (usual: Genesis) => Genesis): Promise<LedgerUnderTest> {
  const world = new World({ settlePromises })
  const simulated = world.ledger({ genesis })
  const wallets = [1, 2, 3].map((index) =>
    present(world.machine(`20.0.${index}.1`, { ledger: simulated }).wallet, 'a wallet'),
  )
  const of = (index: number) => present(wallets[index - 1], 'an account')
  const rail = present(of(1).open().rails[0], 'a rail')
  const { domain, genesis: facts } = simulated.facts
  let draws = 0
  return {
    ledger: rail.ledger,
    challengeMs: facts.challengeMs,
    laneMs: 7_200_000,
    account: (index) => of(index).account,
    sign: (by, operation) => {
      const { account, key } = of(by)
      return { account, operation, signature: key.sign(operationDigest(operation, account, domain)) }
    },
    voucher: (lane, by, amount) => {
      const voucher = { lane, cumulativeAmount: tokenAmount(amount) }
      return { ...voucher, signature: of(by).key.sign(voucherDigest(voucher, domain)) }
    },
    tokens: (whole) => tokenAmount(BigInt(whole) * token),
    draw: () => toHex(sha256(new TextEncoder().encode(`conformance ${draws++}`))) as Hash256,
    settle: (promise) => world.clock.settle(promise),
    pass: (ms) => world.clock.run(ms),
  }
}

const usual = (genesis: Genesis) => genesis
const withFees = (genesis: Genesis): Genesis => ({
  ...genesis,
  fees: { ...genesis.fees, open: tokenAmount(token), payoutPpm: 100_000, to: 'burned' },
})
ledgerCoreConformance('simulated', () => opened(usual))
ledgerConformance(
  'simulated',
  () => opened(usual),
  () => opened(withFees),
)

function twoMachines() {
  const world = new World({ settlePromises })
  const ledger = world.ledger()
  const [payer, payee] = ['20.0.0.1', '20.0.1.1'].map((address) => {
    return present(world.machine(address, { ledger }).wallet, 'a wallet')
  })
  assert.ok(payer !== undefined && payee !== undefined)
  const railOf = (wallet: typeof payer): SpeedRail => present(wallet.open().rails[0], 'a rail')
  return { world, ledger, payer, payee, railOf }
}

type Market = ReturnType<typeof twoMachines>

async function openLane({ world, payee, ledger }: Market, rail: SpeedRail, name: string) {
  const operation: LaneOperation = {
    type: 'open-lane',
    id: toHex(sha256(new TextEncoder().encode(name))) as OperationId,
    payee: payee.account,
    deposit: tokenAmount(token),
    expiresAtMs: ledger.facts.genesis.createdAtMs + 1_000_000,
  }
  const { account } = rail.signer
  const request = { type: 'ledger-operation', domain: rail.terms.domain, operation } as const
  const signature = unwrap(await world.clock.settle(rail.signer.sign(request, signal)))
  return world.clock.settle(rail.ledger.submit({ account, operation, signature }, signal))
}

test('an operation whose answer was lost was carried out, and is answered as the first time', async () => {
  const market = twoMachines()
  const { ledger, payer, railOf } = market
  const rail = railOf(payer)
  ledger.failing = (_account, what) => (what === 'open-lane' ? 'unanswered' : undefined)
  const lost = await openLane(market, rail, 'one')
  assert.ok(!lost.ok && lost.code === 'ledger-unreachable')
  ledger.failing = () => undefined
  const again = unwrap(await openLane(market, rail, 'one'))
  assert.equal(again.lanes?.length, 1)
  assert.equal(ledger.lanes.size, 1)
  assert.equal(ledger.core.state.account(payer.account).locked, token)
})

test('while it is down nobody is answered and its time stands still; then lanes are told anew', async () => {
  const market = twoMachines()
  const { world, ledger, payer, payee, railOf } = market
  const rail = railOf(payer)
  const seen: Lane[] = []
  railOf(payee).ledger.watchLanes(payee.account, (lane) => seen.push(lane))
  unwrap(await openLane(market, rail, 'one'))
  await world.clock.run(1_000)
  assert.equal(seen.length, 1)
  ledger.setDown(true)
  const before = ledger.nowMs
  const answer = await world.clock.settle(rail.ledger.timeMs(signal))
  assert.ok(!answer.ok && answer.code === 'ledger-unreachable')
  await world.clock.run(3_600_000)
  assert.equal(ledger.nowMs, before)
  ledger.setDown(false)
  await world.clock.run(1_000)
  assert.equal(seen.length, 2)
  assert.equal(ledger.nowMs, before + 1_000)
})

test('a lane that expired is closed by the operator, and its deposit returns', async () => {
  const market = twoMachines()
  const { world, ledger, payer, railOf } = market
  unwrap(await openLane(market, railOf(payer), 'one'))
  const { available } = ledger.core.state.account(payer.account)
  await world.clock.run(1_100_000)
  assert.equal(ledger.core.state.account(payer.account).available, available + token)
  assert.deepEqual(
    [...ledger.lanes.values()].map(({ state }) => state.type),
    ['closed'],
  )
})

test("receipts are the operator's, and no other signature passes", async () => {
  const market = twoMachines()
  const { world, payer, payee, railOf } = market
  const { receipts } = railOf(payer)
  const receipt = unwrap(await world.clock.settle(receipts.balance(signal)))
  assert.equal(unwrap(receipts.check(receipt)).type, 'balance')
  const forged = { ...receipt, signature: payee.key.sign(sha256(new Uint8Array(1))) }
  assert.ok(!receipts.check(forged).ok)
})

test('a program that was killed hears nothing more, and the next one finds what was durable', async () => {
  const { world, payer, railOf } = twoMachines()
  const rail = railOf(payer)
  const [table, key, value] = ['table', new Uint8Array([1]), new Uint8Array([2])]
  unwrap(await world.clock.settle(rail.store.commit([{ type: 'put', table, key, value }], 'durable')))
  let isAnswered = false
  void rail.ledger.timeMs(signal).then(() => (isAnswered = true))
  void rail.signer
    .sign({ type: 'voucher', domain: rail.terms.domain, voucher: { lane: '', cumulativeAmount: 0n } as never }, signal)
    .then(() => (isAnswered = true))
  payer.crash(true)
  await world.clock.run(10_000)
  assert.equal(isAnswered, false)
  const next = railOf(payer)
  assert.deepEqual(unwrap(await world.clock.settle(next.store.get(table, key))), value)
})
