// One end of a simulated TCP connection, dialled or accepted: what its program reads, and how it ends.
// Guarantees: bytes come in order and whole or the connection ends; the sink is never called from inside a call; what
// a read brought is overwritten after it, so misuse shows; onClose comes last and once; short messages without payload,
// which nobody waits for, are told as written with what is sent next. Owns what was not read yet.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { type Failure, failure } from '../../src/base/errors.ts'
import type { AcceptStream, Stream, StreamSink } from '../../src/ports/streams.ts'
import type { Path, SimulatedHost } from './simulated-hosts.ts'
import type { Packet } from './simulated-packets.ts'
import { type NetworkParts, type PacketReceiver, type SenderOwner, TcpSender } from './simulated-tcp-sender.ts'
import { spoil } from './spoil.ts'

const sendBufferBytes = 262_144

/** The programs of a host, as far as TCP goes. */
export interface HostStreams {
  readonly host: SimulatedHost
  readonly open: Set<SimulatedStream>
  /** By address and port. */
  readonly listening: Map<string, AcceptStream>
}

/** One end of a connection. */
export class SimulatedStream implements Stream, SenderOwner, PacketReceiver {
  readonly local: Endpoint
  readonly remote: Endpoint
  sink: StreamSink | undefined
  takenBytes = 0
  /** Accepted ones stand from the beginning. */
  readonly isAccepted: boolean
  /** The program is done with it, one way or other; what it sent may still be on its way. */
  isEnded = false
  private readonly parts: NetworkParts
  private readonly owner: HostStreams
  private readonly sender: TcpSender
  private peer: SimulatedStream | undefined
  private path: Path | undefined
  /** Packets the other side sent, in that order; the first may not have come yet. */
  private firstExpected: Packet | undefined
  private lastExpected: Packet | undefined
  private isOpen = false
  private reportedBytes = 0
  private isEnding = false
  private isPaused = false
  /** The machine knows nothing of it any more and answers with a reset. */
  private isGone = false

  constructor(parts: NetworkParts, owner: HostStreams, local: Endpoint, remote: Endpoint, isAccepted: boolean) {
    this.parts = parts
    this.owner = owner
    this.local = local
    this.remote = remote
    this.isAccepted = isAccepted
    this.sender = new TcpSender(parts, this)
    owner.open.add(this)
  }

  get queuedBytes(): number {
    return this.sender.queuedBytes
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    if (this.isEnding || this.isEnded) return true
    this.sender.write(header, payload)
    return this.sender.queuedBytes < sendBufferBytes
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.parts.clock.after(0, () => this.deliver())
  }

  close(): void {
    if (this.isEnding || this.isEnded) return
    // A connection nobody needs any more is not made.
    if (!this.isOpen && !this.isAccepted && this.queuedBytes === 0) {
      this.abort()
      return
    }
    this.isEnding = true
    this.sender.end()
  }

  abort(): void {
    if (this.isEnded) return
    this.finish(undefined)
    this.vanish()
    this.peer?.resetBy(this)
  }

  /** Whom it will talk to once it stands. */
  attach(peer: SimulatedStream, path: Path): void {
    this.peer = peer
    this.path = path
  }

  /** What was written before the connection stood begins to leave. */
  open(pathBack: Path): void {
    const { peer, path } = this
    if (peer === undefined || path === undefined) return
    if (this.isGone) {
      peer.resetBy(this)
      return
    }
    this.isOpen = true
    this.sender.start(path, pathBack, peer)
    if (this.isAccepted || this.isEnding) return
    this.parts.observer?.opened?.(this.local, this.remote)
    this.sink?.onOpen()
  }

  finish(reason: Failure | undefined): void {
    if (this.isEnded) return
    this.isEnded = true
    this.owner.open.delete(this)
    this.parts.observer?.closed?.(this.local, this.remote, reason)
    this.parts.clock.after(0, () => this.sink?.onClose(reason))
  }

  fail(reason: Failure): void {
    this.finish(reason)
    this.vanish()
  }

  onSent(totalBytes: number, isAwaited: boolean): void {
    this.owner.host.sentBytes += totalBytes - this.reportedBytes
    this.reportedBytes = totalBytes
    if (isAwaited && !this.isEnded) this.sink?.onWritten(totalBytes)
  }

  onEndSent(): void {
    const { path } = this
    const delayMs = path === undefined ? 0 : path.from.latencyMs + path.to.latencyMs
    this.parts.clock.after(delayMs, () => this.finish(undefined))
  }

  onGivenUp(reason: Failure): void {
    this.fail(reason)
  }

  expect(packet: Packet): void {
    if (this.lastExpected === undefined) this.firstExpected = packet
    else this.lastExpected.next = packet
    this.lastExpected = packet
  }

  arrived(packet: Packet): boolean {
    if (this.isGone) {
      this.peer?.resetBy(this)
      return false
    }
    packet.hasArrived = true
    this.peer?.sender.answer(packet)
    return this.deliver()
  }

  private vanish(): void {
    this.isGone = true
    this.sender.stop()
  }

  /** The other end knows nothing of this connection, and says so if that gets here. */
  private resetBy(other: SimulatedStream): void {
    const { path } = other
    if (this.isGone || path === undefined) return
    if (!this.parts.hosts.isOpen(path)) {
      this.parts.hosts.faults.partitioned++
      return
    }
    const delayMs = path.from.latencyMs + path.to.latencyMs
    this.parts.clock.after(delayMs, () => this.fail(failure('connection-failed', 'reset by the other side')))
  }

  /** Gives the program what came in order, as much as it allows; whether it was called. */
  deliver(): boolean {
    let isHeard = false
    for (let packet = this.firstExpected; packet?.hasArrived === true; packet = this.firstExpected) {
      if (this.isEnded) {
        this.takenBytes += packet.length - packet.offset
        this.drop(packet)
        continue
      }
      if (!this.isOpen || this.isPaused || this.sink === undefined) break
      isHeard = true
      if (packet.isEnd) {
        this.drop(packet)
        this.sink.onEnd()
        this.close()
        continue
      }
      const allowedBytes = Math.floor(this.sink.allowedBytes())
      if (allowedBytes <= 0) {
        this.isPaused = true
        break
      }
      this.read(packet, this.sink, Math.min(packet.length, packet.offset + allowedBytes))
    }
    this.peer?.sender.roomThere()
    return isHeard
  }

  private read(packet: Packet, sink: StreamSink, end: number): void {
    const view = packet.buffer.subarray(packet.offset, end)
    packet.offset = end
    this.takenBytes += view.length
    this.owner.host.readBytes += view.length
    sink.onData(view)
    spoil(view, 0xee)
    if (packet.offset === packet.length) this.drop(packet)
  }

  /** Nothing refers to it any more. */
  private drop(packet: Packet): void {
    this.firstExpected = packet.next
    if (packet.next === undefined) this.lastExpected = undefined
    this.parts.pool.givePacket(packet)
  }
}
