// Makes a folder and those above it that are missing.
// Guarantees: ends, whatever the system answers; Node's own way tries forever where nothing can be made and the system
// says that nothing is there (below /proc, for one). Keeps no state.
import { mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { failure, type Result, success } from '../base/errors.ts'
import { explainSystemError, fileErrorCode, isSystemError, type SystemError } from './file-error.ts'

/** As mkdir: throws what the system says. */
export type MakeFolder = (path: string) => void

function attempt(make: MakeFolder, path: string): SystemError | undefined {
  try {
    make(path)
    return undefined
  } catch (error) {
    if (!isSystemError(error)) throw error
    return error
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

/**
 * Absolute path of the folder; the path of the first folder that was made, undefined when all were there.
 * Errors: file-not-plain (something else is in the way), file-unwritable, disk-full.
 */
export function makeFolders(path: string, make: MakeFolder = mkdirSync): Result<string | undefined> {
  let above: Result<string | undefined> = success(undefined)
  let error = attempt(make, path)
  if (error?.code === 'ENOENT' && dirname(path) !== path) {
    above = makeFolders(dirname(path), make)
    if (!above.ok) return above
    error = attempt(make, path)
  }
  if (error === undefined) return success(above.value ?? path)
  if (isFolder(path)) return above
  if (error.code === 'ENOENT') return failure('file-unwritable', `${path}: no folder can be made there`)
  const isInTheWay = error.code === 'EEXIST' || error.code === 'ENOTDIR'
  if (isInTheWay) return failure('file-not-plain', `${path}: something else stands where a folder should be`)
  return failure(fileErrorCode(error, 'write'), `${path}: ${explainSystemError(error)}`)
}
