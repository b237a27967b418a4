// The ledger as a whole: once and only once (P20), groups that are written or undone, replay to the byte (P19).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { accountId } from '../../src/formats/money/account-id.ts'
import { operationDigest } from '../../src/formats/money/operation-digest.ts'
import { voucherDigest } from '../../src/formats/money/voucher-digest.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { authenticate } from '../../src/ledger/authenticate.ts'
import { LedgerCore } from '../../src/ledger/ledger-core.ts'
import { startLedgerTime } from '../../src/ledger/ledger-time.ts'
import { provesRecord } from '../../src/ledger/state-commitment.ts'
import { JournalVerifier } from '../../src/ledger/verify-journal.ts'
import type { LaneId, LedgerOperation, Signature, SigningDomain } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import { fakeScheme, fakeSign } from './fake-signatures.ts'
import {
  addressOf,
  checkBooks,
  drawn,
  factsOf,
  hourMs,
  idOf,
  LedgerHarness,
  startMs,
  tokens,
  unit,
} from './ledger-harness.ts'

function rootOf(core: LedgerCore): string {
  return toHex(core.proofs.update())
}

function transferTo(ledger: LedgerHarness, to: number, whole: number, id: string): LedgerOperation {
  return { type: 'transfer', to: ledger.account(to), amount: tokens(whole), id: idOf(id) }
}

describe('retries (P20)', () => {
  test('the same id and body answers as the first time; another body or account is a conflict', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1, 2)
    const once = ledger.authentic(1, transferTo(ledger, 2, 5, 'x'))
    const first = ledger.core.submit(once, ledger.nowMs)
    assert.ok(first !== 'look-up' && first.ok)
    ledger.write()
    ledger.nowMs += 5_000
    for (let retry = 0; retry < 3; retry++) assert.deepEqual(ledger.core.submit(once, ledger.nowMs), first)
    const codes = [
      ledger.authentic(1, transferTo(ledger, 2, 6, 'x')),
      ledger.authentic(1, transferTo(ledger, 3, 5, 'x')),
      ledger.authentic(2, transferTo(ledger, 1, 5, 'x')),
    ].map((operation) => {
      const result = ledger.core.submit(operation, ledger.nowMs)
      return result !== 'look-up' && !result.ok && result.code
    })
    assert.deepEqual(codes, ['ledger-conflict', 'ledger-conflict', 'ledger-conflict'])
    assert.equal(ledger.available(2), tokens(10_005))
    assert.equal(ledger.replayed().recall(idOf('x')) !== 'new', true, 'after a restart, too')
  })

  test('an id that may have been forgotten is looked up, never guessed', () => {
    const ledger = new LedgerHarness(undefined, 4)
    ledger.grant(1)
    const early = ledger.authentic(1, transferTo(ledger, 2, 1, 'early'))
    const first = ledger.core.submit(early, ledger.nowMs)
    assert.ok(first !== 'look-up' && first.ok)
    ledger.write()
    for (let count = 0; count < 20; count++) {
      const operation = ledger.authentic(1, transferTo(ledger, 2, 1, `later ${count}`))
      const asked = ledger.core.submit(operation, ledger.nowMs)
      if (asked === 'look-up') unwrap(ledger.core.submit(operation, ledger.nowMs, 'absent') as never)
      ledger.write()
    }
    assert.equal(ledger.core.submit(early, ledger.nowMs), 'look-up')
    assert.deepEqual(ledger.core.submit(early, ledger.nowMs, first.value), first)
    const other = ledger.authentic(1, transferTo(ledger, 2, 2, 'early'))
    const conflict = ledger.core.submit(other, ledger.nowMs, first.value)
    assert.ok(conflict !== 'look-up' && !conflict.ok && conflict.code === 'ledger-conflict')
    assert.equal(ledger.available(2), tokens(21))
  })

  test('a refusal is not remembered: what lacked funds may be tried again', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const operation = transferTo(ledger, 1, 3, 'later')
    const poor = ledger.core.submit(ledger.authentic(2, operation), ledger.nowMs)
    assert.ok(poor !== 'look-up' && !poor.ok && poor.code === 'funds-insufficient')
    ledger.do(1, { type: 'transfer', to: ledger.account(2), amount: tokens(3) })
    const rich = ledger.core.submit(ledger.authentic(2, operation), ledger.nowMs)
    assert.ok(rich !== 'look-up' && rich.ok)
  })
})

describe('signatures of operations', () => {
  test('all of it holds with keys of the real curve', () => {
    const [operator, payer, payee] = ['a', 'b', 'c'].map((name) =>
      unwrap(secp256k1.openKey(unwrap(fromHex(drawn(name))))),
    ) as [SigningKey, SigningKey, SigningKey]
    const facts = factsOf((genesis) => ({ ...genesis, operator: toHex(operator.address) }))
    const core = new LedgerCore(facts)
    const submit = (key: SigningKey, operation: LedgerOperation) => {
      const account = accountId(facts.rail, key.address)
      const signature = key.sign(operationDigest(operation, account, facts.domain))
      const authentic = authenticate({ account, operation, signature }, facts, secp256k1.scheme)
      const result = authentic.ok ? core.submit(authentic.value, 0) : authentic
      assert.ok(result !== 'look-up')
      return result.ok ? 'done' : result.code
    }
    const to = accountId(facts.rail, payer.address)
    const lane = idOf('lane') as string as LaneId
    const voucher = { lane, cumulativeAmount: tokens(3) }
    const elsewhere = factsOf((genesis) => ({ ...genesis, nonce: drawn('elsewhere') })).domain
    const claimWith = (domain: SigningDomain, id: string): LedgerOperation => {
      const signature = payer.sign(voucherDigest(voucher, domain))
      return { type: 'claim', id: idOf(id), vouchers: [{ ...voucher, signature }] }
    }
    assert.equal(submit(payer, { type: 'grant', id: idOf(1), to, invite: drawn(1) }), 'ledger-refused')
    assert.equal(submit(operator, { type: 'grant', id: idOf(1), to, invite: drawn(1) }), 'done')
    const open = { type: 'open-lane', id: idOf('lane'), deposit: tokens(5), expiresAtMs: startMs + hourMs } as const
    assert.equal(submit(payer, { ...open, payee: accountId(facts.rail, payee.address) }), 'done')
    assert.equal(submit(payee, claimWith(elsewhere, 'replayed')), 'voucher-invalid', 'P1: of another ledger')
    assert.equal(submit(payee, claimWith(facts.domain, 'claim')), 'done')
    const lines = core.seal()?.lines ?? []
    const verifier = new JournalVerifier(facts, secp256k1.scheme)
    for (const line of lines) assert.equal(verifier.push(line), undefined)
    assert.equal(verifier.state.account(accountId(facts.rail, payee.address)).available, tokens(3))
  })

  test('another key, another ledger, or any field changed is refused before the rules are asked', () => {
    const ledger = new LedgerHarness()
    const operation = transferTo(ledger, 2, 5, 'x')
    const signed = ledger.sign(1, operation)
    const codeOf = (changed: object) => {
      const result = authenticate({ ...signed, ...changed }, ledger.facts, fakeScheme)
      return result.ok ? 'accepted' : result.code
    }
    assert.equal(codeOf({}), 'accepted')
    assert.equal(codeOf({ account: ledger.account(2) }), 'signature-invalid')
    assert.equal(codeOf({ operation: { ...operation, amount: tokens(6) } }), 'signature-invalid')
    assert.equal(codeOf({ operation: { ...operation, to: ledger.account(3) } }), 'signature-invalid')
    assert.equal(codeOf({ operation: { ...operation, id: idOf('y') } }), 'signature-invalid')
    assert.equal(codeOf({ signature: new Uint8Array(65) as Signature }), 'signature-invalid')
    const elsewhere = new LedgerHarness((genesis) => ({ ...genesis, nonce: drawn('another') }))
    assert.equal(codeOf({ account: elsewhere.account(1) }), 'ledger-refused')
    const here = elsewhere.sign(1, { ...operation, to: elsewhere.account(2) } as LedgerOperation)
    assert.equal(codeOf({ signature: here.signature }), 'signature-invalid')
    const digest = operationDigest(operation, ledger.account(1), ledger.facts.domain)
    assert.equal(codeOf({ signature: fakeSign(addressOf(1), digest) }), 'accepted')
    assert.equal(codeOf({ signature: fakeSign(addressOf(2), digest) }), 'signature-invalid', 'a key of another account')
  })
})

describe('groups', () => {
  test('what could not be written is undone to the byte, and may be done again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 12 }), fc.array(fc.nat(9), { maxLength: 12 }), (kept, lost) => {
        const ledger = new LedgerHarness()
        ledger.grant(1, 2)
        const run = (steps: readonly number[], name: string) => {
          for (const [index, step] of steps.entries()) {
            const id = idOf(`${name} ${index}`)
            if (step < 6) ledger.submit(1, { type: 'transfer', to: ledger.account(2), amount: tokens(step + 1) }, id)
            else {
              const expiresAtMs = ledger.nowMs + 3_600_000 * step
              ledger.submit(2, { type: 'open-lane', payee: ledger.account(1), deposit: tokens(step), expiresAtMs }, id)
            }
            if (step % 4 === 0) ledger.core.seal()
          }
        }
        run(kept, 'kept')
        ledger.core.seal()
        ledger.core.acknowledge(ledger.core.height)
        const root = rootOf(ledger.core)
        const { height } = ledger.core
        const dueMs = ledger.state.nextDueMs()
        run(lost, 'lost')
        ledger.core.rollback()
        checkBooks(ledger.state)
        assert.equal(rootOf(ledger.core), root)
        assert.equal(ledger.core.height, height)
        assert.equal(ledger.state.nextDueMs(), dueMs)
        for (const [index] of lost.entries()) assert.equal(ledger.core.recall(idOf(`lost ${index}`)), 'new')
      }),
      { numRuns: 60 },
    )
  })

  test('groups pile up while one is being written, and count in their order', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    ledger.submit(1, { type: 'transfer', to: ledger.account(2), amount: tokens(1) })
    const first = ledger.core.seal()
    ledger.submit(2, { type: 'transfer', to: ledger.account(3), amount: tokens(1) })
    const second = ledger.core.seal()
    assert.ok(first !== undefined && second !== undefined)
    assert.equal(ledger.core.head.height, 1)
    assert.equal(second.firstHeight, 3)
    ledger.core.acknowledge(first.head.height)
    ledger.core.rollback()
    assert.equal(ledger.available(2), tokens(1))
    assert.equal(ledger.core.head.height, 2)
    assert.equal(ledger.core.seal(), undefined)
    ledger.journal.push(...first.lines)
    assert.equal(rootOf(ledger.replayed()), rootOf(ledger.core))
  })
})

describe('replay (P19)', () => {
  test('the journal gives the same state, byte for byte, and the same answers', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1, 2)
    const lane = ledger.openLane(1, 2, tokens(10))
    ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, 3n * unit)] })
    ledger.do(1, { type: 'burn', amount: tokens(1) })
    const id = ledger.do(1, { type: 'request-close', lane })
    const core = ledger.replayed()
    assert.equal(rootOf(core), rootOf(ledger.core))
    assert.deepEqual(core.head, ledger.core.head)
    assert.deepEqual(core.recall(id), ledger.core.recall(id))
    assert.equal(core.state.nextDueMs(), ledger.state.nextDueMs())
    assert.deepEqual(core.state.pair(ledger.account(1), ledger.account(2)), { lanes: 1, locked: 7n * unit })
    const next = ledger.authentic(2, { type: 'payee-close', id: idOf('last'), lane })
    for (const each of [core, ledger.core]) unwrap(each.submit(next, ledger.nowMs) as never)
    assert.deepEqual(core.seal(), ledger.core.seal())
  })

  test('a journal with a line changed, left out or put elsewhere is refused with the number of the entry', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1, 2, 3)
    const refusalOf = (lines: readonly Uint8Array[]) => {
      const core = new LedgerCore(ledger.facts)
      for (const line of lines) {
        const result = core.replay(line)
        if (!result.ok) return `${result.code} ${result.detail}`
      }
      return 'accepted'
    }
    const [first, second, third] = ledger.journal as [Uint8Array, Uint8Array, Uint8Array]
    assert.equal(refusalOf(ledger.journal), 'accepted')
    assert.match(refusalOf([first, third]), /ledger-damaged entry 2: an entry of height 3/)
    assert.match(refusalOf([second]), /ledger-damaged entry 1/)
    for (let at = 0; at < second.length; at += 7) {
      const changed = second.slice()
      changed[at] = (changed[at] as number) ^ 1
      assert.match(refusalOf([first, changed, third]), /ledger-damaged entry 2/)
    }
    assert.match(refusalOf([first, second.subarray(0, 100)]), /ledger-damaged entry 2/)
  })

  test('a state that is not that of its root is refused at the end', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const core = new LedgerCore(ledger.facts)
    unwrap(core.replay(ledger.journal[0] as Uint8Array))
    core.state.setAccount(ledger.account(1), { ...core.state.account(ledger.account(1)), lanes: 1 })
    const result = core.finishReplay()
    assert.ok(!result.ok && result.code === 'ledger-damaged')
  })
})

describe('proofs out of a ledger', () => {
  test('a balance, a lane, and that there is no such lane are proven under the root of the head', () => {
    const ledger = new LedgerHarness()
    ledger.grant(1)
    const lane = ledger.openLane(1, 2, tokens(10))
    const { root } = ledger.core.head
    const { proofs, state } = ledger.core
    const account = ledger.account(1)
    const balance = state.account(account)
    assert.ok(provesRecord(root, 'account', account, balance, proofs.prove('account', account)))
    const more = { ...balance, available: tokens(99_999) }
    assert.ok(!provesRecord(root, 'account', account, more, proofs.prove('account', account)))
    assert.ok(provesRecord(root, 'lane', lane, state.lane(lane), proofs.prove('lane', lane)))
    assert.ok(!provesRecord(root, 'lane', lane, undefined, proofs.prove('lane', lane)))
    ledger.do(2, { type: 'payee-close', lane })
    const later = ledger.core.head.root
    assert.ok(provesRecord(later, 'lane', lane, undefined, ledger.core.proofs.prove('lane', lane)))
  })
})

describe('the clock of a ledger (P16)', () => {
  test('time goes on from what was recorded last, by the steady clock alone', () => {
    const time = startLedgerTime(5_000_000, 77.5)
    assert.equal(time(77.5), 5_000_000)
    assert.equal(time(1_077.9), 5_001_000)
    assert.equal(time(0), 5_000_000, 'never before what was recorded')
  })
})
