// What leaves a connection together: batches, their order, what of the caller's memory is held and for how long.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { concatBytes } from '../../src/base/bytes.ts'
import { WriteQueue, type WriteTarget } from '../../src/host/write-queue.ts'
import { fillerBytes } from './temporary-folder.ts'

class SlowTarget implements WriteTarget {
  readonly batches: Uint8Array[][] = []
  readonly written: number[] = []
  readonly errors: Error[] = []
  isSynchronous = false
  finish: (error?: Error) => void = () => undefined

  gather(chunks: readonly Uint8Array[], callback: (error?: Error | null) => void): void {
    this.batches.push([...chunks])
    this.finish = callback
    if (this.isSynchronous) callback()
  }

  onWritten(totalBytes: number): void {
    this.written.push(totalBytes)
  }

  onWriteFailed(error: Error): void {
    this.errors.push(error)
  }
}

/** What was put off to the end of a turn of the event loop, or to the next one, is done. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await setImmediate()
}

const header = new Uint8Array(13)
const payload = fillerBytes(16_384, 1)

describe('write queue', () => {
  test('what is written in one turn leaves in one call, payload where it is, headers copied', async () => {
    const target = new SlowTarget()
    const queue = new WriteQueue(target)
    queue.open()
    for (let index = 1; index <= 4; index++) queue.write(header.fill(index), payload)
    assert.equal(target.batches.length, 0)
    header.fill(0)
    await settle()
    assert.equal(target.batches.length, 1)
    const [batch = []] = target.batches
    assert.deepEqual([...batch.map((chunk) => chunk.length)], [13, 16_384, 13, 16_384, 13, 16_384, 13, 16_384])
    for (let index = 0; index < 4; index++) {
      assert.deepEqual(batch[2 * index], new Uint8Array(13).fill(index + 1))
      assert.equal(batch[2 * index + 1], payload)
    }
    assert.deepEqual(target.written, [])
    target.finish()
    assert.deepEqual(target.written, [4 * 16_397])
    assert.equal(queue.queuedBytes, 0)
  })

  test('one batch is under way at a time, in order', async () => {
    const target = new SlowTarget()
    const queue = new WriteQueue(target)
    queue.open()
    const sent: Uint8Array[] = []
    for (let round = 0; round < 30; round++) {
      const bytes = fillerBytes(1 + ((round * 7_919) % 200_000), round)
      sent.push(bytes)
      queue.write(bytes.subarray(0, round), bytes.subarray(round))
      await settle()
      if (round % 3 === 2) target.finish()
    }
    await settle()
    const count = target.batches.length
    await settle()
    assert.equal(target.batches.length, count)
    while (queue.queuedBytes > 0) {
      target.finish()
      await settle()
    }
    const whole = concatBytes(sent)
    assert.deepEqual(concatBytes(target.batches.flat()), whole)
    assert.equal(target.written.at(-1), whole.length)
  })

  test('nothing leaves before the connection stands or after it was stopped', async () => {
    const target = new SlowTarget()
    const queue = new WriteQueue(target)
    queue.write(header, undefined)
    await settle()
    assert.equal(target.batches.length, 0)
    queue.open()
    await settle()
    assert.equal(target.batches.length, 1)
    queue.write(header, payload)
    queue.stop()
    target.finish()
    queue.write(header, payload)
    await settle()
    assert.deepEqual([target.batches.length, target.written.length], [1, 0])
  })

  test('a batch that took long is followed by smaller ones, a quick one by larger ones', async () => {
    const target = new SlowTarget()
    const queue = new WriteQueue(target)
    queue.open()
    const fill = () => {
      while (!queue.isFull) queue.write(header, payload)
      return queue.queuedBytes
    }
    const first = fill()
    await settle()
    await setTimeout(210)
    target.finish()
    const afterSlow = fill()
    assert.ok(afterSlow < first)
    target.isSynchronous = true
    await settle()
    target.finish()
    await settle()
    for (let round = 0; round < 6; round++) {
      fill()
      await settle()
    }
    const afterQuick = fill()
    assert.ok(afterQuick > first)
    assert.ok(afterQuick < 1_100_000)
  })

  test('a failed write is told once, and ends the queue when it is stopped', async () => {
    const target = new SlowTarget()
    const queue = new WriteQueue(target)
    queue.open()
    queue.write(header, payload)
    await settle()
    target.finish(new Error('broken'))
    queue.stop()
    await settle()
    assert.equal(target.errors.length, 1)
    assert.deepEqual(target.written, [])
  })

  test('a sink that writes whenever there is room does not keep the event loop', async () => {
    const target = new SlowTarget()
    target.isSynchronous = true
    const queue = new WriteQueue(target)
    target.onWritten = () => queue.write(header, payload)
    queue.open()
    queue.write(header, payload)
    await settle()
    assert.ok(target.batches.length > 1)
    queue.stop()
  })
})
