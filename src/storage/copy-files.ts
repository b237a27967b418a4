// Copies files of a torrent into another root, for a move there. Under names of their own in a hidden folder, until all
// of them are whole, on the disk and compared; only then they get their names.
// Guarantees: what fails, or is broken off by a crash, can be begun anew; nothing that stands at a target is replaced,
// and what stands there is taken for the file only if it is another one with the same bytes. No state.
import { equalBytes } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { FileRoot, FileStatus, RelativePath } from '../ports/files.ts'
import { type FilePlace, type FilePool, PooledFile } from './file-pool.ts'
import type { SlotPool } from './slot-pool.ts'

/** Where a file is, and where it is to be. */
export interface MoveStep {
  readonly handle: PooledFile
  readonly from: FilePlace
  readonly to: FilePlace
}

export interface CopyOptions {
  readonly pool: FilePool
  readonly slots: SlotPool
  /** The root of all targets. */
  readonly root: FileRoot
  /** Where copies are until they are whole; ours alone. */
  readonly copiesFolder: RelativePath
}

export const copyStepBytes = 524_288
const maxCopies = 10_000_000
const done: Result<void> = success(undefined)

/**
 * Puts a copy of each file at its target, unless one is there already; the originals stay. Nobody may write to them
 * meanwhile. The targets that are new. Errors: file-exists, file-changed (a copy is not the original), and of both disks;
 * then nothing was copied.
 */
export async function copyFiles(
  steps: readonly MoveStep[],
  options: CopyOptions,
): Promise<Result<readonly RelativePath[]>> {
  const { root, copiesFolder } = options
  await removeCopies(root, copiesFolder)
  const lacking = await stepsToCopy(steps, options)
  if (!lacking.ok) return lacking
  const copies: [copy: RelativePath, target: RelativePath][] = []
  let result = done
  for (const [index, step] of lacking.value.entries()) {
    const path = [...copiesFolder, String(index)]
    copies.push([path, step.to.path])
    result = await copyFile(step, { root, path }, options)
    if (!result.ok) break
  }
  const named: RelativePath[] = []
  for (const [path, target] of copies) {
    if (result.ok) result = await root.rename(path, target, 'at-once')
    if (result.ok) named.push(target)
  }
  if (!result.ok) for (const target of named) await root.remove(target)
  await removeCopies(root, copiesFolder)
  return result.ok ? success(named) : result
}

/**
 * Deletes originals that a move which was broken off left where they were: those of which the copy, here the handle, is
 * in its place, byte by byte. The paths of those that are gone.
 */
export async function removeOriginals(
  steps: readonly MoveStep[],
  options: Pick<CopyOptions, 'pool' | 'slots'>,
): Promise<readonly RelativePath[]> {
  const removed: RelativePath[] = []
  for (const { handle, from, to } of steps) {
    const original = await from.root.status(from.path)
    const copy = await to.root.status(to.path)
    if (!original.ok || !copy.ok || original.value === undefined || copy.value === undefined) continue
    if (!mayBeCopy(original.value, copy.value)) continue
    const left = new PooledFile(options.pool, { place: from, lengthBytes: 0, allocation: 'sparse', isPresent: true })
    const compared = await compareFiles(left, handle, original.value.lengthBytes, options)
    await left.shut()
    if (compared.ok && (await from.root.remove(from.path)).ok) removed.push(from.path)
  }
  return removed
}

/** Deletes what copying left there when it was broken off. */
export async function removeCopies(root: FileRoot, copiesFolder: RelativePath): Promise<void> {
  const names = await root.list(copiesFolder, maxCopies)
  if (!names.ok) return
  for (const name of [...names.value].sort()) await root.remove([...copiesFolder, name])
  await root.remove(copiesFolder)
}

/** Those at whose target there is nothing. Errors: file-exists where there is something else than a copy; of the disks. */
async function stepsToCopy(steps: readonly MoveStep[], options: CopyOptions): Promise<Result<readonly MoveStep[]>> {
  const lacking: MoveStep[] = []
  const standing: (readonly [MoveStep, FileStatus])[] = []
  for (const step of steps) {
    const original = await step.from.root.status(step.from.path)
    if (!original.ok) return original
    if (original.value === undefined) return failure('file-not-found', `"${step.from.path.at(-1)}" is gone`)
    const there = await step.to.root.status(step.to.path)
    if (!there.ok) return there
    if (there.value === undefined) lacking.push(step)
    else if (mayBeCopy(original.value, there.value)) standing.push([step, there.value])
    else return taken(step)
  }
  // What is on the way to its place since a crash has been copied before; that takes reading all of it.
  for (const [step, { lengthBytes }] of standing) {
    const { pool } = options
    const file = new PooledFile(pool, { place: step.to, lengthBytes: 0, allocation: 'sparse', isPresent: true })
    const compared = await compareFiles(step.handle, file, lengthBytes, options)
    // Somebody else may have written it just now.
    const settled = compared.ok ? await file.sync(true) : compared
    await file.shut()
    if (!settled.ok) return settled.code === 'file-changed' ? taken(step) : settled
  }
  return success(lacking)
}

/**
 * Whether both may have the same bytes and yet be two files. One file seen by way of two folders has one time, and
 * must never be taken for its own copy.
 */
function mayBeCopy(original: FileStatus, other: FileStatus): boolean {
  return other.kind === 'file' && other.lengthBytes === original.lengthBytes && other.modifiedMs !== original.modifiedMs
}

function taken({ to }: MoveStep): Failure {
  return failure('file-exists', `"${to.path.at(-1)}" is there already`)
}

/** Copies a file, brings the copy to the disk, and compares the two. */
async function copyFile({ handle, from }: MoveStep, place: FilePlace, options: CopyOptions): Promise<Result<void>> {
  const { pool, slots } = options
  const status = await from.root.status(from.path)
  if (!status.ok) return status
  if (status.value === undefined) return failure('file-not-found', `"${from.path.at(-1)}" is gone`)
  const { lengthBytes } = status.value
  const target = new PooledFile(pool, { place, lengthBytes, allocation: 'sparse', isPresent: false })
  const stepBytes = Math.min(copyStepBytes, slots.maxSlotBytes)
  const slot = await slots.reserveLater(stepBytes, 'checking')
  const bytes = slots.bytes(slot)
  let result = await target.create()
  for (let position = 0; position < lengthBytes && result.ok; position += stepBytes) {
    const part = bytes.subarray(0, Math.min(stepBytes, lengthBytes - position))
    const failed = (await readAll(handle, position, part)) ?? (await writeAll(target, position, part))
    result = failed ?? done
  }
  slots.release(slot)
  if (result.ok) result = await target.sync()
  if (result.ok) result = await compareFiles(handle, target, lengthBytes, options)
  await target.shut()
  return result
}

/** Errors: file-changed where they differ, content-mismatch where one is shorter; of the disks. */
async function compareFiles(
  original: PooledFile,
  copy: PooledFile,
  lengthBytes: number,
  { slots }: Pick<CopyOptions, 'slots'>,
): Promise<Result<void>> {
  const stepBytes = Math.min(copyStepBytes, slots.maxSlotBytes / 2)
  const slot = await slots.reserveLater(2 * stepBytes, 'checking')
  const bytes = slots.bytes(slot)
  let result = done
  for (let position = 0; position < lengthBytes && result.ok; position += stepBytes) {
    const partBytes = Math.min(stepBytes, lengthBytes - position)
    const first = bytes.subarray(0, partBytes)
    const second = bytes.subarray(stepBytes, stepBytes + partBytes)
    const failed = (await readAll(original, position, first)) ?? (await readAll(copy, position, second))
    result = failed ?? (equalBytes(first, second) ? done : failure('file-changed', 'a copy is not the original'))
  }
  slots.release(slot)
  return result
}

/** Fills `target`. Errors: content-mismatch where the file ends before; of the disk. */
export function readAll(file: PooledFile, position: number, target: Uint8Array): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    file.read(position, target, (count, failed) => {
      const isShort = failed === undefined && count < target.length
      resolve(isShort ? failure('content-mismatch', 'a file is shorter than it should be') : failed)
    })
  })
}

/** Errors: of the disk. */
export function writeAll(file: PooledFile, position: number, part: Uint8Array): Promise<Failure | undefined> {
  return new Promise((resolve) => file.write(position, [part], resolve))
}
