// The corpus of sound and hostile torrents: each one accepted or refused as the table says, with the code it says.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseInfo } from '../../../src/formats/metainfo/parse-info.ts'
import { parseMetainfo } from '../../../src/formats/metainfo/parse-metainfo.ts'
import { nameCases } from './corpus-names.ts'
import { version1Cases } from './corpus-version-1.ts'
import { version2Cases } from './corpus-version-2.ts'

const cases = [...nameCases, ...version1Cases, ...version2Cases]

describe('corpus', () => {
  for (const { name, bytes, expected } of cases) {
    test(typeof expected === 'string' ? `refuses ${name}` : `accepts ${name}`, () => {
      const result = parseMetainfo(bytes)
      if (typeof expected === 'string') {
        assert.equal(result.ok ? 'accepted' : result.code, expected, result.ok ? '' : result.detail)
        return
      }
      assert.ok(result.ok, result.ok ? '' : `${result.code}: ${result.detail}`)
      expected(result.value)
      assert.ok(parseInfo(result.value.info.raw).ok, 'peers may send the same info dictionary')
    })
  }

  test('is as broad as it claims, and no case comes twice', () => {
    assert.ok(cases.filter(({ expected }) => typeof expected === 'string').length >= 80)
    assert.ok(cases.filter(({ expected }) => typeof expected !== 'string').length >= 80)
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  })
})
