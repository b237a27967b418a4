// A network of DHT nodes on a virtual clock: datagrams with latency and loss, hosts that come and go, and such that
// answer as they like. Guarantees: everything follows from the seed; every datagram is counted and checked in size.
import assert from 'node:assert/strict'
import type { Answerer } from '../../sim/hostile/dht-sybils.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { DhtInput, DhtOutput } from '../../src/dht/dht-events.ts'
import { DhtNode, type DhtNodeOptions } from '../../src/dht/dht-node.ts'
import { addressClass } from '../../src/formats/address-class.ts'
import { formatAddress } from '../../src/formats/compact-endpoint.ts'
import { maxSentBytes } from '../../src/formats/krpc/message.ts'
import type { ItemSignatures } from '../../src/ports/item-signatures.ts'
import type { Random } from '../../src/ports/random.ts'

export interface WorldHost {
  readonly endpoint: Endpoint
  readonly node: DhtNode | undefined
  readonly outputs: DhtOutput[]
  isUp: boolean
  sentDatagrams: number
  receivedDatagrams: number
}

interface Host extends WorldHost {
  readonly answerer: Answerer | undefined
  wakeMs: number
}

interface Event {
  readonly atMs: number
  readonly order: number
  readonly act: () => void
}

/** For what need not be signed: every signature is good that ends with the first byte of its key. */
export const fakeSignatures: ItemSignatures = {
  verify: (publicKey, _message, signature) => signature.at(-1) === publicKey[0],
}

export interface WorldOptions {
  readonly seed: number
  /** Of each datagram, 0 to 1. */
  readonly loss?: number
  readonly latencyMs?: readonly [from: number, to: number]
  /** All hosts are in one local network, where the limits by address do not hold. */
  readonly isLocal?: boolean
}

export class DhtWorld {
  readonly random: Random
  nowMs = 0
  private readonly options: WorldOptions
  private readonly events: Event[] = []
  private order = 0
  private readonly hosts = new Map<string, Host>()
  private nextTicket = 1

  constructor(options: WorldOptions) {
    this.options = options
    this.random = simulatedRandom(options.seed)
  }

  /** An address nobody has. */
  freeEndpoint(): Endpoint {
    const bytes = new Uint8Array(4)
    const wanted = this.options.isLocal === true ? 'private' : 'global'
    for (;;) {
      this.random.fill(bytes)
      if (wanted === 'private') bytes[0] = 10
      const address = formatAddress(bytes, 0, 4)
      if (addressClass(address) === wanted) return { family: 4, address, port: 1_024 + this.random.below(60_000) }
    }
  }

  addNode(options: Partial<DhtNodeOptions> = {}, endpoint = this.freeEndpoint()): WorldHost & { node: DhtNode } {
    const random = simulatedRandom(this.random.below(2 ** 32))
    const places = [{ family: endpoint.family }]
    const sink = {
      onSend: (_place: number, bytes: Uint8Array, address: string, port: number) =>
        this.send(host, bytes.slice(), address, port),
    }
    const node = new DhtNode({ random, signatures: fakeSignatures, places, ...options }, sink, this.nowMs)
    const host = this.addHost(endpoint, node, undefined)
    return host as Host & { node: DhtNode }
  }

  addAnswerer(answerer: Answerer, endpoint = this.freeEndpoint()): WorldHost {
    return this.addHost(endpoint, undefined, answerer)
  }

  hostAt(endpoint: Endpoint): WorldHost | undefined {
    return this.hosts.get(`${endpoint.address}|${endpoint.port}`)
  }

  handle(endpoint: Endpoint, input: DhtInput): void {
    const host = this.hosts.get(`${endpoint.address}|${endpoint.port}`)
    assert.ok(host?.node !== undefined)
    host.node.handle(input, this.nowMs)
    this.settle(host)
  }

  /** Sends a datagram as from anywhere. */
  inject(from: Endpoint, bytes: Uint8Array, to: Endpoint): void {
    this.deliver(from, bytes, to.address, to.port)
  }

  ticket(): number {
    return this.nextTicket++
  }

  /** The `done` of a lookup; runs the world until then. */
  lookUp(endpoint: Endpoint, task: Extract<DhtInput, { type: 'look-up' }>['task'], maxMs = 120_000) {
    const ticket = this.ticket()
    const { outputs } = this.hosts.get(`${endpoint.address}|${endpoint.port}`) ?? assert.fail()
    this.handle(endpoint, { type: 'look-up', ticket, task })
    const untilMs = this.nowMs + maxMs
    const ours = () => outputs.filter((output) => 'ticket' in output && output.ticket === ticket)
    while (this.nowMs < untilMs && !ours().some(({ type }) => type === 'done')) this.runFor(250)
    const found = ours()
    const done = found.find((output) => output.type === 'done')
    assert.ok(done?.type === 'done', 'a lookup ends')
    return {
      outcome: done.outcome,
      peers: found.flatMap((output) => (output.type === 'peers' ? output.peers : [])),
      items: found.flatMap((output) => (output.type === 'item' ? [output.item] : [])),
      nodes: found.flatMap((output) => (output.type === 'nodes' ? output.nodes : [])),
    }
  }

  at(atMs: number, act: () => void): void {
    const event = { atMs, order: this.order++, act }
    let index = this.events.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isBefore(event, this.events[parent] as Event)) break
      this.events[index] = this.events[parent] as Event
      index = parent
    }
    this.events[index] = event
  }

  runFor(durationMs: number): void {
    const untilMs = this.nowMs + durationMs
    for (let next = this.events[0]; next !== undefined && next.atMs <= untilMs; next = this.events[0]) {
      this.pop()
      this.nowMs = next.atMs
      next.act()
    }
    this.nowMs = untilMs
  }

  private pop(): void {
    const last = this.events.pop() as Event
    const { length } = this.events
    if (length === 0) return
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(this.events[child + 1] as Event, this.events[child] as Event)) child++
      if (!isBefore(this.events[child] as Event, last)) break
      this.events[index] = this.events[child] as Event
      index = child
    }
    this.events[index] = last
  }

  private addHost(endpoint: Endpoint, node: DhtNode | undefined, answerer: Answerer | undefined): Host {
    const host: Host = {
      endpoint,
      node,
      answerer,
      outputs: [],
      isUp: true,
      sentDatagrams: 0,
      receivedDatagrams: 0,
      wakeMs: Number.POSITIVE_INFINITY,
    }
    this.hosts.set(`${endpoint.address}|${endpoint.port}`, host)
    return host
  }

  private send(host: Host, bytes: Uint8Array, address: string, port: number): void {
    assert.ok(bytes.length <= maxSentBytes)
    if (!host.isUp) return
    host.sentDatagrams++
    this.deliver(host.endpoint, bytes, address, port)
  }

  private deliver(from: Endpoint, bytes: Uint8Array, address: string, port: number): void {
    const { loss = 0, latencyMs = [10, 120] } = this.options
    if (loss > 0 && this.random.below(1_000_000) < loss * 1_000_000) return
    const delayMs = latencyMs[0] + this.random.below(latencyMs[1] - latencyMs[0])
    this.at(this.nowMs + delayMs, () => {
      const host = this.hosts.get(`${address}|${port}`)
      if (host?.isUp !== true) return
      host.receivedDatagrams++
      if (host.node !== undefined) {
        host.node.receive(0, bytes, from.address, from.port, this.nowMs)
        this.settle(host)
        return
      }
      const answer = host.answerer?.(bytes, from)
      if (answer !== undefined) this.send(host, answer, from.address, from.port)
    })
  }

  private settle(host: Host): void {
    const { node } = host
    if (node === undefined) return
    for (let output = node.poll(); output !== undefined; output = node.poll()) host.outputs.push(output)
    const wakeMs = node.nextWakeMs()
    if (wakeMs >= host.wakeMs || wakeMs === Number.POSITIVE_INFINITY) return
    host.wakeMs = wakeMs
    this.at(Math.max(wakeMs, this.nowMs), () => {
      if (host.wakeMs !== wakeMs) return
      host.wakeMs = Number.POSITIVE_INFINITY
      if (!host.isUp) return
      node.handle({ type: 'wake' }, this.nowMs)
      this.settle(host)
    })
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Nodes that join one after the other, each knowing a few of those before. */
export function joinNodes(
  world: DhtWorld,
  count: number,
  everyMs: number,
  options: Partial<DhtNodeOptions> = {},
): (WorldHost & { node: DhtNode })[] {
  const joined: (WorldHost & { node: DhtNode })[] = []
  for (let index = 0; index < count; index++) {
    const host = world.addNode(options)
    const known = Array.from({ length: Math.min(3, index) }, () => joined[world.random.below(index)]?.endpoint)
    world.handle(host.endpoint, { type: 'start' })
    const endpoints = known.filter((endpoint) => endpoint !== undefined)
    if (endpoints.length > 0) world.handle(host.endpoint, { type: 'set-bootstrap', endpoints })
    joined.push(host)
    world.runFor(everyMs)
  }
  return joined
}
