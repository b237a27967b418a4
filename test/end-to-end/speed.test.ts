// `download --pay` from `seed --earn`, each a process of its own with a wallet of its own, on a ledger that is served by a
// third: content arrives, it is paid to the unit, and whatever is killed in the middle, nothing is lost or made.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import type { JsonProcess } from '../foreign/json-process.ts'
import { networkNamespaces } from './network-namespaces.ts'
import {
  digestOf,
  granted,
  invoiced,
  type Role,
  type SpeedLine,
  type SpeedPerson,
  type SpeedPlace,
  speedStage,
  unit,
} from './speed-people.ts'

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired, SWARMBID_TEST_LONG: isLong } = process.env
const mebibyte = 1_048_576
/** A TEST for a MiB. */
const price = ['--price', '1024TEST', '--upload-limit', '2MiB']
/** What comes between two lines of progress, and a little more. */
const unseenBytes = 6 * mebibyte

async function sellerAndPayer(t: TestContext, totalBytes: number, place?: SpeedPlace) {
  const stage = await speedStage(t, totalBytes, place)
  const [seller, payer] = await Promise.all([stage.person('seller'), stage.person('payer')])
  await payer.maySpend('100 TEST')
  return { stage, seller, payer }
}

function boughtBytes(child: JsonProcess<SpeedLine>): number {
  return child.lines.findLast(({ speed }) => speed !== undefined)?.speed?.boughtBytes ?? 0
}

function assertWhole(payer: SpeedPerson, stage: { readonly content: string; readonly name: string }): void {
  assert.equal(digestOf(join(payer.home, 'down', stage.name)), digestOf(join(stage.content, stage.name)))
}

/** Spending and earning, as `speed status` shows them. */
async function switchesOf(person: SpeedPerson): Promise<readonly unknown[]> {
  const [status] = await person.said('speed', 'status')
  const { spending, earning } = status as { spending?: unknown; earning?: unknown }
  return [spending, earning]
}

async function buyOnce(t: TestContext, place?: SpeedPlace): Promise<void> {
  const { stage, seller, payer } = await sellerAndPayer(t, 8 * mebibyte, place)
  // Who may spend need not earn; a seller has never been allowed to spend.
  await payer.said('wallet', 'earning', 'off')
  const seed = seller.seed(t, stage.torrent, stage.content, ...price)
  const { port } = await seed.line('listening')
  const peer = ['--peer', `${seller.host}:${port}`]
  const download = payer.download(t, stage.torrent, '--pay', '50TEST', ...peer)
  assert.equal(await download.exit(), 0, download.said())
  assertWhole(payer, stage)
  const paid = invoiced(download, 'paying')
  assert.ok(paid.bytes > 4 * mebibyte, `${paid.bytes} bytes were bought: ${download.said()}`)
  assert.equal(await seed.end('SIGINT'), 130, seed.errors())
  const earned = invoiced(seed, 'earning')
  assert.equal(paid.paid, (BigInt(paid.bytes) * unit) / BigInt(mebibyte))
  assert.equal(earned.paid, paid.paid, seed.said())
  assert.deepEqual(await payer.balance(stage.operator), { available: granted - paid.paid, locked: 0n })
  assert.deepEqual(await seller.balance(stage.operator), { available: granted + paid.paid, locked: 0n })

  assert.deepEqual(await switchesOf(payer), ['on', 'off'])
  assert.deepEqual(await switchesOf(seller), ['off', 'on'])
  const [bought] = await payer.said('speed', 'history', '--by', 'torrent')
  const { paid: remembered, receipted, name } = bought as typeof bought & { receipted?: string }
  assert.deepEqual([remembered, receipted, name], [String(paid.paid), String(paid.paid), stage.name])
  const receipts = (await payer.said('speed', 'explain')).filter(({ type }) => type === 'receipt')
  assert.deepEqual(
    receipts.map((receipt) => [(receipt as { amount?: string }).amount, (receipt as { bytes?: number }).bytes]),
    [[String(paid.paid), paid.bytes]],
  )
  const [sold] = await seller.said('speed', 'history', '--by', 'peer')
  assert.equal((sold as { earned?: string }).earned, String(paid.paid))
  assert.equal((await payer.run('lane', 'list', '--json')).stdout, '', 'no lane is left')
}

/** Ledger, seller and payer on machines of their own; undefined: not here. */
function namespaces(t: TestContext): SpeedPlace | undefined {
  const wrapper = networkNamespaces<Role>(
    t,
    ['ledger', 'seller', 'payer'],
    [
      ['ledger', 'seller', '10.232.1'],
      ['ledger', 'payer', '10.232.2'],
      ['seller', 'payer', '10.232.3'],
    ],
  )
  if (wrapper === undefined) return undefined
  return {
    wrapper,
    ledgerBinds: ['0.0.0.0'],
    ledgerNet: { seller: '10.232.1.', payer: '10.232.2.' },
    address: { seller: '10.232.3.1', payer: '10.232.3.2' },
  }
}

describe('a paid download', () => {
  test('across network namespaces: ledger, seller and payer on machines of their own', async (t) => {
    const place = namespaces(t)
    if (place === undefined) {
      assert.notEqual(foreignRequired, '1', 'network namespaces cannot be made here')
      return t.skip('needs the right to make network namespaces, with `ip`')
    }
    await buyOnce(t, place)
  })

  test('is paid for by the byte, as both balances and invoices say, where one may not earn and the other not spend', (t) =>
    buyOnce(t))

  test('killed in the middle and run again, on either side: what one spent the other has, and no more than was sent', async (t) => {
    const { stage, seller, payer } = await sellerAndPayer(t, 12 * mebibyte)
    let seed = seller.seed(t, stage.torrent, stage.content, ...price)
    const { port } = await seed.line('listening')
    const again = ['--pay', '50TEST', '--peer', `${seller.host}:${port}`]
    let download = payer.download(t, stage.torrent, ...again)
    await download.line('progress', 90_000, () => boughtBytes(download) > 2 * mebibyte)
    await download.end('SIGKILL')
    const boughtBefore = boughtBytes(download)
    download = payer.download(t, stage.torrent, ...again)
    await download.line('progress', 90_000, () => boughtBytes(download) > mebibyte)
    await seed.end('SIGKILL')
    seed = seller.seed(t, stage.torrent, stage.content, ...price, '--port', String(port))
    assert.equal(await download.exit(120_000), 0, download.said())
    assertWhole(payer, stage)
    assert.equal(await seed.end('SIGINT'), 130, seed.errors())
    const [ofPayer, ofSeller] = [await payer.balance(stage.operator), await seller.balance(stage.operator)]
    assert.deepEqual([ofPayer.locked, ofSeller.locked], [0n, 0n], download.said())
    const spent = granted - ofPayer.available
    assert.equal(ofSeller.available - granted, spent)
    // What was not in the resume record yet came, and was paid for, again.
    const mostBytes = stage.totalBytes + boughtBefore + unseenBytes
    t.diagnostic(
      `${spent} base units for ${stage.totalBytes} bytes, ${boughtBefore} of them bought before the first death`,
    )
    assert.ok(spent <= (BigInt(mostBytes) * unit) / BigInt(mebibyte), `${spent} base units were paid`)
    assert.ok(spent >= invoiced(download, 'paying').paid && spent > 2n * unit, `${spent} base units were paid`)
  })

  test('a seller stays while it brings what an hour is to bring, and then ends by itself', async (t) => {
    if (isLong === undefined) return t.skip('takes minutes: SWARMBID_TEST_LONG')
    const { stage, seller, payer } = await sellerAndPayer(t, 8 * mebibyte)
    // Eight TEST at most come in, so at two thousand an hour that is a quarter of a minute, and it waits one besides.
    const seed = seller.seed(t, stage.torrent, stage.content, ...price, '--while-earning', '2000TEST')
    const { port } = await seed.line('listening')
    const download = payer.download(t, stage.torrent, '--pay', '50TEST', '--peer', `${seller.host}:${port}`)
    assert.equal(await download.exit(), 0, download.said())
    assertWhole(payer, stage)
    assert.equal(await seed.exit(150_000), 0, seed.said())
    const ended = seed.lines.find(({ type }) => type === 'earns-too-little')
    assert.equal(ended?.earned, String(invoiced(download, 'paying').paid), seed.said())
    assert.ok(seed.lines.some(({ type }) => type === 'stopped'))
  })

  test('a quote says who sells and for how much, and pays nothing', async (t) => {
    const { stage, seller, payer } = await sellerAndPayer(t, 16 * mebibyte)
    const slow = [...price.slice(0, 3), '512KiB']
    const seed = seller.seed(t, stage.torrent, stage.content, ...slow)
    const { port } = await seed.line('listening')
    const download = payer.download(t, stage.torrent, '--pay', '50TEST', '--quote', '--peer', `${seller.host}:${port}`)
    assert.equal(await download.exit(), 0, download.said())
    const quote = download.lines.find(({ type }) => type === 'quote')
    assert.deepEqual([quote?.sellers, quote?.leastPrice], [1, String(unit)], download.said())
    // The only peer there is gives all it has for nothing.
    assert.equal(quote?.verdict, 'not-worth-it')
    assert.deepEqual(await payer.balance(stage.operator), { available: granted, locked: 0n })
    assert.equal(await seed.end('SIGINT'), 130)
  })
})
