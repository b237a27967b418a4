// One file or folder of a simulated disk: what the system shows of it, and what the disk holds of it.
// Guarantees: pages that a failed sync gave up stay as the disk has them until they are written again. Owned by its disk.
import { equalBytes } from '../../src/base/bytes.ts'
import type { FileStatus } from '../../src/ports/files.ts'
import type { Random } from '../../src/ports/random.ts'

export const pageBytes = 4096

export class FileNode {
  kind: FileStatus['kind']
  bytes: Uint8Array = new Uint8Array(0)
  modifiedMs = 0
  /** Pages that take space, by number. */
  readonly pages = new Set<number>()
  private durable: Uint8Array = new Uint8Array(0)
  private durableModifiedMs = 0
  /** Pages a failed sync gave up: no later one brings them to the disk, until they are written again. */
  private readonly givenUp = new Set<number>()

  constructor(kind: FileStatus['kind']) {
    this.kind = kind
  }

  status(): FileStatus {
    return {
      kind: this.kind,
      lengthBytes: this.bytes.length,
      allocatedBytes: this.pages.size * pageBytes,
      modifiedMs: this.modifiedMs,
    }
  }

  /** All of it at once, on the disk. */
  put(content: Uint8Array, atMs: number): void {
    this.bytes = content.slice()
    this.durable = content.slice()
    this.modifiedMs = atMs
    this.durableModifiedMs = atMs
    this.pages.clear()
    this.givenUp.clear()
    for (let page = 0; page * pageBytes < content.length; page++) this.pages.add(page)
  }

  /** Writes what there is room for; false: not all of it. `takePage` says whether there is room for one page more. */
  write(position: number, part: Uint8Array, takePage: () => boolean): boolean {
    if (part.length === 0) return true
    const end = position + part.length
    for (let page = Math.floor(position / pageBytes); page * pageBytes < end; page++) {
      if (!this.pages.has(page) && !takePage()) return false
      this.pages.add(page)
      this.givenUp.delete(page)
    }
    if (end > this.bytes.length) this.resize(end)
    this.bytes.set(part, position)
    return true
  }

  resize(lengthBytes: number): void {
    const resized = new Uint8Array(lengthBytes)
    resized.set(this.bytes.subarray(0, lengthBytes))
    this.bytes = resized
    for (const page of this.pages) if (page * pageBytes >= lengthBytes) this.pages.delete(page)
  }

  /** Brings to the disk what was shown at some moment. */
  sync(shown: Uint8Array, modifiedMs: number): void {
    const durable = shown.slice()
    for (const page of this.givenUp) {
      const start = page * pageBytes
      const end = Math.min(start + pageBytes, durable.length)
      durable.fill(0, start, end)
      durable.set(this.durable.subarray(start, end), start)
    }
    this.durable = durable
    this.durableModifiedMs = modifiedMs
  }

  failSync(): void {
    for (const page of this.pages) {
      const start = page * pageBytes
      const end = start + pageBytes
      if (!equalBytes(this.bytes.subarray(start, end), this.durable.subarray(start, end))) this.givenUp.add(page)
    }
  }

  /** The power goes: of what the disk was not told to keep, each page is there or not. */
  losePower(random: Random): void {
    const isLong = this.bytes.length >= this.durable.length || random.below(2) === 0
    const kept = new Uint8Array(isLong ? this.bytes.length : this.durable.length)
    kept.set(this.durable.subarray(0, kept.length))
    for (let start = 0; start < kept.length; start += pageBytes) {
      if (random.below(2) === 0) kept.set(this.bytes.subarray(start, Math.min(start + pageBytes, kept.length)), start)
    }
    this.bytes = kept
    this.durable = kept.slice()
    if (random.below(2) === 0) this.modifiedMs = this.durableModifiedMs
    this.durableModifiedMs = this.modifiedMs
  }
}
