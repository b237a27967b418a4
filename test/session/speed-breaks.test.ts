// What becomes of paid downloads when something breaks: connections, programs on either side, the ledger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import type { World } from '../../sim/world/world.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  claimedOf,
  costOf,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  speedOf,
  token,
  watchExposure,
} from './speed-world.ts'

const budget = { most: tokenAmount(50n * token) }
const mebibyte = 1_048_576
/** What a break may cost the provider, and what paying by pieces may cost the payer. */
const window = costOf(3 * mebibyte)

interface Deal {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly seller: Machine
  readonly payer: Machine
  readonly id: TorrentId
}

async function dealt(bytes: number, seed = 1): Promise<Deal> {
  const world = newWorld(seed)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [bytes], pieceLengthBytes: 65_536 })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  await world.until('a share', () => speedOf(payer, id).rows[0]?.state === 'holding')
  return { world, ledger, content, seller, payer, id }
}

async function settled({ world, ledger, payer, id, seller }: Deal): Promise<void> {
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.until('everything settled', () => isQuiet(ledger), 3_600_000)
  await world.clock.run(5_000)
  assertConserved(ledger, [seller, payer])
}

test('a connection that breaks in the middle of a share comes again, and what was owed is paid', async () => {
  const exposure = watchExposure()
  const deal = await dealt(12_000_000)
  const { world, ledger, payer, seller, id, content } = deal
  for (let times = 0; times < 3; times++) {
    await world.clock.run(2_000)
    await payer.run({ type: 'ban', address: seller.address })
    await payer.run({ type: 'unban', address: seller.address })
    await world.until('a share again', () => speedOf(payer, id).rows.some(({ state }) => state === 'holding'), 300_000)
  }
  await settled(deal)
  exposure.end()
  const { boughtBytes, parties } = speedOf(payer, id)
  assert.ok(boughtBytes > 8_000_000, `${boughtBytes} bytes were bought`)
  assert.equal(parties.length, 1)
  // Prices are rounded down at each connection.
  assert.ok(costOf(boughtBytes) - claimedOf(ledger) < 8n && claimedOf(ledger) <= costOf(boughtBytes))
  const served = speedOf(seller, torrentIdOf(content)).parties[0]?.bytes ?? 0
  assert.ok(costOf(served) - claimedOf(ledger) <= window)
})

for (const isPowerLoss of [false, true]) {
  test(`a payer that ${isPowerLoss ? 'loses power' : 'is killed'} goes on within the same budget, and signs nothing twice`, async () => {
    const deal = await dealt(12_000_000, isPowerLoss ? 2 : 1)
    const { world, payer, id, ledger } = deal
    await world.clock.run(4_000)
    payer.kill(isPowerLoss)
    await world.clock.run(5_000)
    await payer.start()
    assert.equal(speedOf(payer, id).budget, budget.most)
    await world.until('a share again', () => speedOf(payer, id).rows[0]?.state === 'holding', 300_000)
    await settled(deal)
    const { spent, parties } = speedOf(payer, id)
    assert.equal(spent, claimedOf(ledger) + ledger.terms.openFee * BigInt(ledger.lanes.size))
    assert.ok(claimedOf(ledger) > (parties[0]?.paid ?? 0n), 'what was paid before counts')
    assert.equal(ledger.lanes.size, 1, 'the lane of before is paid on')
  })

  test(`a payee that ${isPowerLoss ? 'loses power' : 'is killed'} is paid on when it is back`, async () => {
    const deal = await dealt(12_000_000, isPowerLoss ? 4 : 3)
    const { world, payer, seller, id, ledger } = deal
    await world.clock.run(4_000)
    seller.kill(isPowerLoss)
    await world.clock.run(5_000)
    await seller.start()
    await world.until('a share again', () => speedOf(payer, id).rows.some(({ state }) => state === 'holding'), 300_000)
    await settled(deal)
    const { boughtBytes } = speedOf(payer, id)
    assert.ok(costOf(boughtBytes) - claimedOf(ledger) < 8n && claimedOf(ledger) <= costOf(boughtBytes))
  })
}

test('an orderly end pays what is owed; the next session goes on with the same lane', async () => {
  const deal = await dealt(12_000_000)
  const { world, payer, seller, id, ledger, content } = deal
  await world.clock.run(4_300)
  await payer.stop()
  await world.clock.run(1_000)
  const { parties } = speedOf(seller, torrentIdOf(content))
  const [party] = parties
  assert.ok(party !== undefined && party.owed - party.paid <= costOf(mebibyte))
  await payer.start()
  await world.until('a share again', () => speedOf(payer, id).rows[0]?.state === 'holding', 300_000)
  await settled(deal)
  assert.equal(ledger.lanes.size, 1)
})

test('while the ledger is away what is locked is paid on; it is told, and everything is settled afterwards', async () => {
  const deal = await dealt(20_000_000)
  const { world, payer, ledger, id } = deal
  await world.clock.run(6_000)
  ledger.setDown(true)
  const { boughtBytes } = speedOf(payer, id)
  await world.clock.run(8_000)
  assert.ok(speedOf(payer, id).boughtBytes - boughtBytes > 6_000_000)
  await world.until('it is told', () => {
    return payer.session.snapshot().speed?.ledgers[0]?.unreachableForMs !== undefined
  })
  await world.clock.run(60_000)
  ledger.setDown(false)
  await settled(deal)
  const after = speedOf(payer, id)
  assert.equal(claimedOf(ledger), costOf(after.boughtBytes))
  assert.equal(payer.session.snapshot().speed?.ledgers[0]?.unreachableForMs, undefined)
})

test('a session that begins while the ledger is away is served as anybody is, and pays once it is back', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [12_000_000], pieceLengthBytes: 65_536 })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(400_000))
  ledger.setDown(true)
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  await world.until('some of it', () => payer.torrent(id).doneBytes > 2_000_000)
  assert.equal(speedOf(payer, id).boughtBytes, 0)
  ledger.setDown(false)
  await world.until('a share', () => speedOf(payer, id).rows[0]?.state === 'holding')
  await settled({ world, ledger, content, seller, payer, id })
  assert.equal(claimedOf(ledger), costOf(speedOf(payer, id).boughtBytes))
})
