// An open file of the Files port: hot transfers by its descriptor, and the cold rest.
// Guarantees: the descriptor is closed once, after the last transfer has ended, so that no transfer ever reaches
// another file that got the same number. Owns the descriptor.
import { close, fstat, fsync, ftruncate, type Stats } from 'node:fs'
import { promisify } from 'node:util'
import { assert } from '../base/assert.ts'
import type { Result } from '../base/errors.ts'
import type { FileStatus, OpenFile, TransferSink } from '../ports/files.ts'
import { rootedResult } from './file-error.ts'
import type { Transfer, TransferFile, TransferPool } from './file-transfer.ts'

const closeFile = promisify(close)
const syncFile = promisify(fsync)
const setFileLength = promisify(ftruncate)
const statFile = promisify(fstat)

const allocationUnitBytes = 512

export function fileStatus(stats: Stats): FileStatus {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'link' : 'other'
  return {
    kind,
    lengthBytes: stats.size,
    allocatedBytes: stats.blocks * allocationUnitBytes,
    modifiedMs: stats.mtimeMs,
  }
}

export class PlainFile implements OpenFile, TransferFile {
  readonly descriptor: number
  readonly sink: TransferSink
  readonly name: string
  readonly writes: Transfer[] = []
  private readonly pool: TransferPool
  /** Puts the names that lead to the file on the disk. */
  private readonly settleFolders: () => Promise<void>
  private transferCount = 0
  private isClosed = false
  private onIdle: (() => void) | undefined

  constructor(
    descriptor: number,
    name: string,
    sink: TransferSink,
    pool: TransferPool,
    settleFolders: () => Promise<void>,
  ) {
    this.descriptor = descriptor
    this.sink = sink
    this.name = name
    this.pool = pool
    this.settleFolders = settleFolders
  }

  read(ticket: number, position: number, target: Uint8Array): void {
    this.assertOpen()
    this.transferCount++
    this.pool.read(this, ticket, position, target)
  }

  write(ticket: number, position: number, parts: readonly Uint8Array[]): void {
    this.assertOpen()
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
      await syncFile(this.descriptor)
      await this.settleFolders()
    })
  }

  setLength(lengthBytes: number): Promise<Result<void>> {
    this.assertOpen()
    return rootedResult(this.name, 'write', () => setFileLength(this.descriptor, lengthBytes))
  }

  status(): Promise<Result<FileStatus>> {
    this.assertOpen()
    return rootedResult(this.name, 'read', async () => fileStatus(await statFile(this.descriptor)))
  }

  close(): Promise<Result<void>> {
    this.assertOpen()
    this.isClosed = true
    return rootedResult(this.name, 'write', async () => {
      if (this.transferCount > 0) await new Promise<void>((resolve) => (this.onIdle = resolve))
      await closeFile(this.descriptor)
    })
  }

  private assertOpen(): void {
    assert(!this.isClosed, 'a file that is open')
  }
}
