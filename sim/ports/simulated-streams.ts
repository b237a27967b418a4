// TCP between simulated machines: latency, bandwidth shared by a machine's connections, send buffers and windows.
// Guarantees: bytes arrive in order and whole or the connection ends; sinks are never called from inside a call;
// payload is read when it is sent, and a receive buffer is overwritten after each read, so misuse shows.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { type Failure, failure, success } from '../../src/base/errors.ts'
import type { AcceptStream, DialOptions, Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export interface MachineOptions {
  readonly address: string
  /** Further addresses of the machine, on interfaces of their own. */
  readonly otherAddresses?: readonly string[]
  /** One way, to anywhere. */
  readonly latencyMs?: number
  /** Of all its connections together; undefined: no limit. */
  readonly uploadBytesPerSecond?: number
}

const packetBytes = 65_536
const sendBufferBytes = 262_144
const windowBytes = 1_048_576
const firstFreePort = 49_152

interface Part {
  readonly bytes: Uint8Array
  offset: number
}

/** One end of a connection. */
class SimulatedStream implements Stream {
  readonly local: Endpoint
  readonly remote: Endpoint
  queuedBytes = 0
  sink: StreamSink | undefined
  peer: SimulatedStream | undefined
  isOpen = false
  /** Those stand from the beginning. */
  isAccepted = false
  private readonly machine: Machine
  private readonly outgoing: Part[] = []
  private readonly inbox: Part[] = []
  private inboxBytes = 0
  private inFlightBytes = 0
  private writtenBytes = 0
  private isSending = false
  private isEnding = false
  private isPaused = false
  private isEnded = false
  /** The other side closed, and nothing of what it sent is on its way any more. */
  private hasAllArrived = false

  constructor(machine: Machine, local: Endpoint, remote: Endpoint) {
    this.machine = machine
    this.local = local
    this.remote = remote
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    if (this.isEnding || this.isEnded) return true
    if (header.length > 0) {
      this.outgoing.push({ bytes: header.slice(), offset: 0 })
      this.queuedBytes += header.length
    }
    if (payload !== undefined && payload.length > 0) {
      this.outgoing.push({ bytes: payload, offset: 0 })
      this.queuedBytes += payload.length
    }
    this.send()
    return this.queuedBytes < sendBufferBytes
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.machine.clock.after(0, () => this.deliver())
  }

  close(): void {
    if (this.isEnding || this.isEnded) return
    // A connection nobody needs any more is not made.
    if (!this.isOpen && !this.isAccepted && this.queuedBytes === 0) {
      this.abort()
      return
    }
    this.isEnding = true
    this.send()
    this.finishIfDone()
  }

  abort(): void {
    if (this.isEnded) return
    this.end(undefined, 0)
    const { peer } = this
    if (peer !== undefined) peer.end(failure('connection-failed', 'reset by the other side'), this.latencyMs(peer))
  }

  /** Starts what was written before the connection stood; `onOpen` is not for one that was closed by then. */
  open(onOpen: () => void = () => undefined): void {
    if (this.isEnded) return
    this.isOpen = true
    this.send()
    this.finishIfDone()
    if (!this.isEnding) onOpen()
  }

  end(reason: Failure | undefined, delayMs: number): void {
    if (delayMs > 0) {
      this.machine.clock.after(delayMs, () => this.end(reason, 0))
      return
    }
    if (this.isEnded) return
    this.isEnded = true
    this.outgoing.length = 0
    this.machine.streams.delete(this)
    this.machine.clock.after(0, () => this.sink?.onClose(reason))
  }

  private latencyMs(other: SimulatedStream): number {
    return this.machine.latencyMs + other.machine.latencyMs
  }

  private send(): void {
    const { peer } = this
    if (this.isSending || this.isEnded || !this.isOpen || peer === undefined || this.outgoing.length === 0) return
    if (this.inFlightBytes + peer.inboxBytes >= windowBytes) return
    this.isSending = true
    const { clock } = this.machine
    const wanted = Math.min(packetBytes, this.queuedBytes)
    const startMs = Math.max(clock.nowMs(), this.machine.uplinkFreeMs)
    const doneMs = startMs + (wanted / this.machine.uploadBytesPerSecond) * 1_000
    this.machine.uplinkFreeMs = doneMs
    clock.at(doneMs, () => {
      this.isSending = false
      if (this.isEnded) return
      const packet = this.takeBytes(wanted)
      this.queuedBytes -= packet.length
      this.writtenBytes += packet.length
      this.machine.sentBytes += packet.length
      this.inFlightBytes += packet.length
      clock.after(this.latencyMs(peer), () => peer.arrive(packet, this))
      this.sink?.onWritten(this.writtenBytes)
      this.send()
      this.finishIfDone()
    })
  }

  private takeBytes(wanted: number): Uint8Array {
    const packet = new Uint8Array(wanted)
    let length = 0
    while (length < wanted) {
      const part = this.outgoing[0]
      if (part === undefined) break
      const count = Math.min(part.bytes.length - part.offset, wanted - length)
      packet.set(part.bytes.subarray(part.offset, part.offset + count), length)
      part.offset += count
      length += count
      if (part.offset === part.bytes.length) this.outgoing.shift()
    }
    return packet.subarray(0, length)
  }

  private finishIfDone(): void {
    const { peer } = this
    if (!this.isEnding || this.queuedBytes > 0 || this.isEnded || peer === undefined || !this.isOpen) return
    const delayMs = this.latencyMs(peer)
    this.machine.clock.after(delayMs, () => {
      peer.hasAllArrived = true
      peer.deliver()
    })
    this.end(undefined, delayMs)
  }

  private arrive(packet: Uint8Array, from: SimulatedStream): void {
    from.inFlightBytes -= packet.length
    if (this.isEnded) return
    this.inbox.push({ bytes: packet, offset: 0 })
    this.inboxBytes += packet.length
    this.deliver()
  }

  private deliver(): void {
    while (!this.isPaused && !this.isEnded) {
      const part = this.inbox[0]
      if (part === undefined || this.sink === undefined) break
      const allowed = Math.floor(this.sink.allowedBytes())
      if (allowed <= 0) {
        this.isPaused = true
        break
      }
      const count = Math.min(allowed, part.bytes.length - part.offset)
      const view = part.bytes.subarray(part.offset, part.offset + count)
      part.offset += count
      this.inboxBytes -= count
      this.machine.readBytes += count
      if (part.offset === part.bytes.length) this.inbox.shift()
      this.sink.onData(view)
      view.fill(0xee)
    }
    if (this.hasAllArrived && this.inbox.length === 0 && !this.isEnded) {
      this.hasAllArrived = false
      this.sink?.onEnd()
      this.close()
    }
    this.peer?.send()
  }
}

class Machine {
  readonly clock: SimulatedClock
  readonly address: string
  /** It loses and gets them: see setAddresses. */
  addresses: readonly string[]
  latencyMs: number
  uploadBytesPerSecond: number
  uplinkFreeMs = 0
  isReachable = true
  /** Of all connections since the start. */
  sentBytes = 0
  readBytes = 0
  nextPort = firstFreePort
  readonly streams = new Set<SimulatedStream>()
  /** By address and port. */
  readonly listening = new Map<string, AcceptStream>()

  constructor(clock: SimulatedClock, options: MachineOptions) {
    this.clock = clock
    this.address = options.address
    this.addresses = [options.address, ...(options.otherAddresses ?? [])]
    this.latencyMs = options.latencyMs ?? 1
    this.uploadBytesPerSecond = options.uploadBytesPerSecond ?? Number.POSITIVE_INFINITY
  }

  endpoint(port: number, address = this.address): Endpoint {
    return { family: address.includes(':') ? 6 : 4, address, port }
  }

  acceptorAt({ address, port }: Endpoint): AcceptStream | undefined {
    if (!this.addresses.includes(address)) return undefined
    const any = address.includes(':') ? '::' : '0.0.0.0'
    return this.listening.get(`${address}|${port}`) ?? this.listening.get(`${any}|${port}`)
  }
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}

/** The machines of a simulation and what connects them. */
export class SimulatedNetwork {
  private readonly clock: SimulatedClock
  private readonly machines = new Map<string, Machine>()
  /** How often somebody dialled an address and port, `address:port`. */
  private readonly dials = new Map<string, number>()

  constructor(clock: SimulatedClock) {
    this.clock = clock
  }

  /** A machine's TCP. The same address again is the same machine: a program that starts anew. */
  streams(options: MachineOptions): Streams {
    const known = this.machines.get(options.address)
    const machine = known ?? new Machine(this.clock, options)
    for (const address of machine.addresses) this.machines.set(address, machine)
    return {
      listen: async (address, port, accept) => {
        if (!isAny(address) && !machine.addresses.includes(address)) {
          return failure('address-unavailable', `no address ${address} here`)
        }
        const taken = port === 0 ? machine.nextPort++ : port
        const key = `${address}|${taken}`
        if (machine.listening.has(key)) return failure('address-in-use', `port ${taken} is taken`)
        machine.listening.set(key, accept)
        return success({
          endpoint: machine.endpoint(taken, address),
          close: async () => void machine.listening.delete(key),
        })
      },
      dial: (remote, dialOptions, sink) => this.dial(machine, remote, dialOptions, sink),
    }
  }

  /** Packets to and from an unreachable machine are lost: dials time out, connections hang until told otherwise. */
  setReachable(address: string, isReachable: boolean): void {
    const machine = this.machines.get(address)
    if (machine !== undefined) machine.isReachable = isReachable
  }

  /** A machine loses addresses or gets others; connections of those it lost hang until their ends find out. */
  setAddresses(address: string, addresses: readonly string[]): void {
    const machine = this.machines.get(address)
    if (machine === undefined) return
    machine.addresses = addresses
    for (const one of addresses) this.machines.set(one, machine)
  }

  /** Its programs died: all connections of a machine end with a reset, nobody listens. */
  crash(address: string): void {
    const machine = this.machines.get(address)
    if (machine === undefined) return
    machine.listening.clear()
    for (const stream of [...machine.streams]) {
      stream.sink = undefined
      stream.abort()
    }
  }

  dialCount({ address, port }: Pick<Endpoint, 'address' | 'port'>): number {
    return this.dials.get(`${address}:${port}`) ?? 0
  }

  /** What the programs of a machine have sent and read so far, in bytes. */
  trafficOf(address: string): { readonly sentBytes: number; readonly readBytes: number } {
    const { sentBytes = 0, readBytes = 0 } = this.machines.get(address) ?? {}
    return { sentBytes, readBytes }
  }

  connectionsOf(address: string): number {
    return this.machines.get(address)?.streams.size ?? 0
  }

  private dial(from: Machine, remote: Endpoint, options: DialOptions, sink: StreamSink): Stream {
    const { timeoutMs, localAddress = from.addresses[0] } = options
    this.dials.set(`${remote.address}:${remote.port}`, this.dialCount(remote) + 1)
    const near = new SimulatedStream(from, from.endpoint(from.nextPort++, localAddress), remote)
    near.sink = sink
    from.streams.add(near)
    if (localAddress === undefined || !from.addresses.includes(localAddress)) {
      near.end(failure('connection-failed', 'no such address here'), 0)
      return near
    }
    const to = this.machines.get(remote.address)
    if (to === undefined || !to.isReachable || !from.isReachable) {
      near.end(failure('timed-out', 'no answer'), timeoutMs)
      return near
    }
    const roundTripMs = 2 * (from.latencyMs + to.latencyMs)
    this.clock.after(roundTripMs / 2, () => {
      const accept = to.acceptorAt(remote)
      const far = new SimulatedStream(to, remote, near.local)
      far.isAccepted = true
      const farSink = from.streams.has(near) ? accept?.(far) : undefined
      if (farSink === undefined) {
        near.end(failure('connection-failed', 'refused'), roundTripMs / 2)
        return
      }
      far.sink = farSink
      far.peer = near
      near.peer = far
      to.streams.add(far)
      this.clock.after(0, () => far.open())
      this.clock.after(roundTripMs / 2, () => {
        if (!from.streams.has(near)) return
        near.open(() => sink.onOpen())
      })
    })
    return near
  }
}
