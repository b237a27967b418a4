// Torrents made of folders on disk: they say what is there, verify against it, and name what was damaged.
import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type CreatedTorrent,
  type CreateEvent,
  type CreateRequest,
  createTorrent,
} from '../../src/daemon/create-torrent.ts'
import { magnetOf } from '../../src/daemon/make-magnet.ts'
import { readTorrent } from '../../src/daemon/read-torrent.ts'
import { verifyContent } from '../../src/daemon/verify-content.ts'
import { formatMagnet, parseMagnet } from '../../src/formats/magnet.ts'
import { codeOf } from '../host/error-code.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { naiveLayer, naivePieces } from '../storage/naive-digests.ts'

const never = new AbortController().signal
const versions = ['v1', 'v2', 'hybrid'] as const

function request(contentPath: string, outputPath: string, changes: Partial<CreateRequest> = {}): CreateRequest {
  return {
    contentPath,
    outputPath,
    overwrite: true,
    version: 'hybrid',
    trackers: [],
    webSeeds: [],
    nodes: [],
    isPrivate: false,
    symlinks: 'refuse',
    skipHidden: false,
    maxThreads: 1,
    ...changes,
  }
}

function create(
  folder: string,
  changes: Partial<CreateRequest> = {},
  events: CreateEvent[] = [],
): Promise<CreatedTorrent> {
  const wanted = request(join(folder, 'content'), join(folder, 'out.torrent'), changes)
  return createTorrent(wanted, (event) => events.push(event), never)
}

function verify(folder: string, created: CreatedTorrent, path = folder) {
  return verifyContent({ metainfo: created.metainfo, path, maxThreads: 1 }, () => undefined, never)
}

const paths = fc.uniqueArray(fc.constantFrom('a', 'b.txt', 'c/d', 'c/e/f', 'z', 'y/0', 'y/1'), {
  minLength: 1,
  maxLength: 5,
})

describe('creating torrents', () => {
  test('the output never takes the place of the file it describes', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { content: 'precious' })
    const content = join(folder, 'content')
    assert.equal(await codeOf(create(folder, { outputPath: content })), 'create-options')
    if (process.platform !== 'win32') {
      symlinkSync('content', join(folder, 'link'))
      const throughLink = { contentPath: join(folder, 'link'), outputPath: content }
      assert.equal(await codeOf(create(folder, throughLink)), 'create-options')
    }
    assert.equal(readFileSync(content, 'utf8'), 'precious')
  })

  test('an empty path is not the current folder', async (t) => {
    const folder = temporaryFolder(t)
    assert.equal(await codeOf(create(folder, { contentPath: '' })), 'file-not-found')
    writeFiles(folder, { content: 'abc' })
    assert.equal(await codeOf(verify(folder, await create(folder), '')), 'file-not-found')
  })

  test('any tree, version and piece length: what is written is what is there', async (t) => {
    const folder = temporaryFolder(t)
    const trees = fc.record({
      paths,
      sizes: fc.array(fc.oneof(fc.constantFrom(0, 1, 16_384, 32_768), fc.nat(120_000)), { minLength: 5, maxLength: 5 }),
      version: fc.constantFrom(...versions),
      pieceLengthBytes: fc.constantFrom(16_384, 32_768, 65_536),
    })
    await fc.assert(
      fc.asyncProperty(trees, async ({ paths: names, sizes, version, pieceLengthBytes }) => {
        fc.pre(names.some((_, index) => sizes[index] !== 0))
        fc.pre(version !== 'v2' || names.length > 1 || names[0]?.includes('/') === true)
        rmSync(join(folder, 'content'), { recursive: true, force: true })
        const contents = new Map(names.map((name, index) => [`content/${name}`, fillerBytes(sizes[index] ?? 0, index)]))
        writeFiles(folder, Object.fromEntries(contents))
        const { info, pieceLayers } = (await create(folder, { version, pieceLengthBytes })).metainfo
        const placed = info.files.map((file) => ({
          offset: file.offset,
          bytes: contents.get(file.path.join('/')) ?? assert.fail(file.path.join('/')),
        }))
        assert.equal(placed.length, contents.size)
        if (version !== 'v2') {
          assert.deepEqual(Buffer.from(info.pieces ?? []), naivePieces(placed, pieceLengthBytes, info.spanBytes))
        }
        if (version === 'v1') return
        for (const [index, { bytes }] of placed.entries()) {
          const root = info.files[index]?.piecesRoot
          const layer = naiveLayer(bytes, pieceLengthBytes)
          if (bytes.length === 0) assert.equal(root, undefined)
          else if (bytes.length <= pieceLengthBytes) assert.deepEqual(Buffer.from(root ?? []), layer)
          else assert.deepEqual(Buffer.from(pieceLayers.get(Buffer.from(root ?? []).toString('hex')) ?? []), layer)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('the same content gives the same bytes, whatever the number of threads', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/a': fillerBytes(9_000_000, 1), 'content/b/c': fillerBytes(5, 2) })
    const output = join(folder, 'out.torrent')
    await create(folder, { maxThreads: 1, pieceLengthBytes: 16_384 })
    const first = readFileSync(output)
    await create(folder, { maxThreads: 3, pieceLengthBytes: 16_384 })
    assert.deepEqual(readFileSync(output), first)
  })

  test('everything said about it can be read back', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { content: 'one file' })
    const said = {
      name: 'other name',
      trackers: [['http://a/announce', 'udp://b:1'], ['wss://c']],
      webSeeds: ['https://w/x'],
      comment: 'a comment',
      createdBy: 'test',
      creationDateSeconds: 1_700_000_000,
      source: 'SRC',
      isPrivate: true,
    }
    await create(folder, said)
    const metainfo = await readTorrent(join(folder, 'out.torrent'), never)
    const { trackers, webSeeds, comment, createdBy, creationDateSeconds } = metainfo
    const { name, source, isPrivate } = metainfo.info
    assert.deepEqual({ name, trackers, webSeeds, comment, createdBy, creationDateSeconds, source, isPrivate }, said)
    const link = parseMagnet(formatMagnet(magnetOf(metainfo)))
    assert.ok(link.ok)
    assert.deepEqual(
      [link.value.infoHashV1, link.value.infoHashV2, link.value.name],
      [metainfo.info.infoHashV1, metainfo.info.infoHashV2, 'other name'],
    )
  })

  test('nothing to describe, and what cannot be described, is refused and leaves no file', async (t) => {
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'content'))
    assert.equal(await codeOf(create(folder)), 'create-no-content')
    writeFiles(folder, { 'content/empty': '' })
    assert.equal(await codeOf(create(folder)), 'create-no-content')
    writeFiles(folder, { 'content/a': 'x' })
    for (const changes of [
      { pieceLengthBytes: 10_000 },
      { pieceLengthBytes: 8192 },
      { pieceLengthBytes: 2 ** 30 },
      { name: 'a/b' },
      { name: '..' },
      { trackers: [['ftp://tracker/']] },
      { trackers: [['http://a\nb/']] },
      { webSeeds: ['nonsense'] },
      { nodes: [{ host: 'a', port: 1 }], isPrivate: true },
      { creationDateSeconds: -1 },
    ]) {
      assert.equal(await codeOf(create(folder, changes)), 'create-options', JSON.stringify(changes))
    }
    assert.throws(() => readFileSync(join(folder, 'out.torrent')), /ENOENT/)
  })

  test('a folder of one file cannot be described by version 2 alone, and is not described as something else', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/only': 'x' })
    assert.equal(await codeOf(create(folder, { version: 'v2' })), 'create-options')
    for (const version of ['v1', 'hybrid'] as const) {
      const { info } = (await create(folder, { version })).metainfo
      assert.deepEqual([info.isFolder, info.files[0]?.path], [true, ['content', 'only']])
    }
    writeFiles(folder, { 'content/only': 'x', 'content/deep/a': 'y' })
    assert.ok((await create(folder, { version: 'v2' })).metainfo.info.isFolder)
  })

  test('too many pieces for a torrent file are refused before anything is hashed', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { content: '' })
    truncateSync(join(folder, 'content'), 2 ** 40)
    assert.equal(await codeOf(create(folder, { pieceLengthBytes: 16_384 })), 'create-options')
  })

  test('names that safe clients change, and what is left out, are warned about', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/a:b': 'x', 'content/.h': 'y', 'content/ok': 'z' })
    mkdirSync(join(folder, 'content/empty'))
    const events: CreateEvent[] = []
    await create(folder, { skipHidden: true }, events)
    const warnings = events.filter((event) => event.type === 'warning').map(({ detail }) => detail)
    assert.equal(warnings.length, 3)
    assert.ok(warnings.some((detail) => detail.includes('content/a:b')))
  })

  test('links inside the content can be kept as links', async (t) => {
    if (process.platform === 'win32') return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content/dir/real': 'abc' })
    symlinkSync('dir/real', join(folder, 'content/link'))
    for (const version of versions) {
      const created = await create(folder, { symlinks: 'keep', version })
      const link = created.metainfo.info.files.find((file) => file.path.join('/') === 'content/link')
      assert.deepEqual(link?.symlinkTarget, ['content', 'dir', 'real'])
      const report = await verify(folder, created)
      assert.deepEqual([report.badPieces, report.badFiles, report.linkCount], [[], [], 1])
    }
  })
})

describe('verifying content', () => {
  const pieceLengthBytes = 16_384

  function makeContent(folder: string): void {
    rmSync(join(folder, 'content'), { recursive: true, force: true })
    writeFiles(folder, {
      'content/a': fillerBytes(50_000, 1),
      'content/b/c': fillerBytes(100_000, 2),
      'content/b/d': '',
      'content/e': fillerBytes(10, 3),
    })
  }

  test('intact content is right in every version, named itself or by the folder it is in', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    for (const version of versions) {
      const created = await create(folder, { version, pieceLengthBytes })
      for (const path of [folder, join(folder, 'content')]) {
        const report = await verify(folder, created, path)
        assert.deepEqual([report.badFiles, report.badPieces], [[], []])
        assert.equal(report.contentPath, join(folder, 'content'))
      }
    }
  })

  test('one flipped byte anywhere is exactly one bad piece', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    for (const version of versions) {
      const created = await create(folder, { version, pieceLengthBytes })
      const { files } = created.metainfo.info
      for (const [index, at] of [
        [0, 0],
        [0, 49_999],
        [1, 16_384],
        [3, 9],
      ] as const) {
        const path = join(folder, ...(files[index]?.path ?? []))
        const bytes = readFileSync(path)
        const flipped = Buffer.from(bytes)
        flipped[at] = (flipped[at] ?? 0) ^ 0x80
        writeFileSync(path, flipped)
        const report = await verify(folder, created)
        const piece = Math.floor(((files[index]?.offset ?? 0) + at) / pieceLengthBytes)
        assert.deepEqual(
          report.badPieces.map((bad) => [bad.piece, bad.verdict]),
          [[piece, 'damaged']],
        )
        assert.ok(report.badPieces[0]?.files.some((name) => name.join('/') === files[index]?.path.join('/')))
        assert.deepEqual(report.badFiles, [])
        writeFileSync(path, bytes)
      }
    }
  })

  test('missing, shorter and longer files are named, and their intact pieces still count', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    const created = await create(folder, { pieceLengthBytes })
    rmSync(join(folder, 'content/e'))
    truncateSync(join(folder, 'content/b/c'), 40_000)
    appendFileSync(join(folder, 'content/a'), 'more')
    const report = await verify(folder, created)
    assert.deepEqual(
      report.badFiles.map(({ path, problem }) => [path.join('/'), problem]),
      [
        ['content/a', { type: 'wrong-length', foundBytes: 50_004 }],
        ['content/b/c', { type: 'wrong-length', foundBytes: 40_000 }],
        ['content/e', { type: 'missing' }],
      ],
    )
    assert.deepEqual(
      report.badPieces.map(({ piece, verdict }) => [piece, verdict]),
      [6, 7, 8, 9, 10, 11].map((piece) => [piece, 'unavailable']),
    )
  })

  test('a folder where a file should be, and a file where a folder should be', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    const created = await create(folder, { pieceLengthBytes })
    rmSync(join(folder, 'content/e'))
    mkdirSync(join(folder, 'content/e'))
    rmSync(join(folder, 'content/b'), { recursive: true })
    writeFileSync(join(folder, 'content/b'), 'file')
    const report = await verify(folder, created)
    assert.deepEqual(
      report.badFiles.map(({ path, problem }) => [path.join('/'), problem.type]),
      [
        ['content/b/c', 'missing'],
        ['content/b/d', 'missing'],
        ['content/e', 'not-a-file'],
      ],
    )
  })

  test('content below a folder of its own name is found', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'outer/content/content': fillerBytes(20_000, 1), 'outer/content/x': 'x' })
    const wanted = request(join(folder, 'outer/content'), join(folder, 'out.torrent'))
    const created = await createTorrent(wanted, () => undefined, never)
    for (const path of ['outer', 'outer/content']) {
      const report = await verify(folder, created, join(folder, path))
      assert.equal(report.contentPath, join(folder, 'outer/content'))
      assert.equal(report.badPieces.length, 0)
    }
    renameSync(join(folder, 'outer/content'), join(folder, 'renamed'))
    const report = await verify(folder, created, join(folder, 'renamed'))
    assert.equal(report.badPieces.length + report.badFiles.length, 0)
  })

  test('a path that does not exist is an error of its own', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    const created = await create(folder)
    assert.equal(await codeOf(verify(folder, created, join(folder, 'nowhere', dirname('x')))), 'file-not-found')
  })

  test('a hybrid whose halves contradict each other is told apart from damage', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    const created = await create(folder, { pieceLengthBytes })
    const { metainfo } = created
    const pieces = Uint8Array.from(metainfo.info.pieces ?? [])
    pieces[25] = (pieces[25] ?? 0) ^ 1
    const contradictory = { ...created, metainfo: { ...metainfo, info: { ...metainfo.info, pieces } } }
    const report = await verify(folder, contradictory)
    assert.deepEqual(
      report.badPieces.map(({ piece, verdict }) => [piece, verdict]),
      [[1, 'contradictory']],
    )
  })

  test('without piece layers a file is proven as a whole, and damage in it leaves all its pieces unproven', async (t) => {
    const folder = temporaryFolder(t)
    makeContent(folder)
    const created = await create(folder, { version: 'v2', pieceLengthBytes })
    const bare = { ...created, metainfo: { ...created.metainfo, pieceLayers: new Map<string, Uint8Array>() } }
    assert.ok(created.metainfo.pieceLayers.size > 0)
    assert.deepEqual((await verify(folder, bare)).badPieces, [])

    const large = created.metainfo.info.files.find((file) => file.lengthBytes > pieceLengthBytes)
    assert.ok(large)
    const path = join(folder, ...large.path)
    const bytes = readFileSync(path)
    bytes[0] = (bytes[0] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const first = large.offset / pieceLengthBytes
    assert.deepEqual(
      (await verify(folder, created)).badPieces.map(({ piece, verdict }) => [piece, verdict]),
      [[first, 'damaged']],
    )
    const pieceCount = Math.ceil(large.lengthBytes / pieceLengthBytes)
    assert.deepEqual(
      (await verify(folder, bare)).badPieces.map(({ piece, verdict }) => [piece, verdict]),
      Array.from({ length: pieceCount }, (_, index) => [first + index, 'unproven']),
    )
  })
})
