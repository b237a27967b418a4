// Contents that a scenario knows before it begins, shared by the disks and hashers of all its machines: what is found
// equal to them is remembered as a place in them, not copied or hashed again.
// Guarantees: whatever is said to be equal was compared byte by byte; what repeats too often within the contents may
// go unrecognised. Owns the index and the digests, never the contents, which nobody may change.
import { equalBytes } from '../../src/base/bytes.ts'

/** Of disks, and the grain at which contents are recognised. */
export const pageBytes = 4096

/** Bytes of a page that it is looked up by: as many as fit a number exactly. */
const keyBytes = 6
/** Places that begin alike, past which no more are remembered. */
const maxPlacesPerKey = 8

export interface KnownPlace {
  /** Which content, in order of `add`. */
  readonly content: number
  /** A multiple of pageBytes. */
  readonly position: number
}

export class KnownContents {
  private readonly contents: Uint8Array[] = []
  private readonly indexes = new Map<Uint8Array, number>()
  private readonly places = new Map<number, KnownPlace[]>()
  private readonly digests = new Map<string, Uint8Array>()

  constructor(contents: Iterable<Uint8Array> = []) {
    for (const content of contents) this.add(content)
  }

  /** Its number, the same each time for the same array, which is shared from now on and may not be changed. */
  add(content: Uint8Array): number {
    const known = this.indexes.get(content)
    if (known !== undefined) return known
    const index = this.contents.push(content) - 1
    this.indexes.set(content, index)
    for (let position = 0; position < content.length; position += pageBytes) {
      const key = keyAt(content, position)
      const places = this.places.get(key)
      if (places === undefined) this.places.set(key, [{ content: index, position }])
      else if (places.length < maxPlacesPerKey) places.push({ content: index, position })
    }
    return index
  }

  /** Only of that very array. */
  indexOf(content: Uint8Array): number | undefined {
    return this.indexes.get(content)
  }

  content(index: number): Uint8Array | undefined {
    return this.contents[index]
  }

  /** The content that has, at this very position and followed by zeros where it ends, the page at `start` of `bytes`. */
  contentAt(position: number, bytes: Uint8Array, start: number): number | undefined {
    for (const place of this.places.get(keyAt(bytes, start)) ?? []) {
      if (place.position !== position) continue
      if (isPageOf(this.contents[place.content] as Uint8Array, position, bytes, start)) return place.content
    }
    return undefined
  }

  /** Where `bytes` are found whole, at the start of any page. */
  placeOf(bytes: Uint8Array): KnownPlace | undefined {
    for (const place of this.places.get(keyAt(bytes, 0)) ?? []) {
      if (this.isAt(place, 0, bytes)) return place
    }
    return undefined
  }

  /** Whether `bytes` stand `offset` bytes after a place. */
  isAt(place: KnownPlace, offset: number, bytes: Uint8Array): boolean {
    const start = place.position + offset
    return equalBytes((this.contents[place.content] as Uint8Array).subarray(start, start + bytes.length), bytes)
  }

  /** The bytes from a place on. */
  bytesAt(place: KnownPlace, lengthBytes: number): Uint8Array {
    return (this.contents[place.content] as Uint8Array).subarray(place.position, place.position + lengthBytes)
  }

  /** Something computed from the bytes of a place, once for all who ask; `what` says which. Not to be changed. */
  digest(place: KnownPlace, lengthBytes: number, what: string, compute: () => Uint8Array): Uint8Array {
    const key = `${place.content} ${place.position} ${lengthBytes} ${what}`
    const known = this.digests.get(key)
    if (known !== undefined) return known
    const computed = compute()
    this.digests.set(key, computed)
    return computed
  }
}

/** Whether `known`, followed by zeros where it ends, has at `position` the page at `start` of `bytes`. */
export function isPageOf(known: Uint8Array, position: number, bytes: Uint8Array, start: number): boolean {
  const lengthBytes = Math.max(0, Math.min(pageBytes, known.length - position))
  if (!equalBytes(known.subarray(position, position + lengthBytes), bytes.subarray(start, start + lengthBytes))) {
    return false
  }
  for (let index = start + lengthBytes; index < start + pageBytes; index++) if (bytes[index] !== 0) return false
  return true
}

/** What is past the end counts as zeros. */
function keyAt(bytes: Uint8Array, start: number): number {
  let key = 0
  for (let index = start; index < start + keyBytes; index++) key = key * 256 + (bytes[index] ?? 0)
  return key
}
