// Corpus cases: the fields of version 1 torrents, pad files, links, and what stands beside the info dictionary.
// Wrong optional fields never cost a torrent its life; wrong required ones always do.
import assert from 'node:assert/strict'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import { sha1 } from '../../../src/base/hash.ts'
import { infoHashV1 } from '../../../src/base/ids.ts'
import type { Metainfo } from '../../../src/formats/metainfo/metainfo.ts'
import {
  accepted,
  type CorpusCase,
  type Dictionary,
  file,
  folder,
  kib16,
  lone,
  onePiece,
  pieceHashes,
} from './corpus-case.ts'
import { bencode, type Loose, Pairs, Raw } from './loose-bencode.ts'

function link(path: readonly string[], target: Loose | undefined, more: Dictionary = {}): Dictionary {
  return { 'attr': 'l', path, 'symlink path': target, ...more }
}

/** Targets of the links, in order; '' for what is none. */
function targets(...expected: readonly string[]) {
  return ({ info }: Metainfo) =>
    assert.deepEqual(
      info.files.map(({ symlinkTarget }) => symlinkTarget?.join('/') ?? ''),
      expected,
    )
}

/** A chain of links, each with the next as a folder on the way to its target. */
function linkChain(length: number): Uint8Array {
  const links = Array.from({ length }, (_, index) =>
    link([`l${index}`], index + 1 < length ? [`l${index + 1}`, 'v'] : ['real']),
  )
  const tower = ['real', ...Array.from({ length }, () => 'v')]
  return folder([...links, file(tower)])
}

const outer = (more: Dictionary) => lone({}, more)
const trackers =
  (...expected: readonly (readonly string[])[]) =>
  (metainfo: Metainfo) =>
    assert.deepEqual(metainfo.trackers, expected)
const webSeeds =
  (...expected: readonly string[]) =>
  (metainfo: Metainfo) =>
    assert.deepEqual(metainfo.webSeeds, expected)

const unsortedInfo = `d4:name4:temp6:lengthi425e6:pieces20:${'a'.repeat(20)}12:piece lengthi16384ee`

const infoCases: readonly CorpusCase[] = [
  { name: 'a lone file', bytes: lone(), expected: ({ info }) => assert.ok(!info.isFolder && info.files.length === 1) },
  { name: 'a trailing newline', bytes: new Uint8Array([...lone(), 0x0a]), expected: accepted },
  { name: 'a string', bytes: bencode('libtorrent'), expected: 'metainfo-not-dictionary' },
  { name: 'a list', bytes: bencode([lone()]), expected: 'metainfo-not-dictionary' },
  { name: 'nothing', bytes: new Uint8Array(0), expected: 'bencode-truncated' },
  { name: 'half a torrent', bytes: lone().slice(0, 60), expected: 'bencode-truncated' },
  { name: 'a web page', bytes: fromLatin1('<!DOCTYPE html>'), expected: 'bencode-syntax' },
  { name: 'no info', bytes: bencode({ 'announce': 'http://a/b' }), expected: 'metainfo-info-missing' },
  { name: 'info as a string', bytes: bencode({ 'info': 'files' }), expected: 'metainfo-info-missing' },
  { name: 'info as a list', bytes: bencode({ 'info': ['files'] }), expected: 'metainfo-info-missing' },
  { name: 'an empty info', bytes: bencode({ 'info': {} }), expected: 'metainfo-piece-length' },
  {
    name: 'nested too deep',
    bytes: bencode({ 'info': new Raw(`${'l'.repeat(120)}${'e'.repeat(120)}`) }),
    expected: 'bencode-too-deep',
  },
  {
    name: 'unsorted keys',
    bytes: bencode({ 'info': new Raw(unsortedInfo) }),
    expected: ({ info }) => assert.equal(info.infoHashV1, infoHashV1(sha1(fromLatin1(unsortedInfo)))),
  },
  {
    name: 'repeated keys',
    bytes: bencode({
      'info': new Pairs(['length', 425], ['name', 'a'], ['name', 'b'], ['piece length', kib16], ['pieces', onePiece]),
    }),
    expected: ({ info }) => assert.equal(info.name, 'a'),
  },
  {
    name: 'an integer with leading zeros',
    bytes: lone({ 'length': new Raw('i00425e') }),
    expected: ({ info }) => assert.equal(info.totalBytes, 425),
  },
  { name: 'no piece length', bytes: lone({ 'piece length': undefined }), expected: 'metainfo-piece-length' },
  { name: 'a string as piece length', bytes: lone({ 'piece length': '16384' }), expected: 'metainfo-piece-length' },
  { name: 'piece length 0', bytes: lone({ 'piece length': 0 }), expected: 'metainfo-piece-length' },
  { name: 'a negative piece length', bytes: lone({ 'piece length': -16_384 }), expected: 'metainfo-piece-length' },
  { name: 'the largest piece length', bytes: lone({ 'piece length': 536_870_912 }), expected: accepted },
  {
    name: 'a piece length over the largest',
    bytes: lone({ 'piece length': 536_870_913 }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'a piece length of 2^64 - 1',
    bytes: lone({ 'piece length': 18_446_744_073_709_551_615n }),
    expected: 'metainfo-piece-length',
  },
  {
    name: 'more than 4 GiB of content',
    bytes: lone({ 'length': 5_368_709_127, 'piece length': 67_108_864, 'pieces': pieceHashes(81) }),
    expected: ({ info }) => assert.deepEqual([info.totalBytes, info.pieceCount], [5_368_709_127, 81]),
  },
  {
    name: 'an odd piece length',
    bytes: lone({ 'piece length': 1, 'length': 2, 'pieces': pieceHashes(2) }),
    expected: accepted,
  },
  { name: 'a negative length', bytes: lone({ 'length': -425 }), expected: 'metainfo-file-length' },
  { name: 'no length', bytes: lone({ 'length': undefined }), expected: 'metainfo-file-length' },
  { name: 'a string as length', bytes: lone({ 'length': '425' }), expected: 'metainfo-file-length' },
  { name: 'a length over 2^53', bytes: lone({ 'length': 9_007_199_254_740_993n }), expected: 'metainfo-file-length' },
  {
    name: 'an integer of 100 digits',
    bytes: lone({ 'length': new Raw(`i${'9'.repeat(100)}e`) }),
    expected: 'bencode-integer-range',
  },
  {
    name: 'lengths whose sum is over 2^53',
    bytes: folder([file(['a'], Number.MAX_SAFE_INTEGER), file(['b'], 1)]),
    expected: 'metainfo-total-length',
  },
  { name: 'length 0', bytes: lone({ 'length': 0, 'pieces': '' }), expected: 'metainfo-total-length' },
  {
    name: 'empty files alone',
    bytes: folder([file(['a'], 0), file(['b'], 0)], { 'pieces': '' }),
    expected: 'metainfo-total-length',
  },
  {
    name: 'an empty file among others',
    bytes: folder([file(['a'], 0), file(['b'])]),
    expected: ({ info }) =>
      assert.deepEqual(
        info.files.map(({ offset }) => offset),
        [0, 0],
      ),
  },
  { name: 'no files in the list', bytes: folder([]), expected: 'metainfo-files' },
  { name: 'a list of files that is a dictionary', bytes: folder({ 'a': 1 }), expected: 'metainfo-file-length' },
  { name: 'a file that is a string', bytes: folder(['a']), expected: 'metainfo-files' },
  { name: 'a file that is an integer', bytes: folder([file(['a']), 7]), expected: 'metainfo-files' },
  {
    name: 'a negative length in a list',
    bytes: folder([file(['a'], -1), file(['b'])]),
    expected: 'metainfo-file-length',
  },
  { name: 'a list as length', bytes: folder([file(['a'], [45]), file(['b'])]), expected: 'metainfo-file-length' },
  { name: 'no pieces', bytes: lone({ 'pieces': undefined }), expected: 'metainfo-pieces' },
  { name: 'an integer as pieces', bytes: lone({ 'pieces': -23 }), expected: 'metainfo-pieces' },
  {
    name: 'pieces not a multiple of 20',
    bytes: lone({ 'pieces': fromLatin1('012345678901234567890123') }),
    expected: 'metainfo-pieces',
  },
  { name: 'a piece hash too many', bytes: lone({ 'pieces': pieceHashes(2) }), expected: 'metainfo-pieces' },
  { name: 'a piece hash too few', bytes: lone({ 'length': 16_385 }), expected: 'metainfo-pieces' },
  { name: 'too many pieces', bytes: lone({ 'length': 1_759_218_597_889 }), expected: 'metainfo-too-many-pieces' },
  {
    name: 'as many pieces as could be, if there were hashes',
    bytes: lone({ 'length': 2 ** 21 * kib16 }),
    expected: 'metainfo-pieces',
  },
  {
    name: 'one piece more than could be',
    bytes: lone({ 'length': 2 ** 21 * kib16 + 1 }),
    expected: 'metainfo-too-many-pieces',
  },
  {
    name: 'a Merkle torrent of BEP 30',
    bytes: lone({ 'pieces': undefined, 'root hash': onePiece }),
    expected: 'metainfo-pieces',
  },
  {
    name: 'private',
    bytes: lone({ 'private': 1, 'source': 'X' }),
    expected: ({ info }) => assert.ok(info.isPrivate && info.source === 'X'),
  },
  {
    name: 'private with a number no program would write',
    bytes: lone({ 'private': 18_446_744_073_709_551_615n }),
    expected: ({ info }) => assert.ok(info.isPrivate),
  },
  {
    name: 'not private',
    bytes: lone({ 'private': 0 }),
    expected: ({ info }) => assert.ok(!info.isPrivate),
  },
]

const padAndLinkCases: readonly CorpusCase[] = [
  {
    name: 'a pad file',
    bytes: folder([file(['a'], 45), file(['.pad', '16339'], 16_339, { 'attr': 'p' }), file(['b'], 5)], {
      'pieces': pieceHashes(2),
    }),
    expected: ({ info }) =>
      assert.deepEqual(
        info.files.map(({ offset }) => offset),
        [0, kib16],
      ),
  },
  {
    name: 'a pad file without a path',
    bytes: folder([file(['a'], 45), { 'attr': 'p', 'length': 2124 }]),
    expected: ({ info }) => assert.deepEqual([info.files.length, info.totalBytes, info.spanBytes], [1, 45, 2169]),
  },
  {
    name: 'a pad file by its name',
    bytes: folder([file(['a'], 45), file(['_____padding_file_0_'], 2124)]),
    expected: ({ info }) => assert.equal(info.files.length, 1),
  },
  {
    name: 'pad files of one name',
    bytes: folder([file(['a'], 5), file(['.pad', '9'], 9, { 'attr': 'p' }), file(['.pad', '9'], 9, { 'attr': 'p' })]),
    expected: accepted,
  },
  {
    name: 'a pad file that is a link',
    bytes: folder([file(['a'], 45), { 'attr': 'pl', 'symlink path': ['a'] }]),
    expected: 'metainfo-pad-file',
  },
  { name: 'pad files alone', bytes: folder([file(['.pad', '9'], 9, { 'attr': 'p' })]), expected: 'metainfo-files' },
  {
    name: 'attributes',
    bytes: folder([file(['a'], 5, { 'attr': 'hx?' })]),
    expected: ({ info }) => assert.ok(info.files[0]?.isExecutable && info.files[0].isHidden),
  },
  { name: 'attributes that are no string', bytes: folder([file(['a'], 5, { 'attr': 7 })]), expected: accepted },
  {
    name: 'a link',
    bytes: folder([file(['a', 'b', 'bar']), link(['a', 'b', 'foo'], ['a', 'b', 'bar'])]),
    expected: targets('', 'temp/a/b/bar'),
  },
  {
    name: 'a link with a length',
    bytes: folder([file(['bar']), link(['foo'], ['bar'], { 'length': 425 })]),
    expected: targets('', 'temp/bar'),
  },
  {
    name: 'links through a link',
    bytes: folder([
      link(['SDL2'], ['Versions', 'Current', 'SDL2']),
      file(['Versions', 'A', 'SDL2']),
      link(['Versions', 'Current'], ['Versions', 'A']),
    ]),
    expected: targets('temp/Versions/A/SDL2', '', 'temp/Versions/A'),
  },
  {
    name: 'a link to a link',
    bytes: folder([file(['a']), link(['b'], ['c']), link(['c'], ['a'])]),
    expected: targets('', 'temp/c', 'temp/a'),
  },
  {
    name: 'a link that leads nowhere',
    bytes: folder([file(['a']), link(['b'], ['c'])]),
    expected: targets('', 'temp/b'),
  },
  {
    name: 'a link that leads outside',
    bytes: folder([file(['a']), link(['b'], ['..', '..', 'etc', 'passwd'])]),
    expected: targets('', 'temp/b'),
  },
  {
    name: 'a link to an absolute path',
    bytes: folder([file(['a']), link(['b'], ['/etc/passwd'])]),
    expected: targets('', 'temp/b'),
  },
  {
    name: 'parent components in a target dropped',
    bytes: folder([file(['a']), link(['b', 'c'], ['..', 'a'])]),
    expected: targets('', 'temp/a'),
  },
  {
    name: 'a link through a folder of which no character is left',
    bytes: folder([file(['a', '/', 'bar']), link(['foo'], ['a', '/', 'bar'])]),
    expected: targets('', 'temp/a/bar'),
  },
  {
    name: 'a target inside the path of a link',
    bytes: folder([file(['a']), { 'attr': 'l', 'path': ['b', 'symlink path', ['a', 4]] }]),
    expected: 'metainfo-path',
  },
  {
    name: 'links in a circle',
    bytes: folder([file(['x']), link(['a'], ['b', 'c']), link(['b'], ['a', 'c'])]),
    expected: targets('', 'temp/a', 'temp/b'),
  },
  {
    name: 'a chain of links too long for its first ones',
    bytes: linkChain(12),
    expected: ({ info }) => {
      const links = info.files.filter(({ symlinkTarget }) => symlinkTarget !== undefined)
      const selves = links.map(({ path, symlinkTarget }) => path.join('/') === symlinkTarget?.join('/'))
      assert.deepEqual(selves, [true, true, true, ...Array.from({ length: 9 }, () => false)])
    },
  },
  {
    name: 'a file below a link',
    bytes: folder([link(['a'], ['b']), file(['a', 'x']), file(['b', 'y'], 1)]),
    expected: ({ info }) => assert.equal(info.files[0]?.path.join('/'), 'temp/a.1'),
  },
  {
    name: 'a link to a renamed file',
    bytes: folder([file(['a'], 1), file(['a', 'x'], 2), link(['b'], ['a'])]),
    expected: targets('', '', 'temp/a.1'),
  },
  { name: 'a link without a target', bytes: folder([file(['a']), link(['b'], undefined)]), expected: targets('', '') },
  {
    name: 'a target with an integer',
    bytes: folder([file(['a']), link(['b'], ['a', 4])]),
    expected: 'metainfo-symlink',
  },
]

const outerCases: readonly CorpusCase[] = [
  {
    name: 'announce',
    bytes: outer({ 'announce': '\t udp://test.com/announce \n' }),
    expected: trackers(['udp://test.com/announce']),
  },
  { name: 'announce empty', bytes: outer({ 'announce': ' ' }), expected: trackers() },
  { name: 'announce that is no string', bytes: outer({ 'announce': 5 }), expected: trackers() },
  {
    name: 'announce-list before announce',
    bytes: outer({ 'announce': 'http://c', 'announce-list': [['http://a', 'http://b'], ['udp://d']] }),
    expected: trackers(['http://a', 'http://b'], ['udp://d']),
  },
  {
    name: 'announce-list of rubbish',
    bytes: outer({ 'announce': 'http://c', 'announce-list': [[], ['', 7], 5, {}] }),
    expected: trackers(['http://c']),
  },
  {
    name: 'announce-list that is a string',
    bytes: outer({ 'announce': 'http://c', 'announce-list': 'http://a' }),
    expected: trackers(['http://c']),
  },
  {
    name: 'announce-list of strings',
    bytes: outer({ 'announce-list': ['http://a', 'http://b'] }),
    expected: trackers(['http://a'], ['http://b']),
  },
  {
    name: 'a tracker twice',
    bytes: outer({ 'announce-list': [['http://a', 'http://a'], ['http://a']] }),
    expected: trackers(['http://a']),
  },
  {
    name: 'url-list as a string',
    bytes: outer({ 'url-list': 'http://test.com/test file/foo bar/' }),
    expected: webSeeds('http://test.com/test%20file/foo%20bar/'),
  },
  { name: 'url-list empty', bytes: outer({ 'url-list': '' }), expected: webSeeds() },
  { name: 'url-list of an empty string', bytes: outer({ 'url-list': [''] }), expected: webSeeds() },
  { name: 'url-list of an integer', bytes: outer({ 'url-list': [-20] }), expected: webSeeds() },
  { name: 'url-list as an integer', bytes: outer({ 'url-list': 20 }), expected: webSeeds() },
  {
    name: 'web seeds twice',
    bytes: outer({ 'url-list': ['http://a/1', 'http://a/1', 'http://a/2'] }),
    expected: webSeeds('http://a/1', 'http://a/2'),
  },
  {
    name: 'a web seed that is not ASCII',
    bytes: outer({ 'url-list': 'http://a/\u00e0' }),
    expected: webSeeds('http://a/%C3%A0'),
  },
  {
    name: 'httpseeds',
    bytes: outer({ 'httpseeds': ['http://a', ''] }),
    expected: ({ httpSeeds }) => assert.deepEqual(httpSeeds, ['http://a']),
  },
  {
    name: 'nodes',
    bytes: outer({ 'nodes': [['127.0.0.1', 6881], ['a', 0], ['b'], [5, 5], 'c', ['d', 70_000]] }),
    expected: ({ nodes }) => assert.deepEqual(nodes, [{ host: '127.0.0.1', port: 6881 }]),
  },
  {
    name: 'a creation date',
    bytes: outer({ 'creation date': 1_234_567 }),
    expected: ({ creationDateSeconds }) => assert.equal(creationDateSeconds, 1_234_567),
  },
  {
    name: 'a negative creation date',
    bytes: outer({ 'creation date': -1 }),
    expected: ({ creationDateSeconds }) => assert.equal(creationDateSeconds, undefined),
  },
  {
    name: 'comments',
    bytes: outer({ 'comment': 'x', 'comment.utf-8': 'y', 'created by': fromLatin1('\xff') }),
    expected: ({ comment, createdBy }) => assert.deepEqual([comment, createdBy], ['y', '_']),
  },
  {
    name: 'similar inside',
    bytes: lone({ 'similar': [onePiece, 'short', 7] }),
    expected: ({ info }) => assert.deepEqual(info.similar, ['61'.repeat(20)]),
  },
  {
    name: 'similar outside',
    bytes: outer({ 'similar': [onePiece] }),
    expected: ({ info }) => assert.deepEqual(info.similar, ['61'.repeat(20)]),
  },
  {
    name: 'collections inside and outside',
    bytes: lone({ 'collections': ['bar', 7] }, { 'collections': ['foo', 'bar'] }),
    expected: ({ info }) => assert.deepEqual(info.collections, ['bar', 'foo']),
  },
  {
    name: 'piece layers of a version 1 torrent',
    bytes: outer({ 'piece layers': 'x' }),
    expected: ({ pieceLayers }) => assert.equal(pieceLayers.size, 0),
  },
]

export const version1Cases: readonly CorpusCase[] = [...infoCases, ...padAndLinkCases, ...outerCases]
