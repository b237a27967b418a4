// Datagrams of local discovery (BEP 14), ours and what others send.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import {
  decodeLocalAnnounce,
  encodeLocalAnnounce,
  maxInfoHashesSent,
  maxLocalAnnounceBytes,
} from '../../src/formats/local-announce.ts'

const hash = 'ab'.repeat(20)

function refused(text: string): boolean {
  const decoded = decodeLocalAnnounce(fromLatin1(text))
  return !decoded.ok && decoded.code === 'local-announce'
}

test('is written as BEP 14 has it', () => {
  const written = toLatin1(encodeLocalAnnounce({ port: 6_881, infoHashes: [hash], cookie: 'c' }, 4))
  const lines = ['BT-SEARCH * HTTP/1.1', 'Host: 239.192.152.143:6771', 'Port: 6881', `Infohash: ${hash}`, 'cookie: c']
  assert.equal(written, `${lines.join('\r\n')}\r\n\r\n\r\n`)
  const written6 = toLatin1(encodeLocalAnnounce({ port: 1, infoHashes: [hash], cookie: undefined }, 6))
  assert.match(written6, /\r\nHost: \[ff15::efc0:988f\]:6771\r\n/)
})

test('what was written is read, whatever is in it', () => {
  const hex = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'))
  const infoHashes = fc.uniqueArray(hex, { minLength: 1, maxLength: maxInfoHashesSent })
  const cookie = fc.option(fc.stringMatching(/^[0-9a-z]{1,100}$/), { nil: undefined })
  const announce = fc.record({ port: fc.integer({ min: 1, max: 65_535 }), infoHashes, cookie })
  fc.assert(
    fc.property(announce, fc.constantFrom(4, 6), (said, family) => {
      const bytes = encodeLocalAnnounce(said, family as 4 | 6)
      assert.ok(bytes.length <= maxLocalAnnounceBytes)
      assert.deepEqual(unwrap(decodeLocalAnnounce(bytes)), { ...said })
    }),
    { numRuns: 200 },
  )
})

test('names in any case, bare line feeds, unknown lines and several info hashes are understood', () => {
  const text = `BT-SEARCH * HTTP/1.1\nhost: x\nPORT: 7\nX-Other: y\nInfoHash: ${hash.toUpperCase()}\nINFOHASH:${'cd'.repeat(20)}\n\n`
  const { port, infoHashes } = unwrap(decodeLocalAnnounce(fromLatin1(text)))
  assert.deepEqual([port, infoHashes], [7, [hash, 'cd'.repeat(20)]])
})

test('what is no announce is refused with its code', () => {
  const good = `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: ${hash}\r\n`
  assert.ok(!refused(good))
  assert.ok(refused(''))
  assert.ok(refused(good.replace('BT-SEARCH', 'M-SEARCH')))
  assert.ok(refused(good.replace('Port: 1', 'Port: 0')))
  assert.ok(refused(good.replace('Port: 1', 'Port: 65536')))
  assert.ok(refused(good.replace(hash, 'ab'.repeat(19))))
  assert.ok(refused(good + 'x'.repeat(maxLocalAnnounceBytes)))
})

test('so many info hashes of one message count', () => {
  const hashes = Array.from({ length: 70 }, (_, index) => `I:${index}`)
  const lines = hashes.map((_, index) => `Infohash: ${index.toString(16).padStart(40, '0')}`)
  const text = `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n${lines.slice(0, 25).join('\r\n')}`
  assert.equal(unwrap(decodeLocalAnnounce(fromLatin1(text))).infoHashes.length, 25)
  assert.ok(refused(`BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n${lines.join('\r\n')}`), 'longer than a datagram may be')
})
