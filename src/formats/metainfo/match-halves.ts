// Whether the two halves of a hybrid torrent (BEP 52) describe the same content: the same files that are not
// empty, in the same order and at the same offsets; the same empty files and links, wherever they stand.
// Pad files may follow the last file or not; programs differ in that.
import { fail } from '../../base/errors.ts'
import type { ContentEntry } from './content-entry.ts'

/** Entries without pad files, and where each begins in the piece space. */
export interface Placement {
  readonly entries: readonly ContentEntry[]
  readonly offsets: readonly number[]
  /** Where the last piece ends. */
  readonly spanBytes: number
}

function keyOf(entry: ContentEntry): string {
  return `${entry.path.join('/')}\0${entry.linkTarget?.join('/') ?? ''}`
}

function filesOf({ entries, offsets }: Placement) {
  const indexes = [...entries.keys()].filter((index) => (entries[index] as ContentEntry).lengthBytes > 0)
  return indexes.map((index) => ({ entry: entries[index] as ContentEntry, offset: offsets[index] as number }))
}

function othersOf({ entries }: Placement): string[] {
  return entries
    .filter((entry) => entry.lengthBytes === 0)
    .map(keyOf)
    .sort()
}

/** Fails with metainfo-hybrid-mismatch. */
export function matchHalves(v1: Placement, v2: Placement, pieceLengthBytes: number): void {
  const files1 = filesOf(v1)
  const files2 = filesOf(v2)
  const others1 = othersOf(v1)
  const others2 = othersOf(v2)
  if (files1.length !== files2.length || others1.length !== others2.length) {
    fail('metainfo-hybrid-mismatch', 'the two halves have different numbers of files')
  }
  for (const [index, one] of files1.entries()) {
    const two = files2[index] as typeof one
    if (one.entry.lengthBytes !== two.entry.lengthBytes || keyOf(one.entry) !== keyOf(two.entry)) {
      fail('metainfo-hybrid-mismatch', 'the two halves list different files, or in different order')
    }
    if (one.offset !== two.offset) {
      fail('metainfo-hybrid-mismatch', 'pad files do not align the files of version 1 as version 2 does')
    }
  }
  if (others1.some((key, index) => key !== others2[index])) {
    fail('metainfo-hybrid-mismatch', 'the two halves have different empty files or links')
  }
  if (Math.ceil(v1.spanBytes / pieceLengthBytes) !== Math.ceil(v2.spanBytes / pieceLengthBytes)) {
    fail('metainfo-hybrid-mismatch', 'pad files after the last piece')
  }
}
