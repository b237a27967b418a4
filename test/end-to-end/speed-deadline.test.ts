// `download --pay … --deadline`: what is to be there by then is bought of several sellers at once, each a process of its own with
// a price of its own, and each has what it delivered.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestOf, granted, invoiced, speedStage, unit } from './speed-people.ts'

const mebibyte = 1_048_576
const totalMiB = 36
/** Less than one of them alone would take. */
const deadlineSeconds = 60
const mostTokens = 90
const sellerNames = ['cheap', 'usual', 'dear'] as const
/** Of each, for a GiB. */
const prices = ['900TEST', '1000TEST', '1100TEST'] as const
const uploadLimit = '512KiB'

test('with a deadline three sellers deliver in time, and each is paid what it delivered', async (t) => {
  const stage = await speedStage(t, totalMiB * mebibyte)
  const [payer, ...sellers] = await Promise.all([
    stage.person('payer'),
    ...sellerNames.map((name) => stage.person('seller', name)),
  ])
  assert.ok(payer !== undefined)
  await payer.maySpend('100 TEST')
  const seeds = sellers.map((seller, index) =>
    seller.seed(t, stage.torrent, stage.content, '--price', prices[index] ?? '', '--upload-limit', uploadLimit),
  )
  const peers: string[] = []
  for (const seed of seeds) peers.push('--peer', `127.0.0.1:${(await seed.line('listening')).port}`)
  const startMs = performance.now()
  const download = payer.download(t, stage.torrent, '--pay', `${mostTokens}TEST`, '--deadline', '1m', ...peers)
  await download.line('done')
  const seconds = (performance.now() - startMs) / 1_000
  assert.equal(await download.exit(), 0, download.said())
  t.diagnostic(`${totalMiB} MiB in ${seconds.toFixed(1)} s`)
  assert.ok(seconds <= deadlineSeconds, `${seconds} s: ${download.said()}`)
  assert.equal(digestOf(join(payer.home, 'down', stage.name)), digestOf(join(stage.content, stage.name)))
  for (const seed of seeds) assert.equal(await seed.end('SIGINT'), 130, seed.errors())

  const paid = invoiced(download, 'paying')
  const parties = download.lines.findLast(({ type }) => type === 'invoice')?.parties ?? []
  t.diagnostic(parties.map(({ bytes, paid: amount }) => `${bytes} bytes for ${amount}`).join(', '))
  let earned = 0n
  for (const [index, seller] of sellers.entries()) {
    const seed = seeds[index]
    assert.ok(seed !== undefined)
    const own = invoiced(seed, 'earning')
    const party = parties.find(({ account }) => account.endsWith(seller.address.toLowerCase()))
    assert.ok(own.bytes > mebibyte, `${sellerNames[index]} sold ${own.bytes} bytes: ${download.said()}`)
    assert.deepEqual([BigInt(party?.paid ?? -1), party?.bytes], [own.paid, own.bytes], download.said())
    assert.deepEqual(await seller.balance(stage.operator), { available: granted + own.paid, locked: 0n })
    earned += own.paid
  }
  assert.equal(earned, paid.paid)
  assert.deepEqual(await payer.balance(stage.operator), { available: granted - paid.paid, locked: 0n })
  assert.ok(paid.paid <= BigInt(mostTokens) * unit, `${paid.paid} base units`)
  const awards = await payer.said('speed', 'explain', '--last', '100')
  const jobs = awards.filter((award) => (award as { readonly reason?: string }).reason === 'job')
  assert.ok(jobs.length >= sellerNames.length, JSON.stringify(awards))
})
