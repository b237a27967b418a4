// Folders whose entries changed are on the disk when asked for, at the cost of as few syncs as possible.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FolderSync } from '../../src/host/folder-sync.ts'

interface Trial {
  readonly folders: FolderSync
  /** Each sync as it began. */
  readonly begun: string[]
  /** Ends the oldest sync under way. */
  end(error?: Error): Promise<void>
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function trial(): Trial {
  const begun: string[] = []
  const ends: ((error?: Error) => void)[] = []
  const folders = new FolderSync((path) => {
    begun.push(path.join('/'))
    return new Promise((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error))))
  })
  return {
    folders,
    begun,
    async end(error) {
      for (let count = 0; count < 3; count++) await nextTurn()
      const endOldest = ends.shift()
      assert.ok(endOldest !== undefined, 'a sync is under way')
      endOldest(error)
      await nextTurn()
    },
  }
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return Promise.race([promise.then(() => true), nextTurn().then(() => false)])
}

describe('syncing folders', () => {
  test('only folders with news are synced, the innermost first, and then they have none', async () => {
    const { folders, begun, end } = trial()
    await folders.settle(['a', 'b'])
    folders.note(['a'])
    folders.note([])
    folders.note(['other'])
    const settled = folders.settle(['a', 'b'])
    await end()
    await end()
    await settled
    assert.deepEqual(begun, ['a', ''])
    await folders.settle(['a', 'b'])
    assert.deepEqual(begun, ['a', ''])
  })

  test('many at once share one sync and all wait for it', async () => {
    const { folders, begun, end } = trial()
    folders.note(['a'])
    const settled = [1, 2, 3].map(() => folders.settle(['a']))
    for (const one of settled) assert.equal(await isSettled(one), false)
    await end()
    await Promise.all(settled)
    assert.deepEqual(begun, ['a'])
  })

  test('news during a sync needs another one', async () => {
    const { folders, begun, end } = trial()
    folders.note(['a'])
    const first = folders.settle(['a'])
    assert.equal(await isSettled(first), false)
    folders.note(['a'])
    const second = folders.settle(['a'])
    await end()
    await first
    assert.equal(await isSettled(second), false)
    await end()
    await second
    assert.deepEqual(begun, ['a', 'a'])
  })

  test('news before a sync has begun is part of it', async () => {
    const { folders, begun, end } = trial()
    folders.note(['a'])
    const first = folders.settle(['a'])
    folders.note(['a'])
    const second = folders.settle(['a'])
    await end()
    await Promise.all([first, second])
    await folders.settle(['a'])
    assert.deepEqual(begun, ['a'])
  })

  test('a folder that is gone before its sync has begun is not synced', async () => {
    const { folders, begun } = trial()
    folders.note(['a'])
    const settled = folders.settle(['a'])
    folders.forget(['a'])
    await settled
    assert.deepEqual(begun, [])
  })

  test('a sync that failed fails everyone who waited, and is done again', async () => {
    const { folders, begun, end } = trial()
    folders.note(['a'])
    const settled = [1, 2].map(() => assert.rejects(folders.settle(['a']), /disk/))
    await end(new Error('disk'))
    await Promise.all(settled)
    const again = folders.settle(['a'])
    await end()
    await again
    assert.deepEqual(begun, ['a', 'a'])
  })

  test('before a folder moves everything below it is synced, and nothing beside it', async () => {
    const { folders, begun, end } = trial()
    for (const path of [['a'], ['a', 'b', 'c'], ['ab'], []]) folders.note(path)
    const running = folders.settle(['a'])
    const below = folders.settleBelow(['a'])
    assert.equal(await isSettled(below), false)
    for (let count = 0; count < 3; count++) await end()
    await below
    await running
    assert.deepEqual([...begun].sort(), ['', 'a', 'a/b/c'])
    folders.forget(['ab'])
    await folders.settle(['ab'])
  })
})
