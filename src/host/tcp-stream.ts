// One TCP connection as the Streams port has it, dialled or accepted, over a Node socket.
// Guarantees: bytes come in views of the thread's one receive buffer, sized by the sink; nothing of the sink is called
// from inside a call on the stream; onClose comes last and once. After `close` what is queued is sent, then our end,
// and what still arrives is dropped, so that the system does not answer it with a reset; an other side that takes
// nothing or never ends is left after a while. Owns its socket and timers.
import type { Socket } from 'node:net'
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure } from '../base/errors.ts'
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import type { Stream, StreamSink } from '../ports/streams.ts'
import type { ReadHooks, SocketAccess, WriteCallback } from './accepted-socket.ts'
import { canonicalEndpoint, connectionFailure } from './network-failure.ts'
import { receiveView } from './receive-buffer.ts'
import { WriteQueue, type WriteTarget } from './write-queue.ts'

/**
 * `ending`: our end is sent, the other's awaited. `gone`: nothing is sent or told any more but onClose, either because
 * of `failure` or, without, because the caller wanted it.
 */
type Phase = 'connecting' | 'open' | 'closing' | 'ending' | 'gone'

/** The size of a read that was registered before the sink was asked: the first, and the first after a stop. */
const unaskedReadBytes = 2_048
const discardReadBytes = 65_536
/** Intervals of `lingerMs` without any progress before a closing connection is given up. */
const maxIdleLingers = 6

const noSink: StreamSink = {
  onOpen() {},
  allowedBytes: () => 0,
  onData() {},
  onWritten() {},
  onEnd() {},
  onClose() {},
}

export class TcpStream implements Stream, WriteTarget {
  readonly remote: Endpoint
  /** The `onread` of the socket, where it has one. */
  readonly hooks: ReadHooks = {
    buffer: () => this.nextView,
    callback: (lengthBytes, buffer) => this.receive(lengthBytes, buffer),
  }
  private readonly access: () => SocketAccess
  /** How long the other side's end is awaited after ours. */
  private readonly lingerMs: number
  private readonly queue = new WriteQueue(this)
  private sink: StreamSink = noSink
  private socket: Socket | undefined
  private localEnd: Endpoint | undefined
  private phase: Phase = 'connecting'
  private failure: Failure | undefined
  private nextView = receiveView(unaskedReadBytes)
  private isReadStopped = true
  private hasEnded = false
  private closesOnceOpen = false
  private timer: NodeJS.Timeout | undefined

  constructor(remote: Endpoint, access: () => SocketAccess, lingerMs: number) {
    this.remote = remote
    this.access = access
    this.lingerMs = lingerMs
  }

  get local(): Endpoint | undefined {
    return this.localEnd
  }

  get queuedBytes(): number {
    return this.queue.queuedBytes
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    if (this.phase !== 'connecting' && this.phase !== 'open') return false
    this.queue.write(header, payload)
    return !this.queue.isFull
  }

  resume(): void {
    if (!this.isReadStopped || this.phase !== 'open') return
    this.isReadStopped = false
    this.socket?.resume()
  }

  close(): void {
    if (this.phase === 'open') this.beginClose()
    if (this.phase !== 'connecting') return
    // A connection nobody needs any more is not made.
    if (this.queue.queuedBytes === 0) this.abort()
    else this.closesOnceOpen = true
  }

  abort(): void {
    if (this.phase === 'gone') return
    const { phase, socket } = this
    this.leave(undefined)
    // A reset is refused while the system sends an end; then dropping the connection has to do.
    if (phase === 'open' || phase === 'closing') socket?.resetAndDestroy()
    else socket?.destroy()
  }

  /** A dialled connection: `socket` is paused and connecting. */
  dialled(socket: Socket, sink: StreamSink, timeoutMs: number): void {
    this.sink = sink
    this.watch(socket)
    this.timer = setTimeout(() => {
      this.broke(failure('timed-out', `${formatEndpoint(this.remote)}: no answer within ${timeoutMs} ms`))
      socket.destroy()
    }, timeoutMs)
    socket.once('connect', () => {
      clearTimeout(this.timer)
      if (this.phase !== 'connecting') return
      this.stands(socket)
      if (this.closesOnceOpen) return this.beginClose()
      sink.onOpen()
      this.beginReading()
    })
  }

  /** There will be no connection; told in the next turn of the event loop. */
  failed(sink: StreamSink, reason: Failure): void {
    this.phase = 'gone'
    setImmediate(() => sink.onClose(reason))
  }

  /** An accepted connection, paused: the sink is not known before it was seen. */
  accepted(socket: Socket): void {
    this.watch(socket)
    this.stands(socket)
  }

  attach(sink: StreamSink): void {
    this.sink = sink
    this.beginReading()
  }

  gather(chunks: readonly Uint8Array[], callback: WriteCallback): void {
    this.access().gather(this.socket as Socket, chunks, callback)
  }

  onWritten(totalBytes: number): void {
    this.sink.onWritten(totalBytes)
    if (this.phase === 'closing' && this.queue.queuedBytes === 0) this.sendEnd()
  }

  onWriteFailed(error: Error): void {
    this.broke(connectionFailure(error, formatEndpoint(this.remote)))
    this.socket?.destroy()
  }

  private watch(socket: Socket): void {
    this.socket = socket
    socket.on('error', (error) => {
      if (this.phase !== 'gone') this.broke(connectionFailure(error, formatEndpoint(this.remote)))
    })
    socket.once('end', () => {
      this.hasEnded = true
      if (this.phase === 'open') this.sink.onEnd()
    })
    socket.once('close', () => {
      if (this.phase !== 'gone') this.broke(failure('connection-failed', `${formatEndpoint(this.remote)}: closed`))
      this.sink.onClose(this.failure)
      this.sink = noSink
    })
  }

  private stands(socket: Socket): void {
    this.phase = 'open'
    this.localEnd = canonicalEndpoint(socket.localAddress, socket.localPort)
    this.queue.open()
  }

  private beginReading(): void {
    if (this.phase === 'open' && this.isReadStopped && this.askNextRead()) this.socket?.resume()
  }

  /** From the socket: false stops reading. */
  private receive(lengthBytes: number, buffer: Uint8Array): boolean {
    if (this.phase !== 'open') return true
    this.sink.onData(lengthBytes === buffer.length ? buffer : buffer.subarray(0, lengthBytes))
    return this.askNextRead()
  }

  /** From a socket without a receive buffer of ours. */
  receiveUnsized(bytes: Uint8Array): void {
    if (!this.receive(bytes.length, bytes)) this.socket?.pause()
  }

  private askNextRead(): boolean {
    // What the sink did meanwhile may have ended it.
    if (this.phase !== 'open') {
      this.nextView = receiveView(discardReadBytes)
      return true
    }
    const allowedBytes = this.sink.allowedBytes()
    this.isReadStopped = allowedBytes < 1
    this.nextView = receiveView(this.isReadStopped ? unaskedReadBytes : allowedBytes)
    return !this.isReadStopped
  }

  /** How a connection ends that the caller closed is nobody's concern any more. */
  private broke(reason: Failure): void {
    this.leave(this.phase === 'closing' || this.phase === 'ending' || this.closesOnceOpen ? undefined : reason)
  }

  private beginClose(): void {
    this.phase = 'closing'
    this.linger(this.queue.queuedBytes, 0)
    if (this.queue.queuedBytes === 0) this.sendEnd()
  }

  private sendEnd(): void {
    this.phase = 'ending'
    const socket = this.socket as Socket
    socket.end()
    // The other side's end, which is what is waited for now, is seen only by reading.
    if (!this.hasEnded) socket.resume()
  }

  private linger(queuedBytes: number, idleCount: number): void {
    this.timer = setTimeout(() => {
      const isIdle = this.queue.queuedBytes === queuedBytes
      if (this.phase === 'ending' || (isIdle && idleCount + 1 >= maxIdleLingers)) {
        this.leave(undefined)
        this.socket?.destroy()
      } else {
        this.linger(this.queue.queuedBytes, isIdle ? idleCount + 1 : 0)
      }
    }, this.lingerMs)
    this.timer.unref()
  }

  private leave(reason: Failure | undefined): void {
    if (this.phase === 'gone') return
    this.phase = 'gone'
    this.failure = reason
    clearTimeout(this.timer)
    this.queue.stop()
  }
}
