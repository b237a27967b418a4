// The page for other implementors says what the code does: every kind with its members and limits, and vectors with which
// one who has only the page can be tried.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { equalBytes, fromHex, toHex } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { sha256 } from '../../../src/base/hash.ts'
import { encode } from '../../../src/formats/bencode/encode.ts'
import { accountAddress, ledgerDomain } from '../../../src/formats/money/account-id.ts'
import { speedMessageDigest } from '../../../src/formats/money/speed-message-digest.ts'
import { encodeSpeedMessage, readSpeedMessage, scanSpeedMessage } from '../../../src/formats/peer/speed-codec.ts'
import { plainForms, statementForms } from '../../../src/formats/peer/speed-forms.ts'
import { maxSpeedMessageBytes, type SpeedPlain, speedExtension } from '../../../src/formats/peer/speed-messages.ts'
import { secp256k1 } from '../../../src/host/secp256k1.ts'
import { speedSenders } from '../../../src/peer/speed-agreement.ts'
import { SpeedLink } from '../../../src/peer/speed-link.ts'
import type { Signature } from '../../../src/ports/ledger.ts'
import { type SpeedVector, speedVectors, speedVectorWorld } from '../../../tools/speed-vectors.ts'

const page = readFileSync(new URL('../../../docs/protocol/speed.md', import.meta.url), 'utf8')
const { rail, infoHash, session } = speedVectorWorld
const domain = ledgerDomain(bytesOf(speedVectorWorld.genesisHash))

function bytesOf(digits: string): Uint8Array {
  return unwrap(fromHex(digits))
}

/** Rows of tables that begin with a kind: kind, sender, members. */
const rows = new Map(
  [...page.matchAll(/^\| `([a-z-]+)` \| (payer|payee|either|both) \| (.*) \|$/gm)].map(([, kind, sender, members]) => [
    kind,
    { sender, members: members ?? '' },
  ]),
)

describe('the page', () => {
  test('has every kind, from whom it comes, and all its members', () => {
    const forms: Readonly<Record<string, object>> = { ...plainForms, ...statementForms }
    assert.deepEqual([...rows.keys()].sort(), Object.keys(forms).sort())
    for (const [kind, fields] of Object.entries(forms)) {
      const row = rows.get(kind)
      assert.ok(row !== undefined)
      const sender = speedSenders[(kind === 'ack' ? 'acknowledge' : kind) as keyof typeof speedSenders]
      assert.equal(row.sender, sender === 'greeting' ? 'both' : sender, kind)
      // Members of rows stand in braces, and what `of` and `event` may be after a colon.
      const named = row.members.replace(/\{[^}]*(\{[^}]*\})?[^}]*\}/g, '').replace(/: `.*?(?= ·|$)/g, '')
      const members = [...named.matchAll(/`([A-Za-z]+)`/g)].map(([, name]) => name)
      assert.deepEqual(members.sort(), Object.keys(fields).sort(), kind)
    }
  })

  test('has the name and the limits', () => {
    assert.ok(page.includes(`\`${speedExtension}\``))
    assert.ok(page.includes(`at most ${maxSpeedMessageBytes.toLocaleString('en')} bytes`))
  })
})

describe('vectors', () => {
  test('there is one of each kind, and the file has them all', () => {
    const kinds = new Set(speedVectors.map(({ kind }) => kind))
    assert.deepEqual([...kinds].sort(), Object.keys(speedSenders).sort())
    const file = JSON.parse(readFileSync(new URL('../../../docs/protocol/vectors/speed.json', import.meta.url), 'utf8'))
    assert.deepEqual(file.messages, JSON.parse(JSON.stringify(speedVectors)))
  })

  for (const { kind, from, payload, signed } of speedVectors) {
    test(`${kind} of the ${from} reads back, and is signed by it`, () => {
      const message = unwrap(readSpeedMessage(unwrap(scanSpeedMessage(bytesOf(payload))), rail))
      assert.equal(toHex(encodeSpeedMessage(message)), payload)
      if (signed === undefined) return
      const body = bytesOf(signed.body)
      const digest = speedMessageDigest({ rail, kind: signed.kind, infoHash, body }, domain)
      assert.equal(toHex(digest), signed.digest)
      const author = kind === 'evidence' ? 'provider' : from
      const recovered = unwrap(secp256k1.scheme.recover(digest, bytesOf(signed.signature) as Signature))
      assert.ok(equalBytes(recovered, accountAddress(speedVectorWorld[author].account)))
    })
  }

  test('the session is made as the page says', () => {
    const parties = (['requester', 'provider'] as const).map((name) => {
      const { account, peerId } = speedVectorWorld[name]
      const terms = sha256(bytesOf(vectorOf('terms', name).payload))
      return toHex(encode({ account: accountAddress(account), peer: bytesOf(peerId), terms }))
    })
    assert.equal(toHex(sha256(bytesOf(parties.sort().join('')))), session)
  })

  for (const [name, other] of [
    ['requester', 'provider'],
    ['provider', 'requester'],
  ] as const) {
    test(`the ${name} says exactly this to open a connection`, () => {
      const { type: _, ...terms } = termsOf(name)
      const { account, peerId } = speedVectorWorld[name]
      const link = new SpeedLink({
        infoHash,
        own: { terms, peerId },
        peerId: speedVectorWorld[other].peerId,
        domains: new Map([[rail, domain]]),
        scheme: secp256k1.scheme,
        nowMs: 0,
      })
      link.receive(bytesOf(vectorOf('terms', other).payload), 0)
      const { signed } = vectorOf('bind', name)
      assert.ok(signed !== undefined)
      link.signed({ ok: true, value: bytesOf(signed.signature) as Signature }, 0)
      link.receive(bytesOf(vectorOf('bind', other).payload), 0)
      const sent: string[] = []
      for (let output = link.poll(); output !== undefined; output = link.poll()) {
        if (output.type === 'send') sent.push(toHex(output.payload))
        else if (output.type === 'sign') {
          assert.ok(output.request.type === 'speed-message')
          assert.equal(toHex(output.request.message.body), signed.body)
        }
      }
      assert.deepEqual(sent, [vectorOf('terms', name).payload, vectorOf('bind', name).payload])
      const { state } = link
      assert.ok(state.phase === 'open' && state.agreement.session === session)
      assert.equal(state.agreement.own.account, account)
    })
  }
})

function vectorOf(kind: string, from: SpeedVector['from']): SpeedVector {
  const vector = speedVectors.find((one) => one.kind === kind && one.from === from)
  assert.ok(vector !== undefined)
  return vector
}

function termsOf(from: SpeedVector['from']): Extract<SpeedPlain, { type: 'terms' }> {
  const message = unwrap(readSpeedMessage(unwrap(scanSpeedMessage(bytesOf(vectorOf('terms', from).payload))), rail))
  assert.ok(message.type === 'plain' && message.message.type === 'terms')
  return message.message
}
