// The body of an answer in plaintext on its way into a sink, from an HttpExchange: as HttpBody does it for answers of
// Node's client, without a copy. Guarantees: as of HttpBody. Owns the exchange until then.
import { Readable } from 'node:stream'
import type { Failure } from '../base/errors.ts'
import { BodyGuard, type BodyTerms } from './http-body-guard.ts'
import type { BodyTaker, HttpExchange } from './http-exchange.ts'

export class PlainHttpBody implements BodyTaker {
  private readonly exchange: HttpExchange
  private readonly guard: BodyGuard

  constructor(exchange: HttpExchange, terms: BodyTerms) {
    this.exchange = exchange
    this.guard = new BodyGuard(terms, () => exchange.drop())
  }

  start(): void {
    if (this.guard.begin()) this.exchange.start(this)
  }

  resume(): void {
    if (this.guard.isWaiting || this.guard.hasEnded) return
    this.guard.wait()
    setImmediate(() => this.exchange.goOn())
  }

  abort(): void {
    this.guard.abort()
  }

  allowedBytes(): number {
    return this.guard.allowedBytes()
  }

  onBody(bytes: Uint8Array): void {
    this.guard.onBody(bytes)
  }

  onBodyEnd(reason: Failure | undefined): void {
    this.guard.end(reason)
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
