// Seeders that are paid to stay, between whole sessions: what is owed for it is paid, whoever restarts, and who does not keep
// its word is paid nothing for that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Content, makeContent } from '../../sim/world/content.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { torrentIdOf } from '../../sim/world/torrent-id.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { BuyingSide } from '../../src/session/buying-side.ts'
import type { TorrentBudget } from '../../src/session/commands.ts'
import type { SpeedConfig } from '../../src/session/session-config.ts'
import type { SpeedEvent } from '../../src/session/snapshots.ts'
import { newWorld } from './session-world.ts'
import { assertConserved, claimedOf, isQuiet, sellerOf, slowly, speedConfig, speedOf, token } from './speed-world.ts'

const hourMs = 3_600_000
const most = tokenAmount(20n * token)

interface Staying {
  readonly budget?: TorrentBudget
  readonly speed?: Partial<SpeedConfig>
}

/** Who has the content and pays one seeder to stay for an hour, at 10.0.0.1; and one at 10.0.0.2 who comes for the content. */
async function stayingPair({ budget, speed = {} }: Staying = {}) {
  const world = newWorld(3)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [300_000, 20_000], pieceLengthBytes: 65_536 })
  const id = torrentIdOf(content)
  const owner = world.machine('10.0.0.1', {
    ledger,
    config: { exemptLocalNetwork: false, speed: speedConfig({ pays: true }) },
  })
  owner.put(content)
  await owner.start()
  await owner.add(content.metainfo, { budget: budget ?? { most, staying: { forMs: hourMs, seeders: 1 } } })
  await world.until('seeding', () => owner.stateOf(id) === 'seeding')
  const newcomer = async (address: string, changes: Partial<SpeedConfig>): Promise<Machine> => {
    const config = { exemptLocalNetwork: false, speed: speedConfig({ earns: true, ...changes }) }
    const machine = world.machine(address, { ledger, config })
    await machine.start()
    await machine.add(content.metainfo, { peers: [owner.endpoint] })
    return machine
  }
  const seeder = await newcomer('10.0.0.2', speed)
  const isSettled = () => isQuiet(ledger) && speedOf(owner, id).locked === 0n
  return { world, ledger, content, owner, seeder, id, newcomer, isSettled }
}

function earned(machine: Machine, content: Content): TokenAmount {
  return speedOf(machine, torrentIdOf(content)).earned
}

/** What was told of stays so far. */
function told(machine: Machine): readonly Extract<SpeedEvent, { readonly type: `stay-${string}` }>[] {
  const changes = machine.session.changesSince(0)
  assert.ok(changes.type === 'changes')
  return changes.changes.flatMap((change) =>
    change.type === 'speed' && change.event.type.startsWith('stay-') ? [change.event as never] : [],
  )
}

test('a seeder is paid for each interval that it stays, out of the budget, until the time is over', async () => {
  const { world, ledger, content, owner, seeder, id, isSettled } = await stayingPair()
  await world.until('staying', () => speedOf(owner, id).stays.length === 1)
  const [stay] = speedOf(owner, id).stays
  assert.equal(stay?.side, 'paying')
  assert.deepEqual(
    speedOf(seeder, id).stays.map(({ side, perHour }) => [side, perHour]),
    [['earning', stay?.perHour]],
  )
  await world.until('half of it', () => earned(seeder, content) > token * 8n, hourMs)
  assert.ok(world.clock.nowMs() > 0.35 * hourMs)
  await world.until('over', () => speedOf(owner, id).stays.length === 0 && world.clock.nowMs() > hourMs, 2 * hourMs)
  await world.until('everything settled', isSettled)
  assert.equal(earned(seeder, content), claimedOf(ledger))
  assert.ok(claimedOf(ledger) > (most * 8n) / 10n && claimedOf(ledger) <= most, `${claimedOf(ledger)}`)
  assertConserved(ledger, [owner, seeder])
})

test('two that have everything, and meet for the first time, agree on staying', async () => {
  const world = newWorld(3)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [300_000], pieceLengthBytes: 65_536 })
  const seeder = await sellerOf(world, ledger, content, '10.0.0.2')
  const owner = world.machine('10.0.0.1', {
    ledger,
    config: { exemptLocalNetwork: false, speed: speedConfig({ pays: true }) },
  })
  owner.put(content)
  await owner.start()
  const staying = { forMs: hourMs, seeders: 1 }
  const id = await owner.add(content.metainfo, { peers: [seeder.endpoint], budget: { most, staying } })
  await world.until('staying', () => speedOf(owner, id).stays.length === 1 && speedOf(seeder, id).stays.length === 1)
})

test('who bought a download pays its seeders to stay on, out of what that left', async () => {
  const world = newWorld(4)
  const ledger = world.ledger()
  const content = makeContent({ lengths: [3_000_000], pieceLengthBytes: 65_536 })
  const seeder = await sellerOf(world, ledger, content, '10.0.0.2', slowly(300_000))
  const speed = speedConfig({ pays: true })
  const owner = world.machine('10.0.0.1', { ledger, config: { exemptLocalNetwork: false, speed } })
  await owner.start()
  const staying = { forMs: 600_000, seeders: 1 }
  const id = await owner.add(content.metainfo, { peers: [seeder.endpoint], budget: { most, staying } })
  await world.until('staying', () => speedOf(owner, id).stays.length === 1)
  const bought = speedOf(owner, id).boughtBytes
  assert.ok(bought > 2_000_000 && owner.torrent(id).isFinished)
  await world.until('over', () => speedOf(owner, id).stays.length === 0, 2 * hourMs)
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(owner, id).locked === 0n, hourMs)
  assert.equal(speedOf(owner, id).boughtBytes, bought)
  assert.equal(earned(seeder, content), claimedOf(ledger))
  assert.ok(claimedOf(ledger) > (most * 7n) / 10n && claimedOf(ledger) <= most, `${claimedOf(ledger)}`)
  assertConserved(ledger, [owner, seeder])
})

test('a seeder whose content is gone is paid for nothing, and asked no more', async () => {
  const { world, ledger, content, owner, seeder, id, isSettled } = await stayingPair()
  await world.until('staying', () => speedOf(owner, id).stays.length === 1)
  for (const { path, bytes } of content.files)
    seeder.disk.put(`/content/${path.join('/')}`, new Uint8Array(bytes.length))
  await world.until('over', () => speedOf(owner, id).stays.length === 0, hourMs)
  assert.ok(
    told(owner).some((event) => event.type === 'stay-ended' && event.why === 'wrong-answer' && event.amount === 0n),
  )
  await world.until('everything settled', isSettled, hourMs)
  const overMs = world.clock.nowMs()
  await world.until('time passes', () => world.clock.nowMs() > overMs + 900_000, hourMs)
  assert.equal(told(owner).filter(({ type }) => type === 'stay-began').length, 1)
  assert.equal(claimedOf(ledger), 0n)
})

test('a seeder asks what an hour costs its owner, and who offers less is told so', async () => {
  const least = tokenAmount(100n * token)
  const { world, owner, seeder, id } = await stayingPair({ speed: { leastPerHour: least } })
  await world.until('refused', () => told(owner).length > 0)
  const [refused] = told(owner)
  assert.ok(refused?.type === 'stay-refused' && refused.why === 'too-cheap' && refused.leastPerHour === least)
  assert.deepEqual(speedOf(seeder, id).stays, [])
})

test('whoever dies and comes again stays on, and nothing is paid twice', async () => {
  const { world, ledger, content, owner, seeder, id } = await stayingPair()
  for (const dying of [owner, seeder, owner, seeder]) {
    await world.until('staying', () => speedOf(owner, id).stays.length === 1, hourMs)
    const begunMs = world.clock.nowMs()
    // In the middle of an interval, and when its payment is under way.
    const diesMs = begunMs + (dying === owner ? 300_010 : 450_000)
    await world.until('time passes', () => world.clock.nowMs() > diesMs, hourMs)
    dying.kill(true)
    await dying.start()
  }
  await world.until('over', () => speedOf(owner, id).stays.length === 0 && world.clock.nowMs() > hourMs, 2 * hourMs)
  await world.until('everything settled', () => isQuiet(ledger) && speedOf(owner, id).locked === 0n, 2 * hourMs)
  assert.equal(earned(seeder, content) <= claimedOf(ledger), true)
  assert.ok(claimedOf(ledger) > most / 3n && claimedOf(ledger) <= most, `${claimedOf(ledger)}`)
  assertConserved(ledger, [owner, seeder])
})

test('who does not pay is stayed for no second interval, and that is remembered', async () => {
  const { oweBesides } = BuyingSide.prototype
  BuyingSide.prototype.oweBesides = () => undefined
  try {
    const { world, ledger, owner, seeder, id } = await stayingPair()
    await world.until('staying', () => speedOf(seeder, id).stays.length === 1)
    await world.until('over', () => told(seeder).some(({ type }) => type === 'stay-ended'), hourMs)
    const ended = told(seeder).find((event) => event.type === 'stay-ended')
    assert.ok(ended?.type === 'stay-ended' && ended.why === 'not-paid')
    assert.ok(ended.amount > 0n && ended.amount <= most / 11n)
    assert.equal(claimedOf(ledger), 0n)
    assert.ok(owner.isUp)
  } finally {
    BuyingSide.prototype.oweBesides = oweBesides
  }
})

test('the owner may end it, and what was proved by then is paid', async () => {
  const { world, ledger, content, owner, seeder, id, isSettled } = await stayingPair()
  await world.until('an interval', () => earned(seeder, content) > 0n, hourMs)
  await owner.run({ type: 'set-budget', id, budget: undefined })
  await world.until('everything settled', isSettled)
  assert.equal(earned(seeder, content), claimedOf(ledger))
  assert.deepEqual(speedOf(owner, id).stays, [])
  assertConserved(ledger, [owner, seeder])
})

test('no more seeders are paid than were asked for, and another one takes the place of who leaves', async () => {
  const { world, owner, seeder, id, newcomer } = await stayingPair()
  const second = await newcomer('10.0.0.3', {})
  await world.until('staying', () => speedOf(owner, id).stays.length === 1)
  await world.until('both have it', () => second.torrent(id).isFinished && seeder.torrent(id).isFinished)
  const settledMs = world.clock.nowMs()
  await world.until('time passes', () => world.clock.nowMs() > settledMs + 60_000)
  assert.equal(speedOf(owner, id).stays.length, 1)
  const paid = [seeder, second].find((machine) => speedOf(machine, id).stays.length === 1)
  await paid?.stop()
  const other = paid === seeder ? second : seeder
  await world.until('the other stays', () => speedOf(other, id).stays.length === 1, hourMs)
})
