// Plain tokens: moving, burning, granting; fees; and the genesis that fixes all of it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import { decode } from '../../src/formats/bencode/decode.ts'
import { type BencodeInput, encode } from '../../src/formats/bencode/encode.ts'
import { type Genesis, genesisCodec, ledgerFacts } from '../../src/ledger/genesis.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { drawn, factsOf, LedgerHarness, tokens, unit, withDeposits } from './ledger-harness.ts'

describe('transfers', () => {
  test('a transfer moves what is there, to another account of the same ledger, and nothing more', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const to = ledger.account(2)
    ledger.do(1, { type: 'transfer', to, amount: tokens(3) })
    assert.deepEqual([ledger.available(1), ledger.available(2)], [tokens(9_997), tokens(3)])
    assert.equal(
      ledger.refusal(2, { type: 'transfer', to: ledger.account(1), amount: tokens(4) }),
      'funds-insufficient',
    )
    assert.equal(ledger.refusal(1, { type: 'transfer', to, amount: tokens(0) }), 'ledger-refused')
    assert.equal(ledger.refusal(2, { type: 'transfer', to, amount: tokens(1) }), 'ledger-refused')
  })

  test('a name that is not the one text of an account of this ledger is nobody', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const elsewhere = new LedgerHarness((genesis) => ({ ...genesis, nonce: drawn('elsewhere') }))
    const name = ledger.account(2)
    assert.ok(/[a-f]/.test(name.slice(-40)))
    const names = [name.toUpperCase(), `${name} `, name.slice(0, -1), name.slice(-42), '', elsewhere.account(2)]
    const capital = name.slice(0, -40) + name.slice(-40).toUpperCase()
    for (const to of [...names, capital, name.replace(':0x', ':0X')]) {
      const statement = {
        ...ledger.authentic(1, { type: 'transfer', id: ledger.nextId(), to: name, amount: tokens(1) }).statement,
      }
      const operation = { ...statement.operation, to: to as AccountId }
      const result = ledger.core.submit(
        { ...ledger.authentic(1, statement.operation), statement: { ...statement, operation } } as never,
        ledger.nowMs,
      )
      assert.ok(result !== 'look-up' && !result.ok && result.code === 'ledger-refused', to)
    }
  })

  test('fees are charged once, come on top, and go where the genesis says; the operator pays none', () => {
    for (const target of ['burned', 'operator'] as const) {
      const ledger = new LedgerHarness((genesis) => ({
        ...genesis,
        fees: { ...genesis.fees, transfer: tokens(2), open: tokens(5), to: target },
      }))
      ledger.grant(0, 1)
      assert.equal(
        ledger.refusal(1, { type: 'transfer', to: ledger.account(2), amount: tokens(9_999) }),
        'funds-insufficient',
      )
      ledger.do(1, { type: 'transfer', to: ledger.account(2), amount: tokens(90) })
      ledger.openLane(1, 2, tokens(10))
      ledger.do(0, { type: 'transfer', to: ledger.account(2), amount: tokens(10) })
      assert.equal(ledger.available(1), tokens(10_000 - 92 - 15))
      assert.equal(ledger.available(0), tokens(target === 'operator' ? 9_997 : 9_990))
      assert.equal(ledger.state.totals().feesBurned, tokens(target === 'operator' ? 0 : 7))
      assert.equal(ledger.state.totals().burned, ledger.state.totals().feesBurned)
    }
  })
})

describe('where tokens come from', () => {
  test('an invite admits one account, an account is admitted once, by the operator alone', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const grant = (index: number, invite: string) =>
      ({ type: 'grant', to: ledger.account(index), invite: drawn(invite) }) as const
    assert.equal(ledger.refusal(0, grant(2, 'invite 1')), 'ledger-refused')
    assert.equal(ledger.refusal(0, grant(1, 'invite 2')), 'ledger-refused')
    assert.equal(ledger.refusal(1, grant(2, 'invite 2')), 'ledger-refused')
    ledger.do(0, grant(2, 'invite 2'))
    assert.equal(ledger.state.invited(drawn('invite 2')), ledger.account(2))
    assert.equal(ledger.state.totals().minted, tokens(20_000))
  })

  test('the supply never passes its cap, and burning makes room again', () => {
    const ledger = new LedgerHarness((genesis) => ({ ...genesis, supplyCap: tokens(25_000) }))
    ledger.grant(1, 2)
    const third = { type: 'grant', to: ledger.account(3), invite: drawn('third') } as const
    assert.equal(ledger.refusal(0, third), 'ledger-refused')
    ledger.do(1, { type: 'burn', amount: tokens(5_000) })
    ledger.do(0, third)
    assert.equal(ledger.refusal(1, { type: 'burn', amount: tokens(5_001) }), 'funds-insufficient')
  })
})

describe('the genesis', () => {
  const genesis = factsOf().genesis
  const refused = (change: Partial<Genesis>) => {
    const result = ledgerFacts(genesisCodec.encode({ ...genesis, ...change }))
    return !result.ok && result.code === 'statement-malformed'
  }

  test('names the ledger by its hash, and any change of it is another ledger', () => {
    const facts = factsOf()
    assert.equal(facts.rail, `swarmbid:${toHex(sha256(facts.bytes)).slice(0, 32)}`)
    assert.ok(facts.domain.type === 'genesis' && toHex(facts.domain.salt) === toHex(sha256(facts.bytes)))
    const changes: Partial<Genesis>[] = [
      { name: 'other' },
      { challengeMs: 1 },
      { nonce: drawn('x') },
      { supplyCap: tokens(1) },
      { fees: { ...genesis.fees, payoutPpm: 1 } },
      { limits: { ...genesis.limits, maxLanesPerPair: 1 } },
    ]
    const rails = changes.map((change) => factsOf(() => ({ ...genesis, ...change })).rail)
    assert.equal(new Set([...rails, facts.rail]).size, changes.length + 1)
  })

  test('play money comes by invites and BTT by deposits, and never the other way round', () => {
    assert.ok(refused({ symbol: 'BTT' }))
    assert.ok(refused({ minting: withDeposits(genesis).minting }))
    assert.equal(factsOf(withDeposits).genesis.symbol, 'BTT')
    const nowhere = { type: 'deposits', chain: 'nowhere', vault: '', confirmations: 1 } as const
    assert.ok(refused({ symbol: 'BTT', minting: nowhere }))
  })

  test('what is out of bounds, of another version, or has fields of its own is none', () => {
    assert.ok(refused({ version: 2 }))
    assert.ok(refused({ name: 'x'.repeat(129) }))
    assert.ok(refused({ supplyCap: (2n ** 200n + 1n) as Genesis['supplyCap'] }))
    assert.ok(refused({ challengeMs: 2 ** 50 }))
    assert.ok(refused({ fees: { ...genesis.fees, payoutPpm: 100_001 } }))
    assert.ok(refused({ limits: { ...genesis.limits, maxPeerPermille: 1001 } }))
    const known = unwrap(decode(genesisCodec.encode(genesis))) as Map<string, BencodeInput>
    const more = encode(new Map([...known, ['more', 1]]))
    assert.ok(!ledgerFacts(more).ok)
    assert.ok(!ledgerFacts(encode(new Map([...known].slice(1)))).ok)
    assert.ok(!ledgerFacts(Uint8Array.of(1, 2, 3)).ok)
    assert.equal(genesis.minting.type === 'invites' && genesis.minting.grant, 10_000n * unit)
  })
})
