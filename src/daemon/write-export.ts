// Where an export goes: standard output, or a new file that appears when it is whole.
// Guarantees: nothing that is there is overwritten; what was not committed is gone; the writer waits for a slow reader.

import { once } from 'node:events'
import { closeSync, fsyncSync, linkSync, openSync, rmSync, writeSync } from 'node:fs'
import { fileError } from '../host/file-error.ts'

export interface ExportTarget {
  write(text: string): Promise<void>
  commit(): void
  /** Nothing to do after a commit. */
  discard(): void
}

const standardOutput: ExportTarget = {
  async write(text) {
    // A reader that went away ends nothing.
    if (process.stdout.destroyed || process.stdout.write(text)) return
    await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')])
  },
  commit: () => undefined,
  discard: () => undefined,
}

/** Throws file-exists, file-unwritable, disk-full. */
export function reserveExport(path: string): ExportTarget {
  if (path === '-') return standardOutput
  const temporaryPath = `${path}.part`
  let descriptor: number | undefined
  const guarded = <T>(work: () => T): T => {
    try {
      return work()
    } catch (error) {
      throw fileError(error, path, 'write')
    }
  }
  const close = () => {
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
  }
  const opened = guarded(() => openSync(temporaryPath, 'wx'))
  descriptor = opened
  return {
    async write(text) {
      guarded(() => writeSync(opened, text))
    },
    commit() {
      guarded(() => {
        fsyncSync(opened)
        linkSync(temporaryPath, path)
      })
    },
    discard() {
      if (descriptor === undefined) return
      close()
      rmSync(temporaryPath, { force: true })
    },
  }
}
