// TCP between simulated hosts: who listens, and how connections are made, over paths that lose packets or are cut.
// Guarantees: the outcome of a dial comes later, never from inside the call; a SYN that was lost is sent again after
// 1, 2, 4 seconds. Owns the listening ports and, by host, the open connections.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { failure, success } from '../../src/base/errors.ts'
import type { AcceptStream, DialOptions, Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import { familyOf, isAnyAddress, type Path, type SimulatedHost } from './simulated-hosts.ts'
import type { NetworkParts } from './simulated-tcp-sender.ts'
import { type HostStreams, SimulatedStream } from './simulated-tcp-stream.ts'

const firstDialRetryMs = 1_000

/** A connection that is being made. */
class Dial {
  private readonly parts: NetworkParts
  private readonly from: HostStreams
  private readonly near: SimulatedStream
  /** As others see the one who dials. */
  private readonly seen: Endpoint
  private readonly deadlineMs: number
  private readonly streamsOf: (host: SimulatedHost) => HostStreams
  private nextRetryMs = firstDialRetryMs

  constructor(
    parts: NetworkParts,
    from: HostStreams,
    near: SimulatedStream,
    timeoutMs: number,
    streamsOf: (host: SimulatedHost) => HostStreams,
  ) {
    const { router } = from.host
    this.parts = parts
    this.from = from
    this.near = near
    const isTranslated = router !== undefined && parts.hosts.isTranslated(from.host, near.remote.address)
    this.seen = isTranslated ? endpointOf(router.publicAddress, router.dialledPort()) : near.local
    this.deadlineMs = parts.clock.nowMs() + timeoutMs
    this.streamsOf = streamsOf
  }

  /** Sends a SYN; another one later if it, or the answer, gets lost. */
  start(): void {
    const { hosts, clock } = this.parts
    const route = hosts.route(this.from.host, this.near.remote, 'tcp', this.seen)
    if (route.type !== 'host') {
      if (route.type === 'refused-by-nat') hosts.faults.refusedByNat++
      this.retryLater(0)
      return
    }
    const { host, inside } = route
    const there: Path = {
      from: this.from.host,
      fromAddress: this.near.local.address,
      fromRouter: this.from.host.router,
      to: host,
      toAddress: inside.address,
      toRouter: host.router,
    }
    if (this.isLost(there)) {
      this.retryLater(0)
      return
    }
    const delayMs = hosts.delayMs(there.from, there.to)
    clock.after(delayMs, () => this.come(there, endpointOf(inside.address, inside.port), delayMs))
  }

  private isLost(path: Path): boolean {
    const { hosts } = this.parts
    if (!hosts.isOpen(path)) {
      hosts.faults.partitioned++
      return true
    }
    if (hosts.lostPackets(path.from, path.to, 1) === 0) return false
    hosts.faults.retransmitted++
    return true
  }

  private come(there: Path, inside: Endpoint, delayMs: number): void {
    const { near, parts } = this
    const { hosts, clock } = parts
    const back: Path = {
      from: there.to,
      fromAddress: there.toAddress,
      fromRouter: there.toRouter,
      to: there.from,
      toAddress: there.fromAddress,
      toRouter: there.fromRouter,
    }
    if (this.isLost(back)) {
      this.retryLater(delayMs)
      return
    }
    const backMs = hosts.delayMs(back.from, back.to)
    if (clock.nowMs() + backMs > this.deadlineMs) {
      this.giveUp()
      return
    }
    const to = this.streamsOf(there.to)
    const accept = near.isEnded ? undefined : acceptorAt(to, inside)
    const far = accept === undefined ? undefined : new SimulatedStream(parts, to, inside, this.seen, true)
    const farSink = far === undefined ? undefined : accept?.(far)
    if (far === undefined || farSink === undefined) {
      if (far !== undefined) to.open.delete(far)
      clock.after(backMs, () => near.fail(failure('connection-failed', 'refused')))
      return
    }
    far.sink = farSink
    far.attach(near, back)
    near.attach(far, there)
    clock.after(0, () => far.open(there))
    clock.after(backMs, () => {
      near.open(back)
      near.deliver()
    })
  }

  /** A SYN sent `agoMs` ago was not answered. */
  private retryLater(agoMs: number): void {
    const { clock } = this.parts
    const atMs = Math.max(clock.nowMs(), clock.nowMs() - agoMs + this.nextRetryMs)
    this.nextRetryMs *= 2
    if (atMs >= this.deadlineMs) {
      this.giveUp()
      return
    }
    clock.at(atMs, () => {
      if (!this.near.isEnded) this.start()
    })
  }

  private giveUp(): void {
    this.parts.clock.at(this.deadlineMs, () => this.near.fail(failure('timed-out', 'no answer')))
  }
}

/** The TCP of all hosts of a network. */
export class SimulatedTcp {
  private readonly parts: NetworkParts
  private readonly byHost = new Map<SimulatedHost, HostStreams>()
  /** How often somebody dialled an address and port, `address:port`. */
  private readonly dials = new Map<string, number>()

  constructor(parts: NetworkParts) {
    this.parts = parts
  }

  streams(host: SimulatedHost): Streams {
    const own = this.of(host)
    return {
      listen: async (address, port, accept) => {
        if (!isAnyAddress(address) && !host.addresses.includes(address)) {
          return failure('address-unavailable', `no address ${address} here`)
        }
        const taken = port === 0 ? host.nextPort++ : port
        const key = `${address}|${taken}`
        if (own.listening.has(key)) return failure('address-in-use', `port ${taken} is taken`)
        own.listening.set(key, accept)
        return success({
          endpoint: endpointOf(address, taken),
          close: async () => {
            if (own.listening.get(key) === accept) own.listening.delete(key)
          },
        })
      },
      dial: (remote, options, sink) => this.dial(own, remote, options, sink),
    }
  }

  crash(host: SimulatedHost): void {
    const own = this.of(host)
    own.listening.clear()
    for (const stream of [...own.open]) {
      stream.sink = undefined
      stream.abort()
    }
  }

  dialCount({ address, port }: Pick<Endpoint, 'address' | 'port'>): number {
    return this.dials.get(`${address}:${port}`) ?? 0
  }

  connectionsOf(host: SimulatedHost): number {
    return this.of(host).open.size
  }

  private of(host: SimulatedHost): HostStreams {
    const known = this.byHost.get(host)
    if (known !== undefined) return known
    const made: HostStreams = { host, open: new Set(), listening: new Map() }
    this.byHost.set(host, made)
    return made
  }

  private dial(from: HostStreams, remote: Endpoint, options: DialOptions, sink: StreamSink): Stream {
    const { parts } = this
    const { host } = from
    const localAddress = options.localAddress ?? host.addressOf(remote.family) ?? host.addresses[0]
    this.dials.set(`${remote.address}:${remote.port}`, this.dialCount(remote) + 1)
    const local = endpointOf(localAddress ?? host.address, host.nextPort++)
    const near = new SimulatedStream(parts, from, local, remote, false)
    near.sink = sink
    parts.observer?.dialled?.(local, remote)
    if (localAddress === undefined || !host.addresses.includes(localAddress)) {
      near.fail(failure('connection-failed', 'no such address here'))
      return near
    }
    new Dial(parts, from, near, options.timeoutMs, (one) => this.of(one)).start()
    return near
  }
}

function acceptorAt({ host, listening }: HostStreams, { address, port }: Endpoint): AcceptStream | undefined {
  if (!host.addresses.includes(address)) return undefined
  const any = familyOf(address) === 6 ? '::' : '0.0.0.0'
  return listening.get(`${address}|${port}`) ?? listening.get(`${any}|${port}`)
}

function endpointOf(address: string, port: number): Endpoint {
  return { family: familyOf(address), address, port }
}
