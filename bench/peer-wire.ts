// Benchmark: the peer wire decoder over a stream of 16 KiB blocks, as a fast peer sends it, in chunks as a
// socket delivers them; against bare copying of the same bytes, the least any receiver has to do.
import assert from 'node:assert/strict'
import { concatBytes } from '../src/base/bytes.ts'
import { WireDecoder } from '../src/formats/peer/wire-decoder.ts'
import { encodeHave, encodePieceHeader } from '../src/formats/peer/wire-encoder.ts'
import { pieceHeaderLength, pieceMessageLength } from '../src/formats/peer/wire-messages.ts'
import { type Benchmark, compare, type Measurement } from './measure.ts'
import { SilentWire } from './silent-wire.ts'

const blockLength = 16_384
const blocksPerPiece = 64
const blockCount = 1_024

function stream(): Uint8Array {
  const parts: Uint8Array[] = []
  for (let index = 0; index < blockCount; index++) {
    const header = new Uint8Array(pieceHeaderLength + pieceMessageLength)
    const end = encodeHave(header, 0, index)
    encodePieceHeader(
      header,
      end,
      Math.floor(index / blocksPerPiece),
      (index % blocksPerPiece) * blockLength,
      blockLength,
    )
    parts.push(header, new Uint8Array(blockLength).fill(index))
  }
  return concatBytes(parts)
}

/** Copies blocks where they belong, as piece slots do. */
class CopyingSink extends SilentWire {
  readonly slot = new Uint8Array(blocksPerPiece * blockLength)
  received = 0
  haves = 0
  private begin = 0

  override piece(_piece: number, begin: number): void {
    this.begin = begin
  }

  override blockFragment(offset: number, chunk: Uint8Array, start: number, end: number): void {
    this.received += end - start
    this.slot.set(chunk.subarray(start, end), this.begin + offset)
  }

  override have(): void {
    this.haves++
  }
}

/** Only counts: what is left is the decoder alone. */
class CountingSink extends CopyingSink {
  override blockFragment(_offset: number, _chunk: Uint8Array, start: number, end: number): void {
    this.received += end - start
  }
}

function chunksOf(bytes: Uint8Array, chunkLength: number): Uint8Array[] {
  const count = Math.ceil(bytes.length / chunkLength)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * chunkLength, (index + 1) * chunkLength))
}

function decodeAll(chunks: readonly Uint8Array[], sink: CopyingSink): number {
  const decoder = new WireDecoder(sink, { pieceCount: blockCount })
  sink.received = 0
  for (const chunk of chunks) decoder.push(chunk)
  assert.equal(sink.received, blockCount * blockLength)
  return sink.received
}

function contests(bytes: Uint8Array, chunkLength: number): Measurement[] {
  const chunks = chunksOf(bytes, chunkLength)
  const slot = new Uint8Array(2 * chunkLength)
  const theirs = () => {
    for (const chunk of chunks) slot.set(chunk, 0)
    return slot[0]
  }
  const copying = new CopyingSink()
  const counting = new CountingSink()
  const name = `${chunkLength / 1_024} KiB chunks`
  const common = { unit: 'MiB/s', workPerCall: bytes.length / 1_048_576, theirs }
  return [
    compare({ ...common, name: `${name}: decode and copy`, bar: 0.5, ours: () => decodeAll(chunks, copying) }),
    compare({ ...common, name: `${name}: decode alone`, bar: 4, ours: () => decodeAll(chunks, counting) }),
  ]
}

export const benchmark: Benchmark = {
  name: 'peer-wire',
  summary: 'decoding a stream of 16 KiB blocks against copying its bytes',
  run() {
    const bytes = stream()
    return [64, 256].flatMap((kibibytes) => contests(bytes, kibibytes * 1_024))
  },
}
