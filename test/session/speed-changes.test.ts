// What an owner changes while peers are connected: paying, earning, budgets and what a day may cost reach the connections
// there are, and none of it changes another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import { present } from '../../src/base/assert.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { Payer } from '../../src/payment/payer.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import type { SpeedConfig } from '../../src/session/session-config.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  costOf,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
} from './speed-world.ts'

const mebibyte = 1_048_576
const pieceBytes = 65_536
const plenty = { most: tokenAmount(50n * token) }

interface Dealers {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly one: Machine
  readonly other: Machine
  readonly id: TorrentId
}

/** Two that have a half each, and pay and earn. */
async function mutual(): Promise<Dealers> {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [460 * pieceBytes, 30_000_000], pieceLengthBytes: pieceBytes })
  const speed = speedConfig({ pays: true, earns: true })
  const machines = ['10.0.0.1', '10.0.0.2'].map((address) =>
    world.machine(address, { ledger, config: { exemptLocalNetwork: false, speed, ...slowly(500_000) } }),
  )
  world.knows(content)
  for (const [index, machine] of machines.entries()) {
    const file = present(content.files[index], 'a half')
    machine.disk.put(`/content/${file.path.join('/')}`, file.bytes)
    await machine.start()
  }
  const [one, other] = [present(machines[0], 'one'), present(machines[1], 'the other')]
  const id = await one.add(content.metainfo, { budget: plenty })
  await other.add(content.metainfo, { peers: [one.endpoint], budget: plenty })
  await world.until('both buy', () => boughtBy(one, id) > mebibyte && boughtBy(other, id) > mebibyte)
  return { world, ledger, one, other, id }
}

function boughtBy(machine: Machine, id: TorrentId): number {
  return speedOf(machine, id).boughtBytes
}

/** Another one with each connection: the ports of who dials are never used twice. */
function portOf(machine: Machine, id: TorrentId): number {
  const [peer] = machine.torrent(id).peers
  assert.equal(peer?.direction, 'accepted')
  return present(peer, 'a peer').endpoint.port
}

/** How much more each of two bought in so many milliseconds. */
async function boughtIn({ world, one, other, id }: Dealers, ms: number): Promise<readonly [number, number]> {
  const before = [boughtBy(one, id), boughtBy(other, id)] as const
  await world.clock.run(ms)
  return [boughtBy(one, id) - before[0], boughtBy(other, id) - before[1]]
}

test('turning paying off ends nothing that is earned, and the reverse; turned on again it goes on over the same connection', async () => {
  const dealers = await mutual()
  const { world, ledger, one, other, id } = dealers
  const port = portOf(one, id)
  await one.run({ type: 'set-speed', pays: false })
  await world.clock.run(3_000)
  let [byOne, byOther] = await boughtIn(dealers, 5_000)
  assert.equal(byOne, 0)
  assert.ok(byOther > mebibyte, `${byOther} bytes`)
  await one.run({ type: 'set-speed', pays: true })
  await world.until('it buys again', () =>
    speedOf(one, id).rows.some(({ side, state }) => side === 'paying' && state === 'holding'),
  )
  await world.clock.run(1_000)
  ;[byOne, byOther] = await boughtIn(dealers, 4_000)
  assert.ok(byOne > mebibyte && byOther > mebibyte, `${byOne} and ${byOther} bytes`)
  await one.run({ type: 'set-speed', earns: false })
  await world.clock.run(3_000)
  ;[byOne, byOther] = await boughtIn(dealers, 4_000)
  assert.equal(byOther, 0)
  assert.ok(byOne > mebibyte, `${byOne} bytes`)
  await one.run({ type: 'set-speed', earns: true })
  await world.until('it sells again', () => speedOf(one, id).sharesSold === 1)
  await world.clock.run(1_000)
  ;[byOne, byOther] = await boughtIn(dealers, 4_000)
  assert.ok(byOne > mebibyte && byOther > mebibyte, `${byOne} and ${byOther} bytes`)
  assert.equal(portOf(one, id), port)
  await world.until('both finished', () => [one, other].every((machine) => machine.torrent(id).isFinished), 600_000)
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  assertConserved(ledger, [one, other])
})

interface Sale {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly seller: Machine
  readonly payer: Machine
  readonly id: TorrentId
}

async function sale(most: bigint, changes: Partial<SpeedConfig> = {}): Promise<Sale> {
  const world = newWorld()
  const ledger = world.ledger()
  const content = makeContent({ lengths: [40_000_000], pieceLengthBytes: pieceBytes })
  const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(500_000))
  const payer = payerAt(world, ledger, '10.0.0.2', { speed: speedConfig({ pays: true, ...changes }) })
  await payer.start()
  const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget: { most: tokenAmount(most) } })
  return { world, ledger, content, seller, payer, id }
}

/** The budget of the torrent, or of the day, is used up to less than a mebibyte. */
function isUsedUp({ ledger, payer, id }: Sale, most: bigint): boolean {
  return speedOf(payer, id).spent + costOf(mebibyte) > most - ledger.terms.openFee && !isHolding(payer, id)
}

function isHolding(payer: Machine, id: TorrentId): boolean {
  return speedOf(payer, id).rows.some(({ state }) => state === 'holding')
}

test('a budget that is raised buys on over the same connection; lowered below what is spent, nothing more; it is told once when it is spent', async () => {
  const first = costOf(4 * mebibyte)
  const made = await sale(first)
  const { world, payer, id, ledger, seller } = made
  const told = () => {
    const changes = payer.session.changesSince(0)
    assert.ok(changes.type === 'changes')
    return changes.changes.filter((change) => change.type === 'speed' && change.event.type === 'budget-spent').length
  }
  await world.until('connected', () => seller.torrent(id).peers.length === 1)
  const port = portOf(seller, id)
  await world.until('it is spent', () => isUsedUp(made, first), 60_000)
  await world.clock.run(5_000)
  assert.equal(told(), 1)
  assert.ok(speedOf(payer, id).spent <= first)
  const second = costOf(10 * mebibyte)
  await payer.run({ type: 'set-budget', id, budget: { most: tokenAmount(second) } })
  await world.until('it buys again', () => isHolding(payer, id))
  await world.clock.run(2_000)
  const third = costOf(5 * mebibyte)
  await payer.run({ type: 'set-budget', id, budget: { most: tokenAmount(third) } })
  await world.until('it is not bought any more', () => !isHolding(payer, id))
  const { boughtBytes } = speedOf(payer, id)
  await world.clock.run(10_000)
  assert.equal(portOf(seller, id), port)
  assert.ok(speedOf(payer, id).boughtBytes - boughtBytes <= mebibyte)
  await world.until('finished', () => payer.torrent(id).isFinished, 600_000)
  await world.until('everything settled', () => isQuiet(ledger), 900_000)
  assert.ok(speedOf(payer, id).spent <= second)
  assertConserved(ledger, [seller, payer])
})

test('what a day may cost is changed while it is used up', async () => {
  const first = costOf(4 * mebibyte)
  const made = await sale(50n * token, { dayBudget: tokenAmount(first) })
  const { world, payer, id } = made
  await world.until('it is spent', () => isUsedUp(made, first), 60_000)
  await payer.run({ type: 'set-speed', dayBudget: tokenAmount(2n * first) })
  await world.until('it buys again', () => isHolding(payer, id))
  await world.until('that is spent, too', () => isUsedUp(made, 2n * first), 60_000)
  assert.ok(speedOf(payer, id).spent <= 2n * first)
})

test('near the end of a download the window shrinks with what is left, down to the first one', async () => {
  const { tell } = SpeedLink.prototype
  const { handle } = Payer.prototype
  const windows: { readonly bytes: number; readonly lackingBytes: number }[] = []
  const remaining: number[] = []
  let payer: Machine | undefined
  SpeedLink.prototype.tell = function (message) {
    if (message.type === 'acknowledge' && payer !== undefined) {
      const [torrent] = payer.session.snapshot().torrents
      windows.push({ bytes: message.windowBytes, lackingBytes: lengthBytes - present(torrent, 'a torrent').doneBytes })
    }
    return tell.call(this, message)
  }
  Payer.prototype.handle = function (input, nowMs) {
    if (input.type === 'rate') remaining.push(input.remainingBytes)
    handle.call(this, input, nowMs)
  }
  const lengthBytes = 80 * mebibyte
  try {
    const world = newWorld()
    const ledger = world.ledger()
    const content = makeContent({ version: 'v2', lengths: [lengthBytes], pieceLengthBytes: mebibyte })
    const seller = await sellerOf(world, ledger, content, '10.0.0.1', slowly(8_000_000))
    payer = payerAt(world, ledger, '10.0.0.2')
    await payer.start()
    const id = await payer.add(content.metainfo, { peers: [seller.endpoint], budget: plenty })
    const { torrent } = payer
    await world.until('finished', () => torrent.call(payer, id).isFinished)
    await world.until('everything settled', () => isQuiet(ledger), 900_000)
  } finally {
    Object.assign(SpeedLink.prototype, { tell })
    Object.assign(Payer.prototype, { handle })
  }
  const most = Math.max(...windows.map(({ bytes }) => bytes))
  assert.ok(most >= 2 * mebibyte, `it grew to ${most}`)
  // What came in the last moment the seller was not told of yet.
  const underWayBytes = 4 * mebibyte
  for (const { bytes, lackingBytes } of windows) {
    assert.ok(bytes <= Math.max(mebibyte, (lackingBytes + underWayBytes) / 2), `${bytes} of ${lackingBytes}`)
  }
  assert.equal(windows.at(-1)?.bytes, mebibyte)
  const told = remaining.filter((bytes) => bytes < Number.MAX_SAFE_INTEGER)
  assert.ok(told.length > 3, 'the payer pays by what is left, too')
  assert.deepEqual(
    told,
    [...told].sort((one, other) => other - one),
  )
})

test('fewer slots are fewer shares to be sold, from the next epoch on', async () => {
  const { world, seller, payer, id } = await sale(50n * token)
  await world.until('a share', () => isHolding(payer, id))
  assert.equal(speedOf(seller, id).shares, 4)
  await seller.run({ type: 'set-limits', id, limits: { maxSlots: 2 } })
  assert.equal(speedOf(seller, id).shares, 0)
  await world.until('it is taken back', () => !isHolding(payer, id), 25_000)
  await seller.run({ type: 'set-limits', id, limits: { maxSlots: 3 } })
  await world.until('one is sold', () => isHolding(payer, id), 25_000)
})
