// A database file keeps the promises of a store; what stands in it is not believed when it was changed behind its back;
// a full one says so and goes on; a second process is refused.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { unwrap } from '../../src/base/errors.ts'
import { openSqliteStore } from '../../src/host/sqlite-store.ts'
import { packChanges, unpackChanges } from '../../src/host/store-message.ts'
import type { Store, StoreChange } from '../../src/ports/store.ts'
import { bytesOf, storeConformance } from '../conformance/store-conformance.ts'
import { fillerBytes, temporaryFolder } from './temporary-folder.ts'

function pathIn(t: TestContext): string {
  return join(temporaryFolder(t), 'below', 'data.db')
}

storeConformance('a database file', (t) => {
  const path = pathIn(t)
  return {
    open: async () => unwrap(await openSqliteStore(path)),
    async codeOfSecond() {
      const second = await openSqliteStore(path)
      return second.ok ? 'opened' : second.code
    },
  }
})

const put = (key: number, value: Uint8Array): StoreChange => ({
  type: 'put',
  table: 'things',
  key: bytesOf(key),
  value,
})

async function codeOf(asked: Promise<{ readonly ok: boolean; readonly code?: string }>): Promise<string> {
  const result = await asked
  return result.ok ? 'done' : (result.code ?? '')
}

async function write(path: string, changes: readonly StoreChange[]): Promise<void> {
  const store = unwrap(await openSqliteStore(path))
  unwrap(await store.commit(changes, 'durable'))
  unwrap(await store.close())
}

describe('a database file', () => {
  test('is closed to another process as long as this one has it, and says so', async (t) => {
    const path = pathIn(t)
    const store = unwrap(await openSqliteStore(path))
    const module = fileURLToPath(new URL('../../src/host/sqlite-store.ts', import.meta.url))
    const script = `import(${JSON.stringify(module)}).then(async ({ openSqliteStore }) => {
      const opened = await openSqliteStore(${JSON.stringify(path)})
      console.log(opened.ok ? 'opened' : opened.code)
    })`
    const open = () => spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    assert.equal(open().stdout.trim(), 'store-locked')
    unwrap(await store.close())
  })

  test('a value that was changed on the disk is not given out, and nothing more is written', async (t) => {
    const path = pathIn(t)
    const value = fillerBytes(2_000, 1)
    await write(path, [put(1, value), put(2, bytesOf(1))])
    const bytes = readFileSync(path)
    const at = bytes.indexOf(Buffer.from(value.subarray(100, 132)))
    assert.ok(at > 0)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const store = unwrap(await openSqliteStore(path))
    assert.deepEqual(unwrap(await store.get('things', bytesOf(2))), bytesOf(1))
    assert.equal(await codeOf(store.get('things', bytesOf(1))), 'store-damaged')
    assert.equal(await codeOf(store.commit([put(3, bytesOf(1))], 'durable')), 'store-damaged')
    assert.equal(await codeOf(store.get('things', bytesOf(2))), 'store-damaged')
    assert.equal(await codeOf(store.close()), 'store-damaged')
  })

  test('a file that is no database, or of another program, is left as it is', async (t) => {
    const folder = temporaryFolder(t)
    const path = join(folder, 'other.db')
    for (const bytes of [fillerBytes(20_000, 2), fillerBytes(10, 3)]) {
      writeFileSync(path, bytes)
      assert.equal(await codeOf(openSqliteStore(path)), 'store-damaged')
      assert.deepEqual(new Uint8Array(readFileSync(path)), bytes)
    }
    assert.equal(await codeOf(openSqliteStore(folder)), 'file-unwritable')
    assert.equal(await codeOf(openSqliteStore(join(path, 'data.db'))), 'file-not-plain')
  })

  test('a damaged page is told, not believed', async (t) => {
    const path = pathIn(t)
    await write(
      path,
      Array.from({ length: 200 }, (_, key) => put(key, fillerBytes(300, key))),
    )
    const bytes = readFileSync(path)
    bytes.fill(0xab, 4_096)
    writeFileSync(path, bytes)
    const opened = await openSqliteStore(path)
    if (!opened.ok) {
      assert.equal(opened.code, 'store-damaged')
      return
    }
    assert.equal(await codeOf(opened.value.range('things', { order: 'ascending', maxCount: 1_000 })), 'store-damaged')
    assert.equal(await codeOf(opened.value.commit([put(1, bytesOf(1))], 'durable')), 'store-damaged')
    await opened.value.close()
  })

  test('full, it refuses whole batches, keeps what it has, and goes on where there is room', async (t) => {
    const path = pathIn(t)
    const store = unwrap(await openSqliteStore(path, { maxBytes: 1_048_576 }))
    const codes: string[] = []
    for (let key = 0; key < 40; key++) {
      codes.push(
        await codeOf(store.commit([put(key, fillerBytes(50_000, key)), put(100 + key, bytesOf(key))], 'durable')),
      )
    }
    const kept = codes.filter((code) => code === 'done').length
    assert.ok(kept >= 15 && kept < 25, `${kept} kept`)
    assert.ok(codes.slice(kept).every((code) => code === 'disk-full'))
    const range = { order: 'ascending', maxCount: 1_000 } as const
    assert.equal(unwrap(await store.range('things', range)).length, 2 * kept)
    unwrap(await store.commit([{ type: 'delete', table: 'things', key: bytesOf(0) }], 'durable'))
    unwrap(await store.commit([put(200, fillerBytes(40_000, 1))], 'durable'))
    unwrap(await store.close())
    assert.ok(statSync(path).size <= 1_048_576)
  })

  test('the thread keeps nobody waiting who has no question', async (t) => {
    const path = pathIn(t)
    const module = fileURLToPath(new URL('../../src/host/sqlite-store.ts', import.meta.url))
    const script = `import(${JSON.stringify(module)}).then(async ({ openSqliteStore }) => {
      const { value } = await openSqliteStore(${JSON.stringify(path)})
      const change = { type: 'put', table: 'a', key: Uint8Array.of(1), value: Uint8Array.of(2) }
      console.log((await value.commit([change], 'soon')).ok)
    })`
    const run = spawnSync(process.execPath, ['-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.equal(run.stdout.trim(), 'true', run.stderr)
    assert.equal(run.status, 0)
    const store: Store = unwrap(await openSqliteStore(path))
    assert.deepEqual(unwrap(await store.get('a', bytesOf(1))), bytesOf(2))
    unwrap(await store.close())
  })

  test('changes are unpacked as they were packed', () => {
    const changes: StoreChange[] = [
      put(1, fillerBytes(300, 1)),
      { type: 'insert', table: 'a-b2', key: fillerBytes(512, 2), value: new Uint8Array(0) },
      { type: 'delete', table: 'things', key: bytesOf(0) },
    ]
    assert.deepEqual([...unpackChanges(packChanges(changes))], changes)
    assert.throws(() => packChanges([{ ...put(1, bytesOf(1)), table: 'No; DROP' }]))
    assert.throws(() => packChanges([{ ...put(1, bytesOf(1)), key: new Uint8Array(513) }]))
  })
})
