// Reading inputs of bounded size, and putting outputs in place in one step.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { readFileBounded } from '../../src/host/read-input.ts'
import { reserveFile } from '../../src/host/write-output.ts'
import { codeOf } from './error-code.ts'
import { temporaryFolder } from './temporary-folder.ts'

const limit = { maxBytes: 1000, code: 'bencode-too-large' } as const

describe('reading inputs', () => {
  test('a file up to the limit is read whole, one byte more is refused', async (t) => {
    const path = join(temporaryFolder(t), 'a')
    for (const length of [0, 1, 999, 1000]) {
      writeFileSync(path, new Uint8Array(length).fill(7))
      assert.deepEqual(await readFileBounded(path, limit), new Uint8Array(length).fill(7))
    }
    writeFileSync(path, new Uint8Array(1001))
    assert.equal(await codeOf(() => readFileBounded(path, limit)), 'bencode-too-large')
  })

  test('a huge file is refused by its size alone', async (t) => {
    const path = join(temporaryFolder(t), 'sparse')
    writeFileSync(path, '')
    truncateSync(path, 2 ** 40)
    assert.equal(await codeOf(() => readFileBounded(path, limit)), 'bencode-too-large')
  })

  test('a file that claims no size is read to its end', async (t) => {
    if (process.platform !== 'linux') return t.skip('needs Linux')
    assert.ok((await readFileBounded('/proc/self/stat', limit)).length > 10)
    assert.equal(await codeOf(() => readFileBounded('/proc/cpuinfo', { ...limit, maxBytes: 10 })), 'bencode-too-large')
  })

  test('folders, FIFOs, devices and what is missing are typed', async (t) => {
    if (process.platform === 'win32') return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    assert.equal(spawnSync('mkfifo', [join(folder, 'pipe')]).status, 0)
    assert.equal(await codeOf(() => readFileBounded(folder, limit)), 'file-not-regular')
    assert.equal(await codeOf(() => readFileBounded(join(folder, 'pipe'), limit)), 'file-not-regular')
    assert.equal(await codeOf(() => readFileBounded('/dev/zero', limit)), 'file-not-regular')
    assert.equal(await codeOf(() => readFileBounded(join(folder, 'none'), limit)), 'file-not-found')
    assert.equal(await codeOf(() => readFileBounded(join(folder, 'pipe/x'), limit)), 'file-not-found')
  })
})

describe('writing outputs', () => {
  const bytes = new TextEncoder().encode('new')

  test('the file appears at commit, and no temporary file stays', (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'out')
    const reserved = reserveFile(path, false)
    assert.equal(readdirSync(folder).includes('out'), false)
    reserved.commit(bytes)
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.deepEqual(readdirSync(folder), ['out'])
  })

  test('discarded, nothing is left', (t) => {
    const folder = temporaryFolder(t)
    const reserved = reserveFile(join(folder, 'out'), false)
    assert.equal(readdirSync(folder).length, 1)
    reserved.discard()
    reserved.discard()
    assert.deepEqual(readdirSync(folder), [])
  })

  test('what exists is kept unless asked, even if it appears meanwhile', async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'out')
    const reserved = reserveFile(path, false)
    writeFileSync(path, 'old')
    assert.equal(await codeOf(() => reserved.commit(bytes)), 'file-exists')
    assert.equal(await codeOf(() => reserveFile(path, false)), 'file-exists')
    assert.equal(readFileSync(path, 'utf8'), 'old')
    reserveFile(path, true).commit(bytes)
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.deepEqual(readdirSync(folder), ['out'])
  })

  test('nothing but a regular file is ever replaced', async (t) => {
    if (process.platform === 'win32') return t.skip('needs POSIX')
    const folder = temporaryFolder(t)
    mkdirSync(join(folder, 'dir'))
    writeFileSync(join(folder, 'target'), 'old')
    symlinkSync('target', join(folder, 'link'))
    assert.equal(await codeOf(() => reserveFile(join(folder, 'dir'), true)), 'file-unwritable')
    assert.equal(await codeOf(() => reserveFile(join(folder, 'link'), true)), 'file-unwritable')
    assert.equal(await codeOf(() => reserveFile('/dev/null', true)), 'file-unwritable')
    assert.ok(statSync('/dev/null').isCharacterDevice())
    assert.equal(await codeOf(() => reserveFile(join(folder, 'none/out'), false)), 'file-unwritable')
    assert.equal(readFileSync(join(folder, 'target'), 'utf8'), 'old')
  })
})
