// The Files port on a real disk: what every implementation promises, and what only a real disk can try.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { AssertionError } from '../../src/base/assert.ts'
import { equalBytes, fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { FileThread } from '../../src/host/file-thread.ts'
import { systemCalls, type TransferCalls, TransferPool } from '../../src/host/file-transfer.ts'
import { PlainFile } from '../../src/host/plain-file.ts'
import { canAnchor } from '../../src/host/rooted-folder.ts'
import { systemFiles } from '../../src/host/system-files.ts'
import type { FileRoot } from '../../src/ports/files.ts'
import { codeOf, contentOf, FileDriver, openDriver, TransferLog, testFiles } from '../conformance/files-conformance.ts'
import { fillerBytes, temporaryFolder } from './temporary-folder.ts'

const isPosix = process.platform !== 'win32'

const variants = [
  { name: 'held by descriptors', isAnchored: true, isPossible: canAnchor },
  { name: 'checked by path', isAnchored: false, isPossible: true },
].filter(({ isPossible }) => isPossible)

for (const { name, isAnchored } of variants) {
  testFiles(name, (t) => ({
    files: systemFiles({ isAnchored }),
    rootPath: join(temporaryFolder(t), 'root'),
  }))
}

function plainFile(
  descriptor: number,
  name: string,
  log: TransferLog,
  pool: TransferPool,
  settleFolders: () => Promise<void>,
  isWritable = true,
): PlainFile {
  const opened = { descriptor, isNew: false, isWritable, status: undefined }
  return new PlainFile(opened, name, log, pool, new FileThread(), settleFolders)
}

interface PlantedRoot {
  readonly root: FileRoot
  readonly rootPath: string
  /** What links planted in the root lead to; nothing in it may ever change. */
  readonly outsidePath: string
}

async function plantedRoot(t: TestContext, isAnchored: boolean): Promise<PlantedRoot> {
  const folder = temporaryFolder(t)
  const rootPath = join(folder, 'root')
  const outsidePath = join(folder, 'outside')
  mkdirSync(rootPath)
  mkdirSync(outsidePath)
  writeFileSync(join(outsidePath, 'secret'), 'secret')
  const root = unwrap(await systemFiles({ isAnchored }).openRoot(rootPath))
  return { root, rootPath, outsidePath }
}

function assertUntouched(outsidePath: string): void {
  assert.deepEqual(readdirSync(outsidePath), ['secret'])
  assert.equal(readFileSync(join(outsidePath, 'secret'), 'utf8'), 'secret')
}

for (const { name, isAnchored } of variants) {
  describe(`what is planted below a root (${name})`, { skip: isPosix ? false : 'needs POSIX' }, () => {
    test('a link in the place of a file is never followed, whether it leads somewhere or not', async (t) => {
      const { root, rootPath, outsidePath } = await plantedRoot(t, isAnchored)
      symlinkSync(join(outsidePath, 'secret'), join(rootPath, 'link'))
      symlinkSync(join(outsidePath, 'made'), join(rootPath, 'dangling'))
      symlinkSync(join(rootPath, 'plain'), join(rootPath, 'inside'))
      writeFileSync(join(rootPath, 'plain'), 'plain')
      for (const link of ['link', 'dangling', 'inside']) {
        for (const mode of ['read', 'read-write', 'create'] as const) {
          assert.equal(codeOf(await root.open([link], mode, new TransferLog())), 'file-not-plain', `${link} ${mode}`)
        }
        assert.equal(unwrap(await root.status([link]))?.kind, 'link')
        assert.equal(codeOf(await root.replace([link], fromUtf8('new'))), 'file-not-plain')
        assert.equal(codeOf(await root.rename([link], ['other'], 'at-once')), 'file-not-plain')
        assert.equal(codeOf(await root.rename(['plain'], [link], 'at-once')), 'file-exists')
        assert.equal(codeOf(await root.list([link], 10)), 'file-not-plain')
        assert.equal(unwrap(await root.remove([link])), true)
      }
      assertUntouched(outsidePath)
      assert.deepEqual(readdirSync(rootPath), ['plain'])
      assert.equal(readFileSync(join(rootPath, 'plain'), 'utf8'), 'plain')
    })

    test('a link in the place of a folder, at any depth, ends every operation', async (t) => {
      const { root, rootPath, outsidePath } = await plantedRoot(t, isAnchored)
      mkdirSync(join(rootPath, 'a', 'b'), { recursive: true })
      writeFileSync(join(rootPath, 'plain'), 'plain')
      symlinkSync(outsidePath, join(rootPath, 'link'))
      symlinkSync(outsidePath, join(rootPath, 'a', 'link'))
      symlinkSync('../..', join(rootPath, 'a', 'b', 'link'))
      symlinkSync(join(outsidePath, 'none'), join(rootPath, 'dangling'))
      for (const folder of [['link'], ['a', 'link'], ['a', 'b', 'link'], ['a', 'b', 'link', 'outside'], ['dangling']]) {
        const path = [...folder, 'secret']
        const results = [
          await root.open(path, 'read', new TransferLog()),
          await root.open(path, 'create', new TransferLog()),
          await root.open([...folder, 'deep', 'new'], 'create', new TransferLog()),
          await root.status(path),
          await root.list(folder, 10),
          await root.replace(path, fromUtf8('new')),
          await root.rename(path, ['stolen'], 'at-once'),
          await root.rename(['plain'], [...folder, 'planted'], 'at-once'),
          await root.remove(path),
        ]
        for (const result of results) assert.equal(codeOf(result), 'file-not-plain', folder.join('/'))
      }
      assertUntouched(outsidePath)
    })

    test('pipes, devices and sockets are refused at once', async (t) => {
      const { root, rootPath } = await plantedRoot(t, isAnchored)
      assert.equal(spawnSync('mkfifo', [join(rootPath, 'pipe')]).status, 0)
      for (const mode of ['read', 'read-write', 'create'] as const) {
        assert.equal(codeOf(await root.open(['pipe'], mode, new TransferLog())), 'file-not-plain', mode)
      }
      assert.equal(unwrap(await root.status(['pipe']))?.kind, 'other')
      assert.equal(codeOf(await root.replace(['pipe'], fromUtf8('new'))), 'file-not-plain')
      assert.equal(codeOf(await root.remove(['pipe'])), 'file-not-plain')
      assert.equal(codeOf(await root.rename(['pipe'], ['b'], 'at-once')), 'file-not-plain')
      assert.deepEqual(readdirSync(rootPath), ['pipe'])
      const devices = unwrap(await systemFiles({ isAnchored }).openRoot('/dev'))
      assert.equal(codeOf(await devices.open(['zero'], 'read', new TransferLog())), 'file-not-plain')
    })

    test('a link in the path of the root itself is the owner’s choice', async (t) => {
      const { rootPath, outsidePath } = await plantedRoot(t, isAnchored)
      symlinkSync(outsidePath, join(rootPath, 'chosen'))
      const root = unwrap(await systemFiles({ isAnchored }).openRoot(join(rootPath, 'chosen')))
      assert.deepEqual(await contentOf(root, ['secret']), fromUtf8('secret'))
      unwrap(await root.replace(['new'], fromUtf8('x')))
      const driver = await openDriver(root, ['made'], 'create')
      unwrap(await driver.file.sync())
      unwrap(await driver.file.close())
      assert.deepEqual(readdirSync(outsidePath).sort(), ['made', 'new', 'secret'])
    })

    test('a second hard link, as other programs share files by, is an ordinary file', async (t) => {
      const { root, rootPath, outsidePath } = await plantedRoot(t, isAnchored)
      linkSync(join(outsidePath, 'secret'), join(rootPath, 'shared'))
      assert.deepEqual(await contentOf(root, ['shared']), fromUtf8('secret'))
    })

    test('two folders of one disk are on the same volume, and those of different ones are not', async (t) => {
      const { root } = await plantedRoot(t, isAnchored)
      const volumeOf = async (path: string) =>
        unwrap(await unwrap(await systemFiles({ isAnchored }).openRoot(path)).space()).volume
      assert.equal(await volumeOf(temporaryFolder(t)), unwrap(await root.space()).volume)
      if (process.platform === 'linux') assert.notEqual(await volumeOf('/proc'), unwrap(await root.space()).volume)
    })

    test('a root that was taken away fails, and is not made again', async (t) => {
      const { root, rootPath } = await plantedRoot(t, isAnchored)
      rmSync(rootPath, { recursive: true })
      assert.equal(codeOf(await root.open(['a'], 'create', new TransferLog())), 'file-not-found')
      assert.equal(codeOf(await root.replace(['a'], fromUtf8('x'))), 'file-not-found')
      assert.equal(codeOf(await root.space()), 'file-not-found')
      assert.equal(existsSync(rootPath), false)
    })
  })
}

test('no folder exchanged for a link in mid-flight leads out of the root', async (t) => {
  if (!canAnchor) return t.skip('needs a system that names descriptors as paths')
  const { root, rootPath, outsidePath } = await plantedRoot(t, true)
  const folder = join(rootPath, 'a', 'b')
  const aside = join(rootPath, 'aside')
  mkdirSync(folder, { recursive: true })
  let isOver = false
  const opening = (async () => {
    const codes = new Set<string>()
    for (let round = 0; round < 300; round++) {
      const result = await root.open(['a', 'b', `planted-${round}`], 'create', new TransferLog())
      codes.add(codeOf(result))
      if (result.ok) unwrap(await result.value.close())
    }
    isOver = true
    return codes
  })()
  // The folder is made anew by the opening side whenever it is missing, so that each step may fail.
  const steps = [
    () => renameSync(folder, aside),
    () => symlinkSync(outsidePath, folder),
    () => new Promise((resolve) => setImmediate(resolve)),
    () => rmSync(folder, { recursive: true, force: true }),
    () => renameSync(aside, folder),
    () => new Promise((resolve) => setImmediate(resolve)),
  ]
  for (let turn = 0; !isOver; turn++) {
    try {
      await steps[turn % steps.length]?.()
    } catch {}
  }
  const codes = await opening
  assertUntouched(outsidePath)
  assert.ok(codes.has('file-not-plain') && codes.has('ok'), `the exchange was never met: ${[...codes]}`)
})

type Mood = string | number

/** Calls that do less than asked, or fail, as `mood` says for each. */
function moodyCalls(mood: () => Mood): TransferCalls {
  function soon(code: string, end: (error: NodeJS.ErrnoException, count: number) => void): void {
    setImmediate(() => end(Object.assign(new Error(code), { code, syscall: 'test' }), 0))
  }
  const calls: TransferCalls = {
    read(descriptor, target, offset, length, position, end) {
      const now = mood()
      if (typeof now === 'string') soon(now, end)
      else systemCalls.read(descriptor, target, offset, Math.min(length, now), position, end)
    },
    write(descriptor, bytes, offset, length, position, end) {
      const now = mood()
      if (typeof now === 'string') soon(now, end)
      else systemCalls.write(descriptor, bytes, offset, Math.min(length, now), position, end)
    },
    writev(descriptor, parts, position, end) {
      const joined = Buffer.concat(parts)
      calls.write(descriptor, joined, 0, joined.length, position, end)
    },
  }
  return calls
}

function inTurn(...moods: readonly Mood[]): () => Mood {
  let turn = 0
  return () => moods[turn++ % moods.length] as Mood
}

describe('transfers that do not go smoothly', () => {
  const content = fillerBytes(10_000, 5)

  test('short reads and writes and passing errors are carried on until everything is there', async (t) => {
    const rootPath = temporaryFolder(t)
    const writing = moodyCalls(inTurn(1, 'EINTR', 700, 1, 0, 5300, 'EAGAIN', 1000, 9))
    const driver = await openDriver(unwrap(await systemFiles({ calls: writing }).openRoot(rootPath)), ['a'], 'create')
    const parts = [content.subarray(0, 1), content.subarray(1, 1), content.subarray(1, 6000), content.subarray(6000)]
    assert.deepEqual(await driver.write(0, ...parts), { type: 'written' })
    assert.deepEqual(await driver.write(10_000, content), { type: 'written' })
    unwrap(await driver.file.close())
    const whole = Buffer.concat([content, content])
    assert.ok(equalBytes(readFileSync(join(rootPath, 'a')), whole))
    const reading = moodyCalls(inTurn(3, 'EINTR', 900, 'EAGAIN', 4000))
    const root = unwrap(await systemFiles({ calls: reading }).openRoot(rootPath))
    assert.ok(equalBytes(await contentOf(root, ['a']), whole))
  })

  test('writes of one file go to the system one at a time, in order; those of two files, and reads, together', async (t) => {
    let most = 0
    const underWay = new Map<number, number>()
    const order: number[] = []
    const counting: TransferCalls = {
      ...systemCalls,
      write(descriptor, bytes, offset, length, position, end) {
        const count = (underWay.get(descriptor) ?? 0) + 1
        assert.equal(count, 1, 'one write of a file')
        underWay.set(descriptor, count)
        most = Math.max(most, [...underWay.values()].filter((writes) => writes > 0).length)
        order.push(position)
        systemCalls.write(descriptor, bytes, offset, length, position, (error, written) => {
          underWay.set(descriptor, count - 1)
          end(error, written)
        })
      },
    }
    const root = unwrap(await systemFiles({ calls: counting }).openRoot(temporaryFolder(t)))
    const first = await openDriver(root, ['a'], 'create')
    const second = await openDriver(root, ['b'], 'create')
    const positions = [30_000, 0, 20_000, 10_000]
    const outcomes = await Promise.all([
      ...positions.map((position) => first.write(position, content)),
      second.write(70_000, content),
    ])
    for (const outcome of outcomes) assert.deepEqual(outcome, { type: 'written' })
    assert.equal(most, 2)
    assert.deepEqual(
      order.filter((position) => position < 70_000),
      positions,
    )
    assert.ok(
      equalBytes((await contentOf(root, ['a'])).subarray(10_000, 40_000), Buffer.concat(Array(3).fill(content))),
    )
    unwrap(await first.file.close())
    unwrap(await second.file.close())
  })

  test('errors that stay are said in their own code, once', async (t) => {
    const rootPath = temporaryFolder(t)
    writeFileSync(join(rootPath, 'a'), content)
    const expected = {
      ENOSPC: ['disk-full', 'file-unreadable'],
      EDQUOT: ['disk-full', 'file-unreadable'],
      EFBIG: ['disk-full', 'file-unreadable'],
      EIO: ['file-unwritable', 'file-unreadable'],
      EINTR: ['file-unwritable', 'file-unreadable'],
    }
    for (const [error, codes] of Object.entries(expected)) {
      const calls = moodyCalls(() => error)
      const driver = await openDriver(unwrap(await systemFiles({ calls }).openRoot(rootPath)), ['a'], 'create')
      const outcomes = await Promise.all([driver.write(0, content), driver.read(0, new Uint8Array(10))])
      const seen = outcomes.map((outcome) => (outcome.type === 'failed' ? outcome.failure.code : outcome.type))
      assert.deepEqual(seen, codes, error)
      unwrap(await driver.file.close())
    }
    const calls = moodyCalls(() => 0)
    const driver = await openDriver(unwrap(await systemFiles({ calls }).openRoot(rootPath)), ['a'], 'create')
    assert.equal((await driver.write(0, content)).type, 'failed', 'a disk that takes nothing and does not say why')
    unwrap(await driver.file.close())
  })

  test('a write that fails half-way is a failure', async (t) => {
    const calls = moodyCalls(inTurn(5000, 'ENOSPC'))
    const driver = await openDriver(unwrap(await systemFiles({ calls }).openRoot(temporaryFolder(t))), ['a'], 'create')
    const outcome = await driver.write(0, content)
    assert.equal(outcome.type === 'failed' ? outcome.failure.code : outcome.type, 'disk-full')
    unwrap(await driver.file.close())
  })

  test('a full device, and a sync it refuses, are failures', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('needs /dev/full')
    const log = new TransferLog()
    const pool = new TransferPool(systemCalls)
    const settled: string[] = []
    const file = plainFile(openSync('/dev/full', 'r+'), 'full', log, pool, async () => void settled.push('folders'))
    const driver = new FileDriver(file, log)
    for (const parts of [[content], [content, content]]) {
      const outcome = await driver.write(0, ...parts)
      assert.equal(outcome.type === 'failed' ? outcome.failure.code : outcome.type, 'disk-full')
    }
    assert.equal(codeOf(await file.sync()), 'file-unwritable')
    assert.deepEqual(settled, [])
    unwrap(await file.close())
  })

  test('a file that is only read, on a device that has nothing to sync, counts as synced', async (t) => {
    if (!existsSync('/dev/full')) return t.skip('needs /dev/full')
    const pool = new TransferPool(systemCalls)
    const settle = () => Promise.resolve()
    const file = plainFile(openSync('/dev/full', 'r'), 'full', new TransferLog(), pool, settle, false)
    unwrap(await file.sync())
    unwrap(await file.close())
  })

  test('a file whose folder cannot be synced is not synced', async (t) => {
    const path = join(temporaryFolder(t), 'a')
    const fault = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fsync' })
    const pool = new TransferPool(systemCalls)
    const file = plainFile(openSync(path, 'w+'), 'a', new TransferLog(), pool, () => Promise.reject(fault))
    assert.equal(codeOf(await file.sync()), 'file-unwritable')
    unwrap(await file.close())
  })

  test('beyond the size a user may write, the disk is full and the program goes on', async (t) => {
    if (!isPosix) return t.skip('needs POSIX')
    const module = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)
    const program = `
      const { systemFiles } = await import(${module('host/system-files.ts')})
      const { unwrap } = await import(${module('base/errors.ts')})
      const root = unwrap(await systemFiles().openRoot(process.argv[1]))
      const codes = []
      const sink = {
        onRead() {},
        onWritten(ticket) { codes[ticket] = 'written' },
        onTransferFailed(ticket, failure) { codes[ticket] = failure.code },
      }
      const file = unwrap(await root.open(['a'], 'create', sink))
      file.write(0, 0, [new Uint8Array(10_000), new Uint8Array(10_000)])
      file.write(1, 90_000, [new Uint8Array(200_000)])
      const grown = await file.setLength(10_000_000)
      await file.close()
      const replaced = await root.replace(['b'], new Uint8Array(200_000))
      console.log(JSON.stringify([...codes, grown.code, replaced.code]))`
    const folder = temporaryFolder(t)
    const command = 'ulimit -f 200; exec "$0" "$@"'
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', command, process.execPath, '--input-type=module', '-e', program, folder],
      { encoding: 'utf8' },
    )
    assert.equal(stdout.trim(), '["written","disk-full","disk-full","disk-full"]', stderr)
    assert.deepEqual(readdirSync(folder), ['a'], 'no temporary file stays')
  })
})

test('a new file is synced with the folders that lead to it, and later by itself', async (t) => {
  const rootPath = temporaryFolder(t)
  const root = unwrap(await systemFiles().openRoot(rootPath))
  const first = await openDriver(root, ['a', 'b', 'new'], 'create')
  renameSync(join(rootPath, 'a'), join(rootPath, 'elsewhere'))
  assert.equal(codeOf(await first.file.sync()), 'file-not-found', 'folders that cannot be found cannot be synced')
  renameSync(join(rootPath, 'elsewhere'), join(rootPath, 'a'))
  unwrap(await first.file.sync())
  renameSync(join(rootPath, 'a'), join(rootPath, 'elsewhere'))
  unwrap(await first.file.sync())
  unwrap(await first.file.close())
})

test('what is asked of a closed file, and closing it twice, are bugs of the caller', async (t) => {
  const driver = await openDriver(unwrap(await systemFiles().openRoot(temporaryFolder(t))), ['a'], 'create')
  unwrap(await driver.file.close())
  assert.throws(() => driver.file.write(1, 0, [new Uint8Array(1)]), AssertionError)
  assert.throws(() => driver.file.read(1, 0, new Uint8Array(1)), AssertionError)
  assert.throws(() => driver.file.close(), AssertionError)
})

test('no descriptor stays open behind all this', async (t) => {
  if (!canAnchor) return t.skip('needs Linux')
  const count = () => readdirSync('/proc/self/fd').length
  const folder = temporaryFolder(t)
  symlinkSync('.', join(folder, 'link'))
  for (const { isAnchored } of variants) {
    const root = unwrap(await systemFiles({ isAnchored }).openRoot(folder))
    const before = count()
    for (const path of [['a'], ['b', 'c'], ['link', 'x'], ['link'], ['none', 'x']]) {
      const result = await root.open(path, path[0] === 'none' ? 'read' : 'create', new TransferLog())
      if (result.ok) {
        unwrap(await result.value.sync())
        unwrap(await result.value.close())
      }
      await root.list(path, 1)
      await root.status(path)
      await root.replace(path, fromUtf8('x'))
      await root.rename(path, ['link', 'y'], 'at-once')
      await root.rename(path, ['d', 'e'], 'at-once')
      await root.remove(['d', 'e'])
      await root.remove(path)
      symlinkSync('.', join(folder, 'again'))
      rmSync(join(folder, 'again'))
    }
    // Folders are let go of without waiting for the system.
    for (let turn = 0; turn < 1000 && count() > before; turn++) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(count(), before)
  }
})
