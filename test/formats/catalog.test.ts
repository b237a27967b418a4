// Catalogues of torrents: lists and feeds from anywhere.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { catalogLimits, parseCatalog } from '../../src/formats/catalog.ts'

const hash = '0123456789abcdef0123456789abcdef01234567'

function namesOf(text: string): readonly string[] {
  const parsed = parseCatalog(text)
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.detail)
  return parsed.value.names
}

describe('a catalogue', () => {
  test('has a torrent a line, each once, and lines that say nothing', () => {
    const magnet = `magnet:?xt=urn:btih:${hash}`
    const text = `# of today\n\n${magnet}\r\n  https://a.example/b.torrent\n${hash.toUpperCase()}\n${magnet}\nfoo bar\n`
    assert.deepEqual(namesOf(text), [magnet, 'https://a.example/b.torrent', hash.toUpperCase()])
    const parsed = parseCatalog(text)
    assert.equal(parsed.ok && parsed.value.strangeLines, 1)
  })

  test('that is a feed has the magnet link of each entry, or the torrent file it encloses', () => {
    const feed = `<?xml version="1.0"?><rss><channel><link>https://no.example/</link>
      <item><title>a</title><link><![CDATA[magnet:?xt=urn:btih:${hash}&dn=a]]></link></item>
      <item><enclosure type="application/x-bittorrent" length="1" url="https://a.example/t?id=1&amp;k=2"/></item>
      <item><link>https://a.example/page.html</link></item></channel></rss>`
    assert.deepEqual(namesOf(feed), [`magnet:?xt=urn:btih:${hash}&dn=a`, 'https://a.example/t?id=1&k=2'])
  })

  test('of nothing is fine; a page, too many and too much are refused with a code', () => {
    assert.deepEqual(namesOf(''), [])
    const many = Array.from({ length: catalogLimits.maxNames + 1 }, (_, index) => `https://a.example/${index}`)
    const refused = ['<html><body>no</body></html>', many.join('\n'), '#'.repeat(catalogLimits.maxCharacters + 1)]
    for (const text of refused) {
      const parsed = parseCatalog(text)
      assert.equal(parsed.ok ? '' : parsed.code, 'catalog-malformed')
    }
    assert.equal(namesOf(many.slice(1).join('\n')).length, catalogLimits.maxNames)
  })

  test('whatever its bytes are, gives names of the forms it may have, or a refusal', () => {
    const piece = fc.oneof(
      fc.string(),
      fc.constantFrom('<rss>', '<item>', 'magnet:?', '&amp;', '\n', 'https://', '<enclosure url="', '"'),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const parsed = parseCatalog(pieces.join(''))
        for (const name of parsed.ok ? parsed.value.names : [])
          assert.match(name, /^(?:magnet:\?|https?:\/\/|[0-9a-f]{40})/i)
      }),
    )
  })
})
