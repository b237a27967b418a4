// Metadata from peers that tell the truth, lie about length or content, stall or refuse: the right dictionary comes out
// soon, liars are named, honest peers never; and our answers to others.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha1, sha256 } from '../../src/base/hash.ts'
import { infoHashV1, infoHashV2 } from '../../src/base/ids.ts'
import { decodeMetadataMessage, encodeMetadataMessage } from '../../src/formats/peer/metadata-message.ts'
import { MetadataFetch, MetadataServing } from '../../src/peer/metadata-exchange.ts'
import type { TorrentHashes } from '../../src/peer/peer-opening.ts'

const kib16 = 16_384

function infoOf(lengthBytes: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, index) => (index * 7 + (index >>> 8) + seed) & 0xff)
}

function hashesOf(info: Uint8Array): TorrentHashes {
  return { infoHashV1: infoHashV1(sha1(info)), infoHashV2: infoHashV2(sha256(info)) }
}

type Manner = 'honest' | 'corrupts' | 'corrupts-first' | 'wrong-length' | 'stalls' | 'rejects' | 'garbage' | 'slow'
const manners: readonly Manner[] = [
  'honest',
  'corrupts',
  'corrupts-first',
  'wrong-length',
  'stalls',
  'rejects',
  'garbage',
  'slow',
]

interface Outcome {
  readonly info: Uint8Array | undefined
  readonly banned: readonly number[]
  readonly atMs: number
  readonly requests: readonly { readonly peer: number; readonly piece: number }[]
}

/** What a peer of that manner claims as length. */
function claimOf(manner: Manner, info: Uint8Array, peer: number): number {
  return manner === 'wrong-length' ? Math.max(1, info.length - 1 - peer) : info.length
}

function answerOf(manner: Manner, info: Uint8Array, piece: number, claim: number): Uint8Array | undefined {
  if (manner === 'stalls') return undefined
  if (manner === 'rejects') return encodeMetadataMessage({ type: 'reject', piece })
  if (manner === 'garbage') return fromLatin1('d8:msg_typei1e5:piecei')
  const data = info.slice(0, claim).slice(piece * kib16, (piece + 1) * kib16)
  if (manner === 'corrupts' || (manner === 'corrupts-first' && piece === 0)) data[0] = (data[0] as number) ^ 1
  return encodeMetadataMessage({ type: 'data', piece, totalLengthBytes: claim, data })
}

/** Runs a fetch on a virtual clock until it is done or the time is over. */
function fetchFrom(peers: readonly Manner[], info: Uint8Array, hashes: TorrentHashes, limitMs: number): Outcome {
  const fetch = new MetadataFetch(hashes)
  const queue: { atMs: number; peer: number; payload: Uint8Array }[] = []
  const banned: number[] = []
  const requests: { peer: number; piece: number }[] = []
  let nowMs = 0
  let done: Uint8Array | undefined
  const drain = () => {
    for (let output = fetch.poll(); output !== undefined; output = fetch.poll()) {
      if (output.type === 'done') done = output.info
      else if (output.type === 'ban') {
        assert.equal(output.failure.code, 'peer-metadata')
        assert.ok(!banned.includes(output.peer), 'banned twice')
        banned.push(output.peer)
      } else {
        assert.equal(done, undefined, 'asked after it was done')
        assert.ok(!banned.includes(output.peer), 'asked a banned peer')
        const message = unwrap(decodeMetadataMessage(output.payload))
        assert.ok(message.type === 'request')
        const manner = peers[output.peer] as Manner
        requests.push({ peer: output.peer, piece: message.piece })
        const payload = answerOf(manner, info, message.piece, claimOf(manner, info, output.peer))
        const delayMs = manner === 'slow' ? 15_000 : 20 + output.peer
        if (payload !== undefined) queue.push({ atMs: nowMs + delayMs, peer: output.peer, payload })
      }
    }
  }
  for (const [peer, manner] of peers.entries()) fetch.addPeer(peer, claimOf(manner, info, peer), nowMs)
  drain()
  while (done === undefined) {
    const arrivalMs = Math.min(...queue.map(({ atMs }) => atMs))
    nowMs = Math.min(arrivalMs, fetch.nextWakeMs())
    if (!(nowMs <= limitMs)) break
    const index = queue.findIndex(({ atMs }) => atMs === nowMs)
    const [arrived] = index === -1 ? [] : queue.splice(index, 1)
    if (arrived === undefined) fetch.wake(nowMs)
    else fetch.receive(arrived.peer, arrived.payload, nowMs)
    drain()
  }
  if (done !== undefined) assert.equal(fetch.nextWakeMs(), Number.POSITIVE_INFINITY)
  return { info: done, banned, atMs: nowMs, requests }
}

describe('metadata fetch', () => {
  test('puts the dictionary together from several peers, asking no piece twice', () => {
    const info = infoOf(20 * kib16 + 5)
    const { info: fetched, requests, banned } = fetchFrom(['honest', 'honest', 'honest'], info, hashesOf(info), 1_000)
    assert.deepEqual(fetched, info)
    assert.equal(requests.length, 21)
    assert.equal(new Set(requests.map(({ peer }) => peer)).size, 3)
    assert.deepEqual(banned, [])
  })

  test('whoever lies or stalls, one honest peer is enough, soon, and no honest peer is named', () => {
    const manner = fc.constantFrom(...manners)
    fc.assert(
      fc.property(
        fc.array(manner, { maxLength: 12 }),
        fc.nat(12),
        fc.integer({ min: 1, max: 6 * kib16 }),
        (others, place, lengthBytes) => {
          const peers = [...others.slice(0, place), 'honest' as const, ...others.slice(place)]
          const info = infoOf(lengthBytes)
          const { info: fetched, banned } = fetchFrom(peers, info, hashesOf(info), 40_000)
          assert.deepEqual(fetched, info)
          for (const peer of banned) assert.match(peers[peer] as string, /^(corrupts|corrupts-first|wrong-length)$/)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('fifty liars of every kind delay five honest peers by seconds', () => {
    const info = infoOf(7 * kib16)
    const liars = Array.from({ length: 50 }, (_, index) => manners[1 + (index % (manners.length - 1))] as Manner)
    const { info: fetched, atMs } = fetchFrom([...liars, ...Array(5).fill('honest')], info, hashesOf(info), 60_000)
    assert.deepEqual(fetched, info)
    assert.ok(atMs <= 10_000, `${atMs} ms`)
  })

  test('the peer that sent the one wrong piece of a whole is named, and only it', () => {
    const info = infoOf(9 * kib16)
    for (let liar = 0; liar < 3; liar++) {
      const peers: Manner[] = ['honest', 'honest', 'honest']
      peers[liar] = 'corrupts'
      const { info: fetched, banned } = fetchFrom(peers, info, hashesOf(info), 10_000)
      assert.deepEqual(fetched, info)
      assert.deepEqual(banned, [liar])
    }
  })

  test('a peer that sent all of a wrong whole is named at once', () => {
    const info = infoOf(2 * kib16)
    const { info: fetched, banned } = fetchFrom(['corrupts'], info, hashesOf(info), 60_000)
    assert.equal(fetched, undefined)
    assert.deepEqual(banned, [0])
  })

  test('slow peers are not given up: their late answers count', () => {
    const info = infoOf(4 * kib16)
    const { info: fetched } = fetchFrom(['slow'], info, hashesOf(info), 120_000)
    assert.deepEqual(fetched, info)
  })

  test('both hashes of a hybrid must fit', () => {
    const info = infoOf(100)
    const other = hashesOf(infoOf(100, 2))
    const own = hashesOf(info)
    const mixed: TorrentHashes[] = [
      { ...own, ...pick(other, 'infoHashV1') },
      { ...own, ...pick(other, 'infoHashV2') },
    ]
    for (const hashes of mixed) assert.deepEqual(fetchFrom(['honest'], info, hashes, 1_000).banned, [0])
    const alone: TorrentHashes[] = [pick(own, 'infoHashV1'), pick(own, 'infoHashV2')]
    for (const hashes of alone) assert.deepEqual(fetchFrom(['honest'], info, hashes, 1_000).info, info)
  })

  function pick(hashes: TorrentHashes, key: keyof TorrentHashes): TorrentHashes {
    return { [key]: hashes[key] }
  }

  test('data that nobody asked for, and peers that are not known, change nothing', () => {
    const info = infoOf(2 * kib16)
    const fetch = new MetadataFetch(hashesOf(info))
    const wrong = encodeMetadataMessage({ type: 'data', piece: 0, totalLengthBytes: 5, data: new Uint8Array(5) })
    fetch.receive(9, wrong, 0)
    assert.equal(fetch.poll(), undefined)
    fetch.addPeer(1, info.length, 0)
    fetch.removePeer(1, 0)
    assert.equal(fetch.nextWakeMs(), Number.POSITIVE_INFINITY)
    fetch.addPeer(2, 31 * 1024 * 1024, 0)
    assert.equal(fetch.nextWakeMs(), Number.POSITIVE_INFINITY)
  })

  test('a peer that says another length later is asked for that one', () => {
    const info = infoOf(100)
    const fetch = new MetadataFetch(hashesOf(info))
    fetch.addPeer(1, 99, 0)
    fetch.addPeer(1, 100, 0)
    fetch.receive(1, encodeMetadataMessage({ type: 'data', piece: 0, totalLengthBytes: 100, data: info }), 1)
    const outputs = [fetch.poll(), fetch.poll(), fetch.poll()].map((output) => output?.type)
    assert.ok(outputs.includes('done'), String(outputs))
  })

  test('claims of the largest size from everyone do not take more memory than two such', () => {
    const largest = 30 * 1024 * 1024
    const info = infoOf(1_000)
    const fetch = new MetadataFetch(hashesOf(info))
    const asked = new Set<number>()
    for (let peer = 0; peer < 40; peer++) fetch.addPeer(peer, largest - peer, 0)
    for (let output = fetch.poll(); output !== undefined; output = fetch.poll()) {
      if (output.type === 'send') asked.add(output.peer)
    }
    // Each newcomer claims less and so comes first; of those before it one at most goes on.
    fetch.wake(11_000)
    const later = new Set<number>()
    for (let output = fetch.poll(); output !== undefined; output = fetch.poll()) {
      if (output.type === 'send') later.add(output.peer)
    }
    assert.ok(later.size <= 2, `${later.size} at once`)
    fetch.addPeer(99, info.length, 12_000)
    const output = fetch.poll()
    assert.ok(output?.type === 'send' && output.peer === 99)
  })
})

describe('metadata of the largest size', () => {
  test('is asked of others too when those that claim a little less send just enough not to be idle', () => {
    const largest = 30 * 1024 * 1024
    const fetch = new MetadataFetch(hashesOf(infoOf(1)))
    const asked = new Map<number, number[]>([
      [1, []],
      [2, []],
      [3, []],
    ])
    for (const peer of asked.keys()) fetch.addPeer(peer, largest - 3 + peer, 0)
    let firstAskedMs: number | undefined
    for (let nowMs = 0; nowMs < 300_000 && firstAskedMs === undefined; nowMs += 1_000) {
      fetch.wake(nowMs)
      for (let output = fetch.poll(); output !== undefined; output = fetch.poll()) {
        if (output.type !== 'send') continue
        const message = unwrap(decodeMetadataMessage(output.payload))
        if (message.type === 'request') asked.get(output.peer)?.push(message.piece)
        if (output.peer === 3) firstAskedMs ??= nowMs
      }
      if (nowMs % 3_000 !== 0) continue
      for (const peer of [1, 2]) {
        const piece = asked.get(peer)?.shift()
        if (piece === undefined) continue
        const totalLengthBytes = largest - 3 + peer
        const data = new Uint8Array(Math.min(kib16, totalLengthBytes - piece * kib16))
        fetch.receive(peer, encodeMetadataMessage({ type: 'data', piece, totalLengthBytes, data }), nowMs)
      }
    }
    assert.ok(firstAskedMs !== undefined && firstAskedMs >= 100_000, `${firstAskedMs} ms`)
  })
})

describe('metadata serving', () => {
  const info = infoOf(3 * kib16 + 10)
  const request = (piece: number) => encodeMetadataMessage({ type: 'request', piece })
  const typeOf = (payload: Uint8Array | undefined) =>
    payload === undefined ? undefined : unwrap(decodeMetadataMessage(payload)).type

  test('sends each piece, rejects what is not there, and ignores what is no request', () => {
    const serving = new MetadataServing(0)
    for (let piece = 0; piece < 4; piece++) {
      const payload = serving.answer(info, request(piece), 0)
      const message = unwrap(decodeMetadataMessage(payload as Uint8Array))
      assert.ok(message.type === 'data')
      assert.deepEqual(message.data, info.subarray(piece * kib16, (piece + 1) * kib16))
      assert.equal(message.totalLengthBytes, info.length)
    }
    assert.equal(typeOf(serving.answer(info, request(4), 0)), 'reject')
    assert.equal(typeOf(serving.answer(undefined, request(0), 0)), 'reject')
    assert.equal(serving.answer(info, encodeMetadataMessage({ type: 'reject', piece: 0 }), 0), undefined)
    assert.equal(serving.answer(info, fromLatin1('x'), 0), undefined)
  })

  test('rejects a peer that asks for far more than all of it, until time has passed', () => {
    const serving = new MetadataServing(0)
    const sent = Array.from({ length: 200 }, () => typeOf(serving.answer(info, request(0), 0)))
    assert.equal(sent.filter((type) => type === 'data').length, 64 + 2 * 4)
    assert.equal(typeOf(serving.answer(info, request(0), 10)), 'reject')
    assert.equal(typeOf(serving.answer(info, request(0), 100)), 'data')
  })
})
