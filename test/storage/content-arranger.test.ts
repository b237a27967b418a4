// Where files lie: parts of unwanted files, suffixes, allocation, renames, moves within and between roots, deletion.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type ErrorCode, failure, type Result, success, unwrap } from '../../src/base/errors.ts'
import type { FileRoot } from '../../src/ports/files.ts'
import type { StorageRecord } from '../../src/storage/storage-record.ts'
import {
  assertSameBytes,
  blockBytes,
  makeTorrent,
  Rig,
  remembered,
  TestStorage,
  type TestTorrent,
} from './storage-harness.ts'

const partsName = /\/\.[0-9a-f]{16}\.parts$/
const lengths = [50_000, 40_000, 0, 100_000]

function pathOf(torrent: TestTorrent, file: number, root = '/data'): string {
  return [root, ...(torrent.metainfo.info.files[file]?.path ?? [])].join('/')
}

function codeOf(result: Result<unknown>): ErrorCode | 'ok' {
  return result.ok ? 'ok' : result.code
}

function otherRoot(rig: Rig, path: string): Promise<FileRoot> {
  return rig.settle(rig.disk.files().openRoot(path).then(unwrap))
}

describe('where files lie', () => {
  for (const version of ['v1', 'hybrid'] as const) {
    test(`${version}: unwanted files are not made; what pieces share with them is kept apart and served`, async () => {
      const torrent = makeTorrent({ lengths, pieceLengthBytes: 32_768, version })
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent, { priorities: Uint8Array.of(4, 0, 4, 0) })
      const wanted = version === 'v1' ? [0, 1] : [0, 1]
      await opened.download(wanted)
      await rig.clock.run(100)
      const made = rig.disk.paths().filter((path) => !partsName.test(path))
      assert.deepEqual(made, [pathOf(torrent, 0), pathOf(torrent, 2)])
      assert.equal(rig.disk.paths().length, version === 'v1' ? 3 : 2, 'a parts file only where pieces are shared')
      for (const piece of wanted) await opened.assertServes(piece)
      const record = unwrap(await rig.settle(opened.storage.resume()))
      rig.restart(true)
      const again = await TestStorage.open(rig, torrent, { priorities: Uint8Array.of(4, 0, 4, 0) }, record)
      for (const piece of wanted) await again.assertServes(piece)
      assert.equal(again.count('lost'), 0)
    })
  }

  test('a file that becomes wanted gets what the parts file has of it, which then goes', async () => {
    const torrent = makeTorrent({ lengths, pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { priorities: Uint8Array.of(4, 0, 0, 4) })
    await opened.download([0, 1, 2])
    unwrap(await rig.settle(opened.storage.setPriorities(Uint8Array.of(4, 4, 4, 4))))
    assert.ok(rig.disk.paths().every((path) => !partsName.test(path)))
    assertSameBytes(rig.disk.content(pathOf(torrent, 1)), torrent.contents[1])
    await opened.download()
    for (const [file, content] of torrent.contents.entries())
      assertSameBytes(rig.disk.content(pathOf(torrent, file)), content)
    for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
  })

  test('bringing bytes out of the parts file can fail and be tried again', async () => {
    const torrent = makeTorrent({ lengths, pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { priorities: Uint8Array.of(4, 0, 4, 4) })
    await opened.download([0, 1, 2])
    rig.disk.failing = (operation, path) =>
      operation === 'write' && path === pathOf(torrent, 1) ? failure('disk-full', 'full') : undefined
    assert.equal(codeOf(await rig.settle(opened.storage.setPriorities(new Uint8Array(4).fill(1)))), 'disk-full')
    assert.equal(rig.disk.content(pathOf(torrent, 1)), undefined)
    await opened.assertServes(1)
    rig.disk.failing = () => undefined
    opened.storage.retryWrites()
    await rig.until(() => rig.disk.content(pathOf(torrent, 1)) !== undefined)
    await opened.download()
    assertSameBytes(rig.disk.content(pathOf(torrent, 1)), torrent.contents[1])
  })

  test('without a resume record a check finds what lies in the parts file', async () => {
    const torrent = makeTorrent({ lengths, pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const priorities = Uint8Array.of(4, 0, 0, 0)
    const first = await TestStorage.open(rig, torrent, { priorities })
    await first.download([0, 1])
    unwrap(await rig.settle(first.storage.close()))
    const opened = await TestStorage.open(rig, torrent, { priorities })
    assert.equal(opened.storage.have.count, 0)
    const checked = unwrap(await rig.settle(opened.storage.check('all', () => undefined, new AbortController().signal)))
    assert.equal(checked.goodPieces, 2)
    await opened.assertServes(1)
  })

  test('a piece of which nobody wants a file any more is dropped, not written', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.receive(5, [0])
    unwrap(await rig.settle(opened.storage.setPriorities(Uint8Array.of(4, 0))))
    opened.give(5, 1)
    await rig.until(() => opened.count('lost') === 1)
    assert.deepEqual(rig.disk.paths(), [])
    assert.equal(rig.memory.reservedBytes, 0)
  })

  test('links of the torrent are not made, nor looked for', async () => {
    const made = makeTorrent({ lengths: [40_000, 0, 30_000], pieceLengthBytes: 32_768 })
    const { info } = made.metainfo
    const files = info.files.map((file, index) => (index === 1 ? { ...file, symlinkTarget: ['elsewhere'] } : file))
    const torrent = { ...made, metainfo: { ...made.metainfo, info: { ...info, files } } }
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    await rig.clock.run(100)
    assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0), pathOf(torrent, 2)])
    unwrap(await rig.settle(opened.storage.close()))
    // What stands there is somebody else's.
    rig.disk.put(pathOf(torrent, 1), Uint8Array.of(7))
    const again = await TestStorage.open(rig, torrent)
    unwrap(await rig.settle(again.storage.remove()))
    assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 1)])
  })

  test('the suffix is on incomplete files only, and found again', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    await opened.download([0, 1, 5])
    assert.deepEqual(rig.disk.paths(), [`${pathOf(torrent, 0)}.part`, `${pathOf(torrent, 1)}.part`])
    const record = unwrap(await rig.settle(opened.storage.resume()))
    unwrap(await rig.settle(opened.storage.close()))
    const again = await TestStorage.open(rig, torrent, { hasSuffix: true }, record)
    assert.equal(again.storage.have.count, 3)
    await again.download([2, 3])
    await rig.until(() => rig.disk.content(pathOf(torrent, 0)) !== undefined)
    assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0), `${pathOf(torrent, 1)}.part`])
    await again.assertServes(0)
    await again.download()
    await rig.until(() => rig.disk.content(pathOf(torrent, 1)) !== undefined)
    assertSameBytes(rig.disk.content(pathOf(torrent, 1)), torrent.contents[1])
  })

  test('a whole file whose name is taken keeps its suffix until the name is free', async () => {
    const torrent = makeTorrent({ lengths: [40_000, 10_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    rig.disk.put(pathOf(torrent, 0), new Uint8Array(3))
    await opened.download()
    await rig.until(() => opened.count('write-failed') === 1)
    assert.equal(rig.disk.content(pathOf(torrent, 0))?.length, 3, 'nothing is replaced')
    rig.disk.delete(pathOf(torrent, 0))
    opened.storage.retryWrites()
    await rig.until(() => rig.disk.content(pathOf(torrent, 0))?.length === 40_000)
  })

  test('sparse files take their length at once, full ones their space too', async () => {
    for (const allocation of ['sparse', 'full'] as const) {
      const torrent = makeTorrent({ lengths: [3_000_000] })
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent, { allocation })
      assert.equal(rig.disk.paths().length, 0, 'nothing is made before it is written')
      await opened.download([7])
      assert.equal(rig.disk.content(pathOf(torrent, 0))?.length, 3_000_000)
      assert.equal(rig.disk.usedBytes() > 2_900_000, allocation === 'full')
      await opened.download()
      assertSameBytes(rig.disk.content(pathOf(torrent, 0)), torrent.contents[0])
    }
  })

  test('full files: what a full disk or a crash cut short is made whole before more is written', async () => {
    const torrent = makeTorrent({ lengths: [8_000_000] })
    const settings = { allocation: 'full', hasSuffix: true } as const
    for (const isCrash of [true, false]) {
      const rig = new Rig({ capacityBytes: isCrash ? 20_000_000 : 5_000_000 })
      const first = await TestStorage.open(rig, torrent, settings)
      const suffixed = `${pathOf(torrent, 0)}.part`
      const lengthNow = () => rig.disk.content(suffixed)?.length ?? 0
      await first.receive(7)
      let opened = first
      if (isCrash) {
        await rig.until(() => lengthNow() > 2_000_000)
        const record = unwrap(await rig.settle(first.storage.resume()))
        rig.restart(false)
        assert.ok(lengthNow() < 8_000_000)
        opened = await TestStorage.open(rig, torrent, settings, record)
        assert.ok(unwrap(await rig.settle(opened.storage.space())).neededBytes < 6_000_000, 'what is there counts')
        await opened.receive(3)
      } else {
        await rig.until(() => first.count('write-failed') === 1)
        assert.ok(lengthNow() < 8_000_000 && !first.storage.have.hasAny)
        rig.disk.capacityBytes = 20_000_000
        first.storage.retryWrites()
      }
      await rig.until(() => opened.storage.have.hasAny)
      assert.equal(lengthNow(), 8_000_000)
      assert.ok(rig.disk.usedBytes() >= 8_000_000)
      await opened.download()
      await rig.settle(opened.storage.settled())
      assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0)])
      assertSameBytes(rig.disk.content(pathOf(torrent, 0)), torrent.contents[0])
    }
  })

  test('it says what space the wanted files still need, and what there is', async () => {
    const torrent = makeTorrent({ lengths: [320_000, 100_000] })
    const rig = new Rig({ capacityBytes: 600_000 })
    const opened = await TestStorage.open(rig, torrent, { priorities: Uint8Array.of(4, 0) })
    const spaceNow = async () => unwrap(await rig.settle(opened.storage.space()))
    assert.deepEqual(await spaceNow(), { neededBytes: 320_000, volume: 'disk', freeBytes: 600_000 })
    await opened.download([0, 1])
    const { neededBytes, freeBytes } = await spaceNow()
    assert.ok(neededBytes > 0 && neededBytes <= 320_000 - 2 * torrent.plan.pieceLengthBytes)
    assert.ok(freeBytes <= 600_000 - 2 * torrent.plan.pieceLengthBytes)
    const wantedCount = Math.ceil(320_000 / torrent.plan.pieceLengthBytes)
    await opened.download(Array(wantedCount).keys())
    assert.equal((await spaceNow()).neededBytes, 0)
  })

  test('received blocks of unfinished pieces can be put on disk, and are in the resume data then', async () => {
    for (const pieceLengthBytes of [65_536, 4_194_304]) {
      const torrent = makeTorrent({ lengths: [2 * pieceLengthBytes], pieceLengthBytes })
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent)
      await opened.receive(1, [0, 2])
      const resumed = async () => unwrap(await rig.settle(opened.storage.resume())).partials
      assert.deepEqual(await resumed(), [])
      await rig.settle(opened.storage.spillAll())
      const [partial] = await resumed()
      assert.equal(partial?.piece, 1)
      assert.equal(partial?.blocks[0], 0xa0)
    }
  })

  test('a file, and the folder, can be renamed while they are in use', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 50_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    await opened.download([0, 1])
    unwrap(await rig.settle(opened.storage.renameFile(0, ['torrent', 'other', 'name.bin'])))
    assert.ok(rig.disk.content('/data/torrent/other/name.bin.part') !== undefined)
    await opened.assertServes(1)
    unwrap(await rig.settle(opened.storage.renameRoot('new')))
    await opened.download()
    const names = ['/data/new/other/name.bin', '/data/new/sub/file-001.bin']
    await rig.until(() => names.every((name) => rig.disk.content(name) !== undefined))
    assertSameBytes(rig.disk.content('/data/new/other/name.bin'), torrent.contents[0])
    assertSameBytes(rig.disk.content('/data/new/sub/file-001.bin'), torrent.contents[1])
    assert.ok(rig.disk.paths().every((path) => !path.startsWith('/data/torrent')))
    const record = unwrap(await rig.settle(opened.storage.resume()))
    rig.restart(true)
    const again = await TestStorage.open(rig, torrent, { hasSuffix: true }, record)
    assert.ok(again.storage.have.isComplete)
    assert.deepEqual(again.storage.pathOf(0), ['new', 'other', 'name.bin'])
    await again.assertServes(0)
  })

  test('names that lead out, collide, or are nothing are refused or made safe', async () => {
    const torrent = makeTorrent({ lengths: [10_000, 10_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    const rename = async (path: readonly string[]) => codeOf(await rig.settle(opened.storage.renameFile(0, path)))
    assert.equal(await rename(['..', '..']), 'file-not-plain')
    assert.equal(await rename(['torrent', 'sub', 'FILE-001.bin']), 'file-exists')
    assert.equal(await rename(['torrent', 'sub', 'x.part']), 'file-exists')
    assert.equal(await rename(['..', 'a/b', 'c']), 'ok')
    assert.deepEqual(opened.storage.pathOf(0), ['ab', 'c'])
    rig.disk.put('/data/taken', new Uint8Array(1))
    assert.equal(await rename(['taken']), 'file-exists')
    assert.deepEqual(opened.storage.pathOf(0), ['ab', 'c'])
    await opened.assertServes(0)
  })

  test('names of a resume record are made safe as well', async () => {
    const torrent = makeTorrent({ lengths: [40_000, 30_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    const record = unwrap(await rig.settle(opened.storage.resume()))
    rig.restart(false)
    const [first, second] = record.files
    assert.ok(first !== undefined && second !== undefined)
    const files = [{ ...first, path: ['..', '..', 'evil\u0000', 'a/b'] }, second]
    const again = await TestStorage.open(rig, torrent, {}, { ...record, files })
    for (const component of again.storage.pathOf(0)) assert.match(component, /^(?!\.\.?$)[^/\0]+$/)
  })

  test('moving within a root renames, and undoes what it did when a name is taken', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 50_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const root = await otherRoot(rig, '/data')
    const opened = await TestStorage.open(rig, torrent, { place: { root, folder: [] } })
    await opened.download()
    let writes = 0
    rig.disk.failing = (operation) => {
      if (operation === 'write') writes++
      return undefined
    }
    rig.disk.put('/data/else/torrent/sub/file-001.bin', new Uint8Array(1))
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: ['else'] }, remembered))), 'file-exists')
    assertSameBytes(rig.disk.content(pathOf(torrent, 0)), torrent.contents[0])
    assert.equal(rig.disk.content('/data/else/torrent/sub/file-000.bin'), undefined)
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: ['a', 'b'] }, remembered))), 'ok')
    assertSameBytes(rig.disk.content('/data/a/b/torrent/sub/file-001.bin'), torrent.contents[1])
    assert.equal(writes, 0, 'nothing was copied')
    await opened.assertServes(2)
  })

  test('moving between roots copies, compares, then deletes; downloads and uploads go on', async () => {
    const torrent = makeTorrent({ lengths: [200_000, 50_000], pieceLengthBytes: 32_768 })
    const rig = new Rig({ budgetBytes: 524_288 })
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true, priorities: Uint8Array.of(4, 0) })
    await opened.download([0, 1, 2, 6])
    const root = await otherRoot(rig, '/other')
    await opened.receive(3, [0])
    let isMoved = false
    const moving = opened.storage.move({ root, folder: ['deep'] }, remembered).then((result) => {
      isMoved = true
      return result
    })
    await rig.clock.run(1)
    opened.give(3, 1)
    assert.equal(isMoved, false)
    await opened.assertServes(0)
    assert.equal(codeOf(await rig.settle(moving)), 'ok')
    await opened.download([3, 4, 5])
    await rig.until(() => rig.disk.content('/other/deep/torrent/sub/file-000.bin') !== undefined)
    assertSameBytes(rig.disk.content('/other/deep/torrent/sub/file-000.bin'), torrent.contents[0])
    assert.ok(rig.disk.paths().every((path) => path.startsWith('/other/deep/')))
    await opened.assertServes(6)
  })

  test('a move that fails leaves everything where it was', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 50_000], pieceLengthBytes: 32_768 })
    for (const operation of ['write', 'sync', 'open'] as const) {
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent)
      await opened.download()
      const root = await otherRoot(rig, '/other')
      let count = 0
      rig.disk.failing = (found, path) =>
        found === operation && path.startsWith('/other') && ++count === 2 ? failure('disk-full', 'full') : undefined
      assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'disk-full')
      rig.disk.failing = () => undefined
      assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0), pathOf(torrent, 1)])
      for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
      assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'ok')
      assertSameBytes(rig.disk.content(pathOf(torrent, 0, '/other')), torrent.contents[0])
    }
  })

  test('a move to another root writes over nothing that stands there', async () => {
    const torrent = makeTorrent({ lengths: [50_000, 40_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    const target = pathOf(torrent, 1, '/other')
    rig.disk.put(target, Uint8Array.of(1, 2, 3))
    const root = await otherRoot(rig, '/other')
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'file-exists')
    assert.deepEqual(rig.disk.content(target), Uint8Array.of(1, 2, 3))
    for (const [file, content] of torrent.contents.entries())
      assertSameBytes(rig.disk.content(pathOf(torrent, file)), content)
    assert.equal(rig.disk.content(pathOf(torrent, 0, '/other')), undefined)
  })

  test('a crash at any moment of a move to another root leaves everything in the place that is remembered', async () => {
    const torrent = makeTorrent({ lengths: [40_000, 20_000], pieceLengthBytes: 32_768 })
    const contentAt = (rig: Rig, root: string) =>
      torrent.contents.map((_, file) => rig.disk.content(pathOf(torrent, file, root)))
    const moments = { copying: 0, named: 0, remembered: 0, leaving: 0, moved: 0 }
    for (let atMs = 0; moments.moved < 4; atMs++) {
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent)
      await opened.download()
      let known = { path: '/data', record: unwrap(await rig.settle(opened.storage.resume())) }
      await rig.clock.run(10)
      let isMoved = false
      const root = await otherRoot(rig, '/other')
      const moving = opened.storage.move({ root, folder: [] }, async () => {
        known = { path: '/other', record: unwrap(await opened.storage.resume()) }
        return success(undefined)
      })
      void moving.then(() => {
        isMoved = true
      })
      await rig.clock.run(atMs)
      const [before, after] = [contentAt(rig, '/data'), contentAt(rig, '/other')]
      if (isMoved) moments.moved++
      else if (before.includes(undefined)) moments.leaving++
      else if (known.path === '/other') moments.remembered++
      else if (after.some((bytes) => bytes !== undefined)) moments.named++
      else moments.copying++
      rig.restart(atMs % 2 === 1)
      const place = { root: await otherRoot(rig, known.path), folder: [] }
      const again = await TestStorage.make(rig, torrent, { place })
      const outcome = unwrap(await again.start(known.record))
      assert.deepEqual([outcome.missingFiles, outcome.unchecked.count], [[], 0], `broken off after ${atMs} ms`)
      assert.ok(again.storage.have.isComplete)
      const other = known.path === '/data' ? '/other' : '/data'
      const result = await rig.settle(again.storage.move({ root: await otherRoot(rig, other), folder: [] }, remembered))
      assert.equal(codeOf(result), 'ok', `broken off after ${atMs} ms`)
      for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await again.assertServes(piece)
      assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0, other), pathOf(torrent, 1, other)])
    }
    assert.ok(
      Object.values(moments).every((count) => count > 0),
      JSON.stringify(moments),
    )
  })

  test('a place that cannot be remembered is left again', async () => {
    const torrent = makeTorrent({ lengths: [40_000, 20_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    await rig.clock.run(10)
    rig.disk.put(pathOf(torrent, 1, '/other'), torrent.contents[1] as Uint8Array)
    const root = await otherRoot(rig, '/other')
    const moving = opened.storage.move({ root, folder: [] }, async () => {
      unwrap(await opened.storage.resume())
      return failure('disk-full', 'no room for a record')
    })
    assert.equal(codeOf(await rig.settle(moving)), 'disk-full')
    // What somebody else had put there stays.
    assert.deepEqual(rig.disk.paths(), [pathOf(torrent, 0), pathOf(torrent, 1), pathOf(torrent, 1, '/other')])
    const record = unwrap(await rig.settle(opened.storage.resume()))
    rig.restart(false)
    const again = await TestStorage.make(rig, torrent)
    assert.equal(unwrap(await again.start(record)).unchecked.count, 0)
    for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await again.assertServes(piece)
  })

  test('what stands at the target is taken for the file if it is another one with the same bytes', async () => {
    const torrent = makeTorrent({ lengths: [50_000, 40_000], pieceLengthBytes: 32_768 })
    const [first, second] = torrent.contents as readonly [Uint8Array, Uint8Array]
    const other = second.slice()
    other[39_999] = (other[39_999] as number) ^ 1
    for (const there of [second, other]) {
      const rig = new Rig()
      const opened = await TestStorage.open(rig, torrent)
      await opened.download()
      await rig.clock.run(10)
      const target = pathOf(torrent, 1, '/other')
      rig.disk.put(target, there)
      const root = await otherRoot(rig, '/other')
      const isSame = there === second
      const moved = await rig.settle(opened.storage.move({ root, folder: [] }, remembered))
      assert.equal(codeOf(moved), isSame ? 'ok' : 'file-exists')
      assertSameBytes(rig.disk.content(target), there)
      assertSameBytes(rig.disk.content(pathOf(torrent, 0, isSame ? '/other' : '/data')), first)
      assert.equal(rig.disk.paths().length, isSame ? 2 : 3)
      for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
    }
  })

  test('identical content at the target is on the disk before the originals go', async () => {
    const torrent = makeTorrent({ lengths: [50_000] })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    await rig.clock.run(10)
    rig.disk.put('/other/torrent', torrent.contents[0] as Uint8Array)
    let isFailing = true
    rig.disk.failing = (operation, path) =>
      isFailing && operation === 'sync' && path === '/other/torrent' ? failure('disk-full', 'full') : undefined
    const root = await otherRoot(rig, '/other')
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'disk-full')
    assertSameBytes(rig.disk.content('/data/torrent'), torrent.contents[0])
    assertSameBytes(rig.disk.content('/other/torrent'), torrent.contents[0])
    isFailing = false
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'ok')
    assert.deepEqual(rig.disk.paths(), ['/other/torrent'])
  })

  test('a folder under two names is not moved into itself: a file is never taken for its own copy', async () => {
    const torrent = makeTorrent({ lengths: [50_000, 40_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    const root = await otherRoot(rig, '/data')
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'file-exists')
    for (const [file, content] of torrent.contents.entries())
      assertSameBytes(rig.disk.content(pathOf(torrent, file)), content)
  })

  test('a copy that is not the original is found before the original goes', async () => {
    const torrent = makeTorrent({ lengths: [100_000] })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    const root = await otherRoot(rig, '/other')
    rig.disk.failing = (operation, path) => {
      if (operation === 'sync' && path.startsWith('/other')) rig.disk.flip(path, 5000)
      return undefined
    }
    assert.equal(codeOf(await rig.settle(opened.storage.move({ root, folder: [] }, remembered))), 'file-changed')
    assertSameBytes(rig.disk.content('/data/torrent'), torrent.contents[0])
  })

  test('removing with data deletes the torrent and its empty folders, and nothing else', async () => {
    const torrent = makeTorrent({ lengths, pieceLengthBytes: 32_768 })
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true, priorities: Uint8Array.of(4, 0, 4, 4) })
    await opened.download([0, 1, 4])
    rig.disk.put('/data/torrent/own.txt', new Uint8Array(1))
    assert.equal(codeOf(await rig.settle(opened.storage.remove())), 'ok')
    assert.deepEqual(rig.disk.paths(), ['/data/torrent/own.txt'])
    assert.equal(rig.memory.reservedBytes, 0)
  })

  test('what the owner vouches for is had without reading, and proven before it is served', async () => {
    const torrent = makeTorrent({ lengths: [100_000, 100_000], pieceLengthBytes: 32_768 })
    const rig = new Rig()
    rig.disk.put(pathOf(torrent, 0), torrent.contents[0] as Uint8Array)
    rig.disk.put(pathOf(torrent, 1), new Uint8Array(100_000))
    const opened = await TestStorage.open(rig, torrent)
    assert.equal(opened.storage.trustContent(), torrent.plan.pieceCount)
    await opened.assertServes(0)
    assert.equal(await opened.read(5, 0, blockBytes), undefined)
    assert.deepEqual(opened.piecesOf('lost'), [5])
  })
})

describe('a file that is there with and without the suffix', () => {
  const path = '/data/torrent'
  const shape = { lengths: [100_000], pieceLengthBytes: 32_768 }
  const check = (rig: Rig, { storage }: TestStorage) =>
    rig.settle(storage.check('all', () => undefined, new AbortController().signal))

  async function partly(): Promise<{ rig: Rig; torrent: TestTorrent; record: StorageRecord }> {
    const torrent = makeTorrent(shape)
    const rig = new Rig()
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    await opened.download([0, 1])
    const record = unwrap(await rig.settle(opened.storage.resume()))
    unwrap(await rig.settle(opened.storage.close()))
    await rig.clock.run(5_000)
    return { rig, torrent, record }
  }

  test('is the one that the record proves; the other is not touched, and its name is waited for', async () => {
    const { rig, torrent, record } = await partly()
    const old = new Uint8Array(100_000).fill(7)
    rig.disk.put(path, old.slice())
    rig.restart(false)
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true }, record)
    assert.equal(opened.storage.have.count, 2)
    await opened.download()
    await rig.until(() => opened.count('write-failed') === 1)
    assert.ok(opened.storage.isFinishing)
    assertSameBytes(rig.disk.content(path), old)
    assertSameBytes(rig.disk.content(`${path}.part`), torrent.contents[0])
    rig.disk.delete(path)
    opened.storage.retryWrites()
    await rig.until(() => rig.disk.content(`${path}.part`) === undefined)
    assert.ok(!opened.storage.isFinishing)
    assertSameBytes(rig.disk.content(path), torrent.contents[0])
  })

  test('without a record is the one of the right length, else the one without', async () => {
    const { rig, torrent } = await partly()
    rig.disk.put(path, new Uint8Array(5_000).fill(7))
    rig.restart(false)
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    assert.equal(unwrap(await check(rig, opened)).goodPieces, 2)
    unwrap(await rig.settle(opened.storage.close()))
    rig.disk.put(path, (torrent.contents[0] as Uint8Array).slice())
    rig.restart(false)
    const again = await TestStorage.open(rig, torrent, { hasSuffix: true })
    assert.equal(unwrap(await check(rig, again)).goodPieces, torrent.plan.pieceCount)
  })
})
