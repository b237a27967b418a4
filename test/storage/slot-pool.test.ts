// The budget of piece memory: shares that cannot be taken away, turns for those who wait, caches that give way.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { SimulatedPieceMemory } from '../../sim/ports/simulated-piece-memory.ts'
import type { SlotIndex } from '../../src/ports/piece-memory.ts'
import { SlotPool, type SlotUse, type SlotWaiter } from '../../src/storage/slot-pool.ts'

const eighth = 65_536
const budgetBytes = 8 * eighth

function newPool(): { pool: SlotPool; memory: SimulatedPieceMemory } {
  const memory = new SimulatedPieceMemory(budgetBytes)
  return { pool: new SlotPool(memory), memory }
}

function waiterFor(pool: SlotPool, use: SlotUse, onGot: (slot: SlotIndex) => void): SlotWaiter {
  const waiter: SlotWaiter = {
    onMemory() {
      const slot = pool.reserve(eighth, use, waiter)
      if (slot !== undefined) onGot(slot)
    },
  }
  return waiter
}

function reserveAll(pool: SlotPool, use: SlotUse): SlotIndex[] {
  const slots: SlotIndex[] = []
  for (;;) {
    const slot = pool.reserve(eighth, use)
    if (slot === undefined) return slots
    slots.push(slot)
  }
}

async function turn(): Promise<void> {
  for (let count = 0; count < 10; count++) await Promise.resolve()
}

describe('slot pool', () => {
  test('no use can take the share of another, in any order', () => {
    for (const first of ['filling', 'serving', 'checking'] as const) {
      const { pool } = newPool()
      assert.equal(reserveAll(pool, first).length, 6)
      for (const other of ['filling', 'serving', 'checking'] as const) {
        if (other !== first) assert.equal(reserveAll(pool, other).length, 1, `${other} beside ${first}`)
      }
    }
  })

  test('what is only kept gives way, the longest unused first', () => {
    const { pool } = newPool()
    const slots = reserveAll(pool, 'serving')
    const evicted: number[] = []
    for (const slot of slots) pool.keep(slot, () => evicted.push(slot))
    const [first, second] = slots as [SlotIndex, SlotIndex]
    pool.retain(first)
    pool.keep(first, () => evicted.push(first))
    assert.equal(reserveAll(pool, 'filling').length, 6)
    assert.equal(evicted.length, 4, 'two slots were free')
    assert.equal(evicted[0], second)
    assert.ok(!evicted.includes(first))
  })

  test('those who wait are told one for each slot, in the order they came, and after the call', async () => {
    const { pool } = newPool()
    const held = reserveAll(pool, 'filling')
    const got: string[] = []
    for (const name of ['a', 'b', 'c']) {
      const waiter = waiterFor(pool, 'filling', () => got.push(name))
      assert.equal(pool.reserve(eighth, 'filling', waiter), undefined)
    }
    pool.release(held[0] as SlotIndex)
    assert.deepEqual(got, [], 'not from inside')
    assert.equal(pool.reserve(eighth, 'filling'), undefined, 'nobody gets ahead')
    await turn()
    assert.deepEqual(got, ['a'])
    pool.release(held[1] as SlotIndex)
    pool.release(held[2] as SlotIndex)
    await turn()
    assert.deepEqual(got, ['a', 'b', 'c'])
  })

  test('a torrent that always wants more gets no more turns than one that wants a little', async () => {
    const { pool } = newPool()
    const held: SlotIndex[] = reserveAll(pool, 'filling')
    const turns = { greedy: 0, modest: 0 }
    const want = (name: 'greedy' | 'modest') => {
      const waiter = waiterFor(pool, 'filling', (slot) => {
        turns[name]++
        held.push(slot)
        want(name)
      })
      assert.equal(pool.reserve(eighth, 'filling', waiter), undefined)
    }
    want('greedy')
    want('modest')
    for (let round = 0; round < 40; round++) {
      pool.release(held.shift() as SlotIndex)
      await turn()
    }
    assert.deepEqual(turns, { greedy: 20, modest: 20 })
  })

  test('one who no longer waits is not told', async () => {
    const { pool } = newPool()
    const held = reserveAll(pool, 'filling')
    let isTold = false
    const waiter = waiterFor(pool, 'filling', () => {
      isTold = true
    })
    pool.reserve(eighth, 'filling', waiter)
    pool.forget(waiter)
    pool.release(held[0] as SlotIndex)
    await turn()
    assert.equal(isTold, false)
  })

  test('whatever is reserved, kept and released, memory is accounted for and everyone gets a turn', async () => {
    const step = fc.tuple(fc.constantFrom('reserve', 'release', 'keep', 'retain'), fc.nat(2), fc.nat(50), fc.nat(50))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const { pool, memory } = newPool()
        const used: SlotIndex[] = []
        const kept: SlotIndex[] = []
        const later: Promise<void>[] = []
        for (const [action, use, pick, size] of steps) {
          if (action === 'reserve') {
            const name = (['filling', 'serving', 'checking'] as const)[use] as SlotUse
            later.push(pool.reserveLater((size + 1) * 1000, name).then((slot) => void used.push(slot)))
          } else if (action === 'release' && used.length > 0) {
            pool.release(used.splice(pick % used.length, 1)[0] as SlotIndex)
          } else if (action === 'keep' && used.length > 0) {
            const slot = used.splice(pick % used.length, 1)[0] as SlotIndex
            kept.push(slot)
            pool.keep(slot, () => kept.splice(kept.indexOf(slot), 1))
          } else if (action === 'retain' && kept.length > 0) {
            const slot = kept.splice(pick % kept.length, 1)[0] as SlotIndex
            pool.retain(slot)
            used.push(slot)
          }
          await turn()
          assert.ok(memory.reservedBytes <= budgetBytes)
        }
        for (let round = 0; round < 200 && later.length > 0; round++) {
          const slot = used.pop()
          if (slot !== undefined) pool.release(slot)
          await turn()
        }
        await Promise.all(later)
        for (const slot of [...used, ...kept]) pool.release(slot)
        assert.equal(memory.reservedBytes, 0)
      }),
      { numRuns: 100 },
    )
  })
})
