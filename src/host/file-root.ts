// One folder of the Files port and what is below it.
// Guarantees: names are checked here, whatever was checked before, and no operation follows a link below the root
// (file-task.ts). What replaces, or renames at once, is on the disk when it returns.
// Owns the notes of which folders have changed; open files own themselves.
import { stat, statfs } from 'node:fs'
import { promisify } from 'node:util'
import { type Result, SwarmbidError, success, unwrap } from '../base/errors.ts'
import type {
  FileRoot,
  FileStatus,
  NameDurability,
  OpenFile,
  OpenMode,
  RelativePath,
  TransferSink,
  VolumeSpace,
} from '../ports/files.ts'
import { rootedResult } from './file-error.ts'
import { checkNames, placeOf, type TaskRoot, within } from './file-task.ts'
import type { FileThread } from './file-thread.ts'
import type { TransferPool } from './file-transfer.ts'
import { FolderSync } from './folder-sync.ts'
import { PlainFile } from './plain-file.ts'
import { replaceEntry } from './rooted-entry.ts'
import { type RootedFolder, syncFolder } from './rooted-folder.ts'
import { ask, callsAtOnce, runLater, type Steps } from './system-steps.ts'

const lookThrough = promisify(stat)
const statFileSystem = promisify(statfs)

export class SystemFileRoot implements FileRoot {
  private readonly at: TaskRoot
  private readonly pool: TransferPool
  private readonly thread: FileThread
  private readonly folders: FolderSync

  /** `root` is absolute. `isAnchored`: see canAnchor. */
  constructor(root: string, pool: TransferPool, thread: FileThread, isAnchored: boolean) {
    this.at = { root, isAnchored }
    this.pool = pool
    this.thread = thread
    this.folders = new FolderSync((path) => this.syncFolder(path))
  }

  async open(path: RelativePath, mode: OpenMode, sink: TransferSink): Promise<Result<OpenFile>> {
    const madeIn: RelativePath[] = []
    const opened = await this.thread.perform({ type: 'open', at: this.at, path, mode }, madeIn)
    this.noteAll(madeIn)
    if (!opened.ok) return opened
    const parent = path.slice(0, -1)
    if (opened.value.isNew) this.folders.note(parent)
    return success(
      new PlainFile(opened.value, path.join('/'), sink, this.pool, this.thread, () => this.folders.settle(parent)),
    )
  }

  status(path: RelativePath): Promise<Result<FileStatus | undefined>> {
    return this.thread.perform({ type: 'status', at: this.at, path })
  }

  list(path: RelativePath, maxCount: number): Promise<Result<readonly string[]>> {
    return rootedResult(path.join('/'), 'read', () => {
      checkNames(path)
      return this.later(path, undefined, function* (folder) {
        const names = yield* ask((calls) => calls.list(folder.path, maxCount + 1))
        if (names.length > maxCount) {
          throw new SwarmbidError('file-unreadable', `${path.join('/')}: more than ${maxCount} entries`)
        }
        yield* folder.verify()
        return names
      })
    })
  }

  /** Folders the new name needs are made. */
  rename(from: RelativePath, to: RelativePath, durability: NameDurability): Promise<Result<void>> {
    return rootedResult(from.join('/'), 'write', async () => {
      const source = placeOf(from)
      const target = placeOf(to)
      // Files in a folder that moves (none does so `soon`) are synced by the name they were opened with: nothing may be left to do there.
      if (durability === 'at-once') await this.folders.settleBelow(from)
      const madeIn: RelativePath[] = []
      const renamed = await this.thread.perform({ type: 'rename', at: this.at, from, to }, madeIn)
      this.noteAll(madeIn)
      unwrap(renamed)
      this.folders.note(source.parent)
      this.folders.note(target.parent)
      if (durability === 'soon') return
      await this.folders.settle(target.parent)
      await this.folders.settle(source.parent)
    })
  }

  /** Folders the name needs are made. */
  replace(path: RelativePath, content: Uint8Array): Promise<Result<void>> {
    return rootedResult(path.join('/'), 'write', async () => {
      const { parent, name } = placeOf(path)
      const madeIn: RelativePath[] = []
      try {
        await this.later(parent, madeIn, (folder) => replaceEntry(folder, name, content))
      } finally {
        this.noteAll(madeIn)
      }
      this.folders.note(parent)
      await this.folders.settle(parent)
    })
  }

  async remove(path: RelativePath): Promise<Result<boolean>> {
    const removed = await this.thread.perform({ type: 'remove', at: this.at, path })
    if (removed.ok && removed.value) {
      this.folders.forget(path)
      this.folders.note(path.slice(0, -1))
    }
    return removed
  }

  space(): Promise<Result<VolumeSpace>> {
    const { root } = this.at
    return rootedResult(root, 'read', async () => {
      const { bavail, bsize } = await statFileSystem(root)
      const { dev } = await lookThrough(root)
      return { volume: String(dev), freeBytes: bavail * bsize }
    })
  }

  /** Throws what it fails with. */
  private async syncFolder(path: RelativePath): Promise<void> {
    const descriptor = unwrap(await this.thread.perform({ type: 'hold', at: this.at, path }))
    if (descriptor === undefined) return
    try {
      await runLater(syncFolder(descriptor))
    } finally {
      // Of a folder: no system has anything to wait for.
      callsAtOnce.letGo(descriptor)
    }
  }

  private noteAll(madeIn: readonly RelativePath[]): void {
    for (const parent of madeIn) this.folders.note(parent)
  }

  /** Work that may wait for the disk, and therefore is not done where others' tasks would wait for it. */
  private later<T>(
    path: RelativePath,
    madeIn: RelativePath[] | undefined,
    work: (folder: RootedFolder) => Steps<T>,
  ): Promise<T> {
    return runLater(within(this.at, path, madeIn, work))
  }
}
