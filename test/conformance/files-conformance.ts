// What every implementation of the Files port promises, as tests over an empty root of its own.
// Guarantees: touches the port and nothing else, so that the real disk and a simulated one answer the same questions.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { equalBytes, fromUtf8 } from '../../src/base/bytes.ts'
import { type Failure, type Result, unwrap } from '../../src/base/errors.ts'
import type { FileRoot, Files, OpenFile, OpenMode, RelativePath, TransferSink } from '../../src/ports/files.ts'
import { fillerBytes } from '../host/temporary-folder.ts'

export interface FilesUnderTest {
  readonly files: Files
  /** Absolute; nothing is there yet. */
  readonly rootPath: string
}

export type TransferOutcome =
  | { readonly type: 'read'; readonly bytes: number }
  | { readonly type: 'written' }
  | { readonly type: 'failed'; readonly failure: Failure }

/** A sink that remembers what came back, and fails the test when a ticket comes twice or from inside a call. */
export class TransferLog implements TransferSink {
  readonly outcomes = new Map<number, TransferOutcome>()
  private readonly waiting = new Map<number, (outcome: TransferOutcome) => void>()
  private isInside = false

  onRead(ticket: number, bytes: number): void {
    this.note(ticket, { type: 'read', bytes })
  }

  onWritten(ticket: number): void {
    this.note(ticket, { type: 'written' })
  }

  onTransferFailed(ticket: number, failure: Failure): void {
    this.note(ticket, { type: 'failed', failure })
  }

  /** Begins a transfer, which must not answer before it returns. */
  begin(transfer: () => void): void {
    this.isInside = true
    transfer()
    this.isInside = false
  }

  outcome(ticket: number): Promise<TransferOutcome> {
    const known = this.outcomes.get(ticket)
    if (known !== undefined) return Promise.resolve(known)
    return new Promise((resolve) => this.waiting.set(ticket, resolve))
  }

  private note(ticket: number, outcome: TransferOutcome): void {
    assert.equal(this.isInside, false, 'an answer from inside the call')
    assert.equal(this.outcomes.has(ticket), false, `ticket ${ticket} came back twice`)
    this.outcomes.set(ticket, outcome)
    this.waiting.get(ticket)?.(outcome)
  }
}

export class FileDriver {
  readonly file: OpenFile
  readonly log: TransferLog
  private nextTicket = 1

  constructor(file: OpenFile, log: TransferLog) {
    this.file = file
    this.log = log
  }

  write(position: number, ...parts: readonly Uint8Array[]): Promise<TransferOutcome> {
    const ticket = this.nextTicket++
    this.log.begin(() => this.file.write(ticket, position, parts))
    return this.log.outcome(ticket)
  }

  read(position: number, target: Uint8Array): Promise<TransferOutcome> {
    const ticket = this.nextTicket++
    this.log.begin(() => this.file.read(ticket, position, target))
    return this.log.outcome(ticket)
  }
}

export async function openDriver(root: FileRoot, path: RelativePath, mode: OpenMode): Promise<FileDriver> {
  const log = new TransferLog()
  return new FileDriver(unwrap(await root.open(path, mode, log)), log)
}

export function codeOf(result: Result<unknown>): string {
  return result.ok ? 'ok' : result.code
}

async function writeFile(root: FileRoot, path: RelativePath, content: Uint8Array): Promise<void> {
  const driver = await openDriver(root, path, 'create')
  assert.deepEqual(await driver.write(0, content), { type: 'written' })
  unwrap(await driver.file.close())
}

export async function contentOf(root: FileRoot, path: RelativePath): Promise<Uint8Array> {
  const driver = await openDriver(root, path, 'read')
  const bytes = new Uint8Array(unwrap(await driver.file.status()).lengthBytes)
  assert.deepEqual(await driver.read(0, bytes), { type: 'read', bytes: bytes.length })
  unwrap(await driver.file.close())
  return bytes
}

const sink = (): TransferSink => new TransferLog()

function transferTests(fresh: (t: TestContext) => Promise<FileRoot>): void {
  test('what was written is read back, in parts that stand end to end, from shared memory too', async (t) => {
    const root = await fresh(t)
    const driver = await openDriver(root, ['a'], 'create')
    const parts = [5, 0, 100_000, 1].map((length, index) => {
      const bytes = new Uint8Array(new SharedArrayBuffer(length))
      bytes.set(fillerBytes(length, index))
      return bytes
    })
    assert.deepEqual(await driver.write(7, ...parts), { type: 'written' })
    const back = new Uint8Array(new SharedArrayBuffer(100_013)).fill(9)
    assert.deepEqual(await driver.read(0, back), { type: 'read', bytes: 100_013 })
    assert.deepEqual(Buffer.from(back), Buffer.concat([new Uint8Array(7), ...parts]))
    unwrap(await driver.file.close())
  })

  test('only the end of the file makes a read short', async (t) => {
    const driver = await openDriver(await fresh(t), ['a'], 'create')
    await driver.write(0, fillerBytes(1000, 1))
    const target = new Uint8Array(600).fill(7)
    assert.deepEqual(await driver.read(900, target), { type: 'read', bytes: 100 })
    assert.deepEqual(target.subarray(0, 100), fillerBytes(1000, 1).subarray(900))
    assert.deepEqual(await driver.read(1000, target), { type: 'read', bytes: 0 })
    assert.deepEqual(await driver.read(5_000_000, target), { type: 'read', bytes: 0 })
    assert.deepEqual(await driver.read(400, target), { type: 'read', bytes: 600 })
    unwrap(await driver.file.close())
  })

  test('transfers of no bytes come back as any other', async (t) => {
    const driver = await openDriver(await fresh(t), ['a'], 'create')
    assert.deepEqual(await driver.write(0), { type: 'written' })
    assert.deepEqual(await driver.write(3, new Uint8Array(0)), { type: 'written' })
    assert.deepEqual(await driver.write(3, new Uint8Array(0), new Uint8Array(0)), { type: 'written' })
    assert.deepEqual(await driver.read(0, new Uint8Array(0)), { type: 'read', bytes: 0 })
    assert.equal(unwrap(await driver.file.status()).lengthBytes, 0)
    unwrap(await driver.file.close())
  })

  test('a hundred transfers at once each come back once, and closing waits for them', async (t) => {
    const root = await fresh(t)
    const driver = await openDriver(root, ['a'], 'create')
    const expected = fillerBytes(100 * 4096, 3)
    const outcomes = Array.from({ length: 100 }, (_, index) => {
      const place = (index * 37) % 100
      return driver.write(place * 4096, expected.subarray(place * 4096, (place + 1) * 4096))
    })
    unwrap(await driver.file.close())
    assert.equal(driver.log.outcomes.size, 100, 'tickets that came back before the file was closed')
    for (const outcome of await Promise.all(outcomes)) assert.deepEqual(outcome, { type: 'written' })
    assert.ok(equalBytes(await contentOf(root, ['a']), expected))
  })

  test('a file opened for reading is not written', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['a'], fromUtf8('old'))
    const driver = await openDriver(root, ['a'], 'read')
    const outcome = await driver.write(0, fromUtf8('new'))
    assert.equal(outcome.type === 'failed' ? outcome.failure.code : outcome.type, 'file-unwritable')
    unwrap(await driver.file.close())
    assert.deepEqual(await contentOf(root, ['a']), fromUtf8('old'))
  })

  test('a length set is the length, and holes read as zeros', async (t) => {
    const driver = await openDriver(await fresh(t), ['a'], 'create')
    unwrap(await driver.file.setLength(10_000_000))
    const status = unwrap(await driver.file.status())
    assert.equal(status.lengthBytes, 10_000_000)
    assert.ok(status.allocatedBytes < 1_000_000, `${status.allocatedBytes} bytes taken by a hole`)
    await driver.write(5_000_000, new Uint8Array(65_536).fill(1))
    assert.ok(unwrap(await driver.file.status()).allocatedBytes >= 65_536)
    const target = new Uint8Array(4).fill(9)
    assert.deepEqual(await driver.read(4_999_998, target), { type: 'read', bytes: 4 })
    assert.deepEqual([...target], [0, 0, 1, 1])
    unwrap(await driver.file.setLength(1))
    assert.deepEqual(await driver.read(0, target), { type: 'read', bytes: 1 })
    unwrap(await driver.file.sync())
    unwrap(await driver.file.close())
  })
}

function openingTests(fresh: (t: TestContext) => Promise<FileRoot>): void {
  test('only create makes a file, with its folders, and it keeps what is there', async (t) => {
    const root = await fresh(t)
    const path = ['one', 'two', 'three.bin']
    assert.equal(codeOf(await root.open(path, 'read', sink())), 'file-not-found')
    assert.equal(codeOf(await root.open(path, 'read-write', sink())), 'file-not-found')
    assert.deepEqual(unwrap(await root.list([], 10)), [])
    await writeFile(root, path, fromUtf8('content'))
    const again = await openDriver(root, path, 'create')
    assert.equal(unwrap(await again.file.status()).lengthBytes, 7)
    unwrap(await again.file.sync())
    unwrap(await again.file.close())
    const changed = await openDriver(root, path, 'read-write')
    await changed.write(0, fromUtf8('C'))
    unwrap(await changed.file.close())
    assert.deepEqual(await contentOf(root, path), fromUtf8('Content'))
  })

  test('many files are made in the same new folders at once', async (t) => {
    const root = await fresh(t)
    const names = Array.from({ length: 40 }, (_, index) => `${index}`)
    await Promise.all(names.map((name) => writeFile(root, ['a', 'b', name], fromUtf8(name))))
    assert.deepEqual([...unwrap(await root.list(['a', 'b'], 40))].sort(), [...names].sort())
    for (const name of names) assert.deepEqual(await contentOf(root, ['a', 'b', name]), fromUtf8(name))
  })

  test('names that lead elsewhere are refused by every operation', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['a'], fromUtf8('x'))
    for (const bad of ['', '.', '..', '../a', 'b/c', '/', 'b\\c', 'a\0', '\0']) {
      for (const path of [[bad], ['d', bad], [bad, 'd']]) {
        const results = [
          await root.open(path, 'create', sink()),
          await root.status(path),
          await root.list(path, 10),
          await root.rename(['a'], path, 'at-once'),
          await root.rename(path, ['e'], 'at-once'),
          await root.replace(path, fromUtf8('y')),
          await root.remove(path),
        ]
        for (const result of results) assert.equal(codeOf(result), 'file-not-plain', JSON.stringify(path))
      }
    }
    assert.deepEqual(unwrap(await root.list([], 10)), ['a'])
  })

  test('the root itself is looked at and never changed', async (t) => {
    const root = await fresh(t)
    assert.equal(unwrap(await root.status([]))?.kind, 'folder')
    assert.equal(codeOf(await root.open([], 'create', sink())), 'file-not-plain')
    assert.equal(codeOf(await root.replace([], fromUtf8('y'))), 'file-not-plain')
    assert.equal(codeOf(await root.remove([])), 'file-not-plain')
    assert.equal(codeOf(await root.rename([], ['b'], 'at-once')), 'file-not-plain')
  })

  test('a folder is not opened as a file, nor a file entered as a folder', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['folder', 'file'], fromUtf8('x'))
    for (const mode of ['read', 'read-write', 'create'] as const) {
      assert.equal(codeOf(await root.open(['folder'], mode, sink())), 'file-not-plain', mode)
      assert.equal(codeOf(await root.open(['folder', 'file', 'below'], mode, sink())), 'file-not-plain', mode)
    }
    assert.equal(codeOf(await root.replace(['folder'], fromUtf8('y'))), 'file-not-plain')
    assert.equal(codeOf(await root.list(['folder', 'file'], 10)), 'file-not-plain')
  })
}

function arrangingTests(fresh: (t: TestContext) => Promise<FileRoot>): void {
  test('status says what is there, and undefined where nothing is', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['folder', 'file'], new Uint8Array(70_000).fill(1))
    const file = unwrap(await root.status(['folder', 'file']))
    assert.equal(file?.kind, 'file')
    assert.equal(file?.lengthBytes, 70_000)
    assert.ok((file?.modifiedMs ?? 0) > 0)
    assert.equal(unwrap(await root.status(['folder']))?.kind, 'folder')
    assert.equal(unwrap(await root.status(['none'])), undefined)
    assert.equal(unwrap(await root.status(['none', 'below'])), undefined)
  })

  test('a list is whole or a failure', async (t) => {
    const root = await fresh(t)
    for (const name of ['a', 'b', 'c']) await writeFile(root, ['f', name], fromUtf8(name))
    assert.deepEqual([...unwrap(await root.list(['f'], 3))].sort(), ['a', 'b', 'c'])
    assert.equal(codeOf(await root.list(['f'], 2)), 'file-unreadable')
    assert.deepEqual(unwrap(await root.list([], 1)), ['f'])
    assert.equal(codeOf(await root.list(['none'], 2)), 'file-not-found')
  })

  test('renaming moves files and folders, makes folders, and never takes a name in use', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['a'], fromUtf8('A'))
    await writeFile(root, ['b'], fromUtf8('B'))
    unwrap(await root.rename(['a'], ['new', 'place', 'a2'], 'at-once'))
    assert.equal(unwrap(await root.status(['a'])), undefined)
    assert.deepEqual(await contentOf(root, ['new', 'place', 'a2']), fromUtf8('A'))
    assert.equal(codeOf(await root.rename(['b'], ['new', 'place', 'a2'], 'at-once')), 'file-exists')
    assert.equal(codeOf(await root.rename(['b'], ['new'], 'at-once')), 'file-exists')
    assert.equal(codeOf(await root.rename(['new'], ['b'], 'at-once')), 'file-exists')
    assert.equal(codeOf(await root.rename(['none'], ['c'], 'at-once')), 'file-not-found')
    unwrap(await root.rename(['new', 'place'], ['moved'], 'at-once'))
    assert.deepEqual(await contentOf(root, ['moved', 'a2']), fromUtf8('A'))
    assert.deepEqual(await contentOf(root, ['b']), fromUtf8('B'))
    assert.deepEqual([...unwrap(await root.list([], 10))].sort(), ['b', 'moved', 'new'])
  })

  test('an open file keeps working when it, or its folder, is renamed', async (t) => {
    const root = await fresh(t)
    const driver = await openDriver(root, ['f', 'a'], 'create')
    await driver.write(0, fromUtf8('one'))
    unwrap(await root.rename(['f', 'a'], ['f', 'b'], 'at-once'))
    unwrap(await root.rename(['f'], ['g'], 'at-once'))
    await driver.write(3, fromUtf8('two'))
    unwrap(await driver.file.sync())
    unwrap(await driver.file.close())
    assert.deepEqual(await contentOf(root, ['g', 'b']), fromUtf8('onetwo'))
  })

  test('replacing leaves the new content and nothing beside it', async (t) => {
    const root = await fresh(t)
    for (const content of [fillerBytes(300_000, 1), fromUtf8('short'), new Uint8Array(0)]) {
      unwrap(await root.replace(['records', 'resume'], content))
      assert.ok(equalBytes(await contentOf(root, ['records', 'resume']), content))
      assert.deepEqual(unwrap(await root.list(['records'], 10)), ['resume'])
    }
  })

  test('whoever reads while a file is replaced sees the old or the new', async (t) => {
    const root = await fresh(t)
    const contents = [1, 2, 3, 4].map((byte) => new Uint8Array(50_000).fill(byte))
    unwrap(await root.replace(['r'], contents[0] as Uint8Array))
    const replacing = Promise.all(contents.map((content) => root.replace(['r'], content)))
    for (let round = 0; round < 20; round++) {
      const seen = await contentOf(root, ['r'])
      assert.equal(seen.length, 50_000)
      assert.ok(seen.every((byte) => byte === seen[0] && byte > 0))
    }
    for (const result of await replacing) unwrap(result)
    assert.deepEqual(unwrap(await root.list([], 10)), ['r'])
  })

  test('removing takes files and empty folders, and says whether something was there', async (t) => {
    const root = await fresh(t)
    await writeFile(root, ['f', 'a'], fromUtf8('A'))
    assert.equal(codeOf(await root.remove(['f'])), 'file-unwritable')
    assert.equal(unwrap(await root.remove(['f', 'a'])), true)
    assert.equal(unwrap(await root.remove(['f', 'a'])), false)
    assert.equal(unwrap(await root.remove(['f'])), true)
    assert.equal(unwrap(await root.remove(['f', 'a'])), false)
    assert.deepEqual(unwrap(await root.list([], 10)), [])
  })

  test('there is some free space', async (t) => {
    const root = await fresh(t)
    const { volume, freeBytes } = unwrap(await root.space())
    assert.ok(Number.isSafeInteger(freeBytes) && freeBytes > 0)
    assert.ok(volume !== '' && unwrap(await root.space()).volume === volume)
  })
}

/** Declares the tests; `make` is called once for each. */
export function testFiles(name: string, make: (t: TestContext) => FilesUnderTest): void {
  const fresh = async (t: TestContext): Promise<FileRoot> => {
    const { files, rootPath } = make(t)
    return unwrap(await files.openRoot(rootPath))
  }
  describe(`files (${name})`, () => {
    test('a root is made when missing, and found again with what it holds', async (t) => {
      const { files, rootPath } = make(t)
      const deep = `${rootPath}/some/where`
      await writeFile(unwrap(await files.openRoot(deep)), ['a'], fromUtf8('x'))
      assert.deepEqual(await contentOf(unwrap(await files.openRoot(rootPath)), ['some', 'where', 'a']), fromUtf8('x'))
      assert.equal(codeOf(await files.openRoot(`${deep}/a`)), 'file-not-plain')
      assert.equal(codeOf(await files.openRoot(`${deep}/a/b`)), 'file-not-plain')
    })
    transferTests(fresh)
    openingTests(fresh)
    arrangingTests(fresh)
  })
}
