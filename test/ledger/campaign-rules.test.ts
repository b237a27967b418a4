// Air-drops: one claim a grant, never over the pool (P13), two keys, gates; proofs as OpenZeppelin makes them.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { type Grant, grantLeaf, grantTree, provesGrant } from '../../src/ledger/campaign-tree.ts'
import type { AccountId, CampaignGate, Hash256, OperationId } from '../../src/ports/ledger.ts'
import { drawn, hourMs, LedgerHarness, tokens } from './ledger-harness.ts'

interface Campaign {
  readonly ledger: LedgerHarness
  readonly grants: readonly Grant[]
  readonly proof: (index: number) => Hash256[]
  readonly root: Hash256
  readonly campaign: OperationId
}

function propose(count: number, pool: number, gates: readonly CampaignGate[] = []): Campaign {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const grants = Array.from({ length: count }, (_, index) => ({ to: ledger.account(100 + index), amount: tokens(1) }))
  const { root, proof } = grantTree(grants)
  const campaign = ledger.do(1, {
    type: 'campaign-propose',
    purpose: 'gift',
    approver: ledger.account(2),
    root,
    grantCount: count,
    pool: tokens(pool),
    endsAtMs: ledger.nowMs + hourMs,
    gates,
  })
  return { ledger, grants, proof, root, campaign }
}

function approved(count: number, pool: number, gates: readonly CampaignGate[] = []): Campaign {
  const proposed = propose(count, pool, gates)
  proposed.ledger.do(2, { type: 'campaign-approve', campaign: proposed.campaign, root: proposed.root })
  return proposed
}

function claimOf({ grants, proof, campaign }: Campaign, index: number) {
  return { type: 'campaign-claim', campaign, index, ...(grants[index] as Grant), proof: proof(index) } as const
}

describe('air-drops (P13)', () => {
  test('a thousand claims at once, each twice and in any order, pay exactly the pool', () => {
    const drop = approved(1_000, 1_000)
    const { ledger } = drop
    const order = Array.from({ length: 2_000 }, (_, step) => (step * 7 + (step >>> 3)) % 1_000)
    let paid = 0
    for (const index of order) {
      const operation = { ...claimOf(drop, index), id: ledger.nextId() }
      const result = ledger.core.submit(ledger.authentic(3, operation), ledger.nowMs)
      assert.ok(result !== 'look-up')
      if (result.ok) paid++
      else assert.equal(result.code, 'ledger-refused')
    }
    for (let index = 0; index < 1_000; index++) {
      const result = ledger.core.submit(
        ledger.authentic(3, { ...claimOf(drop, index), id: ledger.nextId() }),
        ledger.nowMs,
      )
      if (result !== 'look-up' && result.ok) paid++
    }
    assert.equal(paid, 1_000)
    ledger.write()
    for (let index = 0; index < 1_000; index++) assert.equal(ledger.available(100 + index), tokens(1))
    assert.equal(ledger.state.campaign(drop.campaign)?.held, 0n)
    assert.equal(ledger.available(1), tokens(9_000))
    assert.deepEqual(ledger.replayed().state.totals(), ledger.state.totals())
  })

  test('a list that promises more than the pool pays no more than the pool', () => {
    const drop = approved(20, 12)
    const results = Array.from({ length: 20 }, (_, index) => drop.ledger.submit(3, claimOf(drop, index)))
    assert.equal(results.filter(({ ok }) => ok).length, 12)
    assert.equal(drop.ledger.state.campaign(drop.campaign)?.held, 0n)
  })

  test('a proof is of one grant: another index, account, amount or sibling is refused', () => {
    const drop = approved(11, 11)
    const { ledger } = drop
    const claim = claimOf(drop, 4)
    const refused = (change: object) => assert.equal(ledger.refusal(3, { ...claim, ...change }), 'ledger-refused')
    refused({ index: 5 })
    refused({ index: 11 })
    refused({ to: ledger.account(3) })
    refused({ amount: tokens(2) })
    refused({ proof: claim.proof.slice(1) })
    refused({ proof: [...claim.proof, drawn('x')] })
    refused({ proof: claim.proof.map((hash, depth) => (depth === 1 ? drawn('x') : hash)) })
    ledger.do(3, claim)
    refused({})
  })

  test('nothing is claimed before another key approved the very root, nor after the end', () => {
    const drop = propose(3, 3)
    const { ledger, campaign, root } = drop
    assert.equal(ledger.refusal(3, claimOf(drop, 0)), 'ledger-refused')
    assert.equal(ledger.refusal(1, { type: 'campaign-approve', campaign, root }), 'ledger-refused')
    assert.equal(ledger.refusal(2, { type: 'campaign-approve', campaign, root: drawn('x') }), 'ledger-refused')
    ledger.do(2, { type: 'campaign-approve', campaign, root })
    assert.equal(ledger.refusal(1, { type: 'campaign-end', campaign }), 'ledger-refused', 'approved is promised')
    ledger.do(3, claimOf(drop, 0))
    ledger.nowMs += hourMs
    assert.equal(ledger.refusal(3, claimOf(drop, 1)), 'ledger-refused')
    const [end] = ledger.core.overdue(ledger.nowMs, 9, () => ledger.nextId())
    assert.ok(end?.type === 'campaign-end')
    ledger.do(0, end)
    assert.equal(ledger.available(1), tokens(9_999))
    assert.equal(ledger.state.grants(campaign, 0), undefined)
  })

  test('its proposer takes back what nobody approved, and approves nothing itself', () => {
    const { ledger, campaign } = propose(3, 3)
    assert.equal(ledger.refusal(2, { type: 'campaign-end', campaign }), 'ledger-refused')
    ledger.do(1, { type: 'campaign-end', campaign })
    assert.equal(ledger.available(1), tokens(10_000))
    const root = drawn('root')
    const alone = {
      type: 'campaign-propose',
      purpose: 'gift',
      approver: ledger.account(1),
      root,
      grantCount: 1,
      pool: tokens(1),
      endsAtMs: ledger.nowMs + 1,
      gates: [],
    } as const
    assert.equal(ledger.refusal(1, alone), 'ledger-refused')
  })

  test('an air-drop for the invited is for nobody else', () => {
    const drop = approved(3, 3, [{ type: 'invite' }])
    assert.equal(drop.ledger.refusal(3, claimOf(drop, 0)), 'ledger-refused')
    drop.ledger.grant(100)
    drop.ledger.do(3, claimOf(drop, 0))
    assert.equal(drop.ledger.available(100), tokens(10_001))
  })

  test('ungated rewards for seeding are at most the fees burned (P12)', () => {
    const ledger = new LedgerHarness((genesis) => ({ ...genesis, fees: { ...genesis.fees, transfer: tokens(2) } }))
    ledger.grant(1)
    for (let count = 0; count < 3; count++) {
      ledger.do(1, { type: 'transfer', to: ledger.account(2), amount: tokens(5) })
    }
    const reward = (pool: number, gates: readonly CampaignGate[]) =>
      ({
        type: 'campaign-propose',
        purpose: 'seeding',
        approver: ledger.account(2),
        root: drawn('root'),
        grantCount: 1,
        pool: tokens(pool),
        endsAtMs: ledger.nowMs + hourMs,
        gates,
      }) as const
    assert.equal(ledger.refusal(1, reward(7, [])), 'ledger-refused')
    ledger.do(1, reward(4, []))
    assert.equal(ledger.refusal(1, reward(3, [])), 'ledger-refused')
    ledger.do(1, reward(2, []))
    ledger.do(1, reward(100, [{ type: 'passkey' }]))
  })
})

describe('the tree of grants', () => {
  test('leaves are those of abi.encode, the root that of OpenZeppelin’s tree (both made with viem)', () => {
    const at = (byte: string) => `swarmbid:${'0'.repeat(32)}:0x${byte.repeat(20)}` as AccountId
    const grants = [
      { to: at('11'), amount: tokenAmount(5n) },
      { to: at('22'), amount: tokenAmount(10n ** 18n) },
      { to: at('11'), amount: tokenAmount(2n ** 200n) },
    ]
    assert.deepEqual(
      grants.map(({ to, amount }, index) => toHex(grantLeaf(index, to, amount))),
      [
        'fe4ae2bb3c6744df9fb8626990b63d38f362939b169a8234180db866859b92ee',
        '7f3271896e90ce50172a10619381d982725c46d8513e8d32c4cc71f5cd5669b0',
        '55bd9dd1e4f5be2c3377527a049c6e72f4ecf37f2a2e3c3e222a3f322d1919ae',
      ],
    )
    const { root, total } = grantTree(grants)
    assert.equal(root, 'b726b446fdb49fb9602eaf7fdfa0b7cb43c2a1573459088e7d995c0de5fca757')
    assert.equal(total, 2n ** 200n + 10n ** 18n + 5n)
  })

  test('every grant of a list of any length is proven, and no other', () => {
    const ledger = new LedgerHarness()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.nat(69), (count, other) => {
        const grants = Array.from({ length: count }, (_, index) => ({
          to: ledger.account(index % 7),
          amount: tokenAmount(BigInt(index % 3)),
        }))
        const { root, proof } = grantTree(grants)
        for (const [index, { to, amount }] of grants.entries()) {
          assert.ok(provesGrant(root, grantLeaf(index, to, amount), proof(index)))
          if (other !== index) assert.ok(!provesGrant(root, grantLeaf(other, to, amount), proof(index)))
        }
      }),
      { numRuns: 40 },
    )
  })
})
