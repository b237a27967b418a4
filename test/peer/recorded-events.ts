// Sinks of a peer connection that keep what they are told as lines of text, views copied, and check on the way what
// PeerEvents promises: transitions only, nothing taken back by have none, blocks whole and in order, nothing out of range.
import assert from 'node:assert/strict'
import { toHex } from '../../src/base/bytes.ts'
import type { ExtensionHandshake } from '../../src/formats/peer/extension-handshake.ts'
import type { HashRange } from '../../src/formats/peer/wire-messages.ts'
import type { ExtensionEvents, PeerEvents } from '../../src/peer/peer-events.ts'

export function rangeText({ piecesRoot, baseLayer, index, length, proofLayers }: HashRange): string {
  return `${toHex(piecesRoot.subarray(0, 4))} ${baseLayer} ${index} ${length} ${proofLayers}`
}

export class RecordedEvents implements PeerEvents, ExtensionEvents {
  readonly lines: string[] = []
  readonly blocks: Uint8Array[] = []
  handshake: ExtensionHandshake | undefined
  /** Asked before each block. */
  wantsBlocks = true
  /** Called with each line as it is kept. */
  onLine: (line: string) => void = () => {}
  /** Set when nothing may be told any more. */
  isOver = false
  private readonly pieceCount: number
  private isChoking = true
  private isInterested = false
  private isUploadOnly = false
  private hasSaidPieces = false
  private block: Uint8Array | undefined
  private blockEnd = 0

  constructor(pieceCount: number) {
    this.pieceCount = pieceCount
  }

  private keep(line: string): void {
    assert.ok(!this.isOver, `${line} after the end`)
    assert.ok(this.block === undefined, `${line} inside a block`)
    this.lines.push(line)
    this.onLine(line)
  }

  private keepPiece(line: string, piece: number): void {
    assert.ok(Number.isInteger(piece) && piece >= 0 && piece < this.pieceCount, `piece ${piece} of ${this.pieceCount}`)
    this.keep(`${line} ${piece}`)
  }

  private keepRange(line: string, piece: number, begin: number, length: number): void {
    assert.ok(begin >= 0 && length >= 0 && length <= 131_072)
    this.keepPiece(`${line} ${begin}+${length} of`, piece)
  }

  onChoke(): void {
    assert.ok(!this.isChoking)
    this.isChoking = true
    this.keep('choke')
  }

  onUnchoke(): void {
    assert.ok(this.isChoking)
    this.isChoking = false
    this.keep('unchoke')
  }

  onInterested(): void {
    assert.ok(!this.isInterested)
    this.isInterested = true
    this.keep('interested')
  }

  onNotInterested(): void {
    assert.ok(this.isInterested)
    this.isInterested = false
    this.keep('not interested')
  }

  onHave(piece: number): void {
    this.hasSaidPieces = true
    this.keepPiece('have', piece)
  }

  onBitfield(bits: Uint8Array): void {
    this.hasSaidPieces = true
    assert.equal(bits.length, Math.ceil(this.pieceCount / 8))
    const spareMask = (1 << (bits.length * 8 - this.pieceCount)) - 1
    assert.equal((bits.at(-1) as number) & spareMask, 0, 'spare bits')
    this.keep(`bitfield ${toHex(bits)}`)
  }

  onHaveAll(): void {
    this.hasSaidPieces = true
    this.keep('have all')
  }

  onHaveNone(): void {
    assert.ok(!this.hasSaidPieces, 'that a peer has nothing, told late')
    this.hasSaidPieces = true
    this.keep('have none')
  }

  onDonthave(piece: number): void {
    this.hasSaidPieces = true
    this.keepPiece('donthave', piece)
  }

  onRequest(piece: number, begin: number, length: number): void {
    assert.ok(length > 0)
    this.keepRange('request', piece, begin, length)
  }

  onCancel(piece: number, begin: number, length: number): void {
    this.keepRange('cancel', piece, begin, length)
  }

  onBlock(piece: number, begin: number, length: number): boolean {
    this.keepRange('block', piece, begin, length)
    if (!this.wantsBlocks) return false
    this.block = new Uint8Array(length)
    this.blockEnd = 0
    return true
  }

  onFragment(offset: number, chunk: Uint8Array, start: number, end: number): void {
    assert.ok(!this.isOver && this.block !== undefined, 'a fragment outside a block')
    assert.equal(offset, this.blockEnd)
    assert.ok(start < end && end <= chunk.length)
    this.block.set(chunk.subarray(start, end), offset)
    this.blockEnd += end - start
  }

  onBlockEnd(): void {
    assert.ok(!this.isOver && this.block !== undefined)
    assert.equal(this.blockEnd, this.block.length)
    this.blocks.push(this.block)
    this.block = undefined
  }

  onReject(piece: number, begin: number, length: number): void {
    this.keepRange('reject', piece, begin, length)
  }

  onSuggest(piece: number): void {
    this.keepPiece('suggest', piece)
  }

  onAllowedFast(piece: number): void {
    this.keepPiece('allowed fast', piece)
  }

  onUploadOnly(isUploadOnly: boolean): void {
    assert.notEqual(isUploadOnly, this.isUploadOnly)
    this.isUploadOnly = isUploadOnly
    this.keep(`upload only ${isUploadOnly}`)
  }

  onHashRequest(range: HashRange): void {
    this.keep(`hash request ${rangeText(range)}`)
  }

  onHashes(range: HashRange, hashes: Uint8Array): void {
    assert.ok(hashes.length > 0 && hashes.length % 32 === 0)
    this.keep(`hashes ${rangeText(range)}: ${toHex(hashes)}`)
  }

  onHashReject(range: HashRange): void {
    this.keep(`hash reject ${rangeText(range)}`)
  }

  onExtensionHandshake(handshake: ExtensionHandshake): void {
    this.handshake = handshake
    this.keep('extension handshake')
  }

  onExtension(name: string, payload: Uint8Array): void {
    this.keep(`extension ${name} ${toHex(payload)}`)
  }

  onDhtPort(port: number): void {
    assert.ok(port > 0 && port <= 65_535)
    this.keep(`dht port ${port}`)
  }
}
