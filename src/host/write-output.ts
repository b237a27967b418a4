// One output file, made in one step: what is there is either the old file or the whole new one.
// Guarantees: nothing is overwritten unless asked for, even if a file appears meanwhile; the temporary file
// is removed on every way out, a process that exits early included. A reserved file owns its temporary file.
import { randomUUID } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, lstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'
import { fileError, isSystemError } from './file-error.ts'

export interface ReservedFile {
  /** Puts the file in place. Errors: file-exists, file-unwritable, disk-full. */
  commit(bytes: Uint8Array): void
  /** Removes the temporary file; nothing to do after a commit. */
  discard(): void
}

const temporaryName = /^\.swarmbid-[0-9a-f-]{36}\.part$/

/** Whether a file of this name is an output that is not finished, of this process or another. */
export function isTemporaryOutput(name: string): boolean {
  return temporaryName.test(name)
}

function refuseExisting(path: string, overwrite: boolean): void {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) return
  if (!status.isFile()) throw new SwarmbidError('file-unwritable', `${path}: not a regular file, left as it is`)
  if (!overwrite) throw new SwarmbidError('file-exists', `${path}: exists already`)
}

/** Unlike a rename, a link fails when the name is taken; not every file system has links. */
function placeNew(temporaryPath: string, path: string): void {
  try {
    linkSync(temporaryPath, path)
  } catch (error) {
    if (isSystemError(error) && error.code === 'EEXIST') throw error
    refuseExisting(path, false)
    renameSync(temporaryPath, path)
  }
}

/**
 * Proves before the work that the output can be written after it.
 * Errors: file-exists, file-unwritable, file-not-found (no such folder), disk-full.
 */
export function reserveFile(path: string, overwrite: boolean): ReservedFile {
  const temporaryPath = join(dirname(path), `.swarmbid-${randomUUID()}.part`)
  let descriptor: number | undefined

  function discard(): void {
    process.off('exit', discard)
    if (descriptor === undefined) return
    closeSync(descriptor)
    descriptor = undefined
    rmSync(temporaryPath, { force: true })
  }

  function guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      discard()
      throw fileError(error, path, 'write')
    }
  }

  guarded(() => {
    refuseExisting(path, overwrite)
    descriptor = openSync(temporaryPath, 'wx')
  })
  process.once('exit', discard)
  return {
    commit(bytes) {
      guarded(() => {
        const opened = descriptor as number
        for (let written = 0; written < bytes.length; ) written += writeSync(opened, bytes, written)
        fsyncSync(opened)
        refuseExisting(path, overwrite)
        if (overwrite) renameSync(temporaryPath, path)
        else placeNew(temporaryPath, path)
      })
      discard()
    },
    discard,
  }
}
