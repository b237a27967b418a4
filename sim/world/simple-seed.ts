// A peer that is no program of the product: it says that it has everything, unchokes whoever comes, and serves what it
// is told to, which may be lies, late, or nothing. It speaks version 1 without extensions (BEP 3), says every minute
// that it is there, and counts what comes. Owns its connections.
import { assert } from '../../src/base/assert.ts'
import { type PeerId, peerId } from '../../src/base/ids.ts'
import { encodeHandshake, HandshakeDecoder, handshakeLength } from '../../src/formats/peer/handshake.ts'
import {
  encodeBitfield,
  encodeKeepAlive,
  encodePieceHeader,
  encodeUnchoke,
} from '../../src/formats/peer/wire-encoder.ts'
import {
  bitfieldHeaderLength,
  keepAliveLength,
  pieceHeaderLength,
  requestId,
  stateMessageLength,
} from '../../src/formats/peer/wire-messages.ts'
import type { Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import type { HostOptions } from '../ports/simulated-hosts.ts'
import { type Content, pieceSpace } from './content.ts'
import type { World } from './world.ts'

export interface SimpleSeedOptions extends HostOptions {
  readonly content: Content
  /** What it sends for a block; undefined: nothing, ever. Absent: the content. */
  readonly serve?: (piece: number, begin: number, length: number) => Uint8Array | undefined
  /** Absent: one of its own. */
  readonly peerId?: PeerId
}

const port = 6881
const keepAliveMs = 60_000

export class SimpleSeed {
  readonly endpoint: string
  /** Connections past the handshake. */
  connectionCount = 0
  requestCount = 0
  servedCount = 0
  private readonly world: World
  private readonly options: SimpleSeedOptions
  private readonly serve: NonNullable<SimpleSeedOptions['serve']>
  private readonly streams: Streams
  private readonly open = new Set<Stream>()

  constructor(world: World, options: SimpleSeedOptions) {
    this.world = world
    this.options = options
    this.serve = options.serve ?? blocksOf(options.content)
    this.endpoint = `${options.address}:${port}`
    this.streams = world.network.streams(options)
    void this.streams.listen('0.0.0.0', port, (stream) => this.sink(() => stream, false))
  }

  /** Comes by itself. */
  dial(address: string): void {
    const sink = this.sink(() => stream, true)
    const stream = this.streams.dial({ family: 4, address, port }, { timeoutMs: 1_000 }, sink)
  }

  /** Ends all its connections, behind what was sent. */
  leave(): void {
    for (const stream of this.open) stream.close()
  }

  private sink(streamOf: () => Stream, isDialled: boolean): StreamSink {
    const handshake = new HandshakeDecoder()
    let received = new Uint8Array(0)
    let isClosed = false
    const stayAwake = () => {
      if (isClosed) return
      const message = new Uint8Array(keepAliveLength)
      encodeKeepAlive(message, 0)
      streamOf().write(message)
      this.world.clock.after(keepAliveMs, stayAwake)
    }
    return {
      onOpen: () => {
        if (isDialled) this.greet(streamOf())
      },
      allowedBytes: () => 65_536,
      onData: (bytes) => {
        const wasOpen = handshake.handshake() !== undefined
        const taken = handshake.push(bytes)
        assert(typeof taken === 'number', 'a handshake of the product')
        if (!wasOpen && handshake.handshake() !== undefined) {
          this.connectionCount++
          this.open.add(streamOf())
          if (!isDialled) this.greet(streamOf())
          stayAwake()
        }
        received = this.takeMessages(joined(received, bytes.subarray(taken)), streamOf())
      },
      onWritten: () => undefined,
      onEnd: () => streamOf().close(),
      onClose: () => {
        isClosed = true
        this.open.delete(streamOf())
      },
    }
  }

  private greet(stream: Stream): void {
    const { content, address } = this.options
    const { infoHashV1, pieceCount } = content.info
    const handshake = new Uint8Array(handshakeLength)
    encodeHandshake(handshake, 0, {
      flags: { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false },
      infoHash: infoHashV1 ?? '',
      peerId: this.options.peerId ?? this.ownId(address),
    })
    stream.write(handshake)
    const bits = new Uint8Array(Math.ceil(pieceCount / 8)).fill(0xff)
    const spareBits = bits.length * 8 - pieceCount
    bits[bits.length - 1] = (0xff << spareBits) & 0xff
    const greeting = new Uint8Array(bitfieldHeaderLength + bits.length + stateMessageLength)
    encodeUnchoke(greeting, encodeBitfield(greeting, 0, bits))
    stream.write(greeting)
  }

  private ownId(address: string): PeerId {
    const id = new Uint8Array(20)
    this.world.randomOf(address).fill(id)
    return peerId(id)
  }

  /** Answers what is whole; the rest. */
  private takeMessages(received: Uint8Array<ArrayBuffer>, stream: Stream): Uint8Array<ArrayBuffer> {
    const view = new DataView(received.buffer, received.byteOffset, received.length)
    let at = 0
    while (at + 4 <= received.length && at + 4 + view.getUint32(at) <= received.length) {
      const isRequest = view.getUint32(at) === 13 && received[at + 4] === requestId
      if (isRequest) this.answer(stream, view.getUint32(at + 5), view.getUint32(at + 9), view.getUint32(at + 13))
      at += 4 + view.getUint32(at)
    }
    return received.slice(at)
  }

  private answer(stream: Stream, piece: number, begin: number, length: number): void {
    this.requestCount++
    const bytes = this.serve(piece, begin, length)
    if (bytes === undefined) return
    this.servedCount++
    const header = new Uint8Array(pieceHeaderLength)
    encodePieceHeader(header, 0, piece, begin, length)
    stream.write(header, bytes)
  }
}

function blocksOf(content: Content): NonNullable<SimpleSeedOptions['serve']> {
  const space = pieceSpace(content)
  return (piece, begin, length) => {
    const start = piece * content.info.pieceLengthBytes + begin
    return space.subarray(start, start + length)
  }
}

function joined(a: Uint8Array<ArrayBuffer>, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
