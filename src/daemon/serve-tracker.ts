// A tracker on the network: TrackerServer behind HTTP and UDP, on the same port of each address.
// Guarantees: this machine only unless other addresses are named; requests are capped in size, time and number of
// connections; nothing is listening any more once `close` has returned. Owns its sockets and its sweep timer.
import { type Result, success } from '../base/errors.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import { clampInterval, usualIntervalSeconds } from '../formats/tracker/announce.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { newHashKey } from '../tracker/keyed-hash.ts'
import type { Metric } from '../tracker/metric.ts'
import { TrackerServer } from '../tracker/tracker-server.ts'
import { UdpTracker } from '../tracker/udp-tracker.ts'
import { listenTracker } from './listen-tracker.ts'
import { TrackerHttp } from './tracker-http.ts'

export interface TrackerServiceOptions {
  /** 0 takes any port that is free on all addresses. */
  readonly port: number
  /** IP addresses to listen on; this machine's own where none is named. */
  readonly addresses?: readonly string[]
  /** Seconds between a peer's announces, brought within 10 to 86,400. */
  readonly intervalSeconds?: number
  readonly isBehindProxy?: boolean
  /** Pages for the operator are for everybody. */
  readonly arePagesOpen?: boolean
}

export interface TrackerService {
  /** `http` and `udp` for each address, in the order they were named. */
  readonly urls: readonly string[]
  readonly port: number
  close(): Promise<void>
}

const sweepIntervalMs = 1_000

/** Starts a tracker. Errors: address-in-use, address-unavailable. */
export async function serveTracker(options: TrackerServiceOptions): Promise<Result<TrackerService>> {
  const { isBehindProxy = false, arePagesOpen = false } = options
  const random = systemRandom()
  const clock = systemClock()
  const intervalSeconds = clampInterval(options.intervalSeconds ?? usualIntervalSeconds)
  const tracker = new TrackerServer({ random, intervalSeconds })
  const udp = new UdpTracker(tracker, { key: newHashKey(random) })
  const metrics = (): readonly Metric[] => [...tracker.metrics(), ...udp.metrics(), ...http.metrics()]
  const http = new TrackerHttp({ clock, tracker, isBehindProxy, arePagesOpen, metrics })
  const handlers = {
    answer: http.answer.bind(http),
    answerDatagram: (bytes: Uint8Array, from: { readonly family: 4 | 6; readonly address: string }) =>
      udp.answer(bytes, from, clock.nowMs()),
  }
  const listening = await listenTracker(handlers, options.addresses, options.port)
  if (!listening.ok) return listening
  const listeners = listening.value
  const sweeping = setInterval(() => tracker.sweep(clock.nowMs()), sweepIntervalMs)
  return success({
    urls: listeners.map(
      ({ endpoint }, index) => `${index % 2 === 0 ? 'http' : 'udp'}://${formatEndpoint(endpoint)}/announce`,
    ),
    port: listeners[0]?.endpoint.port ?? options.port,
    async close() {
      clearInterval(sweeping)
      await Promise.all(listeners.map((listener) => listener.close()))
    },
  })
}
