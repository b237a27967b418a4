// The body of an answer in plaintext on its way into a sink, from an HttpExchange: as HttpBody does it for answers of
// Node's client, without a copy. Guarantees: as of HttpBody. Owns the exchange until then.
import { Readable } from 'node:stream'
import { type Failure, failure } from '../base/errors.ts'
import type { HttpBodySink } from '../ports/http.ts'
import type { BodyLimits } from './http-body.ts'
import type { BodyTaker, HttpExchange } from './http-exchange.ts'

export class PlainHttpBody implements BodyTaker {
  private readonly exchange: HttpExchange
  private readonly place: string
  private readonly limits: BodyLimits
  private readonly sink: HttpBodySink
  private readonly signal: AbortSignal
  private receivedBytes = 0
  /** For the server, and not for the sink. */
  private isWaiting = true
  private hasEnded = false
  private idleTimer: NodeJS.Timeout | undefined
  private totalTimer: NodeJS.Timeout | undefined

  constructor(exchange: HttpExchange, place: string, limits: BodyLimits, sink: HttpBodySink, signal: AbortSignal) {
    this.exchange = exchange
    this.place = place
    this.limits = limits
    this.sink = sink
    this.signal = signal
  }

  start(): void {
    const { idleTimeoutMs, deadlineMs } = this.limits
    if (this.signal.aborted) this.abort()
    if (this.hasEnded) return
    this.signal.addEventListener('abort', this.onAbort, { once: true })
    this.idleTimer = setTimeout(() => this.onIdle(), idleTimeoutMs)
    this.totalTimer = setTimeout(
      () => this.end(failure('timed-out', `${this.place}: not complete in time`)),
      Math.max(deadlineMs - performance.now(), 0),
    )
    this.exchange.start(this)
  }

  resume(): void {
    if (this.isWaiting || this.hasEnded) return
    this.isWaiting = true
    this.idleTimer?.refresh()
    setImmediate(() => this.exchange.goOn())
  }

  abort(): void {
    this.close(failure('interrupted', `${this.place}: no longer asked for`), setImmediate)
  }

  allowedBytes(): number {
    if (this.hasEnded) return 0
    const allowedBytes = this.sink.allowedBytes()
    this.isWaiting = allowedBytes > 0
    return allowedBytes
  }

  onBody(bytes: Uint8Array): void {
    if (this.hasEnded) return
    this.idleTimer?.refresh()
    this.receivedBytes += bytes.length
    if (this.receivedBytes <= this.limits.maxBodyBytes) this.sink.onBody(bytes)
    else this.end(failure('http-too-large', `${this.place}: more than ${this.limits.maxBodyBytes} bytes`))
  }

  onBodyEnd(reason: Failure | undefined): void {
    this.end(reason)
  }

  private readonly onAbort = () => this.abort()

  private onIdle(): void {
    if (this.isWaiting) this.end(failure('timed-out', `${this.place}: silent for ${this.limits.idleTimeoutMs} ms`))
  }

  private end(reason: Failure | undefined): void {
    this.close(reason, (tell) => tell())
  }

  private close(reason: Failure | undefined, when: (tell: () => void) => void): void {
    if (this.hasEnded) return
    this.hasEnded = true
    clearTimeout(this.idleTimer)
    clearTimeout(this.totalTimer)
    this.signal.removeEventListener('abort', this.onAbort)
    this.exchange.drop()
    when(() => this.sink.onBodyEnd(reason))
  }
}

/** The body as Node has bodies, for what is compressed: see HttpBody. */
export class ExchangeReadable extends Readable implements BodyTaker {
  /** It came whole. */
  complete = false
  private readonly exchange: HttpExchange
  private isFull = false
  private hasBegun = false

  constructor(exchange: HttpExchange) {
    super()
    this.exchange = exchange
  }

  override _read(): void {
    if (!this.hasBegun) {
      this.hasBegun = true
      setImmediate(() => this.exchange.start(this))
    } else if (this.isFull) {
      this.isFull = false
      setImmediate(() => this.exchange.goOn())
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.exchange.drop()
    done(error)
  }

  allowedBytes(): number {
    return this.isFull ? 0 : this.readableHighWaterMark
  }

  onBody(bytes: Uint8Array): void {
    this.isFull = !this.push(bytes.slice())
  }

  onBodyEnd(reason: Failure | undefined): void {
    this.complete = reason === undefined
    if (reason === undefined) this.push(null)
    else this.destroy(Object.assign(new Error(reason.detail), { code: nodeCodeOf(reason) }))
  }
}

/** As Node's client calls it. */
function nodeCodeOf({ code }: Failure): string {
  if (code === 'http-malformed') return 'HPE_INVALID_CONSTANT'
  return code === 'http-too-large' ? 'HPE_HEADER_OVERFLOW' : 'ECONNRESET'
}
