// Every fuzz target for a fixed number of inputs from a fixed seed, and the fuzzer itself on planted defects.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FuzzTarget } from '../fuzz/fuzz-target.ts'
import { fuzzTarget, inputOf } from '../fuzz/harness/campaign.ts'
import { discoverTargets } from '../fuzz/harness/discover.ts'
import { fromLatin1, toLatin1 } from '../src/base/bytes.ts'

const seed = 20_260_101
const { SWARMBID_TEST_LONG } = process.env
const iterations = SWARMBID_TEST_LONG === undefined ? 2_000 : 100_000

describe('fuzz targets', async () => {
  const targets = await discoverTargets()
  test('the bencode target is among them', () => assert.ok(targets.some(({ name }) => name === 'bencode')))
  for (const target of targets) {
    test(`${target.name} keeps its promises on ${iterations} mutated inputs`, () => {
      const crash = fuzzTarget(target, seed, 0, iterations)
      if (crash === undefined) return
      const hex = Buffer.from(crash.minimised).toString('hex')
      throw new Error(`seed ${seed}, iteration ${crash.iteration}, smallest input ${hex}`, { cause: crash.error })
    })
  }
})

function planted(run: (input: Uint8Array) => void): FuzzTarget {
  return { name: 'planted', seeds: ['d4:name5:helloe', 'l3:abci-17ee'].map(fromLatin1), run }
}

describe('fuzzer', () => {
  test('finds a planted defect and reduces it to the bytes that matter', () => {
    const target = planted((input) => {
      const text = toLatin1(input)
      if (text.includes('i0e') && text.includes('l')) throw new Error(`planted at ${text.indexOf('i0e')}`)
    })
    const crash = fuzzTarget(target, seed, 0, 20_000)
    assert.ok(crash !== undefined)
    assert.deepEqual([...toLatin1(crash.minimised)].sort().join(''), '0eil')
    assert.deepEqual(crash.input, inputOf(target, seed, crash.iteration))
  })

  test('reports an input on which the target never returns', () => {
    const target = planted((input) => {
      while (input.length === 3) input.indexOf(0)
    })
    const crash = fuzzTarget(target, seed, 0, 20_000, 100)
    assert.ok(crash !== undefined)
    assert.equal(crash.input.length, 3)
    assert.match(String(crash.error), /timed out/)
  })

  test('gives the same inputs for the same seed, others for another, and never leaves the length limit', () => {
    const target: FuzzTarget = { ...planted(() => {}), maxLengthBytes: 100 }
    const inputs = (from: number) => Array.from({ length: 500 }, (_, index) => toLatin1(inputOf(target, from, index)))
    assert.deepEqual(inputs(1), inputs(1))
    assert.notDeepEqual(inputs(1), inputs(2))
    assert.ok(inputs(3).every((input) => input.length <= 100))
    assert.ok(new Set(inputs(3)).size > 400)
  })
})
