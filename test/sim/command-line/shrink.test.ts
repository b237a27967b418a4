// A failing run is made smaller while it fails in the same way, within a bounded number of runs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type RunSize, shrinkRun } from '../../../sim/command-line/shrink.ts'

test('finds the few peers and the little content that a failure needs', async () => {
  const fails = async ({ peers, contentBytes }: RunSize) => peers >= 3 && contentBytes >= 100_000
  const { size } = await shrinkRun({ peers: 20, contentBytes: 2_000_000 }, fails)
  assert.equal(size.peers, 3)
  assert.ok(size.contentBytes >= 100_000 && size.contentBytes < 150_000, `${size.contentBytes} bytes`)
})

test('what needs all it has stays as it is', async () => {
  const failing = { peers: 20, contentBytes: 2_000_000 }
  assert.deepEqual((await shrinkRun(failing, async () => false)).size, failing)
})

test('the result failed when it was played, is no larger, and few runs were played', async () => {
  const sizes = fc.record({
    peers: fc.integer({ min: 1, max: 2_000 }),
    contentBytes: fc.integer({ min: 1, max: 2 ** 31 }),
  })
  await fc.assert(
    fc.asyncProperty(sizes, fc.infiniteStream(fc.boolean()), async (failing, verdicts) => {
      const failed = [failing]
      let runCount = 0
      const shrunk = await shrinkRun(failing, async (size) => {
        runCount++
        assert.ok(size.peers >= 1 && size.contentBytes >= 1)
        const isFailing = verdicts.next().value
        if (isFailing) failed.push(size)
        return isFailing
      })
      assert.deepEqual(shrunk.size, failed.at(-1))
      assert.ok(shrunk.size.peers <= failing.peers && shrunk.size.contentBytes <= failing.contentBytes)
      assert.equal(shrunk.runCount, runCount)
      assert.ok(runCount <= 20)
      assert.ok(shrunk.size.contentBytes >= Math.min(16_384, failing.contentBytes))
    }),
  )
})
