// Magnet links: the shapes found in the wild, round trips, limits.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { type InfoHashV1, type InfoHashV2, infoHashV1, infoHashV2 } from '../../src/base/ids.ts'
import { formatMagnet, type Magnet, parseMagnet, parsePeerAddress } from '../../src/formats/magnet.ts'

const hex = 'd0d14c926e6e99761a2fdcff27b403d96376eff6'
const v1 = hex as InfoHashV1
const v2 = 'caf1e1c30e81cb361b9ee167c4aa64228a7fa4fa9f6105232b28ad099f3a302e' as InfoHashV2
const topic = `xt=urn:btih:${hex}`
const bare: Magnet = { infoHashV1: v1, trackers: [], webSeeds: [], sources: [], peers: [] }

function codeOf(link: string): string {
  const result = parseMagnet(link)
  return result.ok ? 'accepted' : result.code
}

function read(parameters: string): Magnet {
  return unwrap(parseMagnet(`magnet:?${parameters}`))
}

describe('magnet links in the wild', () => {
  test('one as index sites give it', () => {
    const link = `magnet:?xt=urn:btih:${hex.toUpperCase()}&dn=Some+Film+%282020%29+%5B1080p%5D&tr=udp%3A%2F%2Ftracker.example.org%3A1337%2Fannounce&tr=http%3A%2F%2Ftracker.example.com%2Fannounce%3Fpasskey%3Da%2Bb`
    assert.deepEqual(unwrap(parseMagnet(link)), {
      ...bare,
      name: 'Some Film (2020) [1080p]',
      trackers: ['udp://tracker.example.org:1337/announce', 'http://tracker.example.com/announce?passkey=a+b'],
    })
  })

  test('a base32 hash, in either case', () => {
    // The 20 bytes 0, 1, ... 19 in base32.
    const base32 = 'AAAQEAYEAUDAOCAJBIFQYDIOB4IBCEQT'
    const expected = infoHashV1(Uint8Array.from({ length: 20 }, (_, index) => index))
    assert.equal(read(`xt=urn:btih:${base32}`).infoHashV1, expected)
    assert.equal(read(`xt=urn:btih:${base32.toLowerCase()}`).infoHashV1, expected)
  })

  test('a version 2 hash, alone and beside version 1', () => {
    const { infoHashV1: _, ...hashless } = bare
    assert.deepEqual(read(`xt=urn:btmh:1220${v2}`), { ...hashless, infoHashV2: v2 })
    assert.deepEqual(read(`xt=urn:btmh:1220${v2.toUpperCase()}&${topic}`), { ...bare, infoHashV2: v2 })
    assert.deepEqual(read(`xt.1=urn:btih:${hex}&xt.2=urn:btmh:1220${v2}`), { ...bare, infoHashV2: v2 })
  })

  test('any case of scheme, keys and topics, an escaped topic, spaces around the link', () => {
    assert.deepEqual(unwrap(parseMagnet(`  MAGNET:?XT=URN:BTIH:${hex}&DN=x\n`)), { ...bare, name: 'x' })
    assert.deepEqual(read(`xt=urn%3Abtih%3A${hex}`), bare)
  })

  test('copied out of HTML source', () => {
    assert.deepEqual(read(`${topic}&amp;dn=x&amp;tr=udp://a.example:1`), {
      ...bare,
      name: 'x',
      trackers: ['udp://a.example:1'],
    })
  })

  test('topics of other networks beside ours, unknown keys, parts without a value', () => {
    const link = `xt=urn:ed2k:354b15e68fb8f36d7cd88ff94116cdc1&xt=urn:tree:tiger:abc&${topic}&kt=word&x.unknown=1&tr&=x&&dn=&tr=`
    assert.deepEqual(read(link), bare)
    assert.deepEqual(read(`xt=urn:btmh:1114${'ab'.repeat(20)}&${topic}`), bare)
  })

  test('numbered keys keep their order, duplicates go', () => {
    const link = `${topic}&tr.1=udp://a.example:1&tr.2=udp://b.example:1&tr.3=udp://a.example:1&ws.0=http://w.example/`
    assert.deepEqual(read(link), {
      ...bare,
      trackers: ['udp://a.example:1', 'udp://b.example:1'],
      webSeeds: ['http://w.example/'],
    })
    assert.deepEqual(read(`${topic}&${topic}`), bare)
  })

  test('web seeds, sources, length and peers', () => {
    const link = `${topic}&ws=http%3A%2F%2Fw.example%2Ff&xs=http%3A%2F%2Fs.example%2Ft.torrent&as=http%3A%2F%2Fs.example%2Fu.torrent&xl=12345&x.pe=192.0.2.1:6881&x.pe=[2001:DB8::1]:80&x.pe=Seed.Example.org:1&x.pe=%5B%3A%3A1%5D%3A2`
    assert.deepEqual(read(link), {
      ...bare,
      webSeeds: ['http://w.example/f'],
      sources: ['http://s.example/t.torrent', 'http://s.example/u.torrent'],
      lengthBytes: 12_345,
      peers: [
        { host: '192.0.2.1', port: 6881 },
        { host: '2001:db8::1', port: 80 },
        { host: 'seed.example.org', port: 1 },
        { host: '::1', port: 2 },
      ],
    })
  })

  test('file selections, merged (BEP 53)', () => {
    assert.deepEqual(read(`${topic}&so=0,2,4,6-8`).selectedFiles, [
      { first: 0, last: 0 },
      { first: 2, last: 2 },
      { first: 4, last: 4 },
      { first: 6, last: 8 },
    ])
    assert.deepEqual(read(`${topic}&so=5-9,3,4,2-6&so=0`).selectedFiles, [
      { first: 0, last: 0 },
      { first: 2, last: 9 },
    ])
    assert.deepEqual(read(`${topic}&so=7,8,2-5,3`).selectedFiles, [
      { first: 2, last: 5 },
      { first: 7, last: 8 },
    ])
    assert.deepEqual(read(`${topic}&so=0-2097151`).selectedFiles, [{ first: 0, last: 2_097_151 }])
    assert.deepEqual(read(`${topic}&so=`), bare)
  })

  test('escapes that are none stand for themselves; `+` is a space in names alone', () => {
    assert.equal(read(`${topic}&dn=100%+a%2Bb%zz%4`).name, '100% a+b%zz%4')
    assert.equal(read(`${topic}&dn=%E4%BD%A0%E5%A5%BD`).name, '你好')
    assert.equal(read(`${topic}&dn=你好`).name, '你好')
    assert.equal(read(`${topic}&dn=%FF`).name, '\ufffd')
    assert.deepEqual(read(`${topic}&tr=http://a.example/x+y`).trackers, ['http://a.example/x+y'])
  })

  test('hints that cannot be used are left out', () => {
    const urls = [
      'x',
      'http://',
      '//a.example',
      'http://a b',
      'http://a%0d%0ab',
      'http://a%00',
      'http://%FF',
      'javascript:1',
    ]
    const peers = [
      'x',
      'x:',
      ':1',
      'x:0',
      'x:65536',
      '::1:1',
      '[1.2.3.4]:1',
      '[x]:1',
      'a..b:1',
      '-a:1',
      '127.1:1',
      '0x7f000001:1',
      '2130706433:1',
      'a/b:1',
      'ä:1',
    ]
    const link = `${topic}&${urls.map((url) => `tr=${url}&ws=${url}&xs=${url}`).join('&')}&${peers.map((peer) => `x.pe=${peer}`).join('&')}&xl=-1&xl=1e3`
    assert.deepEqual(read(link), bare)
  })
})

describe('magnet links refused', () => {
  test('what is no magnet link', () => {
    for (const link of [
      '',
      'magnet:',
      'magnet',
      'magnet:xt=1',
      hex,
      `http://a.example/?${topic}`,
      `xmagnet:?${topic}`,
    ]) {
      assert.equal(codeOf(link), 'magnet-syntax', link)
    }
  })

  test('no topic, malformed topics, two different ones', () => {
    const links = [
      '',
      'dn=x',
      'xt=urn:sha1:abc',
      'xt=urn:btih:',
      `xt=urn:btih:${hex.slice(1)}`,
      `xt=urn:btih:${hex}0`,
      `xt=urn:btih:g${hex.slice(1)}`,
      `xt=urn:btih:${'1'.repeat(32)}`,
      `xt=urn:btih:${v2}`,
      'xt=urn:btmh:',
      'xt=urn:btmh:1220',
      `xt=urn:btmh:${v2}zz`,
      `xt=urn:btmh:1220${v2.slice(2)}`,
      `xt=urn:btmh:1220${v2}00`,
      `xt=urn:btmh:1114${hex}`,
      `${topic}&xt=urn:btih:${'0'.repeat(40)}`,
      `${topic}&xt=urn:btih:x`,
      `xt=urn:btmh:1220${v2}&xt=urn:btmh:1220${'0'.repeat(64)}`,
    ]
    for (const link of links) assert.equal(codeOf(`magnet:?${link}`), 'magnet-topic', link)
  })

  test('file selections that are none: ignoring one would download everything', () => {
    for (const selection of [
      'x',
      '1,',
      ',',
      '-1',
      '1-',
      '3-1',
      '1-2-3',
      '2097152',
      '0-2097152',
      '1e3',
      '99999999999',
      '0x1',
      '1;2',
    ]) {
      assert.equal(codeOf(`magnet:?${topic}&so=${selection}`), 'magnet-parameter', selection)
    }
  })

  test('links too long, or of too many parameters', () => {
    assert.equal(codeOf(`magnet:?${topic}&dn=${'x'.repeat(70_000)}`), 'magnet-too-large')
    assert.equal(codeOf(`magnet:?${topic}${'&a=b'.repeat(1_000)}`), 'magnet-too-large')
    assert.equal(codeOf(`magnet:?${topic}${'&a=b'.repeat(999)}`), 'accepted')
  })

  test('thousands of trackers and peers are capped', () => {
    const numbers = Array.from({ length: 400 }, (_, index) => index)
    const link = `${topic}&${numbers.map((index) => `tr=udp://t${index}.example:1&x.pe=p${index}.example:1`).join('&')}`
    const magnet = read(link)
    assert.equal(magnet.trackers.length, 100)
    assert.equal(magnet.peers.length, 100)
    assert.equal(magnet.trackers[99], 'udp://t99.example:1')
  })

  test('any text gets a magnet or a typed error', () => {
    const part = fc.constantFrom(
      'magnet:?',
      topic,
      '&',
      '=',
      'xt',
      'dn=',
      'tr=',
      'so=',
      'x.pe=',
      '%',
      '%4',
      '%41',
      '+',
      '1-2',
      ',',
      '[::1]:1',
      '.1',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.oneof(part, fc.string({ maxLength: 3 }))).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (anything) => {
        const result = parseMagnet(`magnet:?${topic}&${anything}`)
        if (result.ok) assert.deepEqual(parseMagnet(formatMagnet(result.value)), result)
        else assert.match(result.code, /^magnet-/)
        assert.ok(typeof parseMagnet(anything).ok === 'boolean')
      }),
      { numRuns: 500 },
    )
  })
})

describe('formatting', () => {
  test('gives the link other clients expect', () => {
    const magnet: Magnet = {
      ...bare,
      infoHashV2: v2,
      name: `it's a "film" (<b>)`,
      lengthBytes: 5,
      trackers: ['http://a.example/announce?k=1&b'],
      peers: [
        { host: '::1', port: 1 },
        { host: 'a.example', port: 2 },
      ],
      selectedFiles: [
        { first: 0, last: 0 },
        { first: 2, last: 3 },
      ],
    }
    const link =
      `magnet:?xt=urn:btih:${hex}&xt=urn:btmh:1220${v2}&dn=it%27s%20a%20%22film%22%20%28%3Cb%3E%29&xl=5` +
      '&tr=http%3A%2F%2Fa.example%2Fannounce%3Fk%3D1%26b&x.pe=[::1]:1&x.pe=a.example:2&so=0,2-3'
    assert.equal(formatMagnet(magnet), link)
    assert.deepEqual(unwrap(parseMagnet(link)), magnet)
  })

  test('gives back any magnet', () => {
    const url = fc.webUrl({ withQueryParameters: true, validSchemes: ['http', 'https', 'udp', 'wss'] })
    const urls = (maxLength: number) => fc.uniqueArray(url, { maxLength })
    const peer = fc.record({
      host: fc.oneof(
        fc.domain().map((name) => name.toLowerCase()),
        fc.ipV4(),
        fc.constantFrom('::1', '2001:db8::1'),
      ),
      port: fc.integer({ min: 1, max: 65_535 }),
    })
    const hashes = fc
      .tuple(
        fc.uint8Array({ minLength: 20, maxLength: 20 }),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.integer({ min: 1, max: 3 }),
      )
      .map(([one, two, which]) => ({
        ...(which & 1 ? { infoHashV1: infoHashV1(one) } : {}),
        ...(which & 2 ? { infoHashV2: infoHashV2(two) } : {}),
      }))
    const optional = fc.record(
      {
        name: fc.string({ minLength: 1, unit: 'binary' }).map((name) => name.toWellFormed()),
        lengthBytes: fc.nat(),
        selectedFiles: fc.nat(1_000).map((first) => [{ first, last: first + 3 }]),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(
        hashes,
        optional,
        urls(5),
        urls(3),
        urls(2),
        fc.uniqueArray(peer, { maxLength: 5, selector: ({ host, port }) => `${host} ${port}` }),
        (ids, extras, trackers, webSeeds, sources, peers) => {
          const magnet: Magnet = {
            ...ids,
            ...extras,
            trackers,
            webSeeds,
            sources,
            peers: peers.map((entry) => ({ ...entry })),
          }
          assert.deepEqual(unwrap(parseMagnet(formatMagnet(magnet))), magnet)
        },
      ),
      { numRuns: 200 },
    )
  })

  test('wants an info hash', () => {
    assert.throws(() => formatMagnet({ trackers: [], webSeeds: [], sources: [], peers: [] }))
  })
})

describe('peer addresses', () => {
  test('keep what names a host and nothing else', () => {
    assert.deepEqual(parsePeerAddress('localhost.:5'), { host: 'localhost.', port: 5 })
    assert.deepEqual(parsePeerAddress('a_b-c.example:5'), { host: 'a_b-c.example', port: 5 })
    assert.equal(parsePeerAddress(`${'a'.repeat(64)}.example:5`), undefined)
    assert.equal(parsePeerAddress(`${'a.'.repeat(130)}b:5`), undefined)
    assert.equal(parsePeerAddress(`${toHex(new Uint8Array(20_000))}:5`), undefined)
  })
})
