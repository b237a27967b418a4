// What an operator lists: users and torrents.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { isUserPath, parseHashList, parseUsers } from '../../src/tracker/access-lists.ts'

const key = 'abcdefghijklmnop'

describe('lists of a tracker', () => {
  test('of users have a passkey a line, comments and names are passed over', () => {
    const users = parseUsers(`# ours\n\n${key} Alice # since May\r\n  ${'B_-9'.repeat(16)}\n`)
    assert.ok(users.ok)
    assert.equal(users.value.size, 2)
    assert.ok(isUserPath(users.value, `/${key}/announce`))
    assert.ok(isUserPath(users.value, `/${key}/announce?x=y`))
    for (const path of [
      '/announce',
      `/${key}`,
      `/${key}/announce/`,
      `//${key}/announce`,
      `/${key}x/announce`,
      '',
      `${key}`,
    ]) {
      assert.equal(isUserPath(users.value, path), false, path)
    }
  })

  test('of torrents have an info hash a line, of version 2 the first 20 bytes count', () => {
    const hashes = parseHashList(`${'AB'.repeat(20)} a name\n${'cd'.repeat(32)}`)
    assert.deepEqual(hashes.ok && [...hashes.value], ['ab'.repeat(20), 'cd'.repeat(20)])
  })

  test('that are not understood are refused by the number of the line, without its content', () => {
    for (const text of [`${key}\nsecret!key-secretkey`, `${key}\nshort`]) {
      const users = parseUsers(text)
      assert.ok(!users.ok)
      assert.equal(users.code, 'tracker-list')
      assert.equal(users.detail, 'line 2 is not understood')
    }
    assert.equal(parseHashList('ab'.repeat(21)).ok, false)
  })
})
