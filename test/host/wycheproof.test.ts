// P2: the vectors of Project Wycheproof. They are over keys that are given, while statements name theirs by recovery,
// so a signature counts as accepted if with one v it names the address of the key given. Wycheproof takes both forms of
// s and points whose x is over the order; the rules here take only low s and have no v for such points, as on EVM chains.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { concatBytes, equalBytes, fromHex, toHex, writeUint256 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { keccak256 } from '../../src/base/keccak.ts'
import { parseSignature } from '../../src/formats/money/signature.ts'
import { type Secp256k1, secp256k1Over } from '../../src/host/secp256k1.ts'
import { loadNativeCurve } from '../../src/host/secp256k1-native.ts'
import { portableCurve } from '../../src/host/secp256k1-portable.ts'

interface VectorFile {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly publicKey: string
    readonly tests: readonly {
      readonly tcId: number
      readonly comment: string
      readonly msg: string
      readonly sig: string
      readonly result: 'valid' | 'invalid'
    }[]
  }[]
}

const file = JSON.parse(
  readFileSync(new URL('../vectors/wycheproof-secp256k1.json', import.meta.url), 'utf8'),
) as VectorFile
const order = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
/** "k*G has a large x-coordinate": valid, and named by no v. */
const unnameable = 115
const bytesOf = (hex: string) => unwrap(fromHex(hex))

/** How many of both v make a signature of the address out of r and s. */
function acceptances({ scheme }: Secp256k1, digest: Uint8Array, rs: Uint8Array, address: Uint8Array): number {
  return [27, 28].filter((v) => {
    const signature = parseSignature(concatBytes([rs, Uint8Array.of(v)]))
    if (!signature.ok) return false
    const recovered = scheme.recover(digest, signature.value)
    return recovered.ok && equalBytes(recovered.value, address)
  }).length
}

/** The other one of the two s; undefined where there is none. */
function mirrored(rs: Uint8Array): Uint8Array | undefined {
  if (rs.length !== 64) return undefined
  const s = BigInt(`0x${toHex(rs.subarray(32))}`)
  if (s === 0n || s >= order) return undefined
  const other = rs.slice()
  writeUint256(other, 32, order - s)
  return other
}

const native = loadNativeCurve()
const ways = [
  ...(native === undefined ? [] : [{ name: 'native', way: secp256k1Over(native) }]),
  { name: 'portable', way: secp256k1Over(portableCurve) },
]

for (const { name, way } of ways) {
  describe(`P2: Wycheproof, ${name}`, () => {
    const verdicts = file.testGroups.flatMap(({ publicKey, tests }) => {
      const address = keccak256(bytesOf(publicKey).subarray(1)).subarray(12)
      return tests.map((vector) => {
        const rs = bytesOf(vector.sig)
        const digest = sha256(bytesOf(vector.msg))
        const other = mirrored(rs)
        const asIs = acceptances(way, digest, rs, address)
        const asOther = other === undefined ? 0 : acceptances(way, digest, other, address)
        const isHigh = rs.length === 64 && BigInt(`0x${toHex(rs.subarray(32))}`) > order / 2n
        return { ...vector, isHigh, asIs, asOther }
      })
    })

    test('all vectors are there', () => {
      assert.equal(verdicts.length, file.numberOfTests)
      assert.deepEqual(
        verdicts.map(({ tcId }) => tcId),
        Array.from({ length: file.numberOfTests }, (_, index) => index + 1),
      )
    })

    test('what is invalid is accepted in no form', () => {
      for (const { tcId, comment, result, asIs, asOther } of verdicts) {
        if (result === 'invalid') assert.deepEqual([asIs, asOther], [0, 0], `${tcId} ${comment}`)
      }
    })

    test('what is valid is accepted in its low form with one v, and in its high form with none', () => {
      for (const { tcId, comment, result, isHigh, asIs, asOther } of verdicts) {
        if (result === 'invalid') continue
        const expected = tcId === unnameable ? [0, 0] : isHigh ? [0, 1] : [1, 0]
        assert.deepEqual([asIs, asOther], expected, `${tcId} ${comment}`)
      }
    })

    test('both forms are among the valid ones', () => {
      const valid = verdicts.filter(({ result }) => result === 'valid')
      assert.ok(valid.filter(({ isHigh }) => isHigh).length > 50)
      assert.ok(valid.filter(({ isHigh }) => !isHigh).length > 50)
    })
  })
}
