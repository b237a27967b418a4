// What bounds a paid download: its budget, its owner's will, and what the other side may make of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import { Allowance } from '../../src/base/allowance.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  claimedOf,
  costOf,
  isQuiet,
  pairOf,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
  walletOf,
} from './speed-world.ts'

const mebibyte = 1_048_576
const plenty = { most: tokenAmount(50n * token) }

test('when the budget is spent the download goes on for nothing, and never more was spent', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [16_000_000], pieceLengthBytes: 65_536 })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  const most = tokenAmount(costOf(5 * mebibyte) + ledger.terms.openFee)
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget: { most } })
  // A third of what all of it costs: it is spent at once, not once so much is left.
  await world.until('a share', () => speedOf(payer, id).rows[0]?.state === 'holding')
  assert.ok(payer.torrent(id).doneBytes < 4 * mebibyte, `${payer.torrent(id).doneBytes} bytes came before`)
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n, 900_000)
  const { spent, boughtBytes } = speedOf(payer, id)
  assert.ok(spent <= most && spent > 0n)
  assert.ok(boughtBytes >= 3 * mebibyte && boughtBytes <= 5 * mebibyte, `${boughtBytes} bytes were bought`)
  assert.equal(claimedOf(ledger), costOf(boughtBytes))
  assertConserved(ledger, [seller, payer])
})

test('an owner who changes their mind owes what came, and gets the rest back at once', async () => {
  const { world, ledger, seller, payer, id } = await pairOf({ bytes: 12_000_000 })
  await world.until('some of it', () => speedOf(payer, id).boughtBytes > 3_000_000)
  await payer.run({ type: 'set-budget', id, budget: undefined })
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n, 10_000)
  const { boughtBytes, budget } = speedOf(payer, id)
  assert.equal(budget, undefined)
  assert.ok(!payer.torrent(id).isFinished)
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.clock.run(60_000)
  assert.ok(claimedOf(ledger) <= costOf(speedOf(payer, id).boughtBytes))
  assert.ok(speedOf(payer, id).boughtBytes - boughtBytes <= 2 * mebibyte, 'what was on its way')
  assertConserved(ledger, [seller, payer])
})

test('the budget of a day holds for all torrents together', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const contents = [1, 2].map((seed) =>
    makeContent({ lengths: [6_000_000], pieceLengthBytes: 65_536, seed, name: `content ${seed}` }),
  )
  const dayBudget = tokenAmount(costOf(4 * mebibyte) + 2n * ledger.terms.openFee)
  const payer = payerAt(world, ledger, '10.0.0.9', { speed: speedConfig({ pays: true, dayBudget }) })
  await payer.start()
  const sellers = []
  for (const [index, content] of contents.entries()) {
    const seller = await sellerOf(world, ledger, content, `10.0.0.${index + 1}`, slowly(1_000_000))
    sellers.push(seller)
    await payer.add(content.metainfo, { peers: [seller.endpoint], budget: plenty })
  }
  const ids = contents.map(torrentIdOf)
  const isOver = () => ids.every((id) => payer.torrent(id).isFinished) && isQuiet(ledger)
  await world.until(
    'both finished, and settled',
    () => {
      const out = [...ledger.lanes.values()].reduce((sum, { deposit, state, claimed }) => {
        return sum + ledger.terms.openFee + (state.type === 'closed' ? claimed : deposit)
      }, 0n)
      assert.ok(out <= dayBudget, `${out} in lanes or spent`)
      return isOver()
    },
    900_000,
  )
  assert.ok(claimedOf(ledger) <= dayBudget && claimedOf(ledger) > 0n)
  assertConserved(ledger, [...sellers, payer])
})

test('who counts other bytes than came is paid for those that came, and dealt with no more on that connection', async () => {
  const { tellSigned } = SpeedLink.prototype
  let lies = 0
  SpeedLink.prototype.tellSigned = function (signed) {
    const { statement } = signed
    if (statement.type === 'share-lost') lies++
    return tellSigned.call(this, signed)
  }
  const { toSign } = SpeedLink.prototype
  SpeedLink.prototype.toSign = function (statement) {
    // Signed as it is told: only the count is wrong.
    if (statement.type === 'share-lost') Object.assign(statement, { fromByte: statement.fromByte + 16_384 })
    return toSign.call(this, statement)
  }
  try {
    const { world, ledger, payer, id } = await pairOf({ bytes: 12_000_000 })
    await world.until('some of it', () => speedOf(payer, id).boughtBytes > 3_000_000)
    await payer.run({ type: 'set-budget', id, budget: undefined })
    await world.until('the lie', () => speedOf(payer, id).rows[0]?.state === 'closed')
    assert.equal(lies, 1)
    assert.equal(speedOf(payer, id).rows[0]?.problem?.code, 'speed-state')
    await world.until('finished', () => payer.torrent(id).isFinished)
    await world.until('everything settled', () => isQuiet(ledger), 3_600_000)
    assert.ok(claimedOf(ledger) <= costOf(speedOf(payer, id).boughtBytes))
  } finally {
    Object.assign(SpeedLink.prototype, { tellSigned, toSign })
  }
})

test('two torrents of the same two accounts are paid for over one connection after the other', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const contents = [1, 2].map((seed) =>
    makeContent({ lengths: [5_000_000], pieceLengthBytes: 65_536, seed, name: `content ${seed}` }),
  )
  const [first, second] = contents
  assert.ok(first !== undefined && second !== undefined)
  const seller = await sellerOf(world, ledger, first, '10.0.0.1', slowly(1_000_000))
  seller.put(second)
  await seller.add(second.metainfo)
  const payer = payerAt(world, ledger, '10.0.0.2')
  await payer.start()
  for (const content of contents) await payer.add(content.metainfo, { peers: [seller.endpoint], budget: plenty })
  const ids = contents.map(torrentIdOf)
  await world.until('both finished', () => ids.every((id) => payer.torrent(id).isFinished))
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  const bought = ids.map((id) => speedOf(payer, id).boughtBytes)
  assert.ok(Math.max(...bought) > 4_000_000)
  assert.equal(
    claimedOf(ledger),
    bought.reduce((sum, bytes) => sum + costOf(bytes), 0n),
  )
  assertConserved(ledger, [seller, payer])
})

test('a peer that is paid and sends wrong bytes is not paid for them, and is banned', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [8_000_000], pieceLengthBytes: 65_536 })
  const liar = await sellerOf(world, ledger, content, '10.0.0.1', slowly(1_000_000))
  const honest = await sellerOf(world, ledger, content, '10.0.0.2', slowly(300_000))
  const payer = payerAt(world, ledger, '10.0.0.3')
  await payer.start()
  const peers = [liar.endpoint, honest.endpoint]
  const id = await payer.add(content.metainfo, { peers, budget: plenty })
  const account = walletOf(liar).account
  const boughtOf = () => speedOf(payer, id).parties.find((party) => party.account === account)?.bytes ?? 0
  await world.until('some of it', () => boughtOf() > 1_000_000)
  // From now on its disk has something else.
  const [file] = content.files
  assert.ok(file !== undefined)
  liar.disk.put(`/content/${file.path.join('/')}`, new Uint8Array(file.bytes.length).fill(7))
  await world.until('banned', () => payer.session.snapshot().bannedAddresses.includes(liar.address))
  const boughtBytes = boughtOf()
  await world.until('finished', () => payer.torrent(id).isFinished)
  assert.ok(boughtOf() - boughtBytes <= mebibyte, 'at most what was whole by then')
  await world.until('everything settled', () => isQuiet(ledger), 3_600_000)
  const claimed = [...ledger.lanes.values()].filter(({ payee }) => payee === account)
  assert.ok(claimed.reduce((sum, lane) => sum + lane.claimed, 0n) <= costOf(boughtOf()))
})

test('two that both pay and earn pay each other, each over the lane of its own', async () => {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [46 * 65_536, 3_000_000], pieceLengthBytes: 65_536 })
  const speed = speedConfig({ pays: true, earns: true })
  const both = ['10.0.0.1', '10.0.0.2'].map((address) =>
    world.machine(address, { ledger, config: { exemptLocalNetwork: false, speed, ...slowly(500_000) } }),
  )
  const [one, other] = both
  assert.ok(one !== undefined && other !== undefined)
  for (const [index, machine] of both.entries()) {
    const file = content.files[index]
    assert.ok(file !== undefined)
    world.knows(content)
    machine.disk.put(`/content/${file.path.join('/')}`, file.bytes)
    await machine.start()
  }
  const id = await one.add(content.metainfo, { budget: plenty })
  await other.add(content.metainfo, { peers: [one.endpoint], budget: plenty })
  await world.until('both finished', () => both.every((machine) => machine.torrent(id).isFinished))
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  for (const machine of both) assert.ok(speedOf(machine, id).boughtBytes > 1_000_000)
  assert.equal(ledger.lanes.size, 2)
  assertConserved(ledger, both)
})

test('when paying is turned off in a share, nothing that comes after its end is paid for', async () => {
  const { world, ledger, content, seller, payer, id } = await pairOf({ bytes: 12_000_000 })
  await world.until('some of it', () => speedOf(payer, id).boughtBytes > 3_000_000)
  await payer.run({ type: 'set-speed', pays: false })
  await world.until('finished', () => payer.torrent(id).isFinished)
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  const served = speedOf(seller, torrentIdOf(content)).parties[0]?.bytes ?? 0
  assert.ok(served < 6_000_000, `${served} bytes were counted`)
  assert.equal(speedOf(payer, id).boughtBytes, served)
  assert.equal(claimedOf(ledger), costOf(served))
  assertConserved(ledger, [seller, payer])
})

/** What a lane costs, where it is opened; what all of the content costs at the posted price; of so many sellers. */
async function boughtWhereLanesCost(fee: bigint, sellerCount: number, deadlineInMs?: number): Promise<number> {
  const world = newWorld()
  const ledger = world.ledger({
    genesis: (usual) => ({ ...usual, fees: { ...usual.fees, open: tokenAmount(fee), to: 'burned' } }),
  })
  const content = makeContent({ lengths: [8 * mebibyte], pieceLengthBytes: 65_536 })
  const sellers = []
  for (let index = 0; index < sellerCount; index++) {
    sellers.push(await sellerOf(world, ledger, content, `10.0.0.${index + 1}`, slowly(200_000)))
  }
  const payer = payerAt(world, ledger, '10.0.1.1')
  await payer.start()
  const budget = deadlineInMs === undefined ? plenty : { ...plenty, deadlineInMs }
  const id = await payer.add(content.metainfo, { peers: sellers.map(({ endpoint }) => endpoint), budget })
  await world.until('finished', () => payer.torrent(id).isFinished, 300_000)
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n, 900_000)
  assert.equal(speedOf(payer, id).spent, claimedOf(ledger) + fee * BigInt(ledger.lanes.size))
  assert.equal(speedOf(payer, id).boughtBytes > 0, ledger.lanes.size > 0)
  return ledger.lanes.size
}

for (const deadlineInMs of [undefined, 60_000]) {
  const how = deadlineInMs === undefined ? '' : ', with a deadline too'
  test(`a lane is opened only where its fees are 2 % at most of what is to go through it${how}`, async () => {
    const all = costOf(8 * mebibyte)
    assert.equal(await boughtWhereLanesCost(all / 45n, 2, deadlineInMs), 0)
    assert.equal(await boughtWhereLanesCost(all / 80n, 2, deadlineInMs), 1)
    assert.equal(await boughtWhereLanesCost(all / 150n, 2, deadlineInMs), 2)
  })
}

test('however fast content comes, a payer says no more than half of what a peer takes', async () => {
  const { receive } = SpeedLink.prototype
  const taken = new Map<SpeedLink, Allowance>()
  let shortest = Number.POSITIVE_INFINITY
  SpeedLink.prototype.receive = function (payload, nowMs) {
    const half = taken.get(this) ?? new Allowance({ burst: 48, perSecond: 24 }, nowMs)
    taken.set(this, half)
    if (!half.spend(nowMs)) shortest = Math.min(shortest, nowMs)
    receive.call(this, payload, nowMs)
  }
  try {
    const { world, ledger, payer, id } = await pairOf({ bytes: 80_000_000, rate: Number.POSITIVE_INFINITY })
    await world.until('finished', () => payer.torrent(id).isFinished)
    await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n)
    assert.ok(speedOf(payer, id).boughtBytes > 40_000_000)
    assert.equal(shortest, Number.POSITIVE_INFINITY)
  } finally {
    SpeedLink.prototype.receive = receive
  }
})
