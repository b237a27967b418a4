// Locks of torrents: one living process has them, dead ones do not.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { defaultStateFolder } from '../../src/daemon/state-folder.ts'
import { lockTorrent } from '../../src/daemon/torrent-lock.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'

describe('the lock of a torrent', () => {
  test('is had once, by all names of the torrent, until it is released', (t) => {
    const folder = join(temporaryFolder(t), 'made', 'for it')
    const first = lockTorrent(folder, ['aa', 'bb'])
    assert.ok(first.ok)
    const second = lockTorrent(folder, ['cc', 'bb'])
    assert.ok(!second.ok && second.code === 'torrent-locked')
    assert.ok(second.detail.includes(String(process.pid)))
    assert.deepEqual(readdirSync(folder).sort(), ['aa.lock', 'bb.lock'])
    first.value.release()
    assert.deepEqual(readdirSync(folder), [])
    assert.ok(lockTorrent(folder, ['cc', 'bb']).ok)
  })

  test('of a process that is gone, or of no process at all, is taken over', (t) => {
    const folder = temporaryFolder(t)
    const { pid: gone } = spawnSync(process.execPath, ['--version'])
    for (const stale of [`${gone} 123\n`, `${gone} \n`, '', 'nonsense']) {
      writeFileSync(join(folder, 'aa.lock'), stale)
      const lock = lockTorrent(folder, ['aa'])
      assert.ok(lock.ok, JSON.stringify(stale))
      assert.deepEqual(readdirSync(folder), ['aa.lock'])
      lock.value.release()
    }
  })

  test('of a living process counts, unless that has the number of the one that had it', (t) => {
    const folder = temporaryFolder(t)
    writeFileSync(join(folder, 'aa.lock'), `${process.ppid} \n`)
    assert.equal(lockTorrent(folder, ['aa']).ok, false)
    if (process.platform !== 'linux') return
    writeFileSync(join(folder, 'aa.lock'), `${process.ppid} 1\n`)
    assert.equal(lockTorrent(folder, ['aa']).ok, process.ppid !== 1)
  })

  test('that was taken over meanwhile is not released', (t) => {
    const folder = temporaryFolder(t)
    const lock = lockTorrent(folder, ['aa'])
    assert.ok(lock.ok)
    writeFileSync(join(folder, 'aa.lock'), `${process.ppid} \n`)
    lock.value.release()
    assert.deepEqual(readdirSync(folder), ['aa.lock'])
  })
})

test('the state folder is where each system has such things', () => {
  assert.equal(defaultStateFolder('linux', {}, '/home/a'), '/home/a/.local/state/swarmbid')
  assert.equal(defaultStateFolder('linux', { XDG_STATE_HOME: '/state' }, '/home/a'), '/state/swarmbid')
  assert.equal(defaultStateFolder('linux', { XDG_STATE_HOME: 'relative' }, '/home/a'), '/home/a/.local/state/swarmbid')
  assert.equal(defaultStateFolder('darwin', {}, '/Users/a'), '/Users/a/Library/Application Support/swarmbid')
})
