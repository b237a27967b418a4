// Downloading and serving: blocks in any order to verified files, and back, for every version and shape of torrent.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { sha256 } from '../../src/base/hash.ts'
import { assertSameBytes, blockBytes, makeTorrent, Rig, TestStorage } from './storage-harness.ts'

const versions = ['v1', 'v2', 'hybrid'] as const

function fileAt(rig: Rig, opened: TestStorage, file: number, suffix = ''): Uint8Array | undefined {
  const path = opened.torrent.metainfo.info.files[file]?.path ?? []
  return rig.disk.content(`/data/${path.join('/')}${suffix}`)
}

describe('torrent storage', () => {
  for (const version of versions) {
    test(`${version}: what is downloaded block by block stands in the files, and is served again`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.oneof(fc.constantFrom(0, 1, 65_536, 131_072), fc.nat(200_000)), { minLength: 1, maxLength: 4 }),
          fc.constantFrom(16_384, 65_536),
          fc.nat(),
          async (someLengths, pieceLengthBytes, seed) => {
            const lengths = someLengths.every((length) => length === 0) ? [1, ...someLengths] : someLengths
            const torrent = makeTorrent({ version, lengths, pieceLengthBytes, seed })
            const rig = new Rig({ seed, budgetBytes: 1_048_576, maxOpenFiles: 2 })
            const opened = await TestStorage.open(rig, torrent)
            await opened.download()
            for (const [file, content] of torrent.contents.entries()) {
              if (content.length > 0) assertSameBytes(fileAt(rig, opened, file), content)
            }
            for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
            assert.equal(opened.count('written'), torrent.plan.pieceCount)
            assert.ok((await rig.settle(opened.storage.close())).ok)
            assert.equal(rig.memory.reservedBytes, 0, 'all memory comes back')
          },
        ),
        { numRuns: 12 },
      )
    })

    test(`${version}: a damaged piece is told with the hashes of its blocks, and so is the good one after it`, async () => {
      const torrent = makeTorrent({ version, lengths: [100_000] })
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent)
      const bad = new Uint8Array(blockBytes).fill(7)
      await opened.receive(0, [3, 0, 2])
      opened.give(0, 1, bad)
      await rig.until(() => opened.count('damaged') === 1)
      assert.equal(opened.storage.have.get(0), false)
      assert.equal(rig.disk.paths().length, 0, 'nothing of it is on the disk')
      const [damaged] = opened.events.filter((event) => event.type === 'damaged')
      assert.deepEqual(damaged?.leaves.slice(32, 64), new Uint8Array(sha256(bad)))
      await opened.download([0])
      const [written] = opened.events.filter((event) => event.type === 'written')
      const blocks = Array.from({ length: 4 }, (_, block) => block * blockBytes)
      const expected = blocks.map((begin) => sha256(opened.pieceBytes(0).slice(begin, begin + blockBytes)))
      assert.deepEqual(written?.leaves, new Uint8Array(Buffer.concat(expected)))
      await opened.download([1])
      assert.equal(opened.events.filter((event) => event.type === 'written')[1]?.leaves, undefined)
    })

    test(`${version}: very large pieces go to disk in chunks, in any order, within the budget`, async () => {
      const torrent = makeTorrent({ version, lengths: [900_000, 30_000], pieceLengthBytes: 524_288 })
      const rig = new Rig({ budgetBytes: 524_288, seed: 5 })
      const opened = await TestStorage.open(rig, torrent)
      for (let piece = 0; piece < torrent.plan.pieceCount; piece++) {
        const blocks = Array.from({ length: opened.blockCount(piece) }, (_, block) => block)
        const order = piece === 0 ? blocks.toReversed() : blocks.sort((a, b) => (a ^ 3) - (b ^ 3))
        await opened.receive(piece, order)
      }
      await rig.until(() => opened.storage.have.isComplete)
      for (const [file, content] of torrent.contents.entries()) assertSameBytes(fileAt(rig, opened, file), content)
      for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
      assert.ok(rig.memory.peakBytes <= 524_288)
      await rig.settle(opened.storage.close())
      assert.equal(rig.memory.reservedBytes, 0)
    })

    test(`${version}: a damaged large piece tells its leaves and can be had again`, async () => {
      const torrent = makeTorrent({ version, lengths: [300_000], pieceLengthBytes: 262_144 })
      const rig = new Rig({ budgetBytes: 524_288 })
      const opened = await TestStorage.open(rig, torrent)
      const bad = new Uint8Array(blockBytes).fill(9)
      await opened.receive(0, undefined, (block) =>
        block === 9 ? bad : opened.pieceBytes(0).slice(block * blockBytes, (block + 1) * blockBytes),
      )
      await rig.until(() => opened.count('damaged') === 1)
      const [damaged] = opened.events.filter((event) => event.type === 'damaged')
      assert.deepEqual(damaged?.leaves.slice(9 * 32, 10 * 32), new Uint8Array(sha256(bad)))
      await opened.download([0])
      const [written] = opened.events.filter((event) => event.type === 'written')
      assert.equal(written?.leaves?.length, 16 * 32)
    })
  }

  test('a hybrid torrent whose halves contradict each other is told apart from damage', async () => {
    const torrent = makeTorrent({ version: 'hybrid', lengths: [100_000] })
    const pieces = (torrent.metainfo.info.pieces as Uint8Array).slice()
    pieces[0] = (pieces[0] as number) ^ 1
    const metainfo = { ...torrent.metainfo, info: { ...torrent.metainfo.info, pieces } }
    const rig = new Rig()
    const opened = await TestStorage.open(rig, { ...torrent, metainfo })
    await opened.receive(0)
    await rig.until(() => opened.count('contradiction') === 1)
    assert.equal(opened.storage.have.get(0), false)
    assert.equal(opened.count('damaged'), 0)
  })

  test('a second copy of a block does not replace the first', async () => {
    const rig = new Rig()
    const opened = await TestStorage.open(rig, makeTorrent())
    await opened.receive(0, [0, 1, 2])
    opened.give(0, 1, new Uint8Array(blockBytes))
    opened.give(0, 3)
    await rig.until(() => opened.storage.have.get(0))
    opened.give(0, 2, new Uint8Array(blockBytes))
    await opened.assertServes(0)
    assert.equal(opened.count('written'), 1)
  })

  test('a piece without any hash is not taken', async () => {
    const torrent = makeTorrent({ version: 'v2', lengths: [200_000] })
    const metainfo = { ...torrent.metainfo, pieceLayers: new Map<string, Uint8Array>() }
    const opened = await TestStorage.open(new Rig(), { ...torrent, metainfo })
    assert.equal(opened.take(0, 0), false)
    opened.storage.setPieceLayers(torrent.metainfo.pieceLayers)
    assert.equal(opened.take(0, 0), true)
  })

  test('memory that is used up is waited for, and told when it is there', async () => {
    const rig = new Rig({ budgetBytes: 524_288 })
    const opened = await TestStorage.open(rig, makeTorrent({ lengths: [600_000], pieceLengthBytes: 65_536 }))
    const taken = Array.from({ length: 10 }, (_, piece) => piece).filter((piece) => opened.take(piece, 0))
    assert.deepEqual(taken, [0, 1, 2, 3, 4, 5], 'two eighths are for others')
    opened.call(() => opened.storage.discard(3))
    await rig.until(() => opened.count('memory') === 1)
    assert.equal(opened.take(9, 0), true)
    assert.equal(opened.take(8, 0), false)
  })

  test('discarded blocks are gone; the piece begins anew', async () => {
    const rig = new Rig()
    const opened = await TestStorage.open(rig, makeTorrent())
    await opened.receive(1, [0, 1], () => new Uint8Array(blockBytes))
    opened.call(() => opened.storage.discard(1))
    assert.equal(rig.memory.reservedBytes, 0)
    await opened.download([1])
    await opened.assertServes(1)
    assert.equal(opened.count('damaged'), 0)
  })

  for (const [name, budgetBytes, pieceLengthBytes] of [
    ['piece', 1_048_576, 65_536],
    ['large piece', 262_144, 131_072],
  ] as const) {
    test(`a ${name} put aside frees its memory, keeps its blocks on disk, and goes on from there`, async () => {
      const rig = new Rig({ budgetBytes })
      const opened = await TestStorage.open(rig, makeTorrent({ lengths: [200_000, 70_000], pieceLengthBytes }))
      await opened.receive(0, [0, 2, 3])
      opened.call(() => opened.storage.spill(0))
      await rig.until(() => opened.storage.partialPieces().length === 1 && rig.memory.reservedBytes === 0)
      assert.equal(opened.storage.partialPieces()[0]?.blocks[0], 0b1011_0000)
      const rest = Array.from({ length: opened.blockCount(0) }, (_, block) => block).filter(
        (block) => block !== 0 && block !== 2 && block !== 3,
      )
      await opened.receive(0, rest)
      await rig.until(() => opened.storage.have.get(0))
      await opened.assertServes(0)
      assert.deepEqual(opened.storage.partialPieces(), [])
      assert.equal(opened.count('damaged'), 0)
    })
  }

  test('hash workers that die are survived', async () => {
    for (const pieceLengthBytes of [32_768, 262_144]) {
      const rig = new Rig({ failingHashOneIn: 4, maxHashJobs: 2, budgetBytes: 1_048_576, seed: 3 })
      const opened = await TestStorage.open(rig, makeTorrent({ lengths: [600_000], pieceLengthBytes }))
      const retrying = { isOver: false }
      for (let piece = 0; piece < opened.torrent.plan.pieceCount; piece++) {
        for (let block = 0; block < opened.blockCount(piece); block++) {
          await rig.until(() => {
            if (opened.events.at(-1)?.type === 'write-failed') {
              opened.events.pop()
              opened.storage.retryWrites()
            }
            return opened.take(piece, block)
          })
          opened.give(piece, block)
        }
      }
      await rig.until(() => {
        if (opened.events.at(-1)?.type === 'write-failed') {
          opened.events.pop()
          opened.storage.retryWrites()
        }
        return opened.storage.have.isComplete
      })
      retrying.isOver = true
      assert.equal(opened.count('damaged'), 0)
    }
  })
})
