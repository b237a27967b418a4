// Operations on the file system as steps: one description of what is done, call by call, that is carried out at once,
// by a thread that may wait for the disk, or with promises, by one that may not.
// Guarantees: both ways make the same calls in the same order, and errors arrive where the call was asked for.
import {
  type BigIntStats,
  close,
  closeSync,
  fstat,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncate,
  ftruncateSync,
  link,
  linkSync,
  lstat,
  lstatSync,
  mkdir,
  mkdirSync,
  open,
  opendir,
  openSync,
  readdirSync,
  rename,
  renameSync,
  rmdir,
  rmdirSync,
  type Stats,
  stat,
  statSync,
  unlink,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs'
import { promisify } from 'node:util'
import { isSystemError } from './file-error.ts'

type Now<T> = T | Promise<T>

/** The calls of node:fs, at once or as promises; errors of the system in both cases. */
export interface SystemCalls {
  open(path: string, flags: number, mode?: number): Now<number>
  close(descriptor: number): Now<void>
  /** Does not wait for the system: that a descriptor is closed a moment later is nobody's concern. */
  letGo(descriptor: number): void
  sync(descriptor: number): Now<void>
  setLength(descriptor: number, lengthBytes: number): Now<void>
  write(descriptor: number, bytes: Uint8Array, offset: number, position: number): Now<number>
  status(path: string): Now<Stats>
  /** The entry itself, where it is a link. */
  look(path: string): Now<Stats>
  /** The same; undefined without an error, which is costly, where there is nothing. */
  lookIfThere(path: string): Now<Stats | undefined>
  lookExactly(path: string): Now<BigIntStats>
  statusOpened(descriptor: number): Now<Stats>
  lookExactlyAtOpened(descriptor: number): Now<BigIntStats>
  makeFolder(path: string): Now<void>
  removeFolder(path: string): Now<void>
  removeFile(path: string): Now<void>
  link(from: string, to: string): Now<void>
  rename(from: string, to: string): Now<void>
  /** Names in a folder, at most so many. */
  list(path: string, maxCount: number): Now<readonly string[]>
}

export const callsAtOnce: SystemCalls = {
  open: openSync,
  close: closeSync,
  letGo: closeSync,
  sync: fsyncSync,
  setLength: ftruncateSync,
  write: (descriptor, bytes, offset, position) => writeSync(descriptor, bytes, offset, bytes.length - offset, position),
  status: (path) => statSync(path),
  look: (path) => lstatSync(path),
  lookIfThere: (path) => lstatSync(path, { throwIfNoEntry: false }),
  lookExactly: (path) => lstatSync(path, { bigint: true }),
  statusOpened: (descriptor) => fstatSync(descriptor),
  lookExactlyAtOpened: (descriptor) => fstatSync(descriptor, { bigint: true }),
  makeFolder: (path) => mkdirSync(path),
  removeFolder: rmdirSync,
  removeFile: unlinkSync,
  link: linkSync,
  rename: renameSync,
  list: (path, maxCount) => readdirSync(path).slice(0, maxCount),
}

const openFolder = promisify(opendir)
const writeFile = promisify(write)
const look = promisify(lstat)
const statOpened = promisify(fstat)

async function lookIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await look(path)
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined
    throw error
  }
}

async function namesIn(path: string, maxCount: number): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { name } of await openFolder(path)) {
    if (names.length === maxCount) break
    names.push(name)
  }
  return names
}

export const callsLater: SystemCalls = {
  open: promisify(open),
  close: promisify(close),
  letGo: (descriptor) => close(descriptor, () => undefined),
  sync: promisify(fsync),
  setLength: promisify(ftruncate),
  async write(descriptor, bytes, offset, position) {
    return (await writeFile(descriptor, bytes, offset, bytes.length - offset, position)).bytesWritten
  },
  status: promisify(stat),
  look: (path) => look(path),
  lookIfThere,
  lookExactly: (path) => look(path, { bigint: true }),
  statusOpened: (descriptor) => statOpened(descriptor),
  lookExactlyAtOpened: (descriptor) => statOpened(descriptor, { bigint: true }),
  makeFolder: promisify(mkdir),
  removeFolder: promisify(rmdir),
  removeFile: promisify(unlink),
  link: promisify(link),
  rename: promisify(rename),
  list: namesIn,
}

type Step = (calls: SystemCalls) => unknown

/** An operation: it yields each call it makes and is given the answer, or thrown the error. */
export type Steps<T> = Generator<Step, T, unknown>

/** One call. */
export function* ask<T>(step: (calls: SystemCalls) => Now<T>): Steps<T> {
  return (yield step) as T
}

export function runAtOnce<T>(steps: Steps<T>): T {
  let state = steps.next()
  while (state.done !== true) {
    let answer: unknown
    try {
      answer = state.value(callsAtOnce)
    } catch (error) {
      state = steps.throw(error)
      continue
    }
    state = steps.next(answer)
  }
  return state.value
}

export async function runLater<T>(steps: Steps<T>): Promise<T> {
  let state = steps.next()
  while (state.done !== true) {
    let answer: unknown
    try {
      answer = await state.value(callsLater)
    } catch (error) {
      state = steps.throw(error)
      continue
    }
    state = steps.next(answer)
  }
  return state.value
}
