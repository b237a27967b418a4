// The Files port on Node: roots by their path, made when missing.
// Guarantees: a root that was made here is on the disk when it is handed out. Transfers of all roots share the objects
// they are made with; each root owns its own notes.
import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import { assert } from '../base/assert.ts'
import { SwarmbidError, unwrap } from '../base/errors.ts'
import type { Files } from '../ports/files.ts'
import { rootedResult } from './file-error.ts'
import { SystemFileRoot } from './file-root.ts'
import { FileThread } from './file-thread.ts'
import { systemCalls, type TransferCalls, TransferPool } from './file-transfer.ts'
import { makeFolders } from './make-folders.ts'
import { isAbsent } from './rooted-entry.ts'
import { canAnchor, checkedFolder, syncFolder } from './rooted-folder.ts'
import { callsLater, runLater } from './system-steps.ts'

export interface SystemFilesOptions {
  /** Whether folders are held fast by their descriptors; false is for systems that cannot. */
  readonly isAnchored: boolean
  readonly calls: TransferCalls
}

/** Errors: file-not-plain. */
async function folderAt(path: string): Promise<'present' | 'absent'> {
  try {
    if ((await stat(path)).isDirectory()) return 'present'
  } catch (error) {
    if (isAbsent(error)) return 'absent'
    throw error
  }
  throw new SwarmbidError('file-not-plain', `${path}: not a folder`)
}

/** Syncs the folders that hold `path` and those above it, up to the one that holds `firstMade`. */
async function settleMade(path: string, firstMade: string): Promise<void> {
  for (let made = path; ; made = dirname(made)) {
    const search = { root: dirname(made), path: [], make: false, madeIn: [] }
    const holder = await runLater(checkedFolder(search))
    const descriptor = await runLater(holder.take())
    if (descriptor !== undefined) {
      try {
        await runLater(syncFolder(descriptor))
      } finally {
        callsLater.letGo(descriptor)
      }
    }
    if (made === firstMade || made === dirname(made)) return
  }
}

export function systemFiles(options: Partial<SystemFilesOptions> = {}): Files {
  const { isAnchored = canAnchor, calls = systemCalls } = options
  const pool = new TransferPool(calls)
  const thread = new FileThread()
  return {
    openRoot(path) {
      assert(isAbsolute(path), 'an absolute path')
      return rootedResult(path, 'write', async () => {
        if ((await folderAt(path)) === 'absent') {
          const firstMade = unwrap(makeFolders(path))
          if (firstMade !== undefined) await settleMade(resolve(path), resolve(firstMade))
        }
        return new SystemFileRoot(path, pool, thread, isAnchored)
      })
    },
  }
}
