// Whole sessions on a simulated network: content moves, in all versions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { newWorld } from './session-world.ts'

for (const version of ['v1', 'v2', 'hybrid'] as const) {
  test(`a ${version} torrent moves from one session to another, and both know that they have it`, async () => {
    const world = newWorld()
    const content = makeContent({ version, lengths: [300_000, 5, 120_000] })
    const seeder = world.machine('10.0.0.1')
    const leecher = world.machine('10.0.0.2')
    seeder.put(content)
    await seeder.start()
    await leecher.start()
    const seeded = await seeder.add(content.metainfo)
    await world.until('seeding', () => seeder.stateOf(seeded) === 'seeding')
    const id = await leecher.add(content.metainfo, { peers: [seeder.endpoint] })
    await world.until('finished', () => leecher.torrent(id).isFinished)
    await world.until('whole files', () => leecher.has(content), 5_000)
    assert.equal(leecher.stateOf(id), 'seeding')
    await leecher.stop()
    await seeder.stop()
  })
}
