// A swarm of real processes on lines with rates of their own: who pays has it before most who do not, a foreign client that knows
// nothing of Speed has it too, and every account is what the invoices say. tools/evidence-real.ts plays larger ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLibtorrentMissing } from '../foreign/libtorrent.ts'
import { libtorrent } from '../foreign/libtorrent-program.ts'
import { makeKit } from './shaped-people.ts'
import { makeRealContent, playShapedSwarm, type RealPlan } from './shaped-swarm.ts'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env

/** Most comes from seeds, with three slots each for six, of which one is for sale; who is lucky has one at one of them. */
const plan: RealPlan = {
  name: 'one pays',
  about: 'one has a budget, two have no tokens, three no Speed',
  leechers: { payer: 1, free: 2, legacy: 3 },
  seeds: 2,
  selling: 'honest',
  contentBytes: 10_000_000,
  pieceLengthBytes: 65_536,
  seedBytesPerSecond: 800_000,
  uploadBytesPerSecond: 75_000,
  downloadBytesPerSecond: 2_500_000,
  slots: 3,
  shares: 1,
  arrivalSeconds: 0,
  staySeconds: Number.POSITIVE_INFINITY,
  seedingCostAnHour: 60,
  budgetTokens: 40,
  limitShare: 0.92,
}

test('on shaped lines a payer is done before most who pay nothing, a foreign client is served, and balances add up', async (t) => {
  if (isLibtorrentMissing(t)) return
  const kit = await makeKit(t, 1, 4)
  if (kit === undefined) {
    assert.notEqual(foreignRequired, '1', 'network namespaces with shaped lines cannot be made here')
    return t.skip('needs the right to make network namespaces, with `ip` and `tc`')
  }
  const content = await makeRealContent(t, plan.contentBytes, plan.pieceLengthBytes)
  const run = await playShapedSwarm(plan, { kit, content, seed: 1, mode: 'speed', legacy: [libtorrent] })
  assert.ok(run !== undefined)
  const said = JSON.stringify(run)
  t.diagnostic(run.members.map(({ name, seconds }) => `${name} ${seconds?.toFixed(1) ?? ''}`).join(', '))
  const [payer] = run.members.filter(({ kind }) => kind === 'payer')
  const others = run.members.filter(({ kind }) => kind === 'free' || kind === 'legacy')
  assert.equal(others.length, 5)
  for (const { seconds } of others) assert.ok(seconds !== undefined, said)
  // Of those who pay nothing some are lucky.
  const middleSeconds = others.map(({ seconds = 0 }) => seconds).sort((one, other) => one - other)[2] ?? 0
  assert.ok((payer?.seconds ?? Number.POSITIVE_INFINITY) < middleSeconds, said)
  assert.ok((payer?.paid ?? 0) > 0 && (payer?.boughtBytes ?? 0) > plan.contentBytes / 4, said)
  assert.deepEqual(run.books?.problems, [], said)
  assert.equal(run.books?.locked, 0, said)
})
