// What the disk does to us (F1 to F4): crashes, power loss, full disks, errors, files changed from outside.
// Each promise is about what is claimed afterwards: never a piece whose bytes are not there.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { failure, unwrap } from '../../src/base/errors.ts'
import type { StorageRecord } from '../../src/storage/storage-record.ts'
import { assertSameBytes, blockBytes, makeTorrent, Rig, TestStorage, type TestTorrent } from './storage-harness.ts'

const noSignal = new AbortController().signal

function pathOf(torrent: TestTorrent, file: number): string {
  return `/data/${torrent.metainfo.info.files[file]?.path.join('/')}`
}

function onDisk(rig: Rig, torrent: TestTorrent) {
  return (file: number) => rig.disk.content(pathOf(torrent, file)) ?? rig.disk.content(`${pathOf(torrent, file)}.part`)
}

async function reopened(rig: Rig, torrent: TestTorrent, record: StorageRecord | undefined, hasSuffix = false) {
  const opened = await TestStorage.make(rig, torrent, { hasSuffix })
  const outcome = unwrap(await opened.start(record))
  return { opened, outcome }
}

describe('storage faults', () => {
  test('after any crash nothing is claimed that is not on disk, and nothing is lost that was saved', async () => {
    let crashes = 0
    let rechecked = 0
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(32_768, 131_072),
        fc.array(fc.constantFrom('download', 'download', 'save', 'spill', 'pass', 'crash'), {
          minLength: 8,
          maxLength: 24,
        }),
        async (seed, isPowerLoss, hasSuffix, pieceLengthBytes, steps) => {
          const torrent = makeTorrent({ lengths: [150_000, 90_000, 120_000], pieceLengthBytes, seed })
          const rig = new Rig({ seed, budgetBytes: 524_288 })
          let record: StorageRecord | undefined
          let savedPieces: number[] = []
          let { opened } = await reopened(rig, torrent, undefined, hasSuffix)
          let next = 0
          // So that there is something to lose.
          for (const step of ['download', 'pass', 'save', 'download', ...steps]) {
            const { storage } = opened
            if (step === 'download') {
              const missing = storage.have.nextClear(0)
              if (missing !== -1) await opened.receive(missing, wanted(opened, missing))
            } else if (step === 'spill') {
              const missing = storage.have.nextClear(next++ % torrent.plan.pieceCount)
              if (missing !== -1 && opened.take(missing, 0)) {
                opened.give(missing, 0)
                opened.call(() => storage.spill(missing))
              }
            } else if (step === 'pass') {
              await rig.clock.run(rig.random.below(30))
            } else if (step === 'save') {
              const saved = unwrap(await rig.settle(storage.resume()))
              record = saved
              savedPieces = [...Array(torrent.plan.pieceCount).keys()].filter(
                (piece) => ((saved.have[piece >> 3] as number) & (0x80 >> (piece & 7))) !== 0,
              )
            } else {
              crashes++
              rig.restart(isPowerLoss)
              const again = await reopened(rig, torrent, record, hasSuffix)
              opened = again.opened
              opened.assertTruthful(onDisk(rig, torrent))
              if (again.outcome.unchecked.hasAny) rechecked++
              unwrap(await rig.settle(opened.storage.check(again.outcome.unchecked, () => undefined, noSignal)))
              opened.assertTruthful(onDisk(rig, torrent))
              for (const piece of savedPieces) assert.ok(opened.storage.have.get(piece), `piece ${piece} was saved`)
            }
          }
          await finish(rig, opened)
          for (const [file, content] of torrent.contents.entries()) {
            assertSameBytes(rig.disk.content(pathOf(torrent, file)), content)
          }
        },
      ),
      { numRuns: 25 },
    )
    assert.ok(crashes > 10 && rechecked > 2, `${crashes} crashes and ${rechecked} rechecks really happened`)
  })

  /** Blocks that are not there from before. */
  function wanted(opened: TestStorage, piece: number): number[] {
    const known = opened.storage.partialPieces().find((partial) => partial.piece === piece)?.blocks
    const isThere = (block: number) => ((known?.[block >> 3] ?? 0) & (0x80 >> (block & 7))) !== 0
    return Array.from({ length: opened.blockCount(piece) }, (_, block) => block).filter((block) => !isThere(block))
  }

  async function finish(rig: Rig, opened: TestStorage): Promise<void> {
    const { storage } = opened
    for (let piece = 0; piece < storage.have.length; piece++) {
      await rig.clock.run(100)
      if (!storage.have.get(piece)) await opened.receive(piece, wanted(opened, piece))
    }
    await rig.until(() => storage.have.isComplete)
    assert.ok((await rig.settle(storage.close())).ok)
  }

  test('a full disk keeps pieces in memory, says so once, serves on, and goes on when told', async () => {
    const torrent = makeTorrent({ lengths: [400_000] })
    const rig = new Rig({ capacityBytes: 200_000 })
    const opened = await TestStorage.open(rig, torrent)
    await opened.download([0, 1])
    for (const piece of [2, 3, 4]) await opened.receive(piece)
    await rig.clock.run(1000)
    assert.deepEqual(
      opened.events.filter((event) => event.type === 'write-failed').map((event) => event.code),
      ['disk-full'],
    )
    assert.equal(opened.storage.have.count < 5, true)
    assert.equal(opened.take(5, 0), false, 'nothing more is downloaded meanwhile')
    await opened.assertServes(0)
    opened.assertTruthful(onDisk(rig, torrent))
    opened.storage.retryWrites()
    await rig.until(() => opened.count('write-failed') === 2)
    rig.disk.capacityBytes = 1_000_000
    opened.storage.retryWrites()
    await rig.until(() => opened.storage.have.count === 5)
    assert.equal(opened.count('damaged'), 0)
    await opened.download([5, 6])
    assertSameBytes(rig.disk.content(pathOf(torrent, 0)), torrent.contents[0])
  })

  test('a failing sync is never success: what it was for is lost, told, and not in the resume record', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 200_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download([0, 1, 5])
    unwrap(await rig.settle(opened.storage.resume()))
    await opened.download([2, 6, 7])
    const bad = pathOf(torrent, 1)
    rig.disk.failing = (operation, path) =>
      operation === 'sync' && path === bad ? failure('file-unwritable', 'EIO') : undefined
    const saved = await rig.settle(opened.storage.resume())
    assert.equal(saved.ok, false)
    assert.deepEqual(opened.piecesOf('lost'), [6, 7])
    assert.equal(opened.count('write-failed'), 1)
    rig.disk.failing = () => undefined
    const later = unwrap(await rig.settle(opened.storage.resume()))
    assert.deepEqual([...later.have], [0b1110_0100, 0])
    opened.storage.retryWrites()
    await rig.until(() => opened.take(6, 0))
  })

  test('what a failing sync loses while a record is asked for is not in that record', async () => {
    const torrent = makeTorrent({ lengths: [200_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download([0, 1])
    let syncs = 0
    rig.disk.failing = (operation) =>
      operation === 'sync' && ++syncs === 1 ? failure('file-unwritable', 'EIO') : undefined
    const flushing = opened.storage.flush()
    const saved = unwrap(await rig.settle(opened.storage.resume()))
    assert.equal((await rig.settle(flushing)).ok, false)
    assert.deepEqual(opened.piecesOf('lost'), [0, 1])
    assert.deepEqual([...saved.have], [0])
  })

  test('what a check finds is on the disk before a record claims it, whoever wrote it', async () => {
    let lostPages = 0
    for (let seed = 0; seed < 20; seed++) {
      const torrent = makeTorrent({ lengths: [150_000, 50_000], pieceLengthBytes: 32_768, seed })
      const rig = new Rig({ seed })
      const priorities = Uint8Array.of(4, 0)
      const first = await TestStorage.open(rig, torrent, { priorities })
      await first.download([0, 1, 2, 3, 4])
      // The system has all of it, but nobody told the disk to keep it.
      rig.restart(false)
      const again = await TestStorage.open(rig, torrent, { priorities })
      unwrap(await rig.settle(again.storage.check('all', () => undefined, noSignal)))
      const record = unwrap(await rig.settle(again.storage.resume()))
      assert.deepEqual([...record.have], [0b1111_1000])
      rig.restart(true)
      lostPages += rig.disk.faults.lostPages
    }
    assert.equal(lostPages, 0)
  })

  test('a file that goes between its check and the save is missing, and none of it given up', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig({ maxOpenFiles: 1 })
    for (const file of [0, 1]) rig.disk.put(pathOf(torrent, file), torrent.contents[file] as Uint8Array)
    const opened = await TestStorage.open(rig, torrent)
    unwrap(await rig.settle(opened.storage.check('all', () => undefined, noSignal)))
    rig.disk.delete(pathOf(torrent, 0))
    const saved = await rig.settle(opened.storage.resume())
    assert.equal(saved.ok ? '' : saved.code, 'file-not-found')
    assert.ok(opened.storage.have.isComplete)
    assert.equal(opened.count('write-failed'), 0)
  })

  test('a file that could not even be made does not pass for one that went missing', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download([0])
    const bad = pathOf(torrent, 1)
    rig.disk.failing = (operation, path) =>
      operation === 'open' && path === bad ? failure('disk-full', 'no room for a name') : undefined
    await opened.receive(5)
    await rig.until(() => opened.count('write-failed') === 1)
    const record = unwrap(await rig.settle(opened.storage.resume()))
    const { opened: again, outcome } = await reopened(rig, torrent, record)
    assert.deepEqual(outcome.missingFiles, [])
    assert.equal(again.storage.have.count, 1)
  })

  test('what was under way when a sync failed is written again: the next sync would not bring it to the disk', async () => {
    let isAnyUnderWay = false
    for (let seed = 0; seed < 40; seed++) {
      const torrent = makeTorrent({ lengths: [200_000], pieceLengthBytes: 32_768, seed })
      const rig = new Rig({ seed })
      const opened = await TestStorage.open(rig, torrent)
      await opened.download([0])
      rig.disk.failing = (operation) => (operation === 'sync' ? failure('file-unwritable', 'EIO') : undefined)
      for (const piece of [1, 2, 3, 4]) await opened.receive(piece)
      await rig.until(() => opened.storage.have.count > 1)
      assert.equal((await rig.settle(opened.storage.flush())).ok, false)
      rig.disk.failing = () => undefined
      isAnyUnderWay ||= opened.count('written') + opened.count('damaged') < 5
      opened.storage.retryWrites()
      await rig.clock.run(1000)
      unwrap(await rig.settle(opened.storage.flush()))
      rig.disk.crash(true)
      opened.assertTruthful(onDisk(rig, torrent))
    }
    assert.ok(isAnyUnderWay)
  })

  test('a disk that does not read makes a piece unservable, not lost', async () => {
    const torrent = makeTorrent()
    const rig = new Rig({ budgetBytes: 262_144 })
    const opened = await TestStorage.open(rig, torrent, {}, await savedRecord(rig, torrent))
    rig.disk.failing = (operation) => (operation === 'read' ? failure('file-unreadable', 'EIO') : undefined)
    assert.equal(await opened.read(1, 0, blockBytes), undefined)
    assert.equal(opened.storage.have.get(1), true)
    assert.equal(opened.count('lost'), 0)
    rig.disk.failing = () => undefined
    await opened.assertServes(1)
  })

  async function savedRecord(rig: Rig, torrent: TestTorrent, hasSuffix = false): Promise<StorageRecord> {
    const first = await TestStorage.open(rig, torrent, { hasSuffix })
    await first.download()
    const record = unwrap(await rig.settle(first.storage.resume()))
    unwrap(await rig.settle(first.storage.close()))
    return record
  }

  test('an unchanged torrent starts without reading a byte, and hashes each piece before it is first served', async () => {
    const torrent = makeTorrent({ lengths: [300_000, 100_000] })
    const rig = new Rig()
    const record = await savedRecord(rig, torrent)
    let reads = 0
    rig.disk.failing = (operation) => {
      if (operation === 'read') reads++
      return undefined
    }
    const { opened, outcome } = await reopened(rig, torrent, record)
    assert.equal(outcome.unchecked.hasAny, false)
    assert.ok(opened.storage.have.isComplete)
    assert.equal(reads, 0)
    // Nothing tells of this change but the hash.
    rig.disk.flip(pathOf(torrent, 0), 70_000)
    assert.equal(await opened.read(1, 0, blockBytes), undefined)
    assert.deepEqual(opened.piecesOf('lost'), [1])
    assert.equal(opened.storage.have.get(1), false)
    for (const piece of [0, 2, 3, 4, 5, 6]) await opened.assertServes(piece)
    await opened.download([1])
    await opened.assertServes(1)
    assertSameBytes(rig.disk.content(pathOf(torrent, 0)), torrent.contents[0])
  })

  test('a large piece is hashed before it is first served, too', async () => {
    const torrent = makeTorrent({ version: 'hybrid', lengths: [300_000], pieceLengthBytes: 131_072 })
    const rig = new Rig({ budgetBytes: 524_288 })
    const { opened } = await reopened(rig, torrent, await savedRecord(rig, torrent))
    rig.disk.flip(pathOf(torrent, 0), 140_000)
    assert.equal(await opened.read(1, 65_536, blockBytes), undefined)
    assert.deepEqual(opened.piecesOf('lost'), [1])
    await opened.assertServes(0)
    await opened.assertServes(2)
  })

  for (const [name, change] of [
    ['flipped', (bytes: Uint8Array) => bytes.map((byte, index) => (index === 70_000 ? byte ^ 1 : byte))],
    ['cut off', (bytes: Uint8Array) => bytes.slice(0, 70_000)],
  ] as const) {
    test(`content that was ${name} while we were away costs exactly the bad pieces`, async () => {
      const torrent = makeTorrent({ lengths: [200_000, 100_000, 150_000], pieceLengthBytes: 32_768 })
      const rig = new Rig()
      const record = await savedRecord(rig, torrent)
      await rig.clock.run(5000)
      const path = pathOf(torrent, 0)
      rig.disk.put(path, change(rig.disk.content(path) as Uint8Array))
      const { opened, outcome } = await reopened(rig, torrent, record)
      assert.deepEqual(outcome.missingFiles, [])
      assert.equal(outcome.unchecked.count, 7, 'the pieces of the file that changed')
      assert.equal(opened.storage.have.count, torrent.plan.pieceCount - 7)
      const checked = unwrap(await rig.settle(opened.storage.check(outcome.unchecked, () => undefined, noSignal)))
      const lost = name === 'flipped' ? 1 : 5
      assert.equal(checked.goodPieces, 7 - lost)
      assert.equal(opened.storage.have.count, torrent.plan.pieceCount - lost)
      assert.deepEqual(checked.shortFiles, name === 'flipped' ? [] : [0])
      opened.assertTruthful(onDisk(rig, torrent))
      await opened.download()
      assertSameBytes(rig.disk.content(path), torrent.contents[0])
      assert.equal(opened.count('written'), lost)
    })
  }

  test('a start that ends before the recheck does not make the next one believe more', async () => {
    const torrent = makeTorrent({ lengths: [200_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const record = await savedRecord(rig, torrent)
    await rig.clock.run(5000)
    rig.disk.put(pathOf(torrent, 0), new Uint8Array(200_000))
    const first = await reopened(rig, torrent, record)
    const between = unwrap(await rig.settle(first.opened.storage.resume()))
    rig.restart(false)
    const second = await reopened(rig, torrent, between)
    assert.equal(second.outcome.unchecked.count, 7)
    assert.equal(second.opened.storage.have.count, 0)
  })

  test('missing files are named, kept in mind, and downloaded again only when told', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const record = await savedRecord(rig, torrent)
    rig.disk.delete(pathOf(torrent, 1))
    const first = await reopened(rig, torrent, record)
    assert.deepEqual(first.outcome.missingFiles, [1])
    assert.ok(first.opened.storage.have.isComplete)
    const kept = unwrap(await rig.settle(first.opened.storage.resume()))
    unwrap(await rig.settle(first.opened.storage.close()))
    const { opened, outcome } = await reopened(rig, torrent, kept)
    assert.deepEqual(outcome.missingFiles, [1], 'still, after another start')
    assert.equal(rig.disk.content(pathOf(torrent, 1)), undefined)
    const lost = unwrap(await rig.settle(opened.storage.forgetMissing()))
    assert.deepEqual(lost, [3, 4, 5, 6])
    await opened.download()
    assertSameBytes(rig.disk.content(pathOf(torrent, 1)), torrent.contents[1])
  })

  test('a file deleted while we run is not made anew, and saving says that it is gone', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig({ maxOpenFiles: 1 })
    const opened = await TestStorage.open(rig, torrent)
    await opened.download([0, 5])
    unwrap(await rig.settle(opened.storage.resume()))
    await opened.download([6])
    rig.disk.delete(pathOf(torrent, 0))
    await opened.receive(1)
    await rig.until(() => opened.count('write-failed') === 1)
    assert.equal(rig.disk.content(pathOf(torrent, 0)), undefined)
    assert.equal(opened.events.find((event) => event.type === 'write-failed')?.code, 'file-not-found')
    assert.equal(opened.storage.have.get(0), true)
  })

  test('links and folders in the place of a file are refused', async () => {
    for (const kind of ['link', 'folder', 'other'] as const) {
      const rig = new Rig()
      const torrent = makeTorrent()
      rig.disk.put(pathOf(torrent, 0), new Uint8Array(0), kind)
      const opened = await TestStorage.make(rig, torrent)
      const outcome = await opened.start()
      assert.equal(outcome.ok ? '' : outcome.code, 'file-not-plain')
    }
  })

  test('a resume record of another torrent, or rubbish, is worth nothing', async () => {
    const torrent = makeTorrent({ lengths: [200_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const record = await savedRecord(rig, torrent)
    const rubbish: StorageRecord[] = [
      { ...record, have: new Uint8Array(9).fill(255) },
      { ...record, have: new Uint8Array(1).fill(255) },
      { ...record, files: [] },
      { ...record, files: [...record.files, ...record.files] },
      { ...record, have: new Uint8Array(1), partials: [{ piece: 99, blocks: new Uint8Array([255]) }] },
      { ...record, have: new Uint8Array(1), partials: [{ piece: 1, blocks: new Uint8Array(600).fill(255) }] },
    ]
    for (const bad of rubbish) {
      const { opened } = await reopened(rig, torrent, bad)
      assert.equal(opened.storage.have.count, 0)
      assert.deepEqual(opened.storage.partialPieces(), [])
      unwrap(await rig.settle(opened.storage.close()))
    }
  })
})
