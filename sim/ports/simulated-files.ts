// Disks of a simulation: files that take time, answer in any order, fail on demand, fill up and lose power.
// Guarantees: everything follows from the seed; what was not synced when the power goes is kept, dropped or torn page by
// page; after a crash the ports of the dead program never answer again. Names are durable at once, contents are not.
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
import type { SimulatedClock } from './simulated-clock.ts'
import { FileNode, pageBytes } from './simulated-file-node.ts'

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
  /** Undefined: more than anybody fills. */
  readonly capacityBytes?: number
}

const plentyBytes = 2 ** 50

export class SimulatedDisk {
  capacityBytes: number
  /** Decides which operations fail; asked once for each. */
  failing: (operation: DiskOperation, path: string) => Failure | undefined = () => undefined
  /** Operations that were made to fail. */
  failedCount = 0
  readonly clock: SimulatedClock
  private readonly random: Random
  private readonly maxDelayMs: number
  /** By absolute path, folders included; the folder above all is not in it. */
  private readonly nodes = new Map<string, FileNode>()
  /** Counts programs that ran on it. */
  private life = 0

  constructor(options: SimulatedDiskOptions) {
    this.clock = options.clock
    this.random = options.random
    this.maxDelayMs = options.maxDelayMs ?? 5
    this.capacityBytes = options.capacityBytes ?? plentyBytes
  }

  /** The port of the program that runs now. */
  files(): Files {
    const { life } = this
    return {
      openRoot: (path) =>
        this.answer(
          life,
          () => this.makeFolders(path.split('/').slice(1)) ?? success(this.rootAt(path.split('/').slice(1), life)),
        ),
    }
  }

  /** The program dies at once; with `isPowerLoss`, so does what the disk was not told to keep. */
  crash(isPowerLoss: boolean): void {
    this.life++
    if (!isPowerLoss) return
    for (const node of this.nodes.values()) if (node.kind !== 'folder') node.losePower(this.random)
  }

  /** For tests: the content of a file now; undefined without one. */
  content(path: string): Uint8Array | undefined {
    return this.nodes.get(path)?.bytes
  }

  /** For tests: puts a file there, on the disk and not by the program. Open files see it. */
  put(path: string, content: Uint8Array, kind: FileStatus['kind'] = 'file'): void {
    const wrong = this.makeFolders(path.split('/').slice(1, -1))
    assert(wrong === undefined, 'folders above a file')
    const node = this.nodes.get(path) ?? new FileNode(kind)
    this.nodes.set(path, node)
    node.kind = kind
    node.put(content, this.clock.wallMs())
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

  private failureOf(operation: DiskOperation, name: string): Failure | undefined {
    const failed = this.failing(operation, name)
    if (failed !== undefined) this.failedCount++
    return failed
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
          success(path.length === 0 ? new FileNode('folder').status() : this.nodes.get(name)?.status()),
        ),
      list: (path, maxCount) => about(undefined, path, (name) => this.list(name, path.length === 0, maxCount)),
      rename: (from, to) =>
        about('rename', from, (name) => {
          if (from.length === 0 || to.length === 0 || !to.every(isName)) return notPlain('no place to rename')
          return this.rename(name, [...root, ...to])
        }),
      replace: (path, content) =>
        about('replace', path, (name) => {
          const failed = this.blocked(root, path) ?? this.makeFolders([...root, ...path].slice(0, -1))
          if (failed !== undefined) return failed
          const node = new FileNode('file')
          node.put(content, this.clock.wallMs())
          this.nodes.set(name, node)
          return success(undefined)
        }),
      remove: (path) =>
        about('remove', path, (name) => (path.length === 0 ? notPlain('the folder itself') : this.remove(name))),
      freeBytes: () =>
        this.answer(life, () => success(Math.max(0, Math.min(this.capacityBytes, plentyBytes) - this.usedBytes()))),
    }
  }

  /** Why there is no plain file at a path, nor room for one. */
  private blocked(root: RelativePath, path: RelativePath): Failure | undefined {
    if (path.length === 0) return notPlain('the folder itself')
    for (let depth = 1; depth < path.length; depth++) {
      const above = this.nodes.get(nameOf([...root, ...path.slice(0, depth)]))
      if (above !== undefined && above.kind !== 'folder') return notPlain(`a ${above.kind} in the way`)
    }
    const node = this.nodes.get(nameOf([...root, ...path]))
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
    const known = this.nodes.get(name)
    if (known !== undefined) return success(this.openFile(known, name, mode !== 'read', sink, life))
    if (mode !== 'create') return failure('file-not-found', 'no such file')
    const failed = this.makeFolders(path.slice(0, -1))
    if (failed !== undefined) return failed
    const made = new FileNode('file')
    made.modifiedMs = this.clock.wallMs()
    this.nodes.set(name, made)
    return success(this.openFile(made, name, true, sink, life))
  }

  private openFile(node: FileNode, name: string, isWritable: boolean, sink: TransferSink, life: number): OpenFile {
    let isClosed = false
    let transferCount = 0
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
        this.later(life, () => {
          const failed = this.failureOf('read', name)
          const available = node.bytes.subarray(position, position + target.length)
          if (failed === undefined) target.set(available)
          end(() => {
            if (failed === undefined) sink.onRead(ticket, available.length)
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
        const shown = node.bytes.slice()
        const { modifiedMs } = node
        return this.answer(life, () => {
          const failed = this.failureOf('sync', name)
          if (failed === undefined) node.sync(shown, modifiedMs)
          else node.failSync()
          return failed ?? success(undefined)
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
        if (transferCount > 0) await new Promise<void>((resolve) => (onQuiet = resolve))
        return await this.answer(life, () => success(undefined))
      },
    }
  }

  private writeLater(life: number, node: FileNode, refused: Failure | undefined, write: DiskWrite): void {
    const { name, position, parts, onEnd } = write
    const [first] = parts
    const halfBytes = first === undefined ? 0 : first.length >> 1
    let rest: readonly Uint8Array[] | undefined = parts
    let restPosition = position
    // Some of it may be there before the rest is.
    if (refused === undefined && first !== undefined && halfBytes > 0 && this.random.below(2) === 0) {
      this.later(life, () => {
        if (rest === undefined || this.writeNow(node, position, [first.subarray(0, halfBytes)]) !== undefined) return
        rest = [first.subarray(halfBytes), ...parts.slice(1)]
        restPosition = position + halfBytes
      })
    }
    this.later(life, () => {
      const failed = refused ?? this.failureOf('write', name) ?? this.writeNow(node, restPosition, rest ?? [])
      rest = undefined
      onEnd(failed)
    })
  }

  private writeNow(node: FileNode, position: number, parts: readonly Uint8Array[]): Failure | undefined {
    const isEndless = this.capacityBytes >= plentyBytes
    const takePage = () => isEndless || this.usedBytes() + pageBytes <= this.capacityBytes
    let offset = position
    for (const part of parts) {
      if (!node.write(offset, part, takePage)) return failure('disk-full', 'no space left')
      offset += part.length
    }
    node.modifiedMs = this.clock.wallMs()
    return undefined
  }

  private list(name: string, isRoot: boolean, maxCount: number): Result<readonly string[]> {
    const folder = this.nodes.get(name)
    if (folder === undefined && !isRoot) return failure('file-not-found', 'no such folder')
    if (folder !== undefined && folder.kind !== 'folder') return notPlain(`a ${folder.kind}, not a folder`)
    const prefix = `${name}/`
    const names: string[] = []
    for (const known of this.nodes.keys()) {
      if (known.startsWith(prefix) && !known.includes('/', prefix.length)) names.push(known.slice(prefix.length))
    }
    return names.length > maxCount ? failure('file-unreadable', 'more names than expected') : success(names)
  }

  private rename(oldName: string, to: RelativePath): Result<void> {
    const newName = nameOf(to)
    if (!this.nodes.has(oldName)) return failure('file-not-found', 'no such file')
    if (this.nodes.has(newName)) return failure('file-exists', 'the name is taken')
    const inTheWay = this.makeFolders(to.slice(0, -1))
    if (inTheWay !== undefined) return inTheWay
    for (const [name, node] of [...this.nodes]) {
      if (name !== oldName && !name.startsWith(`${oldName}/`)) continue
      this.nodes.delete(name)
      this.nodes.set(`${newName}${name.slice(oldName.length)}`, node)
    }
    return success(undefined)
  }

  private remove(name: string): Result<boolean> {
    for (const known of this.nodes.keys()) {
      if (known.startsWith(`${name}/`)) return failure('file-unwritable', 'a folder that is not empty')
    }
    return success(this.nodes.delete(name))
  }

  /** Of an absolute path. */
  private makeFolders(path: RelativePath): Failure | undefined {
    for (let depth = 1; depth <= path.length; depth++) {
      const name = nameOf(path.slice(0, depth))
      const known = this.nodes.get(name)
      if (known === undefined) this.nodes.set(name, new FileNode('folder'))
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
