// Scenarios as tests: nothing promised is broken, whatever the seed, and a seed repeats its run to the byte.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { allChecks } from '../../sim/checks/all-checks.ts'
import { runScenario } from '../../sim/run-scenario.ts'
import { flashCrowd } from '../../sim/scenarios/flash-crowd.ts'

async function play(seed: number) {
  const lines: string[] = []
  const report = await runScenario(flashCrowd, {
    seed,
    peers: 5,
    contentBytes: 500_000,
    checks: allChecks,
    settlePromises: () => setImmediate(),
    keepLine: (line) => lines.push(line),
  })
  return { report, lines }
}

test('the same seed gives the same events, another seed others', async () => {
  const [first, again, other] = [await play(1), await play(1), await play(2)]
  assert.deepEqual(first.report.violations, [])
  assert.deepEqual(again.lines, first.lines)
  assert.equal(again.report.digest, first.report.digest)
  assert.notEqual(other.report.digest, first.report.digest)
})
