// Values of options: what is meant is taken, what is doubtful is refused.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  collect,
  collectNode,
  collectTier,
  parsePieceLength,
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
})
