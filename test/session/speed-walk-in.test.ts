// Paid downloads between whole sessions: shares sold on the spot, counted, paid for and settled on a ledger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { Payer } from '../../src/payment/payer.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import { newWorld, seedOf } from './session-world.ts'
import {
  assertConserved,
  claimedOf,
  costOf,
  idle,
  isQuiet,
  pairOf,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
  walletOf,
  watchExposure,
  watchStatements,
} from './speed-world.ts'

const budget = { most: tokenAmount(50n * token) }

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`${version}: what comes in a share is paid for to the unit, and what was locked comes back`, async () => {
    const exposure = watchExposure()
    const world = newWorld()
    const ledger = world.ledger()
    const content = makeContent({ version, lengths: [5_000_000, 1_234_567, 17], pieceLengthBytes: 65_536 })
    const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
    const payer = payerAt(world, ledger, '10.0.0.2')
    await payer.start()
    const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
    await world.until('finished', () => payer.torrent(id).isFinished)
    await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n)
    const bought = speedOf(payer, id)
    const sold = speedOf(seller, torrentIdOf(content))
    assert.ok(bought.boughtBytes > 5_000_000, `${bought.boughtBytes} bytes were bought`)
    assert.equal(bought.spent - ledger.terms.openFee * BigInt(ledger.lanes.size), claimedOf(ledger))
    assert.equal(claimedOf(ledger), costOf(bought.boughtBytes))
    assert.equal(sold.earned, claimedOf(ledger))
    assert.equal(sold.parties[0]?.bytes, bought.boughtBytes)
    assertConserved(ledger, [seller, payer])
    exposure.end()
    assert.ok(exposure.blocks() > 300)
  })
}

test('what was paid is still told once nothing more is bought of a peer that gives on', async () => {
  const { world, ledger, payer, id } = await pairOf({ bytes: 12_000_000, rate: 200_000 })
  await world.until('something is bought', () => speedOf(payer, id).boughtBytes > 2_000_000)
  await payer.run({ type: 'set-budget', id, budget: undefined })
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n)
  const settledMs = world.clock.nowMs()
  await world.until('time passes', () => world.clock.nowMs() > settledMs + 5_000)
  assert.equal(payer.torrent(id).isFinished, false)
  const [party] = speedOf(payer, id).parties
  assert.ok(claimedOf(ledger) > 0n)
  assert.equal(party?.paid, claimedOf(ledger))
})

test('beside one that pays, a peer that has nothing to pay with still gets its turn', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [12_000_000] })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
  const payer = payerAt(world, ledger, '10.0.0.2', slowly(0))
  const free = world.machine('10.0.0.3', { config: { exemptLocalNetwork: false, ...slowly(0) } })
  await payer.start()
  await free.start()
  const paid = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  const unpaid = await free.add(content.metainfo, { peers: [seller.endpoint] })
  await world.until('the one that pays has it', () => payer.torrent(paid).isFinished)
  const { doneBytes } = free.torrent(unpaid)
  assert.ok(doneBytes > 3_000_000, `${doneBytes} bytes were had for nothing`)
  await world.until('the other has it, too', () => free.torrent(unpaid).isFinished)
})

test('a peer without Speed is told of nothing but the name, and gets everything', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [3_000_000] })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1')
  const legacy = world.machine('10.0.0.2')
  await legacy.start()
  const id = await legacy.add(content.metainfo, { peers: [seller.endpoint] })
  await world.until('finished', () => legacy.torrent(id).isFinished)
  assert.equal(legacy.torrent(id).speed, undefined)
  assert.deepEqual(speedOf(seller, torrentIdOf(content)).rows, [])
  assert.equal(ledger.lanes.size, 0)
})

test('without a budget prices are seen and nothing is bought; one given later works on the connections there are', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [8_000_000] })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(400_000))
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint] })
  await world.until('some of it', () => payer.torrent(id).doneBytes > 1_000_000)
  const [row] = speedOf(payer, id).rows
  assert.equal(row?.state, 'opening')
  assert.equal(row?.postedPrice, speedConfig({}).startPrice)
  assert.equal(ledger.lanes.size, 0)
  await payer.run({ type: 'set-budget', id, budget })
  await world.until('a share', () => speedOf(payer, id).rows[0]?.state === 'holding')
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.until('everything settled', () => isQuiet(ledger))
  assert.equal(claimedOf(ledger), costOf(speedOf(payer, id).boughtBytes))
})

test('a session that no longer earns takes its shares back, and serves on for nothing', async () => {
  const { world, ledger, seller, payer, id } = await pairOf({ bytes: 8_000_000, rate: 400_000 })
  await world.until('a share', () => speedOf(payer, id).rows[0]?.state === 'holding')
  await world.clock.run(3_000)
  await seller.run({ type: 'set-speed', earns: false })
  await world.clock.run(3_000)
  const { boughtBytes } = speedOf(payer, id)
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  assert.equal(speedOf(payer, id).boughtBytes, boughtBytes)
  assert.equal(claimedOf(ledger), costOf(boughtBytes))
  assertConserved(ledger, [seller, payer] satisfies Machine[])
})

test('paying and earning that are turned on while peers are connected are dealt in with those peers', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [9_000_000], pieceLengthBytes: 65_536 })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', {
    ...slowly(500_000),
    speed: speedConfig({ pays: true }),
  })
  const payer = payerAt(world, ledger, '10.0.0.2', { speed: speedConfig({ earns: true }) })
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
  await world.until('some of it', () => payer.torrent(id).doneBytes > 1_000_000)
  await seller.run({ type: 'set-speed', pays: false, earns: true })
  await payer.run({ type: 'set-speed', pays: true, earns: false })
  await world.until('a share', () => speedOf(payer, id).rows.some(({ state }) => state === 'holding'))
  await world.until('finished', () => payer.torrent(id).isFinished)
  assert.ok(speedOf(payer, id).boughtBytes > 2_000_000)
})

test('a private torrent is dealt in only where its owner allows that', async () => {
  for (const inPrivateTorrents of [false, true]) {
    const world = newWorld()
    const ledger = world.ledger()
    const content = makeContent({ lengths: [2_000_000], isPrivate: true })
    const seller = await sellerOf(world, ledger, content, '10.0.0.1', {
      speed: speedConfig({ earns: true, inPrivateTorrents }),
    })
    assert.equal(seller.torrent(torrentIdOf(content)).speed !== undefined, inPrivateTorrents)
    await seller.stop()
  }
})

test('commands of money are refused by a session that knows no ledger', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000] })
  const machine = await seedOf(world, content)
  const id = torrentIdOf(content)
  for (const command of [
    { type: 'set-budget', id, budget },
    { type: 'set-speed', pays: true },
    { type: 'add', source: { type: 'metainfo', bytes: content.metainfo }, options: { budget } },
  ] as const) {
    const outcome = await world.clock.settle(machine.tell(command))
    assert.ok(!outcome.ok && outcome.code === 'rail-unknown')
  }
})

test('at a tick a voucher is due in the turn that verified it, and said as soon as disk and key have answered', async () => {
  const { countVerified } = Payer.prototype
  const { tell } = SpeedLink.prototype
  const waits: number[] = []
  const world = newWorld()
  let dueAtMs: number | undefined
  Payer.prototype.countVerified = function (...counted) {
    const isDue = countVerified.apply(this, counted)
    if (isDue) dueAtMs ??= world.clock.nowMs()
    return isDue
  }
  SpeedLink.prototype.tell = function (message) {
    if (message.type === 'voucher' && dueAtMs !== undefined) {
      waits.push(world.clock.nowMs() - dueAtMs)
      dueAtMs = undefined
    }
    return tell.call(this, message)
  }
  try {
    const ledger = world.ledger()
    const content = makeContent({ lengths: [12_000_000], pieceLengthBytes: 65_536 })
    const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
    const payer = payerAt(world, ledger, '10.0.0.2')
    await payer.start()
    const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget })
    await world.until('finished', () => payer.torrent(id).isFinished)
    const { boughtBytes } = speedOf(payer, id)
    const ticks = Math.floor(boughtBytes / 262_144)
    assert.ok(waits.length >= ticks / 2, `${waits.length} vouchers for ${ticks} ticks`)
    assert.ok(Math.max(...waits) <= 50, `${Math.max(...waits)} ms`)
  } finally {
    Object.assign(Payer.prototype, { countVerified })
    Object.assign(SpeedLink.prototype, { tell })
  }
})

test('what is not drawn for two seconds is paid for by a quarter, to the unit, and nothing more is bought there for two minutes', async () => {
  const watched = watchStatements()
  const idling = idle()
  try {
    const { world, ledger, content, seller, payer, id } = await pairOf({ bytes: 12_000_000 })
    await world.until('some of it', () => speedOf(payer, id).boughtBytes > 3_000_000)
    idling.account = walletOf(payer).account
    const claims = () => watched.all.flatMap((one) => (one.type === 'share-lost' ? [one.owedBytes] : []))
    await world.until('it is lost', () => claims().some((owed) => owed > 0), 10_000)
    idling.account = undefined
    const served = () => speedOf(seller, torrentIdOf(content)).parties[0]?.bytes ?? 0
    const before = served()
    await world.until('finished', () => payer.torrent(id).isFinished)
    await world.until('everything settled', () => isQuiet(ledger), 900_000)
    const [owed = 0] = claims().filter((bytes) => bytes > 0)
    assert.equal(claims().filter((bytes) => bytes > 0).length, 1)
    // A slot of eight of a megabyte a second, a quarter of it, for two to three seconds.
    assert.ok(owed >= 55_000 && owed <= 100_000, `${owed} bytes`)
    assert.equal(served(), before)
    assert.equal(speedOf(payer, id).boughtBytes, before + owed)
    assert.equal(claimedOf(ledger), costOf(before + owed))
    assertConserved(ledger, [seller, payer])
  } finally {
    idling.end()
    watched.end()
  }
})
