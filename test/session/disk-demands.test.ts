// Room on disks that several torrents write to: who has it, and from when to when.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, success, unwrap } from '../../src/base/errors.ts'
import { DiskDemands, type DiskWriter } from '../../src/session/disk-demands.ts'

const freeBytes = 100

function writerOf(neededBytes: number, volume = 'a'): DiskWriter & { neededBytes: number } {
  return {
    neededBytes,
    space() {
      return Promise.resolve(success({ volume, neededBytes: this.neededBytes, freeBytes }))
    },
  }
}

test('of two that ask at once the first has the room, until it is released or has written it', async () => {
  const demands = new DiskDemands()
  const [first, second] = [writerOf(60), writerOf(60)]
  const answers = await Promise.all([demands.ask(first), demands.ask(second)])
  assert.deepEqual(
    answers.map((answer) => unwrap(answer).promisedBytes),
    [0, 60],
  )
  // Asked again, its own demand is not that of another.
  assert.equal(unwrap(await demands.ask(first)).promisedBytes, 0)
  first.neededBytes = 10
  assert.equal(unwrap(await demands.ask(second)).promisedBytes, 10)
  assert.equal(unwrap(await demands.ask(first)).promisedBytes, 60)
  demands.release(second)
  assert.equal(unwrap(await demands.ask(first)).promisedBytes, 0)
})

test('who was released while it asked has nothing', async () => {
  const demands = new DiskDemands()
  const [first, second] = [writerOf(60), writerOf(60)]
  const asked = demands.ask(first)
  demands.release(first)
  await asked
  assert.equal(unwrap(await demands.ask(second)).promisedBytes, 0)
})

test('each volume is by itself: one that does not answer holds up nobody elsewhere', async () => {
  const demands = new DiskDemands()
  let answers = 0
  const silent: DiskWriter = {
    // It says once where it is.
    space: () =>
      answers++ === 0
        ? Promise.resolve(success({ volume: 'a', neededBytes: 60, freeBytes }))
        : new Promise(() => undefined),
  }
  void demands.ask(silent)
  const elsewhere = writerOf(60, 'b')
  assert.equal(unwrap(await demands.ask(elsewhere)).promisedBytes, 0)
  // Nor does one that is finished wait for anybody.
  assert.equal(unwrap(await demands.ask(writerOf(0))).neededBytes, 0)
})

test('a disk that fails grants nothing, and promises nothing', async () => {
  const demands = new DiskDemands()
  const failing: DiskWriter = { space: () => Promise.resolve(failure('file-unreadable', 'EIO')) }
  assert.equal((await demands.ask(failing)).ok, false)
  assert.equal(unwrap(await demands.ask(writerOf(60))).promisedBytes, 0)
})
