// Piece memory in one stretch that threads share: what every implementation promises, and how it is cut.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { sharedPieceMemory } from '../../src/host/shared-piece-memory.ts'
import type { SlotIndex } from '../../src/ports/piece-memory.ts'
import { testPieceMemory } from '../conformance/piece-memory-conformance.ts'

const mebibyte = 1_048_576

testPieceMemory('shared', sharedPieceMemory)

test('every slot is a view of the one buffer that other threads see', () => {
  const memory = sharedPieceMemory(mebibyte)
  const slot = memory.reserve(100_000) as SlotIndex
  memory.bytes(slot)[5] = 77
  assert.ok(memory.buffer instanceof SharedArrayBuffer)
  assert.equal(new Uint8Array(memory.buffer)[memory.bytes(slot).byteOffset + 5], 77)
})

test('a slot released is the next of its length, with the view it had: nothing new is made for each piece', () => {
  const memory = sharedPieceMemory(8 * mebibyte)
  const slots = [1, 2, 3].map(() => memory.reserve(mebibyte) as SlotIndex)
  const view = memory.bytes(slots[1] as SlotIndex)
  memory.release(slots[1] as SlotIndex)
  const again = memory.reserve(mebibyte) as SlotIndex
  assert.equal(memory.bytes(again), view)
})

test('small pieces that come and go leave room for large ones', () => {
  const lengths = [16_384, 262_144, mebibyte, 4 * mebibyte, 8 * mebibyte]
  const memory = sharedPieceMemory(64 * mebibyte)
  const held: SlotIndex[] = []
  let state = 1
  const below = (limit: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return Math.floor(((state >>> 0) / 2 ** 32) * limit)
  }
  let refusals = 0
  let usedThen = 0
  for (let step = 0; step < 20_000; step++) {
    if (below(100) < 52) {
      const lengthBytes = lengths[below(lengths.length)] as number
      const slot = memory.reserve(lengthBytes)
      if (slot !== undefined) held.push(slot)
      else if (memory.budgetBytes - memory.reservedBytes >= lengthBytes) {
        refusals++
        usedThen += memory.reservedBytes / memory.budgetBytes
      }
    } else if (held.length > 0) {
      const [slot] = held.splice(below(held.length), 1)
      memory.release(slot as SlotIndex)
    }
  }
  assert.ok(refusals > 100, 'sizes mixed so that fragments hurt')
  assert.ok(usedThen / refusals > 0.75, `${usedThen / refusals} of the budget was in use when fragments refused a slot`)
})

test('using a slot that is not reserved is a bug of the caller', () => {
  const memory = sharedPieceMemory(mebibyte)
  const slot = memory.reserve(16_384) as SlotIndex
  memory.release(slot)
  assert.throws(() => memory.bytes(slot), AssertionError)
  assert.throws(() => memory.release(slot), AssertionError)
  assert.throws(() => memory.reserve(0), AssertionError)
  assert.throws(() => sharedPieceMemory(16_383), AssertionError)
})

test('memory that no slot has reached is not taken from the system', (t) => {
  if (process.platform !== 'linux') return t.skip('needs /proc')
  const residentBytes = () => {
    const status = readFileSync('/proc/self/status', 'utf8')
    return ['RssAnon', 'RssShmem'].reduce((sum, field) => {
      return sum + 1024 * Number(new RegExp(`${field}:\\s+([0-9]+)`).exec(status)?.[1])
    }, 0)
  }
  const before = residentBytes()
  const memory = sharedPieceMemory(512 * mebibyte)
  for (let round = 0; round < 50; round++) {
    const slot = memory.reserve(mebibyte) as SlotIndex
    memory.bytes(slot).fill(round + 1)
    memory.release(slot)
  }
  assert.ok(residentBytes() - before < 64 * mebibyte)
})
