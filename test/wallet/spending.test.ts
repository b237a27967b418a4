// What may be spent: each limit, the owner's word, what counts once, what comes back, and crashes at every step.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { failure, unwrap } from '../../src/base/errors.ts'
import type { InfoHashV1 } from '../../src/base/ids.ts'
import { maxAmount } from '../../src/base/token-amount.ts'
import { contractDomain, ledgerDomain, parseRailId } from '../../src/formats/money/account-id.ts'
import type { LaneId, LedgerOperation } from '../../src/ports/ledger.ts'
import { chargesTable, totalsTable } from '../../src/wallet/charge-record.ts'
import { firstPolicy } from '../../src/wallet/spending-policy.ts'
import { drawn } from '../ledger/ledger-harness.ts'
import { dayMs, domain, lane, passphrase, quiet, rail, stranger, tokens, WalletHarness } from './wallet-harness.ts'

const torrent = 'ab'.repeat(20) as InfoHashV1
const refused = { type: 'refused' } as const
const ended = (kept: number) => ({ type: 'ended', kept: tokens(kept) }) as const

async function harness(...given: ConstructorParameters<typeof WalletHarness>): Promise<WalletHarness> {
  return new WalletHarness(...given).unlock()
}

/** Nobody is there to be asked. */
async function alone(...given: ConstructorParameters<typeof WalletHarness>): Promise<WalletHarness> {
  const wallet = new WalletHarness(...given)
  wallet.owner = undefined
  await wallet.restart()
  return wallet
}

describe('limits', () => {
  test('until the owner says otherwise nothing is spent, and earning is on', async () => {
    assert.deepEqual([firstPolicy.spending, firstPolicy.earning], ['off', 'on'])
    const wallet = await harness()
    wallet.book.policy = firstPolicy
    assert.equal(await wallet.transfer(1), 'spending-off')
    wallet.book.policy = { ...firstPolicy, spending: 'on' }
    wallet.answers = [false]
    assert.equal(await wallet.transfer(1), 'spending-refused', 'then everything is asked about')
    assert.deepEqual(
      wallet.questions[0]?.exceeded.map(({ limit }) => limit),
      ['transfer', 'day'],
    )
  })

  test('of one payment: up to it unasked, above it not', async () => {
    const wallet = await alone({ transfer: tokens(10) })
    assert.equal(await wallet.transfer(10), 'signed')
    assert.equal(await wallet.transfer(11), 'spending-limit')
    assert.equal(await wallet.transfer(10), 'signed')
    assert.equal(await wallet.spentToday(), 20)
  })

  test('fees are part of it', async () => {
    const fees = { transfer: tokens(1), open: tokens(2), withdrawal: tokens(3) }
    const wallet = await alone({ transfer: tokens(10) }, { fees })
    assert.equal(await wallet.transfer(10), 'spending-limit')
    assert.equal(await wallet.transfer(9), 'signed')
    assert.equal(await wallet.openLane(9), 'spending-limit')
    assert.match(await wallet.openLane(8), /^[0-9a-f]{64}$/)
    assert.equal(await wallet.spentToday(), 20)
  })

  test('of a day: from midnight on there is a new one, also when the clock goes back', async () => {
    const wallet = await alone({ day: tokens(10) })
    wallet.nowMs += dayMs - 1
    assert.equal(await wallet.transfer(10), 'signed')
    assert.equal(await wallet.transfer(1), 'spending-limit')
    wallet.nowMs += 1
    assert.equal(await wallet.transfer(6), 'signed')
    wallet.nowMs -= 1
    assert.equal(await wallet.transfer(1), 'spending-limit', 'a day that is used up stays used up')
    wallet.nowMs += 1
    assert.equal(await wallet.transfer(5), 'spending-limit')
    assert.equal(await wallet.transfer(4), 'signed')
  })

  test('of a torrent: over its whole life', async () => {
    const wallet = await alone({ torrent: tokens(10) })
    assert.equal(await wallet.transfer(6, { torrent }), 'signed')
    wallet.nowMs += 3 * dayMs
    await wallet.restart()
    assert.equal(await wallet.transfer(6, { torrent }), 'spending-limit')
    assert.equal(await wallet.transfer(6, { torrent: 'cd'.repeat(20) as InfoHashV1 }), 'signed')
    assert.equal(await wallet.transfer(60), 'signed', 'of no torrent')
    assert.equal(await wallet.transfer(4, { torrent }), 'signed')
  })

  test('of an app: for each, a day', async () => {
    const wallet = await alone({ app: tokens(10) })
    assert.equal(await wallet.transfer(10, { app: 'player' }), 'signed')
    assert.equal(await wallet.transfer(1, { app: 'player' }), 'spending-limit')
    assert.equal(await wallet.transfer(10, { app: 'backup' }), 'signed')
    wallet.nowMs += dayMs
    assert.equal(await wallet.transfer(10, { app: 'player' }), 'signed')
    await assert.rejects(wallet.transfer(1, { app: 'no/such name' }), { name: 'AssertionError' })
  })

  test('P9: of one payee, a share of the day’s; what came back may be locked again', async () => {
    const wallet = await alone({ day: tokens(100), peerPermille: 250 })
    const first = await wallet.openLane(20)
    assert.equal(await wallet.openLane(6), 'spending-limit')
    const second = await wallet.openLane(5)
    assert.match(await wallet.openLane(25, stranger(2)), /^[0-9a-f]{64}$/, 'of another payee')
    assert.equal(await wallet.transfer(10), 'signed', 'what is paid at once locks nothing')
    const topUp = { type: 'top-up-lane', lane: first as LaneId, id: wallet.nextId(), amount: tokens(1) } as const
    assert.equal(await wallet.operation(topUp), 'spending-limit', 'nor by topping up')
    unwrap(await wallet.book.settle(rail, second as LaneId, ended(5)))
    assert.equal(await wallet.operation(topUp), 'signed')
    assert.equal(await wallet.openLane(5), 'spending-limit')
    unwrap(await wallet.book.settle(rail, first as LaneId, ended(1)))
    assert.match(await wallet.openLane(25), /^[0-9a-f]{64}$/)
  })

  test('of lanes open at a time', async () => {
    const wallet = await alone({ lanes: 2 })
    const first = await wallet.openLane(1)
    await wallet.openLane(1, stranger(2))
    assert.equal(await wallet.openLane(1, stranger(3)), 'spending-limit')
    unwrap(await wallet.book.settle(rail, first as LaneId, ended(1)))
    assert.match(await wallet.openLane(1, stranger(3)), /^[0-9a-f]{64}$/)
  })

  test('are of each token: BTT spent takes nothing from what TEST may', async () => {
    const wallet = await alone({ day: tokens(10) }, { symbol: 'BTT' })
    assert.equal(await wallet.transfer(100), 'signed')
    assert.equal(await wallet.spentToday(), 0)
  })

  test('P4: many at once never pass one together', async () => {
    const wallet = await alone({ day: tokens(10) })
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => wallet.transfer(3)))
    assert.equal(outcomes.filter((outcome) => outcome === 'signed').length, 3)
    assert.equal(await wallet.spentToday(), 9)
  })

  test('survive restarts', async () => {
    const wallet = await alone({ day: tokens(10) })
    for (let count = 0; count < 10; count++) {
      assert.equal(await wallet.transfer(1), 'signed')
      await wallet.restart()
    }
    assert.equal(await wallet.transfer(1), 'spending-limit')
  })

  test('amounts that no sum can hold are refused, not wrapped and not thrown', async () => {
    const wallet = await harness()
    const most = { type: 'transfer', id: wallet.nextId(), to: stranger(1), amount: maxAmount } as const
    assert.equal(await wallet.operation(most), 'signed')
    assert.equal(await wallet.transfer(1), 'amount-out-of-range')
  })
})

describe('the owner', () => {
  test('is asked with what it is, what for, and which limits; their word lets that one through', async () => {
    const wallet = await harness({ transfer: tokens(5), day: tokens(8) })
    assert.equal(await wallet.transfer(5), 'signed')
    wallet.answers = [true]
    assert.equal(await wallet.transfer(6), 'signed')
    const [question] = wallet.questions
    assert.ok(question !== undefined)
    assert.deepEqual(question.exceeded, [
      { limit: 'transfer', allowed: tokens(5), wanted: tokens(6) },
      { limit: 'day', allowed: tokens(8), wanted: tokens(11) },
    ])
    assert.deepEqual([question.amount, question.symbol, question.payee], [tokens(6), 'TEST', stranger(1)])
    assert.equal(await wallet.spentToday(), 11, 'what they allowed counts')
    wallet.answers = [false]
    assert.equal(await wallet.transfer(1), 'spending-refused')
    assert.equal(await wallet.spentToday(), 11)
  })

  test('who is slow holds up nobody else', async () => {
    const wallet = await harness({ transfer: tokens(5) })
    const { promise, resolve } = Promise.withResolvers<boolean>()
    wallet.answers = [() => promise]
    const asked = wallet.transfer(6)
    assert.equal(await wallet.transfer(5), 'signed')
    resolve(true)
    assert.equal(await asked, 'signed')
    assert.equal(await wallet.spentToday(), 11)
  })

  test('who switches spending off, or locks, while being asked has the last word', async () => {
    const wallet = await harness({ transfer: tokens(5) })
    wallet.answers = [
      () => {
        wallet.book.policy = { ...wallet.book.policy, spending: 'off' }
        return true
      },
    ]
    assert.equal(await wallet.transfer(6), 'spending-off')
    wallet.book.policy = { ...wallet.book.policy, spending: 'on' }
    wallet.answers = [
      () => {
        wallet.wallet.lock()
        return true
      },
    ]
    assert.equal(await wallet.transfer(6), 'wallet-locked')
  })

  test('is not asked again by whoever gave up waiting', async () => {
    const wallet = await harness({ transfer: tokens(5) })
    const stopping = new AbortController()
    wallet.answers = [
      () => {
        stopping.abort()
        return true
      },
    ]
    const operation = { type: 'transfer', id: wallet.nextId(), to: stranger(1), amount: tokens(6) } as const
    const signed = await wallet.sign({ type: 'ledger-operation', domain, operation }, stopping.signal)
    assert.ok(!signed.ok && signed.code === 'interrupted')
    const again = await wallet.sign({ type: 'ledger-operation', domain, operation }, stopping.signal)
    assert.ok(!again.ok && again.code === 'interrupted')
    assert.equal(await wallet.spentToday(), 0)
  })
})

/** One operation of each kind there is, and what it counts. */
function everyOperation(wallet: WalletHarness): readonly (readonly [LedgerOperation, number])[] {
  const id = () => wallet.nextId()
  const hash = drawn('hash')
  const other = stranger(2)
  const signature = new Uint8Array(65)
  const voucher = { lane: lane('x'), cumulativeAmount: tokens(1), signature: signature as never }
  const own = `eip155:199:0x${wallet.account.slice(-40)}` as never
  return [
    [{ type: 'transfer', id: id(), to: other, amount: tokens(3) }, 3],
    [{ type: 'transfer', id: id(), to: wallet.account, amount: tokens(3) }, 0],
    [{ type: 'burn', id: id(), amount: tokens(4) }, 4],
    [{ type: 'grant', id: id(), to: other, invite: hash }, 0],
    [{ type: 'open-lane', id: id(), payee: other, deposit: tokens(5), expiresAtMs: 1 }, 5],
    [{ type: 'open-and-award', id: id(), payee: other, deposit: tokens(5), expiresAtMs: 1, award: hash }, 5],
    [{ type: 'top-up-lane', id: id(), lane: lane('x'), amount: tokens(2) }, 2],
    [{ type: 'claim', id: id(), vouchers: [voucher] }, 0],
    [{ type: 'payee-close', id: id(), lane: lane('x') }, 0],
    [{ type: 'request-close', id: id(), lane: lane('x') }, 0],
    [{ type: 'close', id: id(), lane: lane('x') }, 0],
    [{ type: 'escrow-fund', id: id(), payee: other, amount: tokens(6), timeoutAtMs: 1, terms: hash }, 6],
    [{ type: 'escrow-release', id: id(), escrow: id(), amount: tokens(6) }, 0],
    [{ type: 'escrow-refund', id: id(), escrow: id() }, 0],
    [{ type: 'escrow-dispute', id: id(), escrow: id(), evidence: hash }, 0],
    [{ type: 'escrow-rule', id: id(), escrow: id(), toPayee: tokens(1), ruling: hash }, 0],
    [{ type: 'deposit-see', id: id(), source: hash, to: other, amount: tokens(1) }, 0],
    [{ type: 'deposit-settle', id: id(), source: hash, result: 'credited' }, 0],
    [{ type: 'withdraw', id: id(), to: `eip155:199:0x${'12'.repeat(20)}` as never, amount: tokens(7) }, 7],
    [{ type: 'withdraw', id: id(), to: own, amount: tokens(7) }, 0],
    [{ type: 'withdraw-cancel', id: id(), withdrawal: id() }, 0],
    [{ type: 'withdraw-send', id: id(), withdrawal: id(), transaction: hash }, 0],
    [{ type: 'withdraw-settle', id: id(), withdrawal: id(), result: 'sent' }, 0],
    [
      {
        type: 'campaign-propose',
        id: id(),
        purpose: 'gift',
        approver: other,
        root: hash,
        grantCount: 1,
        pool: tokens(8),
        endsAtMs: 1,
        gates: [],
      },
      8,
    ],
    [{ type: 'campaign-approve', id: id(), campaign: id(), root: hash }, 0],
    [{ type: 'campaign-claim', id: id(), campaign: id(), index: 0, to: other, amount: tokens(1), proof: [] }, 0],
    [{ type: 'campaign-end', id: id(), campaign: id() }, 0],
  ]
}

describe('what counts', () => {
  test('is what leaves the account’s own hands or is locked, of every kind of operation', async () => {
    const wallet = await harness()
    let spent = 0
    for (const [operation, counts] of everyOperation(wallet)) {
      if (operation.type === 'claim') continue
      assert.equal(await wallet.operation(operation), 'signed', operation.type)
      spent += counts
      assert.equal(await wallet.spentToday(), spent, operation.type)
    }
  })

  test('what is no spending is signed with spending off too, and all else is not', async () => {
    const wallet = await harness()
    wallet.book.policy = { ...wallet.book.policy, spending: 'off' }
    for (const [operation, counts] of everyOperation(wallet)) {
      if (operation.type === 'claim') continue
      assert.equal(await wallet.operation(operation), counts > 0 ? 'spending-off' : 'signed', operation.type)
    }
  })

  test('counts once, however often the same operation is asked for; its id is for no other', async () => {
    const wallet = await alone({ day: tokens(10) })
    const id = wallet.nextId()
    for (let count = 0; count < 5; count++) assert.equal(await wallet.transfer(10, {}, id), 'signed')
    await wallet.restart()
    assert.equal(await wallet.transfer(10, {}, id), 'signed')
    assert.equal(await wallet.transfer(9, {}, id), 'ledger-conflict')
    assert.equal(await wallet.spentToday(), 10)
  })

  test('is given back when the ledger refused it, fee and all, and only once', async () => {
    const fees = { transfer: tokens(1), open: tokens(2), withdrawal: tokens(3) }
    const wallet = await alone({ day: tokens(10), torrent: tokens(10) }, { fees })
    const id = wallet.nextId()
    assert.equal(await wallet.transfer(9, { torrent }, id), 'signed')
    for (let count = 0; count < 3; count++) unwrap(await wallet.book.settle(rail, id, refused))
    assert.equal(await wallet.spentToday(), 0)
    const lost = await wallet.openLane(8, stranger(1), { torrent })
    unwrap(await wallet.book.settle(rail, lost as LaneId, refused))
    assert.equal(await wallet.spentToday(), 0)
    assert.equal(await wallet.transfer(9, { torrent }), 'signed')
  })

  test('comes back with what a lane did not use, to the day on which it counted', async () => {
    const wallet = await alone({ day: tokens(20), torrent: tokens(30) })
    const opened = (await wallet.openLane(10, stranger(1), { torrent })) as LaneId
    wallet.nowMs += dayMs
    const topUp = { type: 'top-up-lane', lane: opened, id: wallet.nextId(), amount: tokens(10) } as const
    assert.equal(await wallet.operation(topUp, { torrent }), 'signed')
    assert.equal(await wallet.transfer(11, { torrent }), 'spending-limit')
    unwrap(await wallet.book.settle(rail, opened, ended(8)))
    assert.equal(await wallet.spentToday(), 0, 'all of the top-up')
    wallet.nowMs -= dayMs
    assert.equal(await wallet.spentToday(), 8, 'and two of the deposit')
    wallet.nowMs += 2 * dayMs
    assert.equal(await wallet.transfer(20, { torrent }), 'signed')
    wallet.nowMs += dayMs
    assert.equal(await wallet.transfer(3, { torrent }), 'spending-limit')
    assert.equal(await wallet.transfer(2, { torrent }), 'signed')
    assert.equal(wallet.disk.count(chargesTable), 2, 'nothing of the lane is left')
  })

  test('a top-up that the ledger refused comes back alone', async () => {
    const wallet = await alone({ day: tokens(20) })
    const opened = (await wallet.openLane(5)) as LaneId
    const id = wallet.nextId()
    assert.equal(await wallet.operation({ type: 'top-up-lane', lane: opened, id, amount: tokens(10) }), 'signed')
    assert.equal(await wallet.voucher(opened, 15), 'signed')
    unwrap(await wallet.book.settle(rail, id, refused))
    assert.equal(await wallet.spentToday(), 5)
    unwrap(await wallet.book.settle(rail, opened, ended(5)))
    assert.equal(await wallet.spentToday(), 5)
  })

  test('what ends whole gives nothing back', async () => {
    const wallet = await harness()
    const id = wallet.nextId()
    await wallet.transfer(5, {}, id)
    unwrap(await wallet.book.settle(rail, id, ended(5)))
    const withdrawal = {
      type: 'withdraw',
      id: wallet.nextId(),
      to: `eip155:199:0x${'12'.repeat(20)}` as never,
    } as const
    await wallet.operation({ ...withdrawal, amount: tokens(7) })
    assert.equal(await wallet.spentToday(), 12)
    unwrap(await wallet.book.settle(rail, withdrawal.id, ended(0)))
    assert.equal(await wallet.spentToday(), 5, 'a withdrawal that failed')
    assert.equal(wallet.disk.count(chargesTable), 0)
  })
})

describe('vouchers', () => {
  test('within a deposit that counted are free, on no disk, and go on with spending off', async () => {
    const wallet = await alone({ day: tokens(10) })
    const opened = await wallet.openLane(10)
    const commits = wallet.disk.commits.length
    wallet.book.policy = { ...wallet.book.policy, spending: 'off' }
    for (let amount = 1; amount <= 10; amount++) assert.equal(await wallet.voucher(opened, amount), 'signed')
    assert.equal(wallet.disk.commits.length, commits)
    assert.equal(await wallet.spentToday(), 10)
    assert.equal(await wallet.voucher(opened, 11), 'spending-off')
  })

  test('of one amount are the same again; a lower one is not signed', async () => {
    const wallet = await harness()
    const opened = await wallet.openLane(10)
    assert.equal(await wallet.voucher(opened, 5), 'signed')
    assert.equal(await wallet.voucher(opened, 5), 'signed')
    assert.equal(await wallet.voucher(opened, 4), 'voucher-invalid')
    assert.equal(await wallet.voucher(opened, 6), 'signed')
  })

  test('of a lane that is not known count as they rise: a restored wallet is bound by the limits too', async () => {
    const wallet = await alone({ day: tokens(10) })
    const unknown = lane('opened before the backup')
    assert.equal(await wallet.voucher(unknown, 4, { torrent }), 'signed')
    assert.equal(await wallet.spentToday(), 4)
    assert.equal(await wallet.voucher(unknown, 4), 'signed')
    assert.equal(await wallet.voucher(unknown, 10), 'signed')
    assert.equal(await wallet.voucher(unknown, 11), 'spending-limit')
    await wallet.restart()
    wallet.nowMs += dayMs
    assert.equal(await wallet.voucher(unknown, 12), 'signed')
    assert.equal(await wallet.spentToday(), 2)
    unwrap(await wallet.book.settle(rail, unknown, ended(11)))
    assert.equal(await wallet.spentToday(), 1)
  })

  test('go on within a top-up made meanwhile, and count again what it was when the ledger refused it', async () => {
    const wallet = await harness()
    const opened = (await wallet.openLane(10)) as LaneId
    assert.equal(await wallet.voucher(opened, 9), 'signed')
    const topUp = { type: 'top-up-lane', lane: opened, id: wallet.nextId(), amount: tokens(5) } as const
    assert.equal(await wallet.operation(topUp), 'signed')
    const commits = wallet.disk.commits.length
    assert.equal(await wallet.voucher(opened, 14), 'signed')
    assert.equal(wallet.disk.commits.length, commits, 'free')
    assert.equal(await wallet.spentToday(), 15)
    unwrap(await wallet.book.settle(rail, topUp.id, refused))
    assert.equal(await wallet.spentToday(), 10)
    assert.equal(await wallet.voucher(opened, 13), 'voucher-invalid')
    assert.equal(await wallet.voucher(opened, 15), 'signed')
    assert.equal(await wallet.spentToday(), 15)
  })

  test('of an unknown lane that is topped up count what is beyond the top-up', async () => {
    const wallet = await harness()
    const unknown = lane('unknown')
    const topUp = { type: 'top-up-lane', lane: unknown, id: wallet.nextId(), amount: tokens(5) } as const
    assert.equal(await wallet.operation(topUp), 'signed')
    assert.equal(await wallet.voucher(unknown, 5), 'signed')
    assert.equal(await wallet.spentToday(), 5)
    assert.equal(await wallet.voucher(unknown, 7), 'signed')
    assert.equal(await wallet.spentToday(), 7)
    unwrap(await wallet.book.settle(rail, unknown, ended(6)))
    assert.equal(await wallet.spentToday(), 6)
    assert.equal(wallet.disk.count(chargesTable), 0)
  })
})

test('a lane paid from on more days than are told apart gives back no more than it counted, to no later day', async () => {
  const wallet = await harness()
  const unknown = lane('long')
  for (let day = 1; day <= 70; day++) {
    assert.equal(await wallet.voucher(unknown, 10 * day), 'signed')
    assert.equal(await wallet.spentToday(), 10)
    wallet.nowMs += dayMs
  }
  unwrap(await wallet.book.settle(rail, unknown, ended(100)))
  let counted = 0
  for (let day = 1; day <= 70; day++) {
    wallet.nowMs -= dayMs
    counted += await wallet.spentToday()
  }
  assert.ok(counted >= 100 && counted <= 160, `${counted}`)
  assert.equal(wallet.disk.count(chargesTable), 0)
})

describe('the signer', () => {
  test('signs nothing while the wallet is locked, nor for rails that the owner did not choose', async () => {
    const wallet = await harness()
    const signer = wallet.wallet.signer(0, rail)
    const voucher = { lane: lane('x'), cumulativeAmount: tokens(0) }
    wallet.wallet.lock()
    for (const request of [
      { type: 'voucher', domain, voucher },
      { type: 'lane-waiver', domain, waiver: { lane: lane('x'), finalAmount: tokens(0) } },
    ] as const) {
      const signed = await signer.sign(request, quiet)
      assert.ok(!signed.ok && signed.code === 'wallet-locked')
    }
    await wallet.unlock()
    const elsewhere = [
      ledgerDomain(new Uint8Array(32).fill(6)),
      contractDomain(unwrap(parseRailId('eip155:199')), new Uint8Array(20)),
    ]
    for (const other of elsewhere) {
      const signed = await signer.sign({ type: 'voucher', domain: other, voucher }, quiet)
      assert.ok(!signed.ok && signed.code === 'rail-unknown')
    }
    assert.ok((await signer.sign({ type: 'voucher', domain, voucher }, quiet)).ok)
    const wrong = await wallet.wallet.unlock('not the passphrase')
    assert.ok(!wrong.ok && wrong.code === 'passphrase-wrong')
    assert.equal(wallet.wallet.isLocked(), false, 'a wrong passphrase locks nobody out')
    assert.ok((await wallet.wallet.unlock(passphrase)).ok)
  })

  test('one switch stops what spends, the other what earns', async () => {
    const wallet = await harness()
    const message = { rail, kind: 'ask', infoHash: torrent, body: new Uint8Array(2) }
    const say = async (side: 'payer' | 'payee') => {
      const signed = await wallet.sign({ type: 'speed-message', domain, message, side })
      return signed.ok ? 'signed' : signed.code
    }
    assert.deepEqual([await say('payer'), await say('payee')], ['signed', 'signed'])
    wallet.book.policy = { ...wallet.book.policy, spending: 'off' }
    assert.deepEqual([await say('payer'), await say('payee')], ['spending-off', 'signed'])
    wallet.book.policy = { ...wallet.book.policy, spending: 'on', earning: 'off' }
    assert.deepEqual([await say('payer'), await say('payee')], ['signed', 'earning-off'])
    const waiver = { lane: lane('x'), finalAmount: tokens(3) }
    assert.ok((await wallet.sign({ type: 'lane-waiver', domain, waiver })).ok, 'what was earned is collected')
  })

  test('gives a failing disk’s answer instead of a signature', async () => {
    const wallet = await harness()
    wallet.disk.failing = failure('disk-full', 'full')
    assert.equal(await wallet.transfer(1), 'disk-full')
    assert.equal(await wallet.voucher(lane('x'), 1), 'disk-full')
    wallet.disk.failing = undefined
    assert.equal(await wallet.transfer(1), 'signed', 'and goes on when it is back')
  })
})

describe('crashes', () => {
  test('at every step of the store: what was signed counted before, what is asked again counts once', async () => {
    const wallet = await alone({ day: tokens(100) })
    let signedTokens = 0
    for (let diesIn = 0; ; diesIn++) {
      const id = wallet.nextId()
      wallet.disk.diesIn = diesIn
      const before = wallet.disk.commits.length
      const outcome = await Promise.race([
        wallet.transfer(1, {}, id),
        new Promise((resolve) => setImmediate(resolve)).then(() => new Promise((resolve) => setTimeout(resolve, 5))),
      ])
      if (outcome === 'signed') assert.ok(wallet.disk.commits.length > before, 'signed before it was on the disk')
      await wallet.restart()
      const counted = await wallet.spentToday()
      assert.ok(counted === signedTokens || counted === signedTokens + 1)
      if (outcome === 'signed') assert.equal(counted, signedTokens + 1)
      assert.equal(await wallet.transfer(1, {}, id), 'signed')
      signedTokens++
      assert.equal(await wallet.spentToday(), signedTokens, 'once')
      if (outcome === 'signed') break
    }
    assert.ok(signedTokens > 3, 'it died at several steps')
  })
})

test('whatever is asked, in whatever order, with restarts: what was signed is within the limits and sums are exact', async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('transfer' as const), amount: fc.integer({ min: 1, max: 12 }) }),
    fc.record({
      type: fc.constant('open' as const),
      amount: fc.integer({ min: 1, max: 12 }),
      payee: fc.nat({ max: 2 }),
    }),
    fc.record({ type: fc.constant('voucher' as const), lane: fc.nat(), amount: fc.integer({ min: 1, max: 14 }) }),
    fc.record({ type: fc.constant('settle' as const), lane: fc.nat(), kept: fc.nat({ max: 14 }) }),
    fc.record({ type: fc.constant('day' as const) }),
    fc.record({ type: fc.constant('restart' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const wallet = await alone({ day: tokens(30), transfer: tokens(10), peerPermille: 500 })
      /** As a model: per day, and per lane what counted when. */
      const days = new Map<number, number>()
      const lanes: { id: LaneId; day: number; deposit: number; payee: number }[] = []
      const today = () => wallet.nowMs / dayMs
      const spend = (amount: number) => days.set(today(), (days.get(today()) ?? 0) + amount)
      const room = () => 30 - (days.get(today()) ?? 0)
      for (const action of steps) {
        if (action.type === 'transfer') {
          const fits = action.amount <= 10 && action.amount <= room()
          assert.equal(await wallet.transfer(action.amount), fits ? 'signed' : 'spending-limit')
          if (fits) spend(action.amount)
        } else if (action.type === 'open') {
          const locked = lanes.reduce((sum, { payee, deposit }) => sum + (payee === action.payee ? deposit : 0), 0)
          const fits = action.amount <= 10 && action.amount <= room() && locked + action.amount <= 15
          const opened = await wallet.openLane(action.amount, stranger(action.payee))
          assert.equal(opened !== 'spending-limit', fits)
          if (!fits) continue
          spend(action.amount)
          lanes.push({ id: opened as LaneId, day: today(), deposit: action.amount, payee: action.payee })
        } else if (action.type === 'voucher') {
          const opened = lanes[action.lane % Math.max(1, lanes.length)]
          if (opened === undefined || action.amount > opened.deposit) continue
          const outcome = await wallet.voucher(opened.id, action.amount)
          assert.ok(outcome === 'signed' || outcome === 'voucher-invalid')
        } else if (action.type === 'settle') {
          const [opened] = lanes.splice(action.lane % Math.max(1, lanes.length), 1)
          if (opened === undefined) continue
          const kept = Math.min(action.kept, opened.deposit)
          unwrap(await wallet.book.settle(rail, opened.id, ended(kept)))
          days.set(opened.day, (days.get(opened.day) ?? 0) - (opened.deposit - kept))
        } else if (action.type === 'day') wallet.nowMs += dayMs
        else await wallet.restart()
        assert.equal(await wallet.spentToday(), days.get(today()) ?? 0)
      }
      for (const { id, deposit } of lanes) unwrap(await wallet.book.settle(rail, id, ended(deposit)))
      assert.equal(wallet.disk.count(totalsTable), [...days.values()].filter((sum) => sum > 0).length)
    }),
    { numRuns: 40 },
  )
})
