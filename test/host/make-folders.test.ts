// Folders are made as deep as asked for, and where none can be made that is said, at once.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { type MakeFolder, makeFolders } from '../../src/host/make-folders.ts'
import { temporaryFolder } from './temporary-folder.ts'

function refusing(code: string): MakeFolder {
  return () => {
    throw Object.assign(new Error(code), { code, syscall: 'mkdir' })
  }
}

function codeOf(path: string, make?: MakeFolder): string {
  const made = makeFolders(path, make)
  return made.ok ? 'ok' : made.code
}

describe('making folders', () => {
  test('all that are missing are made, and the first of them is told', (t) => {
    const root = temporaryFolder(t)
    mkdirSync(join(root, 'a'))
    const deep = join(root, 'a', 'b', 'c')
    assert.equal(unwrap(makeFolders(deep)), join(root, 'a', 'b'))
    assert.ok(statSync(deep).isDirectory())
    assert.equal(unwrap(makeFolders(deep)), undefined)
  })

  test('what is no folder is in the way', (t) => {
    const root = temporaryFolder(t)
    writeFileSync(join(root, 'file'), '')
    assert.equal(codeOf(join(root, 'file')), 'file-not-plain')
    assert.equal(codeOf(join(root, 'file', 'below')), 'file-not-plain')
  })

  test('a system that makes nothing and says that nothing is there is asked twice a folder, not forever', (t) => {
    const path = join(temporaryFolder(t), 'a', 'b')
    let asked = 0
    const made = makeFolders(path, (folder) => {
      asked++
      refusing('ENOENT')(folder)
    })
    assert.equal(made.ok ? 'ok' : made.code, 'file-unwritable')
    assert.ok(asked <= 2 * path.split(/[/\\]/).length)
    if (existsSync('/proc/self')) assert.match(codeOf('/proc/nothing-here/a/b'), /^file-unwritable$/)
  })

  test('a full disk and a missing permission are what they are', (t) => {
    const path = join(temporaryFolder(t), 'a')
    assert.equal(codeOf(path, refusing('ENOSPC')), 'disk-full')
    assert.equal(codeOf(path, refusing('EACCES')), 'file-unwritable')
  })
})
