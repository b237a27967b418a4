// One folder of the Files port and what is below it.
// Guarantees: names are checked here, whatever was checked before, and no operation follows a link below the root
// (rooted-folder.ts, rooted-entry.ts). What renames and replaces is on the disk when it returns.
// Owns the notes of which folders have changed; open files own themselves.
import { lstat, opendir, stat, statfs } from 'node:fs'
import { promisify } from 'node:util'
import { type Result, SwarmbidError } from '../base/errors.ts'
import type { FileRoot, FileStatus, OpenFile, OpenMode, RelativePath, TransferSink } from '../ports/files.ts'
import { rootedResult } from './file-error.ts'
import type { TransferPool } from './file-transfer.ts'
import { FolderSync } from './folder-sync.ts'
import { fileStatus, PlainFile } from './plain-file.ts'
import { isAbsent, moveEntry, openEntry, removeEntry, replaceEntry } from './rooted-entry.ts'
import { anchoredFolder, checkedFolder, type RootedFolder } from './rooted-folder.ts'

const look = promisify(lstat)
const lookThrough = promisify(stat)
const openFolder = promisify(opendir)
const statFileSystem = promisify(statfs)

const foreignCharacters = process.platform === 'win32' ? /[/\\\0:]/ : /[/\\\0]/

function checkNames(path: RelativePath): void {
  for (const name of path) {
    if (name !== '' && name !== '.' && name !== '..' && !foreignCharacters.test(name)) continue
    throw new SwarmbidError('file-not-plain', `${JSON.stringify(name).slice(0, 80)} is no name of a file or folder`)
  }
}

/** The last component, and those before it. Errors: file-not-plain. */
function placeOf(path: RelativePath): { readonly parent: RelativePath; readonly name: string } {
  checkNames(path)
  const name = path.at(-1)
  if (name === undefined) throw new SwarmbidError('file-not-plain', 'something in the folder is meant, not itself')
  return { parent: path.slice(0, -1), name }
}

export class SystemFileRoot implements FileRoot {
  private readonly root: string
  private readonly pool: TransferPool
  private readonly find: typeof anchoredFolder
  private readonly folders: FolderSync

  /** `root` is absolute. `isAnchored`: see canAnchor. */
  constructor(root: string, pool: TransferPool, isAnchored: boolean) {
    this.root = root
    this.pool = pool
    this.find = isAnchored ? anchoredFolder : checkedFolder
    this.folders = new FolderSync((path) => this.within(path, false, (folder) => folder.sync()))
  }

  open(path: RelativePath, mode: OpenMode, sink: TransferSink): Promise<Result<OpenFile>> {
    const displayName = path.join('/')
    return rootedResult(displayName, mode === 'read' ? 'read' : 'write', async () => {
      const { parent, name } = placeOf(path)
      const opened = await this.within(parent, mode === 'create', (folder) => openEntry(folder, name, mode))
      if (opened.isNew) this.folders.note(parent)
      return new PlainFile(opened.descriptor, displayName, sink, this.pool, () => this.folders.settle(parent))
    })
  }

  status(path: RelativePath): Promise<Result<FileStatus | undefined>> {
    return rootedResult(path.join('/'), 'read', async () => {
      if (path.length === 0) return fileStatus(await lookThrough(this.root))
      const { parent, name } = placeOf(path)
      try {
        return await this.within(parent, false, async (folder) => {
          const stats = await look(folder.entry(name))
          await folder.verify()
          return fileStatus(stats)
        })
      } catch (error) {
        if (isAbsent(error)) return undefined
        throw error
      }
    })
  }

  list(path: RelativePath, maxCount: number): Promise<Result<readonly string[]>> {
    return rootedResult(path.join('/'), 'read', async () => {
      checkNames(path)
      return this.within(path, false, async (folder) => {
        const names: string[] = []
        for await (const { name } of await openFolder(folder.path)) {
          if (names.length === maxCount) {
            throw new SwarmbidError('file-unreadable', `${path.join('/')}: more than ${maxCount} entries`)
          }
          names.push(name)
        }
        await folder.verify()
        return names
      })
    })
  }

  /** Folders the new name needs are made. */
  rename(from: RelativePath, to: RelativePath): Promise<Result<void>> {
    const displayName = from.join('/')
    return rootedResult(displayName, 'write', async () => {
      const source = placeOf(from)
      const target = placeOf(to)
      // Files in a folder that moves are synced by the name they were opened with: nothing may be left to do there.
      await this.folders.settleBelow(from)
      const move = async (sourceFolder: RootedFolder, targetFolder: RootedFolder) => {
        await sourceFolder.verify()
        await targetFolder.verify()
        await moveEntry(sourceFolder.entry(source.name), targetFolder.entry(target.name), displayName)
      }
      const isSameFolder = source.parent.join('/') === target.parent.join('/')
      await this.within(source.parent, false, (sourceFolder) =>
        isSameFolder
          ? move(sourceFolder, sourceFolder)
          : this.within(target.parent, true, (targetFolder) => move(sourceFolder, targetFolder)),
      )
      this.folders.note(source.parent)
      this.folders.note(target.parent)
      await this.folders.settle(target.parent)
      await this.folders.settle(source.parent)
    })
  }

  /** Folders the name needs are made. */
  replace(path: RelativePath, content: Uint8Array): Promise<Result<void>> {
    return rootedResult(path.join('/'), 'write', async () => {
      const { parent, name } = placeOf(path)
      await this.within(parent, true, (folder) => replaceEntry(folder, name, content))
      this.folders.note(parent)
      await this.folders.settle(parent)
    })
  }

  remove(path: RelativePath): Promise<Result<boolean>> {
    return rootedResult(path.join('/'), 'write', async () => {
      const { parent, name } = placeOf(path)
      try {
        await this.within(parent, false, (folder) => removeEntry(folder, name))
      } catch (error) {
        if (isAbsent(error)) return false
        throw error
      }
      this.folders.forget(path)
      this.folders.note(parent)
      return true
    })
  }

  freeBytes(): Promise<Result<number>> {
    return rootedResult(this.root, 'read', async () => {
      const { bavail, bsize } = await statFileSystem(this.root)
      return bavail * bsize
    })
  }

  /** Work in a folder, which is held as long. */
  private async within<T>(path: RelativePath, make: boolean, work: (folder: RootedFolder) => Promise<T>): Promise<T> {
    const folder = await this.find({ root: this.root, path, make, onMade: (parent) => this.folders.note(parent) })
    try {
      return await work(folder)
    } finally {
      folder.release()
    }
  }
}
