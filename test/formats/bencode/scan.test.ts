// The scanner: what it accepts, what it refuses and with which code, and that its limits hold.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { concatBytes, fromLatin1, toLatin1 } from '../../../src/base/bytes.ts'
import { unwrap } from '../../../src/base/errors.ts'
import { BencodeCursor } from '../../../src/formats/bencode/cursor.ts'
import { cellsPerNode, type ScanOptions, scan, TapeScanner } from '../../../src/formats/bencode/scan.ts'
import { modelDecode, nearlyBencode } from './model.ts'

function verdict(text: string, options: ScanOptions = {}): string {
  const scanned = scan(fromLatin1(text), options)
  if (!scanned.ok) return scanned.code.replace('bencode-', '')
  return scanned.value.violation === undefined ? 'canonical' : 'tolerated'
}

describe('scan', () => {
  test('accepts the examples of BEP 3', () => {
    for (const text of [
      '4:spam',
      'i3e',
      'i-3e',
      'i0e',
      'l4:spam4:eggse',
      'd3:cow3:moo4:spam4:eggse',
      'd4:spaml1:a1:bee',
    ]) {
      assert.equal(verdict(text, { strict: true }), 'canonical', text)
    }
  })

  test('says truncated for every proper beginning of a document', () => {
    const text = 'd3:cow3:moo4:listli-12e12:twelve bytesd0:0:eee'
    assert.equal(verdict(text), 'canonical')
    for (let length = 0; length < text.length; length++)
      assert.equal(verdict(text.slice(0, length)), 'truncated', text.slice(0, length))
  })

  const refused: Readonly<Record<string, readonly string[]>> = {
    'syntax': ['e', 'x', ':', '-', '-1:a', ' 1:a', 'i-e', 'ie', 'i--1e', 'i+1e', 'i1.5e', 'i 1e', 'i1-e', 'i1_e', 'lx'],
    'truncated': ['', 'i', 'i-', 'i1', 'i-1', '1', '1:', '2:a', 'd', 'l', 'd1:a', 'd1:ai1e', 'li1e', '999999:a', '12'],
    'too-large': ['99999999999:a', `${'9'.repeat(40)}:a`],
    'integer-range': [
      'i18446744073709551616e',
      'i-9223372036854775809e',
      `i${'9'.repeat(30)}e`,
      `i${'9'.repeat(1000)}e`,
      `i-${'1'.repeat(41)}e`,
      'i20000000000000000000e',
      `i${'0'.repeat(40)}1e`,
    ],
    'trailing-data': ['i1ei2e', 'dee', 'lee', '1:ab', '0:0:', 'i0e\n'],
  }
  for (const [code, texts] of Object.entries(refused)) {
    test(`refuses with bencode-${code}, strict or not`, () => {
      for (const text of texts) {
        assert.equal(verdict(text), code, text)
        assert.equal(verdict(text, { strict: true }), code, text)
      }
    })
  }

  test('refuses broken dictionaries', () => {
    for (const text of [
      'di1e1:ae',
      'dlee',
      'ddee',
      'd1:ae',
      'd1:a1:b1:ce',
      'd1:ad1:bee',
      `${'9'.repeat(41)}:a`,
      '1a:',
      '1e',
      '1-:',
    ]) {
      assert.equal(verdict(text), 'syntax', text)
    }
  })

  test('tolerates what is readable but not canonical, and refuses it when strict', () => {
    for (const text of [
      'i03e',
      'i00e',
      'i-0e',
      'i-03e',
      'i-00e',
      '03:abc',
      '00:',
      'd1:bi1e1:ai2ee',
      'd1:ai1e1:ai2ee',
      'd0:i1e0:i2ee',
      'd2:aai1e1:ai2ee',
      'd1:\xffi1e1:\x01i2ee',
      'ld1:bi1e1:ai2eee',
      `i${'0'.repeat(30)}7e`,
    ]) {
      assert.equal(verdict(text), 'tolerated', text)
      assert.equal(verdict(text, { strict: true }), 'not-canonical', text)
    }
  })

  test('knows the range of 64 bits to the last unit', () => {
    for (const text of [
      'i18446744073709551615e',
      'i-9223372036854775808e',
      'i9223372036854775808e',
      'i0000000000000000000000001e',
    ]) {
      assert.match(verdict(text), /canonical|tolerated/, text)
    }
  })

  test('remembers the first violation and where it is', () => {
    const scanned = scan(fromLatin1('l4:spami03ed1:bi1e1:ai2eee'))
    assert.deepEqual(scanned.ok && scanned.value.violation, { offset: 7, reason: 'an integer with leading zeros' })
  })

  test('a strict scan refuses exactly what the model does not read', () => {
    fc.assert(
      fc.property(nearlyBencode, (bytes) => {
        assert.equal(scan(bytes, { strict: true }).ok, modelDecode(bytes) !== undefined)
      }),
      { numRuns: 1500 },
    )
  })

  test('strict and tolerant scans differ only where there is a violation', () => {
    fc.assert(
      fc.property(nearlyBencode, (bytes) => {
        const tolerant = scan(bytes)
        const strict = scan(bytes, { strict: true })
        assert.equal(strict.ok, tolerant.ok && tolerant.value.violation === undefined)
        if (strict.ok && tolerant.ok) assert.deepEqual(strict.value.cells, tolerant.value.cells)
        if (!strict.ok && !tolerant.ok && strict.code !== 'bencode-not-canonical') assert.deepEqual(strict, tolerant)
      }),
      { numRuns: 500 },
    )
  })
})

describe('limits of scan', () => {
  test('nesting stops at the limit, at once, however much follows', () => {
    const deep = scan(new Uint8Array(1_000_000).fill(0x6c))
    assert.deepEqual(deep, { ok: false, code: 'bencode-too-deep', detail: 'nested deeper than 100 at byte 100' })
    assert.equal(verdict(`${'d1:a'.repeat(500_000)}`), 'too-deep')
    assert.equal(verdict(`${'l'.repeat(100)}${'e'.repeat(100)}`), 'canonical')
    assert.equal(verdict(`${'l'.repeat(101)}${'e'.repeat(101)}`), 'too-deep')
    assert.equal(verdict(`${'l'.repeat(3)}${'e'.repeat(3)}`, { limits: { maxDepth: 3 } }), 'canonical')
    assert.equal(verdict(`${'d1:a'.repeat(4)}`, { limits: { maxDepth: 3 } }), 'too-deep')
    assert.equal(verdict('i1e', { limits: { maxDepth: 0 } }), 'canonical')
    assert.equal(verdict(`${'l'.repeat(512)}${'e'.repeat(512)}`, { limits: { maxDepth: 512 } }), 'canonical')
  })

  test('the number of values stops at the limit, across growing tapes too', () => {
    for (const count of [1, 2, 255, 256, 257, 511, 512, 513, 5_000, 70_000]) {
      const text = `l${'0:'.repeat(count - 1)}e`
      assert.equal(verdict(text, { limits: { maxTokens: count } }), 'canonical', `${count}`)
      assert.equal(verdict(text, { limits: { maxTokens: count - 1 } }), 'too-many-tokens', `${count}`)
    }
    assert.equal(verdict('d1:ai1ee', { limits: { maxTokens: 3 } }), 'canonical')
    assert.equal(verdict('d1:ai1ee', { limits: { maxTokens: 2 } }), 'too-many-tokens')
    assert.equal(verdict(`l${'le'.repeat(3_000_000)}e`), 'too-many-tokens')
  })

  test('size over the limit is too large, cut off or not', () => {
    assert.equal(verdict('4:spam', { limits: { maxBytes: 6 } }), 'canonical')
    assert.equal(verdict('4:spam', { limits: { maxBytes: 5 } }), 'too-large')
    const text = 'd3:cow3:moo4:listli-12e12:twelve bytesee'
    for (let maxBytes = 0; maxBytes < text.length; maxBytes++) {
      const options = { allowTrailing: true, limits: { maxBytes } }
      assert.equal(verdict(`${text}and more`, options), 'too-large', `${maxBytes}`)
      assert.equal(verdict(text.slice(0, maxBytes), { limits: { maxBytes: 100 } }), 'truncated', `${maxBytes}`)
    }
    assert.equal(verdict(`${text}and more`, { allowTrailing: true, limits: { maxBytes: text.length } }), 'canonical')
  })

  test('bytes after the value are allowed on request, and told', () => {
    const scanned = scan(fromLatin1('d8:msg_typei1eePAYLOAD'), { allowTrailing: true })
    assert.equal(scanned.ok && scanned.value.end, 15)
    assert.equal(verdict('i1e', { allowTrailing: true }), 'canonical')
    assert.equal(verdict('i1', { allowTrailing: true }), 'truncated')
  })

  test('limits beyond what a tape can hold are a mistake of the caller', () => {
    assert.throws(() => scan(fromLatin1('i1e'), { limits: { maxDepth: 513 } }), /limits within/)
    assert.throws(() => scan(fromLatin1('i1e'), { limits: { maxBytes: 2 ** 31 } }), /limits within/)
  })
})

describe('tapes', () => {
  test('stay as they were when other documents are scanned or refused', () => {
    const first = unwrap(scan(fromLatin1('d1:ai1e1:bli2ei3eee')))
    const before = first.cells.slice()
    for (const text of ['l1:x1:y1:z1:ue', 'x', 'd1:a', `l${'i1e'.repeat(100_000)}e`, `l${'l'.repeat(300)}`])
      scan(fromLatin1(text))
    assert.deepEqual(first.cells, before)
    assert.equal(new BencodeCursor(first).get('b')?.size, 2)
  })

  test('of a scanner of one’s own hold until its next scan, whatever the shared one does', () => {
    const scanner = new TapeScanner()
    const tape = unwrap(scanner.scan(fromLatin1('d1:ai1e1:bli2ei3eee')))
    scan(fromLatin1('l1:x1:y1:z1:ue'))
    assert.equal(new BencodeCursor(tape).get('a')?.integer(), 1)
    assert.equal(scanner.scan(fromLatin1('d1:a')).ok, false)
    assert.equal(new BencodeCursor(unwrap(scanner.scan(fromLatin1('d1:ai9ee')))).get('a')?.integer(), 9)
  })

  test('cover the document: raw spans nest, follow each other and leave nothing out', () => {
    fc.assert(
      fc.property(nearlyBencode, (bytes) => {
        const scanned = scan(bytes)
        if (!scanned.ok) return
        const rebuilt = (cursor: BencodeCursor): Uint8Array => {
          if (cursor.kind < 2) return cursor.raw()
          const parts = cursor.kind === 2 ? [...cursor.elements()] : [...cursor.entries()].flat()
          return concatBytes([fromLatin1(cursor.kind === 2 ? 'l' : 'd'), ...parts.map(rebuilt), fromLatin1('e')])
        }
        assert.equal(toLatin1(rebuilt(new BencodeCursor(scanned.value))), toLatin1(bytes))
        assert.equal(scanned.value.cells.length % cellsPerNode, 0)
      }),
      { numRuns: 500 },
    )
  })

  test('refer to a view at its own offset', () => {
    const whole = fromLatin1('xxxd1:a3:abcexxx')
    const cursor = new BencodeCursor(unwrap(scan(whole.subarray(3, 13))))
    assert.equal(cursor.get('a')?.latin1(), 'abc')
    assert.equal(toLatin1(cursor.raw()), 'd1:a3:abce')
  })
})
