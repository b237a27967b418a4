// What every implementation of the PieceMemory port promises, as tests over a budget of their choosing.
// Guarantees: touches the port and nothing else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { PieceMemory, SlotIndex } from '../../src/ports/piece-memory.ts'

const mebibyte = 1_048_576

function reserved(memory: PieceMemory, lengthBytes: number): SlotIndex {
  const slot = memory.reserve(lengthBytes)
  assert.ok(slot !== undefined, `${lengthBytes} bytes of ${memory.budgetBytes - memory.reservedBytes} left`)
  return slot
}

/** How many slots of a length there is room for; they are released again. */
function roomFor(memory: PieceMemory, lengthBytes: number): number {
  const slots: SlotIndex[] = []
  for (let slot = memory.reserve(lengthBytes); slot !== undefined; slot = memory.reserve(lengthBytes)) slots.push(slot)
  for (const slot of slots) memory.release(slot)
  return slots.length
}

export function testPieceMemory(name: string, make: (budgetBytes: number) => PieceMemory): void {
  describe(`piece memory (${name})`, () => {
    test('pieces of one length fill the budget to the last', () => {
      for (const lengthBytes of [16_384, 262_144, mebibyte, 4 * mebibyte]) {
        const memory = make(16 * mebibyte)
        assert.equal(memory.budgetBytes, 16 * mebibyte)
        assert.equal(roomFor(memory, lengthBytes), (16 * mebibyte) / lengthBytes)
        assert.equal(memory.reservedBytes, 0)
      }
    })

    test('whatever was there before, the whole budget is one slot when all is released', () => {
      const memory = make(4 * mebibyte)
      for (const lengthBytes of [16_384, 100_000, mebibyte, 3_000_000]) {
        assert.ok(roomFor(memory, lengthBytes) > 0)
        assert.equal(roomFor(memory, 4 * mebibyte), 1)
      }
    })

    test('what does not fit is refused and takes nothing', () => {
      const memory = make(mebibyte)
      assert.equal(memory.reserve(mebibyte + 1), undefined)
      const slot = reserved(memory, mebibyte - 16_384)
      assert.equal(memory.reserve(16_385), undefined)
      const { reservedBytes } = memory
      assert.ok(reservedBytes >= mebibyte - 16_384 && reservedBytes <= mebibyte)
      memory.release(slot)
      assert.equal(memory.reservedBytes, 0)
    })

    test('a slot has the same view until it is released, at least as long as asked', () => {
      const memory = make(mebibyte)
      const slots = [1, 16_384, 16_385, 100_000].map((length) => ({ length, slot: reserved(memory, length) }))
      const views = slots.map(({ slot }) => memory.bytes(slot))
      for (const [index, { slot, length }] of slots.entries()) {
        assert.equal(memory.bytes(slot), views[index])
        assert.ok((views[index] as Uint8Array).length >= length)
      }
    })

    test('slots never overlap, the sum is right, and small numbers are used again', () => {
      const lengths = fc.constantFrom(1, 16_384, 16_385, 65_536, 100_000, 262_144, 524_288)
      const step = fc.oneof(
        fc.record({ lengthBytes: lengths }),
        fc.record({ lengthBytes: lengths }),
        fc.record({ release: fc.nat(200) }),
      )
      fc.assert(
        fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
          const memory = make(mebibyte)
          const held: { readonly slot: SlotIndex; readonly stamp: number; readonly addedBytes: number }[] = []
          let sumBytes = 0
          for (const [index, taken] of steps.entries()) {
            if ('release' in taken) {
              const [entry] = held.splice(taken.release % Math.max(1, held.length), 1)
              if (entry === undefined) continue
              memory.release(entry.slot)
              sumBytes -= entry.addedBytes
            } else {
              const slot = memory.reserve(taken.lengthBytes)
              if (slot === undefined) continue
              const addedBytes = memory.reservedBytes - sumBytes
              assert.ok(addedBytes >= taken.lengthBytes && addedBytes < taken.lengthBytes + 65_536)
              assert.ok(slot < 2 * 64, `slot number ${slot}`)
              sumBytes += addedBytes
              memory.bytes(slot).fill(index + 1)
              held.push({ slot, stamp: (index + 1) & 0xff, addedBytes })
            }
            assert.equal(memory.reservedBytes, sumBytes)
            assert.ok(sumBytes <= memory.budgetBytes)
          }
          for (const { slot, stamp } of held) {
            const bytes = memory.bytes(slot)
            assert.ok(bytes[0] === stamp && bytes.at(-1) === stamp && bytes[bytes.length >>> 1] === stamp)
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}
