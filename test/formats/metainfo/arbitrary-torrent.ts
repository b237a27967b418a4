// Random descriptions of torrents with hashes that fit, for properties of building and parsing.
// Every one of them is possible: what it says is what a parser must read back.
import fc from 'fast-check'
import { sha1 } from '../../../src/base/hash.ts'
import { infoHashV1 } from '../../../src/base/ids.ts'
import type { FileSpec, MetainfoSpec } from '../../../src/formats/metainfo/build-metainfo.ts'
import { planContent } from '../../../src/formats/metainfo/plan-content.ts'
import { hashesOf, kib16, pieceHashes } from './corpus-case.ts'

const folderName = fc.constantFrom('a', 'b', 'B-side', '\u00fc', '\u{1f600}', 'z')
const fileName = fc.constantFrom('1', 'x.bin', 'y.txt', '\u00e9', '\u{20000}', '\uff5e')

/** Distinct paths with no file where a folder is: names of files and folders have nothing in common. */
const paths = fc.uniqueArray(
  fc.tuple(fc.array(folderName, { maxLength: 3 }), fileName).map(([folders, name]) => [...folders, name]),
  { minLength: 1, maxLength: 8, selector: (path) => path.join('/').toLowerCase() },
)

const fileShape = fc.record({
  lengthBytes: fc.oneof(
    fc.constant(0),
    fc.integer({ min: 1, max: 200_000 }),
    fc.constantFrom(kib16, 2 * kib16, 4 * kib16),
  ),
  isExecutable: fc.boolean(),
  isHidden: fc.boolean(),
})

const outer = fc.record(
  {
    trackers: fc.constantFrom([], [['http://a/announce']], [['http://a', 'udp://b:1'], ['https://c']]),
    webSeeds: fc.constantFrom([], ['http://seed/'], ['http://one', 'http://two']),
    httpSeeds: fc.constantFrom([], ['http://old']),
    nodes: fc.constantFrom([], [{ host: '127.0.0.1', port: 6881 }]),
    comment: fc.string(),
    createdBy: fc.string(),
    creationDateSeconds: fc.integer({ min: 0, max: 2 ** 40 }),
    isPrivate: fc.boolean(),
    source: fc.string(),
    similar: fc.constantFrom([], [infoHashV1(sha1(new Uint8Array(1)))]),
    collections: fc.constantFrom([], ['one', 'two']),
  },
  { requiredKeys: [] },
)

export const arbitraryTorrent: fc.Arbitrary<MetainfoSpec> = fc
  .record({
    version: fc.constantFrom('v1' as const, 'v2' as const, 'hybrid' as const),
    pieceLengthBytes: fc.constantFrom(kib16, 2 * kib16, 4 * kib16),
    isFolder: fc.boolean(),
    paths,
    shapes: fc.array(fileShape, { minLength: 8, maxLength: 8 }),
    link: fc.boolean(),
    outer,
  })
  .map(({ version, pieceLengthBytes, isFolder, paths: allPaths, shapes, link, outer: rest }) => {
    const files = (isFolder ? allPaths : [[]]).map((path, index): FileSpec => {
      const shape = shapes[index] as (typeof shapes)[number]
      // At least one byte of content, in the first file.
      const lengthBytes = index === 0 ? Math.max(1, shape.lengthBytes) : shape.lengthBytes
      const hashes = version === 'v1' || lengthBytes === 0 ? {} : hashesOf(lengthBytes, pieceLengthBytes, index)
      return { ...shape, path, lengthBytes, ...hashes }
    })
    const first = files[0] as FileSpec
    if (isFolder && link) files.push({ path: ['link'], lengthBytes: 0, symlinkTarget: first.path })
    const { pieceCount } = planContent(files, pieceLengthBytes, version)
    const pieces = version === 'v2' ? {} : { pieces: pieceHashes(pieceCount) }
    return { ...rest, version, name: 'name', isFolder, pieceLengthBytes, files, ...pieces }
  })
