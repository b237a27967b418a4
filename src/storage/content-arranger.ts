// Moves the files of one torrent about: renames, moves to other places, takes the suffix off whole files, brings bytes
// out of the parts file, deletes. One thing after another, while no write is under way (but for suffixes, which many
// files lose at once); reads go on.
// Guarantees: between roots files are copied, brought to the disk and compared, and the new place is remembered before the
// originals go, so that whatever breaks off a move leaves all files in the place that is remembered, and it can be made
// again; what fails leaves everything where it was; nothing that stands at the target is replaced.
import { type Failure, type Result, success } from '../base/errors.ts'
import type { RelativePath } from '../ports/files.ts'
import { type ContentFiles, partsFile } from './content-files.ts'
import {
  copyFiles,
  copyStepBytes,
  type MoveStep,
  readAll,
  removeCopies,
  removeOriginals,
  writeAll,
} from './copy-files.ts'
import type { FilePlace, FilePool, PooledFile } from './file-pool.ts'
import type { HeldPieces } from './held-pieces.ts'
import { pieceEnd, pieceStart, piecesOfFile } from './piece-plan.ts'
import type { SlotPool } from './slot-pool.ts'
import type { StoragePlace } from './storage-layout.ts'
import type { WriteGate } from './write-gate.ts'

export interface ContentArrangerOptions {
  readonly files: ContentFiles
  readonly pool: FilePool
  readonly slots: SlotPool
  readonly held: HeldPieces
  readonly gate: WriteGate
  /** Brings everything to the disk. */
  readonly flush: () => Promise<Result<void>>
}

/** See TorrentStorage.move. */
export type Remember = () => Promise<Result<void>>

/** Renames under way at once. */
const finishedAtOnce = 32
const done: Result<void> = success(undefined)

export class ContentArranger {
  private readonly options: ContentArrangerOptions
  private lastTurn: Promise<unknown> = Promise.resolve()
  /** Whole files that carry their suffix yet: those whose turn is to come, those under way, those that it failed for. */
  private waiting = new Set<number>()
  private readonly underWay = new Set<number>()
  private readonly unfinished = new Set<number>()
  /** Something was written already; before that nothing is made. */
  private mayMakeFiles = false

  constructor(options: ContentArrangerOptions) {
    this.options = options
  }

  /** Whether a whole file does not have its own name yet. */
  get isFinishing(): boolean {
    return this.waiting.size + this.underWay.size + this.unfinished.size > 0
  }

  /** Takes the suffix off a file that is whole. */
  finishFile(file: number): void {
    if (!this.options.files.layout.isSuffixed(file)) return
    this.waiting.add(file)
    if (this.waiting.size === 1) void this.inTurn(() => this.finishWaiting())
  }

  /** Makes the wanted files that have no bytes, and therefore no piece that would. */
  makeEmptyFiles(): Promise<void> {
    this.mayMakeFiles = true
    return this.inTurn(async () => {
      const { files, gate } = this.options
      for (let file = 0; file < files.fileCount; file++) {
        const isWanted = files.isWanted(file) && files.lengthOf(file) === 0 && !files.isLink(file)
        if (!isWanted || files.where(file) !== 'absent') continue
        const handle = files.newFile(file, false)
        const made = await handle.create()
        if (!made.ok) {
          gate.fail(made)
          return
        }
        files.setWhere(file, 'present')
        files.noteChange(file)
      }
    })
  }

  /** Tries again what finishFile and makeEmptyFiles could not do. */
  retry(): void {
    for (const file of this.unfinished) this.finishFile(file)
    if (this.mayMakeFiles) void this.makeEmptyFiles()
  }

  /** Puts everything into another place; see TorrentStorage.move. Errors: of both places; file-exists; of `remember`. */
  move(place: StoragePlace, remember: Remember): Promise<Result<void>> {
    return this.arrange(
      () => success({ place, paths: undefined }),
      (steps, noteChanges) => {
        const isCopy = steps.some(({ from, to }) => from.root !== to.root)
        return isCopy ? this.copyAll(steps, noteChanges, remember) : this.renameAll(steps)
      },
    )
  }

  /** See TorrentStorage.removeLeft. */
  removeLeft(left: StoragePlace): Promise<void> {
    return this.inTurn(() =>
      this.options.gate.whileHeld(async () => {
        const { files, pool, slots } = this.options
        const { layout } = files
        if (left.root === layout.place.root) return
        const handles = await this.handlesOnDisk()
        const steps = handles.map(([file, handle]): MoveStep => {
          const isParts = file === partsFile
          const fromPath = isParts ? layout.partsPath(left) : layout.diskPath(file, layout.isSuffixed(file), left)
          return { handle, from: { root: left.root, path: fromPath }, to: handle.place }
        })
        await this.removeEmptyFolders(left, await removeOriginals(steps, { pool, slots }))
      }),
    )
  }

  /** Errors: see StorageLayout.renamed, and those of the place. */
  renameFile(file: number, path: readonly string[]): Promise<Result<void>> {
    return this.arrangePaths(() => this.options.files.layout.renamed(file, path))
  }

  renameRoot(name: string): Promise<Result<void>> {
    return this.arrangePaths(() => this.options.files.layout.renamedRoot(name))
  }

  /** Wanted files of which something lies in the parts file become files of their own. */
  bringOutWanted(): Promise<Result<void>> {
    if (this.mayMakeFiles) void this.makeEmptyFiles()
    return this.inTurn(() => this.options.gate.whileHeld(() => this.bringOutNow()))
  }

  /** Deletes all files of the torrent and the folders that become empty. They must be closed. The first failure. */
  remove(): Promise<Result<void>> {
    return this.inTurn(async () => {
      const { files } = this.options
      const { layout } = files
      const { root } = layout.place
      let result = done
      const removed: RelativePath[] = [layout.partsPath()]
      for (let file = 0; file < files.fileCount; file++) {
        if (files.where(file) === 'present') removed.push(layout.diskPath(file))
      }
      for (const path of removed) {
        const gone = await root.remove(path)
        if (!gone.ok && gone.code !== 'file-not-found' && result.ok) result = gone
      }
      await removeCopies(root, layout.copiesPath())
      await this.removeEmptyFolders(layout.place, removed)
      return result
    })
  }

  /** Answers when nothing is under way. */
  async quiet(): Promise<void> {
    await this.inTurn(() => Promise.resolve())
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.lastTurn.then(task)
    this.lastTurn = turn
    return turn
  }

  /** Those that come meanwhile have a turn of their own. */
  private async finishWaiting(): Promise<void> {
    const batch = this.waiting
    this.waiting = new Set()
    for (const file of batch) this.underWay.add(file)
    const files = batch.values()
    const lane = async () => {
      for (const file of files) {
        await this.finishNow(file)
        this.underWay.delete(file)
      }
    }
    await Promise.all(Array.from({ length: Math.min(finishedAtOnce, batch.size) }, lane))
  }

  private async finishNow(file: number): Promise<void> {
    const { files, held, gate } = this.options
    const { layout } = files
    this.unfinished.delete(file)
    if (!layout.isSuffixed(file) || files.where(file) !== 'present' || !held.isWhole(file)) return
    const { root } = layout.place
    const target: FilePlace = { root, path: layout.diskPath(file, false) }
    const renamed = await files.file(file).relocate(async () => {
      // Either name will do after a power loss, and each alone would be brought to the disk by itself.
      const result = await root.rename(layout.diskPath(file, true), target.path, 'soon')
      return result.ok ? success(target) : result
    })
    if (renamed.ok) {
      layout.setSuffixed(file, false)
      files.noteChange(file)
    } else {
      this.unfinished.add(file)
      gate.fail(renamed)
    }
  }

  private arrangePaths(pathsOf: () => Result<readonly RelativePath[]>): Promise<Result<void>> {
    return this.arrange(() => {
      const paths = pathsOf()
      return paths.ok ? success({ place: this.options.files.layout.place, paths: paths.value }) : paths
    })
  }

  private arrange(
    goal: () => Result<{ readonly place: StoragePlace; readonly paths: readonly RelativePath[] | undefined }>,
    perform = (steps: readonly MoveStep[], _noteChanges: () => void) => this.renameAll(steps),
  ): Promise<Result<void>> {
    return this.inTurn(() =>
      this.options.gate.whileHeld(async () => {
        const wanted = goal()
        if (!wanted.ok) return wanted
        const { files } = this.options
        const { layout } = files
        const oldPlace = layout.place
        const fromPaths = Array.from({ length: files.fileCount }, (_, file) => layout.diskPath(file))
        const handles = await this.handlesOnDisk()
        const oldNames = layout.names
        layout.place = wanted.value.place
        if (wanted.value.paths !== undefined) layout.setPaths(wanted.value.paths)
        const steps = this.stepsOf(handles, oldPlace, fromPaths)
        const noteChanges = () => {
          for (const [file] of handles) if (file !== partsFile) files.noteChange(file)
        }
        const arranged = await perform(steps, noteChanges)
        noteChanges()
        if (!arranged.ok) {
          layout.place = oldPlace
          layout.restoreNames(oldNames)
          return arranged
        }
        for (const [file, handle] of handles) if (!handle.isPresent) files.forgetHandle(file)
        await this.removeEmptyFolders(
          oldPlace,
          steps.map((step) => step.from.path),
        )
        return done
      }),
    )
  }

  /** A handle for everything that lies on the disk now, so that each knows its own place. */
  private async handlesOnDisk(): Promise<readonly (readonly [number, PooledFile])[]> {
    const { files } = this.options
    const handles: [number, PooledFile][] = []
    for (let file = 0; file < files.fileCount; file++) {
      if (files.where(file) === 'present') handles.push([file, files.file(file)])
    }
    const parts = await files.partsFile().status()
    if (parts.ok && parts.value?.kind === 'file') handles.push([partsFile, files.partsFile()])
    else files.forgetHandle(partsFile)
    return handles
  }

  private stepsOf(
    handles: readonly (readonly [number, PooledFile])[],
    oldPlace: StoragePlace,
    fromPaths: readonly RelativePath[],
  ): MoveStep[] {
    const { layout } = this.options.files
    const steps: MoveStep[] = []
    for (const [file, handle] of handles) {
      if (file !== partsFile && !handle.isPresent) continue
      const fromPath = file === partsFile ? layout.partsPath(oldPlace) : (fromPaths[file] as RelativePath)
      const toPath = file === partsFile ? layout.partsPath() : layout.diskPath(file)
      const isSame = layout.place.root === oldPlace.root && fromPath.join('/') === toPath.join('/')
      if (isSame) continue
      steps.push({
        handle,
        from: { root: oldPlace.root, path: fromPath },
        to: { root: layout.place.root, path: toPath },
      })
    }
    return steps
  }

  private async renameAll(steps: readonly MoveStep[]): Promise<Result<void>> {
    for (const [index, step] of steps.entries()) {
      const renamed = await renameStep(step.handle, step.from, step.to)
      if (renamed.ok) continue
      for (const undone of steps.slice(0, index).reverse()) await renameStep(undone.handle, undone.to, undone.from)
      return renamed
    }
    return done
  }

  private async copyAll(
    steps: readonly MoveStep[],
    noteChanges: () => void,
    remember: Remember,
  ): Promise<Result<void>> {
    const { files, pool, slots } = this.options
    const { root } = files.layout.place
    const copied = await copyFiles(steps, { pool, slots, root, copiesFolder: files.layout.copiesPath() })
    if (!copied.ok) return copied
    for (const { handle, to } of steps) await handle.relocate(() => Promise.resolve(success(to)))
    noteChanges()
    const remembered = await remember()
    if (!remembered.ok) {
      for (const { handle, from } of steps) await handle.relocate(() => Promise.resolve(success(from)))
      for (const path of copied.value) await root.remove(path)
      return remembered
    }
    for (const { from } of steps) await from.root.remove(from.path)
    return done
  }

  private async bringOutNow(): Promise<Result<void>> {
    const { files, held } = this.options
    let isAnyLeft = false
    let wasAnyBroughtOut = false
    for (let file = 0; file < files.fileCount; file++) {
      if (files.where(file) !== 'parts') continue
      if (!files.isWanted(file)) {
        isAnyLeft = true
        continue
      }
      const broughtOut = await this.bringOutFile(file)
      if (!broughtOut.ok) return broughtOut
      wasAnyBroughtOut = true
      if (held.isWhole(file)) this.finishFile(file)
    }
    if (wasAnyBroughtOut && !isAnyLeft) await this.removeParts()
    return done
  }

  private async bringOutFile(file: number): Promise<Result<void>> {
    const { files, held } = this.options
    const { plan } = files
    const pieces = piecesOfFile(plan, file)
    const shared = pieces === undefined ? [] : [...new Set([pieces.first, pieces.last])]
    const present = shared.filter((piece) => held.have.get(piece) && files.partsOffset(piece, 0) !== undefined)
    if (present.length === 0) {
      files.setWhere(file, 'absent')
      return done
    }
    const handle = files.newFile(file)
    for (const piece of present) {
      const copied = await this.copyFromParts(piece, file, handle)
      if (copied.ok) continue
      await handle.shut()
      await handle.place.root.remove(handle.place.path)
      files.forgetHandle(file)
      return copied
    }
    files.setWhere(file, 'present')
    files.noteChange(file)
    return done
  }

  private async copyFromParts(piece: number, file: number, handle: PooledFile): Promise<Result<void>> {
    const { files, slots, held } = this.options
    const { plan } = files
    const fileStart = plan.starts[file] as number
    const end = Math.min(pieceEnd(plan, piece), plan.ends[file] as number)
    const stepBytes = Math.min(copyStepBytes, slots.maxSlotBytes)
    const slot = await slots.reserveLater(stepBytes, 'checking')
    let failed: Failure | undefined
    for (let position = Math.max(pieceStart(plan, piece), fileStart); position < end; position += stepBytes) {
      const part = slots.bytes(slot).subarray(0, Math.min(stepBytes, end - position))
      const offset = files.partsOffset(piece, position) ?? 0
      failed = (await readAll(files.partsFile(), offset, part)) ?? (await writeAll(handle, position - fileStart, part))
      if (failed !== undefined) break
    }
    slots.release(slot)
    held.partlyWritten(piece)
    return failed ?? done
  }

  private async removeParts(): Promise<void> {
    const { files } = this.options
    // Only what is on the disk elsewhere may be deleted here.
    if (!(await this.options.flush()).ok) return
    const parts = files.partsFile()
    await parts.shut()
    await parts.place.root.remove(parts.place.path)
    files.forgetHandle(partsFile)
  }

  /** Folders below the place's that held these paths, deepest first; those that are not empty stay. */
  private async removeEmptyFolders(place: StoragePlace, paths: readonly RelativePath[]): Promise<void> {
    const folders = new Map<string, RelativePath>()
    for (const path of paths) {
      for (let depth = path.length - 1; depth > place.folder.length; depth--) {
        const folder = path.slice(0, depth)
        folders.set(folder.join('/'), folder)
      }
    }
    for (const folder of [...folders.values()].sort((a, b) => b.length - a.length)) await place.root.remove(folder)
  }
}

function renameStep(handle: PooledFile, from: FilePlace, to: FilePlace): Promise<Result<void>> {
  return handle.relocate(async () => {
    const renamed = await from.root.rename(from.path, to.path, 'at-once')
    return renamed.ok ? success(to) : renamed
  })
}
