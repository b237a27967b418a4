// Which answer belongs to which request, when one was cancelled and made anew.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OutstandingRequests } from '../../src/swarm/outstanding-requests.ts'
import { World } from './swarm-harness.ts'

test('one answer belongs to a cancelled request, the next to what was asked since', () => {
  const requests = new OutstandingRequests()
  requests.cancel(7, 1_000)
  requests.add(7, 1_010)
  assert.equal(requests.takeCancelled(8, 1_100), false)
  assert.equal(requests.takeCancelled(7, 1_100), true)
  assert.equal(requests.takeCancelled(7, 1_100), false)
})

test('a cancelled request that was not answered in a minute is not waited for, and few are kept in mind', () => {
  const requests = new OutstandingRequests()
  requests.cancel(7, 1_000)
  assert.equal(requests.takeCancelled(7, 61_000), false)
  for (let block = 0; block < 5_000; block++) requests.cancel(block, 2_000)
  assert.equal(requests.takeCancelled(0, 2_000), false)
  assert.equal(requests.takeCancelled(4_999, 2_000), true)
})

test('a choice that is taken back at once has nothing asked for more than once anew', () => {
  const pieces = 20
  const world = new World(3, { pieces })
  const seed = world.node('seed', { has: 'all', upBytesPerSecond: 200_000 })
  const leech = world.node('leech')
  world.connect(seed, leech, 100)
  world.runUntil(() => leech.storage.have.count >= 4)
  const { connection } = leech.link(seed).peer
  const asked = new Map<string, number>()
  const send = connection.request.bind(connection)
  connection.request = (piece, begin, length) => {
    asked.set(`${piece}:${begin}`, (asked.get(`${piece}:${begin}`) ?? 0) + 1)
    send(piece, begin, length)
  }
  const kept = Array.from({ length: pieces }, (_, piece) => piece).find((piece) => !leech.storage.have.get(piece))
  const select = (isWanted: (piece: number) => boolean) => {
    const priorities = Uint8Array.from({ length: pieces }, (_, piece) => (isWanted(piece) ? 4 : 0))
    leech.turn(() => leech.swarm.setPriorities(priorities, world.time.nowMs()))
  }
  select((piece) => piece === kept)
  select(() => true)
  assert.ok(world.runUntil(() => leech.swarm.isFinished))
  assert.ok(asked.size > 0)
  assert.deepEqual(
    [...asked].filter(([, count]) => count > 1),
    [],
  )
})
