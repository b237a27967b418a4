// Fuzz target: what a ledger that is served is asked and answers, exported journals, and lines by which ledgers are given
// away. Any text is read or refused with a typed failure; a client that is told anything at all neither throws nor
// believes what is not signed; what is read of a line to join is written the same again.
import assert from 'node:assert/strict'
import { fromLatin1, fromUtf8, toUtf8Lossy } from '../src/base/bytes.ts'
import { formatJoinLine, parseJoinLine } from '../src/daemon/join-line.ts'
import { signedOperationCodec } from '../src/formats/money/operation-codec.ts'
import { receiptDigest, type SignedReceipt, signedReceiptCodec } from '../src/formats/money/receipt.ts'
import { balanceReceipt, headReceipt } from '../src/ledger/receipts.ts'
import { ExportVerifier, exportGenesis, exportHead, exportLine } from '../src/rails/journal-export.ts'
import { RemoteLedger } from '../src/rails/remote-ledger.ts'
import { readAnswer, readRequest, toBase64 } from '../src/rails/service-messages.ts'
import { fakeScheme, fakeSign } from '../test/ledger/fake-signatures.ts'
import { addressOf, idOf, LedgerHarness, tokens } from '../test/ledger/ledger-harness.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const written = new LedgerHarness()
written.grant(1, 2)
const transfer = written.sign(1, { type: 'transfer', id: idOf('x'), to: written.account(2), amount: tokens(5) })
written.openLane(1, 2, tokens(10))
const { core, facts, journal } = written

function attest(receipt: SignedReceipt['receipt']): SignedReceipt {
  return { receipt, signature: fakeSign(addressOf(0), receiptDigest(receipt, facts.domain)) }
}

const head = attest(headReceipt(core.head, written.nowMs))
const balance = attest(balanceReceipt(core, core.head, written.account(1), written.nowMs))
const headJson = signedReceiptCodec.toJson(head)
const lines = journal.map(toBase64)
const hello = JSON.stringify({ type: 'hello', genesis: toBase64(facts.bytes), head: headJson })
const hash = '11'.repeat(32)

const messages = [
  { type: 'submit', number: 1, operations: [signedOperationCodec.toJson(transfer)] },
  { type: 'account', number: 2, account: written.account(1) },
  { type: 'lane', number: 3, lane: `0x${hash}` },
  { type: 'watch', number: 4, accounts: [written.account(1)] },
  { type: 'submitted', number: 1, results: [{ height: journal.length }], lines, head: headJson },
  { type: 'account', number: 1, receipt: signedReceiptCodec.toJson(balance) },
  { type: 'lane', number: 1, receipt: headJson, proof: { siblings: [`0x${hash}`], end: { type: 'empty' } } },
  { type: 'changed', line: lines[0], receipt: headJson },
  { type: 'failed', number: 1, error: { code: 'ledger-busy', detail: 'x' } },
].map((message) => JSON.stringify(message))

const exported = exportGenesis(facts.bytes) + journal.map(exportLine).join('') + exportHead(head)
const never = new AbortController().signal

/** A client that asked for a balance and an operation, greeted by its ledger, is told this. */
function tellClient(text: string): void {
  let tell: (text: string) => void = () => undefined
  const remote = new RemoteLedger({
    facts,
    connect: ({ onMessage }) => {
      tell = onMessage
      return { send: () => undefined, close: () => undefined }
    },
    clock: { nowMs: () => 0, wallMs: () => 0, alarm: () => ({ set: () => undefined, close: () => undefined }) },
    random: { fill: () => undefined, below: () => 0 },
    scheme: fakeScheme,
  })
  void remote.account(written.account(1), never)
  void remote.submit(transfer, never)
  tell(hello)
  tell(text)
  tell(text)
  remote.close()
}

export const target: FuzzTarget = {
  name: 'ledger-service',
  seeds: [
    ...messages,
    exported,
    hello,
    `swarmbid-ledger://example.org:6970/${hash}?tls=${hash}`,
    `swarmbid-ledger://[::1]:1/${hash}?tls`,
  ].map(fromUtf8),
  tokens: ['"type":', '"number":1', 'null', '-1', '1e9', '{}', '[]', '"0x', 'entry ', 'head ', '?tls='].map(fromLatin1),
  run(input) {
    const text = toUtf8Lossy(input)
    for (const read of [readRequest(text), readAnswer(text)]) {
      if (!read.ok) assert.ok(read.code === 'statement-malformed' && read.detail.length < 500)
    }
    tellClient(text)
    const verifier = new ExportVerifier(fakeScheme)
    const fault = text
      .split('\n')
      .map((line) => verifier.push(line))
      .find((each) => each !== undefined)
    if (fault === undefined) verifier.end()
    const line = parseJoinLine(text)
    if (line.ok) assert.deepEqual(parseJoinLine(formatJoinLine(line.value)), line)
  },
}
