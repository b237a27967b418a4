// The change log: nothing is missed, nothing grows without bound.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ChangeLog } from '../../src/session/change-log.ts'
import type { TorrentId } from '../../src/session/commands.ts'

const id = 'a'.repeat(40) as TorrentId

test('a reader gets exactly what came after its cursor, in order', () => {
  const log = new ChangeLog()
  log.add({ type: 'added', id })
  const cursor = log.cursor
  log.add({ type: 'piece', id, piece: 3 })
  log.add({ type: 'piece', id, piece: 1 })
  assert.deepEqual(log.since(cursor), {
    type: 'changes',
    changes: [
      { type: 'piece', id, piece: 3 },
      { type: 'piece', id, piece: 1 },
    ],
    cursor: 3,
  })
  assert.deepEqual(log.since(3), { type: 'changes', changes: [], cursor: 3 })
})

test('a reader who was away too long, or whose cursor is of another session, is told to start anew', () => {
  const log = new ChangeLog()
  for (let piece = 0; piece < 20_000; piece++) log.add({ type: 'piece', id, piece })
  assert.deepEqual(log.since(0), { type: 'lost', cursor: 20_000 })
  assert.deepEqual(log.since(20_001), { type: 'lost', cursor: 20_000 })
  const recent = log.since(19_000)
  assert.equal(recent.type === 'changes' && recent.changes.length, 1_000)
})

test('listeners hear of changes once a turn, and no more after they leave', () => {
  const log = new ChangeLog()
  let calls = 0
  const leave = log.listen(() => calls++)
  log.announce()
  assert.equal(calls, 0)
  log.add({ type: 'session' })
  log.add({ type: 'session' })
  log.announce()
  log.announce()
  assert.equal(calls, 1)
  leave()
  log.add({ type: 'session' })
  log.announce()
  assert.equal(calls, 1)
})
