// Port: TCP. Hot, so everything after listening is a call into one fixed sink per connection: bytes come as views of
// a receive buffer that all connections of a thread share, nothing is allocated per read or write, no promise made.
// Back-pressure both ways: the sink sizes each read (rate limits, a full disk queue), `write` says when to hold.
import type { Endpoint } from '../base/endpoint.ts'
import type { Failure, Result } from '../base/errors.ts'

export interface StreamSink {
  /** A dialled connection stands. Never called for accepted ones: they stand already. */
  onOpen(): void
  /**
   * How many bytes the next read may bring; asked before each. 0 stops reading until `resume`, and then the
   * other side is slowed by TCP itself. An implementation that cannot size a read may bring at most 64 KiB more.
   */
  allowedBytes(): number
  /** `bytes` is valid until this call returns: copy what must stay. May call anything on its stream. */
  onData(bytes: Uint8Array): void
  /** Bytes handed to the operating system since the stream began: payload written up to there is the caller's again. */
  onWritten(totalBytes: number): void
  /** The other side will send no more. */
  onEnd(): void
  /** The last call, exactly once: with a failure (connection-failed, timed-out), or after close and abort without. */
  onClose(failure: Failure | undefined): void
}

export interface Stream {
  readonly local: Endpoint | undefined
  readonly remote: Endpoint
  /** Written by the caller and not yet with the operating system. */
  readonly queuedBytes: number
  /**
   * Sends header, then payload, in one piece where the system allows. `header` is copied at once and free on return.
   * `payload` is sent from where it is, shared memory included, and must stay unchanged until onWritten has passed it.
   * False: enough is queued; hold on until onWritten comes. Never refuses or loses bytes.
   */
  write(header: Uint8Array, payload?: Uint8Array): boolean
  /** Reads again after allowedBytes answered 0. */
  resume(): void
  /** Sends what is queued, then ends. */
  close(): void
  /** Drops what is queued and resets. */
  abort(): void
}

export interface DialOptions {
  /** Leave through this local address only (bind to an interface). */
  readonly localAddress?: string
  readonly timeoutMs: number
}

export interface Listening {
  /** With the port really taken, where 0 was asked for. */
  readonly endpoint: Endpoint
  /** Stops accepting; connections stay. */
  close(): Promise<void>
}

/** Answers with the sink of a new connection, or undefined to refuse it: it is reset at once. */
export type AcceptStream = (stream: Stream) => StreamSink | undefined

export interface Streams {
  /** Port 0 takes any free one. Errors: address-in-use, address-unavailable. */
  listen(address: string, port: number, accept: AcceptStream): Promise<Result<Listening>>
  /** Addresses only: names are resolved and judged before. The outcome comes as onOpen or onClose, never from inside. */
  dial(remote: Endpoint, options: DialOptions, sink: StreamSink): Stream
}
