// URLs of files at web seeds, and the headers of their answers: total, and inert whatever a torrent calls its files.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseContentRange, webSeedFileUrl } from '../../src/formats/web-seed.ts'

function located(url: string, isFolder: boolean, path: readonly string[], rawPath?: readonly string[]): string {
  const file = rawPath === undefined ? { path } : { path, rawPath }
  const result = webSeedFileUrl(url, { isFolder }, file)
  return result.ok ? result.value : result.code
}

describe('the URL of a file at a web seed', () => {
  test('is that of the seed for a lone file, unless it ends with a slash', () => {
    assert.equal(located('http://a.example/x.iso', false, ['name.iso']), 'http://a.example/x.iso')
    assert.equal(located('http://a.example/pub/', false, ['name.iso']), 'http://a.example/pub/name.iso')
    assert.equal(located('http://a.example', false, ['name.iso']), 'http://a.example/')
    assert.equal(located('http://a.example/x?token=1#part', false, ['n']), 'http://a.example/x?token=1')
  })

  test('is below the seed in a folder of the torrent for several files, with a slash added where it lacks', () => {
    for (const url of ['http://a.example/pub', 'http://a.example/pub/']) {
      assert.equal(located(url, true, ['michael', 'Readme.txt']), 'http://a.example/pub/michael/Readme.txt')
    }
  })

  test('has the names of the torrent, not those of our disk', () => {
    assert.equal(located('http://a/', true, ['t', 'a_b'], ['t', 'a:b?']), 'http://a/t/a%3Ab%3F')
    assert.equal(located('http://a/', true, ['t', 'ü ☃#%41']), 'http://a/t/%C3%BC%20%E2%98%83%23%2541')
    assert.equal(located('http://a/', true, ['t', '\ud800']), 'http://a/t/%EF%BF%BD')
  })

  test('is of http or https, or there is none', () => {
    for (const url of ['ftp://a/', 'file:///etc/', 'nonsense', '', 'http://', `http://a/${'x'.repeat(5_000)}`]) {
      assert.equal(located(url, false, ['n']), 'web-seed-url')
    }
  })

  test('never leaves the folder of the seed, whatever the names', () => {
    const name = fc.oneof(fc.string(), fc.constantFrom('%2e%2e', '..%2f', '?', '#', '@', ':', '\\', ' ', '%'))
    const usable = name.filter((text) => text !== '' && text !== '.' && text !== '..' && !/[/\\\0]/.test(text))
    fc.assert(
      fc.property(fc.array(usable, { minLength: 1, maxLength: 5 }), (path) => {
        const url = new URL(located('http://user:pass@host.example:81/a/b/', true, path))
        assert.equal(`${url.origin} ${url.username} ${url.search}${url.hash}`, 'http://host.example:81 user ')
        const parts = url.pathname.split('/')
        assert.deepEqual(parts.slice(0, 3), ['', 'a', 'b'])
        assert.deepEqual(
          parts.slice(3).map(decodeURIComponent),
          path.map((component) => component.toWellFormed()),
        )
      }),
    )
  })
})

test('a content range is read where it makes sense', () => {
  const cases: readonly (readonly [string | undefined, unknown])[] = [
    ['bytes 0-499/1234', { first: 0, last: 499, totalBytes: 1234 }],
    [' Bytes 5-5/* ', { first: 5, last: 5, totalBytes: undefined }],
    [undefined, undefined],
    ['bytes */1234', undefined],
    ['bytes 5-4/10', undefined],
    ['bytes 0-10/10', undefined],
    ['items 0-1/2', undefined],
    ['bytes 0-1/2, bytes 3-4/5', undefined],
    [`bytes 0-${'9'.repeat(30)}/*`, undefined],
  ]
  for (const [text, expected] of cases) assert.deepEqual(parseContentRange(text), expected)
})
