// Rate limits of whole sessions: kept within 5 % over 10 s, both ways, for few peers and many; and the same history
// from the same seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TorrentLimits } from '../../src/session/commands.ts'
import type { SessionConfig } from '../../src/session/session-config.ts'
import { noRateLimits } from '../../src/session/session-config.ts'
import { type Machine, makeContent, World } from './session-harness.ts'

const rate = 200_000
const limited = { downloadBytesPerSecond: rate, uploadBytesPerSecond: rate }

async function swarm(
  world: World,
  leecherCount: number,
  lengthBytes: number,
  config: Partial<SessionConfig>,
  limits: Partial<TorrentLimits> = {},
) {
  const content = makeContent({ lengths: [lengthBytes] })
  const seeder = world.machine('10.0.1.1')
  seeder.put(content)
  await seeder.start({ exemptLocalNetwork: false, ...config })
  const id = await seeder.add(content.metainfo)
  await world.until('seeding', () => seeder.stateOf(id) === 'seeding')
  const leechers: Machine[] = []
  for (let index = 0; index < leecherCount; index++) {
    const leecher = world.machine(`10.0.0.${index + 1}`)
    await leecher.start({ exemptLocalNetwork: false })
    await leecher.add(content.metainfo, { peers: [seeder.endpoint], limits })
    leechers.push(leecher)
  }
  return { seeder, leechers, id, content }
}

function assertRate(bytes: number, seconds: number): void {
  const share = bytes / (rate * seconds)
  assert.ok(share > 0.95 && share < 1.05, `${Math.round(share * 100)} % of the limit`)
}

for (const count of [1, 8]) {
  test(`an upload limit of the session holds for ${count} peers, protocol included`, async () => {
    const world = new World()
    const { seeder } = await swarm(world, count, 6_000_000, { rates: { ...noRateLimits, uploadBytesPerSecond: rate } })
    await world.clock.run(3_000)
    const before = seeder.session.snapshot().uploadedBytes
    await world.clock.run(10_000)
    assertRate(seeder.session.snapshot().uploadedBytes - before, 10)
  })
}

test('a download limit of a torrent holds, changes at once, and alternative limits can be switched on and off', async () => {
  const world = new World()
  const { leechers, id } = await swarm(world, 1, 30_000_000, {}, limited)
  const leecher = leechers[0] as Machine
  await world.clock.run(3_000)
  const measured = async () => {
    const before = leecher.torrent(id).downloadedBytes
    await world.clock.run(10_000)
    return leecher.torrent(id).downloadedBytes - before
  }
  assertRate(await measured(), 10)
  await leecher.run({ type: 'set-alternative-rates', rates: limited })
  await leecher.run({ type: 'use-alternative-rates', enabled: true })
  await leecher.run({ type: 'set-limits', id, limits: { downloadBytesPerSecond: Number.POSITIVE_INFINITY } })
  await world.clock.run(3_000)
  assertRate(await measured(), 10)
  await leecher.run({ type: 'use-alternative-rates', enabled: false })
  await world.until('the rest at full speed', () => leecher.torrent(id).isFinished, 20_000)
})

test('the local network is exempt when it is said to be', async () => {
  const world = new World()
  const { leechers, id } = await swarm(world, 1, 3_000_000, { exemptLocalNetwork: true, rates: limited })
  await world.until('all at once', () => leechers[0]?.torrent(id).isFinished === true, 5_000)
})

test('the same seed makes the same history, to the last byte and millisecond', async () => {
  const histories: unknown[] = []
  for (let run = 0; run < 2; run++) {
    const world = new World(7)
    const { leechers, id, seeder } = await swarm(world, 3, 700_000, {})
    await world.until('all', () => leechers.every((leecher) => leecher.torrent(id).isFinished))
    histories.push({
      nowMs: world.clock.nowMs(),
      torrents: [seeder, ...leechers].map((machine) => machine.torrent(id)),
      changes: leechers.map((leecher) => leecher.session.changesSince(0)),
    })
  }
  assert.deepEqual(histories[0], histories[1])
})
