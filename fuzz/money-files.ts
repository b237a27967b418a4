// Fuzz target: files of money that people hand each other: lists of air-drops, proofs of grants, evidence for arbiters.
// Any bytes are read or refused with a typed failure; what is read is written the same again.
import assert from 'node:assert/strict'
import { fromUtf8, toUtf8Lossy } from '../src/base/bytes.ts'
import { tokenAmount } from '../src/base/token-amount.ts'
import { accountId, ledgerRail } from '../src/formats/money/account-id.ts'
import { decodeEvidence, encodeEvidence, evidenceVersion } from '../src/formats/money/evidence-bundle.ts'
import { parseGrantList } from '../src/formats/money/grant-list.ts'
import { formatGrantProof, parseGrantProof } from '../src/formats/money/grant-proof.ts'
import type { Hash256, OperationId } from '../src/ports/ledger.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const rail = ledgerRail(new Uint8Array(32).fill(0x47))
const account = accountId(rail, new Uint8Array(20).fill(1))
const hash = '11'.repeat(32) as Hash256
const codes = ['statement-malformed', 'account-invalid', 'amount-invalid', 'amount-other-token', 'amount-out-of-range']

const evidence = encodeEvidence({
  version: evidenceVersion,
  rail,
  escrow: hash as string as OperationId,
  terms: hash,
  parts: [
    { kind: 'terms', name: 'terms.txt', content: fromUtf8('ten') },
    { kind: 'voucher', name: 'v', content: new Uint8Array(3) },
  ],
})
const proof = formatGrantProof({ root: hash, index: 3, to: account, amount: tokenAmount(7n), proof: [hash, hash] })

export const target: FuzzTarget = {
  name: 'money-files',
  seeds: [
    fromUtf8(`account,amount\n${account},12.5 TEST\n0x${'02'.repeat(20)},1\r\n`),
    fromUtf8(`${account},0.000000000000000001TEST`),
    fromUtf8(proof),
    evidence,
  ],
  run(input) {
    const text = toUtf8Lossy(input)
    const grants = parseGrantList(text, rail, 'TEST')
    assert.ok(grants.ok ? grants.value.every(({ amount }) => amount > 0n) : codes.includes(grants.code))
    const read = parseGrantProof(text, rail)
    if (read.ok) assert.deepEqual(parseGrantProof(formatGrantProof(read.value), rail), read)
    else assert.equal(read.code, 'statement-malformed')
    const bundle = decodeEvidence(input, rail)
    if (bundle.ok) assert.deepEqual(encodeEvidence(bundle.value), input)
    else assert.ok(codes.includes(bundle.code), bundle.code)
  },
}
