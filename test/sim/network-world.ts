// Hosts on a simulated network for its own tests: one listens and counts, others dial and push bytes that can be checked.
// Guarantees: everything follows from the seed; what arrives is compared with what was sent, byte by byte.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import type { HostSettings, NetworkObserver } from '../../sim/ports/simulated-hosts.ts'
import { SimulatedNetwork } from '../../sim/ports/simulated-network.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import type { Stream, StreamSink } from '../../src/ports/streams.ts'

const port = 7_000

/** Both ends push the same bytes, so that any shift or gap shows. */
const pattern = Uint8Array.from({ length: 65_521 }, (_, index) => (index * 31 + (index >> 8)) & 0xff)

export class Transfer implements StreamSink {
  receivedBytes = 0
  isIntact = true
  isOpen = false
  hasEnded = false
  closed: string | undefined
  stream: Stream | undefined
  private remainingBytes: number
  private readonly closes: boolean

  constructor(totalBytes: number, closes = false) {
    this.remainingBytes = totalBytes
    this.closes = closes
  }

  onOpen(): void {
    this.isOpen = true
    this.push()
  }

  push(): void {
    while (this.remainingBytes > 0) {
      const part = pattern.subarray(0, Math.min(pattern.length, this.remainingBytes))
      this.remainingBytes -= part.length
      if (this.stream?.write(new Uint8Array(0), part) === false) return
    }
    if (this.closes) this.stream?.close()
  }

  allowedBytes(): number {
    return 1_000_000
  }

  onData(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      const at = this.receivedBytes % pattern.length
      const expected = pattern.subarray(at, at + bytes.length - offset)
      if (Buffer.compare(expected, bytes.subarray(offset, offset + expected.length)) !== 0) this.isIntact = false
      offset += expected.length
      this.receivedBytes += expected.length
    }
  }

  onWritten(): void {
    this.push()
  }

  onEnd(): void {
    this.hasEnded = true
  }

  onClose(failure: { readonly code: string } | undefined): void {
    this.closed = failure?.code ?? 'in order'
  }
}

export interface HeardDatagram {
  readonly text: string
  readonly from: string
  readonly atMs: number
}

export class NetworkWorld {
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly network: SimulatedNetwork

  constructor(seed = 1, observer: NetworkObserver = {}) {
    this.network = new SimulatedNetwork({ clock: this.clock, random: simulatedRandom(seed), observer })
  }

  /** A host that takes whatever connections come; the list grows. */
  async listener(address: string, settings: HostSettings = {}, pushesBytes = 0): Promise<Transfer[]> {
    const accepted: Transfer[] = []
    const streams = this.network.streams({ address, ...settings })
    const listening = streams.listen('0.0.0.0', port, (stream) => {
      const transfer = new Transfer(pushesBytes)
      transfer.stream = stream
      accepted.push(transfer)
      transfer.push()
      return transfer
    })
    unwrap(await listening)
    return accepted
  }

  dial(
    from: { readonly address: string } & HostSettings,
    to: string,
    bytes: number,
    { timeoutMs = 20_000, toPort = port, closes = false } = {},
  ): Transfer {
    const transfer = new Transfer(bytes, closes)
    const endpoint = { family: 4, address: to, port: toPort } as const
    transfer.stream = this.network.streams(from).dial(endpoint, { timeoutMs }, transfer)
    return transfer
  }

  /** A UDP socket that notes what it hears. */
  async socket(address: string, settings: HostSettings = {}, heard: HeardDatagram[] = []): Promise<DatagramSocket> {
    const binding = this.network.datagrams({ address, ...settings }).bind(
      { family: 4, port },
      {
        onDatagram: (bytes, source, sourcePort) => {
          const text = new TextDecoder().decode(bytes)
          heard.push({ text, from: `${source}:${sourcePort}`, atMs: this.clock.nowMs() })
        },
        onRoom: () => undefined,
      },
    )
    return unwrap(await binding)
  }

  /** Milliseconds until something holds. */
  async until(isDone: () => boolean, withinMs: number): Promise<number> {
    const startMs = this.clock.nowMs()
    assert.ok(await this.clock.runUntil(isDone, startMs + withinMs), `not within ${withinMs} ms`)
    return this.clock.nowMs() - startMs
  }
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
