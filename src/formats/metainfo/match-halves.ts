// Whether the two halves of a hybrid torrent (BEP 52) describe the same content: the same files that are not
// empty, in the same order and at the same offsets, and the same links wherever they stand. Of empty files only the
// number has to agree, as other programs have it, and the names in version 2 count.
// A pad file may fill up the last piece or not; programs differ in that.
import { fail } from '../../base/errors.ts'
import type { ContentEntry } from './content-entry.ts'

/** Entries without pad files, and where each begins in the piece space. */
export interface Placement {
  readonly entries: readonly ContentEntry[]
  readonly offsets: readonly number[]
  /** Where the last piece ends. */
  readonly spanBytes: number
}

function pathOf(entry: ContentEntry): string {
  return entry.path.join('/')
}

function filesOf({ entries, offsets }: Placement) {
  const indexes = [...entries.keys()].filter((index) => (entries[index] as ContentEntry).lengthBytes > 0)
  return indexes.map((index) => ({ entry: entries[index] as ContentEntry, offset: offsets[index] as number }))
}

function linksOf({ entries }: Placement): string {
  return entries
    .flatMap((entry) => (entry.linkTarget === undefined ? [] : `${pathOf(entry)}\0${entry.linkTarget.join('/')}`))
    .sort()
    .join('\0\0')
}

/** Fails with metainfo-hybrid-mismatch. */
export function matchHalves(v1: Placement, v2: Placement, pieceLengthBytes: number): void {
  const files1 = filesOf(v1)
  const files2 = filesOf(v2)
  if (files1.length !== files2.length || v1.entries.length !== v2.entries.length) {
    fail('metainfo-hybrid-mismatch', 'the two halves have different numbers of files')
  }
  for (const [index, one] of files1.entries()) {
    const two = files2[index] as typeof one
    if (one.entry.lengthBytes !== two.entry.lengthBytes || pathOf(one.entry) !== pathOf(two.entry)) {
      fail('metainfo-hybrid-mismatch', 'the two halves list different files, or in different order')
    }
    if (one.offset !== two.offset) {
      fail('metainfo-hybrid-mismatch', 'pad files do not align the files of version 1 as version 2 does')
    }
  }
  if (linksOf(v1) !== linksOf(v2)) fail('metainfo-hybrid-mismatch', 'the two halves have different links')
  const filledBytes = Math.ceil(v2.spanBytes / pieceLengthBytes) * pieceLengthBytes
  if (v1.spanBytes !== v2.spanBytes && v1.spanBytes !== filledBytes) {
    fail('metainfo-hybrid-mismatch', 'pad files after the last file that do not end with its last piece')
  }
}
