// The table of torrents, sound and hostile, that the parser is held to: what a case is, and the parts cases
// are made of. The cases themselves stand in corpus-*.ts, by topic.
import { fromLatin1 } from '../../../src/base/bytes.ts'
import type { ErrorCode } from '../../../src/base/errors.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { fileHashes } from '../../../src/formats/metainfo/merkle.ts'
import type { Metainfo } from '../../../src/formats/metainfo/metainfo.ts'
import { bencode, type Loose } from './loose-bencode.ts'

export interface CorpusCase {
  readonly name: string
  readonly bytes: Uint8Array
  /** The code it is refused with, or what must hold of the result. */
  readonly expected: ErrorCode | ((metainfo: Metainfo) => void)
}

/** Nothing to hold but that it is accepted. */
export function accepted(): void {
  // Being called is the verdict.
}

export type Dictionary = { readonly [key: string]: Loose | undefined }

export const kib16 = 16_384
export const onePiece = fromLatin1('a'.repeat(20))

/** So many made-up SHA-1 hashes. */
export function pieceHashes(count: number): Uint8Array {
  return fromLatin1('abcdefghijklmnopqrst'.repeat(count))
}

/** A version 1 torrent of one file of 425 bytes, with parts of its info dictionary replaced or removed. */
export function lone(info: Dictionary = {}, outer: Dictionary = {}): Uint8Array {
  return bencode({
    ...outer,
    'info': { 'length': 425, 'name': 'temp', 'piece length': kib16, 'pieces': onePiece, ...info },
  })
}

/** A version 1 torrent of a folder `temp` in a single piece; replaced parts as above. */
export function folder(files: Loose, info: Dictionary = {}, outer: Dictionary = {}): Uint8Array {
  return bencode({
    ...outer,
    'info': { 'files': files, 'name': 'temp', 'piece length': kib16, 'pieces': onePiece, ...info },
  })
}

export function file(path: Loose, length: Loose = 425, more: Dictionary = {}): Dictionary {
  return { length, path, ...more }
}

/** Made-up content: a root and a layer that fit each other, different for each seed. */
export function hashesOf(lengthBytes: number, pieceLengthBytes: number, seed = 0) {
  const blocks = Math.ceil(lengthBytes / kib16)
  const leaves = new Uint8Array(blocks * 32)
  for (let block = 0; block < blocks; block++) leaves.set(sha256(fromLatin1(`${seed} ${block}`)), block * 32)
  return fileHashes(leaves, pieceLengthBytes)
}

/** A leaf of a file tree. */
export function leaf(length: Loose, root?: Loose, more: Dictionary = {}): Dictionary {
  return { '': { length, 'pieces root': root, ...more } }
}

export function outerOf(info: Loose, layers?: Loose, outer: Dictionary = {}): Uint8Array {
  return bencode({ info, 'piece layers': layers, ...outer })
}

/** The info dictionary of a version 2 torrent called `test`, in pieces of 64 KiB. */
export function info2(fileTree: Loose | undefined, more: Dictionary = {}): Dictionary {
  return { 'file tree': fileTree, 'meta version': 2, 'name': 'test', 'piece length': 65_536, ...more }
}

/** One megabyte in pieces of 64 KiB: the content of most version 2 cases. */
export const mebibyte = 1_048_576
export const mebibyteHashes = hashesOf(mebibyte, 65_536, 1)
export const mebibyteLeaf = leaf(mebibyte, mebibyteHashes.piecesRoot)

/** `piece layers` of roots and layers. */
export function layersOf(
  ...hashes: readonly { readonly piecesRoot: Uint8Array; readonly pieceLayer: Uint8Array }[]
): Dictionary {
  return Object.fromEntries(
    hashes.map(({ piecesRoot, pieceLayer }) => [String.fromCharCode(...piecesRoot), pieceLayer]),
  )
}

export const mebibyteLayers = layersOf(mebibyteHashes)
