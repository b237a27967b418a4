// Damage is laid at the door of whoever sent the bad block, and of nobody else (S21).
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Blame } from '../../src/swarm/blame.ts'

const blockCount = 8

/** Hashes of blocks, each told apart by one number. */
function leavesOf(values: readonly number[]): Uint8Array {
  const leaves = new Uint8Array(values.length * 32)
  for (const [index, value] of values.entries()) leaves.fill(value, index * 32, (index + 1) * 32)
  return leaves
}

const good = Array.from({ length: blockCount }, (_, block) => block)

test('exactly the senders of bad blocks are named, after any number of damaged attempts, and honest ones never', () => {
  const attempt = fc.array(fc.record({ sender: fc.integer({ min: -1, max: 5 }), isBad: fc.boolean() }), {
    minLength: blockCount,
    maxLength: blockCount,
  })
  fc.assert(
    fc.property(fc.array(attempt, { minLength: 1, maxLength: 4 }), (attempts) => {
      const blame = new Blame()
      const named = new Set<number>()
      const guilty = new Set<number>()
      for (const blocks of attempts) {
        if (!blocks.some(({ isBad }) => isBad)) continue
        for (const { sender, isBad } of blocks) if (isBad && sender !== -1) guilty.add(sender)
        const leaves = leavesOf(blocks.map(({ isBad }, block) => (isBad ? 100 + block : block)))
        for (const peer of blame.damaged(
          3,
          leaves,
          Int32Array.from(blocks, ({ sender }) => sender),
        ))
          named.add(peer)
        for (const peer of named) ok(guilty.has(peer))
      }
      for (const peer of blame.resolve(3, leavesOf(good))) named.add(peer)
      deepEqual([...named].sort(), [...guilty].sort())
      ok(!blame.isOpen(3))
      for (let peer = 0; peer < 6; peer++) ok(!blame.isSuspect(peer))
    }),
  )
})

test('who sent all of a damaged piece is guilty at once', () => {
  const blame = new Blame()
  deepEqual(blame.damaged(0, leavesOf(good), new Int32Array(blockCount).fill(7)), [7])
  ok(!blame.isOpen(0))
})

test('what came from disk is blamed on nobody', () => {
  const blame = new Blame()
  deepEqual(blame.damaged(0, leavesOf(good.map((value) => value + 50)), new Int32Array(blockCount).fill(-1)), [])
  deepEqual(blame.resolve(0, leavesOf(good)), [])
})

test('all senders of a damaged piece are suspects until it is cleared up, those of other pieces are not', () => {
  const blame = new Blame()
  const senders = Int32Array.from(good, (block) => (block < 4 ? 1 : 2))
  blame.damaged(0, leavesOf(good.map((value) => (value === 5 ? 99 : value))), senders)
  deepEqual(
    [1, 2, 3].map((peer) => blame.isSuspect(peer)),
    [true, true, false],
  )
  deepEqual(blame.resolve(1, leavesOf(good)), [])
  ok(blame.isSuspect(1))
  deepEqual(blame.resolve(0, leavesOf(good)), [2])
  ok(!blame.isSuspect(1))
})

test('memory is bounded: the oldest damage is forgotten first', () => {
  const blame = new Blame(blockCount * 32 * 3)
  const senders = Int32Array.from(good, (block) => block)
  for (let piece = 0; piece < 10; piece++) blame.damaged(piece, leavesOf(good.map(() => 77)), senders)
  deepEqual(
    Array.from({ length: 10 }, (_, piece) => piece).filter((piece) => blame.isOpen(piece)),
    [7, 8, 9],
  )
})

test('the hashes given are copied: the caller may use the memory again', () => {
  const blame = new Blame()
  const leaves = leavesOf(good.map((value) => (value === 0 ? 99 : value)))
  blame.damaged(
    0,
    leaves,
    Int32Array.from(good, (block) => block),
  )
  leaves.fill(1)
  equal(blame.resolve(0, leavesOf(good)).join(), '0')
})
