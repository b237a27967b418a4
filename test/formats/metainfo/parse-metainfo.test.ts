// What holds of parsing whatever the torrent: limits, hostile sizes, and bytes that are left as they were.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { buildMetainfo } from '../../../src/formats/metainfo/build-metainfo.ts'
import { parseInfo } from '../../../src/formats/metainfo/parse-info.ts'
import { parseMetainfo } from '../../../src/formats/metainfo/parse-metainfo.ts'
import { arbitraryTorrent } from './arbitrary-torrent.ts'
import { file, folder, info2, lone, mebibyteHashes, mebibyteLayers, mebibyteLeaf, outerOf } from './corpus-case.ts'
import { bencode } from './loose-bencode.ts'

function codeOf(bytes: Uint8Array): string {
  const result = parseMetainfo(bytes)
  return result.ok ? 'accepted' : result.code
}

describe('parse metainfo', () => {
  test('any bytes give a torrent or a typed failure', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(arbitraryTorrent, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([spec, place, byte]) => {
        const torrent = buildMetainfo(spec)
        torrent[place % torrent.length] = byte
        return torrent
      }),
    )
    fc.assert(
      fc.property(bytes, (input) => {
        for (const result of [parseMetainfo(input), parseInfo(input)]) {
          if (!result.ok) assert.match(result.code, /^(bencode|metainfo)-/)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('details are bounded, whatever the torrent says', () => {
    const result = parseMetainfo(folder([file([1, 'x'.repeat(100_000)])], { 'name': 'y'.repeat(100_000) }))
    assert.ok(!result.ok && result.detail.length < 200)
  })

  test('a megabyte of `l` is refused for its depth', () => {
    assert.equal(codeOf(fromLatin1('l'.repeat(1_000_000))), 'bencode-too-deep')
    assert.equal(codeOf(concatBytes([fromLatin1('d4:info'), fromLatin1('l'.repeat(1_000_000))])), 'bencode-too-deep')
  })

  test('a file over ten megabytes is refused before it is read', () => {
    assert.equal(codeOf(new Uint8Array(10_000_001)), 'bencode-too-large')
    assert.equal(codeOf(concatBytes([lone(), new Uint8Array(9_000_000)])), 'accepted')
  })

  test('more values than allowed are refused', () => {
    assert.equal(codeOf(fromLatin1(`d1:al${'le'.repeat(3_000_000)}e`)), 'bencode-too-many-tokens')
  })

  test('a few bytes of tree cannot stand for gigabytes of paths', () => {
    const leaves = Array.from({ length: 120_000 }, (_, index) => `6:${String(index).padStart(6, '0')}d0:d6:lengthi0eee`)
    const tree = `${'d1:a'.repeat(80)}d${leaves.join('')}e${'e'.repeat(80)}`
    const info = `d9:file tree${tree}12:meta versioni2e4:name4:temp12:piece lengthi16384ee`
    assert.equal(codeOf(fromLatin1(`d4:info${info}e`)), 'metainfo-path')
  })

  test('only so many trackers, web seeds, nodes and related torrents are kept', () => {
    const urls = Array.from({ length: 1500 }, (_, index) => `http://${index}`)
    const metainfo = unwrap(
      parseMetainfo(
        lone(
          { 'collections': urls },
          { 'announce-list': urls.map((url) => [url]), 'url-list': urls, 'nodes': urls.map((url) => [url, 1]) },
        ),
      ),
    )
    const { trackers, webSeeds, nodes, info } = metainfo
    assert.deepEqual(
      [trackers.length, webSeeds.length, nodes.length, info.collections.length],
      [1000, 1000, 1000, 1000],
    )
  })

  test('the bytes given are left as they were, and come back as plain arrays', () => {
    const bytes = Buffer.from(outerOf(info2({ 'test': mebibyteLeaf }), mebibyteLayers))
    const before = Buffer.from(bytes)
    const { info, pieceLayers } = unwrap(parseMetainfo(bytes))
    assert.deepEqual(bytes, before)
    assert.ok(![info.raw, info.files[0]?.piecesRoot, ...pieceLayers.values()].some((part) => Buffer.isBuffer(part)))
    assert.deepEqual(info.files[0]?.piecesRoot, new Uint8Array(mebibyteHashes.piecesRoot))
  })

  test('a torrent is found wherever it lies in its buffer', () => {
    const padded = concatBytes([new Uint8Array(7), lone(), new Uint8Array(9)])
    const torrent = padded.subarray(7, padded.length - 9)
    assert.deepEqual(parseMetainfo(torrent), parseMetainfo(lone()))
  })

  test('a hundred thousand files are neither recursion nor quadratic work', () => {
    const count = 100_000
    const files = Array.from(
      { length: count },
      (_, index) => `d6:lengthi1e4:pathl1:d6:${String(index).padStart(6, '0')}ee`,
    )
    const info = concatBytes([
      fromLatin1(`d5:filesl${files.join('')}e4:name4:temp12:piece lengthi${count}e6:pieces20:${'a'.repeat(20)}e`),
    ])
    assert.equal(unwrap(parseInfo(info)).files.length, count)
  })

  test('text beside the info dictionary that is no text is skipped', () => {
    const metainfo = unwrap(parseMetainfo(bencode({ 'comment': 5, 'created by': [], 'nodes': 'x', 'info': infoOf() })))
    assert.deepEqual([metainfo.comment, metainfo.createdBy, metainfo.nodes], [undefined, undefined, []])
  })
})

function infoOf() {
  return { 'length': 5, 'name': 'n', 'piece length': 5, 'pieces': new Uint8Array(20) }
}
