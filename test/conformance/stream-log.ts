// A sink that remembers what a stream told it, and fails the test when the stream calls from inside a call, after the
// last one, or twice. One per connection; tests change `allowed` and the hooks.
import assert from 'node:assert/strict'
import { concatBytes } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { Failure } from '../../src/base/errors.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'

export class StreamLog implements StreamSink {
  allowed = Infinity
  onBytes: (bytes: Uint8Array) => void = () => undefined
  onRoom: () => void = () => undefined
  opens = 0
  ends = 0
  closes = 0
  failure: Failure | undefined
  writtenBytes = 0
  receivedBytes = 0
  longestRead = 0
  keepsBytes = true
  private readonly parts: Uint8Array[] = []
  private isInside = false
  private ownStream: Stream | undefined

  get stream(): Stream {
    assert.ok(this.ownStream !== undefined)
    return this.ownStream
  }

  set stream(stream: Stream) {
    this.ownStream = stream
  }

  get received(): Uint8Array {
    return concatBytes(this.parts)
  }

  /** Calls on the stream must not call back before they return. */
  during<T>(call: () => T): T {
    const before = this.isInside
    this.isInside = true
    try {
      return call()
    } finally {
      this.isInside = before
    }
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    return this.during(() => this.stream.write(header, payload))
  }

  onOpen(): void {
    this.note()
    this.opens++
  }

  allowedBytes(): number {
    this.note()
    return this.allowed
  }

  onData(bytes: Uint8Array): void {
    this.note()
    assert.ok(bytes.length > 0, 'a read of nothing')
    this.receivedBytes += bytes.length
    this.longestRead = Math.max(this.longestRead, bytes.length)
    if (this.keepsBytes) this.parts.push(bytes.slice())
    this.onBytes(bytes)
  }

  onWritten(totalBytes: number): void {
    this.note()
    assert.ok(totalBytes > this.writtenBytes, 'onWritten goes forward')
    this.writtenBytes = totalBytes
    this.onRoom()
  }

  onEnd(): void {
    this.note()
    this.ends++
    assert.equal(this.ends, 1)
  }

  onClose(failure: Failure | undefined): void {
    this.note()
    this.closes++
    this.failure = failure
  }

  private note(): void {
    assert.equal(this.isInside, false, 'called from inside a call on the stream')
    assert.equal(this.closes, 0, 'called after onClose')
  }
}

/** As `accept` of listen takes it: makes a log for each connection. */
export function acceptInto(logs: StreamLog[], prepare: (log: StreamLog) => void = () => undefined) {
  return (stream: Stream): StreamSink => {
    const log = new StreamLog()
    log.stream = stream
    logs.push(log)
    prepare(log)
    return log
  }
}

export function endpointText(endpoint: Endpoint | undefined): string {
  return endpoint === undefined ? '' : `${endpoint.family} ${endpoint.address} ${endpoint.port}`
}
