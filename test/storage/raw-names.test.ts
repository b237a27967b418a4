// Content under the names that a torrent has for it, where downloads get safe ones: which files are taken to lie there,
// and what becomes of them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../src/base/errors.ts'
import { buildMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import type { TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { filesUnderRawNames, type NamedFile } from '../../src/storage/raw-names.ts'
import { assertSameBytes, makeTorrent, Rig, remembered, TestStorage, type TestTorrent } from './storage-harness.ts'

function found(files: readonly NamedFile[], onDisk: readonly string[]): number[] {
  const there = new Set(onDisk)
  const has = (path: readonly string[] | undefined) => path !== undefined && there.has(path.join('/'))
  const underRaw = filesUnderRawNames(files, (file) => ({
    hasOwn: has(files[file]?.path),
    hasRaw: has(files[file]?.rawPath),
  }))
  return [...underRaw].sort()
}

/** As parseMetainfo would have it. */
function parsed(names: readonly string[], version: TorrentVersion = 'v1'): readonly NamedFile[] {
  const files = names.map((name) => ({ path: name.split('/'), lengthBytes: 1, piecesRoot: new Uint8Array(32).fill(1) }))
  const pieces = version === 'v2' ? {} : { pieces: new Uint8Array(20) }
  const spec = { version, name: 'top', isFolder: true, pieceLengthBytes: 16_384, files, ...pieces }
  return unwrap(parseMetainfo(buildMetainfo(spec))).info.files.map(({ path, rawPath }) => ({
    path,
    ...(rawPath === undefined ? {} : { rawPath }),
  }))
}

/** The torrent of the harness with other names for its files. */
function named(torrent: TestTorrent, rawNames: readonly string[]): TestTorrent {
  const { info } = torrent.metainfo
  const files = info.files.map((file, index) => ({ ...file, rawPath: ['torrent', rawNames[index] ?? '_'] }))
  return { ...torrent, metainfo: { ...torrent.metainfo, info: { ...info, files } } }
}

describe('names that are not safe everywhere', () => {
  test('are kept beside the safe ones, if a disk could have them', () => {
    const files = parsed(['a*b', 'clean', 'tab\there/x', 'x/..', 'back\\slash', 'x/ok?'])
    assert.deepEqual(
      files.map(({ rawPath }) => rawPath?.slice(1).join('/')),
      ['a*b', undefined, 'tab\there/x', undefined, undefined, 'x/ok?'],
    )
    assert.deepEqual(files[0]?.path, ['top', 'a_b'])
    const tree = parsed(['a*b', 'q?/clean', 'q?/z'], 'v2')
    assert.deepEqual(
      tree.map(({ rawPath }) => rawPath?.slice(1).join('/')),
      ['a*b', 'q?/clean', 'q?/z'],
    )
  })

  test('are not used where two of them are the same to a system that ignores case', () => {
    const files = parsed(['A*', 'a*', 'b*'])
    assert.deepEqual(
      files.map(({ rawPath }) => rawPath !== undefined),
      [false, false, true],
    )
  })

  test('count where the safe one is not there', () => {
    const files = parsed(['a*b', 'a?b', 'c'])
    assert.deepEqual(files[1]?.path, ['top', 'a_b.1'])
    assert.deepEqual(found(files, ['top/a*b', 'top/a?b', 'top/c']), [0, 1])
    assert.deepEqual(found(files, ['top/a*b', 'top/a_b', 'top/a?b']), [1])
    assert.deepEqual(found(files, []), [])
  })

  test('a safe name that is rather the raw one of another file is left to it', () => {
    const files = parsed(['a*b', 'a_b'])
    // The second gave its name to the first.
    assert.deepEqual(files[1]?.path, ['top', 'a_b.1'])
    assert.deepEqual(found(files, ['top/a*b', 'top/a_b']), [0, 1])
    assert.deepEqual(found(files, ['top/a_b']), [])
    assert.deepEqual(found(files, ['top/a_b', 'top/a_b.1', 'top/a*b']), [])
  })

  test('never are two files of a torrent one file of the disk', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', 'A', '*', '?', '_', '.', '1', ' '),
      minLength: 1,
      maxLength: 4,
    })
    fc.assert(
      fc.property(fc.uniqueArray(name, { minLength: 1, maxLength: 6 }), fc.array(fc.nat(20)), (names, picks) => {
        const usable = names.filter((text) => !/^\.+$/.test(text))
        if (usable.length === 0) return
        const files = parsed(usable)
        const paths = files.flatMap(({ path, rawPath = path }) => [path.join('/'), rawPath.join('/')])
        const onDisk = new Set(picks.map((pick) => paths[pick % paths.length] as string))
        const raw = new Set(found(files, [...onDisk]))
        const used = files
          .map(({ path, rawPath }, file) => ((raw.has(file) ? rawPath : path) ?? path).join('/'))
          .filter((path) => onDisk.has(path))
        assert.equal(new Set(used).size, used.length, JSON.stringify({ usable, onDisk: [...onDisk], used }))
      }),
      { numRuns: 300 },
    )
  })
})

describe('content under raw names', () => {
  const lengths = [50_000, 40_000, 60_000]
  const torrent = named(makeTorrent({ lengths, pieceLengthBytes: 32_768 }), ['a*', 'b?', 'c|'])
  const rawPath = (file: number) => `/data/${torrent.metainfo.info.files[file]?.rawPath?.join('/')}`
  const check = (rig: Rig, { storage }: TestStorage) =>
    rig.settle(storage.check('all', () => undefined, new AbortController().signal))

  function withContent(files: readonly number[]): Rig {
    const rig = new Rig()
    for (const file of files) rig.disk.put(rawPath(file), (torrent.contents[file] as Uint8Array).slice())
    return rig
  }

  test('is found, served, recorded and found again without hashing', async () => {
    const rig = withContent([0, 1, 2])
    const opened = await TestStorage.open(rig, torrent, { hasSuffix: true })
    assert.equal(unwrap(await check(rig, opened)).goodPieces, torrent.plan.pieceCount)
    for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
    const before = rig.disk.paths()
    const record = unwrap(await rig.settle(opened.storage.resume()))
    unwrap(await rig.settle(opened.storage.close()))
    rig.restart(false)
    const again = await TestStorage.make(rig, torrent, { hasSuffix: true })
    const outcome = unwrap(await again.start(record))
    assert.deepEqual([...outcome.missingFiles], [])
    assert.ok(!outcome.unchecked.hasAny && again.storage.have.isComplete)
    assert.deepEqual(rig.disk.paths(), before)
  })

  test('a damaged piece is mended where it is; what is missing gets a safe name', async () => {
    const rig = withContent([0, 1])
    rig.disk.put(rawPath(0), new Uint8Array(50_000))
    const opened = await TestStorage.open(rig, torrent)
    unwrap(await check(rig, opened))
    await opened.download()
    assertSameBytes(rig.disk.content(rawPath(0)), torrent.contents[0])
    assert.deepEqual(rig.disk.paths(), [rawPath(0), rawPath(1), '/data/torrent/sub/file-002.bin'].sort())
  })

  test('where both are there the safe name wins, unless the record proves the other', async () => {
    const rig = withContent([0, 1, 2])
    const opened = await TestStorage.open(rig, torrent)
    unwrap(await check(rig, opened))
    const record = unwrap(await rig.settle(opened.storage.resume()))
    unwrap(await rig.settle(opened.storage.close()))
    await rig.clock.run(5_000)
    rig.disk.put('/data/torrent/sub/file-000.bin', new Uint8Array(50_000))
    rig.restart(false)
    const fresh = await TestStorage.open(rig, torrent)
    assert.ok(unwrap(await check(rig, fresh)).goodPieces < torrent.plan.pieceCount)
    rig.restart(false)
    const again = await TestStorage.open(rig, torrent, {}, record)
    assert.ok(again.storage.have.isComplete)
    await again.assertServes(0)
  })

  test('a link or a folder under a raw name is nothing of the torrent', async () => {
    const rig = new Rig()
    rig.disk.put(rawPath(0), new Uint8Array(50_000), 'link')
    rig.disk.put(`${rawPath(1)}/inside`, new Uint8Array(1))
    const opened = await TestStorage.open(rig, torrent)
    await opened.download()
    assertSameBytes(rig.disk.content('/data/torrent/sub/file-000.bin'), torrent.contents[0])
    assertSameBytes(rig.disk.content(rawPath(0)), new Uint8Array(50_000))
  })

  test('a new name for the torrent brings all of it under safe names; moving and deleting take the raw ones along', async () => {
    const rig = withContent([0, 1, 2])
    const opened = await TestStorage.open(rig, torrent)
    unwrap(await check(rig, opened))
    const elsewhere = unwrap(await rig.settle(rig.disk.files().openRoot('/other')))
    unwrap(await rig.settle(opened.storage.move({ root: elsewhere, folder: [] }, remembered)))
    const moved = ['a*', 'b?', 'c|'].map((name) => `/other/torrent/${name}`)
    assert.deepEqual(rig.disk.paths(), moved)
    unwrap(await rig.settle(opened.storage.renameRoot('new')))
    assert.deepEqual(
      rig.disk.paths(),
      [0, 1, 2].map((file) => `/other/new/sub/file-00${file}.bin`),
    )
    for (let piece = 0; piece < torrent.plan.pieceCount; piece++) await opened.assertServes(piece)
    unwrap(await rig.settle(opened.storage.remove()))
    assert.deepEqual(rig.disk.paths(), [])
  })
})
