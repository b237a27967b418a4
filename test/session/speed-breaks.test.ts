// What becomes of paid downloads when something breaks: connections, programs on either side, the ledger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { AuctionProvider } from '../../src/market/auction-provider.ts'
import { SellingSide } from '../../src/session/selling-side.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  claimedOf,
  costOf,
  isQuiet,
  type Pair,
  pairOf,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
  watchExposure,
} from './speed-world.ts'

const budget = { most: tokenAmount(50n * token) }
const mebibyte = 1_048_576
const pieceBytes = 65_536
/** At the rates of these tests. */
const tick = 262_144
/** What a break may cost the provider, and what paying by pieces may cost the payer. */
const window = costOf(3 * mebibyte)

async function dealt(bytes: number, seed = 1, rate = 1_000_000): Promise<Pair> {
  const pair = await pairOf({ bytes, rate, seed })
  await pair.world.until('a share', () => speedOf(pair.payer, pair.id).rows[0]?.state === 'holding')
  return pair
}

async function settled({ world, ledger, payer, id, seller }: Pair): Promise<void> {
  await world.until('finished', () => payer.torrent(id).isFinished, 900_000)
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
    await world.until('a connection', () => payer.torrent(id).peers.length > 0, 300_000)
    // Accounts are proved, lanes shown, a share that is free is asked for, and sold at once.
    await world.until('a share again', () => speedOf(payer, id).rows.some(({ state }) => state === 'holding'), 1_500)
  }
  await settled(deal)
  assert.equal(ledger.lanes.size, 1, 'the lane of before is paid on')
  exposure.end()
  const { boughtBytes, parties } = speedOf(payer, id)
  assert.ok(boughtBytes > 7_000_000, `${boughtBytes} bytes were bought`)
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

  test(`a payer that ${isPowerLoss ? 'loses power' : 'is killed'} at any moment buys again what came in two ticks, and no more`, async () => {
    let worst = 0
    for (let seed = 1; seed <= 6; seed++) {
      const deal = await dealt(12_000_000, seed)
      const { world, payer, seller, id } = deal
      await world.clock.run(3_000 + seed * 431)
      const { doneBytes } = payer.torrent(id)
      payer.kill(isPowerLoss)
      seller.kill(false)
      await world.clock.run(1_000)
      await payer.start()
      await world.until('looked at', () => payer.stateOf(id) === 'downloading')
      worst = Math.max(worst, doneBytes - payer.torrent(id).doneBytes)
      await payer.stop()
    }
    assert.ok(worst <= 2 * tick + 2 * pieceBytes, `${worst} bytes were lost`)
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

test('a seller that only a tracker named is dialled again two seconds after its connection broke in a share, not a minute', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const tracker = new SimulatedTracker(world, '10.0.0.9')
  const content = makeContent({ lengths: [16_000_000], pieceLengthBytes: pieceBytes, trackers: [[tracker.url]] })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
  // Nobody can dial it.
  const payer = world.machine('192.168.1.2', {
    ledger,
    nat: { kind: 'port-restricted', publicAddress: '10.0.0.2' },
    config: { exemptLocalNetwork: false, speed: speedConfig({ pays: true }) },
  })
  await payer.start()
  const id = await payer.add(content.metainfo, { budget })
  const isHolding = () => speedOf(payer, id).rows.some(({ state }) => state === 'holding')
  await world.until('a share', isHolding)
  await world.clock.run(2_000)
  seller.kill(false)
  await seller.start()
  await world.until('it is noticed', () => !isHolding(), 5_000)
  await world.until('a share again', isHolding, 4_000)
  await settled({ world, ledger, content, seller, payer, id })
})

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
  const content = makeContent({ lengths: [12_000_000], pieceLengthBytes: pieceBytes })
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

/** Says after two seconds of each share that it was not drawn; how often it did. */
function claimingAll(): { readonly claims: () => number; readonly end: () => void } {
  const { handle } = AuctionProvider.prototype
  let claims = 0
  AuctionProvider.prototype.handle = function (input, nowMs) {
    const isLie = input.type === 'drawn' && this.held.size > 0
    handle.call(this, isLie ? { ...input, bytes: 0, isWithoutRequests: true } : input, nowMs)
    if (isLie && this.held.size === 0) claims++
  }
  return { claims: () => claims, end: () => Object.assign(AuctionProvider.prototype, { handle }) }
}

test('a seller that says of shares that are drawn that they are not is paid for what came, and for nothing else', async () => {
  const liar = claimingAll()
  try {
    const deal = await dealt(40_000_000, 1, 100_000)
    const { world, payer, seller, id, ledger, content } = deal
    await world.until('three claims', () => liar.claims() === 3, 600_000)
    await settled(deal)
    const { boughtBytes } = speedOf(payer, id)
    assert.equal(boughtBytes, speedOf(seller, torrentIdOf(content)).parties[0]?.bytes)
    assert.equal(claimedOf(ledger), costOf(boughtBytes))
  } finally {
    liar.end()
  }
})

test('a seller that sells shares, serves nothing in them and says that they are not drawn is soon bought of no more, not after a restart either', async () => {
  const liar = claimingAll()
  const allowance = Object.getOwnPropertyDescriptor(SellingSide.prototype, 'allowanceBytes')
  assert.ok(allowance?.get !== undefined)
  const { get } = allowance
  Object.defineProperty(SellingSide.prototype, 'allowanceBytes', {
    ...allowance,
    get(this: SellingSide) {
      return this.isInStretch ? 0 : get.call(this)
    },
  })
  try {
    const deal = await dealt(60_000_000, 1, 100_000)
    const { world, payer, id, ledger } = deal
    const hasShare = () => speedOf(payer, id).rows.some(({ state }) => state === 'holding')
    await world.until('three claims', () => liar.claims() === 3, 600_000)
    await world.clock.run(150_000)
    assert.equal(liar.claims(), 3)
    assert.equal(hasShare(), false)
    await payer.stop()
    await payer.start()
    await world.clock.run(60_000)
    assert.equal(payer.torrent(id).peers.length, 1)
    assert.equal(liar.claims(), 3)
    await settled(deal)
    assert.ok(claimedOf(ledger) <= costOf(tick), 'a tick in all')
  } finally {
    liar.end()
    Object.defineProperty(SellingSide.prototype, 'allowanceBytes', allowance)
  }
})
