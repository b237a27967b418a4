// HTTP announces: the URL a client asks with, and the query a tracker reads.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1 } from '../../../src/base/bytes.ts'
import { type AnnounceEvent, unknownLeftBytes } from '../../../src/formats/tracker/announce.ts'
import {
  encodeAnnounceQuery,
  type HttpAnnounceRequest,
  maxQueryLength,
  parseAnnounceQuery,
} from '../../../src/formats/tracker/announce-query.ts'

const request: HttpAnnounceRequest = {
  infoHash: fromLatin1('\x124Vx\x9a\xbc\xde\xf1#Eg\x89\xab\xcd\xef\x124Vx\x9a'),
  peerId: fromLatin1('-SW0010-abc+def&g=h%'),
  port: 6881,
  uploadedBytes: 1,
  downloadedBytes: 2,
  leftBytes: 3,
  event: 'none',
  isCompact: true,
  omitsPeerIds: false,
  claimedEndpoints: [],
  supportsEncryption: false,
}
const required = 'info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6881'
const readsClaimedEndpoints = true

function parsed(query: string, options = {}): HttpAnnounceRequest {
  const result = parseAnnounceQuery(query, options)
  assert.ok(result.ok, query)
  return result.value
}

function queryOf(url: string): string {
  return url.slice(url.indexOf('?') + 1)
}

describe('announce URL', () => {
  test('holds the request, hashes percent-encoded byte by byte', () => {
    assert.equal(
      encodeAnnounceQuery('http://t.example/announce', request),
      'http://t.example/announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A' +
        '&peer_id=-SW0010-abc%2Bdef%26g%3Dh%25&port=6881&uploaded=1&downloaded=2&left=3&compact=1',
    )
  })

  test('keeps the passkey and all else the tracker put into its own URL', () => {
    for (const [url, start] of [
      ['http://t.example/announce.php?passkey=a%2Fb', 'http://t.example/announce.php?passkey=a%2Fb&info_hash='],
      ['http://t.example/announce?', 'http://t.example/announce?info_hash='],
      ['http://t.example/announce?a=1&', 'http://t.example/announce?a=1&info_hash='],
      ['http://t.example/secret/announce#part', 'http://t.example/secret/announce?info_hash='],
    ] as const) {
      assert.ok(encodeAnnounceQuery(url, request).startsWith(start), url)
    }
  })

  test('is read back by a tracker as the request it came from', () => {
    const id = fc.uint8Array({ minLength: 20, maxLength: 20 })
    const amount = fc.maxSafeNat()
    const endpoint = fc.oneof(
      fc.record({
        family: fc.constant(4 as const),
        address: fc.constant('192.0.2.7'),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
      fc.record({
        family: fc.constant(6 as const),
        address: fc.constant('2001:db8::7'),
        port: fc.integer({ min: 1, max: 65_535 }),
      }),
    )
    const requests: fc.Arbitrary<HttpAnnounceRequest> = fc.record(
      {
        infoHash: id,
        peerId: id,
        port: fc.integer({ min: 0, max: 65_535 }),
        uploadedBytes: amount,
        downloadedBytes: amount,
        leftBytes: amount,
        event: fc.constantFrom<AnnounceEvent>('none', 'started', 'completed', 'stopped', 'paused'),
        key: fc.nat(0xffff_ffff),
        wantedPeers: fc.nat(65_535),
        trackerId: fc.uint8Array({ minLength: 1, maxLength: 40 }),
        isCompact: fc.boolean(),
        omitsPeerIds: fc.boolean(),
        claimedEndpoints: fc.array(endpoint, { maxLength: 1 }),
        supportsEncryption: fc.boolean(),
      },
      {
        requiredKeys: [
          'infoHash',
          'peerId',
          'port',
          'uploadedBytes',
          'downloadedBytes',
          'leftBytes',
          'event',
          'isCompact',
          'omitsPeerIds',
          'claimedEndpoints',
          'supportsEncryption',
        ],
      },
    )
    fc.assert(
      fc.property(requests, (original) => {
        const url = encodeAnnounceQuery('http://t.example/announce', original)
        assert.equal(new URL(url).href, url, 'a URL parser leaves it as it is')
        assert.deepEqual(parsed(queryOf(url), { readsClaimedEndpoints }), structuredClone(original))
      }),
    )
  })

  test('is refused by an assertion for a hash or peer id of another length', () => {
    assert.throws(() => encodeAnnounceQuery('http://t.example/', { ...request, infoHash: new Uint8Array(32) }))
    assert.throws(() => encodeAnnounceQuery('http://t.example/', { ...request, peerId: new Uint8Array(19) }))
  })
})

describe('announce query', () => {
  test('needs a hash, a peer id and a port, each well-formed', () => {
    const hash = 'info_hash=aaaaaaaaaaaaaaaaaaaa'
    const peer = 'peer_id=bbbbbbbbbbbbbbbbbbbb'
    for (const query of [
      '',
      `${peer}&port=1`,
      `${hash}&port=1`,
      `${hash}&${peer}`,
      `${hash}a&${peer}&port=1`,
      `info_hash=aaaaaaaaaaaaaaaaaaa&${peer}&port=1`,
      `info_hash=aaaaaaaaaaaaaaaaaa%6&${peer}&port=1`,
      `info_hash=%61%61aaaaaaaaaaaaaaaaaaa&${peer}&port=1`,
      `${hash}&${peer}%00&port=1`,
      `${hash}&${peer}&port=`,
      `${hash}&${peer}&port=-1`,
      `${hash}&${peer}&port=65536`,
      `${hash}&${peer}&port=1e3`,
      `${required}&x=${'y'.repeat(maxQueryLength)}`,
    ]) {
      const result = parseAnnounceQuery(query)
      assert.ok(!result.ok, query)
      assert.equal(result.code, 'tracker-request')
    }
  })

  test('takes what is missing, foreign or malformed beyond that as not said', () => {
    const bare = parsed(required)
    assert.equal(bare.leftBytes, unknownLeftBytes)
    assert.equal(bare.event, 'none')
    assert.ok(bare.isCompact && bare.wantedPeers === undefined && bare.key === undefined)
    const junk = '&uploaded=x&downloaded=-5&left=&numwant=-1&key=zz&event=exploded&trackerid=%zz&redundant=0&corrupt=1'
    assert.deepEqual(parsed(required + junk), bare)
  })

  test('bounds numbers and counts only the first of each name', () => {
    const { leftBytes, wantedPeers, port } = parsed(`${required}&left=18446744073709551615&numwant=99999999999&port=1`)
    assert.equal(leftBytes, Number.MAX_SAFE_INTEGER)
    assert.equal(wantedPeers, 65_535)
    assert.equal(port, 6881)
  })

  test('knows a partial seed, the long form and unwanted peer ids', () => {
    const { event, isCompact, omitsPeerIds } = parsed(`?${required}&event=paused&compact=0&no_peer_id=1`)
    assert.deepEqual([event, isCompact, omitsPeerIds], ['paused', false, true])
  })

  test('believes addresses a client claims only when asked to, and never a host name', () => {
    const claims = `${required}&ip=192.0.2.1&ipv4=192.0.2.2%3A7000&ipv6=%5B2001%3A%3A53Aa%3A64c%3A0%3A7f83%3Abc43%3Adec9%5D%3A6882`
    assert.deepEqual(parsed(claims).claimedEndpoints, [])
    assert.deepEqual(parsed(claims, { readsClaimedEndpoints }).claimedEndpoints, [
      { family: 4, address: '192.0.2.1', port: 6881 },
      { family: 4, address: '192.0.2.2', port: 7000 },
      { family: 6, address: '2001:0:53aa:64c:0:7f83:bc43:dec9', port: 6882 },
    ])
    const plain6 = `${required}&ipv6=2001%3A%3A53Aa%3A64c%3A0%3A7f83%3Abc43%3Adec9`
    assert.equal(parsed(plain6, { readsClaimedEndpoints }).claimedEndpoints[0]?.port, 6881)
    for (const ip of ['evil.example', '261.52.89.12', '%00', '127.1', '0x7f000001', 'a'.repeat(500)]) {
      assert.deepEqual(parsed(`${required}&ip=${ip}`, { readsClaimedEndpoints }).claimedEndpoints, [], ip)
    }
  })

  test('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.boolean(), (text, reads) => {
        parseAnnounceQuery(`${required}&${text}`, { readsClaimedEndpoints: reads })
        const result = parseAnnounceQuery(text)
        if (!result.ok) assert.equal(result.code, 'tracker-request')
      }),
    )
  })
})
