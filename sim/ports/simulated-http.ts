// Web servers and names of a simulation: each server is a function at an address and port, each name a list of
// addresses. Guarantees: answers come after the latency, never from inside; aborted requests are never answered.

import { type Failure, failure, type Result, success } from '../../src/base/errors.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import type { Http, HttpBodySink, HttpRequest, HttpResponse, HttpStream } from '../../src/ports/http.ts'
import type { Resolver } from '../../src/ports/resolver.ts'
import type { SimulatedClock } from './simulated-clock.ts'

/**
 * Undefined: the server never answers. Headers have lower-case names, `host` among them; `from` is the address of
 * whoever asks.
 */
export type SimulatedServer = (request: HttpRequest, url: URL, from: string) => SimulatedAnswer | undefined

/** How a body is sent, where it is not at once. */
export interface SimulatedAnswer extends HttpResponse {
  readonly bytesPerSecond?: number
  /** Nothing comes after so many bytes: the connection breaks, or it just stops. */
  readonly cutAfterBytes?: number
  readonly stallsAfterBytes?: number
  /** Told of each part that was taken. */
  readonly onSent?: (lengthBytes: number) => void
}

const maxPartBytes = 65_536
/** Of a server with a rate. */
const pacedPartBytes = 8_192
const interrupted = failure('interrupted', 'asked to stop')

export class SimulatedWeb {
  private readonly clock: SimulatedClock
  private readonly latencyMs: number
  private readonly servers = new Map<string, SimulatedServer>()
  private readonly names = new Map<string, readonly string[]>()

  constructor(clock: SimulatedClock, latencyMs: number) {
    this.clock = clock
    this.latencyMs = latencyMs
  }

  serve(address: string, port: number, server: SimulatedServer): void {
    this.servers.set(`${address}|${port}`, server)
  }

  /** The server vanishes: connections to it are refused. */
  stop(address: string, port: number): void {
    this.servers.delete(`${address}|${port}`)
  }

  name(name: string, addresses: readonly string[]): void {
    this.names.set(name, addresses)
  }

  resolver(): Resolver {
    return {
      resolve: async (name, family, signal) => {
        const addresses = parseAddress(name.replace(/^\[(.*)\]$/, '$1')) === undefined ? this.names.get(name) : [name]
        await this.pause()
        if (signal.aborted) return failure('interrupted', 'asked to stop')
        const found = (addresses ?? [])
          .map((address) => parseAddress(address.replace(/^\[(.*)\]$/, '$1')))
          .filter((address) => address !== undefined)
          .filter((address) => family === 'any' || address.family === family)
        return found.length > 0 ? success(found) : failure('name-unknown', `no address of ${name}`)
      },
    }
  }

  /** The outgoing HTTP of the machine at `from`. */
  http(from: string): Http {
    const stream: Http['stream'] = async (request, sink, signal) => {
      const answer = await this.ask(request, signal, request.localAddress ?? from)
      return answer.ok ? success(this.streamBody(answer.value, request, sink, signal)) : answer
    }
    return {
      fetch: (request, signal) => this.ask(request, signal, request.localAddress ?? from),
      stream,
      openLine: () => ({ stream, close: () => undefined }),
    }
  }

  private async ask(request: HttpRequest, signal: AbortSignal, from: string): Promise<Result<SimulatedAnswer>> {
    const url = URL.canParse(request.url) ? new URL(request.url) : undefined
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') return failure('http-malformed', 'no URL of http')
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
    await this.pause()
    if (signal.aborted) return interrupted
    const server = request.addresses.map(({ address }) => this.servers.get(`${address}|${port}`)).find((one) => one)
    if (server === undefined) return failure('connection-failed', 'refused')
    const answer = server(asSent(request, url), url, from)
    if (answer === undefined) {
      await new Promise<void>((resolve) => {
        this.clock.after(Math.min(request.idleTimeoutMs, request.totalTimeoutMs), resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      return signal.aborted ? interrupted : failure('timed-out', 'no answer')
    }
    await this.pause()
    if (signal.aborted) return interrupted
    if (answer.body.length > request.maxBodyBytes) return failure('http-too-large', 'over the limit')
    return success({ ...answer, headers: lowerCased(answer.headers) })
  }

  /** The body in parts as large as is allowed, each overwritten after it was told. */
  private streamBody(
    answer: SimulatedAnswer,
    { idleTimeoutMs }: HttpRequest,
    sink: HttpBodySink,
    signal: AbortSignal,
  ): HttpStream {
    const { status, headers, body, bytesPerSecond = Number.POSITIVE_INFINITY } = answer
    const { cutAfterBytes = Number.POSITIVE_INFINITY, stallsAfterBytes = Number.POSITIVE_INFINITY } = answer
    const end = Math.min(body.length, cutAfterBytes, stallsAfterBytes)
    let offset = 0
    let isHeld = false
    let isOver = false
    const finish = (failed: Failure | undefined) => {
      if (isOver) return
      isOver = true
      // A call that ends the stream may have come from inside one of the sink's.
      this.clock.after(0, () => sink.onBodyEnd(failed))
    }
    const partBytes = bytesPerSecond === Number.POSITIVE_INFINITY ? maxPartBytes : pacedPartBytes
    const deliver = () => {
      while (!isOver && offset < end) {
        const allowedBytes = Math.floor(Math.min(sink.allowedBytes(), partBytes, end - offset))
        if (isOver) return
        if (allowedBytes <= 0) {
          isHeld = true
          return
        }
        const part = body.slice(offset, offset + allowedBytes)
        offset += part.length
        answer.onSent?.(part.length)
        sink.onBody(part)
        part.fill(0xee)
        if (partBytes === maxPartBytes) continue
        this.clock.after((1_000 * part.length) / bytesPerSecond, deliver)
        return
      }
      if (isOver) return
      if (stallsAfterBytes < body.length && offset >= stallsAfterBytes) {
        this.clock.after(idleTimeoutMs, () => finish(failure('timed-out', 'silent')))
      } else finish(offset < body.length ? failure('connection-failed', 'the answer was cut off') : undefined)
    }
    const abort = () => finish(interrupted)
    signal.addEventListener('abort', abort, { once: true })
    this.clock.after(this.latencyMs, deliver)
    return {
      status,
      headers,
      resume: () => {
        if (!isHeld) return
        isHeld = false
        this.clock.after(0, deliver)
      },
      abort,
    }
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(this.latencyMs, resolve))
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** A request as it comes to the server: with its host, and the credentials of its URL. */
function asSent(request: HttpRequest, { host, username, password }: URL): HttpRequest {
  const credentials = btoa(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
  const authorization = username === '' && password === '' ? {} : { authorization: `Basic ${credentials}` }
  return { ...request, headers: { ...lowerCased(request.headers), host, ...authorization } }
}
