// A wire sink that keeps what it is told, blocks put together again and views copied; and the way back, a kept
// message to bytes. Checks on the way what every sink may rely on: fragments in order, without gaps.
import assert from 'node:assert/strict'
import { concatBytes, fromHex, toHex, writeUint32 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { WireDecoder, type WireDecoderOptions } from '../../../src/formats/peer/wire-decoder.ts'
import * as encoder from '../../../src/formats/peer/wire-encoder.ts'
import type { HashRange, WireSink } from '../../../src/formats/peer/wire-messages.ts'

/** Byte strings in hexadecimal, so that messages compare deeply and print readably. */
export type WireMessage =
  | { type: 'keepAlive' | 'choke' | 'unchoke' | 'interested' | 'notInterested' | 'haveAll' | 'haveNone' }
  | { type: 'have' | 'suggest' | 'allowedFast'; piece: number }
  | { type: 'request' | 'cancel' | 'reject'; piece: number; begin: number; length: number }
  | { type: 'piece'; piece: number; begin: number; length: number; block: string }
  | { type: 'bitfield'; bits: string }
  | { type: 'port'; port: number }
  | { type: 'extended'; id: number; payload: string }
  | ({ type: 'hashRequest' | 'hashReject' } & RecordedRange)
  | ({ type: 'hashes'; hashes: string } & RecordedRange)
  | { type: 'unknown'; id: number; payloadLength: number }

export interface RecordedRange {
  piecesRoot: string
  baseLayer: number
  index: number
  length: number
  proofLayers: number
}

function recorded(range: HashRange): RecordedRange {
  return { ...range, piecesRoot: toHex(range.piecesRoot) }
}

export class RecordingSink implements WireSink {
  readonly messages: WireMessage[] = []
  /** Called before each message is kept. */
  onMessage: () => void = () => {}
  private blockLength = 0

  private keep(message: WireMessage): void {
    const last = this.messages.at(-1)
    if (last?.type === 'piece') assert.equal(this.blockLength, last.length, 'a message inside a block')
    this.onMessage()
    this.messages.push(message)
  }

  keepAlive = () => this.keep({ type: 'keepAlive' })
  choke = () => this.keep({ type: 'choke' })
  unchoke = () => this.keep({ type: 'unchoke' })
  interested = () => this.keep({ type: 'interested' })
  notInterested = () => this.keep({ type: 'notInterested' })
  haveAll = () => this.keep({ type: 'haveAll' })
  haveNone = () => this.keep({ type: 'haveNone' })
  have = (piece: number) => this.keep({ type: 'have', piece })
  suggest = (piece: number) => this.keep({ type: 'suggest', piece })
  allowedFast = (piece: number) => this.keep({ type: 'allowedFast', piece })
  bitfield = (bits: Uint8Array) => this.keep({ type: 'bitfield', bits: toHex(bits) })
  port = (port: number) => this.keep({ type: 'port', port })
  extended = (id: number, payload: Uint8Array) => this.keep({ type: 'extended', id, payload: toHex(payload) })
  hashRequest = (range: HashRange) => this.keep({ type: 'hashRequest', ...recorded(range) })
  hashReject = (range: HashRange) => this.keep({ type: 'hashReject', ...recorded(range) })
  unknown = (id: number, payloadLength: number) => this.keep({ type: 'unknown', id, payloadLength })

  request(piece: number, begin: number, length: number): void {
    this.keep({ type: 'request', piece, begin, length })
  }

  cancel(piece: number, begin: number, length: number): void {
    this.keep({ type: 'cancel', piece, begin, length })
  }

  reject(piece: number, begin: number, length: number): void {
    this.keep({ type: 'reject', piece, begin, length })
  }

  hashes(range: HashRange, hashes: Uint8Array): void {
    this.keep({ type: 'hashes', ...recorded(range), hashes: toHex(hashes) })
  }

  piece(piece: number, begin: number, length: number): void {
    this.keep({ type: 'piece', piece, begin, length, block: '' })
    this.blockLength = 0
  }

  blockFragment(offset: number, chunk: Uint8Array, start: number, end: number): void {
    const current = this.messages.at(-1)
    assert.ok(current?.type === 'piece', 'a fragment outside a block')
    assert.equal(offset, this.blockLength)
    assert.ok(start < end && end <= chunk.length && offset + end - start <= current.length)
    current.block += toHex(chunk.subarray(start, end))
    this.blockLength += end - start
  }
}

function bytesOf(hex: string): Uint8Array {
  return unwrap(fromHex(hex))
}

function rangeOf(message: RecordedRange): HashRange {
  return { ...message, piecesRoot: bytesOf(message.piecesRoot) }
}

const target = new Uint8Array(512 * 1024)

function encodeInto(message: WireMessage): number {
  switch (message.type) {
    case 'keepAlive':
      return encoder.encodeKeepAlive(target, 0)
    case 'choke':
      return encoder.encodeChoke(target, 0)
    case 'unchoke':
      return encoder.encodeUnchoke(target, 0)
    case 'interested':
      return encoder.encodeInterested(target, 0)
    case 'notInterested':
      return encoder.encodeNotInterested(target, 0)
    case 'haveAll':
      return encoder.encodeHaveAll(target, 0)
    case 'haveNone':
      return encoder.encodeHaveNone(target, 0)
    case 'have':
      return encoder.encodeHave(target, 0, message.piece)
    case 'suggest':
      return encoder.encodeSuggest(target, 0, message.piece)
    case 'allowedFast':
      return encoder.encodeAllowedFast(target, 0, message.piece)
    case 'request':
      return encoder.encodeRequest(target, 0, message.piece, message.begin, message.length)
    case 'cancel':
      return encoder.encodeCancel(target, 0, message.piece, message.begin, message.length)
    case 'reject':
      return encoder.encodeReject(target, 0, message.piece, message.begin, message.length)
    case 'piece': {
      // No encoder writes an empty block, but some clients do.
      if (message.length === 0) {
        writeUint32(target, 0, 9)
        target[4] = 7
        writeUint32(target, 5, message.piece)
        writeUint32(target, 9, message.begin)
        return 13
      }
      const header = encoder.encodePieceHeader(target, 0, message.piece, message.begin, message.length)
      target.set(bytesOf(message.block), header)
      return header + message.length
    }
    case 'bitfield':
      return encoder.encodeBitfield(target, 0, bytesOf(message.bits))
    case 'port':
      return encoder.encodePort(target, 0, message.port)
    case 'extended':
      return encoder.encodeExtended(target, 0, message.id, bytesOf(message.payload))
    case 'hashRequest':
      return encoder.encodeHashRequest(target, 0, rangeOf(message))
    case 'hashReject':
      return encoder.encodeHashReject(target, 0, rangeOf(message))
    case 'hashes':
      return encoder.encodeHashes(target, 0, rangeOf(message), bytesOf(message.hashes))
    case 'unknown':
      throw new Error('there is no encoder of unknown messages')
  }
}

/** The message on the wire. */
export function encodeMessage(message: WireMessage): Uint8Array {
  return target.slice(0, encodeInto(message))
}

export function encodeMessages(messages: readonly WireMessage[]): Uint8Array {
  return concatBytes(messages.map(encodeMessage))
}

/** Pushes `stream` cut before each of the given positions; what came out, and the failure's code if any. */
export function decodeInChunks(stream: Uint8Array, cuts: readonly number[], options: WireDecoderOptions = {}) {
  const sink = new RecordingSink()
  const decoder = new WireDecoder(sink, options)
  let code: string | undefined
  let start = 0
  for (const cut of [...cuts, stream.length]) {
    if (cut < start) continue
    // A copy that is overwritten afterwards, as a reused receive buffer is.
    const chunk = stream.slice(start, cut)
    code = decoder.push(chunk)?.code
    chunk.fill(0xee)
    start = cut
  }
  return { messages: sink.messages, code }
}
