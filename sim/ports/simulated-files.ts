// Disks of a simulation: files that take time, answer in any order, fail on demand, fill up, rot and lose power.
// Guarantees: everything follows from the seed; what was not synced when the power goes is kept, dropped or torn page by
// page; after a crash the ports of the dead program never answer again; each fault that happened is counted. Names are
// durable at once unless asked otherwise, contents are not.
import { assert } from '../../src/base/assert.ts'
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
import { type KnownContents, pageBytes } from './known-contents.ts'
import type { SimulatedClock } from './simulated-clock.ts'
import {
  type DiskFaultCounts,
  type DiskOperation,
  type FailingRates,
  ioFailure,
  noFaults,
  tornParts,
} from './simulated-disk-faults.ts'
import { DiskSpace, FileNode, plentyBytes } from './simulated-file-node.ts'
import { folderOf, SimulatedNames } from './simulated-names.ts'

export interface DiskSpeed {
  /** Of all transfers together, which wait for each other; undefined: bytes take no time. */
  readonly bytesPerSecond?: number
  /** What each operation takes besides. */
  readonly operationMs?: number
}

export interface SimulatedDiskOptions {
  readonly clock: SimulatedClock
  readonly random: Random
  /** Of each operation, at random, besides what its speed costs; operations pass each other by that much. */
  readonly maxDelayMs?: number
  /** Undefined: more than anybody fills. */
  readonly capacityBytes?: number
  /** Contents that files will mostly have; see KnownContents. */
  readonly known?: KnownContents
  /** Undefined: as fast as can be. */
  readonly speed?: DiskSpeed
  readonly failingOneIn?: FailingRates
  /**
   * False: a name that was made or removed may be undone by a power loss until a file in its folder or below is synced,
   * or something there is renamed at once or replaced, which is what the program's own disk promises (host/file-root.ts).
   */
  readonly areNamesDurable?: boolean
}

export class SimulatedDisk {
  /** Decides which operations fail; asked once for each. */
  failing: (operation: DiskOperation, path: string) => Failure | undefined = () => undefined
  /** Operations that fail at random besides. */
  failingOneIn: FailingRates
  /** How fast it is from now on. */
  speed: DiskSpeed | undefined
  /** Files that the program that runs, or ran last, has open. */
  openFileCount = 0
  /** What went wrong so far. */
  readonly faults: DiskFaultCounts = noFaults()
  readonly clock: SimulatedClock
  private readonly random: Random
  private readonly maxDelayMs: number
  private readonly known: KnownContents | undefined
  private readonly space: DiskSpace
  private readonly names: SimulatedNames
  /** Counts programs that ran on it. */
  private life = 0
  /** When it has done all it was asked for. */
  private busyUntilMs = 0

  constructor(options: SimulatedDiskOptions) {
    this.clock = options.clock
    this.random = options.random
    this.maxDelayMs = options.maxDelayMs ?? 5
    this.known = options.known
    this.speed = options.speed
    this.failingOneIn = options.failingOneIn ?? {}
    this.space = new DiskSpace(options.capacityBytes)
    this.names = new SimulatedNames({ space: this.space, areDurableAtOnce: options.areNamesDurable ?? true })
  }

  get capacityBytes(): number {
    return this.space.capacityBytes
  }

  set capacityBytes(bytes: number) {
    this.space.capacityBytes = bytes
  }

  /** The port of the program that runs now. */
  files(): Files {
    const { life } = this
    return {
      openRoot: (path) =>
        this.answer(life, () => {
          const folders = path.split('/').slice(1)
          return this.makeFolders(folders, true) ?? success(this.rootAt(folders, life))
        }),
    }
  }

  /** The program dies at once; with `isPowerLoss`, so does what the disk was not told to keep. */
  crash(isPowerLoss: boolean): void {
    this.life++
    this.openFileCount = 0
    this.busyUntilMs = 0
    if (!isPowerLoss) return
    this.faults.lostNames += this.names.losePower(this.random)
    for (const [, node] of this.names.entries()) {
      if (node.kind !== 'folder') this.faults.lostPages += node.losePower(this.random)
    }
  }

  /** For tests: a copy of the content of a file now; undefined without one. */
  content(path: string): Uint8Array | undefined {
    return this.names.get(path)?.bytes()
  }

  /** For tests: of a file now; 0 without one. */
  lengthOf(path: string): number {
    return this.names.get(path)?.lengthBytes ?? 0
  }

  /** For tests: whether a file has this content now; at once where it is a known one and the file's pages are known. */
  matches(path: string, content: Uint8Array): boolean {
    return this.names.get(path)?.matches(content) ?? false
  }

  /** For tests: whether a file has the bytes [from, end) of this content there now. */
  shows(path: string, content: Uint8Array, from: number, end: number): boolean {
    return this.names.get(path)?.shows(content, from, end) ?? false
  }

  /** For tests: whether a file is, every page of it, a known content, by its number. */
  isKnown(path: string, index: number): boolean {
    return this.names.get(path)?.isKnown(index) ?? false
  }

  /** For tests: puts a file there, on the disk and not by the program. Open files see it. Known content costs nothing. */
  put(path: string, content: Uint8Array, kind: FileStatus['kind'] = 'file'): void {
    const wrong = this.makeFolders(path.split('/').slice(1, -1), true)
    assert(wrong === undefined, 'folders above a file')
    const node = this.names.get(path) ?? new FileNode(kind, this.known)
    this.names.set(path, node, true)
    node.kind = kind
    node.put(content, this.clock.wallMs())
  }

  /** For tests: deletes a file behind the program's back. */
  delete(path: string): boolean {
    const isGone = this.names.delete(path, true)
    if (isGone) this.faults.rotted++
    return isGone
  }

  /** For tests: cuts a file off, behind the program's back. */
  truncate(path: string, lengthBytes: number): void {
    const node = this.fileAt(path)
    assert(lengthBytes < node.lengthBytes, 'a shorter file')
    node.put(node.bytes().subarray(0, lengthBytes), this.clock.wallMs())
    this.faults.rotted++
  }

  /** For tests: one bit of a byte is another now. Neither time nor length tells of it. */
  flip(path: string, position: number): void {
    assert(this.fileAt(path).flip(position), 'a byte of the file')
    this.faults.rotted++
  }

  /** For tests: flips bits of bytes anywhere in a file; at which positions. One may be hit twice. */
  rot(path: string, count: number): number[] {
    const { lengthBytes } = this.fileAt(path)
    const positions = Array.from({ length: count }, () => this.random.below(lengthBytes))
    for (const position of new Set(positions)) this.flip(path, position)
    return positions
  }

  /** For tests: all files, sorted. */
  paths(): string[] {
    return [...this.names.entries()]
      .filter(([, node]) => node.kind !== 'folder')
      .map(([path]) => path)
      .sort()
  }

  usedBytes(): number {
    return this.space.usedPages * pageBytes
  }

  private fileAt(path: string): FileNode {
    const node = this.names.get(path)
    assert(node !== undefined && node.kind === 'file', 'a file')
    return node
  }

  /** When an operation that begins now ends. */
  private dueMs(lengthBytes: number): number {
    const delayMs = (this.random.below(1000) / 1000) * this.maxDelayMs
    const nowMs = this.clock.nowMs()
    if (this.speed === undefined) return nowMs + delayMs
    const { bytesPerSecond = Number.POSITIVE_INFINITY, operationMs = 0 } = this.speed
    this.busyUntilMs = Math.max(this.busyUntilMs, nowMs) + operationMs + (lengthBytes / bytesPerSecond) * 1000
    return this.busyUntilMs + delayMs
  }

  /** Runs something when it is due, unless the program is dead by then. */
  private at(atMs: number, life: number, run: () => void): void {
    this.clock.at(atMs, () => {
      if (life === this.life) run()
    })
  }

  private answer<T>(life: number, run: () => Result<T>): Promise<Result<T>> {
    return new Promise((resolve) => this.at(this.dueMs(0), life, () => resolve(run())))
  }

  private failureOf(operation: DiskOperation, name: string): Failure | undefined {
    const oneIn = this.failingOneIn[operation] ?? 0
    const failed =
      this.failing(operation, name) ?? (oneIn > 0 && this.random.below(oneIn) === 0 ? ioFailure(operation) : undefined)
    if (failed !== undefined) this.faults.failed++
    return failed
  }

  private noRoom(): Failure {
    this.faults.refusedFull++
    return failure('disk-full', 'no space left')
  }

  private rootAt(root: RelativePath, life: number): FileRoot {
    /** Does something about a path, unless that is none or the operation is to fail. */
    const about = <T>(operation: DiskOperation | undefined, path: RelativePath, act: (name: string) => Result<T>) =>
      this.answer(life, () => {
        if (!path.every(isName)) return failure('file-not-plain', 'a path that leads elsewhere')
        const name = nameOf([...root, ...path])
        return (operation === undefined ? undefined : this.failureOf(operation, name)) ?? act(name)
      })
    return {
      open: (path, mode, sink) => about('open', path, () => this.open([...root, ...path], root, mode, sink, life)),
      status: (path) =>
        about('status', path, (name) =>
          success(path.length === 0 ? new FileNode('folder').status() : this.names.get(name)?.status()),
        ),
      list: (path, maxCount) => about(undefined, path, (name) => this.list(name, path.length === 0, maxCount)),
      rename: (from, to, durability) =>
        about('rename', from, (name) => {
          if (from.length === 0 || to.length === 0 || !to.every(isName)) return notPlain('no place to rename')
          return this.rename(name, [...root, ...to], durability === 'soon')
        }),
      replace: (path, content) =>
        about('replace', path, (name) => {
          const failed = this.blocked(root, path) ?? this.makeFolders([...root, ...path].slice(0, -1))
          if (failed !== undefined) return failed
          // It is written beside the old one first.
          if (Math.ceil(content.length / pageBytes) > this.space.freePages) return this.noRoom()
          const node = new FileNode('file', this.known)
          node.put(content, this.clock.wallMs())
          this.names.set(name, node)
          this.names.settle(folderOf(name))
          return success(undefined)
        }),
      remove: (path) =>
        about('remove', path, (name) => (path.length === 0 ? notPlain('the folder itself') : this.remove(name))),
      space: () =>
        this.answer(life, () => {
          const freeBytes = Math.max(0, Math.min(this.capacityBytes, plentyBytes) - this.usedBytes())
          return success({ volume: 'disk', freeBytes })
        }),
    }
  }

  /** Why there is no plain file at a path, nor room for one. */
  private blocked(root: RelativePath, path: RelativePath): Failure | undefined {
    if (path.length === 0) return notPlain('the folder itself')
    for (let depth = 1; depth < path.length; depth++) {
      const above = this.names.get(nameOf([...root, ...path.slice(0, depth)]))
      if (above !== undefined && above.kind !== 'folder') return notPlain(`a ${above.kind} in the way`)
    }
    const node = this.names.get(nameOf([...root, ...path]))
    return node === undefined || node.kind === 'file' ? undefined : notPlain(`a ${node.kind} in the way`)
  }

  private open(
    path: RelativePath,
    root: RelativePath,
    mode: OpenMode,
    sink: TransferSink,
    life: number,
  ): Result<OpenFile> {
    const blocked = this.blocked(root, path.slice(root.length))
    if (blocked !== undefined) return blocked
    const name = nameOf(path)
    const known = this.names.get(name)
    if (known !== undefined) return success(this.openFile(known, name, mode !== 'read', sink, life))
    if (mode !== 'create') return failure('file-not-found', 'no such file')
    const failed = this.makeFolders(path.slice(0, -1))
    if (failed !== undefined) return failed
    const made = new FileNode('file', this.known)
    made.modifiedMs = this.clock.wallMs()
    this.names.set(name, made)
    return success(this.openFile(made, name, true, sink, life))
  }

  private openFile(node: FileNode, name: string, isWritable: boolean, sink: TransferSink, life: number): OpenFile {
    let isClosed = false
    let transferCount = 0
    this.openFileCount++
    let onQuiet: (() => void) | undefined
    const begin = () => {
      assert(!isClosed, 'a file that is open')
      transferCount++
    }
    const end = (tell: () => void) => {
      transferCount--
      tell()
      if (transferCount === 0) onQuiet?.()
    }
    return {
      read: (ticket, position, target) => {
        begin()
        this.at(this.dueMs(target.length), life, () => {
          const failed = this.failureOf('read', name)
          const readBytes = failed === undefined ? node.read(position, target) : 0
          end(() => {
            if (failed === undefined) sink.onRead(ticket, readBytes)
            else sink.onTransferFailed(ticket, failed)
          })
        })
      },
      write: (ticket, position, parts) => {
        begin()
        this.writeLater(life, node, isWritable ? undefined : failure('file-unwritable', 'open for reading'), {
          name,
          position,
          parts,
          onEnd: (failed) =>
            end(() => {
              if (failed === undefined) sink.onWritten(ticket)
              else sink.onTransferFailed(ticket, failed)
            }),
        })
      },
      sync: () => {
        // What the disk keeps is what was there when it was told; a failing one may keep anything.
        const point = node.beginSync()
        return this.answer(life, () => {
          const failed = this.failureOf('sync', name)
          if (failed !== undefined) {
            this.faults.droppedPages += node.failSync()
            return failed
          }
          node.endSync(point)
          this.names.settle(folderOf(name))
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
      status: () => this.answer(life, () => success(node.status())),
      close: async () => {
        assert(!isClosed, 'a file closed once')
        isClosed = true
        if (life === this.life) this.openFileCount--
        if (transferCount > 0) await new Promise<void>((resolve) => (onQuiet = resolve))
        return await this.answer(life, () => success(undefined))
      },
    }
  }

  private writeLater(life: number, node: FileNode, refused: Failure | undefined, write: DiskWrite): void {
    const { name, position, parts, onEnd } = write
    const dueMs = this.dueMs(parts.reduce((sum, part) => sum + part.length, 0))
    const [first] = parts
    const halfBytes = first === undefined ? 0 : first.length >> 1
    let rest = parts
    let restPosition = position
    // Some of it may be there before the rest is.
    if (refused === undefined && first !== undefined && halfBytes > 0 && this.random.below(2) === 0) {
      const nowMs = this.clock.nowMs()
      this.at(nowMs + (this.random.below(1000) / 1000) * (dueMs - nowMs), life, () => {
        if (!this.writeNow(node, position, [first.subarray(0, halfBytes)])) return
        rest = [first.subarray(halfBytes), ...parts.slice(1)]
        restPosition = position + halfBytes
      })
    }
    this.at(dueMs, life, () => {
      const failed = refused ?? this.failureOf('write', name)
      if (refused === undefined && failed !== undefined) this.tear(node, restPosition, rest)
      if (failed !== undefined) onEnd(failed)
      else onEnd(this.writeNow(node, restPosition, rest) ? undefined : this.noRoom())
    })
  }

  /** False: there was no room for all of it. */
  private writeNow(node: FileNode, position: number, parts: readonly Uint8Array[]): boolean {
    let offset = position
    for (const part of parts) {
      const writtenBytes = node.write(offset, part)
      if (writtenBytes > 0) node.modifiedMs = this.clock.wallMs()
      if (writtenBytes < part.length) return false
      offset += part.length
    }
    return true
  }

  /** Of a write that fails, some bytes may be there all the same. */
  private tear(node: FileNode, position: number, parts: readonly Uint8Array[]): void {
    let writtenBytes = 0
    for (const { at, bytes } of tornParts(position, parts, this.random)) writtenBytes += node.write(at, bytes)
    if (writtenBytes === 0) return
    node.modifiedMs = this.clock.wallMs()
    this.faults.torn++
  }

  private list(name: string, isRoot: boolean, maxCount: number): Result<readonly string[]> {
    const folder = this.names.get(name)
    if (folder === undefined && !isRoot) return failure('file-not-found', 'no such folder')
    if (folder !== undefined && folder.kind !== 'folder') return notPlain(`a ${folder.kind}, not a folder`)
    const names = this.names.namesIn(name)
    return names.size > maxCount ? failure('file-unreadable', 'more names than expected') : success([...names])
  }

  private rename(oldName: string, to: RelativePath, maySettleLater: boolean): Result<void> {
    const newName = nameOf(to)
    if (this.names.get(oldName) === undefined) return failure('file-not-found', 'no such file')
    if (this.names.get(newName) !== undefined) return failure('file-exists', 'the name is taken')
    const inTheWay = this.makeFolders(to.slice(0, -1))
    if (inTheWay !== undefined) return inTheWay
    if (maySettleLater && folderOf(oldName) === folderOf(newName)) this.names.renameSoon(oldName, newName)
    else this.names.rename(oldName, newName)
    return success(undefined)
  }

  private remove(name: string): Result<boolean> {
    if (this.names.namesIn(name).size > 0) return failure('file-unwritable', 'a folder that is not empty')
    return success(this.names.delete(name))
  }

  /** Of an absolute path. */
  private makeFolders(path: RelativePath, isSettled = false): Failure | undefined {
    for (let depth = 1; depth <= path.length; depth++) {
      const name = nameOf(path.slice(0, depth))
      const known = this.names.get(name)
      if (known === undefined) this.names.set(name, new FileNode('folder'), isSettled)
      else if (known.kind !== 'folder') return notPlain(`a ${known.kind} in the way`)
    }
    return undefined
  }
}

interface DiskWrite {
  readonly name: string
  readonly position: number
  readonly parts: readonly Uint8Array[]
  readonly onEnd: (failed: Failure | undefined) => void
}

function nameOf(path: RelativePath): string {
  return `/${path.join('/')}`
}

function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)
}

function notPlain(detail: string): Failure {
  return failure('file-not-plain', detail)
}
