// The state tree against what it is said to be, computed naively; and its proofs, of what is there and what is not.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, toHex } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'
import { provesState, StateTree } from '../../src/ledger/state-tree.ts'

function bytesOf(name: string): Uint8Array {
  return sha256(new TextEncoder().encode(name))
}

/** Keys that share long beginnings, so that deep splits and collapses are seen. */
function keyOf(index: number): Uint8Array {
  const key = index % 3 === 0 ? new Uint8Array(32) : bytesOf(`shared ${index % 2}`)
  key[31] = index
  if (index % 5 === 0) key[2] = index
  return key
}

type Leaf = readonly [key: Uint8Array, valueHash: Uint8Array]

function bit(key: Uint8Array, depth: number): number {
  return ((key[depth >>> 3] as number) >>> (7 - (depth & 7))) & 1
}

/** By the definition. */
function naiveRoot(leaves: readonly Leaf[], depth = 0): Uint8Array {
  const [first] = leaves
  if (first === undefined) return new Uint8Array(32)
  if (leaves.length === 1) return sha256(concatBytes([Uint8Array.of(0), ...first]))
  const [left, right] = [0, 1].map((side) =>
    naiveRoot(
      leaves.filter(([key]) => bit(key, depth) === side),
      depth + 1,
    ),
  ) as [Uint8Array, Uint8Array]
  return sha256(concatBytes([Uint8Array.of(1), left, right]))
}

const change = fc.record({ index: fc.nat(40), value: fc.option(fc.nat(5), { nil: undefined }) })

function play(changes: readonly { index: number; value: number | undefined }[]): [StateTree, Map<number, Uint8Array>] {
  const tree = new StateTree()
  const values = new Map<number, Uint8Array>()
  for (const [step, { index, value }] of changes.entries()) {
    if (value === undefined) {
      tree.delete(keyOf(index))
      values.delete(index)
    } else {
      tree.set(keyOf(index), bytesOf(`value ${value}`))
      values.set(index, bytesOf(`value ${value}`))
    }
    if (step % 3 === 0) tree.rootHash()
  }
  return [tree, values]
}

/** A tree as a liar would make it: a leaf stands where its key does not lead, to hide what should be there. */
const misplaced = (() => {
  const [left, hidden] = [new Uint8Array(32), new Uint8Array(32).fill(0xff)]
  const wrong = new Uint8Array(32).fill(1)
  const valueHash = bytesOf('value 1')
  const leaf = (key: Uint8Array) => sha256(concatBytes([Uint8Array.of(0), key, valueHash]))
  const root = sha256(concatBytes([Uint8Array.of(1), leaf(left), leaf(wrong)]))
  const end = { type: 'other', key: wrong, valueHash } as const
  return { root, absent: hidden, proof: { siblings: [leaf(left)], end } }
})()

describe('the state tree', () => {
  test('its root is that of its definition, whatever came, went and was replaced in whatever order', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const [tree, values] = play(changes)
        const leaves = [...values].map(([index, value]): Leaf => [keyOf(index), value])
        assert.equal(toHex(tree.rootHash()), toHex(naiveRoot(leaves)))
        assert.equal(tree.size, values.size)
      }),
      { numRuns: 200 },
    )
  })

  test('each key is proven to have its value, or none, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), fc.nat(40), (changes, index) => {
        const [tree, values] = play(changes)
        const root = tree.rootHash()
        const proof = tree.prove(keyOf(index))
        const value = values.get(index)
        assert.ok(provesState(root, keyOf(index), value, proof))
        assert.ok(!provesState(root, keyOf(index), value === undefined ? bytesOf('value 1') : undefined, proof))
        assert.ok(!provesState(root, keyOf(index), bytesOf('another value'), proof))
        assert.ok(!provesState(bytesOf('another root'), keyOf(index), value, proof))
      }),
      { numRuns: 200 },
    )
  })

  test('a proof with anything changed, or made for another key, proves nothing', () => {
    const [tree] = play(Array.from({ length: 40 }, (_, index) => ({ index, value: index % 2 === 0 ? 1 : undefined })))
    const root = tree.rootHash()
    const present = tree.prove(keyOf(4))
    const absent = tree.prove(keyOf(7))
    assert.ok(provesState(root, keyOf(4), bytesOf('value 1'), present))
    assert.ok(provesState(root, keyOf(7), undefined, absent))
    for (const [depth] of present.siblings.entries()) {
      const siblings = present.siblings.map((hash, at) => (at === depth ? bytesOf('x') : hash))
      assert.ok(!provesState(root, keyOf(4), bytesOf('value 1'), { ...present, siblings }))
    }
    assert.ok(!provesState(root, keyOf(4), undefined, absent))
    assert.ok(!provesState(root, keyOf(4), undefined, { ...present, end: { type: 'empty' } }))
    const end = { type: 'other', key: keyOf(4), valueHash: bytesOf('value 1') } as const
    assert.ok(!provesState(root, keyOf(4), undefined, { ...present, end }), 'its own leaf is not another’s')
    const far = { ...end, key: keyOf(10) } as const
    assert.ok(!provesState(root, keyOf(4), undefined, { ...tree.prove(keyOf(10)), end: far }))
    assert.ok(!provesState(misplaced.root, misplaced.absent, undefined, misplaced.proof), 'a leaf in a wrong place')
    const long = { siblings: Array.from({ length: 257 }, () => root), end: { type: 'found' } } as const
    assert.ok(!provesState(root, keyOf(4), bytesOf('value 1'), long))
    assert.ok(!provesState(root, keyOf(4), bytesOf('value 1').subarray(1), present))
  })
})
