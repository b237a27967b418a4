// The body of an HTTP answer on its way into a sink: inflated where it was deflated, in parts the sink has room for.
// Guarantees: what is too large ends the request as soon as it is seen to be, after decompression (S14), and little is
// inflated ahead; silence ends it, unless the sink itself asked for it; onBodyEnd comes last and once, never from
// inside a call. Owns the answer and its connection until then.
import type { Readable, Transform } from 'node:stream'
import { createGunzip, createInflate, createInflateRaw } from 'node:zlib'
import { type Failure, failure } from '../base/errors.ts'
import { BodyGuard, type BodyTerms } from './http-body-guard.ts'
import { connectionFailure, systemErrorCode } from './network-failure.ts'
import { plainBytes } from './plain-bytes.ts'

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
  private readonly guard: BodyGuard
  private source: Readable | undefined

  constructor(coding: ContentCoding, incoming: BodySource, terms: BodyTerms) {
    this.coding = coding
    this.incoming = incoming
    this.guard = new BodyGuard(terms, () => {
      this.source?.destroy()
      incoming.destroy()
      incoming.socket?.destroy()
    })
  }

  start(): void {
    const { coding, guard, incoming } = this
    if (!guard.begin()) return
    incoming.on('error', (error) => this.onError(error))
    incoming.once('close', () => this.onIncomingClose())
    if (incoming.errored) this.onError(incoming.errored)
    else if (incoming.destroyed) this.onIncomingClose()
    if (guard.hasEnded) return
    if (coding === 'identity') this.take(incoming)
    else this.startInflating(coding)
  }

  resume(): void {
    if (this.guard.isWaiting || this.guard.hasEnded) return
    this.guard.wait()
    setImmediate(() => this.pass())
  }

  abort(): void {
    this.guard.abort()
  }

  private onError(error: unknown): void {
    this.guard.end(answerFailure(error, this.guard.terms.place))
  }

  private onIncomingClose(): void {
    const { place } = this.guard.terms
    if (!this.incoming.complete) this.guard.end(failure('connection-failed', `${place}: the answer was cut off`))
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
      if (this.source === undefined) this.guard.end(undefined)
    })
  }

  private take(source: Readable): void {
    if (this.guard.hasEnded) return
    this.source = source
    if (source !== this.incoming) source.on('error', (error) => this.onError(error))
    source.on('readable', () => this.pass())
    source.once('end', () => this.guard.end(undefined))
  }

  /** Hands on what is there and the sink has room for. */
  private pass(): void {
    const { source, guard } = this
    while (source !== undefined && !guard.hasEnded) {
      const available = source.readableLength
      if (available === 0) {
        // Asks for more, and lets a body that is over end.
        source.read(0)
        guard.wait()
        return
      }
      const allowedBytes = guard.allowedBytes()
      if (allowedBytes === 0) return
      const bytes = source.read(Math.min(available, allowedBytes)) as Buffer | null
      if (bytes === null) return
      guard.onBody(plainBytes(bytes))
    }
  }
}
