// Paid staying between two machines: who stays is paid for it, who does not is not, and neither loses more than an interval.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type TokenAmount, tokenAmount, zeroAmount } from '../../src/base/token-amount.ts'
import { drawStayBlocks, type StayTerms, stayAnswer, stayOwed } from '../../src/market/stay-messages.ts'
import { type HeldStayRecord, StayProvider } from '../../src/market/stay-provider.ts'
import { type StayRecord, StayRequester } from '../../src/market/stay-requester.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'

const requester = 'ledger:requester' as AccountId
const provider = 'ledger:provider' as AccountId
const torrent = 'torrent'
const minuteMs = 60_000
const terms: StayTerms = {
  stay: '5a'.repeat(32) as Hash256,
  untilMs: 60 * minuteMs,
  perHour: tokenAmount(1_000n),
  intervalMs: 7 * minuteMs,
  blocks: 2,
}
const policy = { leastPerHour: tokenAmount(500n), mostMs: 1e9, leastIntervalMs: minuteMs, isEarning: true }
const content = { pieces: [3, 8], pieceBytes: (piece: number) => (piece === 8 ? 20_000 : 65_536) }

function seeded(seed: number) {
  let state = seed
  const below = (limit: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
  return { below, fill: (target: Uint8Array) => target.set(target.map(() => below(256))) }
}

type Crookedness = 'drops-data' | 'vanishes' | 'is-silent' | 'never-pays' | undefined

/** Both sides with their disks and one lane, on one clock. A crash loses what is in memory and on the wire. */
class World {
  nowMs = 0
  crooked: Crookedness
  readonly paid: TokenAmount[] = [zeroAmount]
  readonly ended: string[] = []
  reads = 0
  requesterDisk: StayRecord = { terms, provider, passed: 0 }
  providerDisk: HeldStayRecord[] = []
  requester!: StayRequester
  provider = new StayProvider(policy, [])
  /** Steps until one of both dies. */
  fuse = Number.POSITIVE_INFINITY

  constructor() {
    this.startRequester()
  }

  get total(): TokenAmount {
    return this.paid.at(-1) as TokenAmount
  }

  startRequester(): void {
    this.requester = new StayRequester({ record: this.requesterDisk, content, random: seeded(5) })
  }

  crash(who: 'requester' | 'provider'): void {
    const gone = { type: 'gone', from: requester, torrent } as const
    if (who === 'provider') this.provider = new StayProvider(policy, this.providerDisk)
    else this.provider.handle(gone, this.nowMs)
    this.startRequester()
  }

  private blocks(count: readonly { readonly length: number }[], byte: number): Uint8Array[] {
    return count.map(({ length }) => new Uint8Array(length).fill(byte))
  }

  private payerStep(): boolean {
    const output = this.requester.poll()
    if (output === undefined) return false
    if (output.type === 'record') {
      this.requesterDisk = output.record
      this.requester.handle({ type: 'recorded', passed: output.record.passed }, this.nowMs)
    } else if (output.type === 'expect') {
      const answer = stayAnswer(provider, output.challenge, this.blocks(output.challenge.blocks, 1))
      this.requester.handle({ type: 'expected', tick: output.challenge.tick, answer }, this.nowMs)
    } else if (output.type === 'owe') {
      // What is owed is known on the disk before.
      assert.ok(output.total <= stayOwed(terms, this.requesterDisk.passed))
      if (this.crooked === 'never-pays' || output.total < this.total) return true
      this.paid.push(output.total)
      this.provider.handle({ type: 'paid', from: requester, stay: terms.stay, total: output.total }, this.nowMs)
    } else if (output.type === 'ended') this.ended.push(output.why)
    else {
      const told = { type: 'told', from: requester, torrent, isSeeding: true, message: output.message } as const
      this.provider.handle(told, this.nowMs)
    }
    return true
  }

  private payeeStep(): boolean {
    const output = this.provider.poll()
    if (output === undefined) return false
    if (output.type === 'record') {
      this.providerDisk = [output.record]
      const { stay } = output.record.terms
      this.provider.handle({ type: 'recorded', from: requester, stay }, this.nowMs)
    } else if (output.type === 'tell') this.requester.handle({ type: 'told', message: output.message }, this.nowMs)
    else if (output.type === 'read') this.read(output.challenge)
    else if (output.type === 'ended') this.ended.push(output.why)
    return true
  }

  private read(challenge: Parameters<typeof stayAnswer>[1]): void {
    this.reads++
    if (this.crooked === 'is-silent') return
    const { tick, blocks } = challenge
    const answer = stayAnswer(provider, challenge, this.blocks(blocks, this.crooked === 'drops-data' ? 0 : 1))
    this.provider.handle({ type: 'answer', from: requester, stay: terms.stay, tick, answer }, this.nowMs)
  }

  settle(): void {
    while (this.fuse > 0 && (this.payerStep() || this.payeeStep())) this.fuse--
  }

  /** Until so late, from one wake-up to the next. */
  run(untilMs: number, victim: 'requester' | 'provider' = 'provider'): void {
    for (;;) {
      this.settle()
      if (this.fuse === 0) {
        this.fuse = Number.POSITIVE_INFINITY
        this.crash(victim)
        continue
      }
      const nextMs = Math.min(this.requester.nextWakeMs(), this.provider.nextWakeMs())
      if (nextMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      this.requester.handle({ type: 'wake' }, this.nowMs)
      this.provider.handle({ type: 'wake' }, this.nowMs)
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }
}

describe('paid staying', () => {
  test('who stays is paid for each interval until the end, and no more than the price of the time', () => {
    const world = new World()
    world.run(2 * terms.untilMs)
    assert.equal(world.total, stayOwed(terms, 8))
    assert.deepEqual(world.ended, ['complete', 'ended'])
    assert.ok(world.total <= terms.perHour)
  })

  test('seeding is promised while somebody pays for it, and not before or after', () => {
    const world = new World()
    assert.equal(world.provider.paidUntilMs(torrent), 0)
    world.run(30 * minuteMs)
    assert.ok(world.provider.paidUntilMs(torrent) > world.nowMs)
    assert.equal(world.provider.paidUntilMs('another'), 0)
    world.run(2 * terms.untilMs)
    assert.equal(world.provider.paidUntilMs(torrent), 0)
  })

  for (const [crooked, why] of [
    ['drops-data', 'wrong-answer'],
    ['is-silent', 'no-answer'],
  ] as const) {
    test(`a seeder that ${crooked.replace('-', ' ')} is paid up to the last challenge it passed: ${why}`, () => {
      const world = new World()
      world.run(15 * minuteMs)
      world.crooked = crooked
      world.run(2 * terms.untilMs)
      assert.equal(world.total, stayOwed(terms, 2))
      assert.equal(world.ended[0], why)
    })
  }

  test('a seeder that vanishes is paid up to the last challenge it passed', () => {
    const world = new World()
    world.run(15 * minuteMs)
    world.requester.handle({ type: 'gone' }, world.nowMs)
    world.run(2 * terms.untilMs)
    assert.equal(world.total, stayOwed(terms, 2))
    assert.equal(world.ended[0], 'left')
  })

  test('for a requester that does not pay nobody stays longer than one interval and a minute, or reads twice', () => {
    const world = new World()
    world.crooked = 'never-pays'
    world.run(terms.intervalMs + minuteMs)
    assert.equal(world.provider.paidUntilMs(torrent), 0)
    assert.ok(world.ended.includes('not-paid'))
    world.run(2 * terms.untilMs)
    assert.equal(world.reads, 1)
  })

  test('whoever dies at whatever step, nothing is paid twice, nor for more time than went by', () => {
    for (const victim of ['requester', 'provider'] as const) {
      for (let fuse = 1; fuse < 70; fuse++) {
        const world = new World()
        world.fuse = fuse
        world.run(2 * terms.untilMs, victim)
        assert.ok(world.total <= stayOwed(terms, 8), `${victim} ${fuse}: ${world.total}`)
        // One interval is lost with a crash, and the rest goes on.
        assert.ok(world.total >= stayOwed(terms, 7), `${victim} ${fuse}: ${world.total}`)
        assert.ok(
          world.paid.every((sum, at) => at === 0 || sum >= (world.paid[at - 1] as bigint)),
          'sums only grow',
        )
      }
    }
  })

  test('what is to be set aside never rises, and covers what is owed', () => {
    const world = new World()
    let before = world.requester.most(0)
    assert.equal(before, stayOwed(terms, 8))
    for (let nowMs = 0; nowMs < 2 * terms.untilMs; nowMs += 10_000) {
      world.run(nowMs)
      const most = world.requester.most(world.nowMs)
      assert.ok(most <= before && most >= world.requester.owed, `${most} at ${nowMs}`)
      before = most
    }
    assert.equal(before, world.total)
  })
})

describe('an offer to stay', () => {
  const offer: StayTerms & { readonly type: 'stay-offer'; readonly passed: number } = {
    type: 'stay-offer',
    ...terms,
    passed: 0,
  }
  const answerTo = (message: typeof offer, isSeeding = true, ours = policy) => {
    const asked = new StayProvider(ours, [])
    asked.handle({ type: 'told', from: requester, torrent, isSeeding, message }, 0)
    const output = asked.poll()
    return output?.type === 'tell' && output.message.type === 'stay-refuse' ? output.message.reason : output?.type
  }

  test('is refused with the reason, and otherwise written down before it is accepted', () => {
    assert.equal(answerTo(offer), 'record')
    assert.equal(answerTo(offer, false), 'not-seeding')
    assert.equal(answerTo(offer, true, { ...policy, isEarning: false }), 'not-earning')
    assert.equal(answerTo({ ...offer, perHour: tokenAmount(499n) }), 'too-cheap')
    assert.equal(answerTo({ ...offer, untilMs: 2e9 }), 'too-long')
    assert.equal(answerTo({ ...offer, perHour: tokenAmount(9_000n), intervalMs: 1_000 }), 'too-often')
  })

  test('that brings nothing a tick is too cheap even for who asks for nothing', () => {
    const free = { ...policy, leastPerHour: zeroAmount }
    assert.equal(answerTo({ ...offer, perHour: tokenAmount(1n) }, true, free), 'too-cheap')
  })

  test('is one of at most four of a requester', () => {
    const asked = new StayProvider(policy, [])
    const answers: string[] = []
    for (let byte = 0; byte < 6; byte++) {
      const stay = `0${byte}`.repeat(32) as Hash256
      const message = { ...offer, stay }
      asked.handle({ type: 'told', from: requester, torrent, isSeeding: true, message }, 0)
      for (let output = asked.poll(); output !== undefined; output = asked.poll()) answers.push(output.type)
    }
    assert.deepEqual(answers, ['record', 'record', 'record', 'record', 'tell', 'tell'])
  })

  test('that was accepted before is accepted again though the price has risen since', () => {
    const dearer = { ...policy, leastPerHour: tokenAmount(5_000n) }
    const record = { terms, requester, torrent, paid: stayOwed(terms, 2) }
    const asked = new StayProvider(dearer, [record])
    asked.handle({ type: 'told', from: requester, torrent, isSeeding: true, message: { ...offer, passed: 2 } }, 0)
    assert.deepEqual(asked.poll(), { type: 'record', record })
  })
})

describe('a challenge', () => {
  test('asks for blocks of pieces that are there, within their bounds', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        for (const { piece, offset, length } of drawStayBlocks(content, 4, seeded(seed))) {
          assert.ok(content.pieces.includes(piece))
          assert.ok(length > 0 && length <= 16_384 && offset + length <= content.pieceBytes(piece))
        }
      }),
    )
  })

  test('has another answer for every account, stay, tick, nonce and content', () => {
    const asked = { stay: terms.stay, tick: 1, nonce: '01'.repeat(32) as Hash256, blocks: [blockOf(4)] }
    const data = [new Uint8Array(4)]
    const answers = new Set([
      stayAnswer(provider, asked, data),
      stayAnswer(requester, asked, data),
      stayAnswer(provider, { ...asked, stay: '02'.repeat(32) as Hash256 }, data),
      stayAnswer(provider, { ...asked, tick: 2 }, data),
      stayAnswer(provider, { ...asked, nonce: '03'.repeat(32) as Hash256 }, data),
      stayAnswer(provider, asked, [new Uint8Array(4).fill(1)]),
    ])
    assert.equal(answers.size, 6)
  })

  test('with more blocks than agreed, or of another tick, is not worked for', () => {
    const world = new World()
    world.run(minuteMs)
    const nonce = '01'.repeat(32) as Hash256
    const ask = (tick: number, blocks: number) => {
      const message = { type: 'stay-challenge', stay: terms.stay, tick, nonce, blocks: Array(blocks).fill(blockOf(4)) }
      const told = { type: 'told', from: requester, torrent, isSeeding: true, message } as const
      world.provider.handle(told as never, world.nowMs)
      world.settle()
    }
    ask(2, 1)
    assert.equal(world.reads, 0)
    ask(1, 3)
    assert.equal(world.reads, 0)
    assert.ok(world.ended.includes('malformed'))
  })
})

function blockOf(length: number) {
  return { piece: 3, offset: 0, length }
}
