// What a .torrent file says, parsed and validated: version 1 (BEP 3), version 2 (BEP 52) or hybrid.
// Guarantees: every path is sanitised and unique, every number is in range, both halves of a hybrid agree.
// Pad files (BEP 47) are not files here: they are the gaps between the offsets of files.
import type { InfoHashV1, InfoHashV2 } from '../../base/ids.ts'

export interface TorrentFile {
  /** Components as on disk, the torrent's name first (a single file: only the name); safe on any system. */
  readonly path: readonly string[]
  /**
   * Components as the torrent has them, where `path` is not so: content may lie on a disk that allows such names. None
   * is a separator or leads out of its folder; no two files of the torrent have the same, whatever the system.
   */
  readonly rawPath?: readonly string[]
  readonly lengthBytes: number
  /**
   * First byte in the piece space, the sequence of bytes that pieces cut up: piece p covers
   * [p * pieceLengthBytes, (p + 1) * pieceLengthBytes). Gaps between files are zeros (v1) or nothing (v2).
   */
  readonly offset: number
  readonly isExecutable: boolean
  readonly isHidden: boolean
  /**
   * Target of a symbolic link, a path of this torrent like `path` (BEP 47); the link's own path if it leads
   * nowhere in the torrent.
   */
  readonly symlinkTarget?: readonly string[]
  /** Merkle root of the file's blocks, 32 bytes (BEP 52); absent for empty files, links and v1. */
  readonly piecesRoot?: Uint8Array
}

export type TorrentVersion = 'v1' | 'v2' | 'hybrid'

/** The info dictionary: what the info hashes are taken over, and all that peers exchange (BEP 9). */
export interface TorrentInfo {
  readonly version: TorrentVersion
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  /** Safe as a file name: of the folder, or of the lone file. The info hash in hexadecimal if there was no usable one. */
  readonly name: string
  readonly pieceLengthBytes: number
  readonly pieceCount: number
  /** Sum of the files' lengths, pad files not counted. */
  readonly totalBytes: number
  /** Where the last piece ends in the piece space. */
  readonly spanBytes: number
  /** True for several files below a folder, false for a lone file. */
  readonly isFolder: boolean
  readonly files: readonly TorrentFile[]
  /** SHA-1 of each piece, 20 bytes each, end to end; absent in v2. */
  readonly pieces?: Uint8Array
  /** BEP 27. */
  readonly isPrivate: boolean
  readonly source?: string
  /** The bencoded dictionary exactly as found. */
  readonly raw: Uint8Array
  /** BEP 38: info hashes (v1, hexadecimal) and names of collections that share files with this torrent. */
  readonly similar: readonly InfoHashV1[]
  readonly collections: readonly string[]
}

export interface Metainfo {
  readonly info: TorrentInfo
  /**
   * By file's pieces root (hexadecimal): SHA-256 of each of its pieces, 32 bytes each (BEP 52). Only files longer
   * than a piece have a layer, and even theirs may be missing: peers send them then, as after a magnet link.
   */
  readonly pieceLayers: ReadonlyMap<string, Uint8Array>
  /** Tiers of tracker URLs (BEP 12). */
  readonly trackers: readonly (readonly string[])[]
  /** BEP 19 `url-list`. */
  readonly webSeeds: readonly string[]
  /** BEP 17 `httpseeds`. */
  readonly httpSeeds: readonly string[]
  /** DHT nodes (BEP 5). */
  readonly nodes: readonly { readonly host: string; readonly port: number }[]
  readonly comment?: string
  readonly createdBy?: string
  /** Seconds since 1970. */
  readonly creationDateSeconds?: number
}

export const maxPieceLengthBytes = 512 * 1024 * 1024
export const maxPieceCount = 2 ** 21
/** BEP 52: leaves of the Merkle tree, and the unit of transfer (BEP 3). */
export const blockLengthBytes = 16_384
