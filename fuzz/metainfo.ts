// Fuzz target: .torrent files and info dictionaries (BEP 3, 52). Whatever is accepted keeps every promise the
// types make: safe distinct paths, ranges, and the same torrent when written again.
import assert from 'node:assert/strict'
import { fromLatin1, toHex, toLatin1 } from '../src/base/bytes.ts'
import { foldedName } from '../src/formats/distinct-paths.ts'
import { buildMetainfo, encodeMetainfo } from '../src/formats/metainfo/build-metainfo.ts'
import { fileHashes } from '../src/formats/metainfo/merkle.ts'
import { type Metainfo, maxPieceCount, type TorrentInfo } from '../src/formats/metainfo/metainfo.ts'
import { parseInfo } from '../src/formats/metainfo/parse-info.ts'
import { parseMetainfo } from '../src/formats/metainfo/parse-metainfo.ts'
import { sanitiseComponent } from '../src/formats/path-sanitiser.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const hashes = (lengthBytes: number) => fileHashes(new Uint8Array(32 * Math.ceil(lengthBytes / 16_384)).fill(1), 16_384)
const base = { name: 'name', pieceLengthBytes: 16_384 }
const outer = { trackers: [['http://a/b'], ['udp://c:1']], webSeeds: ['http://d'], nodes: [{ host: 'e', port: 1 }] }
const files = [
  { path: ['a', 'b.txt'], lengthBytes: 20_000, ...hashes(20_000) },
  { path: ['a', 'c'], lengthBytes: 0 },
  { path: ['d'], lengthBytes: 5, isExecutable: true, ...hashes(5) },
  { path: ['e'], lengthBytes: 0, symlinkTarget: ['a', 'c'] },
]
const loneFile = [{ path: [], lengthBytes: 40_000, ...hashes(40_000) }]
const pieces = new Uint8Array(60)

const seeds = [
  buildMetainfo({ ...base, ...outer, version: 'v1', isFolder: true, files, pieces: pieces.subarray(20) }),
  buildMetainfo({ ...base, ...outer, version: 'v2', isFolder: true, files }),
  buildMetainfo({ ...base, ...outer, version: 'hybrid', isFolder: true, files, pieces }),
  buildMetainfo({ ...base, version: 'v1', isFolder: false, files: loneFile, pieces }),
  buildMetainfo({ ...base, version: 'v2', isFolder: false, files: loneFile }),
  buildMetainfo({ ...base, version: 'hybrid', isFolder: false, files: loneFile, pieces }),
]

const tokens = [
  '0:',
  '1:.',
  '2:..',
  '1:/',
  '3:CON',
  'i-1e',
  'i0e',
  'i16384e',
  'i9007199254740991e',
  'le',
  'de',
  '4:attr1:p',
  '4:attr1:l',
  '12:symlink pathl1:ae',
  '12:meta versioni2e',
  '6:lengthi1e',
  '4:pathl1:ae',
  '9:file treede',
].map(fromLatin1)

function checkInfo(info: TorrentInfo): void {
  assert.ok(info.pieceCount > 0 && info.pieceCount <= maxPieceCount)
  assert.equal(info.pieceCount, Math.ceil(info.spanBytes / info.pieceLengthBytes))
  assert.equal(info.pieces === undefined, info.version === 'v2')
  assert.equal(info.pieces?.length ?? info.pieceCount * 20, info.pieceCount * 20)
  assert.equal(sanitiseComponent(info.name), info.name)
  const paths = new Set<string>()
  let end = 0
  for (const { path, lengthBytes, offset, piecesRoot, symlinkTarget } of info.files) {
    assert.ok(
      path.length > 0 && path.every((component) => component !== '' && sanitiseComponent(component) === component),
    )
    if (info.isFolder) assert.ok(path.length > 1 && path[0] === info.name)
    paths.add(path.map(foldedName).join('/'))
    assert.ok(offset >= end && Number.isSafeInteger(offset + lengthBytes))
    if (lengthBytes > 0) end = offset + lengthBytes
    assert.equal(piecesRoot !== undefined, info.version !== 'v1' && lengthBytes > 0)
    assert.ok(
      symlinkTarget === undefined || symlinkTarget.every((component) => sanitiseComponent(component) === component),
    )
  }
  assert.equal(paths.size, info.files.length)
  assert.ok(end <= info.spanBytes)
}

function checkLayers({ info, pieceLayers }: Metainfo): void {
  for (const [root, layer] of pieceLayers) {
    const owner = info.files.find(({ piecesRoot }) => piecesRoot !== undefined && toHex(piecesRoot) === root)
    assert.equal(layer.length / 32, Math.ceil((owner?.lengthBytes ?? 0) / info.pieceLengthBytes))
  }
}

export const target: FuzzTarget = {
  name: 'metainfo',
  seeds,
  tokens,
  run(input) {
    const info = parseInfo(input)
    if (info.ok) checkInfo(info.value)
    const metainfo = parseMetainfo(input)
    if (!metainfo.ok) return
    checkInfo(metainfo.value.info)
    checkLayers(metainfo.value)
    const again = parseMetainfo(encodeMetainfo(metainfo.value))
    assert.ok(again.ok)
    assert.equal(toLatin1(again.value.info.raw), toLatin1(metainfo.value.info.raw))
    assert.deepEqual(again.value.trackers, metainfo.value.trackers)
    assert.deepEqual(again.value.pieceLayers, metainfo.value.pieceLayers)
  },
}
