// Which torrents run when not all may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { chooseRunning, hasReachedGoal } from '../../src/session/queueing.ts'

const queued = fc.array(fc.record({ wantsToRun: fc.boolean(), isFinished: fc.boolean(), isForced: fc.boolean() }), {
  maxLength: 30,
})
const limits = fc.record({ maxActiveDownloads: fc.nat(6), maxActiveSeeds: fc.nat(6) })

test('as many downloads and seeds run as may, the first of the queue before the later', () => {
  fc.assert(
    fc.property(queued, limits, (torrents, bounds) => {
      const running = chooseRunning(torrents, bounds)
      for (const isFinished of [false, true]) {
        const limit = isFinished ? bounds.maxActiveSeeds : bounds.maxActiveDownloads
        const kind = torrents.flatMap((torrent, index) =>
          torrent.wantsToRun && !torrent.isForced && torrent.isFinished === isFinished ? [running[index]] : [],
        )
        const expected = kind.map((_, index) => index < limit)
        assert.deepEqual(kind, expected)
      }
    }),
    { numRuns: 200 },
  )
})

test('what nobody wants to run never runs, and what is forced always does', () => {
  fc.assert(
    fc.property(queued, limits, (torrents, bounds) => {
      const running = chooseRunning(torrents, bounds)
      for (const [index, torrent] of torrents.entries()) {
        if (!torrent.wantsToRun) assert.equal(running[index], false)
        else if (torrent.isForced) assert.equal(running[index], true)
      }
    }),
    { numRuns: 200 },
  )
})

test('a seed goal is reached by the ratio or by the time, whichever is first', () => {
  const goals = { ratio: 2, seedingSeconds: 100 }
  assert.equal(hasReachedGoal({ uploadedBytes: 199, wantedBytes: 100, seedingSeconds: 99 }, goals), false)
  assert.equal(hasReachedGoal({ uploadedBytes: 200, wantedBytes: 100, seedingSeconds: 0 }, goals), true)
  assert.equal(hasReachedGoal({ uploadedBytes: 0, wantedBytes: 100, seedingSeconds: 100 }, goals), true)
  assert.equal(hasReachedGoal({ uploadedBytes: 0, wantedBytes: 0, seedingSeconds: 0 }, { ...goals, ratio: 0 }), false)
})
