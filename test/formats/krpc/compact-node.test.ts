// Compact node info: 26 and 38 bytes a node.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import {
  compactNodeLength,
  type DhtNode,
  decodeCompactNodes,
  encodeCompactNode,
} from '../../../src/formats/krpc/compact-node.ts'

const id = fromLatin1('abcdefghij0123456789')
const nodes: readonly DhtNode[] = [
  { id, endpoint: { family: 4, address: '192.0.2.1', port: 6881 } },
  { id: id.toReversed(), endpoint: { family: 4, address: '192.0.2.2', port: 1 } },
]
const node6: DhtNode = { id, endpoint: { family: 6, address: '2001:db8::1', port: 6881 } }

function packed(list: readonly DhtNode[], family: 4 | 6): Uint8Array {
  const bytes = new Uint8Array(list.length * compactNodeLength(family)).fill(0xee)
  let offset = 0
  for (const node of list) offset = encodeCompactNode(bytes, offset, node)
  assert.equal(offset, bytes.length)
  return bytes
}

describe('compact nodes', () => {
  test('have the layout of BEP 5 and are read back', () => {
    const bytes = packed(nodes, 4)
    assert.deepEqual(bytes.subarray(0, 26), Uint8Array.of(...id, 192, 0, 2, 1, 0x1a, 0xe1))
    assert.deepEqual(decodeCompactNodes(bytes, 4, 8), nodes)
    assert.deepEqual(decodeCompactNodes(packed([node6], 6), 6, 8), [node6])
  })

  test('are capped, and those with port 0 left out', () => {
    const bytes = packed([...nodes, ...nodes], 4)
    bytes.fill(0, 24, 26)
    assert.deepEqual(decodeCompactNodes(bytes, 4, 2), [nodes[1], nodes[0]])
    assert.deepEqual(decodeCompactNodes(new Uint8Array(0), 6, 2), [])
  })

  test('assert whole nodes, room and ids of 20 bytes', () => {
    assert.throws(() => decodeCompactNodes(new Uint8Array(25), 4, 8))
    assert.throws(() => encodeCompactNode(new Uint8Array(37), 0, node6))
    assert.throws(() => encodeCompactNode(new Uint8Array(99), 0, { ...node6, id: id.subarray(1) }))
  })
})
