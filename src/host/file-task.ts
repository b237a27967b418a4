// What there is to do with the entries of folders below a root: one task is one operation of the Files port, or a part
// of one, and goes to a thread as it is.
// Guarantees: names are checked here, whatever was checked before; no task follows a link below its root
// (rooted-folder.ts, rooted-entry.ts). None waits until something is on the disk. Keeps no state.
import { failure, type Result, SwarmbidError, success } from '../base/errors.ts'
import type { FileStatus, OpenMode, RelativePath } from '../ports/files.ts'
import { rootedFailure } from './file-error.ts'
import { fileStatus } from './file-status.ts'
import { isAbsent, moveEntry, openEntry, removeEntry } from './rooted-entry.ts'
import { anchoredFolder, checkedFolder, type RootedFolder } from './rooted-folder.ts'
import { ask, type Steps } from './system-steps.ts'

/** The folder a task is about, absolute, and whether folders below it are held by descriptors: see canAnchor. */
export interface TaskRoot {
  readonly root: string
  readonly isAnchored: boolean
}

/** `status`: of one that may be written to. */
export interface OpenedFile {
  readonly descriptor: number
  readonly isNew: boolean
  readonly isWritable: boolean
  readonly status: FileStatus | undefined
}

/** What each task answers with. `hold`: a descriptor to sync the folder with, where there are such. */
interface TaskAnswers {
  readonly open: OpenedFile
  readonly status: FileStatus | undefined
  readonly rename: undefined
  readonly remove: boolean
  readonly hold: number | undefined
  readonly 'set-length': undefined
  readonly close: undefined
}

export type FileTask =
  | { readonly type: 'open'; readonly at: TaskRoot; readonly path: RelativePath; readonly mode: OpenMode }
  | { readonly type: 'status'; readonly at: TaskRoot; readonly path: RelativePath }
  | { readonly type: 'rename'; readonly at: TaskRoot; readonly from: RelativePath; readonly to: RelativePath }
  | { readonly type: 'remove'; readonly at: TaskRoot; readonly path: RelativePath }
  | { readonly type: 'hold'; readonly at: TaskRoot; readonly path: RelativePath }
  | { readonly type: 'set-length'; readonly descriptor: number; readonly name: string; readonly lengthBytes: number }
  | { readonly type: 'close'; readonly descriptor: number; readonly name: string }

export type AnswerTo<Task extends FileTask> = TaskAnswers[Task['type']]

const foreignCharacters = process.platform === 'win32' ? /[/\\\0:]/ : /[/\\\0]/

/** Errors: file-not-plain. */
export function checkNames(path: RelativePath): void {
  for (const name of path) {
    if (name !== '' && name !== '.' && name !== '..' && !foreignCharacters.test(name)) continue
    throw new SwarmbidError('file-not-plain', `${JSON.stringify(name).slice(0, 80)} is no name of a file or folder`)
  }
}

/** The last component, and those before it. Errors: file-not-plain. */
export function placeOf(path: RelativePath): { readonly parent: RelativePath; readonly name: string } {
  checkNames(path)
  const name = path.at(-1)
  if (name === undefined) throw new SwarmbidError('file-not-plain', 'something in the folder is meant, not itself')
  return { parent: path.slice(0, -1), name }
}

/** Work in a folder, which is held as long. `madeIn`: missing ones are made, and it is told where. */
export function* within<T>(
  { root, isAnchored }: TaskRoot,
  path: RelativePath,
  madeIn: RelativePath[] | undefined,
  work: (folder: RootedFolder) => Steps<T>,
): Steps<T> {
  const search = { root, path, make: madeIn !== undefined, madeIn: madeIn ?? [] }
  const folder = yield* isAnchored ? anchoredFolder(search) : checkedFolder(search)
  try {
    return yield* work(folder)
  } finally {
    yield* folder.release()
  }
}

function* openFile(at: TaskRoot, path: RelativePath, mode: OpenMode, madeIn: RelativePath[]): Steps<OpenedFile> {
  const { parent, name } = placeOf(path)
  const opened = yield* within(at, parent, mode === 'create' ? madeIn : undefined, (folder) =>
    openEntry(folder, name, mode),
  )
  const { descriptor, isNew } = opened
  if (mode === 'read') return { descriptor, isNew, isWritable: false, status: undefined }
  try {
    const status = fileStatus(yield* ask((calls) => calls.statusOpened(descriptor)))
    return { descriptor, isNew, isWritable: true, status }
  } catch (error) {
    yield* ask((calls) => calls.close(descriptor))
    throw error
  }
}

function* statusOf(at: TaskRoot, path: RelativePath): Steps<FileStatus | undefined> {
  if (path.length === 0) return fileStatus(yield* ask((calls) => calls.status(at.root)))
  const { parent, name } = placeOf(path)
  try {
    return yield* within(at, parent, undefined, function* (folder) {
      const stats = yield* ask((calls) => calls.lookIfThere(folder.entry(name)))
      yield* folder.verify()
      return stats === undefined ? undefined : fileStatus(stats)
    })
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

function* rename(at: TaskRoot, from: RelativePath, to: RelativePath, madeIn: RelativePath[]): Steps<undefined> {
  const source = placeOf(from)
  const target = placeOf(to)
  function* move(sourceFolder: RootedFolder, targetFolder: RootedFolder): Steps<undefined> {
    yield* sourceFolder.verify()
    yield* targetFolder.verify()
    yield* moveEntry(sourceFolder.entry(source.name), targetFolder.entry(target.name), from.join('/'))
    return undefined
  }
  const isSameFolder = source.parent.join('/') === target.parent.join('/')
  return yield* within(at, source.parent, undefined, (sourceFolder) =>
    isSameFolder
      ? move(sourceFolder, sourceFolder)
      : within(at, target.parent, madeIn, (targetFolder) => move(sourceFolder, targetFolder)),
  )
}

function* remove(at: TaskRoot, path: RelativePath): Steps<boolean> {
  const { parent, name } = placeOf(path)
  try {
    yield* within(at, parent, undefined, (folder) => removeEntry(folder, name))
    return true
  } catch (error) {
    if (isAbsent(error)) return false
    throw error
  }
}

function* hold(at: TaskRoot, path: RelativePath): Steps<number | undefined> {
  checkNames(path)
  return yield* within(at, path, undefined, (folder) => folder.take())
}

function* setLength(descriptor: number, lengthBytes: number): Steps<undefined> {
  yield* ask((calls) => calls.setLength(descriptor, lengthBytes))
  return undefined
}

function* closeFile(descriptor: number): Steps<undefined> {
  yield* ask((calls) => calls.close(descriptor))
  return undefined
}

function stepsOf(task: FileTask, madeIn: RelativePath[]): Steps<TaskAnswers[FileTask['type']]> {
  switch (task.type) {
    case 'open':
      return openFile(task.at, task.path, task.mode, madeIn)
    case 'status':
      return statusOf(task.at, task.path)
    case 'rename':
      return rename(task.at, task.from, task.to, madeIn)
    case 'remove':
      return remove(task.at, task.path)
    case 'hold':
      return hold(task.at, task.path)
    case 'set-length':
      return setLength(task.descriptor, task.lengthBytes)
    case 'close':
      return closeFile(task.descriptor)
  }
}

/** For messages, and what it was for. */
function describe(task: FileTask): { readonly name: string; readonly intent: 'read' | 'write' } {
  switch (task.type) {
    case 'open':
      return { name: task.path.join('/'), intent: task.mode === 'read' ? 'read' : 'write' }
    case 'status':
      return { name: task.path.join('/'), intent: 'read' }
    case 'rename':
      return { name: task.from.join('/'), intent: 'write' }
    case 'remove':
    case 'hold':
      return { name: task.path.join('/'), intent: 'write' }
    case 'set-length':
    case 'close':
      return { name: task.name, intent: 'write' }
  }
}

/** `madeIn` is added the folders in which others were made, also by a task that fails. A defect is thrown. */
export function* perform<Task extends FileTask>(task: Task, madeIn: RelativePath[]): Steps<Result<AnswerTo<Task>>> {
  try {
    return success((yield* stepsOf(task, madeIn)) as AnswerTo<Task>)
  } catch (error) {
    const { name, intent } = describe(task)
    return rootedFailure(name, intent, error)
  }
}

/** What becomes of a task when the thread that had it is gone. */
export function lostTask(reason: string): Result<never> {
  return failure('internal', `the thread for files died: ${reason.slice(0, 200)}`)
}
