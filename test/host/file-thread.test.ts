// Tasks on files get the same answers whichever thread performs them, and each gets one.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { unwrap } from '../../src/base/errors.ts'
import { FileThread, type FileThreadOptions } from '../../src/host/file-thread.ts'
import { canAnchor } from '../../src/host/rooted-folder.ts'
import type { RelativePath } from '../../src/ports/files.ts'
import { codeOf } from '../conformance/files-conformance.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function until(isSo: () => boolean): Promise<void> {
  for (let count = 0; count < 10_000 && !isSo(); count++) await delay(1)
  assert.ok(isSo())
}

/** One whose thread is up, with a root for it. */
async function apart(t: TestContext, options: Partial<FileThreadOptions> = {}) {
  const root = temporaryFolder(t)
  const at = { root, isAnchored: canAnchor }
  const thread = new FileThread({ busyCount: 1, ...options })
  unwrap(await thread.perform({ type: 'status', at, path: [] }))
  await until(() => thread.isApart)
  return { root, at, thread }
}

describe('the thread for files', () => {
  test('few tasks at once do not start it, many do', async (t) => {
    const at = { root: temporaryFolder(t), isAnchored: canAnchor }
    const thread = new FileThread({ busyCount: 4 })
    const ask = (count: number) =>
      Promise.all(Array.from({ length: count }, () => thread.perform({ type: 'status', at, path: ['none'] })))
    for (let round = 0; round < 20; round++) for (const status of await ask(3)) assert.equal(unwrap(status), undefined)
    assert.equal(thread.isApart, false)
    await ask(4)
    await until(() => thread.isApart)
    for (const status of await ask(100)) assert.equal(unwrap(status), undefined)
  })

  test('each of many tasks gets its own answer, failures and new folders included', async (t) => {
    const { root, at, thread } = await apart(t)
    const numbers = Array.from({ length: 200 }, (_, index) => index)
    const opened = await Promise.all(
      numbers.map(async (number) => {
        const madeIn: RelativePath[] = []
        const path = [`folder ${number % 10}`, `file ${number}`]
        const file = unwrap(await thread.perform({ type: 'open', at, path, mode: 'create' }, madeIn))
        assert.equal(file.isNew, true)
        assert.equal(file.status?.lengthBytes, 0)
        const { descriptor } = file
        unwrap(await thread.perform({ type: 'set-length', descriptor, name: 'a', lengthBytes: number }))
        unwrap(await thread.perform({ type: 'close', descriptor, name: 'a' }))
        return madeIn.length
      }),
    )
    assert.equal(opened.filter((count) => count === 1).length, 10)
    const renamed = await Promise.all(
      numbers.map((number) => {
        const from = [`folder ${number % 10}`, `file ${number}`]
        const to = [`folder ${number % 10}`, number % 2 === 0 ? `other ${number}` : 'taken']
        return thread.perform({ type: 'rename', at, from, to })
      }),
    )
    const codes = renamed.map((result) => (result.ok ? 'ok' : result.code))
    assert.equal(codes.filter((code) => code === 'ok').length, 105)
    assert.equal(codes.filter((code) => code === 'file-exists').length, 95)
    for (const number of numbers.filter((even) => even % 2 === 0)) {
      const path = [`folder ${number % 10}`, `other ${number}`]
      const status = unwrap(await thread.perform({ type: 'status', at, path }))
      assert.equal(status?.lengthBytes, number)
      assert.equal(unwrap(await thread.perform({ type: 'remove', at, path })), true)
      assert.equal(unwrap(await thread.perform({ type: 'remove', at, path })), false)
    }
    assert.equal(readdirSync(join(root, 'folder 0')).length, 0)
    const absent = { type: 'open', at, path: ['none', 'x'], mode: 'read' } as const
    assert.equal(codeOf(await thread.perform(absent)), 'file-not-found')
    assert.equal(codeOf(await thread.perform({ type: 'status', at, path: ['..', 'x'] })), 'file-not-plain')
    assert.equal(existsSync(join(root, 'folder 0')), true)
  })

  test('tasks asked for together find folders as those before left them', async (t) => {
    const { root, at, thread } = await apart(t)
    const make = (path: RelativePath) => thread.perform({ type: 'open', at, path, mode: 'create' })
    const asked = [
      make(['a', 'x']),
      thread.perform({ type: 'rename', at, from: ['a'], to: ['b'] }),
      make(['a', 'x']),
      thread.perform({ type: 'remove', at, path: ['a', 'x'] }),
      thread.perform({ type: 'remove', at, path: ['a'] }),
      thread.perform({ type: 'status', at, path: ['a', 'x'] }),
      make(['a', 'y']),
      thread.perform({ type: 'rename', at, from: ['b', 'x'], to: ['a', 'z'] }),
      thread.perform({ type: 'status', at, path: ['a', 'z'] }),
    ] as const
    const codes = (await Promise.all(asked)).map((result) => (result.ok ? 'ok' : result.code))
    assert.deepEqual(
      codes,
      asked.map(() => 'ok'),
    )
    assert.equal(unwrap(await asked[5]), undefined)
    assert.equal(unwrap(await asked[8])?.kind, 'file')
    assert.deepEqual(readdirSync(root).sort(), ['a', 'b'])
    assert.deepEqual(readdirSync(join(root, 'a')).sort(), ['y', 'z'])
    assert.deepEqual(readdirSync(join(root, 'b')), [])
  })

  test('it ends when it has had nothing to do for a while, and is not missed', async (t) => {
    const { at, thread } = await apart(t, { idleMs: 400 })
    await until(() => !thread.isApart)
    assert.equal(unwrap(await thread.perform({ type: 'status', at, path: ['none'] })), undefined)
  })

  test('tasks of one that dies fail, and the next go on without it', async (t) => {
    const script = join(temporaryFolder(t), 'dying.mjs')
    writeFileSync(
      script,
      `import { parentPort } from 'node:worker_threads'
      parentPort.on('message', () => { throw new Error('a defect') })`,
    )
    const { at, thread } = await apart(t, { workerUrl: pathToFileURL(script) })
    const task = { type: 'status', at, path: ['none'] } as const
    const lost = await Promise.all([thread.perform(task), thread.perform(task)])
    for (const result of lost) assert.equal(codeOf(result), 'internal')
    assert.equal(unwrap(await thread.perform(task)), undefined)
  })
})
