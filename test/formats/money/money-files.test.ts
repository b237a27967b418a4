// Files of money that people hand each other: a list of grants means one thing or is refused at its line; proofs and
// bundles of evidence read back as they were written, and only for the ledger they are of.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../../src/base/errors.ts'
import { formatTokenAmount, tokenAmount } from '../../../src/base/token-amount.ts'
import { accountId, formatAddress, ledgerRail } from '../../../src/formats/money/account-id.ts'
import {
  decodeEvidence,
  encodeEvidence,
  evidenceKinds,
  evidenceVersion,
} from '../../../src/formats/money/evidence-bundle.ts'
import { parseGrantList } from '../../../src/formats/money/grant-list.ts'
import { formatGrantProof, parseGrantProof } from '../../../src/formats/money/grant-proof.ts'
import type { Hash256, OperationId } from '../../../src/ports/ledger.ts'

const rail = ledgerRail(new Uint8Array(32).fill(0x47))
const otherRail = ledgerRail(new Uint8Array(32).fill(0x48))
const accountOf = (byte: number) => accountId(rail, new Uint8Array(20).fill(byte))
const hashes = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Hash256)
const amounts = fc.bigInt({ min: 1n, max: 10n ** 30n }).map(tokenAmount)

describe('lists of grants', () => {
  test('accounts and addresses, with the token or without, in the order of their lines', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(255), { minLength: 1, maxLength: 8 }),
        amounts,
        fc.boolean(),
        (bytes, amount, isBare) => {
          const lines = bytes.map((byte, index) => {
            const account = accountOf(byte)
            const written = formatTokenAmount(amount, 'TEST').replaceAll(' ', index % 2 === 0 ? ' ' : '')
            return `${index % 2 === 0 ? account : formatAddress(account)} , ${isBare ? written.replace(/ ?TEST/, '') : written}`
          })
          const text = `${isBare ? 'account,amount\r\n' : ''}${lines.join('\r\n')}\n\n`
          const grants = unwrap(parseGrantList(text, rail, 'TEST'))
          assert.deepEqual(
            grants,
            bytes.map((byte) => ({ to: accountOf(byte), amount })),
          )
        },
      ),
    )
  })

  for (const [name, lines, code] of [
    ['nothing', [], 'statement-malformed'],
    ['a heading alone', ['account,amount'], 'statement-malformed'],
    ['a third column', [`${accountOf(1)},1 TEST,x`], 'statement-malformed'],
    ['a comma for the point', [`${accountOf(1)},1,5 TEST`], 'statement-malformed'],
    ['an account twice', [`${accountOf(1)},1`, `${formatAddress(accountOf(1))},2`], 'statement-malformed'],
    ['another token', [`${accountOf(1)},1 BTT`], 'amount-other-token'],
    ['nothing for somebody', [`${accountOf(1)},0 TEST`], 'amount-invalid'],
    ['less than nothing', [`${accountOf(1)},-1 TEST`], 'amount-invalid'],
    ['an account of another ledger', [`${accountId(otherRail, new Uint8Array(20))},1`], 'account-invalid'],
    ['an address with a digit less', [`${formatAddress(accountOf(1)).slice(0, -1)},1`], 'account-invalid'],
  ] as const) {
    test(`${name} is refused, naming the line`, () => {
      const read = parseGrantList(lines.join('\n'), rail, 'TEST')
      assert.ok(!read.ok)
      assert.equal(read.code, code)
      if (lines.length > 0 && !name.includes('alone')) assert.match(read.detail, new RegExp(`^line ${lines.length}: `))
    })
  }
})

describe('proofs of grants', () => {
  test('read back as written, of their own ledger alone, and nothing else does', () => {
    fc.assert(
      fc.property(hashes, fc.nat(), amounts, fc.array(hashes, { maxLength: 22 }), (root, index, amount, proof) => {
        const grant = { root, index, to: accountOf(7), amount, proof }
        const text = formatGrantProof(grant)
        assert.deepEqual(unwrap(parseGrantProof(text, rail)), grant)
        assert.equal(parseGrantProof(text, otherRail).ok, false)
        assert.equal(parseGrantProof(text.replace('"index"', '"place"'), rail).ok, false)
        assert.equal(parseGrantProof(text.slice(1), rail).ok, false)
      }),
    )
  })
})

describe('bundles of evidence', () => {
  const part = fc.record(
    {
      kind: fc.constantFrom(...evidenceKinds),
      name: fc.string({ maxLength: 64 }),
      content: fc.uint8Array({ maxLength: 300 }),
    },
    { noNullPrototype: true },
  )

  test('read back byte for byte, of their own ledger alone', () => {
    fc.assert(
      fc.property(hashes, hashes, fc.array(part, { minLength: 1, maxLength: 6 }), (escrow, terms, parts) => {
        const bundle = { version: evidenceVersion, rail, escrow: escrow as string as OperationId, terms, parts }
        const bytes = encodeEvidence(bundle)
        assert.deepEqual(unwrap(decodeEvidence(bytes, rail)), bundle)
        assert.equal(decodeEvidence(bytes, otherRail).ok, false)
        assert.equal(decodeEvidence(bytes.subarray(1), rail).ok, false)
      }),
    )
  })

  test('of a version that is not known is refused', () => {
    const parts = [{ kind: 'terms', name: '', content: new Uint8Array(0) }] as const
    const escrow = '11'.repeat(32) as OperationId
    const bytes = encodeEvidence({ version: 2, rail, escrow, terms: '22'.repeat(32) as Hash256, parts })
    const read = decodeEvidence(bytes, rail)
    assert.equal(!read.ok && read.code, 'statement-malformed')
  })
})
