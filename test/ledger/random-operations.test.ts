// Thousands of random operations against a naive telling of the rules: supply conserved, nobody below zero, the same
// verdict and the same balances at each step (P19); own keys washing between themselves never gain (P12); crashes lose
// nothing that was acknowledged and do nothing twice (P20). SWARMBID_TEST_LONG: a million steps, ten thousand crashes.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import type { AuthenticOperation } from '../../src/ledger/authenticate.ts'
import { decodeLine } from '../../src/ledger/journal-record.ts'
import type { LedgerCore } from '../../src/ledger/ledger-core.ts'
import { JournalVerifier, verifyJournal } from '../../src/ledger/verify-journal.ts'
import type { LedgerOperation } from '../../src/ports/ledger.ts'
import { BookModel } from './book-model.ts'
import { fakeScheme } from './fake-signatures.ts'
import { checkBooks, type GenesisChange, LedgerHarness, unit, withDeposits } from './ledger-harness.ts'
import { OperationDraw, seededDraw } from './random-operations.ts'

const { SWARMBID_TEST_LONG } = process.env
const steps = SWARMBID_TEST_LONG === undefined ? 10_000 : 1_000_000
const crashes = SWARMBID_TEST_LONG === undefined ? 100 : 10_000
const stepsPerLedger = 5_000
const payoutPpm = 250

function newLedger(hasDeposits: boolean): LedgerHarness {
  const change: GenesisChange = (genesis) => {
    const plain = { ...genesis, fees: { ...genesis.fees, payoutPpm } }
    return hasDeposits ? withDeposits(plain) : plain
  }
  return new LedgerHarness(change)
}

/** One run of steps; how often each kind of operation was carried out and refused. */
function playAgainstModel(seed: number, count: number, tally: Map<string, number>): void {
  const hasDeposits = seed % 2 === 1
  const ledger = newLedger(hasDeposits)
  const operations = new OperationDraw(ledger, seed, hasDeposits)
  const model = new BookModel({
    operator: ledger.account(0),
    hasDeposits,
    grant: 10_000n * unit,
    minDeposit: unit / 1000n,
    payoutPpm: BigInt(payoutPpm),
  })
  for (let step = 0; step < count; step++) {
    const { by, operation, signers } = operations.next()
    const named = { ...operation, id: ledger.nextId() } as LedgerOperation
    const account = ledger.account(by)
    const expected = model.play(
      account,
      named,
      signers.map((index) => ledger.account(index)),
      ledger.nowMs,
    )
    const result = ledger.core.submit(ledger.authentic(by, named), ledger.nowMs)
    assert.ok(result !== 'look-up')
    const place = `seed ${seed}, step ${step}, ${named.type}: ${result.ok ? 'carried out' : result.detail}`
    assert.equal(result.ok, expected, place)
    const kind = `${named.type} ${result.ok}`
    tally.set(kind, (tally.get(kind) ?? 0) + 1)
    for (const [id, { available }] of model.people) {
      assert.equal(ledger.state.account(id).available, available, place)
    }
    assert.equal(ledger.state.totals().burned, model.burned, place)
    checkBooks(ledger.state)
    if (step % 50 === 49) ledger.write()
  }
  ledger.write()
  assert.equal(toHex(ledger.replayed().proofs.update()), toHex(ledger.core.head.root))
  if (seed > 2) return
  const verification = verifyJournal(new JournalVerifier(ledger.facts, fakeScheme), ledger.journal, 1_000_000)
  assert.equal(verification.next().value, undefined)
}

describe('random operations (P19)', () => {
  test(`${steps} of them: the verdicts and balances of a naive ledger, the books in order after each`, () => {
    const tally = new Map<string, number>()
    for (let seed = 1; seed * stepsPerLedger <= steps; seed++) playAgainstModel(seed, stepsPerLedger, tally)
    const kinds = new Set([...tally.keys()].map((kind) => kind.split(' ')[0]))
    for (const kind of kinds) {
      assert.ok((tally.get(`${kind} true`) ?? 0) > 5, `${kind} was carried out`)
      assert.ok((tally.get(`${kind} false`) ?? 0) > 5, `${kind} was refused`)
    }
    assert.ok(kinds.size >= 19, [...kinds].join(' '))
  })

  test('accounts of one owner never have more after dealing among themselves (P12)', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const ledger = newLedger(false)
      ledger.grant(1, 2, 3, 4)
      const ownedOf = () =>
        [1, 2, 3, 4, 5, 6, 7].reduce((sum, index) => {
          const { available, locked, leaving } = ledger.state.account(ledger.account(index))
          return sum + available + locked + leaving
        }, 0n)
      const operations = new OperationDraw(ledger, seed, false)
      let owned = ownedOf()
      for (let step = 0; step < 500; step++) {
        const { by, operation } = operations.next()
        if (operation.type === 'grant' || by === 0) continue
        ledger.core.submit(ledger.authentic(by, { ...operation, id: ledger.nextId() } as LedgerOperation), ledger.nowMs)
        assert.ok(ownedOf() <= owned, operation.type)
        owned = ownedOf()
      }
    }
  })
})

/** A client of the ledger: what it asked for, and what it was told is done. */
interface Asked {
  readonly operation: AuthenticOperation
  isAcknowledged: boolean
}

/**
 * A ledger whose process dies at any moment: while operations come, after a group was sealed, after any part of it
 * reached the disk, after it was acknowledged. Groups are atomic on the disk; what is on it stays.
 */
function playCrashes(seed: number, count: number): void {
  const draw = seededDraw(seed)
  const ledger = newLedger(false)
  const operations = new OperationDraw(ledger, seed, false)
  const asked: Asked[] = []
  for (let crash = 0; crash < count; crash++) {
    const until = draw(30)
    const unanswered: Asked[] = []
    for (let step = 0; step < until; step++) {
      const isRetry = asked.length > 0 && draw(4) === 0
      const request = isRetry ? (asked[draw(asked.length)] as Asked) : newRequest(ledger, operations)
      if (!isRetry) asked.push(request)
      const before = ledger.core.height
      const result = ledger.core.submit(request.operation, ledger.nowMs)
      assert.ok(result !== 'look-up')
      if (request.isAcknowledged) assert.ok(result.ok && ledger.core.height === before, 'done once, answered again')
      if (result.ok) unanswered.push(request)
      if (draw(6) === 0) answer(ledger, unanswered)
    }
    crashOf(ledger, draw(3), unanswered)
    checkBooks(ledger.state)
  }
  ledger.write()
  const ids = journalIds(ledger)
  assert.equal(new Set(ids).size, ids.length, 'nothing twice')
  for (const { operation, isAcknowledged } of asked) {
    if (isAcknowledged) assert.ok(ids.includes(operation.statement.operation.id), 'nothing acknowledged is lost')
  }
}

function newRequest(ledger: LedgerHarness, operations: OperationDraw): Asked {
  const { by, operation } = operations.next()
  return {
    operation: ledger.authentic(by, { ...operation, id: ledger.nextId() } as LedgerOperation),
    isAcknowledged: false,
  }
}

function answer(ledger: LedgerHarness, unanswered: Asked[]): void {
  ledger.write()
  for (const request of unanswered) request.isAcknowledged = true
  unanswered.length = 0
}

/** 0: before the group is on the disk, 1: after, but nobody was told, 2: a failed write, the process lives on. */
function crashOf(ledger: LedgerHarness, moment: number, unanswered: Asked[]): void {
  const group = ledger.core.seal()
  if (moment === 1 && group !== undefined) ledger.journal.push(...group.lines)
  unanswered.length = 0
  if (moment === 2) ledger.core.rollback()
  else ledger.core = replayed(ledger)
}

function replayed(ledger: LedgerHarness): LedgerCore {
  const core = ledger.replayed()
  ledger.nowMs = Math.max(ledger.nowMs, core.timeAt(0))
  return core
}

function journalIds({ journal, facts }: LedgerHarness): string[] {
  const verifier = new JournalVerifier(facts, fakeScheme)
  return journal.map((line) => {
    assert.equal(verifier.push(line), undefined)
    return unwrap(decodeLine(line, facts.rail)).record.operation.id
  })
}

describe('crashes (P20)', () => {
  test(`${crashes} of them at every moment: nothing acknowledged is lost, nothing is done twice`, () => {
    for (let seed = 1; seed * 20 <= crashes; seed++) playCrashes(seed, 20)
  })
})
