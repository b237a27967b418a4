// The peer wire encoder: where it writes, how much, and the caller's mistakes it refuses. The bytes themselves
// stand in wire-decoder.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toHex } from '../../../src/base/bytes.ts'
import * as encoder from '../../../src/formats/peer/wire-encoder.ts'
import * as wire from '../../../src/formats/peer/wire-messages.ts'

const root = new Uint8Array(32)
const range = { piecesRoot: root, baseLayer: 0, index: 0, length: 2, proofLayers: 0 }

describe('wire encoder', () => {
  const writers: readonly (readonly [
    name: string,
    length: number,
    write: (target: Uint8Array, offset: number) => number,
  ])[] = [
    ['keep-alive', wire.keepAliveLength, (target, offset) => encoder.encodeKeepAlive(target, offset)],
    ['choke', wire.stateMessageLength, (target, offset) => encoder.encodeChoke(target, offset)],
    ['have', wire.pieceMessageLength, (target, offset) => encoder.encodeHave(target, offset, 1)],
    ['request', wire.blockMessageLength, (target, offset) => encoder.encodeRequest(target, offset, 1, 2, 3)],
    ['piece header', wire.pieceHeaderLength, (target, offset) => encoder.encodePieceHeader(target, offset, 1, 2, 3)],
    [
      'bitfield',
      wire.bitfieldHeaderLength + 2,
      (target, offset) => encoder.encodeBitfield(target, offset, new Uint8Array(2)),
    ],
    ['port', wire.portMessageLength, (target, offset) => encoder.encodePort(target, offset, 1)],
    [
      'extended',
      wire.extendedHeaderLength + 2,
      (target, offset) => encoder.encodeExtended(target, offset, 1, new Uint8Array(2)),
    ],
    ['hash request', wire.hashMessageLength, (target, offset) => encoder.encodeHashRequest(target, offset, range)],
    [
      'hashes',
      wire.hashMessageLength + 64,
      (target, offset) => encoder.encodeHashes(target, offset, range, new Uint8Array(64)),
    ],
  ]
  for (const [name, length, write] of writers) {
    test(`${name} takes exactly its ${length} bytes at the offset, and throws where there is no room`, () => {
      const target = new Uint8Array(length + 6).fill(0xee)
      assert.equal(write(target, 3), 3 + length)
      assert.equal(toHex(target.subarray(0, 3)), 'eeeeee')
      assert.equal(toHex(target.subarray(3 + length)), 'eeeeee')
      assert.throws(() => write(new Uint8Array(length + 2), 3))
      assert.throws(() => write(target, -1))
    })
  }

  test('refuses values that would be cut on the wire', () => {
    const target = new Uint8Array(200)
    assert.throws(() => encoder.encodeHave(target, 0, -1))
    assert.throws(() => encoder.encodeHave(target, 0, 2 ** 32))
    assert.throws(() => encoder.encodeHave(target, 0, 1.5))
    assert.throws(() => encoder.encodeRequest(target, 0, 0, 0, 0))
    assert.throws(() => encoder.encodeRequest(target, 0, 0, 0, 131_073))
    assert.throws(() => encoder.encodePieceHeader(target, 0, 0, -1, 1))
    assert.throws(() => encoder.encodePort(target, 0, 0))
    assert.throws(() => encoder.encodePort(target, 0, 65_536))
    assert.throws(() => encoder.encodeExtended(target, 0, 256, new Uint8Array(0)))
    assert.throws(() => encoder.encodeBitfield(target, 0, new Uint8Array(0)))
    assert.throws(() => encoder.encodeHashes(target, 0, range, new Uint8Array(33)))
    assert.throws(() => encoder.encodeHashRequest(target, 0, { ...range, piecesRoot: new Uint8Array(31) }))
    assert.throws(() => encoder.encodeHashRequest(target, 0, { ...range, length: 0 }))
    assert.throws(() => encoder.encodeHashRequest(target, 0, { ...range, baseLayer: 41 }))
  })
})
