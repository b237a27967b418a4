// The evidence for Speed is what it says it is: pairs that differ in nothing but payment, the same again from the same seed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settlePromises } from '../../sim/command-line/settle-promises.ts'
import { evidencePage, evidencePlot, planSection } from '../../sim/evidence/evidence-page.ts'
import { type EvidencePlan, evidencePlans } from '../../sim/evidence/evidence-plans.ts'
import { runPlan } from '../../sim/evidence/paired-run.ts'
import { present } from '../../src/base/assert.ts'

const [first] = evidencePlans
const small: EvidencePlan = {
  ...present(first, 'a plan'),
  name: 'small',
  leechers: { payer: 3, free: 2, legacy: 2, rider: 1 },
  seeds: 1,
  contentBytes: 3_000_000,
  pieceLengthBytes: 65_536,
  seedBytesPerSecond: 200_000,
  uploadBytesPerSecond: 50_000,
  slots: 4,
  shares: 2,
  arrivalSeconds: 2,
}
const play = (mode: 'speed' | 'control') => runPlan(small, { seed: 1, mode, settlePromises })

test('a pair is the same swarm, in which somebody pays or nobody does', async () => {
  const [speed, control, again] = [await play('speed'), await play('control'), await play('speed')]
  assert.deepEqual(again, speed)
  const kindsOf = ({ members }: typeof speed) => members.map(({ kind }) => kind)
  assert.deepEqual(kindsOf(control), kindsOf(speed))
  assert.equal(kindsOf(speed).length, 9)
  const sum = ({ members }: typeof speed, name: 'paid' | 'earned' | 'boughtBytes') =>
    members.reduce((total, member) => total + member[name], 0)
  assert.deepEqual([sum(control, 'paid'), sum(control, 'earned'), sum(control, 'boughtBytes')], [0, 0, 0])
  assert.ok(sum(speed, 'boughtBytes') > 0 && sum(speed, 'paid') > 0)
  assert.ok(speed.members.every(({ kind, paid }) => kind === 'payer' || paid === 0))
  assert.ok(control.members.every(({ kind, seconds }) => kind === 'seed' || seconds !== undefined))

  const evidence = { plan: small, pairs: [{ seed: 1, speed, control }] }
  const page = evidencePage([evidence])
  for (const kind of Object.keys(small.leechers))
    assert.match(page, new RegExp(`^\\| ${kind} \\| \\d+ \\| \\d+ \\|`, 'm'))
  assert.match(planSection(evidence, 'elsewhere'), /!\[times\]\(elsewhere\/small\.svg\)/)
  assert.match(page, /Why free riders are not later/)
  assert.equal(evidencePlot(evidence).match(/stroke-width="2"/g)?.length, 8)
})

test('who never pays takes shares and pays nothing, and who washes pays itself before anybody comes', async () => {
  const crooked: EvidencePlan = { ...small, name: 'crooked', seeds: 3, leechers: { defaulter: 2, washer: 2, free: 3 } }
  const run = (mode: 'speed' | 'control') => runPlan(crooked, { seed: 1, mode, settlePromises })
  const [speed, control] = [await run('speed'), await run('control')]
  const defaulters = speed.members.filter(({ kind }) => kind === 'defaulter')
  assert.ok(defaulters.some(({ boughtBytes }) => boughtBytes > 0))
  assert.ok(defaulters.every(({ paid, earned }) => paid === 0 && earned === 0))
  assert.ok(speed.operations > 0 && speed.members.some(({ kind, paid }) => kind === 'washer' && paid > 0))
  const page = evidencePage([{ plan: crooked, pairs: [{ seed: 1, speed, control }] }])
  assert.match(page, /washers, of the time of payers/)
  assert.match(page, /a defaulter took unpaid shares of, MiB \| \d/)
})
