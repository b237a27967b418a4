// The body of an HTTP answer on its way into a sink: inflated where it was deflated, in parts the sink has room for.
// Guarantees: what is too large ends the request as soon as it is seen to be, after decompression (S14), and little is
// inflated ahead; silence ends it, unless the sink itself asked for it; onBodyEnd comes last and once, never from
// inside a call. Owns the answer and its connection until then.
import type { Readable, Transform } from 'node:stream'
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { type Failure, failure } from '../base/errors.ts'
import type { HttpBodySink } from '../ports/http.ts'
import { connectionFailure, systemErrorCode } from './network-failure.ts'
import { plainBytes } from './plain-bytes.ts'

export interface BodyLimits {
  readonly maxBodyBytes: number
  readonly idleTimeoutMs: number
  /** Of the steady clock. */
  readonly deadlineMs: number
}

/** An answer of Node's client, or what is as good. */
export type BodySource = Readable & { readonly complete: boolean; readonly socket?: { destroy(): unknown } }

export type ContentCoding = 'identity' | 'gzip' | 'deflate'

/** Of a `content-encoding` header; undefined for what was not asked for. */
export function parseContentCoding(text: string | undefined): ContentCoding | undefined {
  const coding = text?.trim().toLowerCase() ?? ''
  if (coding === '' || coding === 'identity') return 'identity'
  if (coding === 'gzip' || coding === 'x-gzip') return 'gzip'
  return coding === 'deflate' ? 'deflate' : undefined
}

/** What went wrong with an answer, by what Node calls it. */
export function answerFailure(error: unknown, place: string): Failure {
  const code = systemErrorCode(error)
  if (code === 'HPE_HEADER_OVERFLOW') return failure('http-too-large', `${place}: the head of the answer is too large`)
  if (code.startsWith('HPE_') || code.startsWith('ERR_HTTP')) return failure('http-malformed', `${place}: not HTTP`)
  if (code.startsWith('Z_')) return failure('http-malformed', `${place}: compressed badly`)
  return connectionFailure(error, place)
}

const inflateOptions = { chunkSize: 65_536 }

/** "deflate" is meant to have a zlib header, but some servers send it without. */
function inflaterFor(firstByte: number): Transform {
  return (firstByte & 0x0f) === 8 ? createInflate(inflateOptions) : createInflateRaw(inflateOptions)
}

export class HttpBody {
  private readonly coding: ContentCoding
  private readonly incoming: BodySource
  private readonly place: string
  private readonly limits: BodyLimits
  private readonly sink: HttpBodySink
  private readonly signal: AbortSignal
  private source: Readable | undefined
  private receivedBytes = 0
  private isWaiting = true
  private hasEnded = false
  private idleTimer: NodeJS.Timeout | undefined
  private totalTimer: NodeJS.Timeout | undefined

  constructor(
    coding: ContentCoding,
    incoming: BodySource,
    place: string,
    limits: BodyLimits,
    sink: HttpBodySink,
    signal: AbortSignal,
  ) {
    this.coding = coding
    this.incoming = incoming
    this.place = place
    this.limits = limits
    this.sink = sink
    this.signal = signal
  }

  start(): void {
    const { coding } = this
    const { idleTimeoutMs, deadlineMs } = this.limits
    if (this.signal.aborted) this.abort()
    if (this.hasEnded) return
    this.signal.addEventListener('abort', this.onAbort, { once: true })
    this.idleTimer = setTimeout(() => this.onIdle(), idleTimeoutMs)
    this.totalTimer = setTimeout(
      () => this.end(failure('timed-out', `${this.place}: not complete in time`)),
      Math.max(deadlineMs - performance.now(), 0),
    )
    const { incoming } = this
    incoming.on('error', (error) => this.end(answerFailure(error, this.place)))
    incoming.once('close', () => this.onIncomingClose())
    if (incoming.errored) this.end(answerFailure(incoming.errored, this.place))
    else if (incoming.destroyed) this.onIncomingClose()
    if (this.hasEnded) return
    if (coding === 'identity') this.take(incoming)
    else this.startInflating(coding)
  }

  resume(): void {
    if (this.isWaiting || this.hasEnded) return
    this.wait()
    setImmediate(() => this.pass())
  }

  abort(): void {
    this.close(failure('interrupted', `${this.place}: no longer asked for`), setImmediate)
  }

  private readonly onAbort = () => this.abort()

  private onIncomingClose(): void {
    if (!this.incoming.complete) this.end(failure('connection-failed', `${this.place}: the answer was cut off`))
  }

  /** With the first bytes, as nothing at all is no compressed body but an empty one. */
  private startInflating(coding: 'gzip' | 'deflate'): void {
    const { incoming } = this
    const begin = () => {
      const first = incoming.read() as Uint8Array | null
      if (first === null) return
      incoming.off('readable', begin)
      incoming.unshift(first)
      this.take(incoming.pipe(coding === 'gzip' ? createGunzip(inflateOptions) : inflaterFor(first[0] as number)))
    }
    incoming.on('readable', begin)
    incoming.once('end', () => {
      if (this.source === undefined) this.end(undefined)
    })
  }

  private take(source: Readable): void {
    if (this.hasEnded) return
    this.source = source
    if (source !== this.incoming) source.on('error', (error) => this.end(answerFailure(error, this.place)))
    source.on('readable', () => this.pass())
    source.once('end', () => this.end(undefined))
  }

  /** Hands on what is there and the sink has room for. */
  private pass(): void {
    const { source, sink } = this
    while (source !== undefined && !this.hasEnded) {
      const available = source.readableLength
      if (available === 0) {
        // Asks for more, and lets a body that is over end.
        source.read(0)
        this.wait()
        return
      }
      const allowedBytes = sink.allowedBytes()
      if (allowedBytes < 1) {
        this.isWaiting = false
        return
      }
      const bytes = source.read(Math.min(available, allowedBytes)) as Buffer | null
      if (bytes === null) return
      this.receivedBytes += bytes.length
      if (this.receivedBytes > this.limits.maxBodyBytes) {
        this.end(failure('http-too-large', `${this.place}: more than ${this.limits.maxBodyBytes} bytes`))
      } else {
        sink.onBody(plainBytes(bytes))
      }
    }
  }

  private wait(): void {
    this.isWaiting = true
    this.idleTimer?.refresh()
  }

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
    this.source?.destroy()
    this.incoming.destroy()
    this.incoming.socket?.destroy()
    when(() => this.sink.onBodyEnd(reason))
  }
}
