// The way of a torrent's pieces to its files, which can be held while files are moved, and fails as a whole.
// Guarantees: no write begins while held, nor after one failed until it is told to go on; each is answered once.
import type { Failure } from '../base/errors.ts'
import type { ContentFiles } from './content-files.ts'
import type { WriteDone } from './file-pool.ts'

export class WriteGate {
  private readonly files: ContentFiles
  private readonly onFailed: (failure: Failure) => void
  private readonly waiting: (() => void)[] = []
  private readonly quiet: (() => void)[] = []
  private holdCount = 0
  private writeCount = 0
  private lastFailure: Failure | undefined
  private hasWritten = false
  private readonly onFirstWritten: () => void

  /** `onFailed` is called for the first write that fails until `goOn`, `onFirstWritten` once after the first. */
  constructor(files: ContentFiles, onFailed: (failure: Failure) => void, onFirstWritten: () => void) {
    this.files = files
    this.onFailed = onFailed
    this.onFirstWritten = onFirstWritten
  }

  /** Why nothing is written now. */
  get failure(): Failure | undefined {
    return this.lastFailure
  }

  /** See ContentFiles.write. */
  write(start: number, bytes: Uint8Array, done: WriteDone): void {
    if (this.holdCount > 0) {
      this.waiting.push(() => this.write(start, bytes, done))
      return
    }
    this.writeCount++
    this.files.write(start, bytes, (failure) => {
      if (failure !== undefined) this.fail(failure)
      else if (!this.hasWritten) {
        this.hasWritten = true
        this.onFirstWritten()
      }
      done(failure)
      this.writeCount--
      if (this.writeCount === 0) for (const resolve of this.quiet.splice(0)) resolve()
    })
  }

  /** Something else failed that writing depends on. */
  fail(failure: Failure): void {
    if (this.lastFailure !== undefined) return
    this.lastFailure = failure
    this.onFailed(failure)
  }

  /** Writes may be tried again. */
  goOn(): void {
    this.lastFailure = undefined
  }

  /** Runs `action` while no write is under way. */
  async whileHeld<T>(action: () => Promise<T>): Promise<T> {
    this.holdCount++
    if (this.writeCount > 0) await new Promise<void>((resolve) => void this.quiet.push(resolve))
    const result = await action()
    this.holdCount--
    if (this.holdCount === 0) for (const begin of this.waiting.splice(0)) begin()
    return result
  }
}
