// A tampered journal: the first entry that does not hold is named, whichever field was changed, also where hashes were
// made to fit again; an operator that tells two stories is named by what it signed.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { equalBytes, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { operationCodec } from '../../src/formats/money/operation-codec.ts'
import type { LedgerReceipt } from '../../src/formats/money/receipt.ts'
import type { Change, Posting } from '../../src/ledger/entry.ts'
import { decodeLine, encodeLine, type ReadRecord } from '../../src/ledger/journal-record.ts'
import { type JournalFault, JournalVerifier, verifyJournal } from '../../src/ledger/verify-journal.ts'
import type { Hash256, LedgerOperation } from '../../src/ports/ledger.ts'
import { fakeScheme, fakeSign } from './fake-signatures.ts'
import { addressOf, drawn, hourMs, idOf, LedgerHarness, tokens, unit } from './ledger-harness.ts'

/** Grants, a lane, a claim, and more in the same group: entry 4 is the claim. */
function writtenLedger(): LedgerHarness {
  const ledger = new LedgerHarness((genesis) => ({ ...genesis, fees: { ...genesis.fees, payoutPpm: 100 } }))
  ledger.grant(1, 2)
  const lane = ledger.openLane(1, 2, tokens(10))
  ledger.nowMs += 1_000
  ledger.submit(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, 3n * unit)] })
  ledger.submit(1, { type: 'transfer', to: ledger.account(3), amount: tokens(1) })
  ledger.write()
  ledger.nowMs += hourMs
  ledger.do(1, { type: 'request-close', lane })
  return ledger
}

function verify(ledger: LedgerHarness, lines: readonly Uint8Array[], promised?: [height: number, hash: Uint8Array]) {
  const verifier = new JournalVerifier(ledger.facts, fakeScheme)
  if (promised !== undefined) {
    const [height, hash] = promised
    const [entryHash, id] = [toHex(hash) as Hash256, recordAt(ledger, height).operation.id]
    const receipt = { type: 'operation', id, height, entryHash } as Extract<LedgerReceipt, { type: 'operation' }>
    verifier.promise({ ...receipt, account: ledger.account(1), digest: entryHash, fee: 0n as TokenAmount, timeMs: 0 })
  }
  const steps = verifyJournal(verifier, lines, 2)
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}

function recordAt(ledger: LedgerHarness, height: number): ReadRecord {
  return unwrap(decodeLine(ledger.journal[height - 1] as Uint8Array, ledger.facts.rail)).record
}

/** The journal with one record changed and its own hash made to fit; the ones after it too, if asked. */
function tampered(
  ledger: LedgerHarness,
  height: number,
  change: (record: ReadRecord) => Partial<ReadRecord>,
  rechains: boolean,
): Uint8Array[] {
  const lines = [...ledger.journal]
  const record = recordAt(ledger, height)
  let { line, hash } = encodeLine({ ...record, ...change(record) })
  lines[height - 1] = line
  if (!rechains) return lines
  for (let later = height; later < lines.length; later++) {
    const next = encodeLine({ ...recordAt(ledger, later + 1), previous: hash })
    lines[later] = next.line
    hash = next.hash
  }
  return lines
}

function changeAt<T>(list: readonly T[], index: number, change: (item: T) => T): T[] {
  return list.map((item, at) => (at === index ? change(item) : item))
}

const other = { amount: (amount: bigint) => tokenAmount(amount + 1n) }

/** Every kind of field of the claim, changed; and the part that is named, hashes made to fit all along. */
const tampers: readonly (readonly [
  string,
  JournalFault['part'],
  (record: ReadRecord, ledger: LedgerHarness) => Partial<ReadRecord>,
])[] = [
  ['height', 'height', ({ height }) => ({ height: height + 1 })],
  ['previous hash', 'previous', () => ({ previous: new Uint8Array(32) })],
  ['time, before the one before', 'time', ({ timeMs }) => ({ timeMs: timeMs - 1_001 })],
  ['time, after the lane expired', 'rules', ({ timeMs }) => ({ timeMs: timeMs + 48 * hourMs })],
  ['account', 'signature', (_, ledger) => ({ account: ledger.account(3) })],
  ['signature', 'signature', () => ({ signature: fakeSign(addressOf(2), new Uint8Array(32)) })],
  [
    'operation',
    'signature',
    ({ operation }) => ({ operationBytes: operationCodec.encode({ ...operation, id: idOf('another') }) }),
  ],
  [
    'voucher',
    'signature',
    ({ operation }) => {
      assert.ok(operation.type === 'claim')
      const vouchers = changeAt(operation.vouchers, 0, (voucher) => ({
        ...voucher,
        cumulativeAmount: other.amount(voucher.cumulativeAmount),
      }))
      return { operationBytes: operationCodec.encode({ ...operation, vouchers }) }
    },
  ],
  ['an amount posted', 'entry', ({ entry }) => ({ entry: { ...entry, postings: changeAt(entry.postings, 0, more) } })],
  [
    'amounts posted, in balance',
    'entry',
    ({ entry }) => ({ entry: { ...entry, postings: changeAt(changeAt(entry.postings, 1, more), 2, less) } }),
  ],
  [
    'who is posted to',
    'entry',
    ({ entry }, ledger) => ({
      entry: {
        ...entry,
        postings: entry.postings.map((posting) =>
          posting.book === 'account' ? { ...posting, id: ledger.account(3) } : posting,
        ),
      },
    }),
  ],
  ['a posting left out', 'entry', ({ entry }) => ({ entry: { ...entry, postings: entry.postings.slice(1) } })],
  [
    'what became of the lane',
    'entry',
    ({ entry }) => ({ entry: { ...entry, changes: changeAt(entry.changes, 0, reopened) } }),
  ],
  ['a change left out', 'entry', ({ entry }) => ({ entry: { ...entry, changes: entry.changes.slice(0, 1) } })],
  ['the fee', 'entry', ({ entry }) => ({ entry: { ...entry, fee: 0n as TokenAmount } })],
  ['a root added', 'root', () => ({ root: new Uint8Array(32) })],
]

function more(posting: Posting): Posting {
  return { ...posting, amount: posting.amount + 1n }
}

function less(posting: Posting): Posting {
  return { ...posting, amount: posting.amount - 1n }
}

function reopened(change: Change): Change {
  return change.type === 'lane' ? { ...change, value: { ...change.value, expiresAtMs: 0 } } : change
}

describe('verifying a journal', () => {
  test('one that was not tampered with holds', () => {
    const ledger = writtenLedger()
    assert.equal(verify(ledger, ledger.journal), undefined)
    assert.equal(verify(ledger, ledger.journal, [4, recordHash(ledger, 4)]), undefined)
  })

  for (const [name, part, change] of tampers) {
    test(`tampering with ${name} is named, also when all hashes are made to fit`, () => {
      const ledger = writtenLedger()
      for (const rechains of [false, true]) {
        const lines = tampered(ledger, 4, (record) => change(record, ledger), rechains)
        const fault = verify(ledger, lines)
        assert.deepEqual([fault?.height, fault?.part], [4, part], fault?.detail)
      }
    })
  }

  test('any byte changed without its hash is named', () => {
    const ledger = writtenLedger()
    const line = ledger.journal[3] as Uint8Array
    for (let at = 0; at < line.length; at += 5) {
      const changed = line.slice()
      changed[at] = (changed[at] as number) ^ (1 << (at % 8))
      const fault = verify(
        ledger,
        changeAt(ledger.journal, 3, () => changed),
      )
      assert.deepEqual([fault?.height, fault?.part], [4, 'line'])
    }
  })

  test('a root that is not that of the state, left out, or a group cut short is named', () => {
    const ledger = writtenLedger()
    const wrong = tampered(ledger, 5, () => ({ root: new Uint8Array(32) }), true)
    assert.deepEqual([verify(ledger, wrong)?.height, verify(ledger, wrong)?.part], [5, 'root'])
    const cut = verify(ledger, ledger.journal.slice(0, 4))
    assert.deepEqual([cut?.height, cut?.part], [4, 'root'])
    assert.equal(verify(ledger, ledger.journal.slice(0, 5)), undefined)
  })

  test('an entry left out, put twice or put elsewhere is named', () => {
    const ledger = writtenLedger()
    const [first, second, third] = ledger.journal as [Uint8Array, Uint8Array, Uint8Array]
    assert.equal(verify(ledger, [first, third])?.height, 2)
    assert.equal(verify(ledger, [first, second, second])?.height, 3)
    assert.equal(verify(ledger, [second, first])?.height, 1)
  })

  test('a time that the rules do not mind is named by the entry that was written after it', () => {
    const ledger = writtenLedger()
    const lines = tampered(ledger, 4, ({ timeMs }) => ({ timeMs: timeMs + 1 }), false)
    assert.deepEqual([verify(ledger, lines)?.height, verify(ledger, lines)?.part], [5, 'previous'])
    const all = tampered(ledger, 4, ({ timeMs }) => ({ timeMs: timeMs - 1 }), true)
    assert.deepEqual(verify(ledger, all, [6, recordHash(ledger, 6)])?.part, 'head')
  })

  test('an id that was used before is named, though the rules would have it', () => {
    const ledger = writtenLedger()
    const id = idOf('again')
    const amount = tokens(1)
    const transfer: LedgerOperation = { type: 'transfer', id, to: ledger.account(3), amount }
    assert.ok(ledger.submit(1, transfer, id).ok)
    ledger.write()
    const last = recordAt(ledger, ledger.journal.length)
    const hash = unwrap(decodeLine(ledger.journal.at(-1) as Uint8Array, ledger.facts.rail)).hash
    const { root: _, ...again } = { ...last, height: last.height + 1, previous: hash }
    const fault = verify(ledger, [...ledger.journal, encodeLine(again).line])
    assert.deepEqual([fault?.height, fault?.part], [last.height + 1, 'id'])
  })

  test('an operator that rewrote history after signing its head is named by what it signed', () => {
    const ledger = writtenLedger()
    const signed = recordHash(ledger, 6)
    const rewritten = new LedgerHarness((genesis) => ({ ...genesis, fees: { ...genesis.fees, payoutPpm: 100 } }))
    rewritten.grant(1, 2)
    for (let entry = 3; entry <= 6; entry++) {
      rewritten.do(1, { type: 'transfer', to: rewritten.account(0), amount: tokens(entry) })
    }
    assert.equal(verify(rewritten, rewritten.journal), undefined)
    const fault = verify(rewritten, rewritten.journal, [6, signed])
    assert.deepEqual([fault?.height, fault?.part], [6, 'head'])
    const short = verify(rewritten, rewritten.journal.slice(0, 5), [6, signed])
    assert.deepEqual([short?.height, short?.part], [6, 'head'], 'cutting it off does not help')
  })

  test('a journal of another ledger is not one of this', () => {
    const ledger = writtenLedger()
    const elsewhere = new LedgerHarness((genesis) => ({ ...genesis, nonce: drawn('elsewhere') }))
    assert.equal(verify(elsewhere, ledger.journal)?.height, 1)
  })
})

function recordHash(ledger: LedgerHarness, height: number): Uint8Array {
  const { hash, record } = unwrap(decodeLine(ledger.journal[height - 1] as Uint8Array, ledger.facts.rail))
  const { line } = encodeLine(record)
  assert.ok(equalBytes(line, ledger.journal[height - 1] as Uint8Array), 'what is read is written the same')
  return hash
}
