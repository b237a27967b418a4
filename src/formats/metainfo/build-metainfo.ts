// New torrents (BEP 3, 12, 27, 38, 47, 52): a description with hashes in, canonical .torrent bytes out.
// Guarantees: what it builds, parseMetainfo reads back as described; an impossible description is a bug of the
// caller and asserts. Also a known torrent back to bytes, its info dictionary untouched.
import { assert, present } from '../../base/assert.ts'
import { fromHex, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { unwrap } from '../../base/errors.ts'
import { sha1Length, sha256Length } from '../../base/hash.ts'
import { type InfoHashV1, idBytes } from '../../base/ids.ts'
import { type BencodeInput, encode, RawBencode } from '../bencode/encode.ts'
import { blockLengthBytes, type Metainfo, maxPieceLengthBytes, type TorrentVersion } from './metainfo.ts'
import { type ContentPlan, planContent } from './plan-content.ts'

export interface FileSpec {
  /** Components below the torrent's root; a lone file: none. */
  readonly path: readonly string[]
  /** 0 for links. */
  readonly lengthBytes: number
  readonly isExecutable?: boolean
  readonly isHidden?: boolean
  /** Target of a symbolic link, components below the torrent's root. */
  readonly symlinkTarget?: readonly string[]
  /** Version 2 and hybrid, files that are not empty: see fileHashes in merkle.ts. */
  readonly piecesRoot?: Uint8Array
  /** Version 2 and hybrid, files longer than a piece. */
  readonly pieceLayer?: Uint8Array
}

export interface InfoSpec {
  readonly version: TorrentVersion
  readonly name: string
  /**
   * False: the one file is the torrent itself and is called `name`. BEP 52 cannot tell a folder with nothing but
   * one file in it from a lone file: a version 2 torrent of one is read back as a lone file under its own name.
   */
  readonly isFolder: boolean
  readonly pieceLengthBytes: number
  readonly files: readonly FileSpec[]
  /** Version 1 and hybrid: SHA-1 of each piece in the order of planContent, 20 bytes each. */
  readonly pieces?: Uint8Array
  readonly isPrivate?: boolean
  readonly source?: string
  readonly similar?: readonly InfoHashV1[]
  readonly collections?: readonly string[]
}

/** What stands beside the info dictionary; empty lists are left out. */
interface OuterSpec {
  readonly trackers?: Metainfo['trackers']
  readonly webSeeds?: Metainfo['webSeeds']
  readonly httpSeeds?: Metainfo['httpSeeds']
  readonly nodes?: Metainfo['nodes']
  readonly comment?: string
  readonly createdBy?: string
  readonly creationDateSeconds?: number
}

export interface MetainfoSpec extends InfoSpec, OuterSpec {}

type Dictionary = Record<string, BencodeInput | undefined>
type Tree = Map<string, BencodeInput>

/** The bencoded info dictionary: what the info hashes are taken over. */
export function buildInfo(spec: InfoSpec): Uint8Array {
  checkSpec(spec)
  const plan = planContent(spec.files, spec.pieceLengthBytes, spec.version)
  return encode({
    'collections': nonEmpty(spec.collections),
    'name': spec.name,
    'piece length': spec.pieceLengthBytes,
    'private': spec.isPrivate === true ? 1 : undefined,
    'similar': nonEmpty(spec.similar?.map(idBytes)),
    'source': spec.source,
    ...(spec.version === 'v2' ? {} : version1Half(spec, plan)),
    ...(spec.version === 'v1' ? {} : { 'meta version': 2, 'file tree': fileTree(spec, plan) }),
  })
}

function version1Half(spec: InfoSpec, plan: ContentPlan): Dictionary {
  const { pieces } = spec
  assert(pieces?.length === plan.pieceCount * sha1Length, 'one SHA-1 for each piece')
  if (spec.isFolder) return { pieces, 'files': fileList(spec, plan) }
  return { pieces, ...fileProperties(present(spec.files[0], 'a lone file')) }
}

/** A whole .torrent file. */
export function buildMetainfo(spec: MetainfoSpec): Uint8Array {
  const layers = new Map<string, Uint8Array>()
  if (spec.version !== 'v1') {
    for (const { lengthBytes, piecesRoot, pieceLayer } of spec.files) {
      if (lengthBytes <= spec.pieceLengthBytes) continue
      const root = present(piecesRoot, 'checked by buildInfo')
      const layer = present(pieceLayer, 'a piece layer of a file longer than a piece')
      assert(layer.length === Math.ceil(lengthBytes / spec.pieceLengthBytes) * sha256Length, 'one hash for each piece')
      layers.set(toLatin1(root), layer)
    }
  }
  return outerDictionary(buildInfo(spec), spec.version === 'v1' ? undefined : layers, spec)
}

/** A known torrent as a .torrent file again, its info dictionary byte for byte as it was found. */
export function encodeMetainfo(metainfo: Metainfo): Uint8Array {
  const layers = new Map<string, Uint8Array>()
  for (const [root, layer] of metainfo.pieceLayers) layers.set(toLatin1(unwrap(fromHex(root))), layer)
  return outerDictionary(metainfo.info.raw, metainfo.info.version === 'v1' ? undefined : layers, metainfo)
}

function outerDictionary(info: Uint8Array, layers: Tree | undefined, outer: OuterSpec): Uint8Array {
  const trackers = (outer.trackers ?? []).filter((tier) => tier.length > 0)
  const isList = trackers.length > 1 || (trackers[0]?.length ?? 0) > 1
  return encode({
    'announce': trackers[0]?.[0],
    'announce-list': isList ? trackers : undefined,
    'comment': outer.comment,
    'created by': outer.createdBy,
    'creation date': outer.creationDateSeconds,
    'httpseeds': nonEmpty(outer.httpSeeds),
    'info': new RawBencode(info),
    'nodes': nonEmpty(outer.nodes?.map(({ host, port }) => [host, port])),
    'piece layers': layers,
    'url-list': nonEmpty(outer.webSeeds),
  })
}

function nonEmpty<T>(list: readonly T[] | undefined): readonly T[] | undefined {
  return list === undefined || list.length === 0 ? undefined : list
}

function checkSpec(spec: InfoSpec): void {
  const { files, isFolder, name, pieceLengthBytes, version } = spec
  assert(name !== '', 'a name')
  assert(pieceLengthBytes > 0 && pieceLengthBytes <= maxPieceLengthBytes, 'a piece length up to 512 MiB')
  assert(
    version === 'v1' || Number.isInteger(Math.log2(pieceLengthBytes / blockLengthBytes)),
    'a power of two from 16 KiB on',
  )
  assert(files.length > 0 && (isFolder || files.length === 1), 'files, and a lone file alone')
  for (const file of files) {
    assert(isFolder === file.path.length > 0, 'a path below the root, and none for a lone file')
    assert(
      file.path.every((component) => component !== ''),
      'components that are not empty',
    )
    assert(file.symlinkTarget === undefined || file.lengthBytes === 0, 'a link without length')
    if (version !== 'v1' && file.lengthBytes > 0) {
      assert(file.piecesRoot?.length === sha256Length, 'a Merkle root for each file that is not empty')
    }
  }
}

/** What both halves say of a file besides its name: `attr`, `length`, `symlink path` (BEP 47). */
function fileProperties(file: FileSpec): Dictionary {
  const isLink = file.symlinkTarget !== undefined
  const attr = `${file.isHidden === true ? 'h' : ''}${isLink ? 'l' : ''}${file.isExecutable === true ? 'x' : ''}`
  return {
    'attr': attr === '' ? undefined : attr,
    'length': file.lengthBytes,
    'symlink path': file.symlinkTarget,
  }
}

function fileList(spec: InfoSpec, plan: ContentPlan): BencodeInput[] {
  const list: BencodeInput[] = []
  for (const { index, padBytes } of plan.files) {
    const file = present(spec.files[index], 'an index of the plan')
    list.push({ ...fileProperties(file), 'path': file.path } as BencodeInput)
    if (padBytes > 0) list.push({ 'attr': 'p', 'length': padBytes, 'path': ['.pad', String(padBytes)] })
  }
  return list
}

function fileTree(spec: InfoSpec, plan: ContentPlan): BencodeInput {
  const root: Tree = new Map()
  for (const { index } of plan.files) {
    const file = present(spec.files[index], 'an index of the plan')
    const path = spec.isFolder ? file.path : [spec.name]
    let folder = root
    for (const component of path) {
      const key = toLatin1(fromUtf8(component))
      let child = folder.get(key)
      if (child === undefined) {
        child = new Map()
        folder.set(key, child)
      }
      folder = child as Tree
      assert(!folder.has(''), 'no two files of one path, and none where a folder is')
    }
    assert(folder.size === 0, 'no two files of one path, and none where a folder is')
    folder.set('', { ...fileProperties(file), 'pieces root': file.lengthBytes > 0 ? file.piecesRoot : undefined })
  }
  return root
}
