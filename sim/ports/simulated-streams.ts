// TCP between simulated machines: latency, bandwidth shared by a machine's connections, send buffers and windows.
// Guarantees: bytes arrive in order and whole or the connection ends; sinks are never called from inside a call;
// payload is read when it is sent, and a receive buffer is overwritten after each read, so misuse shows.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { type Failure, failure, success } from '../../src/base/errors.ts'
import type { AcceptStream, Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export interface MachineOptions {
  readonly address: string
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

  constructor(machine: Machine, local: Endpoint, remote: Endpoint) {
    this.machine = machine
    this.local = local
    this.remote = remote
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    if (this.isEnding || this.isEnded) return true
    this.outgoing.push({ bytes: header.slice(), offset: 0 })
    this.queuedBytes += header.length
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

  /** Starts what was written before the connection stood. */
  open(): void {
    this.isOpen = true
    this.send()
    this.finishIfDone()
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
      if (peer.isEnded) return
      peer.deliver()
      peer.sink?.onEnd()
      peer.close()
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
      if (part.offset === part.bytes.length) this.inbox.shift()
      this.sink.onData(view)
      view.fill(0xee)
    }
    this.peer?.send()
  }
}

class Machine {
  readonly clock: SimulatedClock
  readonly address: string
  latencyMs: number
  uploadBytesPerSecond: number
  uplinkFreeMs = 0
  isReachable = true
  nextPort = firstFreePort
  readonly streams = new Set<SimulatedStream>()
  readonly listening = new Map<number, AcceptStream>()

  constructor(clock: SimulatedClock, options: MachineOptions) {
    this.clock = clock
    this.address = options.address
    this.latencyMs = options.latencyMs ?? 1
    this.uploadBytesPerSecond = options.uploadBytesPerSecond ?? Number.POSITIVE_INFINITY
  }

  endpoint(port: number): Endpoint {
    return { family: this.address.includes(':') ? 6 : 4, address: this.address, port }
  }
}

/** The machines of a simulation and what connects them. */
export class SimulatedNetwork {
  private readonly clock: SimulatedClock
  private readonly machines = new Map<string, Machine>()

  constructor(clock: SimulatedClock) {
    this.clock = clock
  }

  /** A machine's TCP. The same address again is the same machine: a program that starts anew. */
  streams(options: MachineOptions): Streams {
    const known = this.machines.get(options.address)
    const machine = known ?? new Machine(this.clock, options)
    this.machines.set(options.address, machine)
    return {
      listen: async (address, port, accept) => {
        const taken = port === 0 ? machine.nextPort++ : port
        if (machine.listening.has(taken)) return failure('address-in-use', `port ${taken} is taken`)
        machine.listening.set(taken, accept)
        return success({
          endpoint: { ...machine.endpoint(taken), address },
          close: async () => void machine.listening.delete(taken),
        })
      },
      dial: (remote, dialOptions, sink) => this.dial(machine, remote, dialOptions.timeoutMs, sink),
    }
  }

  /** Packets to and from an unreachable machine are lost: dials time out, connections hang until told otherwise. */
  setReachable(address: string, isReachable: boolean): void {
    const machine = this.machines.get(address)
    if (machine !== undefined) machine.isReachable = isReachable
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

  connectionsOf(address: string): number {
    return this.machines.get(address)?.streams.size ?? 0
  }

  private dial(from: Machine, remote: Endpoint, timeoutMs: number, sink: StreamSink): Stream {
    const near = new SimulatedStream(from, from.endpoint(from.nextPort++), remote)
    near.sink = sink
    from.streams.add(near)
    const to = this.machines.get(remote.address)
    if (to === undefined || !to.isReachable || !from.isReachable) {
      near.end(failure('timed-out', 'no answer'), timeoutMs)
      return near
    }
    const roundTripMs = 2 * (from.latencyMs + to.latencyMs)
    this.clock.after(roundTripMs / 2, () => {
      const accept = to.listening.get(remote.port)
      const far = new SimulatedStream(to, remote, near.local)
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
        near.open()
        sink.onOpen()
      })
    })
    return near
  }
}
