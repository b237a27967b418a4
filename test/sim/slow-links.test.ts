// Links so slow that a block takes many seconds: little waits in their streams, so that a choke or a cancel still counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { SimulatedTracker } from '../../sim/world/simulated-tracker.ts'
import { newWorld } from '../session/session-world.ts'

test('no more than two blocks wait in the stream of a slow peer', async () => {
  const world = newWorld()
  const tracker = new SimulatedTracker(world, '11.0.0.1')
  const content = makeContent({ lengths: [1_000_000], trackers: [[tracker.url]] })
  const seed = world.machine('20.0.0.1', { uploadBytesPerSecond: 2_000 })
  seed.put(content)
  await seed.start()
  const id = await seed.add(content.metainfo)
  const leecher = world.machine('21.0.0.1')
  await leecher.start()
  await leecher.add(content.metainfo)
  for (let atSeconds = 0; atSeconds < 60; atSeconds++) {
    await world.clock.run(1_000)
    const waitingBytes = seed.torrent(id).uploadedBytes - world.network.trafficOf(seed.address).sentBytes
    assert.ok(waitingBytes <= 2 * 16_384, `${waitingBytes} bytes wait`)
  }
  assert.ok(world.network.trafficOf(seed.address).sentBytes > 100_000)
})
