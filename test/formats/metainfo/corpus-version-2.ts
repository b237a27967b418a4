// Corpus cases: version 2 torrents and hybrids (BEP 52): trees, roots, piece layers, and halves that disagree.
// Piece layers may be missing, as after a magnet link; those that are there must be right.
import assert from 'node:assert/strict'
import { fromLatin1, toHex } from '../../../src/base/bytes.ts'
import type { Metainfo } from '../../../src/formats/metainfo/metainfo.ts'
import {
  accepted,
  type CorpusCase,
  type Dictionary,
  file,
  hashesOf,
  info2,
  kib16,
  layersOf,
  leaf,
  mebibyte,
  mebibyteHashes,
  mebibyteLayers,
  mebibyteLeaf,
  onePiece,
  outerOf,
  pieceHashes,
} from './corpus-case.ts'
import { bencode, type Loose, Pairs, Raw } from './loose-bencode.ts'

const root = fromLatin1('r'.repeat(32))
const { piecesRoot, pieceLayer } = mebibyteHashes
const rootKey = String.fromCharCode(...piecesRoot)

const tree = { 'test': mebibyteLeaf }
const v2 = (fileTree: Loose | undefined, more: Dictionary = {}, layers: Loose = {}) =>
  outerOf(info2(fileTree, more), layers)
const withLayers = (layers: Loose | undefined) => outerOf(info2(tree), layers)

function paths(...expected: readonly string[]) {
  return ({ info }: Metainfo) =>
    assert.deepEqual(
      info.files.map(({ path }) => path.join('/')),
      expected,
    )
}

function nested(depth: number): Raw {
  return new Raw(`${'d1:a'.repeat(depth)}${String.fromCharCode(...bencode(leaf(7, root)))}${'e'.repeat(depth)}`)
}

const treeCases: readonly CorpusCase[] = [
  {
    name: 'v2: a lone file',
    bytes: withLayers(mebibyteLayers),
    expected: ({ info, pieceLayers }) => {
      assert.deepEqual([info.version, info.isFolder, info.pieceCount, info.infoHashV1], ['v2', false, 16, undefined])
      assert.deepEqual(pieceLayers.get(toHex(piecesRoot)), pieceLayer)
    },
  },
  {
    name: 'v2: files on piece boundaries',
    bytes: v2({ 'a': leaf(7, root), 'b': leaf(0), 'c': leaf(65_536, root), 'd': leaf(1, root) }),
    expected: ({ info }) => {
      assert.deepEqual(
        info.files.map(({ offset }) => offset),
        [0, 65_536, 65_536, 131_072],
      )
      assert.deepEqual([info.pieceCount, info.totalBytes, info.spanBytes], [3, 65_544, 131_073])
    },
  },
  {
    name: 'v2: folders',
    bytes: v2({ 'dir': { 'a': leaf(7, root), 'sub': { 'b': leaf(8, root) } } }),
    expected: paths('test/dir/a', 'test/dir/sub/b'),
  },
  { name: 'v2: a lone file in a folder', bytes: v2({ 'dir': { 'a': leaf(7, root) } }), expected: paths('test/dir/a') },
  { name: 'v2: an empty folder', bytes: v2({ 'a': leaf(7, root), 'dir': {} }), expected: paths('test/a') },
  {
    name: 'v2: named differently from its only file',
    bytes: v2({ 'other': leaf(7, root) }),
    expected: ({ info }) => assert.deepEqual([info.name, info.files[0]?.path], ['other', ['other']]),
  },
  {
    name: 'v2: a name of dots',
    bytes: v2({ 'a': leaf(7, root), 'b': leaf(7, root) }, { 'name': '.' }),
    expected: ({ info }) => assert.match(info.name, /^[0-9a-f]{40}$/),
  },
  {
    name: 'v2: parents in the tree',
    bytes: v2({ '..': { '..': leaf(7, root), 'x': leaf(7, root) } }),
    expected: paths('test/_', 'test/x'),
  },
  {
    name: 'v2: separators in names',
    bytes: v2({ '//': leaf(7, root), '\\': leaf(7, root), 's': leaf(7, root) }),
    expected: paths('test/_', 'test/_.1', 'test/s'),
  },
  {
    name: 'v2: a slash in the name of a lone file',
    bytes: v2({ 'est/MB': leaf(7, root) }, { 'name': 'est/MB' }),
    expected: paths('estMB'),
  },
  {
    name: 'v2: names that differ in case',
    bytes: v2({ 'A': leaf(7, root), 'a': leaf(7, root) }),
    expected: paths('test/A', 'test/a.1'),
  },
  {
    name: 'v2: a name that is not UTF-8',
    bytes: v2({ '\xff': leaf(7, root), 'x': leaf(7, root) }),
    expected: (metainfo) => assert.equal(metainfo.info.files.length, 2),
  },
  {
    name: 'v2: attributes and a link',
    bytes: v2({ 'a': leaf(7, root, { 'attr': 'xh' }), 'l': { '': { 'attr': 'l', 'symlink path': ['a'] } } }),
    expected: ({ info }) => {
      assert.ok(info.files[0]?.isExecutable && info.files[0].isHidden)
      assert.deepEqual(info.files[1]?.symlinkTarget, ['test', 'a'])
    },
  },
  { name: 'v2: version 3', bytes: v2(tree, { 'meta version': 3 }), expected: 'metainfo-version' },
  {
    name: 'v2: a version of many bits',
    bytes: v2(tree, { 'meta version': 4_294_967_298n }),
    expected: 'metainfo-version',
  },
  {
    name: 'v2: no version',
    bytes: v2(tree, { 'meta version': undefined, 'length': 5, 'pieces': onePiece }),
    expected: 'metainfo-version',
  },
  { name: 'v2: a version that is a string', bytes: v2(tree, { 'meta version': '2' }), expected: 'metainfo-version' },
  {
    name: 'v2: version 3 before all other complaints',
    bytes: bencode({ 'info': { 'meta version': 3 } }),
    expected: 'metainfo-version',
  },
  { name: 'v2: no file tree', bytes: v2(undefined), expected: 'metainfo-file-tree' },
  { name: 'v2: a file tree that is a list', bytes: v2([]), expected: 'metainfo-file-tree' },
  { name: 'v2: an empty file tree', bytes: v2({}), expected: 'metainfo-files' },
  { name: 'v2: a tree of empty folders', bytes: v2({ 'a': { 'b': {} } }), expected: 'metainfo-files' },
  {
    name: 'v2: properties where a folder belongs',
    bytes: v2({ 'test': { 'length': 65_536, 'pieces root': root } }),
    expected: 'metainfo-file-tree',
  },
  { name: 'v2: the root as a file', bytes: v2(leaf(7, root)), expected: 'metainfo-file-tree' },
  { name: 'v2: an empty name', bytes: v2({ '': leaf(7, root), '#': leaf(7, root) }), expected: 'metainfo-file-tree' },
  {
    name: 'v2: a file that is also a folder',
    bytes: v2({ 'a': { ...leaf(7, root), 'b': leaf(7, root) } }),
    expected: 'metainfo-file-tree',
  },
  { name: 'v2: a file that is a string', bytes: v2({ 'a': 'x' }), expected: 'metainfo-file-tree' },
  { name: 'v2: properties that are a list', bytes: v2({ 'a': { '': [] } }), expected: 'metainfo-file-tree' },
  {
    name: 'v2: a deep tree',
    bytes: v2(nested(90)),
    expected: ({ info }) => assert.equal(info.files[0]?.path.length, 91),
  },
  { name: 'v2: a tree too deep', bytes: v2(nested(300)), expected: 'bencode-too-deep' },
  {
    name: 'v2: unsorted files',
    bytes: v2(new Pairs(['b', leaf(7, root)], ['a', leaf(7, root)])),
    expected: 'bencode-not-canonical',
  },
  {
    name: 'v2: a file twice',
    bytes: v2(new Pairs(['a', leaf(7, root)], ['a', leaf(7, root)])),
    expected: 'bencode-not-canonical',
  },
  {
    name: 'v2: an overlong integer',
    bytes: v2({ 'a': leaf(new Raw('i07e'), root) }),
    expected: 'bencode-not-canonical',
  },
  {
    name: 'v2: minus zero',
    bytes: v2({ 'a': leaf(7, root), 'b': leaf(new Raw('i-0e')) }),
    expected: 'bencode-not-canonical',
  },
  {
    name: 'v2: unsorted outside the info dictionary',
    bytes: bencode(new Pairs(['piece layers', {}], ['info', info2({ 'a': leaf(7, root) })])),
    expected: accepted,
  },
  { name: 'v2: a pad file', bytes: v2({ 'a': leaf(7, root, { 'attr': 'p' }) }), expected: 'metainfo-pad-file' },
  { name: 'v2: a negative length', bytes: v2({ 'a': leaf(-7, root) }), expected: 'metainfo-file-length' },
  { name: 'v2: no length', bytes: v2({ 'a': { '': { 'pieces root': root } } }), expected: 'metainfo-file-length' },
  {
    name: 'v2: a file too large',
    bytes: v2({ 'a': leaf(17_592_186_028_032, root) }, { 'piece length': 4_194_304 }),
    expected: 'metainfo-too-many-pieces',
  },
  {
    name: 'v2: files too large together',
    bytes: v2(Object.fromEntries([...'abcdef'].map((name) => [name, leaf(17_592_186_011_648, root)]))),
    expected: 'metainfo-too-many-pieces',
  },
  {
    name: 'v2: offsets over 2^53',
    bytes: v2({ 'a': leaf(Number.MAX_SAFE_INTEGER, root), 'b': leaf(7, root) }),
    expected: 'metainfo-total-length',
  },
  {
    name: 'v2: one piece more than could be',
    bytes: v2({ 'a': leaf(2 ** 21 * 65_536, root), 'b': leaf(1, root) }),
    expected: 'metainfo-too-many-pieces',
  },
  { name: 'v2: no content', bytes: v2({ 'a': leaf(0) }), expected: 'metainfo-total-length' },
]

const rootCases: readonly CorpusCase[] = [
  { name: 'v2: no root', bytes: v2({ 'a': leaf(7) }), expected: 'metainfo-pieces-root' },
  { name: 'v2: a root too short', bytes: v2({ 'a': leaf(7, root.slice(1)) }), expected: 'metainfo-pieces-root' },
  { name: 'v2: an integer as root', bytes: v2({ 'a': leaf(7, 7) }), expected: 'metainfo-pieces-root' },
  {
    name: 'v2: a root of zeros',
    bytes: v2({ 'a': leaf(mebibyte, new Uint8Array(32)) }),
    expected: 'metainfo-pieces-root',
  },
  {
    name: 'v2: a root of zeros, small file',
    bytes: v2({ 'a': leaf(7, new Uint8Array(32)) }),
    expected: 'metainfo-pieces-root',
  },
  {
    name: 'v2: an empty file with a root',
    bytes: v2({ 'a': leaf(0, new Uint8Array(32)), 'b': leaf(7, root) }),
    expected: ({ info }) => assert.equal(info.files[0]?.piecesRoot, undefined),
  },
  {
    name: 'v2: neither a target nor a root',
    bytes: v2({ 'a': leaf(7, root), 'l': { '': { 'attr': 'l', 'length': 425, 'symlink path': 'a' } } }),
    expected: 'metainfo-pieces-root',
  },
  {
    name: 'v2: piece length no power of two',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': 65_537 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'v2: piece length below 16 KiB',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': 8192 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'v2: piece length of a block',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': kib16 }),
    expected: accepted,
  },
  {
    name: 'v2: piece length 2^31 - 1',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': 2_147_483_647 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'v2: piece length 1 GiB',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': 2 ** 30 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'v2: piece length 0',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': 0 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'v2: no piece length',
    bytes: v2({ 'a': leaf(7, root) }, { 'piece length': undefined }),
    expected: 'metainfo-piece-length',
  },
  { name: 'v2: no name', bytes: v2({ 'a': leaf(7, root) }, { 'name': undefined }), expected: 'metainfo-name' },
  {
    name: 'v2: two files of one content',
    bytes: v2({ 'a': mebibyteLeaf, 'b': mebibyteLeaf }, {}, mebibyteLayers),
    expected: ({ pieceLayers }) => assert.equal(pieceLayers.size, 1),
  },
  {
    name: 'v2: one root for two lengths',
    bytes: v2({ 'a': mebibyteLeaf, 'b': leaf(mebibyte + 65_536, piecesRoot) }, {}, mebibyteLayers),
    expected: 'metainfo-pieces-root',
  },
]

const layerCases: readonly CorpusCase[] = [
  {
    name: 'v2: no piece layers',
    bytes: withLayers(undefined),
    expected: ({ pieceLayers }) => assert.equal(pieceLayers.size, 0),
  },
  {
    name: 'v2: piece layers without this file',
    bytes: withLayers({}),
    expected: ({ pieceLayers }) => assert.equal(pieceLayers.size, 0),
  },
  { name: 'v2: piece layers that are a list', bytes: withLayers([]), expected: 'metainfo-piece-layers' },
  { name: 'v2: an integer as a layer', bytes: withLayers({ [rootKey]: 512 }), expected: 'metainfo-piece-layers' },
  {
    name: 'v2: a layer of half a hash more',
    bytes: withLayers({ [rootKey]: new Uint8Array([...pieceLayer, 1]) }),
    expected: 'metainfo-piece-layers',
  },
  {
    name: 'v2: a layer a hash too short',
    bytes: withLayers({ [rootKey]: pieceLayer.slice(32) }),
    expected: 'metainfo-piece-layers',
  },
  {
    name: 'v2: a layer of too many hashes',
    bytes: withLayers({ [rootKey]: new Uint8Array(17 * 32) }),
    expected: 'metainfo-piece-layers',
  },
  { name: 'v2: an empty layer', bytes: withLayers({ [rootKey]: '' }), expected: 'metainfo-piece-layers' },
  {
    name: 'v2: a layer for another root',
    bytes: withLayers({ ...mebibyteLayers, ['q'.repeat(32)]: pieceLayer }),
    expected: 'metainfo-piece-layers',
  },
  {
    name: 'v2: a layer under half a root',
    bytes: withLayers({ ...mebibyteLayers, 'q': pieceLayer }),
    expected: 'metainfo-piece-layers',
  },
  {
    name: 'v2: a layer with one bit wrong',
    bytes: withLayers({ [rootKey]: pieceLayer.map((byte, index) => (index === 100 ? byte ^ 1 : byte)) }),
    expected: 'metainfo-piece-layer-root',
  },
  {
    name: 'v2: a layer of the wrong level',
    bytes: outerOf(info2(tree, { 'piece length': 131_072 }), { [rootKey]: pieceLayer.slice(0, 256) }),
    expected: 'metainfo-piece-layer-root',
  },
  {
    name: 'v2: a layer of a file of one piece',
    bytes: v2({ 'a': leaf(65_536, root) }, {}, { ['r'.repeat(32)]: root }),
    expected: 'metainfo-piece-layers',
  },
]

const smallHashes = hashesOf(100_000, 65_536, 2)
const pad = (length: number) => file(['.pad', String(length)], length, { 'attr': 'p' })
const hybridTree = { 'a': leaf(100_000, smallHashes.piecesRoot), 'b': leaf(0), 'c': leaf(7, root) }
const hybridFiles = [file(['a'], 100_000), pad(31_072), file(['b'], 0), file(['c'], 7)]
const hybrid = (files: Loose, more: Dictionary = {}) =>
  outerOf(info2(hybridTree, { files, 'pieces': pieceHashes(3), ...more }), layersOf(smallHashes))
const loneHybrid = (more: Dictionary = {}, fileTree: Loose = tree) =>
  outerOf(info2(fileTree, { 'length': mebibyte, 'pieces': pieceHashes(16), ...more }), mebibyteLayers)

const hybridCases: readonly CorpusCase[] = [
  {
    name: 'hybrid: a lone file',
    bytes: loneHybrid(),
    expected: ({ info }) =>
      assert.deepEqual([info.version, info.infoHashV1?.length, info.infoHashV2?.length], ['hybrid', 40, 64]),
  },
  {
    name: 'hybrid: pad files',
    bytes: hybrid(hybridFiles),
    expected: ({ info }) =>
      assert.deepEqual(
        info.files.map(({ offset }) => offset),
        [0, 131_072, 131_072],
      ),
  },
  {
    name: 'hybrid: an empty file before the pad file',
    bytes: hybrid([file(['a'], 100_000), file(['b'], 0), pad(31_072), file(['c'], 7)]),
    expected: accepted,
  },
  {
    name: 'hybrid: a pad file at the end',
    bytes: hybrid([...hybridFiles, pad(65_529)]),
    expected: ({ info }) => assert.equal(info.spanBytes, 196_608),
  },
  {
    name: 'hybrid: a list of one file',
    bytes: outerOf(info2(tree, { 'files': [file(['test'], mebibyte)], 'pieces': pieceHashes(16) }), mebibyteLayers),
    expected: paths('test/test'),
  },
  { name: 'hybrid: other names', bytes: loneHybrid({ 'name': 'other' }), expected: 'metainfo-hybrid-mismatch' },
  {
    name: 'hybrid: other lengths',
    bytes: loneHybrid({ 'length': mebibyte - 1 }),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: other order',
    bytes: hybrid([file(['c'], 7), pad(65_529), file(['a'], 100_000), file(['b'], 0)]),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: a pad file too short',
    bytes: hybrid([file(['a'], 100_000), pad(31_071), file(['b'], 0), file(['c'], 7)]),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: no pad file',
    bytes: hybrid([file(['a'], 100_000), file(['b'], 0), file(['c'], 7)], { 'pieces': pieceHashes(2) }),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: a pad file first',
    bytes: hybrid([pad(65_536), ...hybridFiles], { 'pieces': pieceHashes(4) }),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: pad files past the last piece',
    bytes: hybrid([...hybridFiles, pad(65_530)], { 'pieces': pieceHashes(4) }),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: a pad file at the end too short',
    bytes: hybrid([...hybridFiles, pad(65_528)]),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: a file missing in the list',
    bytes: hybrid([file(['a'], 100_000), file(['b'], 0)], { 'pieces': pieceHashes(2) }),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: an empty file missing in the list',
    bytes: hybrid([file(['a'], 100_000), pad(31_072), file(['c'], 7)]),
    expected: 'metainfo-hybrid-mismatch',
  },
  {
    name: 'hybrid: an empty file of another name',
    bytes: hybrid([file(['a'], 100_000), pad(31_072), file(['z'], 0), file(['c'], 7)]),
    expected: accepted,
  },
  {
    name: 'hybrid: other link targets',
    bytes: outerOf(
      info2(
        { 'a': leaf(7, root), 'l': { '': { 'attr': 'l', 'symlink path': ['a'] } } },
        { 'files': [file(['a'], 7), { 'attr': 'l', 'path': ['l'], 'symlink path': ['l'] }], 'pieces': onePiece },
      ),
    ),
    expected: 'metainfo-hybrid-mismatch',
  },
  { name: 'hybrid: no pieces', bytes: loneHybrid({ 'pieces': undefined }), expected: 'metainfo-pieces' },
  { name: 'hybrid: too few pieces', bytes: loneHybrid({ 'pieces': pieceHashes(15) }), expected: 'metainfo-pieces' },
  {
    name: 'hybrid: not canonical',
    bytes: loneHybrid({ 'length': new Raw('i01048576e') }),
    expected: 'bencode-not-canonical',
  },
  {
    name: 'hybrid: no file tree',
    bytes: outerOf(info2(undefined, { 'length': 7, 'pieces': onePiece })),
    expected: 'metainfo-file-tree',
  },
  {
    name: 'hybrid: a pad file in the tree',
    bytes: hybrid(hybridFiles, { 'file tree': { ...hybridTree, 'b': leaf(0, undefined, { 'attr': 'p' }) } }),
    expected: 'metainfo-pad-file',
  },
]

export const version2Cases: readonly CorpusCase[] = [...treeCases, ...rootCases, ...layerCases, ...hybridCases]
