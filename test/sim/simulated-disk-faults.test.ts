// Each fault of a simulated disk happens when asked for, is counted, and repeats from the seed.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { KnownContents } from '../../sim/ports/known-contents.ts'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedDisk, type SimulatedDiskOptions } from '../../sim/ports/simulated-files.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { failure, unwrap } from '../../src/base/errors.ts'
import type { FileRoot, OpenFile } from '../../src/ports/files.ts'
import { codeOf, TransferLog, type TransferOutcome } from '../conformance/files-conformance.ts'
import { fillerBytes } from '../host/temporary-folder.ts'

const content = fillerBytes(100_000, 1)
const path = '/root/file'

class Rig {
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly disk: SimulatedDisk
  readonly log = new TransferLog()
  private ticket = 0

  constructor(options: Partial<SimulatedDiskOptions> = {}, seed = 1) {
    this.disk = new SimulatedDisk({ clock: this.clock, random: simulatedRandom(seed), ...options })
  }

  async root(): Promise<FileRoot> {
    return unwrap(await this.clock.settle(this.disk.files().openRoot('/root')))
  }

  async open(name = 'file'): Promise<OpenFile> {
    return unwrap(await this.clock.settle((await this.root()).open(name.split('/'), 'create', this.log)))
  }

  write(file: OpenFile, position: number, ...parts: Uint8Array[]): Promise<TransferOutcome> {
    const ticket = this.ticket++
    file.write(ticket, position, parts)
    return this.clock.settle(this.log.outcome(ticket))
  }

  read(file: OpenFile, position: number, target: Uint8Array): Promise<TransferOutcome> {
    const ticket = this.ticket++
    file.read(ticket, position, target)
    return this.clock.settle(this.log.outcome(ticket))
  }

  async sync(file: OpenFile): Promise<string> {
    return codeOf(await this.clock.settle(file.sync()))
  }
}

function codeOfTransfer(outcome: TransferOutcome): string {
  return outcome.type === 'failed' ? outcome.failure.code : outcome.type
}

describe('a slow disk', () => {
  test('serves transfers one after the other, so that they back up', async () => {
    const rig = new Rig({ speed: { bytesPerSecond: 1_000_000, operationMs: 10 }, maxDelayMs: 0 })
    const file = await rig.open()
    const startMs = rig.clock.nowMs()
    const endsMs = await Promise.all(
      [0, 1, 2, 3]
        .map(async (index) => {
          file.write(100 + index, index * 100_000, [content])
          await rig.log.outcome(100 + index)
          return rig.clock.nowMs() - startMs
        })
        .concat([rig.clock.run(1000).then(() => 0)]),
    )
    assert.deepEqual(endsMs.slice(0, 4).map(Math.round), [110, 220, 330, 440])
    const target = new Uint8Array(50_000)
    const beforeMs = rig.clock.nowMs()
    await rig.read(file, 0, target)
    assert.equal(Math.round(rig.clock.nowMs() - beforeMs), 60)
    assert.ok(equalBytes(target, content.subarray(0, 50_000)))
  })

  test('makes a sync wait for what was written before', async () => {
    const rig = new Rig({ maxDelayMs: 0 })
    const file = await rig.open()
    rig.disk.speed = { bytesPerSecond: 100_000 }
    const beforeMs = rig.clock.nowMs()
    file.write(1, 0, [content])
    assert.equal(await rig.sync(file), 'ok')
    assert.equal(Math.round(rig.clock.nowMs() - beforeMs), 1000)
  })
})

describe('a full disk', () => {
  test('takes what there is room for, says so, and takes the rest when there is room', async () => {
    const rig = new Rig({ capacityBytes: 40_960 })
    const file = await rig.open()
    assert.equal(codeOfTransfer(await rig.write(file, 0, content)), 'disk-full')
    assert.equal(rig.disk.faults.refusedFull, 1)
    assert.equal(rig.disk.usedBytes(), 40_960)
    const root = await rig.root()
    assert.equal(unwrap(await rig.clock.settle(root.space())).freeBytes, 0)
    assert.equal(codeOf(await rig.clock.settle(root.replace(['record'], content.subarray(0, 10)))), 'disk-full')
    assert.equal(rig.disk.content('/root/record'), undefined)
    assert.equal(rig.disk.faults.refusedFull, 2)
    rig.disk.capacityBytes = 200_000
    assert.equal(codeOfTransfer(await rig.write(file, 0, content)), 'written')
    assert.ok(rig.disk.matches(path, content))
  })

  test('has room again for what is removed, replaced or cut off', async () => {
    const rig = new Rig()
    const root = await rig.root()
    const file = await rig.open('a/b')
    await rig.write(file, 0, content)
    assert.equal(rig.disk.usedBytes(), 25 * 4096)
    unwrap(await rig.clock.settle(root.replace(['record'], content)))
    unwrap(await rig.clock.settle(root.replace(['record'], content.subarray(0, 5000))))
    assert.equal(rig.disk.usedBytes(), 27 * 4096)
    unwrap(await rig.clock.settle(root.rename(['a'], ['c'], 'at-once')))
    unwrap(await rig.clock.settle(file.setLength(5000)))
    assert.equal(rig.disk.usedBytes(), 4 * 4096)
    unwrap(await rig.clock.settle(root.remove(['c', 'b'])))
    await rig.write(file, 0, content)
    assert.equal(rig.disk.usedBytes(), 2 * 4096)
  })
})

describe('a failing disk', () => {
  test('fails as often as asked, each kind of operation by itself, the same way from the same seed', async () => {
    const outcomes = async () => {
      const rig = new Rig({ failingOneIn: { read: 3, sync: 4 } })
      const file = await rig.open()
      const codes: string[] = []
      for (let index = 0; index < 60; index++) {
        codes.push(codeOfTransfer(await rig.write(file, 0, content)))
        codes.push(codeOfTransfer(await rig.read(file, 0, new Uint8Array(10))))
        codes.push(await rig.sync(file))
      }
      assert.equal(rig.disk.faults.failed, codes.filter((code) => /^file-/.test(code)).length)
      return codes
    }
    const codes = await outcomes()
    const countOf = (wanted: string) => codes.filter((code) => code === wanted).length
    assert.equal(countOf('written'), 60)
    assert.ok(countOf('file-unreadable') > 8 && countOf('file-unreadable') < 35)
    assert.ok(countOf('file-unwritable') > 5 && countOf('file-unwritable') < 30)
    assert.deepEqual(await outcomes(), codes)
  })

  test('tears some of the writes that fail, and leaves no byte but old and new ones', async () => {
    const rig = new Rig({ maxDelayMs: 0 })
    const file = await rig.open()
    const old = new Uint8Array(100_000).fill(1)
    const changed = new Uint8Array(100_000).fill(2)
    const seen = { none: 0, start: 0, pages: 0, all: 0 }
    for (let round = 0; round < 60; round++) {
      rig.disk.failing = () => undefined
      await rig.write(file, 0, old)
      rig.disk.failing = (operation) => (operation === 'write' ? failure('file-unwritable', 'EIO') : undefined)
      const outcome = await rig.write(file, 0, changed.subarray(0, 30_000), changed.subarray(30_000))
      assert.equal(codeOfTransfer(outcome), 'file-unwritable')
      const found = Buffer.from(rig.disk.content(path) ?? [])
      assert.ok(found.length === 100_000 && found.every((byte) => byte === 1 || byte === 2))
      const firstOld = found.indexOf(1)
      if (firstOld === -1) seen.all++
      else if (!found.includes(2)) seen.none++
      else if (found.lastIndexOf(2) < firstOld) seen.start++
      else seen.pages++
    }
    assert.equal(rig.disk.faults.failed, 60)
    assert.ok(seen.start > 5 && seen.pages > 5 && seen.none > 5, JSON.stringify(seen))
    assert.ok(rig.disk.faults.torn > 20 && rig.disk.faults.torn < 60)
  })

  test('drops the pages of a sync that failed, and no later sync brings them', async () => {
    const rig = new Rig()
    const file = await rig.open()
    await rig.write(file, 0, content)
    rig.disk.failing = (operation) => (operation === 'sync' ? failure('file-unwritable', 'EIO') : undefined)
    assert.equal(await rig.sync(file), 'file-unwritable')
    assert.equal(rig.disk.faults.droppedPages, 25)
    rig.disk.failing = () => undefined
    await rig.write(file, 4096, content.subarray(4096, 8192))
    assert.equal(await rig.sync(file), 'ok')
    assert.ok(rig.disk.matches(path, content), 'it shows them still')
    rig.disk.crash(true)
    const left = rig.disk.content(path) ?? new Uint8Array(0)
    assert.equal(left.length, 100_000)
    assert.ok(equalBytes(left.subarray(4096, 8192), content.subarray(4096, 8192)))
    assert.ok(rig.disk.faults.lostPages > 4 && rig.disk.faults.lostPages < 21)
    assert.equal(equalBytes(left, content), false)
  })
})

describe('a power loss', () => {
  test('keeps what was synced, whatever was known of it, and of the rest any pages', async () => {
    for (const known of [undefined, new KnownContents([content])]) {
      const rig = new Rig({ ...(known === undefined ? {} : { known }) })
      const file = await rig.open()
      await rig.write(file, 0, content.subarray(0, 50_000))
      assert.equal(await rig.sync(file), 'ok')
      await rig.write(file, 50_000, content.subarray(50_000))
      rig.disk.crash(true)
      const left = rig.disk.content(path) ?? new Uint8Array(0)
      assert.ok(left.length === 50_000 || left.length === 100_000)
      assert.ok(equalBytes(left.subarray(0, 50_000), content.subarray(0, 50_000)))
      assert.ok(rig.disk.faults.lostPages > 0)
      assert.equal(rig.disk.usedBytes() > 0, true)
    }
  })

  test('answers nothing to the dead program, and does what it had asked no more', async () => {
    const rig = new Rig({ speed: { operationMs: 100 } })
    const file = await rig.open()
    file.write(77, 0, [content])
    rig.disk.crash(false)
    await rig.clock.run(5000)
    assert.equal(rig.log.outcomes.has(77), false)
    assert.notEqual(rig.disk.content(path)?.length, 100_000)
  })

  /** How often names were there after a power loss, of forty. */
  async function survivors(areNamesDurable: boolean, arrange: (rig: Rig, root: FileRoot) => Promise<void>) {
    const counts = new Map<string, number>()
    let lostNames = 0
    for (let seed = 1; seed <= 40; seed++) {
      const rig = new Rig({ areNamesDurable }, seed)
      await arrange(rig, await rig.root())
      rig.disk.crash(true)
      for (const found of rig.disk.paths()) counts.set(found, (counts.get(found) ?? 0) + 1)
      lostNames += rig.disk.faults.lostNames
    }
    return { count: (name: string) => counts.get(`/root/${name}`) ?? 0, lostNames }
  }

  test('undoes names only where they are not durable at once, and never those that were put on the disk', async () => {
    const arrange = async (rig: Rig, root: FileRoot) => {
      await rig.open('unsynced')
      const deep = await rig.open('new/folder/unsynced')
      unwrap(await rig.clock.settle(deep.close()))
      assert.equal(await rig.sync(await rig.open('other/folder/synced')), 'ok')
      unwrap(await rig.clock.settle(root.replace(['records', 'resume'], content)))
      await rig.open('late')
      await rig.open('deep/late')
    }
    const durable = await survivors(true, arrange)
    assert.equal(durable.lostNames, 0)
    assert.equal(durable.count('late'), 40)
    const { count, lostNames } = await survivors(false, arrange)
    assert.ok(lostNames > 40)
    assert.equal(count('other/folder/synced'), 40)
    assert.equal(count('records/resume'), 40)
    assert.equal(count('unsynced'), 40, 'the folder it is in was put on the disk after it was made')
    assert.ok(count('new/folder/unsynced') > 5 && count('new/folder/unsynced') < 35)
    assert.ok(count('late') > 10 && count('late') < 30)
    assert.ok(count('deep/late') > 3 && count('deep/late') < count('late') + 5)
  })

  test('leaves a file that got another name soon one of both, until its folder is synced', async () => {
    const arrange = async (rig: Rig, root: FileRoot) => {
      for (const folder of ['a', 'b']) {
        assert.equal(await rig.sync(await rig.open(`${folder}/old`)), 'ok')
        unwrap(await rig.clock.settle(root.rename([folder, 'old'], [folder, 'new'], 'soon')))
      }
      assert.equal(await rig.sync(await rig.open('b/other')), 'ok')
    }
    assert.equal((await survivors(true, arrange)).count('a/new'), 40)
    const { count } = await survivors(false, arrange)
    assert.ok(count('a/new') > 10 && count('a/new') < 30)
    assert.equal(count('a/old') + count('a/new'), 40)
    assert.equal(count('b/new'), 40)
    assert.equal(count('b/old'), 0)
  })

  test('brings removed files back only where names are not durable at once', async () => {
    const arrange = async (rig: Rig, root: FileRoot) => {
      for (const name of ['a/gone', 'b/gone']) {
        const file = await rig.open(name)
        await rig.write(file, 0, content)
        assert.equal(await rig.sync(file), 'ok')
        assert.equal(unwrap(await rig.clock.settle(root.remove(name.split('/')))), true)
      }
      assert.equal(await rig.sync(await rig.open('b/other')), 'ok')
      assert.equal(rig.disk.usedBytes(), 0)
    }
    assert.equal((await survivors(true, arrange)).count('a/gone'), 0)
    const { count } = await survivors(false, arrange)
    assert.ok(count('a/gone') > 10 && count('a/gone') < 30)
    assert.equal(count('b/gone'), 0)
    assert.equal(count('b/other'), 40)
  })
})

describe('behind the program', () => {
  test('bytes rot without a trace in time and length', async () => {
    const rig = new Rig({ known: new KnownContents([content]) })
    rig.disk.put(path, content)
    await rig.clock.run(1000)
    const file = await rig.open()
    const before = unwrap(await rig.clock.settle(file.status()))
    const positions = rig.disk.rot(path, 5)
    assert.deepEqual(unwrap(await rig.clock.settle(file.status())), before)
    assert.equal(rig.disk.faults.rotted, new Set(positions).size)
    assert.equal(rig.disk.matches(path, content), false)
    rig.disk.crash(true)
    const found = rig.disk.content(path) ?? new Uint8Array(0)
    const differing = [...found.keys()].filter((index) => found[index] !== content[index])
    assert.deepEqual(
      differing,
      [...new Set(positions)].sort((one, other) => one - other),
    )
    assert.deepEqual(content, fillerBytes(100_000, 1), 'what the scenario knows is never changed')
  })

  test('files are cut off and deleted', async () => {
    const rig = new Rig({ known: new KnownContents([content]) })
    rig.disk.put(path, content)
    const file = await rig.open()
    rig.disk.truncate(path, 70_000)
    assert.deepEqual(await rig.read(file, 60_000, new Uint8Array(50_000)), { type: 'read', bytes: 10_000 })
    assert.ok(rig.disk.matches(path, content.slice(0, 70_000)))
    assert.equal(rig.disk.delete(path), true)
    assert.equal(rig.disk.delete(path), false)
    assert.equal(rig.disk.content(path), undefined)
    assert.equal(rig.disk.faults.rotted, 2)
  })
})
