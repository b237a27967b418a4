// P1 for what peers sign: with any one thing changed the signature is no longer its signer's; and what may be shown to
// others reads back as it was signed.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../../../src/base/assert.ts'
import { equalBytes, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { infoHashV1, peerId } from '../../../src/base/ids.ts'
import { tokenAmount } from '../../../src/base/token-amount.ts'
import { accountAddress, accountId, ledgerDomain, parseAccountId } from '../../../src/formats/money/account-id.ts'
import { speedMessageDigest } from '../../../src/formats/money/speed-message-digest.ts'
import { shownKinds } from '../../../src/formats/peer/speed-forms.ts'
import type { SpeedStatement } from '../../../src/formats/peer/speed-messages.ts'
import {
  bindMessage,
  evidenceDigest,
  isContradiction,
  readEvidence,
  type ShownStatement,
  type SpeedParty,
  type SpeedPlace,
  speedSession,
  speedTermsHash,
  statementMessage,
} from '../../../src/formats/peer/speed-signing.ts'
import { secp256k1 } from '../../../src/host/secp256k1.ts'
import type { AccountId, Hash256 } from '../../../src/ports/ledger.ts'
import { bytes32, ledgerPlace } from '../money/arbitrary-statements.ts'
import { drawnInfoHash, drawnPeerId, drawnTerms, statementsOn } from './arbitrary-speed.ts'

const { rail, domain } = ledgerPlace
const key = unwrap(secp256k1.openKey(new Uint8Array(32).fill(7)))
const own = accountId(rail, key.address)
const other = accountId(rail, new Uint8Array(20).fill(9))
const third = accountId(rail, new Uint8Array(20).fill(8))
const session = 'cd'.repeat(32) as Hash256
const infoHash = infoHashV1(new Uint8Array(20).fill(3))
const place: SpeedPlace = { infoHash, domain, session, from: own, to: other }
const shown: ReadonlySet<string> = new Set(shownKinds)

function digestAt(statement: SpeedStatement, at: SpeedPlace): Uint8Array {
  return speedMessageDigest(statementMessage(statement, at), at.domain)
}

function assertRefused(original: Uint8Array, changed: Uint8Array, what: string): void {
  assert.ok(!equalBytes(original, changed), `${what}: the same digest`)
  const recovered = secp256k1.scheme.recover(changed, key.sign(original))
  assert.ok(!(recovered.ok && equalBytes(recovered.value, key.address)), `${what}: the signature passes`)
}

function changedText(text: string): string {
  const account = parseAccountId(text)
  if (account.ok) {
    const address = accountAddress(account.value)
    address[19] = (address[19] as number) ^ 1
    return accountId(rail, address)
  }
  return text.slice(0, -1) + (text.endsWith('0') ? '1' : '0')
}

/** Every form of a value with one leaf, or one row of a list, changed; some are no statements any more. */
function* changedForms(value: unknown): Generator<unknown> {
  if (typeof value === 'bigint') yield value === 0n ? 1n : value - 1n
  else if (typeof value === 'number') yield value === 0 ? 1 : value - 1
  else if (typeof value === 'boolean') yield !value
  else if (typeof value === 'string') yield changedText(value)
  else if (value instanceof Uint8Array) yield value.with(40, (value[40] as number) ^ 1)
  else if (Array.isArray(value)) {
    if (value.length > 0) yield value.slice(1)
    if (value.length > 1) yield value.toReversed()
    for (const [index, element] of value.slice(0, 3).entries()) {
      for (const changed of changedForms(element)) yield value.with(index, changed)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      if (name === 'type') continue
      for (const changed of changedForms(member)) yield { ...value, [name]: changed }
    }
  }
}

function digestOrNothing(statement: SpeedStatement): Uint8Array | undefined {
  try {
    return digestAt(statement, place)
  } catch (error) {
    if (error instanceof AssertionError) return undefined
    throw error
  }
}

/** What a change leaves as it was, a list of two equal rows turned around for one, is no change. */
function isSame(one: unknown, two: unknown): boolean {
  try {
    assert.deepEqual(one, two)
    return true
  } catch {
    return false
  }
}

describe('P1: a statement of Speed changed in one place is another statement', () => {
  for (const [kind, drawn] of Object.entries(statementsOn(rail))) {
    test(kind, () => {
      fc.assert(
        fc.property(drawn, (statement) => {
          const digest = digestAt(statement, place)
          const unchanged = new Set(Object.keys(statement).filter((name) => name !== 'type'))
          for (const changed of changedForms(statement)) {
            if (isSame(changed, statement)) continue
            const changedDigest = digestOrNothing(changed as SpeedStatement)
            if (changedDigest === undefined) continue
            assertRefused(digest, changedDigest, kind)
            for (const name of unchanged) {
              if (!isSame((changed as never)[name], (statement as never)[name])) unchanged.delete(name)
            }
          }
          // An empty list has nothing to change, and the least of a range may have no neighbour.
          for (const name of unchanged) {
            const member: unknown = (statement as never)[name]
            assert.ok((Array.isArray(member) && member.length <= 1) || typeof member === 'number', `${kind} ${name}`)
          }
        }),
        { numRuns: 8 },
      )
    })

    test(`${kind}: author, ledger, torrent and kind, and of what is made to one peer that peer and connection`, () => {
      fc.assert(
        fc.property(drawn, (statement) => {
          const digest = digestAt(statement, place)
          const salt = new Uint8Array(32).fill(0x5a)
          salt[31] = 0
          const fork = ledgerDomain(salt)
          assertRefused(digest, digestAt(statement, { ...place, from: third }), 'author')
          assertRefused(digest, digestAt(statement, { ...place, infoHash: infoHashV1(new Uint8Array(20)) }), 'torrent')
          assertRefused(digest, speedMessageDigest(statementMessage(statement, place), fork), 'ledger')
          const renamed = { ...statementMessage(statement, place), kind: `${kind}s` }
          assertRefused(digest, speedMessageDigest(renamed, domain), 'kind')
          const elsewhere = digestAt(statement, { ...place, session: 'ce'.repeat(32) as Hash256 })
          const toAnother = digestAt(statement, { ...place, to: third })
          if (shown.has(kind)) {
            assert.deepEqual([elsewhere, toAnother], [digest, digest])
            return
          }
          assertRefused(digest, elsewhere, 'connection')
          assertRefused(digest, toAnother, 'peer')
        }),
        { numRuns: 4 },
      )
    })
  }

  test('the binding: terms, accounts, peer ids and torrent of both sides', () => {
    const party = fc.tuple(drawnTerms, drawnPeerId).map(([terms, id]) => ({
      account: own,
      peerId: id,
      termsHash: speedTermsHash(terms),
    }))
    fc.assert(
      fc.property(party, party, drawnInfoHash, (from, drawnTo, hash) => {
        const to = { ...drawnTo, account: other }
        const digestOf = (one: SpeedParty, two: SpeedParty) => speedMessageDigest(bindMessage(hash, one, two), domain)
        const digest = digestOf(from, to)
        const changes = (of: SpeedParty): SpeedParty[] => [
          { ...of, account: third },
          { ...of, peerId: peerId(new Uint8Array(20)) },
          { ...of, termsHash: changedText(of.termsHash) as Hash256 },
        ]
        for (const changed of changes(from)) {
          assertRefused(digest, digestOf(changed, to), 'our side')
          assert.notEqual(speedSession(changed, to), speedSession(from, to))
        }
        for (const changed of changes(to)) assertRefused(digest, digestOf(from, changed), 'their side')
        assertRefused(digest, digestOf(to, from), 'the sides exchanged')
        const elsewhere = speedMessageDigest(bindMessage(infoHash, from, to), domain)
        assertRefused(digest, elsewhere, 'another torrent')
        assert.equal(speedSession(from, to), speedSession(to, from))
      }),
      { numRuns: 20 },
    )
  })

  test('terms: nonce, ledgers and their order, prices, roles and ticks are part of their hash', () => {
    fc.assert(
      fc.property(drawnTerms, (terms) => {
        for (const changed of changedForms(terms)) {
          if (isSame(changed, terms)) continue
          const hashOrNothing = termsHashOrNothing(changed as typeof terms)
          if (hashOrNothing !== undefined) assert.notEqual(hashOrNothing, speedTermsHash(terms))
        }
      }),
      { numRuns: 20 },
    )
  })
})

function termsHashOrNothing(terms: Parameters<typeof speedTermsHash>[0]): Hash256 | undefined {
  try {
    return speedTermsHash(terms)
  } catch (error) {
    if (error instanceof AssertionError) return undefined
    throw error
  }
}

describe('evidence', () => {
  const list = (epoch: number, price: bigint): ShownStatement => ({
    from: own,
    statement: {
      type: 'auction-call',
      epoch,
      shares: 4,
      postedPrice: tokenAmount(price),
      seats: [{ account: other, weight: 1_024 }],
      backedMiB: 16,
      commitWithinMs: 500,
    },
  })

  test('a statement made to all is read back from its body, and its digest is what its author signed', () => {
    const kinds = Object.entries(statementsOn(rail)).filter(([kind]) => shown.has(kind))
    fc.assert(
      fc.property(fc.oneof(...kinds.map(([, drawn]) => drawn)), (statement) => {
        const { body } = statementMessage(statement, place)
        const of = statement.type as (typeof shownKinds)[number]
        assert.deepEqual(unwrap(readEvidence(of, body, rail)), { statement, from: own })
        assert.deepEqual(evidenceDigest({ author: own, of, body }, infoHash, domain), digestAt(statement, place))
      }),
      { numRuns: 60 },
    )
  })

  test('any bytes that are no body are refused with a code', () => {
    fc.assert(
      fc.property(fc.oneof(bytes32, fc.uint8Array({ maxLength: 300 })), fc.constantFrom(...shownKinds), (body, of) => {
        const read = readEvidence(of, body, rail)
        assert.ok(!read.ok && read.code === 'speed-message')
      }),
    )
  })

  test('two different statements of one author about one round contradict each other, and no others do', () => {
    const by = (from: AccountId, shownAs: ShownStatement): ShownStatement => ({ ...shownAs, from })
    assert.ok(isContradiction(list(1, 5n), list(1, 6n)))
    assert.ok(!isContradiction(list(1, 5n), list(1, 5n)))
    assert.ok(!isContradiction(list(1, 5n), list(2, 6n)))
    assert.ok(!isContradiction(list(1, 5n), by(other, list(1, 6n))))
    const emptyList = {
      type: 'auction-list',
      epoch: 1,
      listRoot: session,
      commitments: [],
      revealWithinMs: 500,
    } as const
    assert.ok(!isContradiction(list(1, 5n), { from: own, statement: emptyList }))
    const job = toHex(new Uint8Array(32).fill(1)) as Hash256
    const asks = { type: 'job-list', job, listRoot: session, commitments: [], revealWithinMs: 500 } as const
    assert.ok(isContradiction({ from: own, statement: asks }, { from: own, statement: { ...asks, revealWithinMs: 1 } }))
  })
})
