// What stands for a magnet link: links themselves and bare info hashes, and nothing that may be the name of a file.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkOf } from '../../src/daemon/make-magnet.ts'
import { parseMagnet } from '../../src/formats/magnet.ts'

const v1 = '0123456789abcdef0123456789abcdef01234567'
const v2 = '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'

test('a bare info hash, in every form it is written, stands for its link', () => {
  for (const text of [v1, v1.toUpperCase(), ` ${v1}\n`, 'AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH']) {
    const parsed = parseMagnet(linkOf(text) ?? '')
    assert.deepEqual(parsed.ok && [parsed.value.infoHashV1, parsed.value.infoHashV2], [v1, undefined], text)
  }
  for (const text of [v2, `1220${v2.toUpperCase()}`]) {
    const parsed = parseMagnet(linkOf(text) ?? '')
    assert.deepEqual(parsed.ok && [parsed.value.infoHashV1, parsed.value.infoHashV2], [undefined, v2], text)
  }
})

test('a link is itself; what may be a file or an address is none', () => {
  assert.equal(linkOf(` MAGNET:?xt=urn:btih:${v1} `), `MAGNET:?xt=urn:btih:${v1}`)
  for (const text of [
    '',
    '-',
    'a.torrent',
    `./${v1}`,
    `${v1}.torrent`,
    v1.slice(1),
    `${v1}0`,
    `1221${v2}`,
    'http://a',
  ]) {
    assert.equal(linkOf(text), undefined, text)
  }
})
