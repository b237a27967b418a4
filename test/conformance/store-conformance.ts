// What every implementation of the Store port promises, as tests. Guarantees: touches the port and nothing else, but for
// opening it anew, so that a database file and a simulated one answer the same questions.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { Store, StoreChange } from '../../src/ports/store.ts'

export interface StoreUnderTest {
  /** Opens it, again too, once it was closed. */
  open(): Promise<Store>
  /** Opens it a second time; the code of the refusal. */
  codeOfSecond(): Promise<string>
}

export const bytesOf = (...values: number[]) => Uint8Array.from(values)
const put = (key: Uint8Array, value: Uint8Array, table = 'things'): StoreChange => ({ type: 'put', table, key, value })
const insert = (key: Uint8Array, value: Uint8Array): StoreChange => ({ type: 'insert', table: 'things', key, value })
const remove = (key: Uint8Array): StoreChange => ({ type: 'delete', table: 'things', key })
const all = { order: 'ascending', maxCount: 10_000 } as const

async function textOf(store: Store, table = 'things'): Promise<string[]> {
  return unwrap(await store.range(table, all)).map(({ key, value }) => `${toHex(key)} ${toHex(value)}`)
}

/** A batch of a property test: keys and values of few kinds, so that they meet. */
const changes = fc.array(
  fc
    .tuple(fc.constantFrom('put', 'insert', 'delete'), fc.nat(12), fc.uint8Array({ maxLength: 20 }))
    .map(([type, key, value]) => ({ type, table: 'things', key: bytesOf(key), value }) as StoreChange),
  { maxLength: 6 },
)

/** The same, told naively; whether it is a conflict. */
function applyNaively(model: Map<string, string>, batch: readonly StoreChange[]): boolean {
  const after = new Map(model)
  for (const change of batch) {
    const key = toHex(change.key)
    if (change.type === 'insert' && after.has(key)) return false
    if (change.type === 'delete') after.delete(key)
    else after.set(key, toHex(change.value))
  }
  model.clear()
  for (const [key, value] of after) model.set(key, value)
  return true
}

export function storeConformance(title: string, make: (t: TestContext) => StoreUnderTest): void {
  describe(`store: ${title}`, () => {
    test('what was committed is there, in order of bytes, and after opening it anew', async (t) => {
      const under = make(t)
      const store = await under.open()
      const keys = [bytesOf(2), bytesOf(1, 0), bytesOf(1), bytesOf(255), bytesOf(1, 0, 9), new Uint8Array(512).fill(1)]
      unwrap(
        await store.commit(
          keys.map((key, index) => put(key, bytesOf(index))),
          'durable',
        ),
      )
      const sorted = [...keys].sort(compareBytes).map(toHex)
      assert.deepEqual(
        (await textOf(store)).map((text) => text.split(' ')[0]),
        sorted,
      )
      assert.deepEqual(unwrap(await store.get('things', bytesOf(1, 0))), bytesOf(1))
      assert.equal(unwrap(await store.get('things', bytesOf(7))), undefined)
      assert.equal(unwrap(await store.get('nothing', bytesOf(7))), undefined)
      assert.deepEqual(unwrap(await store.range('nothing', all)), [])
      const before = await textOf(store)
      unwrap(await store.close())
      const again = await under.open()
      assert.deepEqual(await textOf(again), before)
      unwrap(await again.close())
    })

    test('ranges have their ends, their direction and their limit', async (t) => {
      const store = await make(t).open()
      unwrap(
        await store.commit(
          Array.from({ length: 20 }, (_, key) => put(bytesOf(key), new Uint8Array(0))),
          'durable',
        ),
      )
      const keys = async (range: object) =>
        unwrap(await store.range('things', { ...all, ...range })).map(({ key }) => key[0])
      assert.deepEqual(await keys({ from: bytesOf(17) }), [17, 18, 19])
      assert.deepEqual(await keys({ to: bytesOf(2) }), [0, 1])
      assert.deepEqual(await keys({ from: bytesOf(3), to: bytesOf(6), order: 'descending' }), [5, 4, 3])
      assert.deepEqual(await keys({ order: 'descending', maxCount: 2 }), [19, 18])
      assert.deepEqual(await keys({ from: bytesOf(5), to: bytesOf(5) }), [])
      unwrap(await store.close())
    })

    test('a batch is whole or not there at all; one that conflicts takes no other along', async (t) => {
      const store = await make(t).open()
      unwrap(await store.commit([insert(bytesOf(1), bytesOf(1))], 'durable'))
      const results = await Promise.all([
        store.commit([put(bytesOf(2), bytesOf(2))], 'durable'),
        store.commit([put(bytesOf(3), bytesOf(3)), insert(bytesOf(1), bytesOf(9))], 'durable'),
        store.commit([remove(bytesOf(2)), insert(bytesOf(2), bytesOf(8)), put(bytesOf(4), bytesOf(4))], 'soon'),
      ])
      assert.deepEqual(
        results.map((result) => (result.ok ? 'done' : result.code)),
        ['done', 'store-conflict', 'done'],
      )
      assert.deepEqual(await textOf(store), ['01 01', '02 08', '04 04'])
      unwrap(await store.close())
    })

    test('arrays are copied, both ways', async (t) => {
      const store = await make(t).open()
      const [key, value] = [bytesOf(1), bytesOf(5)]
      const committed = store.commit([put(key, value)], 'durable')
      key[0] = 9
      value[0] = 9
      unwrap(await committed)
      const read = unwrap(await store.get('things', bytesOf(1)))
      assert.deepEqual(read, bytesOf(5))
      if (read !== undefined) read[0] = 7
      assert.deepEqual(unwrap(await store.get('things', bytesOf(1))), bytesOf(5))
      unwrap(await store.close())
    })

    test('commits without waiting happen in the order of the calls, soon and durable alike', async (t) => {
      const under = make(t)
      const store = await under.open()
      const commits = Array.from({ length: 60 }, (_, index) =>
        store.commit(
          [put(bytesOf(1), bytesOf(index)), put(bytesOf(2, index), bytesOf(index))],
          index % 3 === 0 ? 'durable' : 'soon',
        ),
      )
      for (const result of await Promise.all(commits)) unwrap(result)
      assert.deepEqual(unwrap(await store.get('things', bytesOf(1))), bytesOf(59))
      unwrap(await store.close())
      const again = await under.open()
      assert.equal((await textOf(again)).length, 61)
      unwrap(await again.close())
    })

    test('tables are apart, and large values come back', async (t) => {
      const store = await make(t).open()
      const large = new Uint8Array(3_000_000).fill(7)
      unwrap(await store.commit([put(bytesOf(1), large, 'large'), put(bytesOf(1), bytesOf(2), 'small')], 'durable'))
      assert.deepEqual(unwrap(await store.get('large', bytesOf(1))), large)
      assert.deepEqual(unwrap(await store.get('small', bytesOf(1))), bytesOf(2))
      unwrap(await store.close())
    })

    test('it is open once; when it is closed it does nothing more, and may be opened again', async (t) => {
      const under = make(t)
      const store = await under.open()
      assert.equal(await under.codeOfSecond(), 'store-locked')
      const last = store.commit([put(bytesOf(1), bytesOf(1))], 'durable')
      unwrap(await store.close())
      unwrap(await last)
      const late = await store.commit([put(bytesOf(2), bytesOf(1))], 'durable')
      assert.equal(late.ok ? '' : late.code, 'interrupted')
      const again = await under.open()
      assert.deepEqual(await textOf(again), ['01 01'])
      unwrap(await again.close())
    })

    test('any batches do what they would do to a plain map', async (t) => {
      const store = await make(t).open()
      const model = new Map<string, string>()
      await fc.assert(
        fc.asyncProperty(fc.array(changes, { maxLength: 5 }), fc.boolean(), async (batches, isDurable) => {
          const expected = batches.map((batch) => applyNaively(model, batch))
          const results = await Promise.all(batches.map((batch) => store.commit(batch, isDurable ? 'durable' : 'soon')))
          assert.deepEqual(
            results.map(({ ok }) => ok),
            expected,
          )
          assert.deepEqual(await textOf(store), [...model].map(([key, value]) => `${key} ${value}`).sort())
        }),
        { numRuns: 40 },
      )
      unwrap(await store.close())
    })
  })
}
