// What people and programs are told of paying and earning: prices for a GiB, amounts that say when they are shortened, and
// estimates that are called so.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type TokenAmount, type TokenSymbol, tokenAmount } from '../../src/base/token-amount.ts'
import { invoiceJson, quoteJson, speedJson } from '../../src/cli/speed-json.ts'
import {
  accountEventText,
  accountText,
  cashedText,
  invoiceFields,
  priceText,
  quoteFields,
  receiptLines,
  speedEventText,
  speedTexts,
  verdictText,
} from '../../src/cli/speed-lines.ts'
import { eventLines } from '../../src/cli/transfer-json.ts'
import { plainLine } from '../../src/cli/transfer-lines.ts'
import type { Invoice, SpeedRow, TorrentQuote, TorrentSpeedSnapshot } from '../../src/daemon/transfer-request.ts'
import type { AccountId, LaneId, RailId, Signature } from '../../src/ports/ledger.ts'
import { shownPeer, shownTorrent } from './shown-torrent.ts'

const unit = 10n ** 18n
const tokens = (milli: number): TokenAmount => tokenAmount((BigInt(milli) * unit) / 1_000n)
const rail = `swarmbid:${'0'.repeat(32)}`
const seller = `${rail}:0x1bc157330db9d302972874da1388c56b6ce3e35d`

const row: SpeedRow = {
  endpoint: shownPeer.endpoint,
  account: seller,
  side: 'paying',
  state: 'holding',
  problem: undefined,
  postedPrice: tokens(1_000),
  price: tokens(1_000),
  bytes: 3 * 1_048_576,
  owed: tokens(3_000),
  paid: tokens(2_500),
}

const speed: TorrentSpeedSnapshot = {
  symbol: 'TEST',
  budget: tokens(50_000),
  spent: tokens(2_500),
  locked: tokens(7_500),
  earned: tokens(0),
  boughtBytes: 3 * 1_048_576,
  freeBytes: 1_048_576,
  postedPrice: undefined,
  sharesSold: 0,
  shares: 0,
  rows: [row],
  stays: [],
  parties: [{ account: seller, rail, side: 'paying', bytes: row.bytes, owed: row.owed, paid: row.paid }],
}

const invoice: Invoice = {
  symbol: 'TEST',
  budget: tokens(50_000),
  spent: tokens(3_000),
  locked: { amount: tokens(250), lanes: 1, untilMs: Date.UTC(2026, 10, 23, 12) },
  earned: tokens(0),
  boughtBytes: 3 * 1_048_576,
  freeBytes: 1_048_576,
  savedSeconds: 63.2,
  parties: speed.parties,
}

const quote: TorrentQuote = {
  verdict: 'worth-it',
  expectedPay: tokens(12_345),
  fees: tokens(0),
  locked: tokens(12_345),
  lockedMs: 3_600_000,
  lanes: 2,
  unpaidMs: 600_000,
  paidMs: 200_000,
  savedMs: 400_000,
  sellers: 3,
  leastPrice: tokens(500),
  mostPrice: tokens(2_000),
  bid: tokens(1_500),
  remainingBytes: 100 * 1_048_576,
  sampledMs: 15_000,
}

describe('lines of Speed', () => {
  test('prices are those for a GiB, accounts their address', () => {
    assert.equal(priceText(tokens(1_000), 'TEST'), '1024 TEST/GiB')
    assert.equal(priceText(tokenAmount(1n), 'BTT'), '<0.01 BTT/GiB')
    assert.equal(accountText(seller), '0x1BC157…e35d')
  })

  test('while it pays: how many, at what price, what is left', () => {
    assert.deepEqual(speedTexts(speed), [
      'paying 1 peer 1024 TEST/GiB, paid 2.5 TEST; of 50 TEST 40 TEST left, 7.5 TEST in lanes',
    ])
    const waiting = { ...speed, rows: [{ ...row, state: 'waiting' as const, price: undefined }] }
    assert.match(speedTexts(waiting)[0] ?? '', /^waiting for a share of 1 seller, /)
    assert.match(speedTexts({ ...speed, rows: [] })[0] ?? '', /^nobody who sells is connected, /)
    const cheaper = { ...row, price: tokens(500) }
    assert.match(
      speedTexts({ ...speed, rows: [row, cheaper] })[0] ?? '',
      /^paying 2 peers 512 TEST\/GiB to 1024 TEST\/GiB/,
    )
    // What is in lanes and what is gone may be more than a budget that was made smaller.
    assert.match(speedTexts({ ...speed, budget: tokens(1_000) })[0] ?? '', /of 1 TEST 0 TEST left/)
    assert.match(plainLine(shownTorrent({ speed }), false), /; paying 1 peer/)
  })

  test('while it sells: what of how much, at what price, what came in', () => {
    const earning = { ...speed.parties[0], side: 'earning' } as (typeof speed.parties)[number]
    const selling = {
      ...speed,
      budget: undefined,
      postedPrice: tokens(1_000),
      sharesSold: 1,
      shares: 4,
      parties: [earning],
    }
    assert.deepEqual(speedTexts(selling), ['sold 1 of 4 shares, at 1024 TEST/GiB, earned 2.5 TEST'])
    assert.deepEqual(speedTexts({ ...speed, budget: undefined }), [])
    assert.deepEqual(speedTexts(undefined), [])
  })

  test('an invoice says what was paid to whom, what is locked until when, and calls an estimate one', () => {
    assert.deepEqual(invoiceFields(invoice), [
      ['paid', '2.5 TEST of 50 TEST'],
      ['locked', '0.25 TEST in 1 lane, until 2026-11-23 12:00:00 UTC at the latest'],
      ['bought', '3 MiB, and 1 MiB free of charge'],
      ['saved', 'about 1 min 4 s (estimated)'],
      ['to', '0x1BC157…e35d  3 MiB  2.5 TEST  (~853.33 TEST/GiB)'],
    ])
    const plain = invoiceFields({ ...invoice, locked: undefined, savedSeconds: undefined, parties: [] })
    assert.deepEqual(
      plain.map(([label]) => label),
      ['paid', 'bought'],
    )
    const sold = speed.parties.map((party) => ({ ...party, side: 'earning' as const }))
    const seller = invoiceFields({ ...invoice, budget: undefined, locked: undefined, parties: sold })
    assert.deepEqual(seller[0], ['earned', '2.5 TEST for 3 MiB'])
  })

  test('a quote says what it is worth, and why not', () => {
    assert.equal(verdictText(quote), 'worth it')
    assert.equal(verdictText({ ...quote, verdict: 'no-provider', sellers: 0 }), 'nobody who sells was met')
    const fields = new Map(quoteFields(quote, 'TEST'))
    assert.equal(fields.get('sellers'), '3, asking 512 TEST/GiB to 2048 TEST/GiB; the bid would be 1536 TEST/GiB')
    assert.equal(fields.get('unpaid'), 'about 10 min 0 s')
    assert.equal(fields.get('paid'), 'about 3 min 20 s, saving about 6 min 40 s')
    assert.equal(fields.get('locked'), '12.345 TEST in 2 lanes, 1 h 0 min at most')
    const none = quoteFields({ ...quote, lanes: 0, leastPrice: undefined, unpaidMs: Number.POSITIVE_INFINITY }, 'TEST')
    assert.deepEqual(none, [
      ['to come', '100 MiB; 15 s of it were looked at'],
      ['unpaid', 'not in sight'],
    ])
  })

  test('events that people need to know have a line, others none', () => {
    assert.match(
      speedEventText({ type: 'fraud', account: seller, kind: 'auction-list' }, 'TEST') ?? '',
      /cheats \(auction-list\)/,
    )
    const began = { type: 'stay-began', account: seller, perHour: tokens(2_000), lastsMs: 3_600_000 } as const
    assert.match(speedEventText({ ...began, side: 'paying' }, 'TEST') ?? '', /is paid to stay: 2 TEST an hour, for 1 h/)
    assert.match(speedEventText({ ...began, side: 'earning' }, 'TEST') ?? '', /pays us to stay/)
    const ended = {
      type: 'stay-ended',
      account: seller,
      side: 'paying',
      why: 'no-answer',
      amount: tokens(3_000),
    } as const
    assert.match(speedEventText(ended, 'TEST') ?? '', /stay no more \(no-answer\); it came to 3 TEST/)
    const refused = { type: 'stay-refused', account: seller, why: 'too-cheap', leastPerHour: tokens(5_000) } as const
    assert.match(speedEventText(refused, 'TEST') ?? '', /too-cheap\); it asks 5 TEST an hour/)
    assert.match(speedEventText({ type: 'budget-spent' }, 'TEST') ?? '', /budget is spent/)
    assert.equal(speedEventText({ type: 'sold', account: seller, price: tokens(1), epoch: 2 }, 'TEST'), undefined)
    assert.match(accountEventText({ type: 'ledger', rail, isReachable: false }, 'TEST') ?? '', /does not answer/)
    assert.match(accountEventText({ type: 'default', account: seller, amount: tokens(500) }, 'TEST') ?? '', /0\.5 TEST/)
    assert.equal(accountEventText({ type: 'cashed', account: seller, amount: tokens(500) }, 'TEST'), undefined)
  })

  test('a receipt says who was paid how much, and of which lane', () => {
    const receipt = {
      lane: 'ef'.repeat(32) as LaneId,
      payee: seller as AccountId,
      torrent: 'ab'.repeat(20),
      infoHash: 'ab'.repeat(20),
      bytes: 8 * 1_048_576,
      amount: tokenAmount(5n * 10n ** 18n),
      atMs: Date.UTC(2026, 10, 23, 9, 0, 7),
      body: Uint8Array.of(1),
      signature: new Uint8Array(65) as Signature,
      rail: rail as RailId,
      symbol: 'TEST' as TokenSymbol,
    }
    assert.deepEqual(receiptLines(receipt), [
      '2026-11-23 09:00:07 UTC  receipt of 0x1BC157…e35d for 5 TEST, torrent abababab',
      '  paid in all by lane efefefef; of its last connection 8 MiB are paid for',
    ])
  })

  test('what was not cashed at the end has a time', () => {
    const inHand = { amount: tokens(250), lanes: 1, untilMs: Date.UTC(2026, 10, 23, 12) }
    const text = cashedText(tokens(1_000), inHand, 'TEST')
    assert.match(text, /^cashed 1 TEST; 0\.25 TEST in 1 lane to be cashed before 2026-11-23 12:00:00 UTC/)
    assert.equal(cashedText(tokens(1_000), { ...inHand, lanes: 0 }, 'TEST'), 'cashed 1 TEST')
  })
})

/** As a program reads it. */
const read = (value: unknown) => JSON.parse(JSON.stringify(value))

describe('JSON of Speed', () => {
  test('has amounts as decimal text, and null where there is none', () => {
    assert.deepEqual(read(speedJson(speed)).peers, [
      {
        peer: '192.0.2.1:6881',
        account: seller,
        side: 'paying',
        state: 'holding',
        postedPrice: String(unit),
        price: String(unit),
        bytes: 3_145_728,
        owed: String(3n * unit),
        paid: '2500000000000000000',
      },
    ])
    assert.equal(read(speedJson({ ...speed, budget: undefined })).budget, null)
    const asJson = [invoiceJson('aa', invoice), quoteJson('aa', 'TEST', quote)].map(read)
    assert.equal(asJson[0].lockedUntilMs, Date.UTC(2026, 10, 23, 12))
    assert.deepEqual([asJson[0].locked, asJson[0].savedSeconds], ['250000000000000000', 63])
    assert.deepEqual(
      [asJson[1].verdict, asJson[1].leastPrice, asJson[1].savedMs],
      ['worth-it', '500000000000000000', 400_000],
    )
    assert.equal(read(quoteJson('aa', 'TEST', { ...quote, unpaidMs: Number.POSITIVE_INFINITY })).unpaidMs, null)
  })

  test('events keep the names they have in a session', () => {
    const torrent = shownTorrent({ speed })
    const [line] = eventLines({
      type: 'speed',
      torrent,
      event: { type: 'sold', account: seller, price: tokens(5), epoch: 7 },
    })
    assert.deepEqual(line, {
      type: 'speed',
      id: 'aa',
      event: 'sold',
      account: seller,
      price: '5000000000000000',
      epoch: 7,
    })
    const event = { type: 'cashed', account: seller, amount: tokens(5) } as const
    assert.deepEqual(eventLines({ type: 'account', event, symbol: 'TEST' }), [
      { type: 'account', symbol: 'TEST', event: 'cashed', account: seller, amount: '5000000000000000' },
    ])
    const [progress] = eventLines({ type: 'progress', torrents: [torrent] })
    assert.equal(read(progress).speed.budget, String(50n * unit))
    assert.ok(!('speed' in (eventLines({ type: 'progress', torrents: [shownTorrent()] })[0] ?? {})))
  })
})
