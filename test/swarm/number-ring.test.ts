// The ring against a plain list of records.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NumberRing } from '../../src/swarm/number-ring.ts'
import { OutstandingRequests } from '../../src/swarm/outstanding-requests.ts'
import { maxQueuedRequests, UnwrittenBlocks, UploadQueue } from '../../src/swarm/upload-queue.ts'

function recordsOf(ring: NumberRing): number[][] {
  const records: number[][] = []
  for (let position = ring.first; position < ring.end; position = ring.next(position)) {
    records.push([ring.get(position, 0), ring.get(position, 1), ring.get(position, 2)])
  }
  return records
}

test('a ring holds what a list would, in order, however much is pushed and removed', () => {
  const step = fc.oneof({ weight: 3, arbitrary: fc.constant(-1) }, { weight: 2, arbitrary: fc.nat(200) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const ring = new NumberRing()
      const list: number[][] = []
      let next = 0
      for (const value of steps) {
        if (value === -1 || list.length === 0) {
          const record = [next, next * 2 ** 40, next + 0.5]
          next++
          ring.push(record[0] as number, record[1] as number, record[2] as number)
          list.push(record)
        } else {
          const index = value % list.length
          let position = ring.first
          for (let count = 0; count < index; count++) position = ring.next(position)
          ring.remove(position)
          list.splice(index, 1)
        }
        assert.deepEqual(recordsOf(ring), list)
        assert.equal(ring.size, list.length)
      }
    }),
  )
})

test('a ring whose first record stays does not grow with what passes behind it', () => {
  const ring = new NumberRing()
  ring.push(0, 0, 0)
  for (let index = 1; index < 100_000; index++) {
    ring.push(index, 0, 0)
    ring.remove(ring.next(ring.first))
  }
  assert.deepEqual(recordsOf(ring), [[0, 0, 0]])
  assert.ok(ring.end - ring.first <= 16)
})

test('outstanding requests are found, released once and counted', () => {
  const requests = new OutstandingRequests()
  for (let block = 0; block < 40; block++) requests.add(block, block * 10)
  for (let block = 0; block < 20; block++) requests.remove(requests.find(block))
  const position = requests.find(25)
  assert.deepEqual([requests.blockAt(position), requests.sentAtMs(position)], [25, 250])
  requests.release(position)
  requests.release(position)
  assert.equal(requests.isHeld(position), false)
  assert.deepEqual([requests.size, requests.heldCount, requests.find(3)], [20, 19, -1])
  requests.remove(position)
  assert.deepEqual([requests.size, requests.heldCount], [19, 19])
  requests.add(30, 500)
  requests.release(requests.find(30))
  assert.equal(requests.sentAtMs(requests.find(30)), 500)
  requests.dropReleased()
  assert.deepEqual([requests.size, requests.heldCount], [19, 19])
  requests.clear()
  assert.deepEqual([requests.size, requests.heldCount, requests.find(30)], [0, 0, -1])
})

test('an upload queue takes as many requests as we say, and no more', () => {
  const queue = new UploadQueue()
  for (let index = 0; index < maxQueuedRequests; index++) assert.equal(queue.push(index, 0, 1), true)
  assert.equal(queue.push(0, 0, 1), false)
  queue.remove(queue.find(7, 0, 1))
  assert.equal(queue.find(7, 0, 1), -1)
  assert.equal(queue.find(8, 0, 2), -1)
  assert.equal(queue.push(0, 0, 1), true)
})

test('blocks in a stream are given back once, when their last byte is written', () => {
  const blocks = new UnwrittenBlocks()
  const given: number[] = []
  const unpin = (piece: number, begin: number) => void given.push(piece * 100 + begin)
  for (let index = 0; index < 5; index++) blocks.push(index, 1, (index + 1) * 10)
  blocks.giveBack(9, unpin)
  blocks.giveBack(30, unpin)
  blocks.giveBack(30, unpin)
  assert.deepEqual(given, [1, 101, 201])
  blocks.giveBack(Number.POSITIVE_INFINITY, unpin)
  assert.deepEqual(given, [1, 101, 201, 301, 401])
  assert.ok(blocks.isEmpty && blocks.pinCount === 0)
})

test('a stream pins two mebibytes of pieces at most, or one piece, however long it takes', () => {
  const blocks = new UnwrittenBlocks()
  const pieceLengthBytes = 1_048_576
  const pin = (piece: number, endBytes: number) => {
    const mayPin = blocks.mayPin(piece, pieceLengthBytes)
    if (mayPin) blocks.push(piece, 0, endBytes)
    else blocks.pushCopy(endBytes)
    return mayPin
  }
  assert.deepEqual([pin(1, 10), pin(1, 20), pin(2, 30), pin(3, 40), pin(2, 50)], [true, true, true, false, true])
  blocks.giveBack(10, () => undefined)
  assert.equal(pin(3, 60), false)
  blocks.giveBack(20, () => undefined)
  assert.equal(pin(3, 70), true)
  blocks.giveBack(60, () => undefined)
  assert.deepEqual([blocks.pinCount, blocks.isEmpty], [1, false])
  assert.equal(blocks.mayPin(4, 4 * pieceLengthBytes), false)
  blocks.giveBack(70, () => undefined)
  assert.ok(blocks.isEmpty && blocks.mayPin(4, 4 * pieceLengthBytes))
  blocks.pushCopy(80)
  assert.ok(!blocks.isEmpty)
})
