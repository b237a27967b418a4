// What a node keeps for others: peers (BEP 5, 33), items (BEP 44), and the tokens and limits that guard it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { fromHex, fromLatin1, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { ExternalAddress } from '../../src/dht/external-address.ts'
import { ItemStore } from '../../src/dht/item-store.ts'
import { PeerStore } from '../../src/dht/peer-store.ts'
import { QueryLimits } from '../../src/dht/query-limits.ts'
import { WriteTokens } from '../../src/dht/write-tokens.ts'
import { estimateMembers } from '../../src/formats/krpc/bloom-filter.ts'
import type { MutableItem } from '../../src/formats/krpc/message.ts'
import { itemTarget } from '../../src/formats/krpc/stored-item.ts'
import { ed25519, itemKeyOf } from '../../src/host/ed25519.ts'
import { fakeSignatures } from './dht-world.ts'

const minute = 60_000
const hash = (byte: number) => new Uint8Array(20).fill(byte)
const peer = (host: number, port = 9) => Uint8Array.of(8, 8, host >> 8, host & 255, port >> 8, port & 255)

describe('peer store', () => {
  test('an address is one peer, whatever port it announces last; families are apart', () => {
    const store = new PeerStore(simulatedRandom(1))
    store.announce(hash(1), peer(1, 7), false, 0)
    store.announce(hash(1), peer(1, 8), true, 1)
    store.announce(hash(1), new Uint8Array(18).fill(0x20), false, 1)
    assert.deepEqual(store.peers(hash(1), 4, 10, false, 2), [peer(1, 8)])
    assert.deepEqual(store.peers(hash(1), 4, 10, true, 2), [])
    assert.equal(store.peers(hash(1), 6, 10, false, 2).length, 1)
    assert.equal(store.size, 2)
    assert.deepEqual(store.peers(hash(2), 4, 10, false, 2), [])
  })

  test('in a local network, each port is a peer of its own', () => {
    const store = new PeerStore(simulatedRandom(1))
    const local = (port: number) => Uint8Array.of(127, 0, 0, 1, 0, port)
    for (const port of [7, 8, 7]) store.announce(hash(1), local(port), false, port)
    assert.equal(store.size, 2)
    assert.equal(store.peers(hash(1), 4, 10, false, 9).length, 2)
    store.sweep(46 * minute)
    assert.equal(store.size, 0)
  })

  test('each is handed out about as often as any other', () => {
    const store = new PeerStore(simulatedRandom(1))
    for (let host = 0; host < 200; host++) store.announce(hash(1), peer(host), false, 0)
    const counts = new Map<string, number>()
    for (let round = 0; round < 2_000; round++) {
      const chosen = store.peers(hash(1), 4, 20, false, 0)
      assert.equal(new Set(chosen.map(toHex)).size, 20)
      for (const packed of chosen) counts.set(toHex(packed), (counts.get(toHex(packed)) ?? 0) + 1)
    }
    assert.equal(counts.size, 200)
    for (const count of counts.values()) assert.ok(count > 120 && count < 290, `${count} of about 200`)
  })

  test('peers go 45 minutes after their last announce, and info hashes with the last of them', () => {
    const store = new PeerStore(simulatedRandom(1))
    store.announce(hash(2), peer(0), false, 0)
    for (let host = 0; host < 10; host++) store.announce(hash(1), peer(host), host < 3, host * minute)
    store.announce(hash(1), peer(0), false, 20 * minute)
    assert.equal(store.peers(hash(1), 4, 50, false, 46 * minute).length, 9)
    store.sweep(50 * minute)
    assert.equal(store.infoHashCount, 1)
    assert.equal(store.peers(hash(1), 4, 50, false, 50 * minute).length, 5)
    store.sweep(70 * minute)
    assert.equal(store.size, 0)
    assert.equal(store.infoHashCount, 0)
  })

  test('is capped each way; what was not announced for longest gives way', () => {
    const store = new PeerStore(simulatedRandom(1), { maxInfoHashes: 5, maxPeersEach: 4, maxPeers: 12 })
    for (let swarm = 0; swarm < 9; swarm++) {
      for (let host = 0; host < 9; host++) {
        assert.equal(store.announce(hash(swarm), peer(host), false, 0), host < 4)
        assert.equal(store.hasRoom(hash(swarm), 4), host < 3)
        assert.ok(store.infoHashCount <= 5 && store.size <= 12)
      }
    }
    assert.deepEqual(store.peers(hash(5), 4, 50, false, 0), [])
    assert.equal(store.peers(hash(8), 4, 50, false, 0).length, 4)
    assert.equal(store.announce(hash(8), peer(2), true, 1), true, 'who is in already may come again')
  })

  test('filters count seeds and peers apart (BEP 33)', () => {
    const store = new PeerStore(simulatedRandom(1))
    assert.equal(store.filters(hash(1), 0), undefined)
    for (let host = 0; host < 100; host++) store.announce(hash(1), peer(host), host < 30, 0)
    const { seeds, peers } = store.filters(hash(1), 1) ?? assert.fail()
    assert.equal(Math.round(estimateMembers(seeds)), 30)
    assert.ok(Math.abs(estimateMembers(peers) - 70) < 3)
  })

  test('samples are some of the info hashes, the same for an hour (BEP 51)', () => {
    const store = new PeerStore(simulatedRandom(1))
    for (let swarm = 0; swarm < 100; swarm++) store.announce(hash(swarm), peer(1), false, 0)
    const first = store.sampleInfoHashes(0)
    assert.equal(first.length, 400)
    assert.deepEqual(store.sampleInfoHashes(59 * minute), first)
    assert.notDeepEqual(store.sampleInfoHashes(61 * minute), first)
  })
})

describe('item store', () => {
  const key = itemKeyOf(new Uint8Array(32).fill(1))
  const [publicKey, value] = [key.publicKey, fromLatin1('12:Hello World!')]
  const signed = (sequence: bigint, text: string, salt = ''): MutableItem => {
    const item = { kind: 'mutable', value: fromLatin1(text), publicKey, sequence, salt: fromLatin1(salt) } as const
    const saltPart = salt === '' ? '' : `4:salt${salt.length}:${salt}`
    return { ...item, signature: key.sign(fromLatin1(`${saltPart}3:seqi${sequence}e1:v${text}`)) }
  }

  test('takes the published items (BEP 44) and no others', () => {
    const published = {
      kind: 'mutable',
      value,
      publicKey: unwrap(fromHex('77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548')),
      signature: unwrap(
        fromHex(
          '305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff' +
            '1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01',
        ),
      ),
      sequence: 1n,
      salt: new Uint8Array(0),
    } as const
    const store = new ItemStore(ed25519)
    assert.equal(store.put({ ...published, sequence: 2n }, undefined, 0)?.code, 206)
    assert.equal(store.put({ ...published, salt: fromLatin1('x') }, undefined, 0)?.code, 206)
    assert.equal(store.put({ ...published, value: fromLatin1('12:Hello World?') }, undefined, 0)?.code, 206)
    assert.equal(store.put({ ...published, publicKey: new Uint8Array(32) }, undefined, 0)?.code, 206)
    assert.equal(store.size, 0)
    assert.equal(store.put(published, undefined, 0), undefined)
    assert.deepEqual(store.get(unwrap(fromHex('4a533d47ec9c7d95b1ad75f576cffc641853b750')), 1), published)
    assert.equal(store.put({ kind: 'immutable', value }, undefined, 0), undefined)
    const target = unwrap(fromHex('e5f96f6f38320f0f33959cb4d3d656452117aadb'))
    assert.deepEqual(store.get(target, 1), { kind: 'immutable', value })
  })

  test('never goes back, and compares before it swaps', () => {
    const store = new ItemStore(ed25519)
    assert.equal(store.put(signed(5n, '1:a'), 77n, 0), undefined, 'nothing there to compare with')
    assert.equal(store.put(signed(4n, '1:b'), undefined, 0)?.code, 302)
    assert.equal(store.put(signed(5n, '1:b'), undefined, 0)?.code, 302)
    assert.equal(store.put(signed(6n, '1:b'), 4n, 0)?.code, 301)
    assert.equal(store.put(signed(6n, '1:b'), 5n, 0), undefined)
    assert.equal(store.put(signed(7n, '1:c', 'other'), undefined, 0), undefined)
    assert.deepEqual(store.get(itemTarget(signed(6n, '1:b')), 0), signed(6n, '1:b'))
    assert.equal(store.size, 2)
  })

  test('keeps for two hours after the last put, and no more than it may', () => {
    const store = new ItemStore(fakeSignatures, { maxItems: 3 })
    const item = (byte: number) => ({ kind: 'immutable', value: fromLatin1(`i${byte}e`) }) as const
    store.put(item(1), undefined, 0)
    store.put(item(1), undefined, 60 * minute)
    assert.ok(store.get(itemTarget(item(1)), 179 * minute) !== undefined)
    assert.equal(store.get(itemTarget(item(1)), 180 * minute), undefined)
    for (let byte = 2; byte < 9; byte++) store.put(item(byte), undefined, 61 * minute)
    assert.equal(store.size, 3)
    assert.ok(store.get(itemTarget(item(8)), 62 * minute) !== undefined)
    store.sweep(200 * minute)
    assert.equal(store.size, 0)
  })

  test('bytes of a datagram that change afterwards change nothing', () => {
    const store = new ItemStore(ed25519)
    const item = signed(1n, '1:a')
    const target = itemTarget(item)
    store.put(item, undefined, 0)
    item.value.fill(0)
    item.signature.fill(0)
    assert.deepEqual(store.get(target, 0), signed(1n, '1:a'))
  })
})

describe('write tokens', () => {
  test('are good for their address and socket, for five to ten minutes', () => {
    const tokens = new WriteTokens(simulatedRandom(1), 0)
    const token = tokens.issue(0, '192.0.2.1', minute).slice()
    const isGood = (nowMs: number, place = 0, address = '192.0.2.1') => tokens.isValid(token, place, address, nowMs)
    assert.ok(isGood(minute))
    assert.ok(!isGood(minute, 1))
    assert.ok(!isGood(minute, 0, '192.0.2.2'))
    assert.ok(!isGood(minute, 0, '2001:db8::1'))
    assert.ok(!tokens.isValid(token.subarray(1), 0, '192.0.2.1', minute))
    assert.ok(isGood(6 * minute))
    assert.ok(isGood(9 * minute))
    assert.ok(!isGood(12 * minute))
    const late = new WriteTokens(simulatedRandom(1), 0)
    const early = late.issue(0, '192.0.2.1', 0).slice()
    assert.ok(!late.isValid(early, 0, '192.0.2.1', 60 * minute), 'both generations are too old')
  })
})

describe('query limits', () => {
  const options = { queriesPerSecond: 5, answerBytesPerSecond: 8_000 }

  test('an address gets five answers a second after a burst, others are not touched by it', () => {
    const limits = new QueryLimits(options, 0)
    let admitted = 0
    for (let ms = 0; ms < 10_000; ms++) if (limits.admits('8.8.8.8', ms)) admitted++
    assert.ok(admitted >= 58 && admitted <= 60, `${admitted}`)
    assert.ok(limits.admits('8.8.8.9', 10_000))
  })

  test('in IPv6 a /64 counts as one; local addresses are not counted', () => {
    const limits = new QueryLimits(options, 0)
    const count = (address: (index: number) => string) =>
      Array.from({ length: 100 }, (_, index) => limits.admits(address(index), 0)).filter((isAdmitted) => isAdmitted)
        .length
    assert.equal(
      count((index) => `2a00:1:2:3::${index.toString(16)}`),
      10,
    )
    assert.equal(
      count((index) => `2a00:1:2:${index.toString(16)}::1`),
      99,
    )
    assert.equal(
      count(() => '127.0.0.1'),
      100,
    )
    assert.equal(
      count(() => '192.168.1.7'),
      100,
    )
  })

  test('answers to all together keep to their rate, and a flood of made-up addresses takes no memory', () => {
    const limits = new QueryLimits(options, 0)
    let bytes = 0
    for (let index = 0; index < 100_000; index++) {
      const address = `${8 + (index % 7)}.${(index >> 12) & 255}.${(index >> 4) & 255}.${index & 15}`
      if (!limits.admits(address, index / 10)) continue
      limits.spend(300)
      bytes += 300
    }
    assert.ok(bytes > 100_000 && bytes <= 10 * 8_000 + 40_000 + 300, `${bytes}`)
  })
})

describe('external address', () => {
  test('is what most tellers of different networks say; one network has one vote', () => {
    const external = new ExternalAddress(4)
    const say = (teller: string, address: string) => external.vote(teller, { family: 4, address })
    for (let host = 1; host < 100; host++) assert.equal(say(`8.8.8.${host}`, '9.9.9.9'), false)
    for (let block = 1; block < 5; block++) assert.equal(say(`8.8.${block}.1`, '7.7.7.7'), false)
    const believed = () => external.address?.address
    assert.equal(believed(), undefined)
    assert.equal(say('8.8.5.1', '7.7.7.7'), true)
    assert.equal(believed(), '7.7.7.7')
    assert.equal(say('8.8.6.1', '7.7.7.7'), false, 'nothing new')
    for (let block = 100; block < 112; block++) say(`8.8.${block}.1`, '6.6.6.6')
    assert.equal(believed(), '6.6.6.6')
  })

  test('neither local tellers nor local addresses count', () => {
    const external = new ExternalAddress(4)
    for (let host = 1; host < 20; host++) {
      assert.equal(external.vote(`10.0.${host}.1`, { family: 4, address: '9.9.9.9' }), false)
      assert.equal(external.vote(`8.8.${host}.1`, { family: 4, address: '192.168.1.2' }), false)
      assert.equal(external.vote(`8.8.${host}.1`, { family: 6, address: '2a00::1' }), false)
    }
    assert.equal(external.address, undefined)
  })
})
