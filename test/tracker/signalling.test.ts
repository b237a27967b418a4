// Where browsers meet: who is told of whom, what is passed on, and what is not.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Signalling } from '../../src/tracker/signalling.ts'
import { seededRandom } from './seeded-random.ts'

const infoHash = '\x01\xff'.repeat(10)

interface Said {
  readonly 'failure reason'?: string
  readonly 'interval'?: number
  readonly 'complete'?: number
  readonly 'incomplete'?: number
  readonly 'offer'?: { readonly type: string; readonly sdp: string }
  readonly 'answer'?: { readonly type: string; readonly sdp: string }
  readonly 'offer_id'?: string
  readonly 'peer_id'?: string
  readonly 'files'?: Readonly<Record<string, { readonly complete: number }>>
}

class Harness {
  nowMs = 0
  readonly said = new Map<number, Said[]>()
  readonly signalling: Signalling

  constructor(options: { maxSwarms?: number; mayServe?: (hash: Uint8Array) => boolean } = {}) {
    this.signalling = new Signalling({
      random: seededRandom(),
      intervalSeconds: 1_800,
      ...options,
      send: (connection, text) => this.said.get(connection)?.push(JSON.parse(text) as Said),
    })
  }

  open(): number {
    const connection = this.signalling.open()
    this.said.set(connection, [])
    return connection
  }

  say(connection: number, message: object): boolean {
    return this.signalling.receive(connection, JSON.stringify(message), this.nowMs)
  }

  announce(connection: number, fields: object = {}): void {
    const peer_id = String.fromCharCode(connection).repeat(20)
    assert.ok(this.say(connection, { action: 'announce', info_hash: infoHash, peer_id, left: 5, ...fields }))
  }

  take(connection: number): Said[] {
    return this.said.get(connection)?.splice(0) ?? []
  }
}

function offers(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    offer_id: `offer ${index}`,
    offer: { type: 'offer', sdp: `sdp ${index}`, extra: { not: 'passed on' } },
  }))
}

describe('browsers', () => {
  test('are counted, and gone with their connection', () => {
    const harness = new Harness()
    const [seed, leech] = [harness.open(), harness.open()]
    harness.announce(seed, { left: 0 })
    harness.announce(leech)
    const [reply] = harness.take(leech)
    assert.deepEqual([reply?.complete, reply?.incomplete, reply?.interval], [1, 1, 120])
    harness.signalling.close(seed)
    harness.announce(leech, { left: 0, event: 'completed' })
    assert.deepEqual(
      harness.take(leech).map(({ complete, incomplete }) => [complete, incomplete]),
      [[1, 0]],
    )
    harness.say(leech, { action: 'scrape', info_hash: infoHash })
    assert.deepEqual(harness.take(leech)[0]?.files, { [infoHash]: { complete: 1, incomplete: 0, downloaded: 1 } })
    harness.announce(leech, { event: 'stopped' })
    assert.deepEqual(
      harness.take(leech).map(({ complete }) => complete),
      [0],
    )
  })

  test('pass offers to others, one each, and the answer to who offered, once', () => {
    const harness = new Harness()
    const [one, two, three, stranger] = [harness.open(), harness.open(), harness.open(), harness.open()]
    for (const connection of [one, two, three]) harness.announce(connection)
    for (const connection of [one, two, three]) harness.take(connection)
    harness.announce(one, { offers: offers(9) })
    const [toTwo, toThree] = [harness.take(two), harness.take(three)]
    assert.deepEqual([toTwo.length, toThree.length], [1, 1])
    assert.notEqual(toTwo[0]?.offer_id, toThree[0]?.offer_id)
    const { offer, offer_id, peer_id } = toTwo[0] as Said
    assert.deepEqual(Object.keys(offer ?? {}), ['type', 'sdp'])
    assert.equal(peer_id, String.fromCharCode(one).repeat(20))
    harness.take(one)
    const answer = { to_peer_id: peer_id, offer_id, answer: { type: 'answer', sdp: 'yes' } }
    harness.announce(stranger, answer)
    harness.announce(three, answer)
    assert.deepEqual(harness.take(one), [], 'only who was offered may answer')
    harness.announce(two, answer)
    harness.announce(two, answer)
    const answers = harness.take(one)
    assert.equal(answers.length, 1)
    assert.deepEqual(answers[0]?.answer, { type: 'answer', sdp: 'yes' })
    assert.equal(answers[0]?.peer_id, String.fromCharCode(two).repeat(20))
  })

  test('an answer that is late, or for somebody who left, goes nowhere', () => {
    const harness = new Harness()
    const [one, two] = [harness.open(), harness.open()]
    harness.announce(one)
    harness.announce(two)
    const exchange = (between: () => void) => {
      harness.announce(one, { offers: offers(1) })
      harness.take(one)
      between()
      const to_peer_id = String.fromCharCode(one).repeat(20)
      harness.announce(two, { to_peer_id, offer_id: 'offer 0', answer: { type: 'answer', sdp: '' } })
      return harness.take(one).length
    }
    assert.equal(
      exchange(() => undefined),
      1,
    )
    assert.equal(
      exchange(() => (harness.nowMs += 60_001)),
      0,
    )
    assert.equal(
      exchange(() => harness.signalling.close(one)),
      0,
    )
  })

  test('seeders are not told of seeders, nor anybody of who was silent for long', () => {
    const harness = new Harness()
    const [seed, other, leech] = [harness.open(), harness.open(), harness.open()]
    for (const connection of [seed, other]) harness.announce(connection, { left: 0, offers: offers(5) })
    assert.equal(harness.take(seed).length, 1)
    harness.announce(leech, { offers: offers(5) })
    assert.deepEqual([harness.take(seed).length, harness.take(other).length], [1, 2])
    harness.nowMs += 361_000
    harness.announce(leech, { offers: offers(5) })
    assert.deepEqual([harness.take(seed).length, harness.take(other).length], [0, 0])
  })

  test('torrents are limited, in all and for one, and to those that are served', () => {
    const harness = new Harness({ maxSwarms: 150, mayServe: (hash) => hash[0] !== 9 })
    const connections = [harness.open(), harness.open()]
    for (const connection of connections) {
      for (let number = 0; number < 101; number++) {
        harness.announce(connection, { info_hash: `${String.fromCharCode(connection, number)}${'x'.repeat(18)}` })
      }
    }
    const reasons = connections.map((connection) => harness.take(connection).map((said) => said['failure reason']))
    assert.equal(reasons[0]?.filter((reason) => reason === undefined).length, 100)
    assert.match(reasons[0]?.at(-1) ?? '', /as many torrents/)
    assert.equal(reasons[1]?.filter((reason) => reason === undefined).length, 50)
    assert.match(reasons[1]?.at(-1) ?? '', /full/)
    harness.signalling.close(connections[0] as number)
    harness.announce(connections[1] as number, { info_hash: `\x09${'y'.repeat(19)}` })
    assert.match(harness.take(connections[1] as number)[0]?.['failure reason'] ?? '', /not served/)
  })

  test('who says too much is cut, whatever was said makes no harm', () => {
    const harness = new Harness()
    const loud = harness.open()
    let count = 0
    while (harness.say(loud, { action: 'scrape' })) count++
    assert.equal(count, 300)
    const text = fc.oneof(fc.string(), fc.json(), fc.constant('['.repeat(100_000)))
    const value = fc.oneof(fc.string({ minLength: 20, maxLength: 20 }), fc.jsonValue())
    const message = fc.record(
      {
        action: fc.constantFrom('announce', 'scrape'),
        info_hash: value,
        peer_id: value,
        offers: value,
        answer: value,
        left: value,
      },
      { requiredKeys: ['action'] },
    )
    const words = fc.oneof(
      text,
      message.map((fields) => JSON.stringify(fields)),
    )
    fc.assert(
      fc.property(words, (said) => {
        const connection = harness.open()
        assert.ok(harness.signalling.receive(connection, said, 0))
        harness.signalling.close(connection)
      }),
      { numRuns: 300 },
    )
  })
})
