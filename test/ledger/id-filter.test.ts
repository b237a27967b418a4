// Ids that may have been seen: never no of one that was added, seldom yes of another, however many they are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdFilter } from '../../src/ledger/id-filter.ts'
import { idOf } from './ledger-harness.ts'

test('never no of what was added, and yes of few others', () => {
  const filter = new IdFilter()
  assert.equal(filter.mayHave(idOf('any')), false)
  const count = 60_000
  for (let index = 0; index < count; index++) filter.add(idOf(`in ${index}`))
  let wrong = 0
  for (let index = 0; index < count; index++) {
    assert.ok(filter.mayHave(idOf(`in ${index}`)))
    if (filter.mayHave(idOf(`out ${index}`))) wrong++
  }
  assert.ok(wrong < count / 100, `${wrong} of ${count} by mistake`)
})
