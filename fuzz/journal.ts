// Fuzz target: lines of a ledger's journal and a genesis. Any bytes are read or refused with a typed failure; what is
// read is written the same again; entering whatever was read leaves books that are sums, or changes nothing.
import assert from 'node:assert/strict'
import { equalBytes, fromLatin1, fromUtf8 } from '../src/base/bytes.ts'
import { sha256 } from '../src/base/hash.ts'
import { encode, RawBencode } from '../src/formats/bencode/encode.ts'
import { applyEntry } from '../src/ledger/apply-entry.ts'
import { genesisCodec, ledgerFacts } from '../src/ledger/genesis.ts'
import { decodeLine, encodeLine } from '../src/ledger/journal-record.ts'
import { LedgerState } from '../src/ledger/ledger-state.ts'
import { checkBooks, drawn, LedgerHarness, tokens } from '../test/ledger/ledger-harness.ts'
import type { FuzzTarget } from './fuzz-target.ts'

function writtenLedger(): LedgerHarness {
  const ledger = new LedgerHarness()
  ledger.grant(1)
  const lane = ledger.openLane(1, 2, tokens(10))
  ledger.do(2, { type: 'claim', vouchers: [ledger.voucher(lane, 1, tokens(1))] })
  ledger.do(1, { type: 'request-close', lane })
  const timeoutAtMs = ledger.nowMs + 1
  ledger.do(1, { type: 'escrow-fund', payee: ledger.account(2), amount: tokens(2), timeoutAtMs, terms: drawn('terms') })
  ledger.do(1, {
    type: 'campaign-propose',
    purpose: 'gift',
    approver: ledger.account(2),
    root: drawn('root'),
    grantCount: 3,
    pool: tokens(3),
    endsAtMs: timeoutAtMs,
    gates: [{ type: 'invite' }],
  })
  return ledger
}

const written = writtenLedger()
const { rail, bytes } = written.facts

/** The record of a line alone: the target puts the hash right, so that mutations get past it. */
function recordOf(line: Uint8Array): Uint8Array {
  return line.subarray(fromUtf8('d4:hash32:').length + 32 + fromUtf8('6:record').length, line.length - 1)
}

function withHash(record: Uint8Array): Uint8Array {
  return encode({ hash: sha256(record), record: new RawBencode(record) })
}

function checkLine(line: Uint8Array): void {
  const read = decodeLine(line, rail)
  if (!read.ok) {
    assert.equal(read.code, 'ledger-damaged')
    assert.ok(read.detail.length < 300)
    return
  }
  const { record } = read.value
  assert.ok(equalBytes(encodeLine(record).line, line), 'one form')
  const state = new LedgerState()
  state.setAccount(written.account(1), written.state.account(written.account(1)))
  const mark = state.mark()
  if (!applyEntry(state, record.entry).ok) assert.equal(state.mark(), mark)
  else if (mark === 0) checkBooks(state)
  state.rollback(mark)
  assert.equal(state.account(written.account(1)), written.state.account(written.account(1)))
}

export const target: FuzzTarget = {
  name: 'journal',
  seeds: [...written.journal.map(recordOf), bytes],
  tokens: ['d4:book7:account', '6:amount2:-1', '6:amount1:1', '2:id32:', '4:rooti0e', '8:postingsle', 'i1e'].map(
    fromLatin1,
  ),
  run(input) {
    checkLine(input)
    // Bytes that are no bencode end the line early, which is one more thing to refuse.
    checkLine(withHash(input))
    const facts = ledgerFacts(input)
    if (facts.ok) assert.ok(equalBytes(genesisCodec.encode(facts.value.genesis), input))
    else assert.ok(['statement-malformed', 'account-invalid'].includes(facts.code), facts.code)
  },
}
