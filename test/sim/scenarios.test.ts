// Scenarios as tests: nothing promised is broken, whatever the seed, and a seed repeats its run to the byte.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allChecks } from '../../sim/checks/all-checks.ts'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { type RunOptions, runScenario } from '../../sim/run-scenario.ts'
import type { Scenario } from '../../sim/scenario.ts'
import { allScenarios } from '../../sim/scenarios/all-scenarios.ts'
import { flashCrowd } from '../../sim/scenarios/flash-crowd.ts'
import { present } from '../../src/base/assert.ts'

async function play(scenario: Scenario, seed: number, options: Partial<RunOptions> = {}) {
  const lines: string[] = []
  const report = await runScenario(scenario, {
    seed,
    checks: allChecks,
    settlePromises,
    keepLine: (line) => lines.push(line),
    ...options,
  })
  return { report, lines }
}

test('the same seed gives the same events, another seed others', async () => {
  const small = { peers: 5, contentBytes: 500_000 }
  const [first, again, other] = [
    await play(flashCrowd, 1, small),
    await play(flashCrowd, 1, small),
    await play(flashCrowd, 2, small),
  ]
  assert.deepEqual(first.report.violations, [])
  assert.deepEqual(again.lines, first.lines)
  assert.equal(again.report.digest, first.report.digest)
  assert.notEqual(other.report.digest, first.report.digest)
})

for (const name of ['churn', 'power-loss', 'hostile-one-kind']) {
  test(`${name}: a seed repeats it to the byte`, async () => {
    const scenario = present(allScenarios.get(name), 'a scenario')
    const [first, again] = [await play(scenario, 1), await play(scenario, 1)]
    assert.deepEqual(again.lines, first.lines)
  })
}

for (const [name, scenario] of allScenarios) {
  test(`${name}: ${scenario.about}`, async () => {
    assert.equal(scenario.name, name)
    const { fewerPeers } = scenario
    const { report } = await play(scenario, 3, fewerPeers === undefined ? {} : { peers: fewerPeers })
    assert.deepEqual(report.violations, [])
  })
}
