// Two trackers on one Redis server are one swarm; when it is gone each goes on, and when it is back, empty, they are one again.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { toLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { serveTracker, type TrackerService } from '../../src/daemon/serve-tracker.ts'
import { freePort, isMissing } from '../foreign/foreign-program.ts'
import { redis, startRedis } from '../foreign/redis.ts'

const limitMs = 30_000

async function start(t: TestContext, url: string): Promise<TrackerService> {
  const service = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'], redis: url, intervalSeconds: 600 }))
  t.after(() => service.close())
  return service
}

async function ask({ port }: TrackerService, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  return toLatin1(new Uint8Array(await response.arrayBuffer()))
}

async function announce(service: TrackerService, peerPort: number, rest = 'left=5'): Promise<void> {
  const about = `info_hash=${'a'.repeat(20)}&peer_id=${'p'.repeat(20)}&port=${peerPort}&${rest}`
  assert.match(await ask(service, `/announce?${about}`), /8:interval/)
}

async function until(service: TrackerService, complete: number, incomplete: number): Promise<void> {
  const wanted = new RegExp(`8:completei${complete}e.*10:incompletei${incomplete}e`)
  const endMs = performance.now() + limitMs
  for (;;) {
    const text = await ask(service, `/scrape?info_hash=${'a'.repeat(20)}`)
    if (wanted.test(text)) return
    assert.ok(performance.now() < endMs, `${wanted} in time, not ${text}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe('trackers that share a Redis server', () => {
  test('have one swarm, also those that come later, and survive its restart', async (t) => {
    if (isMissing(t, redis)) return
    const port = await freePort()
    let server = await startRedis(port)
    t.after(() => server.stop())
    const [one, two] = [await start(t, server.url), await start(t, server.url)]
    await announce(one, 1_001)
    await announce(two, 1_002, 'left=0')
    for (const service of [one, two]) await until(service, 1, 1)
    const three = await start(t, server.url)
    await until(three, 1, 1)
    await announce(three, 1_001, 'left=0&event=completed')
    for (const service of [one, two, three]) await until(service, 2, 0)
    await announce(three, 1_005)
    for (const service of [one, two]) await until(service, 2, 1)
    await announce(two, 1_005, 'left=5&event=stopped')
    for (const service of [one, three]) await until(service, 2, 0)
    await server.stop()
    await announce(one, 1_003)
    await announce(two, 1_004)
    await until(one, 2, 1)
    server = await startRedis(port)
    for (const service of [one, two, three]) await until(service, 2, 2)
    const four = await start(t, server.url)
    await until(four, 2, 2)
  })

  test('one that cannot be reached is said at the start', async () => {
    const url = `redis://user:secret@127.0.0.1:${await freePort()}`
    const started = await serveTracker({ port: 0, addresses: ['127.0.0.1'], redis: url })
    assert.ok(!started.ok)
    assert.equal(started.code, 'redis-unreachable')
    assert.match(started.detail, /^127\.0\.0\.1:\d+: no answer$/)
    const other = await serveTracker({ port: 0, addresses: ['127.0.0.1'], redis: 'http://127.0.0.1/' })
    assert.equal(!other.ok && other.code, 'redis-unreachable')
  })
})
