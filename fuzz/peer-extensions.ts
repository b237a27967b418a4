// Fuzz target: extension payloads (BEP 9, 10, 11, 21, 54, 55) and compact endpoints. For any bytes each decoder
// answers a bounded value or peer-extension, and what it accepted has an encoding that decodes to the same.
import assert from 'node:assert/strict'
import { fromLatin1, toLatin1 } from '../src/base/bytes.ts'
import type { Result } from '../src/base/errors.ts'
import {
  addressBytes,
  decodeCompactEndpoints,
  encodeCompactEndpoints,
  parseAddress,
} from '../src/formats/compact-endpoint.ts'
import { decodeDonthave, decodeUploadOnly, encodeDonthave, encodeUploadOnly } from '../src/formats/peer/availability.ts'
import { decodeExtensionHandshake, encodeExtensionHandshake } from '../src/formats/peer/extension-handshake.ts'
import { decodeHolepunch, encodeHolepunch } from '../src/formats/peer/holepunch.ts'
import { decodeMetadataMessage, encodeMetadataMessage } from '../src/formats/peer/metadata-message.ts'
import { decodePeerExchange, encodePeerExchange, maxExchangedPeers } from '../src/formats/peer/peer-exchange.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const seeds = [
  'd1:md11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei31235e1:pi6881e4:reqqi500e1:v13:Swarmbid 0.1.06:yourip4:\x7f\x00\x00\x01e',
  'd8:msg_typei0e5:piecei0ee',
  'd8:msg_typei1e5:piecei0e10:total_sizei5ee12345',
  'd5:added12:\x01\x02\x03\x04\x00\x05\x01\x02\x03\x05\x00\x057:added.f2:\x01\x1f7:dropped6:\x01\x02\x03\x04\x00\x06e',
  'd6:added618:0123456789abcdef\x00\x058:added6.f1:\x10e',
  '\x00\x00\x01\x02\x03\x04\x1a\xe1\x00\x00\x00\x00',
  '\x02\x010123456789abcdef\x1a\xe1\x00\x00\x00\x02',
  '\x00\x00\x01\x02',
  '2001:db8::1:192.0.2.1',
]
const tokens = ['1:m', '5:added', '6:added6', '7:added.f', '8:msg_type', '5:piece', '10:total_size', 'i1e', '::', '6:']

/** Decodes; what is accepted must survive being encoded, what is refused must say so with its code. */
function survive<T>(
  input: Uint8Array,
  decode: (payload: Uint8Array) => Result<T>,
  encode: (value: T) => Uint8Array,
): void {
  const result = decode(input)
  if (!result.ok) assert.equal(result.code, 'peer-extension')
  else assert.deepEqual(decode(encode(result.value)), result)
}

function surviveEndpoints(input: Uint8Array, family: 4 | 6): void {
  const result = decodeCompactEndpoints(input, family, 1_000, 'peer-extension')
  if (!result.ok) {
    assert.equal(result.code, 'peer-extension')
    return
  }
  const packed = encodeCompactEndpoints(result.value, family)
  assert.deepEqual(decodeCompactEndpoints(packed, family, 1_000), result)
}

export const target: FuzzTarget = {
  name: 'peer-extensions',
  seeds: seeds.map(fromLatin1),
  tokens: tokens.map(fromLatin1),
  run(input) {
    survive(input, decodeExtensionHandshake, encodeExtensionHandshake)
    survive(input, decodeDonthaveOfAny, encodeDonthave)
    survive(input, decodeUploadOnly, encodeUploadOnly)
    const metadata = decodeMetadataMessage(input)
    if (metadata.ok && metadata.value.type !== 'unknown') {
      assert.deepEqual(decodeMetadataMessage(encodeMetadataMessage(metadata.value)), metadata)
    }
    const holepunch = decodeHolepunch(input)
    const hasCode = holepunch.ok && !(holepunch.value.type === 'error' && holepunch.value.error === 'unknown')
    if (hasCode && holepunch.value.type !== 'unknown') {
      assert.deepEqual(decodeHolepunch(encodeHolepunch(holepunch.value)), holepunch)
    }
    survive(input, decodePeerExchange, encodePeerExchange)
    const exchange = decodePeerExchange(input)
    if (exchange.ok) assert.ok(exchange.value.added.length <= 2 * maxExchangedPeers)
    surviveEndpoints(input, 4)
    surviveEndpoints(input, 6)
    const address = parseAddress(toLatin1(input))
    if (address !== undefined) assert.ok(addressBytes(address.address) !== undefined)
  },
}

function decodeDonthaveOfAny(payload: Uint8Array): Result<number> {
  return decodeDonthave(payload, 2 ** 32)
}
