// Private files: mode, atomicity wherever the process dies, nothing taken away unasked.
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import {
  makePrivateFolder,
  type PrivateFileCalls,
  systemPrivateFileCalls,
  writePrivateFile,
} from '../../src/host/private-file.ts'
import { temporaryFolder } from './temporary-folder.ts'

const isPosix = process.platform !== 'win32'
const bytes = (text: string) => fromUtf8(text)

class Killed extends Error {}

/** Ends the process, as far as a test can see, at the call of that number, before it or half done. */
function dyingAt(last: number): { readonly calls: PrivateFileCalls; readonly made: string[] } {
  const made: string[] = []
  const guard =
    <Arguments extends unknown[], T>(name: string, call: (...given: Arguments) => T) =>
    (...given: Arguments): T => {
      if (made.length >= last) throw new Killed(name)
      made.push(name)
      return call(...given)
    }
  const { write } = systemPrivateFileCalls
  return {
    made,
    calls: {
      create: guard('create', systemPrivateFileCalls.create),
      // One byte at a time, so that a death leaves part of it.
      write: guard('write', (descriptor, content, offset) =>
        write(descriptor, content.subarray(0, offset + 1), offset),
      ),
      sync: guard('sync', systemPrivateFileCalls.sync),
      close: guard('close', systemPrivateFileCalls.close),
      link: guard('link', systemPrivateFileCalls.link),
      rename: guard('rename', systemPrivateFileCalls.rename),
      remove: guard('remove', systemPrivateFileCalls.remove),
      syncFolder: guard('syncFolder', systemPrivateFileCalls.syncFolder),
    },
  }
}

test('wherever the process dies, the old content is there or the new, never neither', async (t) => {
  const folder = temporaryFolder(t)
  const contents: string[] = []
  for (let last = 0; ; last++) {
    const path = join(folder, `replaced-${last}`)
    unwrap(await writePrivateFile(path, bytes('old'), 'new'))
    const { calls, made } = dyingAt(last)
    const isDone = await writePrivateFile(path, bytes('the new'), 'replace', calls).then(
      () => true,
      (error: unknown) => !(error instanceof Killed),
    )
    contents.push(readFileSync(path, 'utf8'))
    if (!isDone) continue
    assert.deepEqual(made, ['create', ...Array(7).fill('write'), 'sync', 'close', 'rename', 'syncFolder'])
    break
  }
  assert.deepEqual([...new Set(contents)], ['old', 'the new'])
  assert.equal(contents.indexOf('the new'), contents.length - 2, 'new as soon as it was renamed, synced before')
})

test('wherever the process dies, a new file is whole or not there', async (t) => {
  const folder = temporaryFolder(t)
  for (let last = 0, isDone = false; !isDone; last++) {
    const path = join(folder, `new-${last}`)
    isDone = await writePrivateFile(path, bytes('content'), 'new', dyingAt(last).calls).then(
      () => true,
      (error: unknown) => !(error instanceof Killed),
    )
    const text = statSync(path, { throwIfNoEntry: false }) === undefined ? 'absent' : readFileSync(path, 'utf8')
    assert.ok(text === 'content' || (text === 'absent' && !isDone))
  }
})

test('only the owner may read it, at every moment and whatever stood there before', async (t) => {
  if (!isPosix) return t.skip('needs the modes of files of POSIX')
  const folder = temporaryFolder(t)
  const path = join(folder, 'key')
  writeFileSync(path, 'old', { mode: 0o666 })
  chmodSync(path, 0o666)
  const modes: number[] = []
  const watching: PrivateFileCalls = {
    ...systemPrivateFileCalls,
    sync(descriptor) {
      for (const name of readdirSync(folder)) if (name.endsWith('.part')) modes.push(statSync(join(folder, name)).mode)
      systemPrivateFileCalls.sync(descriptor)
    },
  }
  unwrap(await writePrivateFile(path, bytes('new'), 'replace', watching))
  modes.push(statSync(path).mode)
  assert.deepEqual(
    modes.map((mode) => mode & 0o777),
    [0o600, 0o600],
  )
  assert.deepEqual(readdirSync(folder), ['key'])
})

test('what is there is not taken away unless asked, and a link is replaced, not followed', async (t) => {
  const folder = temporaryFolder(t)
  const [path, other] = [join(folder, 'key'), join(folder, 'other')]
  writeFileSync(path, 'old')
  const refused = await writePrivateFile(path, bytes('new'), 'new')
  assert.ok(!refused.ok && refused.code === 'file-exists')
  assert.equal(readFileSync(path, 'utf8'), 'old')
  writeFileSync(other, 'elsewhere')
  if (isPosix) {
    symlinkSync(other, join(folder, 'link'))
    unwrap(await writePrivateFile(join(folder, 'link'), bytes('new'), 'replace'))
    assert.equal(readFileSync(other, 'utf8'), 'elsewhere')
  }
  assert.ok(!readdirSync(folder).some((name) => name.endsWith('.part')))
})

test('a failure leaves the old content and no rest of the new one', async (t) => {
  const folder = temporaryFolder(t)
  const path = join(folder, 'key')
  writeFileSync(path, 'old')
  for (const [name, code] of [
    ['write', 'ENOSPC'],
    ['sync', 'EIO'],
    ['rename', 'EACCES'],
  ] as const) {
    const failing = () => {
      throw Object.assign(new Error(code), { code, syscall: name })
    }
    const written = await writePrivateFile(path, bytes('new'), 'replace', {
      ...systemPrivateFileCalls,
      [name]: failing,
    })
    assert.ok(!written.ok && written.code === (code === 'ENOSPC' ? 'disk-full' : 'file-unwritable'), name)
    assert.equal(readFileSync(path, 'utf8'), 'old')
    assert.deepEqual(readdirSync(folder), ['key'])
  }
  const missing = await writePrivateFile(join(folder, 'none', 'key'), bytes('new'), 'replace')
  assert.ok(!missing.ok && missing.code === 'file-not-found')
})

test('where there are no links a new file is placed by its name, if that is free', async (t) => {
  const folder = temporaryFolder(t)
  const unlinked: PrivateFileCalls = {
    ...systemPrivateFileCalls,
    link() {
      throw Object.assign(new Error('EPERM'), { code: 'EPERM', syscall: 'link' })
    },
  }
  const path = join(folder, 'key')
  unwrap(await writePrivateFile(path, bytes('one'), 'new', unlinked))
  const refused = await writePrivateFile(path, bytes('two'), 'new', unlinked)
  assert.ok(!refused.ok && refused.code === 'file-exists')
  assert.equal(readFileSync(path, 'utf8'), 'one')
})

test('the folder is the owner’s alone, and made with those above it', async (t) => {
  const folder = join(temporaryFolder(t), 'a', 'b')
  unwrap(await makePrivateFolder(folder))
  unwrap(await makePrivateFolder(folder))
  if (isPosix) assert.equal(statSync(folder).mode & 0o777, 0o700)
  const taken = join(folder, 'file')
  writeFileSync(taken, '')
  const refused = await makePrivateFolder(join(taken, 'below'))
  assert.ok(!refused.ok && refused.code === 'file-not-plain')
  mkdirSync(join(folder, 'open'), { mode: 0o755 })
  unwrap(await makePrivateFolder(join(folder, 'open')))
  if (isPosix) assert.equal(statSync(join(folder, 'open')).mode & 0o777, 0o700)
})
