// Open files of all torrents under one limit: opened when first used, closed least recently used first.
// Guarantees: a transfer's answer goes to whoever asked, exactly once, never from inside the call; a file that is
// known to be there is never made anew, so one deleted behind our back is noticed; nothing is closed, moved or renamed
// while a transfer of it is under way. Owns every OpenFile.
import { present } from '../base/assert.ts'
import { type Failure, type Result, success } from '../base/errors.ts'
import type { FileRoot, FileStatus, OpenFile, RelativePath, TransferSink } from '../ports/files.ts'

/** Where a file is, or is to be. */
export interface FilePlace {
  readonly root: FileRoot
  readonly path: RelativePath
}

/** `sparse`: a new file gets its length at once and its bytes as they come. `full`: zeros are written first. */
export type Allocation = 'sparse' | 'full'

export interface PooledFileOptions {
  readonly place: FilePlace
  /** What a new file is made as long as; 0: it grows as it is written. */
  readonly lengthBytes: number
  readonly allocation: Allocation
  /** It was there when last looked at. */
  readonly isPresent: boolean
}

export type ReadDone = (transferredBytes: number, failure: Failure | undefined) => void
export type WriteDone = (failure: Failure | undefined) => void

interface WaitingUse {
  readonly isWrite: boolean
  readonly act: (file: Result<OpenFile>) => void
}

const defaultMaxOpenFiles = 256
const allocationStepBytes = 1_048_576

export class FilePool implements TransferSink {
  private readonly maxOpenFiles: number
  private openCount = 0
  /** Open files without a transfer, least recently used first. */
  private readonly idle = new Set<PooledFile>()
  private readonly waitingForIdle: (() => void)[] = []
  private readonly transfers: (ReadDone | undefined)[] = []
  private readonly freeTickets: number[] = []

  constructor(maxOpenFiles = defaultMaxOpenFiles) {
    this.maxOpenFiles = maxOpenFiles
  }

  onRead(ticket: number, transferredBytes: number): void {
    this.takeTransfer(ticket)(transferredBytes, undefined)
  }

  onWritten(ticket: number): void {
    this.takeTransfer(ticket)(0, undefined)
  }

  onTransferFailed(ticket: number, failure: Failure): void {
    this.takeTransfer(ticket)(0, failure)
  }

  /** For PooledFile: the number under which a transfer's answer comes back. */
  newTicket(done: ReadDone): number {
    const ticket = this.freeTickets.pop() ?? this.transfers.length
    this.transfers[ticket] = done
    return ticket
  }

  /** For PooledFile: waits until one more file may be open. */
  async admit(): Promise<void> {
    while (this.openCount >= this.maxOpenFiles) {
      const [oldest] = this.idle
      if (oldest !== undefined) {
        // Not closed by two who wait.
        this.idle.delete(oldest)
        await oldest.shut()
      } else await new Promise<void>((resolve) => void this.waitingForIdle.push(resolve))
    }
    this.openCount++
  }

  /** For PooledFile. */
  left(file: PooledFile): void {
    this.idle.delete(file)
    this.openCount--
    this.waitingForIdle.shift()?.()
  }

  /** For PooledFile. */
  setIdle(file: PooledFile, isIdle: boolean): void {
    if (!isIdle) this.idle.delete(file)
    else {
      this.idle.add(file)
      this.waitingForIdle.shift()?.()
    }
  }

  private takeTransfer(ticket: number): ReadDone {
    const done = present(this.transfers[ticket], 'a ticket that is out')
    this.transfers[ticket] = undefined
    this.freeTickets.push(ticket)
    return done
  }
}

export class PooledFile {
  readonly lengthBytes: number
  private readonly pool: FilePool
  private readonly allocation: Allocation
  private currentPlace: FilePlace
  private wasSeen: boolean
  /** It has its length. */
  private isAllocated = false
  private file: OpenFile | undefined
  private isWritable = false
  private transferCount = 0
  private unsynced = false
  /** By us, since it was made known. */
  private wasWritten = false
  /** The last one. */
  private syncFailure: Failure | undefined
  private waiting: WaitingUse[] = []
  /** Opening, closing and moving happen one after another; transfers begin only between them. */
  private taskCount = 0
  private lastTask: Promise<unknown> = Promise.resolve()
  private relocationCount = 0
  /** Settled when no status is asked for. */
  private lastStatus: Promise<unknown> = Promise.resolve()
  private onQuiet: (() => void) | undefined

  constructor(pool: FilePool, options: PooledFileOptions) {
    this.pool = pool
    this.currentPlace = options.place
    this.lengthBytes = options.lengthBytes
    this.allocation = options.allocation
    this.wasSeen = options.isPresent
  }

  get place(): FilePlace {
    return this.currentPlace
  }

  /** Whether it has been there: seen on the disk, or made. */
  get isPresent(): boolean {
    return this.wasSeen
  }

  /** Written to since it was last brought to the disk, as far as is known. */
  get isUnsynced(): boolean {
    return this.unsynced
  }

  /** See OpenFile.read. Fewer bytes than asked only at the end of the file. Errors: file-not-found and others. */
  read(position: number, target: Uint8Array, done: ReadDone): void {
    this.use(false, (opened) => {
      if (!opened.ok) return done(0, opened)
      const ticket = this.pool.newTicket((transferredBytes, failure) => {
        this.endTransfer()
        done(transferredBytes, failure)
      })
      opened.value.read(ticket, position, target)
    })
  }

  /** See OpenFile.write. Makes the file only if it has never been there. */
  write(position: number, parts: readonly Uint8Array[], done: WriteDone): void {
    this.wasWritten = true
    this.use(true, (opened) => {
      if (!opened.ok) return done(opened)
      const { syncFailure } = this
      const ticket = this.pool.newTicket((_, failure) => {
        // Not before: a sync that begins while bytes are on their way does not bring them to the disk.
        this.unsynced = true
        this.endTransfer()
        // One that failed meanwhile may have taken them with it.
        done(failure ?? (this.syncFailure === syncFailure ? undefined : this.syncFailure))
      })
      opened.value.write(ticket, position, parts)
    })
  }

  /** It holds what somebody else wrote, be it this program before it died, and may not have brought to the disk. */
  distrust(): void {
    this.unsynced = true
  }

  /** Makes the file with its length, if it has never been there. */
  create(): Promise<Result<void>> {
    this.wasWritten = true
    return this.whileOpen(true, () => Promise.resolve(success(undefined)))
  }

  /**
   * Brings all that was written before to the disk; `byAnybody`: not only by us. After a failure nothing unsynced may
   * be trusted.
   */
  sync(byAnybody = false): Promise<Result<void>> {
    if (!this.unsynced && !byAnybody) return Promise.resolve(success(undefined))
    this.unsynced = false
    // What is only read may belong to others, or be on a disk that nobody writes to.
    return this.whileOpen(this.wasWritten || byAnybody, async (file) => {
      const synced = await file.sync()
      if (!synced.ok) this.syncFailure = synced
      return synced
    })
  }

  /** Closes the file; it is opened again when it is used again. */
  shut(): Promise<void> {
    return this.exclusively(() => this.shutNow())
  }

  /**
   * Closes the file, then runs `action`, which puts it into another place and says where, while all uses wait.
   * Without success the place stays.
   */
  relocate(action: () => Promise<Result<FilePlace>>): Promise<Result<void>> {
    this.relocationCount++
    return this.exclusively(async () => {
      await this.shutNow()
      await this.lastStatus
      const moved = await action()
      this.relocationCount--
      if (!moved.ok) return moved
      this.currentPlace = moved.value
      return success(undefined)
    })
  }

  /** What the disk says. Not while it is being moved, when it may be in neither place; but while it gets its space. */
  status(): Promise<Result<FileStatus | undefined>> {
    const ask = () => this.currentPlace.root.status(this.currentPlace.path)
    if (this.relocationCount > 0) return this.exclusively(ask)
    const status = ask()
    this.lastStatus = this.lastStatus.then(() => status)
    return status
  }

  private use(isWrite: boolean, act: (file: Result<OpenFile>) => void): void {
    if (this.taskCount === 0 && this.file !== undefined && (this.isWritable || !isWrite)) {
      this.beginTransfer(this.file, act)
      return
    }
    this.waiting.push({ isWrite, act })
    if (this.waiting.length === 1) void this.exclusively(() => this.serve())
  }

  private whileOpen(isWrite: boolean, action: (file: OpenFile) => Promise<Result<void>>): Promise<Result<void>> {
    return new Promise((resolve) => {
      this.use(isWrite, (opened) => {
        if (!opened.ok) return resolve(opened)
        void action(opened.value).then((result) => {
          this.endTransfer()
          resolve(result)
        })
      })
    })
  }

  private beginTransfer(file: OpenFile, act: (file: Result<OpenFile>) => void): void {
    if (this.transferCount++ === 0) this.pool.setIdle(this, false)
    act(success(file))
  }

  private endTransfer(): void {
    if (--this.transferCount > 0) return
    this.onQuiet?.()
    if (this.file !== undefined && this.taskCount === 0) this.pool.setIdle(this, true)
  }

  private exclusively<T>(task: () => Promise<T>): Promise<T> {
    this.taskCount++
    const run = this.lastTask.then(task)
    this.lastTask = run.then(() => {
      this.taskCount--
      if (this.taskCount === 0 && this.file !== undefined && this.transferCount === 0) this.pool.setIdle(this, true)
    })
    return run
  }

  /** Opens the file as those who wait need it, and lets them begin. */
  private async serve(): Promise<void> {
    while (this.waiting.length > 0) {
      const isWrite = this.waiting.some((use) => use.isWrite)
      if (isWrite && this.file !== undefined && !this.isWritable) await this.shutNow()
      const opened = this.file === undefined ? await this.open(isWrite) : success(this.file)
      const served = opened.ok ? this.waiting : this.waiting.filter((use) => use.isWrite === isWrite)
      this.waiting = opened.ok ? [] : this.waiting.filter((use) => use.isWrite !== isWrite)
      // A use that came while the file was being opened for reading may write.
      const late = opened.ok && !this.isWritable ? served.filter((use) => use.isWrite) : []
      for (const { isWrite: isWriting, act } of served) {
        if (!opened.ok) act(opened)
        else if (!isWriting || this.isWritable) this.beginTransfer(opened.value, act)
      }
      this.waiting.push(...late)
    }
  }

  private async open(isWrite: boolean): Promise<Result<OpenFile>> {
    const { root, path } = this.currentPlace
    await this.pool.admit()
    const mode = isWrite ? (this.wasSeen ? 'read-write' : 'create') : 'read'
    const opened = await root.open(path, mode, this.pool)
    if (!opened.ok) {
      this.pool.left(this)
      return opened
    }
    this.file = opened.value
    this.isWritable = isWrite
    const allocated = isWrite ? await this.allocate(opened.value) : success(undefined)
    if (!allocated.ok) {
      await this.shutNow()
      return allocated
    }
    this.wasSeen = true
    return opened
  }

  /** Gives a file its length: a new one, or one that the program did not come to the end with. Longer ones stay. */
  private async allocate(file: OpenFile): Promise<Result<void>> {
    if (this.isAllocated || this.lengthBytes === 0) return success(undefined)
    const status = await file.status()
    if (!status.ok) return status
    const result = await this.lengthen(file, status.value.lengthBytes)
    this.isAllocated = result.ok
    return result
  }

  private async lengthen(file: OpenFile, lengthBytes: number): Promise<Result<void>> {
    if (lengthBytes >= this.lengthBytes) return success(undefined)
    if (this.allocation === 'sparse') return await file.setLength(this.lengthBytes)
    const zeros = new Uint8Array(Math.min(allocationStepBytes, this.lengthBytes - lengthBytes))
    for (let position = lengthBytes; position < this.lengthBytes; position += zeros.length) {
      const part = zeros.subarray(0, this.lengthBytes - position)
      const failure = await new Promise<Failure | undefined>((resolve) => {
        file.write(
          this.pool.newTicket((_, failed) => resolve(failed)),
          position,
          [part],
        )
      })
      if (failure !== undefined) return failure
    }
    return success(undefined)
  }

  private async shutNow(): Promise<void> {
    const { file } = this
    if (file === undefined) return
    if (this.transferCount > 0) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.onQuiet = resolve
      await promise
    }
    this.onQuiet = undefined
    this.file = undefined
    const closed = await file.close()
    // What a failing close lost can only be found out by the next sync, which then must not be skipped.
    if (!closed.ok) this.unsynced = true
    this.pool.left(this)
  }
}
