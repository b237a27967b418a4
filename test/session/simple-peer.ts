// A peer that is no session: it has everything, unchokes whoever comes, and serves whatever bytes it was given, right
// or wrong. It speaks version 1 without extensions (BEP 3). Owns its connections.
import { peerId } from '../../src/base/ids.ts'
import { encodeHandshake, handshakeLength } from '../../src/formats/peer/handshake.ts'
import { encodeBitfield, encodePieceHeader, encodeUnchoke } from '../../src/formats/peer/wire-encoder.ts'
import type { Stream, StreamSink, Streams } from '../../src/ports/streams.ts'
import type { World } from './session-harness.ts'

const requestId = 6

export interface SimplePeerOptions {
  readonly content: Uint8Array
  readonly pieceLengthBytes: number
  /** Of all simple peers different ones, unless a scenario wants it otherwise. */
  readonly id: number
  /** Goes after so many blocks, before anybody can judge them. */
  readonly leavesAfter?: number
}

export class SimplePeer {
  readonly endpoint: string
  /** Past its handshake. */
  connectionCount = 0
  /** Pieces that were asked for, one for each request. */
  readonly requested: number[] = []
  private readonly options: SimplePeerOptions
  private readonly streams: Streams

  constructor(world: World, address: string, options: SimplePeerOptions) {
    this.options = options
    this.endpoint = `${address}:6881`
    this.streams = world.network.streams({ address })
    void this.streams.listen('0.0.0.0', 6881, (stream) => this.sink(() => stream))
  }

  /** Comes by itself, for a torrent of version 1. */
  dial(address: string, port: number, infoHash: string): void {
    const sink = this.sink(() => stream, infoHash)
    const stream = this.streams.dial({ family: 4, address, port }, { timeoutMs: 1_000 }, sink)
  }

  private sink(streamOf: () => Stream, dialled?: string): StreamSink {
    let received = Buffer.alloc(0)
    let isOpen = false
    return {
      onOpen: () => {
        if (dialled !== undefined) this.greet(streamOf(), dialled)
      },
      allowedBytes: () => 65_536,
      onData: (bytes) => {
        received = Buffer.concat([received, bytes])
        if (!isOpen && received.length >= handshakeLength) {
          isOpen = true
          this.connectionCount++
          if (dialled === undefined) this.greet(streamOf(), received.toString('hex', 28, 48))
          received = received.subarray(handshakeLength)
        }
        while (isOpen && received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
          const message = received.subarray(4, 4 + received.readUInt32BE(0))
          received = received.subarray(4 + message.length)
          if (message[0] === requestId) {
            this.serve(streamOf(), message.readUInt32BE(1), message.readUInt32BE(5), message.readUInt32BE(9))
          }
        }
      },
      onWritten: () => undefined,
      onEnd: () => streamOf().close(),
      onClose: () => undefined,
    }
  }

  private greet(stream: Stream, infoHash: string): void {
    const { content, pieceLengthBytes, id } = this.options
    const handshake = new Uint8Array(handshakeLength)
    encodeHandshake(handshake, 0, {
      flags: { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false },
      infoHash,
      peerId: peerId(new Uint8Array(20).fill(id)),
    })
    stream.write(handshake)
    const pieceCount = Math.ceil(content.length / pieceLengthBytes)
    const bits = new Uint8Array(Math.ceil(pieceCount / 8))
    for (let piece = 0; piece < pieceCount; piece++)
      bits[piece >> 3] = (bits[piece >> 3] as number) | (0x80 >> (piece & 7))
    const message = new Uint8Array(64 + bits.length)
    stream.write(message.slice(0, encodeBitfield(message, 0, bits)))
    stream.write(message.slice(0, encodeUnchoke(message, 0)))
  }

  private serve(stream: Stream, piece: number, begin: number, length: number): void {
    const { content, pieceLengthBytes, leavesAfter } = this.options
    this.requested.push(piece)
    const start = piece * pieceLengthBytes + begin
    const header = new Uint8Array(64)
    stream.write(
      header.slice(0, encodePieceHeader(header, 0, piece, begin, length)),
      content.subarray(start, start + length),
    )
    if (this.requested.length === leavesAfter) stream.close()
  }
}
