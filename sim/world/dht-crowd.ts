// Hosts that are nothing but nodes of the DHT: the product's DhtNode on the datagrams of the simulated network, hundreds
// of them at the cost of a few sessions. They come, go without a word, look things up, and answer the sessions of a run.
// Guarantees: everything follows from the world's seed; who left does nothing more. Owns the nodes and their sockets.
import { assert } from '../../src/base/assert.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { DhtInput, DhtOutput, DhtTask, LookupOutcome } from '../../src/dht/dht-events.ts'
import { DhtNode } from '../../src/dht/dht-node.ts'
import { addressClass } from '../../src/formats/address-class.ts'
import { formatAddress, formatEndpoint } from '../../src/formats/compact-endpoint.ts'
import { maxSentBytes } from '../../src/formats/krpc/message.ts'
import type { Alarm } from '../../src/ports/clock.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import type { Random } from '../../src/ports/random.ts'
import type { Answerer, SybilGround } from '../hostile/dht-sybils.ts'
import { simulatedRandom } from '../ports/simulated-random.ts'
import type { World } from './world.ts'

/** What came of a lookup. */
interface FoundInDht {
  readonly peers: readonly Endpoint[]
  readonly outcome: LookupOutcome
}

export interface CrowdNode {
  readonly endpoint: Endpoint
  readonly isUp: boolean
}

/** Undefined: the node left before it had an answer. */
type OnLookupEnd = (found: FoundInDht | undefined) => void

interface Lookup {
  readonly peers: Endpoint[]
  readonly onEnd: OnLookupEnd
}

/** Below it are the addresses that stages give out. */
const firstOctet = 64
const lossPerMille = 5
const mostLatencyMs = 60
/** Of nodes that join, how many others each is told of. */
const toldNodes = 3
const joinEveryMs = 50

class RunningNode implements CrowdNode {
  readonly endpoint: Endpoint
  isUp = true
  socket: DatagramSocket | undefined
  private readonly node: DhtNode
  private readonly alarm: Alarm
  private readonly world: World
  private readonly lookups = new Map<number, Lookup>()
  private nextTicket = 1

  constructor(world: World, endpoint: Endpoint, random: Random) {
    this.world = world
    this.endpoint = endpoint
    const sink = {
      onSend: (_place: number, bytes: Uint8Array, address: string, port: number) => {
        assert(bytes.length <= maxSentBytes, 'datagrams that every network carries')
        this.socket?.send(bytes, address, port)
      },
    }
    const signatures = { verify: () => false }
    this.node = new DhtNode({ random, signatures, places: [{ family: 4 }] }, sink, world.clock.nowMs())
    this.alarm = world.clock.alarm(() => this.handle({ type: 'wake' }))
  }

  receive(bytes: Uint8Array, address: string, port: number): void {
    if (!this.isUp) return
    this.node.receive(0, bytes, address, port, this.world.clock.nowMs())
    this.settle()
  }

  handle(input: DhtInput): void {
    if (!this.isUp) return
    this.node.handle(input, this.world.clock.nowMs())
    this.settle()
  }

  lookUp(task: DhtTask, onEnd: OnLookupEnd): void {
    const ticket = this.nextTicket++
    this.lookups.set(ticket, { peers: [], onEnd })
    this.handle({ type: 'look-up', ticket, task })
  }

  async leave(): Promise<void> {
    this.isUp = false
    this.alarm.close()
    const interrupted = [...this.lookups.values()]
    this.lookups.clear()
    for (const { onEnd } of interrupted) onEnd(undefined)
    await this.socket?.close()
  }

  private settle(): void {
    for (let output = this.node.poll(); output !== undefined; output = this.node.poll()) this.take(output)
    this.alarm.set(this.node.nextWakeMs())
  }

  private take(output: DhtOutput): void {
    if (output.type === 'peers') this.lookups.get(output.ticket)?.peers.push(...output.peers)
    if (output.type !== 'done') return
    const lookup = this.lookups.get(output.ticket)
    if (lookup === undefined) return
    this.lookups.delete(output.ticket)
    const { peers } = lookup
    const { outcome } = output
    const { answeredNodes, storedNodes } = outcome
    const figures = `${answeredNodes} nodes answered, ${storedNodes} stored, ${peers.length} peers`
    this.world.log(this.endpoint.address, `looked up: ${figures}`)
    lookup.onEnd({ peers, outcome })
  }
}

export class DhtCrowd implements SybilGround {
  readonly random: Random
  private readonly world: World
  private readonly running: RunningNode[] = []
  private readonly taken = new Set<string>()
  /** Of answerers, by endpoint. */
  private readonly sockets = new Map<string, Promise<DatagramSocket>>()

  constructor(world: World) {
    this.world = world
    this.random = world.randomOf('dht-crowd')
  }

  /** All that ever came. */
  get nodes(): readonly CrowdNode[] {
    return this.running
  }

  /** Global, and of nobody else in this world. */
  freeEndpoint(): Endpoint {
    const bytes = new Uint8Array(4)
    for (;;) {
      this.random.fill(bytes)
      const address = formatAddress(bytes, 0, 4)
      const isFree = (bytes[0] as number) >= firstOctet && !this.taken.has(address)
      if (!isFree || addressClass(address) !== 'global') continue
      this.taken.add(address)
      return { family: 4, address, port: 1_024 + this.random.below(60_000) }
    }
  }

  /** A network that has stood for a while: one node comes after the other, each told of a few of those before. */
  async grow(count: number): Promise<void> {
    for (let joined = 0; joined < count; joined++) {
      await this.join()
      await this.world.clock.run(joinEveryMs)
    }
  }

  /** A newcomer, told of a few who are up. */
  async join(): Promise<CrowdNode> {
    const endpoint = this.freeEndpoint()
    const endpoints = Array.from({ length: toldNodes }, () => this.anyUp()?.endpoint)
    const node = new RunningNode(this.world, endpoint, simulatedRandom(this.random.below(2 ** 32)))
    node.socket = await this.bind(endpoint, (bytes, address, port) => node.receive(bytes, address, port))
    this.running.push(node)
    node.handle({ type: 'start' })
    node.handle({ type: 'set-bootstrap', endpoints: endpoints.filter((one) => one !== undefined) })
    return node
  }

  /** Undefined: nobody is. */
  anyUp(): CrowdNode | undefined {
    const up = this.running.filter(({ isUp }) => isUp)
    return up[this.random.below(up.length)]
  }

  lookUp(node: CrowdNode, task: DhtTask, onEnd: OnLookupEnd): void {
    this.own(node).lookUp(task, onEnd)
  }

  /** Without a word. */
  async leave(node: CrowdNode): Promise<void> {
    this.world.log(node.endpoint.address, 'left the DHT')
    await this.own(node).leave()
  }

  addAnswerer(answerer: Answerer, endpoint: Endpoint): void {
    const bound = this.bind(endpoint, (bytes, address, port) => {
      const answer = answerer(bytes, { family: 4, address, port })
      if (answer !== undefined) this.inject(endpoint, answer, { family: 4, address, port })
    })
    this.sockets.set(formatEndpoint(endpoint), bound)
  }

  inject(from: Endpoint, bytes: Uint8Array, to: Endpoint): void {
    void this.sockets.get(formatEndpoint(from))?.then((socket) => socket.send(bytes, to.address, to.port))
  }

  /** Everybody leaves. */
  async close(): Promise<void> {
    for (const node of this.running) if (node.isUp) await node.leave()
    for (const socket of this.sockets.values()) await (await socket).close()
  }

  private own(node: CrowdNode): RunningNode {
    assert(node instanceof RunningNode, 'a node of this crowd')
    return node
  }

  private async bind(
    { address, port }: Endpoint,
    onDatagram: (bytes: Uint8Array, address: string, port: number) => void,
  ): Promise<DatagramSocket> {
    this.world.otherHosts++
    const latencyMs = 5 + this.random.below(mostLatencyMs)
    const datagrams = this.world.network.datagrams({ address, latencyMs, lossPerMille })
    return unwrap(await datagrams.bind({ family: 4, port }, { onDatagram, onRoom: () => undefined }))
  }
}
