// Disks of a simulation: files that take time, answer in any order, fail on demand, fill up and lose power.
// Guarantees: everything follows from the seed; what was not synced when the power goes is kept, dropped or torn page by
// page; after a crash the ports of the dead program never answer again. Names are durable at once, contents are not.
import { assert } from '../../src/base/assert.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { type Failure, failure, type Result, success } from '../../src/base/errors.ts'
import type {
  FileRoot,
  FileStatus,
  Files,
  OpenFile,
  OpenMode,
  RelativePath,
  TransferSink,
} from '../../src/ports/files.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SimulatedClock } from './simulated-clock.ts'

export type DiskOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'sync'
  | 'set-length'
  | 'status'
  | 'rename'
  | 'remove'
  | 'replace'

export interface SimulatedDiskOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  readonly maxDelayMs?: number
  readonly capacityBytes?: number
}

const pageBytes = 4096

/** What the system shows of a file, and what the disk holds of it. */
class FileNode {
  kind: FileStatus['kind'] = 'file'
  bytes: Uint8Array = new Uint8Array(0)
  durable: Uint8Array = new Uint8Array(0)
  modifiedMs = 0
  durableModifiedMs = 0
  /** Pages that take space, by number. */
  readonly pages = new Set<number>()
  /** Pages a failed sync gave up: no later one brings them to the disk, until they are written again. */
  readonly givenUp = new Set<number>()

  /** A sync of what was shown at some moment. */
  sync(shown: Uint8Array): void {
    const durable = shown.slice()
    for (const page of this.givenUp) {
      const start = page * pageBytes
      const end = Math.min(start + pageBytes, durable.length)
      durable.fill(0, start, end)
      durable.set(this.durable.subarray(start, end), start)
    }
    this.durable = durable
  }

  failSync(): void {
    for (const page of this.pages) {
      const start = page * pageBytes
      const end = start + pageBytes
      if (!equalBytes(this.bytes.subarray(start, end), this.durable.subarray(start, end))) this.givenUp.add(page)
    }
  }

  resize(lengthBytes: number): void {
    const resized = new Uint8Array(lengthBytes)
    resized.set(this.bytes.subarray(0, lengthBytes))
    this.bytes = resized
    for (const page of this.pages) if (page * pageBytes >= lengthBytes) this.pages.delete(page)
  }
}

export class SimulatedDisk {
  capacityBytes: number
  /** Decides which operations fail; asked once for each. */
  failing: (operation: DiskOperation, path: string) => Failure | undefined = () => undefined
  /** Operations that were made to fail. */
  failedCount = 0
  readonly clock: SimulatedClock
  private readonly random: Random
  private readonly maxDelayMs: number
  private readonly nodes = new Map<string, FileNode>()
  /** Counts programs that ran on it. */
  private life = 0

  constructor(options: SimulatedDiskOptions) {
    this.clock = options.clock
    this.random = options.random
    this.maxDelayMs = options.maxDelayMs ?? 5
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY
  }

  /** The port of the program that runs now. */
  files(): Files {
    const { life } = this
    return { openRoot: (path) => this.answer(life, () => success(this.rootAt(path, life))) }
  }

  /** The program dies at once; with `isPowerLoss`, so does what the disk was not told to keep. */
  crash(isPowerLoss: boolean): void {
    this.life++
    if (!isPowerLoss) return
    for (const node of this.nodes.values()) {
      const isLong = node.bytes.length >= node.durable.length || this.random.below(2) === 0
      const kept = new Uint8Array(isLong ? node.bytes.length : node.durable.length)
      kept.set(node.durable.subarray(0, kept.length))
      for (let start = 0; start < kept.length; start += pageBytes) {
        if (this.random.below(2) === 0)
          kept.set(node.bytes.subarray(start, Math.min(start + pageBytes, kept.length)), start)
      }
      node.bytes = kept
      node.durable = kept.slice()
      if (this.random.below(2) === 0) node.modifiedMs = node.durableModifiedMs
      node.durableModifiedMs = node.modifiedMs
    }
  }

  /** For tests: the content of a file now; undefined without one. */
  content(path: string): Uint8Array | undefined {
    return this.nodes.get(path)?.bytes
  }

  /** For tests: puts a file there, on the disk and not by the program. */
  put(path: string, content: Uint8Array, kind: FileStatus['kind'] = 'file'): void {
    const node = this.nodes.get(path) ?? new FileNode()
    this.nodes.set(path, node)
    node.kind = kind
    node.bytes = content.slice()
    node.durable = content.slice()
    node.modifiedMs = this.clock.wallMs()
    node.durableModifiedMs = node.modifiedMs
    node.pages.clear()
    for (let page = 0; page * pageBytes < content.length; page++) node.pages.add(page)
  }

  /** For tests: deletes a file behind the program's back. */
  delete(path: string): boolean {
    return this.nodes.delete(path)
  }

  /** For tests: all files, sorted. */
  paths(): string[] {
    return [...this.nodes]
      .filter(([, node]) => node.kind !== 'folder')
      .map(([path]) => path)
      .sort()
  }

  usedBytes(): number {
    let pageCount = 0
    for (const node of this.nodes.values()) pageCount += node.pages.size
    return pageCount * pageBytes
  }

  private delayMs(): number {
    return (this.random.below(1000) / 1000) * this.maxDelayMs
  }

  /** Runs an operation when it is due, unless the program is dead by then. */
  private later(life: number, run: () => void): void {
    this.clock.after(this.delayMs(), () => {
      if (life === this.life) run()
    })
  }

  private answer<T>(life: number, run: () => Result<T>): Promise<Result<T>> {
    return new Promise((resolve) => this.later(life, () => resolve(run())))
  }

  private failureOf(operation: DiskOperation, path: string): Failure | undefined {
    const failed = this.failing(operation, path)
    if (failed !== undefined) this.failedCount++
    return failed
  }

  private rootAt(rootPath: string, life: number): FileRoot {
    const nameOf = (path: RelativePath) => [rootPath, ...path].join('/')
    return {
      open: (path, mode, sink) => this.answer(life, () => this.open(rootPath, path, mode, sink, life)),
      status: (path) =>
        this.answer(
          life,
          () => this.failureOf('status', nameOf(path)) ?? success(statusOf(this.nodes.get(nameOf(path)))),
        ),
      list: (path, maxCount) =>
        this.answer(life, () => {
          const prefix = `${nameOf(path)}/`
          const names = new Set<string>()
          for (const known of this.nodes.keys()) {
            if (known.startsWith(prefix)) names.add(known.slice(prefix.length).split('/')[0] as string)
          }
          if (names.size > maxCount) return failure('file-unreadable', 'more names than expected')
          return success([...names])
        }),
      rename: (from, to) => this.answer(life, () => this.rename(rootPath, from, to)),
      replace: (path, content) =>
        this.answer(life, () => {
          const failed = this.failureOf('replace', nameOf(path)) ?? this.makeFolders(rootPath, path)
          if (failed !== undefined) return failed
          this.put(nameOf(path), content)
          return success(undefined)
        }),
      remove: (path) => this.answer(life, () => this.remove(nameOf(path))),
      freeBytes: () => this.answer(life, () => success(Math.max(0, this.capacityBytes - this.usedBytes()))),
    }
  }

  private open(
    rootPath: string,
    path: RelativePath,
    mode: OpenMode,
    sink: TransferSink,
    life: number,
  ): Result<OpenFile> {
    assert(
      path.length > 0 && path.every((part) => part !== '' && part !== '.' && part !== '..'),
      'a path below the root',
    )
    const name = [rootPath, ...path].join('/')
    const failed = this.failureOf('open', name)
    if (failed !== undefined) return failed
    const known = this.nodes.get(name)
    if (known !== undefined && known.kind !== 'file') return failure('file-not-plain', `${known.kind} in the way`)
    if (known === undefined && mode !== 'create') return failure('file-not-found', 'no such file')
    const node = known ?? new FileNode()
    if (known === undefined) {
      const inTheWay = this.makeFolders(rootPath, path)
      if (inTheWay !== undefined) return inTheWay
      node.modifiedMs = this.clock.wallMs()
      this.nodes.set(name, node)
    }
    return success(this.openFile(node, name, mode !== 'read', sink, life))
  }

  private openFile(node: FileNode, name: string, isWritable: boolean, sink: TransferSink, life: number): OpenFile {
    let isClosed = false
    let transferCount = 0
    const begin = () => {
      assert(!isClosed, 'a file that is open')
      transferCount++
    }
    return {
      read: (ticket, position, target) => {
        begin()
        this.later(life, () => {
          transferCount--
          const failed = this.failureOf('read', name)
          if (failed !== undefined) {
            sink.onTransferFailed(ticket, failed)
            return
          }
          const available = node.bytes.subarray(position, position + target.length)
          target.set(available)
          sink.onRead(ticket, available.length)
        })
      },
      write: (ticket, position, parts) => {
        begin()
        assert(isWritable, 'a file open for writing')
        // Some of it may be there before the rest is.
        let rest = parts
        let restPosition = position
        const [first] = parts
        const halfBytes = first === undefined ? 0 : first.length >> 1
        if (first !== undefined && halfBytes > 0 && this.random.below(2) === 0) {
          this.later(life, () => {
            if (rest.length === 0) return
            if (this.write(node, position, [first.subarray(0, halfBytes)]) !== undefined) return
            rest = [first.subarray(halfBytes), ...parts.slice(1)]
            restPosition = position + halfBytes
          })
        }
        this.later(life, () => {
          transferCount--
          const failed = this.failureOf('write', name) ?? this.write(node, restPosition, rest)
          rest = []
          if (failed === undefined) sink.onWritten(ticket)
          else sink.onTransferFailed(ticket, failed)
        })
      },
      sync: () => {
        // What the disk keeps is what was there when it was told; a failing one may keep anything.
        const shown = node.bytes.slice()
        const { modifiedMs } = node
        return this.answer(life, () => {
          const failed = this.failureOf('sync', name)
          if (failed !== undefined) {
            node.failSync()
            return failed
          }
          node.sync(shown)
          node.durableModifiedMs = modifiedMs
          return success(undefined)
        })
      },
      setLength: (lengthBytes) =>
        this.answer(life, () => {
          const failed = this.failureOf('set-length', name)
          if (failed !== undefined) return failed
          node.resize(lengthBytes)
          node.modifiedMs = this.clock.wallMs()
          return success(undefined)
        }),
      status: () => this.answer(life, () => success(statusOf(node) as FileStatus)),
      close: () => {
        assert(!isClosed, 'a file closed once')
        isClosed = true
        assert(transferCount === 0, 'no transfer under way in a file that is closed')
        return this.answer(life, () => success(undefined))
      },
    }
  }

  private write(node: FileNode, position: number, parts: readonly Uint8Array[]): Failure | undefined {
    let offset = position
    for (const part of parts) {
      const lastPage = Math.floor((offset + part.length - 1) / pageBytes)
      for (let page = Math.floor(offset / pageBytes); page <= lastPage; page++) {
        if (node.pages.has(page)) continue
        const isFull =
          this.capacityBytes < Number.POSITIVE_INFINITY && this.usedBytes() + pageBytes > this.capacityBytes
        if (isFull) return failure('disk-full', 'no space left')
        node.pages.add(page)
      }
      for (let page = Math.floor(offset / pageBytes); page <= lastPage; page++) node.givenUp.delete(page)
      if (offset + part.length > node.bytes.length) node.resize(offset + part.length)
      node.bytes.set(part, offset)
      offset += part.length
    }
    node.modifiedMs = this.clock.wallMs()
    return undefined
  }

  private rename(rootPath: string, from: RelativePath, to: RelativePath): Result<void> {
    const oldName = [rootPath, ...from].join('/')
    const newName = [rootPath, ...to].join('/')
    const failed = this.failureOf('rename', oldName)
    if (failed !== undefined) return failed
    if (!this.nodes.has(oldName)) return failure('file-not-found', 'no such file')
    if (this.nodes.has(newName)) return failure('file-exists', 'the name is taken')
    const inTheWay = this.makeFolders(rootPath, to)
    if (inTheWay !== undefined) return inTheWay
    for (const [name, node] of [...this.nodes]) {
      if (name !== oldName && !name.startsWith(`${oldName}/`)) continue
      this.nodes.delete(name)
      this.nodes.set(`${newName}${name.slice(oldName.length)}`, node)
    }
    return success(undefined)
  }

  private remove(name: string): Result<boolean> {
    const failed = this.failureOf('remove', name)
    if (failed !== undefined) return failed
    for (const known of this.nodes.keys()) {
      if (known.startsWith(`${name}/`)) return failure('file-unwritable', 'a folder that is not empty')
    }
    return success(this.nodes.delete(name))
  }

  private makeFolders(rootPath: string, path: RelativePath): Failure | undefined {
    for (let depth = 1; depth < path.length; depth++) {
      const name = [rootPath, ...path.slice(0, depth)].join('/')
      const known = this.nodes.get(name)
      if (known !== undefined && known.kind !== 'folder') return failure('file-not-plain', `${known.kind} in the way`)
      if (known !== undefined) continue
      const folder = new FileNode()
      folder.kind = 'folder'
      this.nodes.set(name, folder)
    }
    return undefined
  }
}

function statusOf(node: FileNode | undefined): FileStatus | undefined {
  if (node === undefined) return undefined
  return {
    kind: node.kind,
    lengthBytes: node.bytes.length,
    allocatedBytes: node.pages.size * pageBytes,
    modifiedMs: node.modifiedMs,
  }
}
