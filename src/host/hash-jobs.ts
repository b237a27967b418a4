// The work of one hashing thread: takes jobs of consecutive pieces off a counter shared with its siblings, reads
// their bytes from the files itself and writes digests where the main thread finds them.
// Guarantees: files are closed, and a file that is not as described is said, not thrown. Owns one open file at a time.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { type ErrorCode, SwarmbidError } from '../base/errors.ts'
import { PieceHasher } from '../storage/hash-pieces.ts'
import { hashRun } from './bulk-hash.ts'
import { explainSystemError, fileErrorCode, isSystemError } from './file-error.ts'
import { type BadFileMessage, controlNextJob, controlStop, type HashTask } from './hash-task.ts'

/** Of each thread: four pieces of up to 4 MiB are read and hashed together. */
const maxBufferBytes = 16_777_216

interface OpenedFile {
  readonly index: number
  /** Undefined: the file cannot be opened, and that was said. */
  readonly descriptor: number | undefined
}

/**
 * Does jobs until there are none or it is told to stop, and yields after each: a thread with other things to do
 * does them then. `tell` hears of bad files, maybe more than once.
 */
export function* hashJobs(task: HashTask, tell: (message: BadFileMessage) => void): Generator<void, void> {
  const { plan, paths, control } = task
  let opened: OpenedFile | undefined

  function bad(file: number, code: ErrorCode, detail: string): void {
    if (task.onBadFile === 'fail') Atomics.store(control, controlStop, 1)
    tell({ file, code, detail })
  }

  /** `run`, or `otherwise` when the system refuses; whatever else goes wrong is a defect and passes through. */
  function guarded<T>(file: number, otherwise: T, run: (path: string) => T): T {
    const path = paths[file] as string
    try {
      return run(path)
    } catch (error) {
      if (error instanceof SwarmbidError) bad(file, error.code, error.message)
      else if (isSystemError(error)) bad(file, fileErrorCode(error, 'read'), `${path}: ${explainSystemError(error)}`)
      else throw error
      return otherwise
    }
  }

  function open(file: number): number | undefined {
    if (opened?.index === file) return opened.descriptor
    if (opened?.descriptor !== undefined) closeSync(opened.descriptor)
    opened = undefined
    const descriptor = guarded(file, undefined, (path) => {
      const fresh = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      const status = fstatSync(fresh)
      const lengthBytes = (plan.ends[file] as number) - (plan.starts[file] as number)
      if (status.isFile() && (status.size === lengthBytes || task.onBadFile === 'continue')) return fresh
      closeSync(fresh)
      if (!status.isFile()) throw new SwarmbidError('file-not-regular', `${path}: not a regular file`)
      throw new SwarmbidError('file-changed', `${path}: now ${status.size} bytes, it was ${lengthBytes}`)
    })
    opened = { index: file, descriptor }
    return descriptor
  }

  function read(file: number, fileOffset: number, target: Uint8Array): number {
    const descriptor = open(file)
    if (descriptor === undefined) return 0
    return guarded(file, 0, (path) => {
      let done = 0
      while (done < target.length) {
        const count = readSync(descriptor, target, done, target.length - done, fileOffset + done)
        if (count === 0) {
          bad(file, 'file-changed', `${path}: ends at byte ${fileOffset + done}`)
          break
        }
        done += count
      }
      return done
    })
  }

  const hasher = new PieceHasher({
    plan,
    sha1Digests: task.sha1Digests,
    merkleRoots: task.merkleRoots,
    states: task.states,
    read,
    hashRun,
    maxBufferBytes,
    proceed(readBytes) {
      Atomics.add(task.readBytes, 0, BigInt(readBytes))
      return Atomics.load(control, controlStop) === 0
    },
  })
  try {
    for (;;) {
      const first = Atomics.add(control, controlNextJob, 1) * task.piecesPerJob
      if (first >= plan.pieceCount) return
      if (!hasher.hash(first, Math.min(first + task.piecesPerJob, plan.pieceCount))) return
      yield
    }
  } finally {
    if (opened?.descriptor !== undefined) closeSync(opened.descriptor)
  }
}
