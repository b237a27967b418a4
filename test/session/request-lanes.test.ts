// Waiting in line for hosts: limits, turns, and jobs that are no longer wanted.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { RequestLane } from '../../src/session/request-lanes.ts'

interface Job {
  readonly host: string
  readonly number: number
}

describe('RequestLane', () => {
  test('a busy host does not hold up the others', () => {
    const begun: string[] = []
    const lane = new RequestLane<Job>({ maxUnderWay: 4, maxPerHost: 2 }, ({ host, number }) =>
      begun.push(`${host}${number}`),
    )
    const slow = [0, 1, 2, 3, 4].map((number) => ({ host: 's', number }))
    for (const job of slow) lane.add(job)
    lane.add({ host: 'a', number: 0 })
    lane.add({ host: 'b', number: 0 })
    lane.add({ host: 'b', number: 1 })
    assert.deepEqual(begun, ['s0', 's1', 'a0', 'b0'])
    lane.end(slow[0] as Job)
    assert.equal(begun.at(-1), 'b1', 'hosts take turns')
    lane.end(slow[2] as Job)
    lane.end(slow[1] as Job)
    assert.equal(begun.at(-1), 's3', 'a job that was given up while it waited never begins')
  })

  test('limits hold and every job begins once, in any order of events', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(20)), { maxLength: 80 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 3 }),
        (steps, maxUnderWay, maxPerHost) => {
          const underWay = new Set<Job>()
          const begun = new Set<Job>()
          const givenUp = new Set<Job>()
          const all: Job[] = []
          const lane = new RequestLane<Job>({ maxUnderWay, maxPerHost }, (job) => {
            assert.ok(!begun.has(job) && !givenUp.has(job))
            begun.add(job)
            underWay.add(job)
            assert.ok(underWay.size <= maxUnderWay)
            assert.ok([...underWay].filter(({ host }) => host === job.host).length <= maxPerHost)
          })
          const end = (job: Job) => {
            if (!begun.has(job)) givenUp.add(job)
            underWay.delete(job)
            lane.end(job)
          }
          for (const [host, number] of steps) {
            const job = { host, number }
            all.push(job)
            lane.add(job)
            const other = all[number]
            if (other !== undefined) end(other)
          }
          while (underWay.size > 0) for (const job of [...underWay]) end(job)
          assert.equal(begun.size + givenUp.size, all.length)
        },
      ),
      { numRuns: 200 },
    )
  })
})
