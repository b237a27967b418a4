// What bounds the body of an HTTP answer, whichever way it comes: its size, its time as a whole, silence that the sink did
// not ask for, and whoever no longer wants it. Guarantees: onBodyEnd comes once, after `release`, and not from inside a
// call of the sink's owner. Owned by its body.
import { type Failure, failure } from '../base/errors.ts'
import type { HttpBodySink } from '../ports/http.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly idleTimeoutMs: number
  /** Of the steady clock. */
  readonly deadlineMs: number
}

/** Whose body it is, and how much of it there may be. */
export interface BodyTerms {
  /** Of the server, for failures. */
  readonly place: string
  readonly limits: BodyLimits
  readonly sink: HttpBodySink
  readonly signal: AbortSignal
}

export class BodyGuard {
  readonly terms: BodyTerms
  private readonly release: () => void
  private receivedBytes = 0
  private isOver = false
  /** For the server, and not for the sink. */
  private waits = true
  private idleTimer: NodeJS.Timeout | undefined
  private totalTimer: NodeJS.Timeout | undefined

  /** `release` gives up what the body comes from. */
  constructor(terms: BodyTerms, release: () => void) {
    this.terms = terms
    this.release = release
  }

  get hasEnded(): boolean {
    return this.isOver
  }

  get isWaiting(): boolean {
    return this.waits
  }

  /** False: it is not wanted any more, and has ended. */
  begin(): boolean {
    const { signal, limits } = this.terms
    if (signal.aborted) this.abort()
    if (this.isOver) return false
    signal.addEventListener('abort', this.onAbort, { once: true })
    this.idleTimer = setTimeout(() => this.onIdle(), limits.idleTimeoutMs)
    const leftMs = Math.max(limits.deadlineMs - performance.now(), 0)
    this.totalTimer = setTimeout(() => this.fail('timed-out', 'not complete in time'), leftMs)
    return true
  }

  /** From now on it is the server that is waited for. */
  wait(): void {
    this.waits = true
    this.idleTimer?.refresh()
  }

  /** What the sink has room for; with none the server may be silent. */
  allowedBytes(): number {
    const allowedBytes = this.isOver ? 0 : this.terms.sink.allowedBytes()
    this.waits = allowedBytes >= 1
    return this.waits ? allowedBytes : 0
  }

  /** Hands on what has come, unless it is too much. */
  onBody(bytes: Uint8Array): void {
    if (this.isOver) return
    const { limits, sink } = this.terms
    this.idleTimer?.refresh()
    this.receivedBytes += bytes.length
    if (this.receivedBytes <= limits.maxBodyBytes) sink.onBody(bytes)
    else this.fail('http-too-large', `more than ${limits.maxBodyBytes} bytes`)
  }

  end(reason: Failure | undefined): void {
    this.close(reason, (tell) => tell())
  }

  abort(): void {
    this.close(failure('interrupted', `${this.terms.place}: no longer asked for`), setImmediate)
  }

  private readonly onAbort = () => this.abort()

  private onIdle(): void {
    if (this.waits) this.fail('timed-out', `silent for ${this.terms.limits.idleTimeoutMs} ms`)
  }

  private fail(code: 'timed-out' | 'http-too-large', detail: string): void {
    this.end(failure(code, `${this.terms.place}: ${detail}`))
  }

  private close(reason: Failure | undefined, when: (tell: () => void) => void): void {
    if (this.isOver) return
    this.isOver = true
    clearTimeout(this.idleTimer)
    clearTimeout(this.totalTimer)
    this.terms.signal.removeEventListener('abort', this.onAbort)
    this.release()
    when(() => this.terms.sink.onBodyEnd(reason))
  }
}
