// HTTP scrapes: the URL rule, the query and the answer.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1, toHex } from '../../../src/base/bytes.ts'
import { type BencodeInput, encode } from '../../../src/formats/bencode/encode.ts'
import { maxScrapeHashes } from '../../../src/formats/tracker/announce.ts'
import {
  decodeScrapeResponse,
  encodeScrapeQuery,
  encodeScrapeResponse,
  parseScrapeQuery,
  scrapeUrl,
} from '../../../src/formats/tracker/scrape.ts'

const hash = (fill: number) => new Uint8Array(20).fill(fill)

describe('scrape URL', () => {
  test('is the announce URL with announce replaced in its path', () => {
    for (const [announce, scrape] of [
      ['http://t.example/announce', 'http://t.example/scrape'],
      ['http://t.example/x/announce', 'http://t.example/x/scrape'],
      ['http://t.example/announce.php?passkey=a/announce', 'http://t.example/scrape.php?passkey=a/announce'],
      ['http://t.example/announce?x2%0644', 'http://t.example/scrape?x2%0644'],
      ['http://t.example/secret/announce#part', 'http://t.example/secret/scrape'],
      ['HTTPS://announce.example:81/announce/secret', 'HTTPS://announce.example:81/scrape/secret'],
    ] as const) {
      assert.equal(scrapeUrl(announce), scrape)
    }
  })

  test('does not exist where no path segment begins with announce', () => {
    for (const url of [
      'http://t.example/a',
      'http://t.example/x%064announce',
      'http://announce.example/',
      'http://t.example/?x=/announce',
      'http://t.example',
      'announce',
      '',
    ]) {
      assert.equal(scrapeUrl(url), undefined, url)
    }
  })
})

describe('scrape query', () => {
  test('is read back by a tracker as the hashes it came from', () => {
    const hashes = fc.array(fc.uint8Array({ minLength: 20, maxLength: 20 }), { minLength: 1, maxLength: 74 })
    fc.assert(
      fc.property(hashes, (infoHashes) => {
        const url = encodeScrapeQuery('http://t.example/scrape?k=1', infoHashes)
        assert.ok(url.startsWith('http://t.example/scrape?k=1&info_hash='))
        const parsed = parseScrapeQuery(url.slice(url.indexOf('?')))
        assert.ok(parsed.ok)
        assert.deepEqual(parsed.value, infoHashes)
      }),
      { numRuns: 50 },
    )
  })

  test('counts the first 74 hashes, and refuses one of another length', () => {
    const many = parseScrapeQuery(Array.from({ length: 100 }, () => `info_hash=${'a'.repeat(20)}`).join('&'))
    assert.ok(many.ok)
    assert.equal(many.value.length, maxScrapeHashes)
    for (const value of ['', 'a', 'a'.repeat(19), 'a'.repeat(21), `${'a'.repeat(19)}%`]) {
      const result = parseScrapeQuery(`info_hash=${'a'.repeat(20)}&info_hash=${value}&info_hash=${'b'.repeat(20)}`)
      assert.ok(!result.ok, value)
      assert.equal(result.code, 'tracker-request')
    }
    assert.ok(!parseScrapeQuery('x'.repeat(20_000)).ok)
    assert.deepEqual(parseScrapeQuery('?other=1'), { ok: true, value: [] })
  })
})

describe('scrape response', () => {
  const example =
    'd5:filesd20:xxxxxxxxxxxxxxxxxxxxd8:completei11e10:downloadedi13772e10:incompletei19ee' +
    '20:yyyyyyyyyyyyyyyyyyyyd8:completei21e10:downloadedi206e10:incompletei20ee' +
    '20:zzzzzzzzzzzzzzzzzzzzd8:completei14e10:downloadedi12191e10:incompletei9eeee'
  const swarms = [
    { infoHash: hash(0x78), complete: 11, downloaded: 13_772, incomplete: 19 },
    { infoHash: hash(0x79), complete: 21, downloaded: 206, incomplete: 20 },
    { infoHash: hash(0x7a), complete: 14, downloaded: 12_191, incomplete: 9 },
  ]

  test('is that of BEP 48, byte for byte', () => {
    assert.deepEqual(encodeScrapeResponse(swarms.toReversed()), fromLatin1(example))
    const decoded = decodeScrapeResponse(fromLatin1(example))
    assert.ok(decoded.ok && decoded.value.kind === 'response')
    assert.deepEqual(
      [...decoded.value.swarms],
      swarms.map(({ infoHash, ...counts }) => [toHex(infoHash), counts]),
    )
  })

  test('keeps binary hashes, downloaders (BEP 21) and the least interval', () => {
    const infoHash = Uint8Array.from({ length: 20 }, (_, index) => 255 - index)
    const counts = { complete: 1, incomplete: 5, downloaded: 2, downloaders: 3 }
    const decoded = decodeScrapeResponse(encodeScrapeResponse([{ infoHash, ...counts }], 900))
    assert.ok(decoded.ok && decoded.value.kind === 'response')
    assert.deepEqual(decoded.value.swarms.get(toHex(infoHash)), counts)
    assert.equal(decoded.value.minIntervalSeconds, 900)
  })

  test('refuses malformed answers with a typed code and counts nonsense as nothing', () => {
    const malformed: BencodeInput[] = [{}, [], 1, { files: [] }, { files: 'x' }]
    for (const value of malformed) {
      const result = decodeScrapeResponse(encode(value))
      assert.ok(!result.ok)
      assert.equal(result.code, 'tracker-response')
    }
    const odd = decodeScrapeResponse(
      encode({
        files: new Map([['a'.repeat(20), { complete: -1, incomplete: 'x', downloaded: 2 ** 40 }]]),
        flags: 'none',
      }),
    )
    assert.ok(odd.ok && odd.value.kind === 'response')
    assert.deepEqual([...odd.value.swarms.values()], [{ complete: 0, incomplete: 0, downloaded: 2 ** 32 - 1 }])
  })

  test('passes over what is no torrent, and bytes behind the answer', () => {
    const files = new Map<string, BencodeInput>([
      ['a'.repeat(20), 7],
      ['b'.repeat(20), { complete: 3 }],
      ['c'.repeat(21), {}],
      ['short', {}],
    ])
    const result = decodeScrapeResponse(concatBytes([encode({ files }), fromLatin1('\n')]))
    assert.ok(result.ok && result.value.kind === 'response')
    assert.deepEqual([...result.value.swarms], [['62'.repeat(20), { complete: 3, incomplete: 0, downloaded: 0 }]])
  })

  test('may be a refusal, in the spelling of BEP 3 or of BEP 48', () => {
    for (const key of ['failure reason', 'failure_reason']) {
      const result = decodeScrapeResponse(encode({ [key]: 'no scrapes' }))
      assert.deepEqual(result, { ok: true, value: { kind: 'failure', reason: 'no scrapes' } })
    }
  })

  test('is refused when cut off at any byte', () => {
    for (let length = 0; length < example.length; length++) {
      assert.ok(!decodeScrapeResponse(fromLatin1(example.slice(0, length))).ok)
    }
  })

  test('holds at most 2,000 torrents', () => {
    const many = new Map(Array.from({ length: 2_500 }, (_, index) => [String(index).padStart(20, '0'), {}] as const))
    const result = decodeScrapeResponse(encode({ files: many }))
    assert.ok(result.ok && result.value.kind === 'response')
    assert.equal(result.value.swarms.size, 2_000)
  })
})
