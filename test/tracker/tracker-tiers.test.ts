// Which tracker is announced to: tiers (BEP 12), private torrents (BEP 27), changes of the list.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ClientHarness, response } from './client-harness.ts'
import { seededRandom } from './seeded-random.ts'

const a = 'http://a.example/announce'
const b = 'http://b.example/announce'
const c = 'http://c.example/announce'
const d = 'udp://d.example:6969'
const minute = 60_000

const order = (harness: ClientHarness) => harness.client.snapshot(0).map(({ url }) => url)

/** A tier whose order is known. */
function arranged(tiers: readonly (readonly string[])[], wanted: readonly string[], isPrivate = false): ClientHarness {
  for (let seed = 1; seed < 200; seed++) {
    const harness = new ClientHarness(tiers, { random: seededRandom(seed * 7919), isPrivate })
    if (order(harness).join() === wanted.join()) return harness
  }
  return assert.fail(`no shuffle gives ${wanted.join()}`)
}

describe('tiers', () => {
  test('each tier is shuffled, and the tiers stay in order', () => {
    const seen = new Set<string>()
    for (let seed = 1; seed <= 100; seed++) {
      const harness = new ClientHarness([[a, b, c], [d]], { random: seededRandom(seed * 7919) })
      assert.equal(order(harness)[3], d)
      seen.add(order(harness).slice(0, 3).join())
    }
    assert.equal(seen.size, 6)
  })

  test('while the first tracker answers no other is asked', () => {
    const harness = new ClientHarness([[a], [b], [c]]).started()
    for (let round = 0; round < 5; round++) {
      harness.pass(32 * minute)
      const announce = harness.announce()
      assert.equal(announce.url, a)
      harness.answer(announce)
    }
  })

  test('the next of the tier is asked when one fails, is promoted when it answers, and is then the one', () => {
    const harness = arranged([[a, b, c], [d]], [a, b, c, d]).input({ type: 'start' })
    harness.fail(harness.announce())
    const second = harness.announce()
    assert.equal(second.url, b)
    harness.answer(second)
    assert.deepEqual(order(harness), [b, a, c, d])
    harness.pass(29 * minute).noAnnounce()
    harness.pass(3 * minute)
    assert.equal(harness.announce().url, b)
  })

  test('the next tier is asked only when all of a tier failed, and the first again when its time has come', () => {
    const harness = arranged([[a, b], [c]], [a, b, c]).input({ type: 'start' })
    for (const url of [a, b]) {
      const announce = harness.announce()
      assert.equal(announce.url, url)
      harness.fail(announce)
    }
    const fallback = harness.announce()
    assert.equal(fallback.url, c)
    harness.answer(fallback)
    assert.equal(harness.stateOf(c).state.type, 'working')
    harness.pass(20_000)
    const retried = harness.take('announce')
    assert.deepEqual(retried.map(({ url }) => url).sort(), [a, b])
    harness.answer(retried.find(({ url }) => url === a) ?? assert.fail())
    assert.equal(harness.stateOf(c).state.type, 'idle')
    harness.pass(29 * minute).noAnnounce()
  })

  test('a tracker refusing the torrent has failed like any other', () => {
    const harness = new ClientHarness([[a], [b]]).input({ type: 'start' })
    harness.answer(harness.announce(), { kind: 'failure', reason: 'not registered' })
    assert.equal(harness.announce().url, b)
  })

  test('a tracker that keeps silent for ten seconds is not waited for', () => {
    const harness = new ClientHarness([[a], [b]]).input({ type: 'start' })
    const first = harness.announce()
    harness.pass(9_999).noAnnounce()
    harness.pass(1)
    assert.equal(harness.announce().url, b)
    harness.answer(first)
    assert.equal(harness.stateOf(a).state.type, 'working')
  })

  test('with all tiers in use one tracker of each is announced to', () => {
    const harness = new ClientHarness([[a, b], [c], [d]], { usesAllTiers: true }).input({ type: 'start' })
    const announces = harness.take('announce')
    assert.equal(announces.length, 3)
    assert.deepEqual(
      announces.slice(1).map(({ url }) => url),
      [c, d],
    )
    const isolated = new ClientHarness([[a], [c]], { usesAllTiers: true, isPrivate: true }).input({ type: 'start' })
    isolated.announce()
  })

  test('URLs that no tracker has are passed over, and named twice they count once', () => {
    const harness = new ClientHarness([['', 'ftp://x/announce', 'http://'], [a], [a, a]]).input({ type: 'start' })
    assert.equal(harness.announce().url, a)
    assert.equal(order(harness).filter((url) => url === a).length, 1)
  })

  test('at most 200 trackers are kept', () => {
    const many = Array.from({ length: 500 }, (_, index) => [`http://t${index}.example/announce`])
    assert.equal(order(new ClientHarness(many)).length, 200)
  })

  test('a tracker that has long forgotten us hears no stopped', () => {
    const harness = arranged([[a], [b]], [a, b]).input({ type: 'start' })
    harness.fail(harness.announce())
    harness.answer(harness.announce()).pass(20_000)
    for (let round = 0; round < 3; round++) harness.answer(harness.announce()).pass(32 * minute)
    harness.answer(harness.announce()).input({ type: 'stop', timeoutMs: 1_000 })
    assert.equal(harness.announce().url, a)
  })

  test('stopped goes to every tracker that still remembers us', () => {
    const harness = arranged([[a], [b]], [a, b]).input({ type: 'start' })
    harness.fail(harness.announce())
    harness.answer(harness.announce()).pass(20_000)
    harness.answer(harness.announce()).input({ type: 'stop', timeoutMs: 1_000 })
    const farewells = harness.take('announce')
    assert.deepEqual(
      farewells.map(({ url, announce }) => `${url} ${announce.event}`),
      [`${a} stopped`, `${b} stopped`],
    )
  })
})

describe('private torrents (BEP 27)', () => {
  test('one tracker at a time, however slow', () => {
    const harness = new ClientHarness([[a], [b]], { isPrivate: true }).input({ type: 'start' })
    harness.announce()
    harness.pass(2 * minute).noAnnounce()
  })

  test('a change of trackers drops the peers of the old one, which hears stopped', () => {
    const harness = arranged([[a], [b]], [a, b], true).input({ type: 'start' })
    harness.fail(harness.announce())
    harness.answer(harness.announce())
    assert.deepEqual(harness.take('drop-peers'), [], 'the first tracker has nothing to drop')
    harness.pass(20_000)
    const peers = [{ family: 4, address: '192.0.2.7', port: 51413 }] as const
    harness.answer(harness.announce(), response({ peers }))
    const afterwards = harness.outputs.map(({ type }) => type)
    assert.deepEqual(harness.take('drop-peers'), [{ type: 'drop-peers', url: a }])
    assert.ok(afterwards.indexOf('drop-peers') < afterwards.indexOf('peers'), 'new peers come after the drop')
    const farewell = harness.announce()
    assert.deepEqual([farewell.url, farewell.announce.event], [b, 'stopped'])
    harness
      .fail(farewell)
      .pass(29 * minute)
      .noAnnounce()
    assert.deepEqual(harness.take('drop-peers'), [])
  })

  test('the peers of public torrents stay', () => {
    const harness = arranged([[a], [b]], [a, b]).input({ type: 'start' })
    harness.fail(harness.announce())
    harness.answer(harness.announce()).pass(20_000)
    harness.answer(harness.announce())
    assert.deepEqual(harness.take('drop-peers'), [])
    harness.noAnnounce()
  })
})

describe('changing the list', () => {
  test('trackers that stay go on, those that went hear stopped, new ones are announced to in their turn', () => {
    const harness = new ClientHarness([[a], [b]]).started()
    harness.input({ type: 'set-trackers', tiers: [[b], [a]] })
    const fresh = harness.announce()
    assert.deepEqual([fresh.url, fresh.announce.event], [b, 'started'])
    harness.answer(fresh).input({ type: 'set-trackers', tiers: [[b], [c]] })
    const farewell = harness.announce()
    assert.deepEqual([farewell.url, farewell.announce.event], [a, 'stopped'])
    assert.deepEqual(order(harness), [b, c])
    assert.equal(harness.stateOf(b).state.type, 'working')
    harness
      .answer(farewell)
      .pass(29 * minute)
      .noAnnounce()
  })

  test('a tracker that went while it was asked is not believed any more', () => {
    const harness = new ClientHarness([[a]]).input({ type: 'start' })
    const asked = harness.announce()
    harness.input({ type: 'set-trackers', tiers: [] })
    assert.deepEqual(harness.take('cancel'), [{ type: 'cancel', ticket: asked.ticket }])
    const farewell = harness.announce()
    harness.answer(asked, response({ peers: [{ family: 4, address: '192.0.2.7', port: 1 }] }))
    harness.answer(farewell, response({ peers: [{ family: 4, address: '192.0.2.7', port: 1 }] }))
    assert.deepEqual(harness.take('peers'), [])
    assert.equal(harness.client.nextWakeMs(), Number.POSITIVE_INFINITY)
  })

  test('the end waits for the farewells to trackers that went', () => {
    const harness = new ClientHarness([[a]]).started().input({ type: 'set-trackers', tiers: [] })
    const farewell = harness.announce()
    harness.input({ type: 'stop', timeoutMs: 1_000 })
    assert.deepEqual(harness.take('stopped'), [])
    harness.answer(farewell)
    assert.equal(harness.take('stopped').length, 1)
  })

  test('while stopped the list changes in silence', () => {
    const harness = new ClientHarness([[a]]).input({ type: 'set-trackers', tiers: [[b]] })
    harness.noAnnounce()
    assert.equal(harness.input({ type: 'start' }).announce().url, b)
  })
})
