// Building torrents: info hashes published for known content, and that the parser reads back what was built.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { concatBytes, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { sha1, sha256 } from '../../../src/base/hash.ts'
import { infoHashV1, infoHashV2 } from '../../../src/base/ids.ts'
import {
  buildInfo,
  buildMetainfo,
  encodeMetainfo,
  type FileSpec,
  type MetainfoSpec,
} from '../../../src/formats/metainfo/build-metainfo.ts'
import { fileHashes } from '../../../src/formats/metainfo/merkle.ts'
import { parseInfo } from '../../../src/formats/metainfo/parse-info.ts'
import { parseMetainfo } from '../../../src/formats/metainfo/parse-metainfo.ts'
import { arbitraryTorrent } from './arbitrary-torrent.ts'
import { pieceHashes } from './corpus-case.ts'

const options = { numRuns: 200 }

/** A lone file of zeros in pieces of 64 KiB. */
function zeros(version: MetainfoSpec['version'], name: string, lengthBytes: number): MetainfoSpec {
  const block = sha256(new Uint8Array(16_384))
  const leaves = concatBytes(Array.from({ length: lengthBytes / 16_384 }, () => block))
  const piece = sha1(new Uint8Array(65_536))
  const pieces = concatBytes(Array.from({ length: lengthBytes / 65_536 }, () => piece))
  const files = [{ path: [], lengthBytes, ...fileHashes(leaves, 65_536) }]
  const spec = { version, name, isFolder: false, pieceLengthBytes: 65_536, files }
  return version === 'v2' ? spec : { ...spec, pieces }
}

describe('build metainfo', () => {
  const published: readonly (readonly [string, MetainfoSpec, string])[] = [
    [
      'a hybrid of 64 KiB',
      zeros('hybrid', 'test64K', 65_536),
      '597b180c1a170a585dfc5e85d834d69013ceda174b8f357d5bb1a0ca509faf0a',
    ],
    [
      'a hybrid of 1 MiB',
      zeros('hybrid', 'test1MB', 1_048_576),
      '108ac2c3718ce722e6896edc56c4afa98f1d711ecaace7aad74fca418ebd03de',
    ],
    [
      'version 2 of 1 MiB',
      zeros('v2', 'test1MB', 1_048_576),
      '95e04d0c4bad94ab206efa884666fd89777dbe4f7bd9945af1829037a85c6192',
    ],
  ]
  for (const [name, spec, infoHash] of published) {
    test(`the info hash of ${name} of zeros is the one that libtorrent publishes`, () => {
      assert.equal(toHex(sha256(buildInfo(spec))), infoHash)
      assert.equal(unwrap(parseMetainfo(buildMetainfo(spec))).info.infoHashV2, infoHash)
    })
  }

  test('what is built is read back as described', () => {
    fc.assert(
      fc.property(arbitraryTorrent, (spec) => {
        const metainfo = unwrap(parseMetainfo(buildMetainfo(spec)))
        const { info } = metainfo
        const raw = buildInfo(spec)
        assert.deepEqual(info.raw, raw)
        assert.equal(info.infoHashV1, spec.version === 'v2' ? undefined : infoHashV1(sha1(raw)))
        assert.equal(info.infoHashV2, spec.version === 'v1' ? undefined : infoHashV2(sha256(raw)))
        assert.equal(info.version, spec.version)
        const isLone = spec.version === 'v2' && spec.files.length === 1 && spec.files[0]?.path.length === 1
        assert.equal(info.isFolder, spec.isFolder && !isLone)
        assert.equal(info.name, isLone ? spec.files[0]?.path[0] : spec.name)
        assert.deepEqual([info.isPrivate, info.source], [spec.isPrivate ?? false, spec.source])
        assert.deepEqual(info.pieces, spec.pieces)
        assert.deepEqual([info.similar, info.collections], [spec.similar ?? [], spec.collections ?? []])
        assert.deepEqual(
          [metainfo.trackers, metainfo.webSeeds, metainfo.httpSeeds, metainfo.nodes],
          [spec.trackers ?? [], spec.webSeeds ?? [], spec.httpSeeds ?? [], spec.nodes ?? []],
        )
        assert.deepEqual([metainfo.comment, metainfo.createdBy], [spec.comment, spec.createdBy])
        assert.equal(metainfo.creationDateSeconds, spec.creationDateSeconds)
        const root = isLone ? [] : [spec.name]
        const specs = new Map(spec.files.map((file) => [[...root, ...file.path].join('/'), file]))
        assert.equal(info.files.length, specs.size)
        for (const file of info.files) assertSame(file, specs.get(file.path.join('/')), spec)
        const layers = spec.files.filter(({ lengthBytes }) => lengthBytes > spec.pieceLengthBytes)
        assert.equal(metainfo.pieceLayers.size, spec.version === 'v1' ? 0 : layers.length)
      }),
      options,
    )
  })

  function assertSame(
    file: ReturnType<typeof unwrap<import('../../../src/formats/metainfo/metainfo.ts').TorrentInfo>>['files'][number],
    described: FileSpec | undefined,
    { version, pieceLengthBytes, name }: MetainfoSpec,
  ): void {
    assert.ok(described !== undefined)
    assert.equal(file.lengthBytes, described.lengthBytes)
    assert.equal(file.isExecutable, described.isExecutable ?? false)
    assert.equal(file.isHidden, described.isHidden ?? false)
    assert.deepEqual(file.piecesRoot, version === 'v1' ? undefined : described.piecesRoot)
    assert.deepEqual(file.symlinkTarget, described.symlinkTarget && [name, ...described.symlinkTarget])
    if (version !== 'v1' && file.lengthBytes > 0) assert.equal(file.offset % pieceLengthBytes, 0)
  }

  test('a torrent taken apart and put together again is the same torrent', () => {
    fc.assert(
      fc.property(arbitraryTorrent, (spec) => {
        const first = unwrap(parseMetainfo(buildMetainfo(spec)))
        const again = unwrap(parseMetainfo(encodeMetainfo(first)))
        assert.deepEqual(again, first)
      }),
      options,
    )
  })

  test('an info dictionary from peers is read without piece layers', () => {
    const { info } = unwrap(parseMetainfo(buildMetainfo(zeros('v2', 'test1MB', 1_048_576))))
    assert.deepEqual(unwrap(parseInfo(info.raw)), info)
    assert.ok(!parseInfo(new Uint8Array([...info.raw, 0x0a])).ok, 'nothing may follow it there')
  })

  test('a torrent read badly written is written as it was read', () => {
    const info = `d4:name4:temp6:lengthi0425e6:pieces20:${'a'.repeat(20)}12:piece lengthi16384ee`
    const metainfo = unwrap(parseMetainfo(Buffer.from(`d4:info${info}e`)))
    assert.equal(Buffer.from(encodeMetainfo(metainfo)).toString(), `d4:info${info}e`)
  })

  const sound: MetainfoSpec = {
    version: 'v1',
    name: 'n',
    isFolder: true,
    pieceLengthBytes: 16_384,
    files: [{ path: ['a'], lengthBytes: 5 }],
    pieces: pieceHashes(1),
  }
  const impossible: readonly (readonly [string, Partial<MetainfoSpec>])[] = [
    ['no name', { name: '' }],
    ['no files', { files: [] }],
    ['a piece length of 0', { pieceLengthBytes: 0 }],
    ['a piece hash too many', { pieces: pieceHashes(2) }],
    ['a lone file with a path', { isFolder: false }],
    [
      'two lone files',
      {
        isFolder: false,
        files: [
          { path: [], lengthBytes: 5 },
          { path: [], lengthBytes: 5 },
        ],
      },
    ],
    ['an empty component', { files: [{ path: [''], lengthBytes: 5 }] }],
    ['a link with a length', { files: [{ path: ['a'], lengthBytes: 5, symlinkTarget: ['b'] }] }],
    ['version 2 without roots', { version: 'v2' }],
    ['version 2 with odd pieces', { version: 'v2', pieceLengthBytes: 5 }],
    ['a file tree with a file twice', { version: 'v2', files: [...filesWithRoot(['a']), ...filesWithRoot(['a'])] }],
    [
      'a file tree with a file where a folder is',
      { version: 'v2', files: [...filesWithRoot(['a']), ...filesWithRoot(['a', 'b'])] },
    ],
    [
      'a long file without a layer',
      { version: 'v2', files: [{ path: ['a'], lengthBytes: 99_999, piecesRoot: new Uint8Array(32).fill(1) }] },
    ],
  ]
  for (const [name, change] of impossible) {
    test(`${name} is a bug of the caller`, () => {
      assert.throws(() => buildMetainfo({ ...sound, ...change }), AssertionError)
    })
  }
  test('and without it there is none', () => assert.ok(parseMetainfo(buildMetainfo(sound)).ok))
})

function filesWithRoot(path: readonly string[]): readonly FileSpec[] {
  return [{ path, lengthBytes: 5, piecesRoot: new Uint8Array(32).fill(1) }]
}
