// The path sanitiser: names that have hurt other programs, and that nothing at all gets past it.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { fromLatin1, fromUtf8, utf8Length } from '../../src/base/bytes.ts'
import {
  decodeName,
  isPlainComponent,
  maxComponentBytes,
  sanitiseComponent,
  sanitisePath,
  withInfix,
} from '../../src/formats/path-sanitiser.ts'

const options = { numRuns: 500 }

/** Any text, with what is dangerous far more likely than by chance. */
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom('.', '..', '/', '\\', '\0', ' ', ':', 'CON', 'nul', 'com1', '.txt', '\u202e', '\u200b', '\ud800'),
      fc.constantFrom('e\u0301', '\u0301', '\u212a', '\u00b9', '\u{1f600}', '~', '-', 'a'.repeat(100), '\u1100\u1161'),
      fc.string({ unit: 'binary', maxLength: 8 }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

const device = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])( *\..*)?$/i

function assertSafe(component: string): void {
  assert.ok(utf8Length(component) <= maxComponentBytes)
  assert.doesNotMatch(component, /^\.{1,2}$|[/\\<>:"|?*]|[. ]$/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  assert.doesNotMatch(component, /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/)
  assert.doesNotMatch(component, device)
  assert.ok(component.isWellFormed())
  assert.equal(component, component.normalize('NFC'))
}

describe('path sanitiser', () => {
  const pairs: readonly (readonly [raw: string, safe: string])[] = [
    ['movie.mkv', 'movie.mkv'],
    ['a...b', 'a...b'],
    ['.hidden', '.hidden'],
    ['..', ''],
    ['.', ''],
    ['', ''],
    ['/..', ''],
    ['//\\', ''],
    ['. .', '_'],
    ['...', '_'],
    ['.\u200b.', ''],
    ['   ', '_'],
    ['/a/', 'a'],
    ['a\0b', 'ab'],
    ['\0\0', ''],
    ['\b', '_'],
    ['c:', 'c_'],
    ['a. . .', 'a'],
    ['foo\u200ebar', 'foobar'],
    ['foo\u202bbar', 'foobar'],
    ['\u2066evil\u2069', 'evil'],
    ['tag\u{e0041}ged', 'tagged'],
    ['CON', '_CON'],
    ['con.txt', '_con.txt'],
    ['Con .txt', '_Con .txt'],
    ['CONIN$', '_CONIN$'],
    ['lpt\u00b3.x', '_lpt\u00b3.x'],
    ['com', 'com'],
    ['com10', 'com10'],
    ['console', 'console'],
    ['co\u200bn', '_con'],
    ['con.', '_con'],
    ['\ud800x', '_x'],
    ['cafe\u0301', 'caf\u00e9'],
    ['\u212a', 'K'],
    ['\u1100\u200b\u1161', '\uac00'],
  ]
  for (const [raw, safe] of pairs) {
    test(`makes ${JSON.stringify(raw)} ${JSON.stringify(safe)}`, () => assert.equal(sanitiseComponent(raw), safe))
  }

  test('bytes that are not UTF-8 become underscores, sequence by sequence', () => {
    assert.equal(decodeName(fromLatin1('filename\xc2')), 'filename_')
    assert.equal(decodeName(fromLatin1('filename\xe2\x9f')), 'filename_')
    assert.equal(decodeName(fromLatin1('filename\xf0\x9f\x92foo')), 'filename_foo')
    assert.equal(sanitiseComponent(fromLatin1('a\xff.txt')), 'a_.txt')
    assert.equal(sanitiseComponent(fromUtf8('\u00fc')), '\u00fc')
  })

  test('a long name keeps its extension, a long extension counts as none', () => {
    assert.equal(sanitiseComponent(`${'a'.repeat(300)}.test`), `${'a'.repeat(235)}.test`)
    assert.equal(sanitiseComponent(`a.${'b'.repeat(300)}`), `a.${'b'.repeat(238)}`)
    assert.equal(sanitiseComponent(`${'\u00e9'.repeat(200)}.jpg`), `${'\u00e9'.repeat(118)}.jpg`)
    assert.equal(sanitiseComponent(`${'a'.repeat(239)} b`), 'a'.repeat(239))
    assert.equal(sanitiseComponent(`con${' '.repeat(300)}x`), '_con')
  })

  test('components of which nothing is left are dropped', () => {
    assert.deepEqual(sanitisePath(['a', '..', '.', '', '/', 'b']), ['a', 'b'])
    assert.deepEqual(sanitisePath(['..', '..']), [])
  })

  test('no text gets through unsafe, and safe text is left alone', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const safe = sanitiseComponent(text)
        if (safe !== '') assertSafe(safe)
        assert.equal(sanitiseComponent(safe), safe)
        assert.equal(sanitiseComponent(fromUtf8(safe)), safe)
        if (isPlainComponent(text)) assert.equal(safe, text)
      }),
      options,
    )
  })

  test('no bytes get through unsafe', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        const safe = sanitiseComponent(bytes)
        if (safe !== '') assertSafe(safe)
      }),
      options,
    )
  })

  test('an infix goes before the extension and never over the length', () => {
    assert.equal(withInfix('bar.txt', '.1'), 'bar.1.txt')
    assert.equal(withInfix('bar', '.1'), 'bar.1')
    assert.equal(withInfix('.bar', '.1'), '.bar.1')
    assert.equal(withInfix('a.tar.gz', '.12'), 'a.tar.12.gz')
    fc.assert(
      fc.property(hostileText, fc.integer({ min: 1, max: 500 }), (text, count) => {
        const name = sanitiseComponent(text) || '_'
        const other = withInfix(name, `.${count}`)
        assertSafe(other)
        assert.ok(other.includes(`.${count}`))
      }),
      options,
    )
  })

  test('megabytes of a hostile name take no time to speak of', () => {
    for (const unit of ['\u0315\u0300', ' ', '.', '\u{1f600}', '/', 'a. ']) {
      assert.ok(utf8Length(sanitiseComponent(unit.repeat(500_000))) <= maxComponentBytes)
    }
  })
})
