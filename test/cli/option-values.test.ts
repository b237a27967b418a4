// Values of options: what is meant is taken, what is doubtful is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  collect,
  collectChoices,
  collectNode,
  collectTier,
  parseCount,
  parseDuration,
  parsePieceLength,
  parsePortOption,
  parseRate,
  parseRatio,
  parseSize,
  parseThreads,
} from '../../src/cli/option-values.ts'

describe('option values', () => {
  test('sizes', () => {
    for (const [text, expected] of [
      ['262144', 262_144],
      ['256K', 262_144],
      ['256k', 262_144],
      ['256KiB', 262_144],
      ['1 MiB', 1_048_576],
      ['2GiB', 2_147_483_648],
    ] as const) {
      assert.equal(parseSize(text), expected)
    }
    for (const text of [
      '',
      '0',
      '-1',
      '1.5M',
      '1e6',
      '1MB',
      '0x10',
      'K',
      '1 K B',
      '１',
      '1_000',
      '+1',
      ' 1',
      '1KiB\n',
    ]) {
      assert.throws(() => parseSize(text), /Expected a size/, JSON.stringify(text))
    }
  })

  test('piece lengths may be powers of two', () => {
    assert.equal(parsePieceLength('2^20'), 1_048_576)
    assert.equal(parsePieceLength('1MiB'), 1_048_576)
    assert.throws(() => parsePieceLength('2^'), /Expected a size/)
  })

  test('threads', () => {
    assert.equal(parseThreads('1'), 1)
    assert.equal(parseThreads('16'), 16)
    for (const text of ['0', '17', '-1', '1.5', 'two', '', '1e1']) assert.throws(() => parseThreads(text), /1 to 16/)
  })

  test('trackers gather in tiers, other values in lists', () => {
    assert.deepEqual(collectTier('http://c', collectTier('http://a, http://b')), [
      ['http://a', 'http://b'],
      ['http://c'],
    ])
    assert.throws(() => collectTier('http://a,,http://b'), /Expected a URL/)
    assert.deepEqual(collect('b', collect('a')), ['a', 'b'])
    assert.deepEqual(collectNode('[::1]:6881', collectNode('router.example:1')), [
      { host: 'router.example', port: 1 },
      { host: '::1', port: 6881 },
    ])
    for (const text of ['host', 'host:0', 'host:65536', ':1']) assert.throws(() => collectNode(text), /HOST:PORT/)
  })

  test('rates, with or without the second', () => {
    assert.equal(parseRate('1MiB'), 1_048_576)
    assert.equal(parseRate('500KiB/s'), 512_000)
    assert.equal(parseRate('100 /s'), 100)
    assert.equal(parseRate('1.5M'), 1_572_864)
    assert.equal(parseRate('0.5 KiB/s'), 512)
    for (const text of ['0', '0K', '0.0']) assert.equal(parseRate(text), Number.POSITIVE_INFINITY, 'no limit')
    for (const text of ['', '/s', '1MiB/h', '1.5MB', '.5M', '1.M', '0.5', '-1', '1e6', 'Infinity']) {
      assert.throws(() => parseRate(text), /Expected bytes a second/, text)
    }
  })

  test('times', () => {
    for (const [text, seconds] of [
      ['0', 0],
      ['90', 90],
      ['90s', 90],
      ['30min', 1_800],
      ['30 m', 1_800],
      ['2h', 7_200],
      ['1d', 86_400],
    ] as const) {
      assert.equal(parseDuration(text), seconds, text)
    }
    for (const text of ['', 'h', '-1', '1.5h', '1w', '1h30']) assert.throws(() => parseDuration(text), text)
  })

  test('ratios, ports, counts', () => {
    assert.deepEqual([parseRatio('0'), parseRatio('2.5')], [0, 2.5])
    for (const text of ['', '-1', '1e3', '.5', 'Infinity']) assert.throws(() => parseRatio(text), text)
    assert.deepEqual([parsePortOption('0'), parsePortOption('65535')], [0, 65_535])
    for (const text of ['', '-1', '65536', '1.5', '0x10']) assert.throws(() => parsePortOption(text), text)
    assert.deepEqual([parseCount('1'), parseCount('99999')], [1, 99_999])
    for (const text of ['', '0', '-1', '100000']) assert.throws(() => parseCount(text), text)
  })

  test('choices of files add up', () => {
    const choices = collectChoices('2-3', collectChoices('0,*.txt'))
    assert.deepEqual(choices, [
      { type: 'numbers', range: { first: 0, last: 0 } },
      { type: 'pattern', pattern: '*.txt' },
      { type: 'numbers', range: { first: 2, last: 3 } },
    ])
    for (const text of ['', ',', '1,', '3-1', '9999999']) assert.throws(() => collectChoices(text), text)
  })
})
