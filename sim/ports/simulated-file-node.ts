// One file or folder of a simulated disk: what the system shows of it, and what the disk holds of it, page by page.
// Guarantees: pages equal to known content cost a byte, whatever wrote them; a sync costs the pages that changed; pages
// that a failed sync gave up stay as the disk has them until they are written again; past the end there are zeros.
// Owned by its disk, whose space it takes.
import { copyBytes, emptyBytes, equalBytes } from '../../src/base/bytes.ts'
import type { FileStatus } from '../../src/ports/files.ts'
import type { Random } from '../../src/ports/random.ts'
import { isPageOf, type KnownContents, pageBytes } from './known-contents.ts'

export const plentyBytes = 2 ** 50

/** The room on a disk, counted in pages. */
export class DiskSpace {
  capacityBytes: number
  usedPages = 0

  constructor(capacityBytes: number = plentyBytes) {
    this.capacityBytes = capacityBytes
  }

  get freePages(): number {
    return Math.floor(this.capacityBytes / pageBytes) - this.usedPages
  }
}

/** States of a page. A hole reads zeros and takes no space; own bytes are kept, those of known content are not. */
const hole = 0
const known = 1
const own = 2

/** Not on the disk, as far as anybody was told. */
const isDirty = 1
/** A failed sync gave it up: no later one brings it to the disk, until it is written again. */
const isGivenUp = 2
/** Its own bytes are the disk's as well, or a sync's: copied before they are changed. */
const isShared = 4

interface PageSnapshot {
  readonly page: number
  readonly state: number
  readonly bytes: Uint8Array | undefined
}

/** What a file showed at some moment and the disk does not have yet. */
export interface SyncPoint {
  readonly number: number
  readonly lengthBytes: number
  readonly modifiedMs: number
  readonly pages: readonly PageSnapshot[]
}

export class FileNode {
  kind: FileStatus['kind']
  lengthBytes = 0
  modifiedMs = 0
  private space = new DiskSpace()
  private readonly contents: KnownContents | undefined
  /** The content that known pages are of, found with the first of them. */
  private contentIndex: number | undefined
  private content = emptyBytes
  /** By page, as far as any was ever used; past that there are holes. */
  private states = new Uint8Array(0)
  private flags = new Uint8Array(0)
  /** By page: how many syncs had begun when it was last written. */
  private writtenAfter = new Uint32Array(0)
  private readonly ownPages = new Map<number, Uint8Array>()
  private allocatedPages = 0
  private durableLengthBytes = 0
  private durableModifiedMs = 0
  private durableStates = new Uint8Array(0)
  private durablePages = new Map<number, Uint8Array>()
  private syncCount = 0
  private lastSynced = 0

  /** On no disk until it joins one. */
  constructor(kind: FileStatus['kind'], contents?: KnownContents) {
    this.kind = kind
    this.contents = contents
  }

  status(): FileStatus {
    return {
      kind: this.kind,
      lengthBytes: this.lengthBytes,
      allocatedBytes: this.allocatedPages * pageBytes,
      modifiedMs: this.modifiedMs,
    }
  }

  /** All of it at once, on the disk, whether there is room or not. */
  put(content: Uint8Array, atMs: number): void {
    this.resize(0)
    this.contentIndex = this.contents?.indexOf(content)
    this.content = this.contentIndex === undefined ? emptyBytes : content
    if (this.contentIndex === undefined) this.writePages(0, content, 0, content.length)
    else for (let page = 0; page * pageBytes < content.length; page++) this.setState(page, known)
    this.lengthBytes = content.length
    this.modifiedMs = atMs
    this.settle()
  }

  /** It lost its name: what it takes, now and later, is nobody's. */
  leaveDisk(): void {
    this.space.usedPages -= this.allocatedPages
    this.space = new DiskSpace()
    this.space.usedPages = this.allocatedPages
  }

  /** It has a name, whether there is room for it or not. */
  joinDisk(space: DiskSpace): void {
    this.space = space
    space.usedPages += this.allocatedPages
  }

  /** Fills `target` from `position`; the bytes there were. */
  read(position: number, target: Uint8Array): number {
    const end = Math.min(position + target.length, this.lengthBytes)
    for (let at = position; at < end; ) {
      const state = this.stateOf(Math.floor(at / pageBytes))
      let until = at
      // Own pages lie apart; others are copied as far as they go.
      do until = (Math.floor(until / pageBytes) + 1) * pageBytes
      while (state !== own && until < end && this.stateOf(until / pageBytes) === state)
      until = Math.min(until, end)
      this.copyOut(state, at, until, target, at - position)
      at = until
    }
    return Math.max(0, end - position)
  }

  /** Writes what there is room for; the bytes written, from the first on. */
  write(position: number, part: Uint8Array): number {
    if (part.length === 0) return 0
    let writable = part.length
    let room = this.space.freePages
    const last = Math.floor((position + part.length - 1) / pageBytes)
    for (let page = Math.floor(position / pageBytes); page <= last; page++) {
      if (this.stateOf(page) !== hole || room-- > 0) continue
      writable = Math.max(0, page * pageBytes - position)
      break
    }
    if (writable === 0) return 0
    this.lengthBytes = Math.max(this.lengthBytes, position + writable)
    this.writePages(position, part, 0, writable)
    return writable
  }

  /** Flips one bit of a byte, on the disk as well, and nothing tells of it. False: there is no such byte. */
  flip(position: number): boolean {
    if (position < 0 || position >= this.lengthBytes) return false
    const page = Math.floor(position / pageBytes)
    const offset = position % pageBytes
    const bytes = this.ownPage(page)
    bytes[offset] = (bytes[offset] as number) ^ 1
    if (position < this.durableLengthBytes) {
      const durable = this.durablePage(page)
      durable[offset] = (durable[offset] as number) ^ 1
      this.setDurable(page, own, durable)
    }
    // A sync under way may yet put what was there before on the disk.
    if ((this.flagsOf(page) & isGivenUp) === 0) this.setOwn(page, bytes)
    return true
  }

  resize(lengthBytes: number): void {
    const tail = Math.floor(lengthBytes / pageBytes)
    const firstGone = Math.ceil(lengthBytes / pageBytes)
    const end = Math.min(this.states.length, Math.ceil(this.lengthBytes / pageBytes))
    for (let page = firstGone; page < end; page++) this.setState(page, hole)
    const isCut = lengthBytes < this.lengthBytes && tail < firstGone && tail < end
    this.lengthBytes = lengthBytes
    if (!isCut) return
    const state = this.stateOf(tail)
    if (state === hole || (state === known && this.content.length <= lengthBytes)) this.setState(tail, state)
    else {
      const bytes = this.ownPage(tail)
      bytes.fill(0, lengthBytes % pageBytes)
      this.setOwn(tail, bytes)
    }
  }

  /** What `endSync` brings to the disk, or `failSync` does not. */
  beginSync(): SyncPoint {
    const pages: PageSnapshot[] = []
    for (let page = 0; page < this.flags.length; page++) {
      const flags = this.flags[page] as number
      if ((flags & isDirty) === 0) continue
      const state = this.states[page] as number
      pages.push({ page, state, bytes: state === own ? this.ownPages.get(page) : undefined })
      if (state === own) this.flags[page] = flags | isShared
    }
    return { number: ++this.syncCount, lengthBytes: this.lengthBytes, modifiedMs: this.modifiedMs, pages }
  }

  endSync(point: SyncPoint): void {
    // A later one that came back before has all of this.
    if (point.number <= this.lastSynced) return
    this.lastSynced = point.number
    this.durableLengthBytes = point.lengthBytes
    this.durableModifiedMs = point.modifiedMs
    for (const { page, state, bytes } of point.pages) {
      const flags = this.flagsOf(page)
      if ((flags & isGivenUp) !== 0) continue
      this.setDurable(page, state, bytes)
      // What was written since is still to come.
      if ((this.writtenAfter[page] as number) < point.number) this.flags[page] = flags & ~isDirty
    }
    this.cutDurable(point.lengthBytes)
  }

  /** What lies past the end of a file is not on the disk, also of pages that were given up: a longer one has zeros there. */
  private cutDurable(lengthBytes: number): void {
    const pageCount = Math.ceil(lengthBytes / pageBytes)
    for (let page = pageCount; page < this.durableStates.length; page++) {
      if (this.durableStateOf(page) !== hole) this.setDurable(page, hole, undefined)
    }
    const tail = pageCount - 1
    const isCut = lengthBytes % pageBytes > 0 && (this.flagsOf(tail) & isGivenUp) !== 0
    if (!isCut || this.durableStateOf(tail) === hole) return
    const bytes = this.durablePage(tail)
    bytes.fill(0, lengthBytes % pageBytes)
    this.setDurable(tail, own, bytes)
  }

  /** The pages that were given up. */
  failSync(): number {
    let count = 0
    for (let page = 0; page < this.flags.length; page++) {
      const flags = this.flags[page] as number
      if ((flags & isDirty) === 0) continue
      this.flags[page] = (flags & ~isDirty) | isGivenUp
      count++
    }
    return count
  }

  /** The power goes: of what the disk was not told to keep, each page is there or not. The pages that are not. */
  losePower(random: Random): number {
    let lostCount = 0
    const isLengthKept = this.lengthBytes === this.durableLengthBytes || random.below(2) === 0
    const lengthBytes = isLengthKept ? this.lengthBytes : this.durableLengthBytes
    for (let page = 0; page < this.flags.length; page++) {
      if (((this.flags[page] as number) & (isDirty | isGivenUp)) === 0 || random.below(2) === 0) continue
      const state = this.durableStateOf(page)
      lostCount++
      if (state !== own) this.setState(page, state)
      else this.setOwn(page, (this.durablePages.get(page) as Uint8Array).slice())
    }
    // What comes back may reach past an end that moved since.
    this.lengthBytes = Math.max(lengthBytes, this.states.length * pageBytes)
    this.resize(lengthBytes)
    if (random.below(2) === 0) this.modifiedMs = this.durableModifiedMs
    this.settle()
    return lostCount
  }

  /** Of that content, every byte. */
  isKnown(index: number): boolean {
    if (this.contentIndex !== index || this.lengthBytes !== this.content.length) return false
    const pageCount = Math.ceil(this.lengthBytes / pageBytes)
    for (let page = 0; page < pageCount; page++) if (this.stateOf(page) !== known) return false
    return true
  }

  matches(bytes: Uint8Array): boolean {
    return bytes.length === this.lengthBytes && this.shows(bytes, 0, bytes.length)
  }

  /** Whether its bytes [from, end) are those of a content. */
  shows(content: Uint8Array, from: number, end: number): boolean {
    if (end > this.lengthBytes) return false
    const isShared = this.contentIndex !== undefined && this.contents?.indexOf(content) === this.contentIndex
    const { states } = this
    for (let number = Math.floor(from / pageBytes); number * pageBytes < end; number++) {
      if (isShared && states[number] === known) continue
      const start = Math.max(from, number * pageBytes)
      const part = new Uint8Array(Math.min(end, (number + 1) * pageBytes) - start)
      this.read(start, part)
      if (!equalBytes(part, content.subarray(start, start + part.length))) return false
    }
    return true
  }

  /** A copy. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.lengthBytes)
    this.read(0, bytes)
    return bytes
  }

  private stateOf(page: number): number {
    return this.states[page] ?? hole
  }

  private flagsOf(page: number): number {
    return this.flags[page] ?? 0
  }

  private durableStateOf(page: number): number {
    return this.durableStates[page] ?? hole
  }

  private recognise(index: number): void {
    if (this.contentIndex !== undefined) return
    this.contentIndex = index
    this.content = this.contents?.content(index) ?? this.content
  }

  /** Bytes [from, to) of `part`, at `position` and after. */
  private writePages(position: number, part: Uint8Array, from: number, to: number): void {
    for (let at = from; at < to; ) {
      const start = position + at
      const page = Math.floor(start / pageBytes)
      const offset = start % pageBytes
      const wholePages = offset === 0 ? Math.floor((to - at) / pageBytes) : 0
      if (wholePages > 0 && this.isContent(start, part, at, wholePages)) {
        for (let index = page; index < page + wholePages; index++) this.setState(index, known)
        at += wholePages * pageBytes
        continue
      }
      const until = Math.min(at + pageBytes - offset, to)
      if (wholePages > 0 && this.isContent(start, part, at, 1)) this.setState(page, known)
      else this.writePage(page, offset, part, at, until)
      at = until
    }
  }

  /** Whether whole pages of `part` are those of the known content. */
  private isContent(start: number, part: Uint8Array, at: number, pageCount: number): boolean {
    if (this.contentIndex === undefined) {
      const index = this.contents?.contentAt(start, part, at)
      if (index === undefined) return false
      this.recognise(index)
    }
    const lengthBytes = pageCount * pageBytes
    return equalBytes(this.content.subarray(start, start + lengthBytes), part.subarray(at, at + lengthBytes))
  }

  private writePage(page: number, offset: number, part: Uint8Array, from: number, to: number): void {
    const bytes = this.ownPage(page)
    copyBytes(bytes, offset, part, from, to)
    const position = page * pageBytes
    if (this.contentIndex === undefined) {
      const index = this.contents?.contentAt(position, bytes, 0)
      if (index !== undefined) this.recognise(index)
    }
    const isContent = position < this.content.length && isPageOf(this.content, position, bytes, 0)
    if (isContent) this.setState(page, known)
    else this.setOwn(page, bytes)
  }

  /** Own bytes of a page that may be changed, made from what it shows. */
  private ownPage(page: number): Uint8Array {
    const existing = this.ownPages.get(page)
    if (existing !== undefined && (this.flagsOf(page) & isShared) === 0) return existing
    const flags = this.flagsOf(page)
    const bytes = new Uint8Array(pageBytes)
    this.copyOut(this.stateOf(page), page * pageBytes, (page + 1) * pageBytes, bytes, 0)
    this.setOwn(page, bytes)
    this.flags[page] = flags & ~isShared
    return bytes
  }

  private setOwn(page: number, bytes: Uint8Array): void {
    this.setState(page, own)
    this.ownPages.set(page, bytes)
  }

  /** Marks it as not on the disk. */
  private setState(page: number, state: number): void {
    if (page >= this.states.length) {
      const length = Math.max(page + 1, 2 * this.states.length, Math.ceil(this.lengthBytes / pageBytes))
      this.states = grown(this.states, length)
      this.flags = grown(this.flags, length)
      const writtenAfter = new Uint32Array(length)
      writtenAfter.set(this.writtenAfter)
      this.writtenAfter = writtenAfter
    }
    const before = this.states[page] as number
    if (before === own && state !== own) this.ownPages.delete(page)
    const added = (state === hole ? 0 : 1) - (before === hole ? 0 : 1)
    this.allocatedPages += added
    this.space.usedPages += added
    this.states[page] = state
    this.flags[page] = isDirty
    this.writtenAfter[page] = this.syncCount
  }

  /** What is past the end of the known content is zeros. */
  private copyOut(state: number, from: number, to: number, target: Uint8Array, offset: number): void {
    if (state === own) {
      const page = Math.floor(from / pageBytes)
      const start = page * pageBytes
      copyBytes(target, offset, this.ownPages.get(page) as Uint8Array, from - start, to - start)
      return
    }
    const end = state === known ? Math.max(from, Math.min(to, this.content.length)) : from
    if (end > from) copyBytes(target, offset, this.content, from, end)
    if (end < to) target.fill(0, offset + end - from, offset + to - from)
  }

  private setDurable(page: number, state: number, bytes: Uint8Array | undefined): void {
    if (page >= this.durableStates.length) this.durableStates = grown(this.durableStates, this.states.length)
    this.durableStates[page] = state
    if (bytes === undefined) this.durablePages.delete(page)
    else this.durablePages.set(page, bytes)
  }

  /** A copy of what the disk has. */
  private durablePage(page: number): Uint8Array {
    const bytes = new Uint8Array(pageBytes)
    const state = this.durableStateOf(page)
    if (state === own) bytes.set(this.durablePages.get(page) as Uint8Array)
    else this.copyOut(state, page * pageBytes, (page + 1) * pageBytes, bytes, 0)
    return bytes
  }

  /** All that is shown is on the disk. */
  private settle(): void {
    this.durableLengthBytes = this.lengthBytes
    this.durableModifiedMs = this.modifiedMs
    this.durableStates = this.states.slice()
    this.durablePages = new Map(this.ownPages)
    this.lastSynced = this.syncCount
    this.flags.fill(0)
    for (const page of this.ownPages.keys()) this.flags[page] = isShared
  }
}

function grown(bytes: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(length)
  longer.set(bytes)
  return longer
}
