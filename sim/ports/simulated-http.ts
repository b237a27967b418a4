// Web servers and names of a simulation: each server is a function at an address and port, each name a list of
// addresses. Guarantees: answers come after the latency, never from inside; aborted requests are never answered.

import { failure, type Result, success } from '../../src/base/errors.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import type { Http, HttpRequest, HttpResponse } from '../../src/ports/http.ts'
import type { Resolver } from '../../src/ports/resolver.ts'
import type { SimulatedClock } from './simulated-clock.ts'

/** Undefined: the server never answers. `from` is the address of whoever asks. */
export type SimulatedServer = (request: HttpRequest, url: URL, from: string) => HttpResponse | undefined

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
    return {
      fetch: (request, signal) => this.fetch(request, signal, from),
      stream: async () => failure('connection-failed', 'this simulation has no streamed answers'),
    }
  }

  private async fetch(request: HttpRequest, signal: AbortSignal, from: string): Promise<Result<HttpResponse>> {
    const url = new URL(request.url)
    const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
    await this.pause()
    if (signal.aborted) return failure('interrupted', 'asked to stop')
    const server = request.addresses.map(({ address }) => this.servers.get(`${address}|${port}`)).find((one) => one)
    if (server === undefined) return failure('connection-failed', 'refused')
    const answer = server(request, url, from)
    if (answer === undefined) {
      await new Promise<void>((resolve) => {
        this.clock.after(request.totalTimeoutMs, resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
      return signal.aborted ? failure('interrupted', 'asked to stop') : failure('timed-out', 'no answer')
    }
    await this.pause()
    if (signal.aborted) return failure('interrupted', 'asked to stop')
    return answer.body.length <= request.maxBodyBytes ? success(answer) : failure('http-too-large', 'over the limit')
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(this.latencyMs, resolve))
  }
}
