// The handshake: its 68 bytes, early answers, early refusal.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromHex, fromLatin1, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { peerId } from '../../../src/base/ids.ts'
import {
  encodeHandshake,
  type Handshake,
  HandshakeDecoder,
  handshakeLength,
} from '../../../src/formats/peer/handshake.ts'

const infoHash = '0123456789abcdef0123456789abcdef01234567'
const id = peerId(fromLatin1('-SW0100-abcdefghijkl'))
const protocol = toHex(fromLatin1('\x13BitTorrent protocol'))
const none = { extensionProtocol: false, fast: false, dht: false, v2Upgrade: false }

function bytesOf(handshake: Handshake): Uint8Array {
  const target = new Uint8Array(handshakeLength).fill(0xee)
  assert.equal(encodeHandshake(target, 0, handshake), handshakeLength)
  return target
}

function withReserved(reserved: string): Uint8Array {
  return unwrap(fromHex(`${protocol}${reserved}${infoHash}${id}`))
}

describe('handshake', () => {
  const cases: readonly (readonly [name: string, reserved: string, flags: Handshake['flags']])[] = [
    ['no extension', '0000000000000000', none],
    ['the extension protocol (BEP 10)', '0000000000100000', { ...none, extensionProtocol: true }],
    ['the fast extension (BEP 6)', '0000000000000004', { ...none, fast: true }],
    ['the DHT (BEP 5)', '0000000000000001', { ...none, dht: true }],
    ['the v2 upgrade (BEP 52)', '0000000000000010', { ...none, v2Upgrade: true }],
    ['all of them', '0000000000100015', { extensionProtocol: true, fast: true, dht: true, v2Upgrade: true }],
  ]
  for (const [name, reserved, flags] of cases) {
    test(`of ${name} has its reserved bits, both ways`, () => {
      assert.deepEqual(bytesOf({ flags, infoHash, peerId: id }), withReserved(reserved))
      const decoder = new HandshakeDecoder()
      assert.equal(decoder.push(withReserved(reserved)), handshakeLength)
      assert.deepEqual(decoder.handshake(), { flags, infoHash, peerId: id })
    })
  }

  test('ignores reserved bits it does not know', () => {
    const decoder = new HandshakeDecoder()
    decoder.push(withReserved('ffffffffffefffea'))
    assert.deepEqual(decoder.handshake()?.flags, none)
  })

  test('comes out the same however it is cut, and what follows is left', () => {
    const stream = concatBytes([withReserved('0000000000100005'), fromLatin1('what follows')])
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length), { maxLength: 10 }), (cuts) => {
        const decoder = new HandshakeDecoder()
        let taken = 0
        for (const cut of [...cuts.sort((a, b) => a - b), stream.length]) {
          const count = decoder.push(stream.subarray(taken, Math.max(cut, taken)))
          assert.ok(typeof count === 'number')
          taken += count
        }
        assert.equal(taken, handshakeLength)
        assert.equal(decoder.handshake()?.infoHash, infoHash)
        assert.equal(decoder.handshake()?.peerId, id)
      }),
    )
  })

  test('tells flags and info hash before the peer id has come', () => {
    const stream = withReserved('0000000000000004')
    const decoder = new HandshakeDecoder()
    decoder.push(stream.subarray(0, 27))
    assert.equal(decoder.flags(), undefined)
    decoder.push(stream.subarray(27, 47))
    assert.equal(decoder.flags()?.fast, true)
    assert.equal(decoder.infoHash(), undefined)
    decoder.push(stream.subarray(47, 48))
    assert.equal(decoder.infoHash(), infoHash)
    assert.equal(decoder.handshake(), undefined)
    decoder.push(stream.subarray(48))
    assert.equal(decoder.handshake()?.peerId, id)
  })

  test('is refused at its first wrong byte, and stays refused', () => {
    const valid = withReserved('0000000000000000')
    for (let position = 0; position < 20; position++) {
      const decoder = new HandshakeDecoder()
      const wrong = valid.slice(0, position + 1)
      wrong[position] = (wrong[position] as number) ^ 1
      const failure = decoder.push(wrong)
      assert.ok(typeof failure !== 'number' && failure.code === 'peer-handshake')
      assert.equal(decoder.push(valid), failure)
      assert.equal(decoder.handshake(), undefined)
    }
  })

  test('is written at the offset, and only where there is room', () => {
    const handshake = { flags: none, infoHash, peerId: id }
    const target = new Uint8Array(handshakeLength + 4)
    assert.equal(encodeHandshake(target, 4, handshake), handshakeLength + 4)
    assert.deepEqual(target.subarray(4), withReserved('0000000000000000'))
    assert.throws(() => encodeHandshake(target, 5, handshake))
    assert.throws(() => encodeHandshake(target, 0, { ...handshake, infoHash: 'ab' }))
  })
})
