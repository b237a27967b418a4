// Ids: hexadecimal text of exactly the bytes they name, and of no other length.
import { equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { equalBytes } from '../../src/base/bytes.ts'
import { clientCode, idBytes, infoHashV1, infoHashV2, nodeId, peerId } from '../../src/base/ids.ts'

const makers = [
  { make: infoHashV1, lengthBytes: 20 },
  { make: infoHashV2, lengthBytes: 32 },
  { make: peerId, lengthBytes: 20 },
  { make: nodeId, lengthBytes: 20 },
]

test('an id is lower-case hexadecimal and gives its bytes back', () => {
  for (const { make, lengthBytes } of makers) {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: lengthBytes, maxLength: lengthBytes }), (bytes) => {
        const id = make(bytes)
        ok(/^[0-9a-f]+$/.test(id))
        equal(id.length, lengthBytes * 2)
        ok(equalBytes(idBytes(id), bytes))
      }),
      { numRuns: 50 },
    )
  }
})

test('bytes of another length are a bug of the caller', () => {
  for (const { make, lengthBytes } of makers) {
    for (const wrong of [0, lengthBytes - 1, lengthBytes + 1]) {
      throws(() => make(new Uint8Array(wrong)), { name: 'AssertionError' })
    }
  }
})

test('the client code fits the Azureus style of peer ids (BEP 20)', () => {
  ok(/^[A-Za-z]{2}$/.test(clientCode))
})
