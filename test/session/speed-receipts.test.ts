// Receipts between whole sessions: what a payee signed that it was paid, as the payer keeps it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SimulatedLedger } from '../../sim/ports/simulated-ledger.ts'
import type { Machine } from '../../sim/world/machine.ts'
import { present } from '../../src/base/assert.ts'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { InfoHashV1 } from '../../src/base/ids.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { BencodeCursor } from '../../src/formats/bencode/cursor.ts'
import { scan } from '../../src/formats/bencode/scan.ts'
import { accountAddress } from '../../src/formats/money/account-id.ts'
import { speedMessageDigest } from '../../src/formats/money/speed-message-digest.ts'
import { payeeLanes } from '../../src/payment/lane-records.ts'
import { readTable } from '../../src/session/lane-records-reader.ts'
import { type PayeeReceipt, readReceipts } from '../../src/session/payee-receipts.ts'
import { SellingReceipts } from '../../src/session/selling-receipts.ts'
import { SpeedConnection } from '../../src/session/speed-connection.ts'
import { claimedOf, costOf, databaseOf, isQuiet, type Pair, pairOf, speedOf, token, walletOf } from './speed-world.ts'

const mebibyte = 1_048_576

async function dealt(bytes: number, rate = 1_000_000): Promise<Pair> {
  const pair = await pairOf({ bytes, rate })
  await pair.world.until('a share', () => speedOf(pair.payer, pair.id).rows[0]?.state === 'holding')
  return pair
}

async function finished({ world, ledger, payer, id }: Pair): Promise<void> {
  await world.until('finished', () => payer.torrent(id).isFinished, 900_000)
  await world.until('everything settled', () => isQuiet(ledger), 3_600_000)
  await world.clock.run(5_000)
}

async function receiptsOf(machine: Machine): Promise<PayeeReceipt[]> {
  return unwrap(await readReceipts(databaseOf(machine), walletOf(machine).ledger.terms.rail))
}

/** What was signed says what the record says, and its payee signed it. */
function assertProves(receipt: PayeeReceipt, ledger: SimulatedLedger): void {
  const { payee, infoHash, body, signature, lane, amount, bytes } = receipt
  const message = { rail: ledger.terms.rail, kind: 'receipt', infoHash: infoHash as InfoHashV1, body }
  const signer = unwrap(ledger.keys.scheme.recover(speedMessageDigest(message, ledger.terms.domain), signature))
  assert.deepEqual(signer, accountAddress(payee))
  const cursor = new BencodeCursor(unwrap(scan(body)))
  assert.equal(cursor.get('amount')?.latin1(), amount.toString())
  assert.equal(cursor.get('bytes')?.integer(), bytes)
  assert.equal(toHex(present(cursor.get('lane')?.bytes(), 'a lane')), lane)
}

test('who paid has a receipt for all of it, signed by who was paid, and it was paid for what it says', async () => {
  const { state } = SpeedConnection.prototype
  const stated: { readonly amount: bigint; readonly kept: Promise<bigint> }[] = []
  const deal = await dealt(12_000_000)
  const { ledger, payer, seller, id } = deal
  const onDisk = async () => {
    const lanes = unwrap(await readTable(databaseOf(seller), payeeLanes, ledger.terms.rail))
    return lanes.reduce((sum, { newest }) => sum + (newest?.cumulativeAmount ?? 0n), 0n)
  }
  SpeedConnection.prototype.state = function (statement) {
    if (statement.type === 'receipt') stated.push({ amount: statement.amount, kept: onDisk() })
    state.call(this, statement)
  }
  try {
    await finished(deal)
  } finally {
    SpeedConnection.prototype.state = state
  }
  const receipts = await receiptsOf(payer)
  assert.ok(receipts.length > 0)
  for (const receipt of receipts) assertProves(receipt, ledger)
  assert.equal(
    receipts.reduce((sum, { amount }) => sum + amount, 0n),
    claimedOf(ledger),
  )
  const [last] = receipts
  assert.equal(last?.bytes, speedOf(payer, id).boughtBytes)
  assert.equal(last?.torrent, id)
  for (const { amount, kept } of stated) assert.ok(amount <= (await kept), 'none before the voucher is on the disk')
})

test('while a share is held there is a receipt each half minute, and no more', async () => {
  const deal = await dealt(40_000_000, 300_000)
  const { world, payer } = deal
  const amounts = new Set<bigint>()
  for (let second = 0; second < 95; second++) {
    await world.clock.run(1_000)
    for (const { amount } of await receiptsOf(payer)) amounts.add(amount)
  }
  assert.equal(amounts.size, 3)
  const [, , last = 0n] = [...amounts]
  assert.ok(last >= costOf(20 * mebibyte), `${last} of 26 MB or so`)
})

test('a receipt that was kept is there after a crash, and the next one of the lane takes its place', async () => {
  const deal = await dealt(24_000_000, 300_000)
  const { world, payer, id, ledger } = deal
  await world.clock.run(40_000)
  const [before] = await receiptsOf(payer)
  payer.kill(true)
  await world.clock.run(5_000)
  assert.deepEqual(await receiptsOf(payer), [before])
  await payer.start()
  await world.until('a share again', () => speedOf(payer, id).rows[0]?.state === 'holding', 300_000)
  await finished(deal)
  const after = await receiptsOf(payer)
  assert.equal(after.length, 1)
  assert.equal(after[0]?.lane, before?.lane)
  assert.equal(after[0]?.amount, claimedOf(ledger))
})

for (const [lie, change] of [
  ['for more than was signed', { amount: tokenAmount(40n * token) }],
  ['for more bytes than were verified', { bytes: 2 ** 40 }],
  ['of a lane that is not theirs', { lane: 'ab'.repeat(32) as never }],
] as const) {
  test(`a receipt ${lie} counts for nothing, and changes nothing`, async () => {
    const { due } = SellingReceipts.prototype
    let lies = 0
    SellingReceipts.prototype.due = function (...asked) {
      const receipts = due.apply(this, asked)
      lies += receipts.length
      return receipts.map((receipt) => ({ ...receipt, ...change }))
    }
    try {
      const deal = await dealt(6_000_000)
      await finished(deal)
      const { ledger, payer, id } = deal
      assert.ok(lies > 0)
      assert.deepEqual(await receiptsOf(payer), [])
      assert.equal(claimedOf(ledger), costOf(speedOf(payer, id).boughtBytes))
    } finally {
      SellingReceipts.prototype.due = due
    }
  })
}
