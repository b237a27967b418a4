// Jobs with a deadline between whole sessions: asked for, won by the cheapest, delivered, paid for and settled on a ledger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import type { World } from '../../sim/world/world.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import type { SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import { jobListRoot } from '../../src/market/sealing.ts'
import { SpeedLink } from '../../src/peer/speed-link.ts'
import type { TorrentId } from '../../src/session/commands.ts'
import { SpeedConnection } from '../../src/session/speed-connection.ts'
import { newWorld } from './session-world.ts'
import {
  assertConserved,
  awardsOf,
  claimedOf,
  costOf,
  isQuiet,
  payerAt,
  sellerOf,
  slowly,
  speedConfig,
  speedOf,
  token,
  walletOf,
  watchStatements,
} from './speed-world.ts'

interface Market {
  readonly world: World
  readonly ledger: SimulatedLedger
  readonly content: Content
  readonly sellers: readonly Machine[]
  readonly payer: Machine
  readonly id: TorrentId
}

interface Setting {
  /** Of each seller, in tenths of the usual price. */
  readonly tenths: readonly number[]
  readonly lengthBytes?: number
  readonly deadlineInMs?: number
  readonly most?: TokenAmount
  readonly seed?: number
  /** The budget comes later. */
  readonly isUnpaidFirst?: boolean
}

function priceOf(tenths: number): TokenAmount {
  return tokenAmount((speedConfig({}).startPrice * BigInt(tenths)) / 10n)
}

async function market(setting: Setting): Promise<Market> {
  const { tenths, lengthBytes = 16_000_000, deadlineInMs = 100_000, most = tokenAmount(50n * token) } = setting
  const world = newWorld(setting.seed ?? 1)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [lengthBytes], pieceLengthBytes: 65_536 })
  const sellers: Machine[] = []
  for (const [index, tenth] of tenths.entries()) {
    const price = priceOf(tenth)
    const speed = speedConfig({ earns: true, startPrice: price, floorPrice: price, capPrice: price })
    sellers.push(await sellerOf(world, ledger, content, `10.0.0.${index + 1}`, { ...slowly(400_000), speed }))
  }
  const payer = payerAt(world, ledger, '10.0.1.1', slowly(0))
  await payer.start()
  const peers = sellers.map(({ endpoint }) => endpoint)
  const budget = setting.isUnpaidFirst === true ? {} : { budget: { most, deadlineInMs } }
  const id = await payer.add(content.metainfo, { peers, ...budget })
  return { world, ledger, content, sellers, payer, id }
}

async function settled({ world, ledger, payer, id }: Market): Promise<void> {
  await world.until('finished', () => payer.torrent(id).isFinished, 600_000)
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(payer, id).locked === 0n, 900_000)
}

test('with a deadline units go to the cheapest asks, all of whom get what the dearest of them or more asked', async () => {
  const watched = watchStatements()
  const made = await market({ tenths: [10, 11, 12, 30], lengthBytes: 12_500_000 })
  const { ledger, sellers, payer, id } = made
  await settled(made)
  watched.end()
  const awards = watched.all.filter((statement) => statement.type === 'job-award')
  const won = awards.filter(({ units }) => units > 0)
  assert.equal(awards.length, 4)
  assert.equal(won.length, 3)
  for (const { units, pay, openings, ceiling } of won) {
    assert.ok(pay <= ceiling * BigInt(units))
    assert.ok(pay >= priceOf(12) * BigInt(units))
    assert.equal(openings.length, 4)
  }
  const bought = await awardsOf(payer)
  assert.equal(bought.filter(({ reason }) => reason === 'job').length, won.length)
  assert.equal(claimedOf(ledger), speedOf(payer, id).spent - ledger.terms.openFee * BigInt(ledger.lanes.size))
  assert.ok(speedOf(payer, id).boughtBytes > 5_000_000)
  assertConserved(ledger, [...sellers, payer])
})

test('a budget is never passed, buys what it lasts for, and what it cannot pay for comes for nothing', async () => {
  const most = tokenAmount(costOf(10_000_000) + token / 100n)
  const made = await market({ tenths: [10, 12], most })
  const { ledger, sellers, payer, id } = made
  await settled(made)
  assert.ok(speedOf(payer, id).spent <= most)
  const { boughtBytes } = speedOf(payer, id)
  assert.ok(boughtBytes > 7_000_000, `${boughtBytes} bytes were bought`)
  assert.ok(claimedOf(ledger) > 0n)
  assertConserved(ledger, [...sellers, payer])
})

test('of a provider that was seen to be slow no more counts than it can bring until the deadline', async () => {
  const { toSign } = SpeedLink.prototype
  const requests: Extract<SpeedStatement, { readonly type: 'job-request' }>[] = []
  SpeedLink.prototype.toSign = function (statement) {
    if (statement.type === 'job-request') requests.push(statement)
    return toSign.call(this, statement)
  }
  try {
    const made = await market({ tenths: [10, 10], lengthBytes: 60_000_000, isUnpaidFirst: true })
    const { world, payer, id } = made
    await world.until('both were measured', () => payer.torrent(id).doneBytes > 4_000_000)
    await payer.run({ type: 'set-budget', id, budget: { most: tokenAmount(50n * token), deadlineInMs: 30_000 } })
    await world.until('asked', () => requests.length > 0)
    const [request] = requests
    assert.ok(request !== undefined && request.units > 40)
    // 400 kB/s for 30 s, measured over moments.
    for (const { mostUnits } of request.seats) assert.ok(mostUnits > 4 && mostUnits < 24, `${mostUnits}`)
  } finally {
    Object.assign(SpeedLink.prototype, { toSign })
  }
})

test('of a provider that goes away its rest is bought of the others, and its name has a default', async () => {
  const watched = watchStatements()
  const { world, sellers, payer, id } = await market({ tenths: [10, 11, 12] })
  const isAwarded = () => watched.all.some(({ type }) => type === 'job-award')
  await world.until('awards', isAwarded)
  watched.end()
  await world.clock.run(3_000)
  assert.ok((await awardsOf(payer)).some(({ reason }) => reason === 'job'))
  const [cheapest] = sellers
  assert.ok(cheapest !== undefined)
  cheapest.kill()
  await world.until('finished', () => payer.torrent(id).isFinished, 600_000)
  const known = walletOf(payer).disk.entries('speed-providers', { order: 'ascending', maxCount: 10 })
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)
  const ofCheapest = known.find(({ key }) => text(key).endsWith(walletOf(cheapest).account))
  assert.equal(text(ofCheapest?.value), '1 1')
})

test('units come in a stretch that begins once and ends once, on each connection', async () => {
  const counts = new Map<SpeedConnection, number>()
  const { state } = SpeedConnection.prototype
  SpeedConnection.prototype.state = function (statement) {
    if (statement.type === 'walk-in-award') counts.set(this, 1)
    if (statement.type === 'share-lost') {
      assert.equal(counts.get(this), 1, 'a stretch that is on')
      counts.set(this, 0)
    }
    return state.call(this, statement)
  }
  await settled(await market({ tenths: [10, 10, 10], seed: 5 }))
  SpeedConnection.prototype.state = state
  assert.equal(counts.size, 3)
})

test('a requester that signs two lists is found out, and what it signed is kept', async () => {
  const watched = watchStatements()
  const { state } = SpeedConnection.prototype
  SpeedConnection.prototype.state = function (statement) {
    state.call(this, statement)
    const request = watched.all.find((other) => other.type === 'job-request')
    if (statement.type !== 'job-list' || request?.type !== 'job-request' || this.buying === undefined) return
    const commitments = statement.commitments.slice(1)
    const listRoot = jobListRoot(this.buying.own, request, commitments)
    state.call(this, { ...statement, commitments, listRoot })
  }
  const { world, sellers } = await market({ tenths: [10, 10] })
  const proofsOf = (machine: Machine) =>
    walletOf(machine).disk.entries('speed-proofs', { order: 'ascending', maxCount: 10 })
  await world.until('found out', () => sellers.every((seller) => proofsOf(seller).length > 0), 60_000)
  SpeedConnection.prototype.state = state
  watched.end()
})

test('whatever the prices, budget and deadline, no more than the budget is paid, and all adds up', async () => {
  let jobs = 0
  for (let seed = 1; seed <= 8; seed++) {
    const random = newWorld(seed).randomOf('market')
    const upTo = (limit: number) => random.below(limit)
    const tenths = Array.from({ length: 1 + upTo(4) }, () => 5 + upTo(20))
    const lengthBytes = 6_000_000 + upTo(8_000_000)
    const most = tokenAmount((costOf(lengthBytes) * BigInt(4 + upTo(20))) / 10n)
    const made = await market({ tenths, lengthBytes, most, deadlineInMs: 25_000 + upTo(90_000), seed })
    await settled(made)
    jobs += (await awardsOf(made.payer)).filter(({ reason }) => reason === 'job').length
    assert.ok(speedOf(made.payer, made.id).spent <= most)
    assertConserved(made.ledger, [...made.sellers, made.payer])
  }
  assert.ok(jobs >= 5, `${jobs} shares of jobs`)
})

test('a requester whose program ends in the middle of a job goes on with what is left of budget and deadline', async () => {
  const watched = watchStatements()
  const most = tokenAmount(50n * token)
  const made = await market({ tenths: [10, 11], lengthBytes: 14_000_000, deadlineInMs: 200_000, most })
  const { world, payer, id } = made
  const jobs = () => new Set(watched.all.flatMap((one) => (one.type === 'job-award' ? [one.job] : [])))
  await world.until('a job', () => jobs().size === 1)
  await world.clock.run(2_000)
  payer.kill()
  await world.clock.run(1_000)
  await payer.start()
  await world.until('another job', () => jobs().size === 2 || payer.torrent(id).isFinished, 120_000)
  await settled(made)
  watched.end()
  assert.equal(jobs().size, 2)
  assert.ok(speedOf(payer, id).spent <= most)
  assertConserved(made.ledger, [...made.sellers, payer])
})
