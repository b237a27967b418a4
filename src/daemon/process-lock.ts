// Who works on what in a folder: a small file for each thing, naming the process.
// Guarantees: two living processes never have the lock of one thing; that of a process that died, or whose number
// went to another one since, is taken over. Owns the lock files until they are released or the process is gone.
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { explainSystemError, isSystemError } from '../host/file-error.ts'
import { makeFolders } from '../host/make-folders.ts'

export interface ProcessLock {
  release(): void
}

const maxAttempts = 5

function isCode(error: unknown, code: string): boolean {
  return isSystemError(error) && error.code === code
}

/** Of a process, where the system says it: `start` tells it from a later one of the same number. */
function factsOf(pid: number): { readonly start: string; readonly hasEnded: boolean } {
  try {
    const [state = '', ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
    // Dead, but not yet asked about by its parent.
    return { start: fields[18] ?? '', hasEnded: /[ZX]/.test(state) }
  } catch {
    return { start: '', hasEnded: false }
  }
}

/** Also true when it lives, but is somebody else's. */
function isAlive(pid: number): boolean {
  if (factsOf(pid).hasEnded) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

/** The living process that a lock names. */
function holderOf(text: string): number | undefined {
  const [, digits = '', start = ''] = /^([1-9][0-9]{0,9}) ([0-9]*)\n$/.exec(text) ?? []
  const pid = Number(digits)
  if (digits === '' || !isAlive(pid)) return undefined
  const { start: startNow } = factsOf(pid)
  return start === '' || startNow === '' || startNow === start ? pid : undefined
}

function textAt(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Puts a lock out of the way that `stale` says is nobody's, and back again if it was another one by then. */
function takeAway(path: string, stale: string): void {
  const aside = `${path}.${process.pid}.stale`
  try {
    renameSync(path, aside)
  } catch (error) {
    if (isCode(error, 'ENOENT')) return
    throw error
  }
  if (textAt(aside) !== stale) {
    try {
      linkSync(aside, path)
    } catch (error) {
      if (!isCode(error, 'EEXIST')) throw error
    }
  }
  rmSync(aside, { force: true })
}

const unlinkable = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP'])

/** A link appears with its content, and only where nothing is. Some file systems have none. */
function publish(made: string, path: string, own: string): void {
  try {
    linkSync(made, path)
  } catch (error) {
    if (!isSystemError(error) || !unlinkable.has(error.code)) throw error
    writeFileSync(path, own, { flag: 'wx' })
  }
}

/** The number of the process that has it, or undefined once it is ours. */
function take(path: string, own: string): number | undefined {
  const made = `${path}.${process.pid}`
  writeFileSync(made, own)
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        publish(made, path, own)
        return undefined
      } catch (error) {
        if (!isCode(error, 'EEXIST') || attempt === maxAttempts) throw error
      }
      const text = textAt(path)
      if (text === undefined) continue
      const holder = holderOf(text)
      if (holder !== undefined) return holder
      takeAway(path, text)
    }
  } finally {
    rmSync(made, { force: true })
  }
}

function release(path: string, own: string): void {
  try {
    if (textAt(path) === own) unlinkSync(path)
  } catch {
    // It is stale as soon as this process has ended.
  }
}

/**
 * Locks all names in a folder, or none. Errors: what `busy` makes of the number of the process that has one of them (it
 * may be this one), and those of makeFolders.
 */
export function lockNames(
  folder: string,
  names: readonly string[],
  busy: (holder: number) => Failure,
): Result<ProcessLock> {
  const own = `${process.pid} ${factsOf(process.pid).start}\n`
  const taken: string[] = []
  const lock: ProcessLock = {
    release() {
      for (const path of taken) release(path, own)
    },
  }
  try {
    const made = makeFolders(resolve(folder))
    if (!made.ok) return made
    for (const name of names) {
      const path = join(folder, `${name}.lock`)
      const holder = take(path, own)
      if (holder !== undefined) {
        lock.release()
        return busy(holder)
      }
      taken.push(path)
    }
    return success(lock)
  } catch (error) {
    lock.release()
    if (!isSystemError(error)) throw error
    return failure('file-unwritable', `${folder}: ${explainSystemError(error)}`)
  }
}
