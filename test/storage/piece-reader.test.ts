// Serving: views that stay as they are while they are sent, reading ahead, and giving memory back.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import {
  assertSameBytes,
  blockBytes,
  makeTorrent,
  Rig,
  type RigOptions,
  TestStorage,
  type TorrentShape,
} from './storage-harness.ts'

/** A seed that has just been started and has proven everything, with an empty memory. */
async function seeding(options: RigOptions, shape: TorrentShape) {
  const rig = new Rig(options)
  const torrent = makeTorrent(shape)
  const first = await TestStorage.open(rig, torrent)
  await first.download()
  const record = unwrap(await rig.settle(first.storage.resume()))
  unwrap(await rig.settle(first.storage.close()))
  const opened = await TestStorage.open(rig, torrent, {}, record)
  return { rig, torrent, opened }
}

function countReads(rig: Rig): { count: number } {
  const reads = { count: 0 }
  rig.disk.failing = (operation) => {
    if (operation === 'read') reads.count++
    return undefined
  }
  return reads
}

describe('piece reader', () => {
  test('a view does not change while it is pinned, whatever else is read; then its memory is given up', async () => {
    const { rig, torrent, opened } = await seeding({ budgetBytes: 524_288 }, { lengths: [1_000_000] })
    await opened.read(0, 0, blockBytes)
    const view = opened.call(() => opened.storage.view(0, blockBytes, blockBytes)) as Uint8Array
    for (let piece = 1; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
    assertSameBytes(view, opened.pieceBytes(0).slice(blockBytes, 2 * blockBytes))
    opened.call(() => opened.storage.unpin(0, blockBytes))
    for (let piece = 1; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
    assert.ok(!Buffer.from(view).equals(opened.pieceBytes(0).slice(blockBytes, 2 * blockBytes)), 'used for others')
    assert.ok(rig.memory.peakBytes <= 524_288)
  })

  test('blocks of a piece that was read, or just downloaded, are given out without another read', async () => {
    const { rig, opened } = await seeding({}, { lengths: [500_000] })
    const reads = countReads(rig)
    await opened.assertServes(2)
    assert.equal(reads.count, 1)
    await opened.assertServes(2)
    assert.equal(reads.count, 1)
    const fresh = await TestStorage.open(new Rig(), makeTorrent({ seed: 9 }))
    await fresh.download([0])
    assert.ok(fresh.call(() => fresh.storage.view(0, 0, blockBytes)) !== undefined)
  })

  test('who reads in order finds the next window there already, and nobody else pays for it', async () => {
    const windowBytes = 131_072
    const strideBytes = windowBytes - blockBytes
    const { rig, opened } = await seeding(
      { budgetBytes: 8 * windowBytes },
      { lengths: [900_000], pieceLengthBytes: 900_000 },
    )
    const isThere = (window: number) => {
      const view = opened.call(() => opened.storage.view(0, window * strideBytes, blockBytes))
      if (view !== undefined) opened.call(() => opened.storage.unpin(0, window * strideBytes))
      return view !== undefined
    }
    await opened.read(0, 0, blockBytes)
    await rig.clock.run(50)
    assert.ok(isThere(1), 'after the beginning')
    await rig.clock.run(50)
    assert.ok(isThere(2), 'after the window before')
    await opened.read(0, 5 * strideBytes, blockBytes)
    await rig.clock.run(50)
    assert.equal(isThere(6), false, 'after a jump')
  })

  test('who reads whole pieces in order finds the next piece there already', async () => {
    const { rig, opened } = await seeding({}, { lengths: [500_000] })
    for (let piece = 0; piece < 8; piece++) await opened.assertServes(piece)
    // Proven now; then memory is emptied by other use.
    const slots = (['filling', 'serving', 'checking'] as const).flatMap((use) =>
      Array.from({ length: 64 }, () => rig.slots.reserve(65_536, use)),
    )
    for (const slot of slots) if (slot !== undefined) rig.slots.release(slot)
    const reads = countReads(rig)
    await opened.read(3, 0, blockBytes)
    await rig.clock.run(50)
    assert.equal(reads.count, 1)
    await opened.read(4, 0, blockBytes)
    await rig.clock.run(50)
    assert.equal(reads.count, 3)
    assert.ok(opened.call(() => opened.storage.view(5, 0, blockBytes)) !== undefined)
  })

  test('blocks that are not aligned are given out, across windows too', async () => {
    const { opened } = await seeding({ budgetBytes: 1_048_576 }, { lengths: [900_000], pieceLengthBytes: 900_000 })
    for (const begin of [1, 16_383, 114_687, 114_689, 131_071, 500_001, 900_000 - blockBytes]) {
      assertSameBytes(
        await opened.read(0, begin, blockBytes),
        opened.pieceBytes(0).slice(begin, begin + blockBytes),
        `at ${begin}`,
      )
    }
  })

  test('several torrents serve from one budget, and downloads go on beside them', async () => {
    const rig = new Rig({ budgetBytes: 524_288 })
    const torrents = [1, 2, 3].map((seed) => makeTorrent({ lengths: [400_000], seed }))
    const opened: TestStorage[] = []
    for (const [index, torrent] of torrents.entries()) {
      const root = unwrap(await rig.settle(rig.disk.files().openRoot(`/data-${index}`)))
      opened.push(await TestStorage.open(rig, torrent, { place: { root, folder: [] } }))
    }
    for (const storage of opened) await storage.download([0, 1, 2])
    for (const storage of opened) for (const piece of [0, 1, 2]) await storage.assertServes(piece)
    for (const storage of opened) await storage.download()
    for (const storage of opened) unwrap(await rig.settle(storage.storage.close()))
    assert.equal(rig.memory.reservedBytes, 0)
  })

  test('what may be pinned for long takes nothing from downloads, however many ask and do not read', async () => {
    const budgetBytes = 1_048_576
    const rig = new Rig({ budgetBytes })
    const seed = await TestStorage.open(rig, makeTorrent({ lengths: [2_000_000], pieceLengthBytes: 32_768 }))
    await seed.download()
    const pinned: number[] = []
    for (let peer = 0; peer < 50; peer++) {
      await seed.read(peer, 0, blockBytes)
      if (!seed.storage.canPin(peer, 0)) continue
      assert.ok(seed.call(() => seed.storage.view(peer, 0, blockBytes)) !== undefined)
      pinned.push(peer)
    }
    assert.equal(pinned.length, budgetBytes / 8 / 32_768)
    assert.ok(seed.storage.canPin(pinned[0] as number, blockBytes), 'another block of memory that is pinned')
    await rig.clock.run(50)
    const taken = Array.from({ length: 32 }, () => rig.slots.reserve(32_768, 'filling'))
    const slots = taken.filter((slot) => slot !== undefined)
    assert.equal(slots.length, (32 * 6) / 8)
    for (const slot of slots) rig.slots.release(slot)
    await seed.assertServes(60)
    for (const piece of pinned) seed.call(() => seed.storage.unpin(piece, 0))
    assert.ok(seed.storage.canPin(60, 0))
    unwrap(await rig.settle(seed.storage.close()))
    assert.equal(rig.memory.reservedBytes, 0)
  })

  test('a piece that is lost while it is sent is not taken anew before that ends', async () => {
    const { rig, opened, torrent } = await seeding({}, { lengths: [200_000] })
    await opened.read(1, 0, blockBytes)
    const view = opened.call(() => opened.storage.view(1, 0, blockBytes)) as Uint8Array
    rig.disk.put('/data/torrent', new Uint8Array(200_000))
    const pieces = opened.storage.have.clone()
    unwrap(await rig.settle(opened.storage.check(pieces, () => undefined, new AbortController().signal)))
    assert.equal(opened.storage.have.count, 0)
    assert.equal(opened.take(1, 0), false)
    assertSameBytes(view, opened.pieceBytes(1).slice(0, blockBytes))
    assert.equal(await opened.read(1, 0, blockBytes), undefined)
    opened.call(() => opened.storage.unpin(1, 0))
    await rig.until(() => opened.count('memory') === 1)
    await opened.download()
    assertSameBytes(rig.disk.content('/data/torrent'), torrent.contents[0])
  })
})
