// BEP 46: links to torrents that change, with the published vectors, and what their items say.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, toHex } from '../../src/base/bytes.ts'
import { mutableTarget } from '../../src/formats/krpc/stored-item.ts'
import {
  formatTorrentPointer,
  isPointerAlone,
  isTorrentPointer,
  parseTorrentPointer,
  pointedInfoHash,
  pointerValue,
} from '../../src/formats/torrent-pointer.ts'

const key = '8543d3e6115f0f98c944077a4493dcd543e49c739fd998550a1f614ab36ed63e'

function targetOf(link: string): string {
  const parsed = parseTorrentPointer(link)
  assert.ok(parsed.ok && isTorrentPointer(link))
  return toHex(mutableTarget(parsed.value.publicKey, parsed.value.salt))
}

describe('torrent pointer', () => {
  test('a link that names a torrent as well is of that torrent', () => {
    const link = `magnet:?xs=urn:btpk:${key}`
    assert.ok(isPointerAlone(link) && isPointerAlone(`${link}&dn=xt`))
    assert.ok(!isPointerAlone(`magnet:?xt=urn:btih:${'0'.repeat(40)}&${link.slice('magnet:?'.length)}`))
    assert.ok(!isPointerAlone(`${link}&xt.1=urn:btih:${'0'.repeat(40)}`))
  })

  test('the published links lead to the published targets', () => {
    assert.equal(targetOf(`magnet:?xs=urn:btpk:${key}`), 'cc3f9d90b572172053626f9980ce261a850d050b')
    assert.equal(targetOf(`magnet:?xs=urn:btpk:${key}&s=6e`), '59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f')
    assert.equal(targetOf(`magnet:?dn=news&s=6e&xs=urn%3Abtpk%3A${key}`), '59ee7c2cb9b4f7eb1986ee2d18fd2fdb8a56554f')
  })

  test('other links are refused, whatever they are', () => {
    for (const link of [
      '',
      'magnet:?',
      `magnet:?xt=urn:btih:${'a'.repeat(40)}`,
      `magnet:?xs=urn:btpk:${key.slice(2)}`,
    ]) {
      assert.ok(!parseTorrentPointer(link).ok, link)
    }
    assert.ok(!parseTorrentPointer(`magnet:?xs=urn:btpk:${key}&s=${'6e'.repeat(65)}`).ok)
    assert.ok(!parseTorrentPointer(`magnet:?xs=urn:btpk:${key}&s=6`).ok)
    assert.ok(!parseTorrentPointer(`magnet:?xs=urn:btpk:${key}&dn=${'x'.repeat(5_000)}`).ok)
    fc.assert(fc.property(fc.string(), (text) => !parseTorrentPointer(`magnet:?xs=urn:btpk:${text}`).ok))
  })

  test('links and values are read as they were written', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
    fc.assert(
      fc.property(bytes(32), fc.uint8Array({ maxLength: 64 }), bytes(20), (publicKey, salt, infoHash) => {
        const parsed = parseTorrentPointer(formatTorrentPointer({ publicKey, salt }))
        assert.deepEqual(parsed, { ok: true, value: { publicKey, salt } })
        assert.deepEqual(pointedInfoHash(pointerValue(infoHash)), infoHash)
      }),
    )
  })

  test('a value that names no info hash names none', () => {
    for (const text of ['', 'de', '2:ih', 'd2:ih3:abce', 'd2:ihi5ee', `d2:ih21:${'x'.repeat(21)}e`, 'l'.repeat(500)]) {
      assert.equal(pointedInfoHash(fromLatin1(text)), undefined, text)
    }
    fc.assert(fc.property(fc.uint8Array(), (value) => void pointedInfoHash(value)))
  })
})
