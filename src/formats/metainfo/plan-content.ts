// Where the files of a new torrent go: their order, offsets in the piece space, and the gaps between them.
// Guarantees: what building, hashing and verifying agree on, and what the parser reads back. Version 2 and
// hybrid torrents list files in the order of a file tree, each one that is not empty on a piece boundary
// (BEP 52); version 1 keeps the order given and leaves no gaps (BEP 3).
import { assert, present } from '../../base/assert.ts'
import { compareBytes, fromUtf8 } from '../../base/bytes.ts'
import type { TorrentVersion } from './metainfo.ts'

interface PlannedFile {
  /** Index into the files given. */
  readonly index: number
  /** First byte in the piece space. */
  readonly offset: number
  /** Zeros that follow in a hybrid torrent, a pad file of BEP 47; 0 elsewhere and after the last file. */
  readonly padBytes: number
}

export interface ContentPlan {
  readonly files: readonly PlannedFile[]
  readonly pieceCount: number
  /** Where the last piece ends in the piece space. */
  readonly spanBytes: number
}

export interface FileToPlan {
  /** Components below the torrent's root; a lone file: none. */
  readonly path: readonly string[]
  /** 0 for links. */
  readonly lengthBytes: number
}

/** Indexes of paths in the order of a file tree: component by component, compared as bytes. */
function treeOrder(files: readonly FileToPlan[]): number[] {
  const keys = files.map((file) => file.path.map(fromUtf8))
  return files
    .map((_, index) => index)
    .sort((a, b) => {
      const left = keys[a] as Uint8Array[]
      const right = keys[b] as Uint8Array[]
      for (let level = 0; level < left.length && level < right.length; level++) {
        const order = compareBytes(left[level] as Uint8Array, right[level] as Uint8Array)
        if (order !== 0) return order
      }
      return left.length - right.length
    })
}

export function planContent(
  files: readonly FileToPlan[],
  pieceLengthBytes: number,
  version: TorrentVersion,
): ContentPlan {
  assert(pieceLengthBytes > 0, 'a positive piece length')
  const order = version === 'v1' ? files.map((_, index) => index) : treeOrder(files)
  const planned: PlannedFile[] = []
  let offset = 0
  let spanBytes = 0
  let remaining = files.filter((file) => file.lengthBytes > 0).length
  for (const index of order) {
    const { lengthBytes } = present(files[index], 'an index of files')
    let padBytes = 0
    const start = offset
    if (lengthBytes > 0) {
      remaining--
      offset += lengthBytes
      spanBytes = offset
      const overhang = offset % pieceLengthBytes
      if (version !== 'v1' && overhang > 0 && remaining > 0) {
        padBytes = version === 'hybrid' ? pieceLengthBytes - overhang : 0
        offset += pieceLengthBytes - overhang
      }
    }
    planned.push({ index, offset: start, padBytes })
  }
  return { files: planned, pieceCount: Math.ceil(spanBytes / pieceLengthBytes), spanBytes }
}
