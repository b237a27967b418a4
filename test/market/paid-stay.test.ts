// Paid staying between two machines: who stays is paid for it, who does not is not, and neither loses more than an interval.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import {
  drawStayBlocks,
  type StayChallenge,
  type StayTerms,
  stayAnswer,
  stayOwed,
  stayTickPrice,
} from '../../src/market/stay-messages.ts'
import { StayProvider } from '../../src/market/stay-provider.ts'
import { StayRequester } from '../../src/market/stay-requester.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'

const account = 'ledger:provider' as AccountId
const minuteMs = 60_000
const usualTerms: StayTerms = {
  stay: '5a'.repeat(32) as Hash256,
  lastsMs: 60 * minuteMs,
  perHour: tokenAmount(1_000n),
  intervalMs: 7 * minuteMs,
  blocks: 2,
}
const policy = { leastPerHour: tokenAmount(500n), mostMs: 1e9 }
const content = { pieceCount: 9, pieceBytes: (piece: number) => (piece === 8 ? 20_000 : 65_536) }

function seeded(seed: number) {
  let state = seed
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  return { below, fill: (target: Uint8Array) => target.set(target.map(() => below(256))) }
}

interface Faults {
  readonly dataLostAtMs?: number
  readonly silentFromMs?: number
  readonly stopsPayingAtMs?: number
  /** What a message takes, and a payment. */
  readonly latencyMs?: number
  readonly isSeeding?: boolean
  readonly ownContentLost?: boolean
}

/** Both sides on one clock, and what went between them. */
class World {
  nowMs = 0
  readonly ended: string[] = []
  owed: TokenAmount = zeroAmount
  charged: TokenAmount = zeroAmount
  paid: TokenAmount = zeroAmount
  mostUnpaid = 0n
  readonly challenges: StayChallenge[] = []
  private readonly later: { readonly atMs: number; readonly run: () => void }[] = []
  private readonly faults: Faults
  private readonly requester: StayRequester
  private readonly provider = new StayProvider()

  constructor(terms: Partial<StayTerms> = {}, faults: Faults = {}) {
    this.faults = faults
    this.requester = new StayRequester({ terms: { ...usualTerms, ...terms }, content, random: seeded(5) }, 0)
  }

  get paidUntilMs(): number {
    return this.provider.paidUntilMs
  }

  /** Until so late, or until both have ended. */
  run(untilMs: number): this {
    for (;;) {
      this.drain()
      const next = this.later.toSorted((one, other) => one.atMs - other.atMs)[0]
      const wakeMs = Math.min(this.requester.nextWakeMs(), this.provider.nextWakeMs(), next?.atMs ?? Infinity)
      if (wakeMs > untilMs || (this.ended.length === 2 && next === undefined)) return this
      this.nowMs = Math.max(this.nowMs, wakeMs)
      if (next !== undefined && next.atMs <= this.nowMs) {
        this.later.splice(this.later.indexOf(next), 1)
        next.run()
      }
      this.requester.handle({ type: 'wake' }, this.nowMs)
      this.provider.handle({ type: 'wake' }, this.nowMs)
    }
  }

  offerAgain(): void {
    const message = { type: 'stay-offer', ...usualTerms, stay: '77'.repeat(32) as Hash256 } as const
    this.provider.handle({ type: 'told', message, isSeeding: true, policy }, this.nowMs)
  }

  challenge(challenge: StayChallenge): void {
    this.provider.handle({ type: 'told', message: challenge, isSeeding: true, policy }, this.nowMs)
    this.drain()
  }

  private after(run: () => void): void {
    this.later.push({ atMs: this.nowMs + (this.faults.latencyMs ?? 0), run })
  }

  private drain(): void {
    for (let output = this.requester.poll(); output !== undefined; output = this.requester.poll()) {
      if (output.type === 'tell') {
        const { message } = output
        if (message.type === 'stay-challenge') this.challenges.push(message)
        const told = { type: 'told', message, isSeeding: this.faults.isSeeding !== false, policy } as const
        this.after(() => this.provider.handle(told, this.nowMs))
      } else if (output.type === 'expect') {
        const { challenge } = output
        const answer = this.faults.ownContentLost === true ? undefined : answerTo(challenge, 1)
        this.after(() => this.requester.handle({ type: 'expected', tick: challenge.tick, answer }, this.nowMs))
      } else if (output.type === 'owe') this.owe(output.amount)
      else this.ended.push(output.why)
    }
    for (let output = this.provider.poll(); output !== undefined; output = this.provider.poll()) {
      const { nowMs, faults } = this
      if (output.type === 'tell') {
        const { message } = output
        if (nowMs >= (faults.silentFromMs ?? Infinity)) continue
        this.after(() => this.requester.handle({ type: 'told', message }, this.nowMs))
      } else if (output.type === 'read') {
        const { challenge } = output
        const answer = answerTo(challenge, nowMs >= (faults.dataLostAtMs ?? Infinity) ? 0 : 1)
        this.after(() => this.provider.handle({ type: 'answer', tick: challenge.tick, answer }, this.nowMs))
      } else if (output.type === 'charge') {
        this.charged = tokenAmount(this.charged + output.amount)
        const unpaid = this.charged - this.paid
        if (unpaid > this.mostUnpaid) this.mostUnpaid = unpaid
      } else this.ended.push(output.why)
    }
  }

  private owe(amount: TokenAmount): void {
    this.owed = tokenAmount(this.owed + amount)
    if (this.nowMs >= (this.faults.stopsPayingAtMs ?? Infinity)) return
    this.after(() => {
      this.paid = tokenAmount(this.paid + amount)
      this.provider.handle({ type: 'paid' }, this.nowMs)
    })
  }
}

function answerTo(challenge: StayChallenge, byte: number): Hash256 {
  return stayAnswer(
    account,
    challenge,
    challenge.blocks.map(({ length }) => new Uint8Array(length).fill(byte)),
  )
}

const tickPrice = stayOwed(usualTerms, 1)

describe('a stay', () => {
  test('is paid for each whole interval, and both know when it is over', () => {
    const world = new World({}, { latencyMs: 200 }).run(90 * minuteMs)
    assert.equal(world.paid, stayOwed(usualTerms, 8))
    assert.equal(world.charged, world.paid)
    assert.deepEqual(world.ended.sort(), ['complete', 'ended'])
    assert.equal(world.paidUntilMs, 0)
  })

  test('is paid until so late for who asks whether to leave', () => {
    const world = new World().run(10 * minuteMs)
    assert.ok(world.paidUntilMs > world.nowMs && world.paidUntilMs <= world.nowMs + 9 * minuteMs)
  })

  test('costs what its ticks cost together, whatever is rounded', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 30n), fc.integer({ min: 1, max: 86_400_000 }), (perHour, intervalMs) => {
        const terms = { ...usualTerms, perHour: tokenAmount(perHour), intervalMs }
        const sum = [0, 1, 2, 3, 4].reduce((all, passed) => all + stayTickPrice(terms, passed), 0n)
        assert.equal(sum, stayOwed(terms, 5))
      }),
    )
  })

  test('is refused where it is too cheap, too long, too short, or nobody seeds', () => {
    const refused = (terms: Partial<StayTerms>, faults?: Faults) => new World(terms, faults).run(minuteMs).ended
    assert.deepEqual(refused({ perHour: tokenAmount(499n) }), ['too-cheap'])
    assert.deepEqual(refused({ lastsMs: 2e9 }), ['too-long'])
    assert.deepEqual(refused({ lastsMs: 6 * minuteMs }), ['too-often'])
    assert.deepEqual(refused({}, { isSeeding: false }), ['not-seeding'])
  })

  test('is one at a time on a connection', () => {
    const world = new World().run(minuteMs)
    world.offerAgain()
    world.run(90 * minuteMs)
    assert.equal(world.paid, stayOwed(usualTerms, 8))
  })
})

describe('who stays', () => {
  test('is not paid for an interval at whose end it lacks the content', () => {
    const world = new World({}, { dataLostAtMs: 20 * minuteMs }).run(90 * minuteMs)
    assert.equal(world.owed, stayOwed(usualTerms, 2))
    assert.ok(world.ended.includes('wrong-answer'))
  })

  test('is not paid for what it does not answer in time', () => {
    const world = new World({}, { silentFromMs: 20 * minuteMs }).run(90 * minuteMs)
    assert.equal(world.owed, stayOwed(usualTerms, 2))
    assert.ok(world.ended.includes('no-answer'))
    assert.equal(new World({}, { latencyMs: 5_100 }).run(90 * minuteMs).owed, 0n)
  })

  test('works for no second interval before the first is paid', () => {
    const world = new World({}, { stopsPayingAtMs: 10 * minuteMs }).run(90 * minuteMs)
    assert.equal(world.paid, tickPrice)
    assert.ok(world.charged <= world.paid + tickPrice + 1n)
    assert.ok(world.ended.includes('not-paid'))
  })

  test('ends it where a challenge comes too soon, skips a tick, or asks for more than was agreed', () => {
    const wrong = [
      { atMs: 2 * minuteMs, tick: 1, count: 2 },
      { atMs: 6.95 * minuteMs, tick: 2, count: 2 },
      { atMs: 6.95 * minuteMs, tick: 1, count: 3 },
    ]
    for (const { atMs, tick, count } of wrong) {
      const world = new World().run(minuteMs)
      world.nowMs = atMs
      const blocks = drawStayBlocks(content, count, seeded(1))
      world.challenge({ type: 'stay-challenge', stay: usualTerms.stay, tick, nonce: usualTerms.stay, blocks })
      assert.deepEqual(world.ended, ['malformed'])
      assert.equal(world.charged, 0n)
    }
  })

  test('answers for its own account, tick and nonce alone', () => {
    const world = new World().run(16 * minuteMs)
    const [first, second] = world.challenges
    assert.ok(first !== undefined && second !== undefined && first.nonce !== second.nonce)
    const blocks = first.blocks.map(({ length }) => new Uint8Array(length))
    const answer = stayAnswer(account, first, blocks)
    assert.notEqual(stayAnswer('ledger:other' as AccountId, first, blocks), answer)
    assert.notEqual(stayAnswer(account, { ...first, tick: 2 }, blocks), answer)
    assert.notEqual(stayAnswer(account, { ...first, nonce: second.nonce }, blocks), answer)
  })
})

describe('who pays', () => {
  test('asks for blocks that exist, at places nobody knows before', () => {
    const blocks = drawStayBlocks(content, 500, seeded(9))
    for (const { piece, offset, length } of blocks) {
      assert.ok(length > 0 && length <= 16_384 && offset + length <= content.pieceBytes(piece))
    }
    assert.ok(new Set(blocks.map(({ piece, offset }) => `${piece} ${offset}`)).size > 30)
  })

  test('ends it where it cannot read what it asks for', () => {
    const world = new World({}, { ownContentLost: true }).run(90 * minuteMs)
    assert.ok(world.ended.includes('own-content'))
    assert.equal(world.owed, 0n)
  })

  test('whatever goes wrong and when, owes for no more than what was proved, and is owed no more than an interval', () => {
    const at = fc.option(fc.integer({ min: 0, max: 80 * minuteMs }), { nil: undefined })
    const faults = fc.record({
      dataLostAtMs: at,
      silentFromMs: at,
      stopsPayingAtMs: at,
      latencyMs: fc.integer({ min: 0, max: 30_000 }),
    })
    fc.assert(
      fc.property(faults, fc.integer({ min: 10_000, max: 20 * minuteMs }), (made, intervalMs) => {
        const given = Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)) as Faults
        const terms = { ...usualTerms, intervalMs }
        const world = new World(terms, given).run(200 * minuteMs)
        assert.ok(world.owed <= world.charged && world.paid <= world.owed)
        assert.ok(world.mostUnpaid <= stayOwed(terms, 1) + 1n)
        assert.ok(world.owed <= stayOwed(terms, Math.floor(usualTerms.lastsMs / intervalMs)))
      }),
    )
  })
})
