// Encrypted connections between whole sessions: whoever can do with what the other wants gets the content, of all
// versions; who cannot does not; who does not answer one way is dialled the other way at once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { listenPort } from '../../sim/world/machine.ts'
import { fromHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { EncryptionPolicy } from '../../src/session/session-config.ts'
import { BookDialler } from '../peer/encryption-harness.ts'
import { quietSink } from '../quiet-sink.ts'
import { newWorld, seedOf } from './session-world.ts'

type Outcome = 'none' | 'opening' | 'all' | 'nothing'

/** Who dials, who accepts, and what becomes of it. */
const pairs: readonly (readonly [EncryptionPolicy, EncryptionPolicy, Outcome])[] = [
  ['allow', 'allow', 'none'],
  ['allow', 'prefer', 'none'],
  ['allow', 'require', 'all'],
  ['allow', 'off', 'none'],
  ['prefer', 'allow', 'opening'],
  ['prefer', 'prefer', 'opening'],
  ['prefer', 'require', 'all'],
  ['prefer', 'off', 'none'],
  ['require', 'allow', 'all'],
  ['require', 'require', 'all'],
  ['require', 'off', 'nothing'],
  ['off', 'allow', 'none'],
  ['off', 'require', 'nothing'],
]

describe('content moves', () => {
  for (const [ours, theirs, outcome] of pairs) {
    test(`from a seed with ${theirs} to one that dials with ${ours}: encrypted is ${outcome}`, async () => {
      const world = newWorld()
      const content = makeContent({ lengths: [300_000, 5] })
      const seed = await seedOf(world, content, '10.0.0.1', { encryption: theirs })
      const leecher = world.machine('10.0.0.2')
      await leecher.start({ encryption: ours })
      const id = await leecher.add(content.metainfo, { peers: [seed.endpoint] })
      if (outcome === 'nothing') {
        await world.clock.run(60_000)
        assert.equal(leecher.torrent(id).connectedPeers, 0)
        assert.ok(leecher.torrent(id).namedPeers.some(({ problems }) => problems.length > 0))
        return
      }
      await world.until('connected', () => leecher.torrent(id).peers.length === 1)
      assert.equal(leecher.torrent(id).peers[0]?.encryption, outcome)
      assert.equal(seed.torrent(id).peers[0]?.encryption, outcome)
      await world.until('finished', () => leecher.torrent(id).isFinished, 20_000)
      await world.until('whole files', () => leecher.has(content), 5_000)
      assert.equal(leecher.torrent(id).downloadedBytes, 300_005)
      assert.deepEqual(
        leecher.torrent(id).namedPeers.flatMap(({ problems }) => problems),
        [],
      )
    })
  }

  for (const version of ['v1', 'v2', 'hybrid'] as const) {
    test(`of a ${version} torrent, metadata first, all encrypted`, async () => {
      const world = newWorld()
      const content = makeContent({ version, lengths: [300_000, 120_000] })
      const seed = await seedOf(world, content, '10.0.0.1', { encryption: 'require' })
      const leecher = world.machine('10.0.0.2')
      await leecher.start({ encryption: 'require' })
      const id = await leecher.addMagnet(content.magnet, { peers: [seed.endpoint] })
      await world.until('connected', () => leecher.torrent(id).peers.length === 1)
      assert.equal(leecher.torrent(id).peers[0]?.encryption, 'all')
      await world.until('finished', () => leecher.torrent(id).isFinished, 30_000)
    })
  }
})

test('how a peer wants to be dialled is remembered', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [3_000_000] })
  const seed = await seedOf(world, content, '10.0.0.1', { encryption: 'require' })
  const leecher = world.machine('10.0.0.2')
  await leecher.start({ encryption: 'allow' })
  const id = await leecher.add(content.metainfo, { peers: [seed.endpoint] })
  await world.until('connected', () => leecher.torrent(id).peers.length === 1)
  assert.equal(world.network.dialCount({ address: seed.address, port: listenPort }), 2)
  await leecher.run({ type: 'stop', id })
  await leecher.run({ type: 'start', id })
  await world.until('connected again', () => leecher.torrent(id).peers.length === 1, 120_000)
  assert.equal(world.network.dialCount({ address: seed.address, port: listenPort }), 3)
})

describe('somebody who came', () => {
  /** Says these things, one after the other's first answer. */
  async function visit(first: Uint8Array, second: (answer: Uint8Array) => Uint8Array, encryption: EncryptionPolicy) {
    const world = newWorld()
    const content = makeContent({ lengths: [100_000] })
    const seed = await seedOf(world, content, '10.0.0.1', { encryption })
    const streams = world.network.streams({ address: '10.0.0.9' })
    let endedMs: number | undefined
    let answered = 0
    const stream = streams.dial(
      { family: 4, address: seed.address, port: listenPort },
      { timeoutMs: 1_000 },
      quietSink({
        onOpen: () => void stream.write(first),
        onData: (bytes) => {
          answered += bytes.length
          if (answered === bytes.length) stream.write(second(bytes.slice()))
        },
        onEnd: () => {
          endedMs ??= world.clock.nowMs()
          stream.close()
        },
        onClose: () => {
          endedMs ??= world.clock.nowMs()
        },
      }),
    )
    const startMs = world.clock.nowMs()
    await world.until('the end', () => endedMs !== undefined, 20_000)
    return { afterMs: (endedMs ?? 0) - startMs, answered, infoHash: content.info.infoHashV1, seed }
  }
  const nothing = () => new Uint8Array(0)

  test('and begins an encrypted opening that it does not go on with has as long as any', async () => {
    const { afterMs, answered } = await visit(new Uint8Array(96).fill(7), nothing, 'allow')
    assert.ok(afterMs >= 10_000 && afterMs < 11_000, `${afterMs} ms`)
    assert.ok(answered >= 96 && answered <= 96 + 512)
  })

  test('with part of a key only is answered nothing', async () => {
    const { afterMs, answered } = await visit(new Uint8Array(95).fill(7), nothing, 'allow')
    assert.ok(afterMs >= 10_000)
    assert.equal(answered, 0)
  })

  test('with endless padding is let go when there can be no more', async () => {
    const { afterMs } = await visit(new Uint8Array(96).fill(7), () => new Uint8Array(532), 'allow')
    assert.ok(afterMs < 1_000, `${afterMs} ms`)
  })

  test('for a torrent that is not here is let go', async () => {
    const peer = new BookDialler()
    const { afterMs } = await visit(peer.first(), (answer) => peer.second(answer), 'allow')
    assert.ok(afterMs < 1_000)
  })

  test('encrypted, where encryption is off, is let go at the first byte', async () => {
    const { afterMs, answered } = await visit(Uint8Array.of(0x42), nothing, 'off')
    assert.ok(afterMs < 1_000)
    assert.equal(answered, 0)
  })
})

test('one address that begins encrypted openings by the hundred is answered a few of them; others still come in', async () => {
  const world = newWorld()
  const content = makeContent({ lengths: [100_000] })
  const seed = await seedOf(world, content, '60.0.0.1', { encryption: 'allow' })
  const streams = world.network.streams({ address: '61.0.0.9' })
  let answers = 0
  for (let number = 0; number < 120; number++) {
    const stream = streams.dial(
      { family: 4, address: seed.address, port: listenPort },
      { timeoutMs: 1_000 },
      quietSink({
        onOpen: () => void stream.write(unwrap(fromHex('77'.repeat(96)))),
        onData: () => void answers++,
        onEnd: () => stream.close(),
      }),
    )
  }
  await world.clock.run(2_000)
  assert.ok(answers >= 20 && answers <= 25, `${answers} answers`)
  const leecher = world.machine('62.0.0.2')
  await leecher.start({ encryption: 'require' })
  const id = await leecher.add(content.metainfo, { peers: [seed.endpoint] })
  await world.until('finished', () => leecher.torrent(id).isFinished, 20_000)
})
