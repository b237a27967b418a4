// The files of one torrent as its piece space: bytes of pieces to and from wherever they lie.
// Guarantees: gaps (pad files) are never written and read as zeros; unwanted files are never made: what pieces share
// with them lies in the parts file, at a place that follows from the piece alone, so no index can be lost; a file is
// known by its name on disk only, and nothing but a plain file is accepted. Owns the torrent's PooledFiles.
import { assert } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { FileRoot, FileStatus, RelativePath } from '../ports/files.ts'
import { type Allocation, type FilePool, PooledFile } from './file-pool.ts'
import { type FileRecord, isUnchanged, type Whereabouts } from './file-record.ts'
import { gap, type PiecePlan, pieceEnd, pieceStart, visitStretches } from './piece-plan.ts'
import { filesUnderRawNames } from './raw-names.ts'
import type { StorageLayout } from './storage-layout.ts'

/** What became of a read: `missing` bytes were never written or are cut off, else a failure of the disk. */
export type ReadOutcome =
  | { readonly type: 'read' }
  | { readonly type: 'missing'; readonly file: number; readonly failure: Failure }
  | { readonly type: 'failed'; readonly file: number; readonly failure: Failure }

export interface ContentFilesOptions {
  readonly plan: PiecePlan
  readonly pool: FilePool
  readonly layout: StorageLayout
  readonly allocation: Allocation
  /** By file: 0 is unwanted. */
  readonly priorities: Uint8Array
  /** By file: whether it is a symbolic link of the torrent, of which nothing is made. */
  readonly isLink: (file: number) => boolean
}

/** The number that stands for the parts file where files are numbered. */
export const partsFile = -1

const statusBatch = 64
const bytesRead: ReadOutcome = { type: 'read' }

/** Pieces with bytes of more than one file, ascending: those that the parts file may hold something of. */
function piecesOfSeveralFiles(plan: PiecePlan): Int32Array {
  const shared: number[] = []
  let lastPiece = -1
  for (let file = 0; file < plan.starts.length; file++) {
    const start = plan.starts[file] as number
    const end = plan.ends[file] as number
    if (start === end) continue
    const piece = Math.floor(start / plan.pieceLengthBytes)
    if (piece === lastPiece && shared.at(-1) !== piece) shared.push(piece)
    lastPiece = Math.floor((end - 1) / plan.pieceLengthBytes)
  }
  return Int32Array.from(shared)
}

export class ContentFiles {
  readonly layout: StorageLayout
  readonly plan: PiecePlan
  readonly priorities: Uint8Array
  readonly isLink: (file: number) => boolean
  private readonly pool: FilePool
  private readonly allocation: Allocation
  private readonly pooled: (PooledFile | undefined)[] = []
  private parts: PooledFile | undefined
  private readonly whereabouts: Whereabouts[]
  private readonly sharedPieces: Int32Array
  /** Written to since their status was last noted in a resume record. */
  private readonly changed = new Set<number>()
  private readonly noted = new Map<number, FileStatus>()

  constructor(options: ContentFilesOptions) {
    this.plan = options.plan
    this.pool = options.pool
    this.layout = options.layout
    this.allocation = options.allocation
    this.priorities = options.priorities
    this.isLink = options.isLink
    this.whereabouts = Array.from({ length: options.plan.starts.length }, () => 'absent' as const)
    this.sharedPieces = piecesOfSeveralFiles(options.plan)
  }

  get fileCount(): number {
    return this.whereabouts.length
  }

  lengthOf(file: number): number {
    return (this.plan.ends[file] as number) - (this.plan.starts[file] as number)
  }

  where(file: number): Whereabouts {
    return this.whereabouts[file] as Whereabouts
  }

  setWhere(file: number, where: Whereabouts): void {
    this.whereabouts[file] = where
  }

  isWanted(file: number): boolean {
    return (this.priorities[file] as number) > 0
  }

  /** The file's handle, made when first asked for. */
  file(file: number): PooledFile {
    const known = this.pooled[file]
    if (known !== undefined) return known
    const { layout } = this
    const isPresent = this.where(file) === 'present'
    const made = new PooledFile(this.pool, {
      place: { root: layout.place.root, path: layout.diskPath(file) },
      lengthBytes: this.lengthOf(file),
      allocation: this.allocation,
      isPresent,
    })
    this.pooled[file] = made
    return made
  }

  /** The handle of the parts file, which may not be there. */
  partsFile(): PooledFile {
    this.parts ??= new PooledFile(this.pool, {
      place: { root: this.layout.place.root, path: this.layout.partsPath() },
      lengthBytes: 0,
      allocation: 'sparse',
      isPresent: false,
    })
    return this.parts
  }

  /** Handles that exist, for flushing, moving and closing. */
  *handles(): Generator<readonly [file: number, handle: PooledFile], void> {
    for (const [file, handle] of this.pooled.entries()) if (handle !== undefined) yield [file, handle]
    if (this.parts !== undefined) yield [partsFile, this.parts]
  }

  /** Where the parts file holds the piece-space bytes from `position` on; undefined where it never does. */
  partsOffset(piece: number, position: number): number | undefined {
    const { sharedPieces } = this
    let low = 0
    let high = sharedPieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sharedPieces[middle] as number) < piece) low = middle + 1
      else high = middle
    }
    if (sharedPieces[low] !== piece) return undefined
    return low * this.plan.pieceLengthBytes + position - pieceStart(this.plan, piece)
  }

  /** Whether all files of a piece are unwanted and absent, so that there is no place for it. */
  hasNoPlace(piece: number): boolean {
    const { plan } = this
    let fileCount = 0
    let placeCount = 0
    visitStretches(plan, pieceStart(plan, piece), pieceEnd(plan, piece), (file) => {
      if (file === gap) return
      fileCount++
      if (this.isWanted(file) || this.where(file) === 'present') placeCount++
    })
    return fileCount > 0 && placeCount === 0
  }

  /**
   * Writes `bytes` at `start` of the piece space, within one piece, with one write a file. Makes wanted files that
   * are not there. `done` comes once, with the first failure.
   */
  write(start: number, bytes: Uint8Array, done: (failure: Failure | undefined) => void): void {
    const { plan } = this
    const piece = Math.floor(start / plan.pieceLengthBytes)
    let outstanding = 1
    let failed: Failure | undefined
    const onWritten = (result: Failure | undefined) => {
      failed ??= result
      if (--outstanding === 0) done(failed)
    }
    visitStretches(plan, start, start + bytes.length, (file, fileOffset, position, lengthBytes) => {
      if (file === gap) return
      outstanding++
      const part = bytes.subarray(position - start, position - start + lengthBytes)
      if (this.where(file) === 'absent') this.appoint(file)
      if (this.where(file) === 'present') {
        this.changed.add(file)
        this.file(file).write(fileOffset, [part], (result) => {
          // Again: its status may have been asked for while this was under way.
          this.changed.add(file)
          onWritten(result)
        })
        return
      }
      const offset = this.partsOffset(piece, position)
      assert(offset !== undefined, 'a piece shared with a wanted file')
      this.partsFile().write(offset, [part], onWritten)
    })
    outstanding--
    // Nothing but gaps: the answer may not come from inside, either.
    if (outstanding === 0) void Promise.resolve().then(() => done(failed))
  }

  /** Fills `target` from `start` of the piece space on, within one piece. `done` comes once. */
  read(start: number, target: Uint8Array, done: (outcome: ReadOutcome) => void): void {
    const { plan } = this
    const piece = Math.floor(start / plan.pieceLengthBytes)
    let outstanding = 1
    let outcome = bytesRead
    const end = (worse: ReadOutcome) => {
      if (outcome.type !== 'failed' && worse.type !== 'read') outcome = worse
      if (--outstanding === 0) done(outcome)
    }
    visitStretches(plan, start, start + target.length, (file, fileOffset, position, lengthBytes) => {
      const part = target.subarray(position - start, position - start + lengthBytes)
      if (file === gap) {
        part.fill(0)
        return
      }
      outstanding++
      const where = this.where(file)
      const partsOffset = where === 'parts' ? this.partsOffset(piece, position) : undefined
      if (where === 'present') {
        this.file(file).read(fileOffset, part, (count, failed) => end(this.outcomeOf(file, count, lengthBytes, failed)))
      } else if (partsOffset !== undefined) {
        this.partsFile().read(partsOffset, part, (count, failed) =>
          end(this.outcomeOf(file, count, lengthBytes, failed)),
        )
      } else {
        void Promise.resolve().then(() => end(this.outcomeOf(file, 0, lengthBytes, undefined)))
      }
    })
    outstanding--
    if (outstanding === 0) void Promise.resolve().then(() => done(bytesRead))
  }

  /** A piece was found, and nobody knows whether those who wrote it brought it to the disk. */
  distrust(piece: number): void {
    const { plan } = this
    visitStretches(plan, pieceStart(plan, piece), pieceEnd(plan, piece), (file) => {
      if (file === gap) return
      if (this.where(file) === 'present') this.file(file).distrust()
      else if (this.where(file) === 'parts') this.partsFile().distrust()
    })
  }

  /** A handle for a file that is to be made, under the name it has while it is incomplete. */
  newFile(file: number, isSuffixed = this.layout.hasSuffix): PooledFile {
    this.layout.setSuffixed(file, isSuffixed)
    this.layout.setRaw(file, false)
    this.pooled[file] = undefined
    return this.file(file)
  }

  /** The handles of the file and of the parts file are forgotten; they are closed. */
  forgetHandle(file: number): void {
    if (file === partsFile) this.parts = undefined
    else this.pooled[file] = undefined
  }

  /**
   * Finds out which files are there, under which of their names: where there are several, under that which looks as
   * `noted`. Errors: file-not-plain, file-unreadable.
   */
  async locate(noted: readonly FileRecord[] = []): Promise<Result<void>> {
    const { layout } = this
    const parts = await this.plainFileAt(layout.place.root, layout.partsPath())
    if (!parts.ok) return parts
    const absentFolders = await this.absentFolders()
    for (let first = 0; first < this.fileCount; first += statusBatch) {
      const files = Array.from({ length: Math.min(statusBatch, this.fileCount - first) }, (_, index) => first + index)
      const hasParts = parts.value !== undefined
      const locate = (file: number) => {
        if (!absentFolders.has(folderKey(layout.diskPath(file)))) return this.locateFile(file, hasParts, noted[file])
        this.notFound(file, hasParts)
        return success(undefined)
      }
      for (const located of await Promise.all(files.map(locate))) if (!located.ok) return located
    }
    if (this.layout.hasRawPaths) await this.locateRaw(noted)
    return success(undefined)
  }

  /** Folders of files of which nothing is there, by folderKey: there is nothing to look for in them. */
  private async absentFolders(): Promise<ReadonlySet<string>> {
    const { layout } = this
    const folders = new Map<string, RelativePath>()
    for (let file = 0; file < this.fileCount; file++) {
      const folder = layout.diskPath(file).slice(0, -1)
      if (folder.length > 0) folders.set(folder.join('/'), folder)
    }
    const absent = new Set<string>()
    // Where each file has a folder to itself, asking for those first is no saving.
    if (2 * folders.size > this.fileCount) return absent
    const all = [...folders]
    for (let first = 0; first < all.length; first += statusBatch) {
      const batch = all.slice(first, first + statusBatch)
      const statuses = await Promise.all(batch.map(([, folder]) => layout.place.root.status(folder)))
      for (const [index, status] of statuses.entries()) {
        if (status.ok && status.value === undefined) absent.add((batch[index] as (typeof batch)[number])[0])
      }
    }
    return absent
  }

  /** Files that are here as the torrent calls them. What is no plain file there is nothing of ours. */
  private async locateRaw(noted: readonly FileRecord[]): Promise<void> {
    const { layout, fileCount } = this
    const found = new Map<number, FileStatus>()
    for (let first = 0; first < fileCount; first += statusBatch) {
      const files = Array.from({ length: Math.min(statusBatch, fileCount - first) }, (_, index) => first + index)
      const statuses = await Promise.all(files.map((file) => this.rawStatus(file)))
      for (const [index, status] of statuses.entries()) if (status !== undefined) found.set(first + index, status)
    }
    if (found.size === 0) return
    const isProven = (file: number, status: FileStatus | undefined) => {
      const record = noted[file]
      return record !== undefined && isUnchanged(record, status)
    }
    const underRaw = filesUnderRawNames(
      Array.from({ length: fileCount }, (_, file) => {
        const rawPath = layout.rawPathOf(file)
        return { path: layout.pathOf(file), ...(rawPath === undefined ? {} : { rawPath }) }
      }),
      (file) => {
        const isOther = isProven(file, found.get(file)) && !isProven(file, this.noted.get(file))
        return { hasOwn: this.where(file) === 'present' && !isOther, hasRaw: found.has(file) }
      },
    )
    for (const file of underRaw) {
      layout.setSuffixed(file, false)
      layout.setRaw(file, true)
      this.setWhere(file, 'present')
      this.noted.set(file, found.get(file) as FileStatus)
    }
  }

  private async rawStatus(file: number): Promise<FileStatus | undefined> {
    const { root, folder } = this.layout.place
    const path = this.layout.rawPathOf(file)
    if (path === undefined || this.isLink(file)) return undefined
    const status = await root.status([...folder, ...path])
    return status.ok && status.value?.kind === 'file' ? status.value : undefined
  }

  /**
   * The files as a resume record wants them: only those that changed are asked about again. Of those that are gone, if
   * that `mayBe`, what none looks like that is there. Errors: of the disk; file-not-found.
   */
  async statuses(mayBeGone: boolean): Promise<Result<readonly (FileStatus | undefined)[]>> {
    const gone = new Set<number>()
    const changed = [...this.changed]
    for (let first = 0; first < changed.length; first += statusBatch) {
      const batch = changed.slice(first, first + statusBatch)
      for (const file of batch) this.changed.delete(file)
      const statuses = await Promise.all(batch.map((file) => this.file(file).status()))
      let failed: Failure | undefined
      for (const [index, status] of statuses.entries()) {
        const file = batch[index] as number
        if (status.ok && status.value?.kind === 'file') {
          this.noted.set(file, status.value)
          continue
        }
        this.changed.add(file)
        // Its first write failed before it was made.
        if (status.ok && !this.file(file).isPresent) continue
        if (status.ok && mayBeGone) gone.add(file)
        else failed ??= status.ok ? missingFile(layoutName(this.layout.diskPath(file))) : status
      }
      if (failed !== undefined) return failed
    }
    return success(
      Array.from({ length: this.fileCount }, (_, file) =>
        gone.has(file)
          ? goneFile(this.lengthOf(file))
          : this.where(file) === 'present'
            ? this.noted.get(file)
            : undefined,
      ),
    )
  }

  /** The status a file had when it was last looked at. */
  notedStatus(file: number): FileStatus | undefined {
    return this.noted.get(file)
  }

  /** Its status is to be asked for again. */
  noteChange(file: number): void {
    this.changed.add(file)
  }

  private appoint(file: number): void {
    if (!this.isWanted(file)) {
      this.setWhere(file, 'parts')
      return
    }
    this.newFile(file)
    this.setWhere(file, 'present')
  }

  /** See locate, for one file. */
  private async locateFile(file: number, hasParts: boolean, noted: FileRecord | undefined): Promise<Result<void>> {
    if (this.isLink(file)) return success(undefined)
    const { layout } = this
    const whole = await this.plainFileAt(layout.place.root, layout.diskPath(file, false))
    if (!whole.ok) return whole
    const isProven = noted !== undefined && isUnchanged(noted, whole.value)
    const suffixed = isProven
      ? success(undefined)
      : await this.plainFileAt(layout.place.root, layout.diskPath(file, true))
    if (!suffixed.ok) return suffixed
    const found = this.isRather(file, suffixed.value, whole.value, noted) ? suffixed.value : whole.value
    if (found !== undefined) {
      layout.setSuffixed(file, found === suffixed.value)
      this.setWhere(file, 'present')
      this.noted.set(file, found)
      return success(undefined)
    }
    this.notFound(file, hasParts)
    return success(undefined)
  }

  private notFound(file: number, hasParts: boolean): void {
    if (this.isLink(file)) return
    const isShared = this.lengthOf(file) > 0 && hasParts
    this.setWhere(file, isShared ? 'parts' : 'absent')
  }

  /** Whether what has the suffix is the file: as it was noted, or of the right length where the other is not. */
  private isRather(
    file: number,
    suffixed: FileStatus | undefined,
    whole: FileStatus | undefined,
    noted: FileRecord | undefined,
  ): boolean {
    if (suffixed === undefined || whole === undefined) return suffixed !== undefined
    if (noted !== undefined && isUnchanged(noted, suffixed)) return true
    const lengthBytes = this.lengthOf(file)
    return suffixed.lengthBytes === lengthBytes && whole.lengthBytes !== lengthBytes
  }

  private async plainFileAt(root: FileRoot, path: RelativePath): Promise<Result<FileStatus | undefined>> {
    const status = await root.status(path)
    if (!status.ok || status.value === undefined || status.value.kind === 'file') return status
    return failure('file-not-plain', `"${path.at(-1)}" is a ${status.value.kind}`)
  }

  private failureOf(file: number, count: number, wanted: number, failed: Failure | undefined): Failure | undefined {
    if (failed !== undefined || count === wanted) return failed
    return failure('content-mismatch', `"${this.layout.pathOf(file).at(-1)}" is shorter than it should be`)
  }

  private outcomeOf(file: number, count: number, wanted: number, failed: Failure | undefined): ReadOutcome {
    const bad = this.failureOf(file, count, wanted, failed)
    if (bad === undefined) return bytesRead
    return { type: failed === undefined ? 'missing' : 'failed', file, failure: bad }
  }
}

function folderKey(path: RelativePath): string {
  return path.slice(0, -1).join('/')
}

function layoutName(path: RelativePath): string {
  return path.at(-1) ?? ''
}

function goneFile(lengthBytes: number): FileStatus {
  return { kind: 'file', lengthBytes, allocatedBytes: 0, modifiedMs: 0 }
}

function missingFile(name: string): Failure {
  return failure('file-not-found', `"${name}" is gone`)
}
