// Storage of one torrent: blocks in, verified pieces on disk, blocks out. It binds the parts of this folder together
// and is what swarm (see PieceStorage) and session see of them.
// Guarantees: `have` holds only what was hashed in this session or what resume data vouches for and files confirm;
// what resume data claims was on the disk before it was written down; a failing disk is never success.
import { Bitfield } from '../base/bitfield.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { blockLengthBytes, type Metainfo } from '../formats/metainfo/metainfo.ts'
import type { FileStatus } from '../ports/files.ts'
import { type CheckOutcome, type CheckProgress, checkContent } from './check-content.ts'
import { ChunkFilling } from './chunk-filling.ts'
import { ContentArranger, type Remember } from './content-arranger.ts'
import { ContentFiles, partsFile } from './content-files.ts'
import { type DiskSpace, diskSpace } from './disk-space.ts'
import { DiskVerifier } from './disk-verifier.ts'
import type { Allocation, FilePool } from './file-pool.ts'
import type { FileRecord } from './file-record.ts'
import type { HashQueue } from './hash-queue.ts'
import { HeldPieces } from './held-pieces.ts'
import type { FillingContext, PartialPiece, PieceFilling } from './piece-filling.ts'
import { filesOfPiece, type PiecePlan, pieceStart } from './piece-plan.ts'
import { PieceReader } from './piece-reader.ts'
import type { PieceStorageEvents } from './piece-storage-events.ts'
import { PieceVerifier } from './piece-verifier.ts'
import { PromisedHashes } from './promised-hashes.ts'
import { recallPieces } from './recall-pieces.ts'
import { SlotFilling } from './slot-filling.ts'
import type { SlotPool } from './slot-pool.ts'
import { StorageLayout, type StoragePlace } from './storage-layout.ts'
import type { StorageRecord } from './storage-record.ts'
import { WriteGate } from './write-gate.ts'

export interface TorrentStorageOptions {
  readonly metainfo: Metainfo
  readonly plan: PiecePlan
  readonly place: StoragePlace
  /** Incomplete files carry `.part` at the end of their names. */
  readonly hasSuffix: boolean
  readonly allocation: Allocation
  /** One byte a file, 0 for unwanted, else 1 to 7; copied. */
  readonly priorities: Uint8Array
  readonly hashes: HashQueue
  readonly slots: SlotPool
  readonly pool: FilePool
  readonly events: PieceStorageEvents
}

export interface OpenOutcome {
  /** Files, ascending, that a resume record says were there. Their pieces stay in `have`: see forgetMissing. */
  readonly missingFiles: readonly number[]
  /** Pieces that resume data claims but files no longer vouch for: not in `have` until they are checked. */
  readonly unchecked: Bitfield
}

/** What is on the disk for sure. */
type Claims = Pick<StorageRecord, 'have' | 'partials'>

const maxChunkBytes = 1_048_576
const syncsAtOnce = 8

export class TorrentStorage {
  /** Pieces on disk. Read by the swarm, changed only here. */
  readonly have: Bitfield
  private readonly options: TorrentStorageOptions
  private readonly files: ContentFiles
  private readonly held: HeldPieces
  private readonly gate: WriteGate
  private readonly filling: PieceFilling
  private readonly reader: PieceReader
  private readonly diskVerifier: DiskVerifier
  private readonly arranger: ContentArranger
  private readonly promised: PromisedHashes
  private unchecked: Bitfield
  /** What a resume record said of files that changed since, until their pieces are checked. */
  private suspects = new Map<number, FileRecord>()
  /** What it said of files that are gone, as long as they are. */
  private missing = new Map<number, FileRecord>()
  private lastFlush: Promise<unknown> = Promise.resolve()

  constructor(options: TorrentStorageOptions) {
    const { metainfo, plan, place, hasSuffix, allocation, pool, slots, events } = options
    const { info } = metainfo
    this.options = options
    const paths = info.files.map((file) => file.path)
    const rawPaths = info.files.map((file) => file.rawPath)
    const identity = info.infoHashV1 ?? info.infoHashV2 ?? info.name
    this.files = new ContentFiles({
      plan,
      pool,
      layout: new StorageLayout({ place, paths, rawPaths, hasSuffix, identity }),
      allocation,
      priorities: options.priorities.slice(),
      isLink: (file) => info.files[file]?.symlinkTarget !== undefined,
    })
    this.held = new HeldPieces(plan, (file) => this.arranger.finishFile(file))
    this.have = this.held.have
    this.gate = new WriteGate(
      this.files,
      (failed) => events.onWriteFailed(failed),
      () => void this.arranger.makeEmptyFiles(),
    )
    this.promised = new PromisedHashes(metainfo, plan)
    const verifier = new PieceVerifier(this.promised, options.hashes)
    let chunkBytes = blockLengthBytes
    while (chunkBytes * 2 <= Math.min(maxChunkBytes, slots.maxSlotBytes)) chunkBytes *= 2
    this.diskVerifier = new DiskVerifier(plan, slots, this.files, verifier, chunkBytes)
    const shared = { plan, slots, verifier, files: this.files, held: this.held, events }
    this.reader = new PieceReader({ ...shared, diskVerifier: this.diskVerifier, maxSlotBytes: slots.maxSlotBytes })
    const context: FillingContext = {
      ...shared,
      gate: this.gate,
      have: this.have,
      isPinned: (piece) => this.reader.isPinned(piece),
      adopt: (piece, slot) => this.reader.adopt(piece, slot),
    }
    const isLarge = plan.pieceLengthBytes > slots.maxSlotBytes
    this.filling = isLarge ? new ChunkFilling(context, chunkBytes) : new SlotFilling(context)
    this.arranger = new ContentArranger({
      files: this.files,
      pool,
      slots,
      held: this.held,
      gate: this.gate,
      flush: () => this.flush(),
    })
    this.unchecked = new Bitfield(plan.pieceCount)
  }

  /** See PieceStorage, which these eight are. */
  take(piece: number, begin: number): boolean {
    return this.filling.take(piece, begin)
  }

  put(piece: number, offset: number, chunk: Uint8Array, start: number, end: number): void {
    this.filling.put(piece, offset, chunk, start, end)
  }

  blockDone(piece: number, begin: number): void {
    this.filling.blockDone(piece, begin)
  }

  discard(piece: number): void {
    this.filling.discard(piece)
  }

  spill(piece: number): void {
    this.filling.spill(piece)
  }

  view(piece: number, begin: number, length: number): Uint8Array | undefined {
    return this.reader.view(piece, begin, length)
  }

  canPin(piece: number, begin: number): boolean {
    return this.reader.canPin(piece, begin)
  }

  unpin(piece: number, begin: number): void {
    this.reader.unpin(piece, begin)
  }

  /** A copy of what is on the disk, unverified; undefined: it cannot be read. */
  read(piece: number, offset: number, length: number): Promise<Uint8Array | undefined> {
    const target = new Uint8Array(length)
    const start = pieceStart(this.options.plan, piece) + offset
    return new Promise((resolve) => {
      this.files.read(start, target, ({ type }) => resolve(type === 'read' ? target : undefined))
    })
  }

  /** Bytes of a piece that peers send: in version 2 it ends where its file does. */
  lengthBytes(piece: number): number {
    return this.promised.lengthBytes(piece)
  }

  /** Blocks received earlier and kept on disk, one bit each: not to be requested again. */
  partialPieces(): readonly PartialPiece[] {
    return this.filling.partials()
  }

  /** Piece layers that peers sent, checked against their roots. */
  setPieceLayers(pieceLayers: ReadonlyMap<string, Uint8Array>): void {
    this.promised.setPieceLayers(pieceLayers)
  }

  /**
   * Looks at the files, and believes of a resume record what they confirm. Makes nothing. Must come first.
   * Errors: file-not-plain (a link in the way), file-unreadable, file-exists (renames that collide).
   */
  async open(record?: StorageRecord): Promise<Result<OpenOutcome>> {
    const { files } = this
    const { layout } = files
    if (record !== undefined && record.files.length === files.fileCount) {
      const paths = layout.restored(record.files.map((file) => file.path))
      if (!paths.ok) return paths
      layout.setPaths(paths.value)
    }
    const located = await files.locate(record?.files.length === files.fileCount ? record.files : [])
    if (!located.ok) return located
    const recalled = recallPieces(this.options.plan, files, record)
    for (let piece = recalled.trusted.nextSet(0); piece !== -1; piece = recalled.trusted.nextSet(piece + 1)) {
      this.held.trust(piece)
    }
    for (const partial of recalled.partials) this.filling.restore(partial)
    this.unchecked = recalled.unchecked
    this.suspects = recalled.suspects
    this.missing = recalled.missing
    const broughtOut = await this.arranger.bringOutWanted()
    if (!broughtOut.ok) this.gate.fail(broughtOut)
    this.filling.retry()
    return success({ missingFiles: [...recalled.missing.keys()], unchecked: this.unchecked.clone() })
  }

  /**
   * Believes that the files that are there are right, as their owner says; each piece is hashed before it is served
   * all the same. The number of pieces in `have` after it.
   */
  trustContent(): number {
    const { files } = this
    const { plan } = this.options
    for (let piece = 0; piece < plan.pieceCount; piece++) {
      const isThere = filesOfPiece(plan, piece).every(
        (file) =>
          files.where(file) === 'present' && (files.notedStatus(file)?.lengthBytes ?? 0) >= files.lengthOf(file),
      )
      if (isThere && !this.filling.isFilling(piece)) this.held.trust(piece)
    }
    return this.have.count
  }

  /**
   * Reads and hashes pieces; `have` is what was found afterwards. Errors: interrupted (signal).
   * Pieces that are lost by it are in the outcome and not told as events.
   */
  async check(
    pieces: Bitfield | 'all',
    onProgress: (progress: CheckProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<CheckOutcome>> {
    const { plan } = this.options
    const numbers: number[] = []
    for (let piece = 0; piece < plan.pieceCount; piece++) if (pieces === 'all' || pieces.get(piece)) numbers.push(piece)
    const outcome = await checkContent(
      {
        plan,
        files: this.files,
        held: this.held,
        promised: this.promised,
        verifier: this.diskVerifier,
        isFilling: (piece) => this.filling.isFilling(piece),
        onChecked: (piece, isGood) => {
          this.unchecked.clear(piece)
          if (!isGood) this.reader.drop(piece)
        },
        pieces: numbers,
      },
      onProgress,
      signal,
    )
    if (!this.unchecked.hasAny) this.suspects.clear()
    const broughtOut = await this.arranger.bringOutWanted()
    if (!broughtOut.ok) this.gate.fail(broughtOut)
    return outcome
  }

  /** One byte a file. Bytes of files that become wanted leave the parts file. Errors: of the disk. */
  setPriorities(priorities: Uint8Array): Promise<Result<void>> {
    this.files.priorities.set(priorities)
    return this.arranger.bringOutWanted()
  }

  /**
   * Moves everything to another place. Where that takes copies, `remember` is called when they are whole and in their
   * place, and before the originals go: what it saves (see `resume`) is of the new place, and when it fails, all stays in
   * the old one. Errors: file-exists, of both places, and of `remember`; then nothing has moved.
   */
  move(place: StoragePlace, remember: Remember): Promise<Result<void>> {
    return this.arranger.move(place, remember)
  }

  /**
   * Deletes what a move that was broken off left in the place it came from: files that are here too, byte by byte. What
   * cannot be deleted stays.
   */
  removeLeft(left: StoragePlace): Promise<void> {
    return this.arranger.removeLeft(left)
  }

  /** Gives a file another path below the place's folder. Errors: file-exists, file-not-plain, and of the disk. */
  renameFile(file: number, path: readonly string[]): Promise<Result<void>> {
    return this.arranger.renameFile(file, path)
  }

  /** Gives the torrent's folder, or its lone file, another name. Errors: as renameFile. */
  renameRoot(name: string): Promise<Result<void>> {
    return this.arranger.renameRoot(name)
  }

  /** Where a file is, or is to be, below the place's folder, without the suffix of incomplete ones. */
  pathOf(file: number): readonly string[] {
    return this.files.layout.pathOf(file)
  }

  /** Tries again to write what failed. */
  retryWrites(): void {
    void Promise.resolve().then(async () => {
      this.gate.goOn()
      const broughtOut = await this.arranger.bringOutWanted()
      if (!broughtOut.ok) return this.gate.fail(broughtOut)
      this.arranger.retry()
      this.filling.retry()
      this.options.events.onMemory()
    })
  }

  /**
   * Brings everything written so far to the disk. When that fails, what the disk may not have kept is lost: told
   * piece by piece, and as onWriteFailed.
   */
  async flush(): Promise<Result<void>> {
    const flushed = await this.flushInTurn()
    return flushed.ok ? success(undefined) : flushed
  }

  /**
   * Puts received blocks of unfinished pieces aside on disk, for `resume` to tell of. For when no more are coming: it
   * waits for all that is under way.
   */
  spillAll(): Promise<void> {
    return this.filling.spillAll()
  }

  /** What the wanted files still take on the disk, and what the disk has left. Errors: of the disk. */
  space(): Promise<Result<DiskSpace>> {
    return diskSpace(this.files, (file) => this.held.isWhole(file))
  }

  /** What to keep for the next start; all it claims is on the disk. Errors: of the disk, file-not-found. */
  async resume(): Promise<Result<StorageRecord>> {
    const flushed = await this.flushInTurn()
    if (!flushed.ok) return flushed
    const statuses = await this.files.statuses(false)
    return statuses.ok ? success({ ...flushed.value, files: this.fileRecords(statuses.value) }) : statuses
  }

  /**
   * As resume, after close. Files that are gone are told as having been there, and none of their bytes is believed when
   * they come back. Errors: of the disk.
   */
  async lastRecord(): Promise<Result<StorageRecord>> {
    const statuses = await this.files.statuses(true)
    return statuses.ok ? success({ ...this.claims(), files: this.fileRecords(statuses.value) }) : statuses
  }

  private claims(): Claims {
    const claimed = this.have.clone()
    claimed.or(this.unchecked)
    return { have: claimed.toBytes(), partials: this.filling.partials() }
  }

  private fileRecords(statuses: readonly (FileStatus | undefined)[]): FileRecord[] {
    const { files } = this
    return statuses.map((status, file): FileRecord => {
      const path = files.layout.renamedPath(file)
      const missing = files.where(file) === 'present' ? undefined : this.missing.get(file)
      const suspect = this.suspects.get(file) ?? missing
      return {
        where:
          suspect?.where ?? (status === undefined && files.where(file) === 'present' ? 'absent' : files.where(file)),
        lengthBytes: suspect?.lengthBytes ?? status?.lengthBytes ?? 0,
        modifiedMs: suspect?.modifiedMs ?? Math.floor(status?.modifiedMs ?? 0),
        priority: files.priorities[file] as number,
        ...(path === undefined ? {} : { path }),
      }
    })
  }

  /** The owner wants missing files downloaded again: gives up their pieces. Those, ascending. Errors: of the disk. */
  async forgetMissing(): Promise<Result<readonly number[]>> {
    const { files } = this
    const lost: number[] = []
    for (let file = 0; file < files.fileCount; file++) {
      if (files.where(file) === 'present') {
        const status = await files.file(file).status()
        if (!status.ok) return status
        if (status.value !== undefined) continue
        await files.file(file).shut()
        files.forgetHandle(file)
        files.setWhere(file, 'absent')
      }
    }
    for (let piece = this.have.nextSet(0); piece !== -1; piece = this.have.nextSet(piece + 1)) {
      const isThere = filesOfPiece(this.options.plan, piece).every((file) => files.where(file) !== 'absent')
      if (isThere) continue
      this.held.lose(piece)
      this.reader.drop(piece)
      lost.push(piece)
    }
    this.missing.clear()
    return success(lost)
  }

  /** Puts received blocks aside on disk, waits for all that is under way, and closes the files. Nothing after this. */
  async close(): Promise<Result<void>> {
    await this.filling.close()
    await this.reader.close()
    await this.arranger.quiet()
    const flushed = await this.flush()
    for (const [, handle] of this.files.handles()) await handle.shut()
    return flushed
  }

  /** Whether a file that is whole does not have its own name yet. */
  get isFinishing(): boolean {
    return this.arranger.isFinishing
  }

  /** Answers when files that are whole have their own names, and nothing is being moved. */
  settled(): Promise<void> {
    return this.arranger.quiet()
  }

  /** Closes, and deletes what there is of the torrent's files. The first failure. */
  async remove(): Promise<Result<void>> {
    await this.close()
    return await this.arranger.remove()
  }

  private flushInTurn(): Promise<Result<Claims>> {
    const flushed = this.lastFlush.then(() => this.flushNow())
    this.lastFlush = flushed
    return flushed
  }

  /** What may be claimed afterwards: not what comes meanwhile, nor what a flush before this one lost. */
  private async flushNow(): Promise<Result<Claims>> {
    const { files, held } = this
    const pieces = held.beginSync()
    const claims = this.claims()
    const unsynced = [...files.handles()].filter(([, handle]) => handle.isUnsynced)
    const failedFiles = new Set<number>()
    let failed: Failure | undefined
    for (let first = 0; first < unsynced.length; first += syncsAtOnce) {
      const batch = unsynced.slice(first, first + syncsAtOnce)
      const results = await Promise.all(batch.map(([, handle]) => handle.sync()))
      for (const [index, result] of results.entries()) {
        if (result.ok) continue
        failed ??= result
        // One that is gone is missing: its pieces are not given up unasked.
        if (result.code !== 'file-not-found') failedFiles.add((batch[index] as (typeof batch)[number])[0])
      }
    }
    if (failed === undefined) return success(claims)
    const isAffected = (piece: number) =>
      filesOfPiece(this.options.plan, piece).some((file) => failedFiles.has(file)) ||
      (failedFiles.has(partsFile) && files.partsOffset(piece, 0) !== undefined)
    for (const piece of held.unsyncedAmong(pieces, isAffected)) this.lose(piece)
    if (failedFiles.size > 0) this.gate.fail(failed)
    return failure(failed.code, failed.detail)
  }

  private lose(piece: number): void {
    const wasThere = this.held.lose(piece)
    const hadBlocks = this.filling.forget(piece)
    this.reader.drop(piece)
    if (wasThere || hadBlocks) this.options.events.onPieceLost(piece)
  }
}
