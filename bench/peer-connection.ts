// Benchmark: a whole peer connection on its hot paths against the bare encoder or decoder doing the same messages:
// requests out (leech), blocks in (leech), requests in and blocks out (seed).
import assert from 'node:assert/strict'
import { concatBytes, fromLatin1 } from '../src/base/bytes.ts'
import { peerId } from '../src/base/ids.ts'
import { WireDecoder } from '../src/formats/peer/wire-decoder.ts'
import { encodePieceHeader, encodeRequest } from '../src/formats/peer/wire-encoder.ts'
import { blockMessageLength, pieceHeaderLength } from '../src/formats/peer/wire-messages.ts'
import { PeerConnection } from '../src/peer/peer-connection.ts'
import type { ByteSink, ExtensionEvents, PeerEvents } from '../src/peer/peer-events.ts'
import { type Benchmark, compare, type Measurement } from './measure.ts'
import { SilentWire } from './silent-wire.ts'

const blockLength = 16_384
const blocksPerPiece = 64
const count = 1_024
const pieceCount = count / blocksPerPiece
const chunkLength = 65_536
const requestsPerTurn = 32

/** Counts and does nothing else. */
class Counter extends SilentWire implements PeerEvents, ExtensionEvents, ByteSink {
  received = 0
  written = 0

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    this.written += header.length + (payload?.length ?? 0)
    return true
  }

  onBlock(): boolean {
    return true
  }

  onFragment(_offset: number, _chunk: Uint8Array, start: number, end: number): void {
    this.received += end - start
  }

  onRequest(_piece: number, _begin: number, length: number): void {
    this.received += length
  }

  override blockFragment(_offset: number, _chunk: Uint8Array, start: number, end: number): void {
    this.received += end - start
  }

  override request(_piece: number, _begin: number, length: number): void {
    this.received += length
  }

  onBlockEnd(): void {}
  onChoke(): void {}
  onUnchoke(): void {}
  onInterested(): void {}
  onNotInterested(): void {}
  onHave(): void {}
  onBitfield(): void {}
  onHaveAll(): void {}
  onHaveNone(): void {}
  onDonthave(): void {}
  onCancel(): void {}
  onReject(): void {}
  onSuggest(): void {}
  onAllowedFast(): void {}
  onUploadOnly(): void {}
  onHashRequest(): void {}
  onHashes(): void {}
  onHashReject(): void {}
  onExtensionHandshake(): void {}
  onExtension(): void {}
  onDhtPort(): void {}
}

function connectionTo(counter: Counter): PeerConnection {
  const flags = { extensionProtocol: true, fast: true, dht: true, v2Upgrade: false }
  const connection = new PeerConnection({
    sink: counter,
    local: flags,
    remote: { flags, infoHash: '00'.repeat(20), peerId: peerId(fromLatin1('-SW0100-abcdefghijkl')) },
    pieceCount,
    offers: [],
    requestQueueLength: 2_000,
    extension: counter,
    nowMs: 0,
  })
  connection.setEvents(counter)
  return connection
}

function pieceOf(index: number): number {
  return Math.floor(index / blocksPerPiece)
}

function beginOf(index: number): number {
  return (index % blocksPerPiece) * blockLength
}

function blockHeader(index: number): Uint8Array {
  const header = new Uint8Array(pieceHeaderLength)
  encodePieceHeader(header, 0, pieceOf(index), beginOf(index), blockLength)
  return header
}

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  const chunkCount = Math.ceil(bytes.length / chunkLength)
  return Array.from({ length: chunkCount }, (_, index) =>
    bytes.subarray(index * chunkLength, (index + 1) * chunkLength),
  )
}

function requestsOut(counter: Counter): () => number {
  const connection = connectionTo(counter)
  return () => {
    for (let index = 0; index < count; index++) {
      connection.request(pieceOf(index), beginOf(index), blockLength)
      if (index % requestsPerTurn === requestsPerTurn - 1) connection.flush()
    }
    return counter.written
  }
}

function bareRequestsOut(): () => number {
  const bytes = new Uint8Array(requestsPerTurn * blockMessageLength)
  return () => {
    for (let index = 0; index < count; index++) {
      const offset = (index % requestsPerTurn) * blockMessageLength
      encodeRequest(bytes, offset, pieceOf(index), beginOf(index), blockLength)
    }
    return bytes[5] as number
  }
}

/** The time moves on, for the budgets of messages to fill. */
let nowMs = 0

function receiving(counter: Counter, chunks: readonly Uint8Array[], requested: boolean): () => number {
  const connection = connectionTo(counter)
  return () => {
    counter.received = 0
    for (let index = 0; requested && index < count; index++) connection.request(0, 0, blockLength)
    nowMs += 1_000
    for (const chunk of chunks) connection.receive(chunk, nowMs)
    assert.equal(counter.received, count * blockLength)
    return counter.received
  }
}

function bareReceiving(counter: Counter, chunks: readonly Uint8Array[]): () => number {
  const decoder = new WireDecoder(counter, { pieceCount })
  return () => {
    counter.received = 0
    for (const chunk of chunks) decoder.push(chunk)
    assert.equal(counter.received, count * blockLength)
    return counter.received
  }
}

function blocksOut(counter: Counter, block: Uint8Array): () => number {
  const connection = connectionTo(counter)
  return () => {
    for (let index = 0; index < count; index++) connection.block(pieceOf(index), beginOf(index), block)
    return counter.written
  }
}

function bareBlocksOut(counter: Counter, block: Uint8Array): () => number {
  const header = new Uint8Array(pieceHeaderLength)
  return () => {
    for (let index = 0; index < count; index++) {
      encodePieceHeader(header, 0, pieceOf(index), beginOf(index), blockLength)
      counter.write(header, block)
    }
    return counter.written
  }
}

function measurements(): Measurement[] {
  const counter = new Counter()
  const block = new Uint8Array(blockLength).fill(7)
  const blocks = chunksOf(concatBytes(Array.from({ length: count }, (_, index) => [blockHeader(index), block]).flat()))
  const requests = new Uint8Array(count * blockMessageLength)
  for (let index = 0; index < count; index++) {
    encodeRequest(requests, index * blockMessageLength, pieceOf(index), beginOf(index), blockLength)
  }
  const requestChunks = chunksOf(requests)
  const common = { unit: 'messages/s', workPerCall: count }
  return [
    compare({ ...common, name: 'requests out', bar: 0.25, ours: requestsOut(counter), theirs: bareRequestsOut() }),
    compare({
      ...common,
      name: 'blocks in, requested before',
      bar: 0.25,
      ours: receiving(counter, blocks, true),
      theirs: bareReceiving(counter, blocks),
    }),
    compare({
      ...common,
      name: 'requests in',
      bar: 0.25,
      ours: receiving(counter, requestChunks, false),
      theirs: bareReceiving(counter, requestChunks),
    }),
    compare({
      ...common,
      name: 'blocks out',
      bar: 0.25,
      ours: blocksOut(counter, block),
      theirs: bareBlocksOut(counter, block),
    }),
  ]
}

export const benchmark: Benchmark = {
  name: 'peer-connection',
  summary: 'messages of a whole peer connection against the bare encoder and decoder',
  run: measurements,
}
