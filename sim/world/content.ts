// Contents that the machines of a simulated world share: random bytes and their .torrent, made once for each shape.
// Guarantees: the same shape is the same content, byte for byte, in every run; nobody changes it.
import { emptyBytes } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha1Into, sha1Length, sha256Into, sha256Length } from '../../src/base/hash.ts'
import { formatMagnet } from '../../src/formats/magnet.ts'
import { buildMetainfo, encodeMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import { fileHashes } from '../../src/formats/metainfo/merkle.ts'
import { blockLengthBytes, type TorrentInfo, type TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { type ContentPlan, planContent } from '../../src/formats/metainfo/plan-content.ts'

export interface ContentShape {
  readonly version?: TorrentVersion
  readonly pieceLengthBytes?: number
  /** Of its files; several make a folder. */
  readonly lengths?: readonly number[]
  readonly isPrivate?: boolean
  /** Of the DHT (BEP 5). */
  readonly nodes?: readonly { readonly host: string; readonly port: number }[]
  readonly trackers?: readonly (readonly string[])[]
  /** Version 2: leave the piece layers out of the .torrent. */
  readonly withoutLayers?: boolean
  readonly name?: string
  readonly seed?: number
  /** Hybrid: version 1 has another hash of this piece than its bytes, which version 2 has. */
  readonly contradictoryPiece?: number
}

interface ContentFile {
  /** Components on disk, below the torrent's folder. */
  readonly path: readonly string[]
  readonly bytes: Uint8Array
  /** First byte in the piece space. */
  readonly offset: number
}

export interface Content {
  readonly metainfo: Uint8Array
  readonly magnet: string
  readonly info: TorrentInfo
  readonly files: readonly ContentFile[]
  readonly totalBytes: number
}

interface Source {
  readonly path: readonly string[]
  readonly lengthBytes: number
  readonly bytes: Uint8Array
  readonly piecesRoot?: Uint8Array
  readonly pieceLayer?: Uint8Array
}

const made = new Map<string, Content>()

/** Random content, its .torrent, and a magnet link to it. */
export function makeContent(shape: ContentShape = {}): Content {
  const key = JSON.stringify(shape)
  const known = made.get(key)
  if (known !== undefined) return known
  const content = contentOf(shape)
  made.set(key, content)
  return content
}

function contentOf(shape: ContentShape): Content {
  const { version = 'v1', pieceLengthBytes = 32_768, lengths = [300_000], name = 'torrent', seed = 1 } = shape
  const sources = lengths.map((lengthBytes, index): Source => {
    const bytes = randomBytes(lengthBytes, seed * 65_537 + index)
    const path = lengths.length > 1 ? [`file-${index}.bin`] : []
    return { path, lengthBytes, bytes, ...(version === 'v1' ? {} : merkleOf(bytes, pieceLengthBytes)) }
  })
  const plan = planContent(sources, pieceLengthBytes, version)
  const digests = version === 'v2' ? undefined : digestsOf(sources, plan, pieceLengthBytes)
  const { contradictoryPiece: wrong } = shape
  if (wrong !== undefined) digests?.fill(0, wrong * sha1Length, (wrong + 1) * sha1Length)
  const built = buildMetainfo({
    version,
    name,
    isFolder: lengths.length > 1,
    pieceLengthBytes,
    files: sources,
    ...(digests === undefined ? {} : { pieces: digests }),
    trackers: shape.trackers ?? [],
    isPrivate: shape.isPrivate ?? false,
    ...(shape.nodes === undefined ? {} : { nodes: shape.nodes }),
  })
  const parsed = unwrap(parseMetainfo(built))
  const { info } = parsed
  const bytesAt = new Map(plan.files.map(({ index, offset }) => [offset, sources[index]?.bytes ?? emptyBytes]))
  return {
    metainfo: shape.withoutLayers === true ? encodeMetainfo({ ...parsed, pieceLayers: new Map() }) : built,
    magnet: magnetOf(info, (shape.trackers ?? []).flat()),
    info,
    files: info.files.map(({ path, offset, lengthBytes }) => ({
      path,
      offset,
      bytes: lengthBytes === 0 ? emptyBytes : (bytesAt.get(offset) ?? emptyBytes),
    })),
    totalBytes: lengths.reduce((sum, length) => sum + length, 0),
  }
}

function magnetOf({ infoHashV1, infoHashV2 }: TorrentInfo, trackers: readonly string[]): string {
  return formatMagnet({
    ...(infoHashV1 === undefined ? {} : { infoHashV1 }),
    ...(infoHashV2 === undefined ? {} : { infoHashV2 }),
    trackers,
    webSeeds: [],
    sources: [],
    peers: [],
  })
}

/** All pieces end to end; gaps between files are zeros. A lone file is its own piece space. */
export function pieceSpace({ info, files }: Content): Uint8Array {
  const [first] = files
  if (first !== undefined && first.bytes.length === info.spanBytes) return first.bytes
  const space = new Uint8Array(info.spanBytes)
  for (const { bytes, offset } of files) space.set(bytes, offset)
  return space
}

/** A word at a time (xorshift), for contents of hundreds of megabytes. */
function randomBytes(lengthBytes: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(lengthBytes / 4))
  let state = Math.imul(seed, 0x9e37_79b1) | 1
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, lengthBytes)
}

function merkleOf(bytes: Uint8Array, pieceLengthBytes: number): Pick<Source, 'piecesRoot' | 'pieceLayer'> {
  if (bytes.length === 0) return {}
  const leaves = new Uint8Array(Math.ceil(bytes.length / blockLengthBytes) * sha256Length)
  for (let block = 0; block * blockLengthBytes < bytes.length; block++) {
    const start = block * blockLengthBytes
    sha256Into(bytes.subarray(start, start + blockLengthBytes), leaves, block * sha256Length)
  }
  const { piecesRoot, pieceLayer } = fileHashes(leaves, pieceLengthBytes)
  return bytes.length > pieceLengthBytes ? { piecesRoot, pieceLayer } : { piecesRoot }
}

/** SHA-1 of each piece of the piece space, gaps as zeros. */
function digestsOf(sources: readonly Source[], plan: ContentPlan, pieceLengthBytes: number): Uint8Array {
  const space = new Uint8Array(plan.spanBytes)
  for (const { index, offset } of plan.files) space.set(sources[index]?.bytes ?? emptyBytes, offset)
  const digests = new Uint8Array(plan.pieceCount * sha1Length)
  for (let piece = 0; piece < plan.pieceCount; piece++) {
    const start = piece * pieceLengthBytes
    sha1Into(space.subarray(start, Math.min(start + pieceLengthBytes, space.length)), digests, piece * sha1Length)
  }
  return digests
}
