// Speed on one connection: every state with every way out of it, who may say what, and what a peer can't do to us.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { failure } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { speedMessageDigest } from '../../src/formats/money/speed-message-digest.ts'
import { encodeSpeedMessage, speedKindText } from '../../src/formats/peer/speed-codec.ts'
import type { SpeedKind, SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import { statementMessage } from '../../src/formats/peer/speed-signing.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { speedSenders } from '../../src/peer/speed-agreement.ts'
import type { Hash256, LaneId, RailId, SigningDomain } from '../../src/ports/ledger.ts'
import { plainOn, statementsOn } from '../formats/peer/arbitrary-speed.ts'
import {
  accountOf,
  deliver,
  domains,
  infoHash,
  keyOf,
  makeStatement,
  openPair,
  pair,
  plain,
  price,
  rails,
  refusals,
  type Side,
  side,
  termsOf,
  waiting,
} from './speed-pair.ts'

const rail = rails[0] as RailId
const domain = domains.get(rail) as SigningDomain
const hash = 'ab'.repeat(32) as Hash256
const lane = hash as string as LaneId
const hello: SpeedPlain = { type: 'hello', lanes: [], unpaid: tokenAmount(0n) }
const present: SpeedPlain = { type: 'present', lanes: [], windowBytes: 1_048_576 }
const call: SpeedStatement = {
  type: 'auction-call',
  epoch: 7,
  shares: 4,
  postedPrice: price,
  seats: [{ account: accountOf(0xb2), weight: 1_024 }],
  backedMiB: 16,
  commitWithinMs: 500,
}

function closedWith(of: Side): string | undefined {
  const { state } = of.link
  return state.phase === 'closed' ? state.failure.code : undefined
}

/** Sides up to the phase, the first of them in it. */
function inPhase(phase: 'greeting' | 'signing' | 'binding' | 'open'): readonly [Side, Side] {
  if (phase === 'open') return openPair()
  const sides = pair()
  const [one, two] = sides
  if (phase !== 'greeting') {
    deliver(one, two)
    deliver(two, one)
  }
  if (phase === 'binding') one.sign()
  if (phase !== 'signing') one.sent.length = 0
  assert.equal(one.link.state.phase, phase)
  return sides
}

describe('the beginning', () => {
  test('greeting: terms go out at once, and theirs lead to signing', () => {
    const [one, two] = pair()
    assert.deepEqual(waiting(one), [{ type: 'plain', message: { type: 'terms', ...termsOf({ seed: 0xa1 }) } }])
    assert.equal(one.link.state.phase, 'greeting')
    deliver(two, one)
    assert.equal(one.link.state.phase, 'signing')
    assert.equal(one.requests.length, 1)
  })

  test('signing: our signature leads to binding, and theirs then opens it', () => {
    const [one, two] = pair()
    deliver(one, two)
    deliver(two, one)
    one.sign()
    assert.equal(one.link.state.phase, 'binding')
    two.sign()
    assert.equal(two.link.state.phase, 'binding')
    deliver(two, one)
    assert.equal(one.link.state.phase, 'open')
    deliver(one, two)
    assert.equal(two.link.state.phase, 'open')
    const [opened] = one.told
    assert.ok(opened?.type === 'opened')
    const { agreement } = opened
    assert.deepEqual(
      [agreement.rail, agreement.payingPrice, agreement.earningPrice, agreement.peer.account],
      [rail, price, price, accountOf(0xb2)],
    )
    const [theirs] = two.told
    assert.ok(theirs?.type === 'opened' && theirs.agreement.session === agreement.session)
  })

  test('signing: theirs may come before ours', () => {
    const [one, two] = pair()
    deliver(one, two)
    deliver(two, one)
    two.sign()
    deliver(two, one)
    assert.ok(one.link.state.phase === 'signing' && one.link.state.isPeerBound)
    one.sign()
    assert.equal(one.link.state.phase, 'open')
  })

  test('signing: a wallet that refuses closes it, and the peer learns no more than that', () => {
    const [one, two] = inPhase('signing')
    one.link.signed(failure('spending-off', 'off'), 0)
    one.drain()
    assert.equal(closedWith(one), 'spending-off')
    assert.deepEqual(refusals(one), ['terms: speed-terms'])
    deliver(one, two)
    assert.equal(closedWith(two), 'speed-refused')
  })

  test('an answer that comes late, or twice, is nothing', () => {
    const [one] = openPair()
    one.link.signed(failure('spending-off', 'off'), 0)
    one.drain()
    assert.deepEqual([one.link.state.phase, one.told, one.sent], ['open', [], []])
  })

  for (const phase of ['greeting', 'signing', 'binding'] as const) {
    test(`${phase}: the peer's refusal closes it, and so do 30 s, being turned off, and what is no message`, () => {
      const refused = inPhase(phase)[0]
      refused.link.receive(plain({ type: 'refuse', of: 'terms', reason: 'speed-terms' }), 0)
      assert.equal(closedWith(refused), 'speed-refused')
      const late = inPhase(phase)[0]
      assert.equal(late.link.nextWakeMs(), 30_000)
      late.link.wake(29_999)
      assert.equal(late.link.state.phase, phase)
      late.link.wake(30_000)
      assert.equal(closedWith(late), 'timed-out')
      const off = inPhase(phase)[0]
      off.link.withdraw()
      assert.equal(closedWith(off), 'speed-refused')
      const garbled = inPhase(phase)[0]
      garbled.link.receive(fromLatin1('d1:k5:termse'), 0)
      assert.equal(closedWith(garbled), 'speed-message')
    })

    test(`${phase}: what may only come later, or came already, is refused and changes nothing`, () => {
      const [one, two] = inPhase(phase)
      const { state } = one.link
      one.sent.length = 0
      const early: SpeedPlain[] = [hello, present, { type: 'finish', lanes: [lane] }]
      if (phase === 'greeting') {
        early.push({ type: 'bind', signature: keyOf(0xb2).sign(new Uint8Array(32)) })
      } else early.push({ type: 'terms', ...termsOf({ seed: 0xb2 }) })
      for (const message of early) one.link.receive(plain(message), 0)
      one.drain()
      assert.deepEqual(
        refusals(one),
        early.map(({ type }) => `${type}: speed-state`),
      )
      assert.deepEqual([one.link.state, one.told], [state, []])
      assert.ok(!two.link.tell(hello) && !makeStatement(two, call))
    })
  }

  test('open: only the peer, a flood, a wrong signature, what is no message, or being turned off closes it', () => {
    const [one] = openPair()
    assert.equal(one.link.nextWakeMs(), Number.POSITIVE_INFINITY)
    one.link.wake(1e9)
    one.link.receive(plain({ type: 'refuse', of: 'voucher', reason: 'voucher-invalid', lane }), 1e9)
    one.link.receive(plain({ type: 'terms', ...termsOf({ seed: 0xb2 }) }), 1e9)
    one.drain()
    assert.equal(one.link.state.phase, 'open')
    assert.deepEqual(refusals(one), ['terms: speed-state'])
    one.link.withdraw()
    assert.equal(closedWith(one), 'speed-refused')
  })

  test('closed: nothing is read, said, signed or woken for any more', () => {
    const [one, two] = openPair()
    one.link.withdraw()
    one.drain()
    one.told.length = 0
    one.sent.length = 0
    two.link.tell(hello)
    two.drain()
    deliver(two, one)
    one.link.withdraw()
    one.link.wake(1e9)
    one.drain()
    assert.ok(!one.link.tell(hello) && one.link.toSign(call) === undefined)
    assert.deepEqual([one.told, one.sent, one.link.nextWakeMs()], [[], [], Number.POSITIVE_INFINITY])
  })
})

describe('what terms come to', () => {
  const agreed = (a: Parameters<typeof pair>[0], b: Parameters<typeof pair>[1]) => {
    const [one, two] = pair(a, b)
    deliver(one, two)
    deliver(two, one)
    const [left, right] = [one.link.state, two.link.state]
    if (left.phase === 'closed' || right.phase === 'closed') {
      return { codes: [closedWith(one), closedWith(two)], refusals: [...refusals(one), ...refusals(two)] }
    }
    assert.ok(left.phase === 'signing' && right.phase === 'signing')
    assert.equal(left.agreement.session, right.agreement.session)
    assert.equal(left.agreement.rail, right.agreement.rail)
    const { payingPrice, earningPrice } = left.agreement
    assert.deepEqual([right.agreement.earningPrice, right.agreement.payingPrice], [payingPrice, earningPrice])
    return left.agreement
  }

  test('the ledger that stands first in both lists together, whoever asks', () => {
    const railOf = (a: number[], b: number[]) => {
      const left = agreed({ ledgers: a }, { ledgers: b })
      const right = agreed({ ledgers: b }, { ledgers: a })
      assert.ok('rail' in left && 'rail' in right && left.rail === right.rail)
      return left.rail
    }
    assert.equal(railOf([0, 1, 2], [1, 2]), rails[1])
    assert.equal(railOf([2, 0, 1], [2, 1, 0]), rails[2])
    const [first] = [rails[0] as RailId, rails[1] as RailId].sort()
    assert.equal(railOf([0, 1], [1, 0]), first)
    assert.equal(railOf([0, 1, 0], [1, 2, 2, 1]), rails[1])
  })

  test('a ledger that only one of them named, its own for one, is worth nothing', () => {
    const { codes } = agreed({ ledgers: [0] }, { ledgers: [1, 2] }) as { codes: unknown[] }
    assert.deepEqual(codes, ['speed-terms', 'speed-terms'])
  })

  test('who only pays and who only earns: one direction, whoever dialled', () => {
    const spender = { pays: true, earns: false }
    const seeder = { pays: false, earns: true }
    const left = agreed(spender, seeder)
    assert.ok('rail' in left && left.payingPrice === price && left.earningPrice === undefined)
    const right = agreed(seeder, spender)
    assert.ok('rail' in right && right.payingPrice === undefined && right.earningPrice === price)
    for (const same of [spender, seeder]) {
      assert.deepEqual((agreed(same, same) as { codes: unknown[] }).codes, ['speed-terms', 'speed-terms'])
    }
  })

  test('ticks within the limits of both, or none', () => {
    const both = agreed({ leastTickBytes: 5, mostTickBytes: 90 }, { leastTickBytes: 7, mostTickBytes: 80 })
    assert.ok('rail' in both && both.leastTickBytes === 7 && both.mostTickBytes === 80)
    const none = agreed({ leastTickBytes: 5, mostTickBytes: 6 }, { leastTickBytes: 7, mostTickBytes: 80 })
    assert.deepEqual((none as { codes: unknown[] }).codes, ['speed-terms', 'speed-terms'])
  })

  test('our own account at the other end, and our own terms sent back, are no peer', () => {
    assert.deepEqual((agreed({ keySeed: 0xb2 }, {}) as { codes: unknown[] }).codes, [
      'speed-identity',
      'speed-identity',
    ])
    const [one] = pair()
    for (const payload of one.sent.splice(0)) one.link.receive(payload, 0)
    assert.equal(closedWith(one), 'speed-identity')
  })
})

describe('the proof of an account', () => {
  test('by another key, for another connection, nonce, peer id or torrent, it is none', () => {
    const bindWith = (change: (two: Side, one: Side) => Uint8Array) => {
      const [one, two] = pair()
      deliver(one, two)
      deliver(two, one)
      one.sign()
      one.link.receive(change(two, one), 0)
      one.drain()
      assert.deepEqual(refusals(one), one.link.state.phase === 'open' ? [] : ['bind: speed-identity'])
      return closedWith(one)
    }
    const signatureFrom = (from: Side) => {
      const [request] = from.requests
      assert.ok(request !== undefined)
      return from.signatureOf(request)
    }
    const bind = (from: Side) => plain({ type: 'bind', signature: signatureFrom(from) })
    assert.equal(bindWith(bind), undefined)
    const elsewhere = (of: Partial<Parameters<typeof side>[0]>, peerSeed = 0xa1) => {
      const liar = side({ seed: 0xb2, ...of }, peerSeed)
      liar.link.receive(plain({ type: 'terms', ...termsOf({ seed: 0xa1 }) }), 0)
      liar.drain()
      return () => bind(liar)
    }
    assert.equal(bindWith(elsewhere({})), undefined)
    assert.equal(bindWith(elsewhere({ keySeed: 0xc3 })), 'speed-identity')
    assert.equal(bindWith(elsewhere({ seed: 0xc3, keySeed: 0xb2 })), 'speed-identity')
    assert.equal(bindWith(elsewhere({}, 0xd4)), 'speed-identity')
    assert.equal(bindWith(elsewhere({ pays: false })), 'speed-identity')
    assert.equal(
      bindWith((_, one) => bindAgain(one)),
      'speed-identity',
    )
  })

  /** Our own signature sent back. */
  function bindAgain(one: Side): Uint8Array {
    const sent = one.sent.shift()
    assert.ok(sent !== undefined)
    return sent
  }
})

describe('open', () => {
  const drawn = { ...plainOn(rail), ...statementsOn(rail) }
  const sample = <T>(arbitrary: fc.Arbitrary<T>): T => fc.sample(arbitrary, { numRuns: 1, seed: 1 })[0] as T
  const roles = [
    ['payer', { pays: true, earns: false }, { pays: false, earns: true }],
    ['payee', { pays: false, earns: true }, { pays: true, earns: false }],
  ] as const

  for (const [role, own, peer] of roles) {
    test(`a ${role} says what a ${role} may, and is refused all else`, () => {
      for (const [kind, arbitrary] of Object.entries(drawn) as [SpeedKind, fc.Arbitrary<never>][]) {
        if (kind === 'evidence') continue
        const [one, two] = openPair(own, peer)
        const value = sample(arbitrary) as SpeedPlain | SpeedStatement
        const mayBeSaid = speedSenders[kind] === role || speedSenders[kind] === 'either'
        const isPlain = kind in plainOn(rail)
        const isSaid = isPlain ? one.link.tell(value as SpeedPlain) : makeStatement(one, value as SpeedStatement)
        one.drain()
        assert.equal(isSaid, mayBeSaid, kind)
        if (mayBeSaid) deliver(one, two)
        else {
          const payload = isPlain
            ? plain(value as SpeedPlain)
            : encodeSpeedMessage({
                type: 'signed',
                statement: value as SpeedStatement,
                signature: keyOf(0xa1).sign(new Uint8Array(32)),
              })
          two.link.receive(payload, 0)
          two.drain()
        }
        assert.deepEqual(refusals(two), mayBeSaid ? [] : [`${speedKindText(kind)}: speed-state`])
        assert.deepEqual(
          two.told.map((output) =>
            output.type === 'message' ? output.message : output.type === 'statement' ? output.statement : output,
          ),
          mayBeSaid ? [value] : [],
        )
        assert.equal(two.link.state.phase, 'open')
      }
    })
  }

  test('a statement comes with what proves it to others', () => {
    const [one, two] = openPair()
    assert.ok(makeStatement(one, call))
    deliver(one, two)
    const [told] = two.told
    assert.ok(told?.type === 'statement')
    const { from, body, signature } = told.proof
    assert.equal(from, accountOf(0xa1))
    const digest = speedMessageDigest({ rail, kind: call.type, infoHash, body }, domain)
    assert.deepEqual(secp256k1.scheme.recover(digest, signature), { ok: true, value: keyOf(0xa1).address })
  })

  test('who ends it says so, and the peer that hears it says no more', () => {
    const [one, two] = openPair()
    one.link.withdraw()
    one.drain()
    assert.deepEqual(refusals(one), ['terms: speed-refused'])
    deliver(one, two)
    assert.equal(closedWith(two), 'speed-refused')
    assert.deepEqual(refusals(two), [])
  })

  test('a statement by another key, or made on another connection, closes it', () => {
    const award: SpeedStatement = { type: 'walk-in-award', epoch: 1, price, fromByte: 0 }
    const [one, two] = openPair()
    const elsewhere = openPair({}, { mostTickBytes: 16_000_000 })[0]
    const request = elsewhere.link.toSign(award)
    assert.ok(request !== undefined)
    assert.ok(one.link.tellSigned({ statement: award, signature: elsewhere.signatureOf(request) }))
    one.drain()
    deliver(one, two)
    assert.equal(closedWith(two), 'signature-invalid')
    assert.deepEqual(refusals(two), ['walk-in-award: signature-invalid', 'terms: signature-invalid'])
  })

  test('evidence is what its author signed, of this torrent and ledger, or closes it', () => {
    const author = accountOf(0xc3)
    const place = { infoHash, session: hash, from: author, to: accountOf(0xa1) }
    const { body, kind, rail: on } = statementMessage(call, place)
    const signature = keyOf(0xc3).sign(speedMessageDigest({ rail: on, kind, infoHash, body }, domain))
    const evidence = { type: 'evidence', author, of: 'auction-call', body, signature } as const
    const shownTo = (message: SpeedPlain) => {
      const [one, two] = openPair()
      assert.ok(one.link.tell(message))
      one.drain()
      deliver(one, two)
      return two
    }
    const { told } = shownTo(evidence)
    assert.deepEqual(told, [
      { type: 'shown', shown: { statement: call, from: author }, proof: { from: author, body, signature } },
    ])
    assert.equal(closedWith(shownTo({ ...evidence, author: accountOf(0xd4) })), 'speed-message')
    assert.equal(closedWith(shownTo({ ...evidence, of: 'auction-list' })), 'speed-message')
    assert.equal(closedWith(shownTo({ ...evidence, body: fromLatin1('de') })), 'speed-message')
    const forged = keyOf(0xd4).sign(speedMessageDigest({ rail: on, kind, infoHash, body }, domain))
    assert.equal(closedWith(shownTo({ ...evidence, signature: forged })), 'signature-invalid')
  })

  test('kinds and versions that do not exist yet are ignored', () => {
    const [one] = openPair()
    for (const text of ['d1:k6:future1:vi1e1:zlee', 'd1:k5:terms1:vi2e1:zlee']) one.link.receive(fromLatin1(text), 0)
    one.drain()
    assert.deepEqual([one.told, one.sent, one.link.state.phase], [[], [], 'open'])
  })
})

describe('a peer that wants to keep us busy', () => {
  test('more messages than anyone needs close it; what an honest peer sends never does', () => {
    const [one] = openPair()
    const message = plain(hello)
    for (let sent = 0; sent < 3_600 * 5; sent++) one.link.receive(message, sent * 200)
    assert.equal(one.link.state.phase, 'open')
    const nowMs = 3_600_000
    for (let sent = 0; sent < 200; sent++) one.link.receive(message, nowMs)
    assert.equal(closedWith(one), 'peer-flood')
  })

  test('unknown kinds count, too', () => {
    const [one] = openPair()
    for (let sent = 0; sent < 200; sent++) one.link.receive(fromLatin1('d1:k6:future1:vi1ee'), 0)
    assert.equal(closedWith(one), 'peer-flood')
  })

  test('a bounded number of signatures is checked, and of refusals sent', () => {
    let checked = 0
    const scheme = {
      recover: (...given: Parameters<typeof secp256k1.scheme.recover>) => {
        checked++
        return secp256k1.scheme.recover(...given)
      },
    }
    const [one, two] = openPair({}, { scheme })
    checked = 0
    for (let sent = 0; sent < 40; sent++) assert.ok(makeStatement(one, call))
    deliver(one, two)
    assert.equal(closedWith(two), 'peer-flood')
    assert.equal(checked, 32)
    const [three] = openPair({ pays: true, earns: false }, { pays: false, earns: true })
    for (let sent = 0; sent < 60; sent++) three.link.receive(plain(hello), 0)
    three.drain()
    assert.equal(refusals(three).length, 8)
    three.sent.length = 0
    three.link.receive(plain(hello), 2_000)
    three.drain()
    assert.equal(refusals(three).length, 1)
  })

  test('a refusal is never answered', () => {
    const [one] = pair()
    one.sent.length = 0
    one.link.receive(plain({ type: 'refuse', of: 'refuse', reason: 'speed-state' }), 0)
    one.drain()
    assert.deepEqual(one.sent, [])
  })

  test('whatever it sends, in whatever state, nothing is thrown and the state is one of five', () => {
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.oneof(...Object.values(plainOn(rail))).map(plain),
      fc
        .oneof(...Object.values(statementsOn(rail)))
        .map((statement) =>
          encodeSpeedMessage({ type: 'signed', statement, signature: keyOf(1).sign(new Uint8Array(32)) }),
        ),
    )
    const phases = fc.constantFrom('greeting' as const, 'signing' as const, 'binding' as const, 'open' as const)
    fc.assert(
      fc.property(phases, fc.array(message, { maxLength: 12 }), (phase, messages) => {
        const [one] = inPhase(phase)
        for (const payload of messages) one.link.receive(payload, 0)
        one.drain()
        assert.ok(['greeting', 'signing', 'binding', 'open', 'closed'].includes(one.link.state.phase))
        assert.ok(one.told.filter(({ type }) => type === 'closed').length <= 1)
      }),
      { numRuns: 100 },
    )
  })
})
