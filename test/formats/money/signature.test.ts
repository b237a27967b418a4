// The form of signatures: in range, low s, v 27 or 28, and nothing else (P2).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { fromHex, writeUint256 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { isOddSignature, joinSignature, parseSignature } from '../../../src/formats/money/signature.ts'

const order = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
const fieldPrime = BigInt('0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f')
const largest = 2n ** 256n - 1n
const edges = [0n, 1n, 2n, order / 2n - 1n, order / 2n, order / 2n + 1n, order - 1n, order, order + 1n]
edges.push(fieldPrime, fieldPrime + 1n, largest)

function signatureOf(r: bigint, s: bigint, v: number): Uint8Array {
  const bytes = new Uint8Array(65)
  writeUint256(bytes, 0, r)
  writeUint256(bytes, 32, s)
  bytes[64] = v
  return bytes
}

test('every edge of r, s and v is taken or refused as the rules say', () => {
  for (const r of edges) {
    for (const s of edges) {
      for (const v of [0, 1, 2, 26, 27, 28, 29, 35, 255]) {
        const isGood = r >= 1n && r < order && s >= 1n && s <= order / 2n && (v === 27 || v === 28)
        const parsed = parseSignature(signatureOf(r, s, v))
        assert.equal(parsed.ok, isGood, `r ${r} s ${s} v ${v}`)
        if (!parsed.ok) assert.equal(parsed.code, 'signature-invalid')
      }
    }
  }
})

test('of a signature and its mirror image exactly one is taken', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: order - 1n }), fc.bigInt({ min: 1n, max: order - 1n }), (r, s) => {
      const [one, other] = [parseSignature(signatureOf(r, s, 27)), parseSignature(signatureOf(r, order - s, 28))]
      assert.notEqual(one.ok, other.ok)
    }),
    { numRuns: 200 },
  )
})

test('any other length is refused, whatever the bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      if (bytes.length !== 65) assert.ok(!parseSignature(bytes).ok)
    }),
    { numRuns: 200 },
  )
})

test('parts are joined to what is read; parts against the rules are a bug', () => {
  const compact = unwrap(fromHex('11'.repeat(32) + '22'.repeat(32)))
  for (const isOdd of [false, true]) {
    const signature = joinSignature(compact, isOdd)
    assert.deepEqual(parseSignature(signature), { ok: true, value: signature })
    assert.equal(isOddSignature(signature), isOdd)
    assert.equal(signature[64], isOdd ? 28 : 27)
  }
  const high = signatureOf(1n, order - 1n, 27).subarray(0, 64)
  assert.throws(() => joinSignature(high, false), AssertionError)
  assert.throws(() => joinSignature(compact.subarray(1), false), AssertionError)
})
