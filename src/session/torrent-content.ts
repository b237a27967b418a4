// The content of one torrent: its storage, opened and looked at, and where what the storage reports goes.
// Guarantees: each report is a turn of its own; nothing is believed of the disk that was not found or recorded there.
// Owns the storage.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { blockLengthBytes, type Metainfo } from '../formats/metainfo/metainfo.ts'
import type { FileRoot } from '../ports/files.ts'
import type { CheckOutcome } from '../storage/check-content.ts'
import type { PiecePlan } from '../storage/piece-plan.ts'
import type { PieceStorageEvents } from '../storage/piece-storage-events.ts'
import type { StorageRecord } from '../storage/storage-record.ts'
import { TorrentStorage } from '../storage/torrent-storage.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { SessionRoom } from './session-room.ts'
import type { WholeContent } from './staying.ts'
import { filePriorities, planOf, type TorrentFacts } from './torrent-facts.ts'

/** Called within a turn. */
export interface ContentEvents {
  /** Something was reported, the swarm may have something to do before the turn ends. */
  onReport(): void
  /** A piece we had is gone or bad. */
  onPieceLost(nowMs: number): void
  onPieceWritten(piece: number, nowMs: number): void
  onWriteFailed(why: Failure, nowMs: number): void
  /** A piece we have cannot be read. */
  onReadFailed(why: Failure, nowMs: number): void
}

export interface ContentOptions {
  readonly metainfo: Metainfo
  readonly plan: PiecePlan
  readonly root: FileRoot
  readonly priorities: Uint8Array
}

export interface LookOptions {
  readonly facts: TorrentFacts
  readonly metainfo: Metainfo
  readonly record: StorageRecord | undefined
  readonly onProgress: (checkedPieces: number, pieces: number) => void
  readonly signal: AbortSignal
}

/**
 * Opens a torrent's content where it is and looks at it. What is new stays in its last place if it is found there, and
 * not more of it in the folder for incomplete content, where it begins else; `facts.isPlaced` says which. Errors: those
 * of TorrentContent.look and of the folder; metainfo-hybrid-mismatch.
 */
export async function openContent(room: SessionRoom, options: LookOptions): Promise<Result<TorrentContent>> {
  const { facts, record } = options
  const { incompleteFolder } = room.config
  const isNew = record === undefined
  const isElsewhere = incompleteFolder !== undefined && !facts.isPlaced
  const content = await openIn(room, options, isElsewhere && !isNew ? incompleteFolder : facts.folder)
  if (isElsewhere && !content.ok && content.code === 'files-missing') {
    // A program that died when it had just brought them to their place could not note that any more.
    const placed = await openIn(room, options, facts.folder)
    if (placed.ok) Object.assign(facts, { isPlaced: true, leftFolder: incompleteFolder })
    return placed.ok ? placed : content
  }
  if (!isElsewhere || !isNew || !content.ok) return content
  const { storage } = content.value
  // A program that died when it was on the way from the one to the other may have left more of it there than here.
  const other = storage.have.isComplete ? undefined : await openIn(room, options, incompleteFolder)
  const isHere = storage.have.hasAny && !(other?.ok === true && other.value.storage.have.count > storage.have.count)
  if (!isHere) {
    await storage.close()
    return other ?? content
  }
  if (other?.ok === true) await other.value.storage.close()
  Object.assign(facts, { isPlaced: true, leftFolder: incompleteFolder })
  return content
}

async function openIn(room: SessionRoom, options: LookOptions, folder: string): Promise<Result<TorrentContent>> {
  const { facts, metainfo, record, onProgress, signal } = options
  const root = await room.openFolder(folder)
  if (!root.ok) return root
  const content = contentIn(room, facts, metainfo, root.value)
  const looked = await content.look(record, facts.mayDownloadAgain, onProgress, signal)
  const contradiction = looked.ok ? looked.value?.contradictoryPiece : undefined
  if (looked.ok && contradiction === undefined) return success(content)
  await content.storage.close()
  return looked.ok ? contradictionFailure(contradiction ?? 0) : looked
}

/**
 * Deletes what there is of a torrent whose content is not open. `record`: what is known of where its files are.
 * Errors: of the disk.
 */
export async function removeContent(
  room: SessionRoom,
  facts: TorrentFacts,
  metainfo: Metainfo,
  record: StorageRecord | undefined,
): Promise<Result<void>> {
  const { incompleteFolder } = room.config
  const folders = new Set([facts.isPlaced ? facts.folder : (incompleteFolder ?? facts.folder), facts.folder])
  for (const folder of folders) {
    const root = await room.openFolder(folder)
    if (!root.ok) return root
    const { storage } = contentIn(room, facts, metainfo, root.value)
    const opened = await storage.open(record)
    const removed = opened.ok ? await storage.remove() : opened
    if (!removed.ok) return removed
  }
  return success(undefined)
}

function contentIn(room: SessionRoom, facts: TorrentFacts, metainfo: Metainfo, root: FileRoot): TorrentContent {
  const { info } = metainfo
  return new TorrentContent(room, { metainfo, plan: planOf(info), root, priorities: filePriorities(facts, info) })
}

export function contradictionFailure(piece: number): Failure {
  return failure('metainfo-hybrid-mismatch', `the two versions of the torrent disagree about piece ${piece}`)
}

interface ContentListener {
  readonly swarm: Swarm
  readonly events: ContentEvents
}

export class TorrentContent implements PieceStorageEvents {
  readonly storage: TorrentStorage
  readonly plan: PiecePlan
  /** Something of it was read and hashed since it was opened, or given up. */
  wasChecked = false
  private readonly room: SessionRoom
  private listener: ContentListener | undefined

  constructor(room: SessionRoom, options: ContentOptions) {
    const { metainfo, plan, root, priorities } = options
    this.room = room
    this.plan = plan
    this.storage = new TorrentStorage({
      metainfo,
      plan,
      place: { root, folder: [] },
      hasSuffix: room.config.incompleteSuffix,
      allocation: room.config.allocation,
      priorities,
      hashes: room.hashes,
      slots: room.slots,
      pool: room.files,
      events: this,
    })
  }

  /** Who is told from now on. The swarm learns at once what is there of unfinished pieces. */
  attach(swarm: Swarm, events: ContentEvents): void {
    this.listener = { swarm, events }
    for (const { piece, blocks } of this.storage.partialPieces()) {
      for (let block = 0; block < blocks.length * 8; block++) {
        const isThere = ((blocks[block >> 3] as number) & (0x80 >> (block & 7))) !== 0
        if (isThere) swarm.blockOnDisk(piece, block * blockLengthBytes)
      }
    }
  }

  /** Undefined: something of it is missing, or not on the disk yet. */
  get whole(): WholeContent | undefined {
    const { storage, plan } = this
    if (!storage.have.isComplete || storage.isFinishing) return undefined
    return {
      pieceCount: plan.pieceCount,
      pieceBytes: (piece) => storage.lengthBytes(piece),
      read: async (blocks) => {
        const contents: Uint8Array[] = []
        for (const { piece, offset, length } of blocks) {
          if (piece >= plan.pieceCount || offset + length > storage.lengthBytes(piece)) return undefined
          const bytes = await storage.read(piece, offset, length)
          if (bytes === undefined) return undefined
          contents.push(bytes)
        }
        return contents
      },
    }
  }

  /** Nobody is told any more. */
  detach(): void {
    this.listener = undefined
  }

  /**
   * Looks at what is on disk. With a record, what it vouches for is believed and only what changed is read; without
   * one, everything is. Errors: of the disk; files-missing, unless `mayDownloadAgain`; interrupted.
   */
  async look(
    record: StorageRecord | undefined,
    mayDownloadAgain: boolean,
    onProgress: (checkedPieces: number, pieces: number) => void,
    signal: AbortSignal,
  ): Promise<Result<CheckOutcome | undefined>> {
    const opened = await this.storage.open(record)
    if (!opened.ok) return opened
    const { missingFiles, unchecked } = opened.value
    if (missingFiles.length > 0) {
      if (!mayDownloadAgain) return failure('files-missing', this.missingDetail(missingFiles))
      const forgotten = await this.storage.forgetMissing()
      if (!forgotten.ok) return forgotten
    }
    if (record !== undefined && !unchecked.hasAny) return success(undefined)
    return await this.check(record === undefined ? 'all' : unchecked, onProgress, signal)
  }

  /** Reads and hashes pieces. Errors: interrupted. */
  check(
    pieces: Parameters<TorrentStorage['check']>[0],
    onProgress: (checkedPieces: number, pieces: number) => void,
    signal: AbortSignal,
  ): Promise<Result<CheckOutcome>> {
    this.wasChecked = true
    return this.storage.check(
      pieces,
      ({ checkedPieces, totalPieces }) => onProgress(checkedPieces, totalPieces),
      signal,
    )
  }

  onPieceWritten(piece: number, leaves: Uint8Array | undefined): void {
    this.tell(({ swarm, events }, nowMs) => {
      swarm.pieceWritten(piece, leaves, nowMs)
      events.onPieceWritten(piece, nowMs)
    })
  }

  onPieceDamaged(piece: number, leaves: Uint8Array): void {
    this.tell(({ swarm }, nowMs) => swarm.pieceDamaged(piece, leaves, nowMs))
  }

  onPieceLost(piece: number): void {
    this.tell(({ swarm, events }, nowMs) => {
      swarm.pieceLost(piece, nowMs)
      events.onPieceLost(nowMs)
    })
  }

  onContradiction(piece: number): void {
    this.tell(({ swarm }) => swarm.contradiction(piece))
  }

  onReadable(piece: number, why: Failure | undefined): void {
    this.tell(({ swarm, events }, nowMs) => {
      const isDamaged = why?.code === 'content-mismatch'
      if (isDamaged) swarm.pieceLost(piece, nowMs)
      swarm.readable(piece, why, nowMs)
      if (isDamaged) events.onPieceLost(nowMs)
      else if (why !== undefined) events.onReadFailed(why, nowMs)
    })
  }

  onMemory(): void {
    this.tell(({ swarm }, nowMs) => swarm.memory(nowMs))
  }

  onWriteFailed(why: Failure): void {
    this.tell(({ events }, nowMs) => events.onWriteFailed(why, nowMs))
  }

  private missingDetail(files: readonly number[]): string {
    const [first = 0] = files
    const more = files.length === 1 ? 'is' : `and ${files.length - 1} more that were here are`
    return `${this.storage.pathOf(first).join('/')} ${more} gone`
  }

  private tell(report: (listener: ContentListener, nowMs: number) => void): void {
    const { listener } = this
    if (listener === undefined) return
    this.room.turns.run((nowMs) => {
      report(listener, nowMs)
      listener.events.onReport()
    })
  }
}
