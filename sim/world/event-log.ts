// What happened in a simulated world, a line an event, in order: the proof that a seed repeats a run to the byte.
// Owns the lines; its digest is of all of them, kept or not.
import { fromUtf8, toHex } from '../../src/base/bytes.ts'
import { runningHash } from '../../src/base/hash.ts'

export class EventLog {
  private readonly hash = runningHash('sha256')
  private readonly keep: ((line: string) => void) | undefined
  lineCount = 0

  /** `keep` is given each line as it is written. */
  constructor(keep?: (line: string) => void) {
    this.keep = keep
  }

  write(nowMs: number, who: string, what: string): void {
    const line = `${nowMs.toFixed(3)} ${who} ${what}`
    this.lineCount++
    this.hash.update(fromUtf8(`${line}\n`))
    this.keep?.(line)
  }

  /** Ends the log: SHA-256 of its lines, in hexadecimal. */
  digest(): string {
    return toHex(this.hash.digest())
  }
}
