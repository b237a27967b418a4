// An open file of the Files port: hot transfers by its descriptor, and the cold rest.
// Guarantees: the descriptor is closed once, after the last transfer has ended, so that no transfer ever reaches
// another file that got the same number. Owns the descriptor.
import { assert } from '../base/assert.ts'
import { type Result, success } from '../base/errors.ts'
import type { FileStatus, OpenFile, TransferSink } from '../ports/files.ts'
import { isSystemError, rootedResult } from './file-error.ts'
import { fileStatus } from './file-status.ts'
import type { OpenedFile } from './file-task.ts'
import type { FileThread } from './file-thread.ts'
import type { Transfer, TransferFile, TransferPool } from './file-transfer.ts'
import { callsLater } from './system-steps.ts'

/** What a system says that brings no file to the disk which is open for reading, or has nothing to bring there. */
const nothingToSync = /^(?:EINVAL|ENOTSUP|EOPNOTSUPP|EROFS|EPERM|EACCES|EBADF)$/

export class PlainFile implements OpenFile, TransferFile {
  readonly descriptor: number
  readonly sink: TransferSink
  readonly name: string
  readonly writes: Transfer[] = []
  private readonly pool: TransferPool
  private readonly thread: FileThread
  private readonly isWritable: boolean
  /** As it was opened, until something is done with it. */
  private firstStatus: FileStatus | undefined
  /** Puts the names that lead to the file on the disk. */
  private readonly settleFolders: () => Promise<void>
  private transferCount = 0
  private isClosed = false
  private onIdle: (() => void) | undefined

  constructor(
    opened: OpenedFile,
    name: string,
    sink: TransferSink,
    pool: TransferPool,
    thread: FileThread,
    settleFolders: () => Promise<void>,
  ) {
    this.descriptor = opened.descriptor
    this.isWritable = opened.isWritable
    this.firstStatus = opened.status
    this.sink = sink
    this.name = name
    this.pool = pool
    this.thread = thread
    this.settleFolders = settleFolders
  }

  read(ticket: number, position: number, target: Uint8Array): void {
    this.assertOpen()
    this.transferCount++
    this.pool.read(this, ticket, position, target)
  }

  write(ticket: number, position: number, parts: readonly Uint8Array[]): void {
    this.assertOpen()
    this.firstStatus = undefined
    this.transferCount++
    this.pool.write(this, ticket, position, parts)
  }

  onTransferEnd(): void {
    this.transferCount--
    if (this.transferCount === 0) this.onIdle?.()
  }

  /** The whole inode, not only what reading needs: resume data tells changed files by their modification time. */
  sync(): Promise<Result<void>> {
    this.assertOpen()
    return rootedResult(this.name, 'write', async () => {
      try {
        await callsLater.sync(this.descriptor)
      } catch (error) {
        if (this.isWritable || !isSystemError(error) || !nothingToSync.test(error.code)) throw error
      }
      await this.settleFolders()
    })
  }

  setLength(lengthBytes: number): Promise<Result<void>> {
    this.assertOpen()
    this.firstStatus = undefined
    const { descriptor, name } = this
    return this.thread.perform({ type: 'set-length', descriptor, name, lengthBytes })
  }

  status(): Promise<Result<FileStatus>> {
    this.assertOpen()
    const { firstStatus } = this
    this.firstStatus = undefined
    if (firstStatus !== undefined) return Promise.resolve(success(firstStatus))
    return rootedResult(this.name, 'read', async () => fileStatus(await callsLater.statusOpened(this.descriptor)))
  }

  close(): Promise<Result<void>> {
    this.assertOpen()
    this.isClosed = true
    return this.closeNow()
  }

  private async closeNow(): Promise<Result<void>> {
    if (this.transferCount > 0) await new Promise<void>((resolve) => (this.onIdle = resolve))
    return this.thread.perform({ type: 'close', descriptor: this.descriptor, name: this.name })
  }

  private assertOpen(): void {
    assert(!this.isClosed, 'a file that is open')
  }
}
