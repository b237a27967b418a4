// Text for terminals: nothing invisible passes, nothing visible is lost; numbers for people.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { counted, formatBytes, formatCount, jsonLine, visible } from '../../src/cli/display-text.ts'
import { newStyle, usesColour } from '../../src/cli/output.ts'

const anyText = fc.string({ unit: 'binary', maxLength: 60 })
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

describe('text on a terminal', () => {
  test('controls, direction marks and separators are written out', () => {
    assert.equal(visible('a\u001b[31mb\u0007'), 'a\\u{1b}[31mb\\u{7}')
    assert.equal(visible('gpj.\u202eexe\u200b\u2028\u009b2J'), 'gpj.\\u{202e}exe\\u{200b}\\u{2028}\\u{9b}2J')
    assert.equal(visible('lone \ud800 surrogate'), 'lone \\u{d800} surrogate')
    assert.equal(visible('line\r\nbreak\ttab'), 'line\\u{d}\\u{a}break\\u{9}tab')
  })

  test('what people write stays as it is', () => {
    for (const text of ['naïve café', '漢字かな', 'Привет', '👍 ok', 'a b-c_d.e', 'עברית العربية']) {
      assert.equal(visible(text), text)
    }
  })

  test('no text, in any style, brings a control character but the colours of the style', () => {
    const styles = [newStyle(false), newStyle(true)]
    fc.assert(
      fc.property(anyText, (text) => {
        for (const style of styles) {
          for (const paint of Object.values(style) as ((value: string) => string)[]) {
            // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what it takes away
            assert.ok(!invisible.test(paint(text).replace(/^\u001b\[\d+m|\u001b\[\d+m$/g, '')))
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  test('JSON shows no invisible character and means the same', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const line = jsonLine({ text })
        assert.ok(!invisible.test(line))
        assert.deepEqual(JSON.parse(line), { text })
      }),
      { numRuns: 300 },
    )
    assert.equal(jsonLine(['\u009b\u202e\u{e0001}']), '["\\u009b\\u202e\\udb40\\udc01"]')
  })

  test('colours: FORCE_COLOR decides, then NO_COLOR, then the terminal', () => {
    assert.equal(usesColour(true, {}), true)
    assert.equal(usesColour(false, {}), false)
    assert.equal(usesColour(true, { TERM: 'dumb' }), false)
    assert.equal(usesColour(true, { NO_COLOR: '1' }), false)
    assert.equal(usesColour(true, { NO_COLOR: '' }), true)
    assert.equal(usesColour(false, { FORCE_COLOR: '1', NO_COLOR: '1' }), true)
    assert.equal(usesColour(true, { FORCE_COLOR: '0' }), false)
  })
})

describe('numbers for people', () => {
  test('sizes have at most one decimal and the unit that fits', () => {
    for (const [lengthBytes, text] of [
      [0, '0 B'],
      [1023, '1023 B'],
      [1024, '1 KiB'],
      [1536, '1.5 KiB'],
      [1_048_575, '1 MiB'],
      [2 ** 31, '2 GiB'],
      [2 ** 53, '8 PiB'],
    ] as const) {
      assert.equal(formatBytes(lengthBytes), text)
    }
  })

  test('counts are grouped and named', () => {
    assert.equal(formatCount(999), '999')
    assert.equal(formatCount(1_234_567), '1,234,567')
    assert.equal(counted(1, 'file'), '1 file')
    assert.equal(counted(2000, 'file'), '2,000 files')
  })
})
