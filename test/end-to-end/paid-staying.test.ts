// `seed --pay --keep-seeded` and somebody who downloads with `--earn` and stays, each a process of its own, on a ledger that
// is served by a third: what is paid for staying is what the other earns, to the unit.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { swarmbid } from './run-swarmbid.ts'
import { granted, invoiced, type SpeedLine, speedStage } from './speed-people.ts'

test('who has the content pays who came for it to stay, interval by interval', async (t) => {
  const stage = await speedStage(t, 3_000_000)
  const [seeder, owner] = await Promise.all([stage.person('seller'), stage.person('payer')])
  await owner.maySpend('100 TEST')
  const state = ['--state', join(owner.home, 'state'), '--bind', owner.host]
  const wish = ['--pay', '12TEST', '--keep-seeded', '2m']
  const seed = owner.start<SpeedLine>(t, 'seed', stage.torrent, stage.content, ...wish, ...state)
  const { port } = await seed.line('listening')
  const staying = seeder.download(t, stage.torrent, '--earn', '--stay', '--peer', `${owner.host}:${port}`)
  const earned = () => BigInt(staying.lines.findLast(({ speed }) => speed !== undefined)?.speed?.earned ?? '0')
  await staying.line('progress', 60_000, () => earned() > 0n)
  const rows = staying.lines.findLast(({ speed }) => speed !== undefined)?.speed?.stays ?? []
  assert.deepEqual(
    rows.map(({ side }) => side),
    ['earning'],
  )
  assert.equal(await seed.end('SIGINT'), 130, seed.errors())
  assert.equal(await staying.end('SIGINT'), 130, staying.errors())
  const paid = invoiced(seed, 'paying')
  assert.equal(invoiced(staying, 'earning').paid, paid.paid, staying.said())
  assert.ok(paid.paid >= earned() && paid.bytes === 0, seed.said())
  assert.deepEqual(await owner.balance(stage.operator), { available: granted - paid.paid, locked: 0n })
  assert.deepEqual(await seeder.balance(stage.operator), { available: granted + paid.paid, locked: 0n })
})

test('what would do nothing is refused', async () => {
  for (const wrong of [
    ['--pay', '2TEST'],
    ['--keep-seeded', '1h'],
    ['--pay', '2TEST', '--seeders', '2'],
  ]) {
    const { exitCode, stderr } = await swarmbid(['seed', 'nothing.torrent', ...wrong])
    assert.equal(exitCode, 2, stderr)
    assert.match(stderr, /--keep-seeded/)
  }
})
