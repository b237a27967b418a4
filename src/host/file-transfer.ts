// Reads and writes of open files, carried on until they are whole.
// Guarantees: a ticket comes back exactly once and never from inside the call; what passes (an interrupted call, a
// short write) is tried again. Writes of one file go one after another: systems take them so anyway, and threads that
// wait for each other would spin (on ext4 for half as much again as the writing costs), or be missing for reads.
// Objects and their closures are used again; a pool owns those that rest.
import { read, write, writev } from 'node:fs'
import { failure } from '../base/errors.ts'
import type { TransferSink } from '../ports/files.ts'
import { explainSystemError, fileErrorCode, type SystemError } from './file-error.ts'

type TransferEnd = (error: NodeJS.ErrnoException | null, count: number) => void

/** The three calls of node:fs that move bytes. */
export interface TransferCalls {
  read(descriptor: number, target: Uint8Array, offset: number, length: number, position: number, end: TransferEnd): void
  write(descriptor: number, bytes: Uint8Array, offset: number, length: number, position: number, end: TransferEnd): void
  writev(descriptor: number, parts: readonly Uint8Array[], position: number, end: TransferEnd): void
}

export const systemCalls: TransferCalls = { read, write, writev }

/** An open file as its transfers see it. */
export interface TransferFile {
  readonly descriptor: number
  readonly sink: TransferSink
  /** For messages. */
  readonly name: string
  /** The write under way, then those that wait for it; kept here for the pool. */
  readonly writes: Transfer[]
  /** Called before the ticket comes back. */
  onTransferEnd(): void
}

const maxRetries = 100
const retryMs = 10
const noParts: readonly Uint8Array[] = []

/** The parts without their first `count` bytes. */
function restOf(parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let skipped = count
  let first = 0
  for (; first < parts.length; first++) {
    const { length } = parts[first] as Uint8Array
    if (skipped < length) break
    skipped -= length
  }
  const rest = parts.slice(first)
  if (rest[0] !== undefined && skipped > 0) rest[0] = rest[0].subarray(skipped)
  return rest
}

export class Transfer {
  private readonly pool: TransferPool
  private file: TransferFile | undefined
  private isRead = false
  private ticket = 0
  /** Where the next byte goes in the file. */
  private position = 0
  /** Not yet transferred. */
  private parts: readonly Uint8Array[] = noParts
  private leftBytes = 0
  private doneBytes = 0
  private retries = 0

  constructor(pool: TransferPool) {
    this.pool = pool
  }

  begin(
    file: TransferFile,
    isRead: boolean,
    ticket: number,
    position: number,
    parts: readonly Uint8Array[],
    lengthBytes: number,
  ): void {
    this.file = file
    this.isRead = isRead
    this.ticket = ticket
    this.position = position
    this.parts = parts
    this.leftBytes = lengthBytes
    this.doneBytes = 0
    this.retries = 0
    if (isRead || file.writes.push(this) === 1) this.proceed()
  }

  readonly proceed = (): void => {
    const { file, pool, parts, position } = this
    const { descriptor } = file as TransferFile
    const [part] = parts
    if (part === undefined || parts.length > 1) pool.calls.writev(descriptor, parts, position, this.onEnd)
    else if (this.isRead) pool.calls.read(descriptor, part, 0, part.length, position, this.onEnd)
    else pool.calls.write(descriptor, part, 0, part.length, position, this.onEnd)
  }

  private readonly onEnd: TransferEnd = (error, count) => {
    if (error !== null) return this.onError(error as SystemError)
    this.doneBytes += count
    this.leftBytes -= count
    if (this.leftBytes === 0 || (this.isRead && count === 0)) return this.finish(undefined)
    // A file that takes nothing, again and again, without saying why.
    if (count === 0 && ++this.retries > maxRetries) return this.finish({ code: 'EIO' } as SystemError)
    this.position += count
    if (count > 0) this.parts = restOf(this.parts, count)
    this.proceed()
  }

  private onError(error: SystemError): void {
    const isPassing = error.code === 'EINTR' || error.code === 'EAGAIN'
    if (!isPassing || ++this.retries > maxRetries) this.finish(error)
    else setTimeout(this.proceed, error.code === 'EINTR' ? 0 : retryMs)
  }

  private finish(error: SystemError | undefined): void {
    const { isRead, ticket, doneBytes } = this
    const file = this.file as TransferFile
    this.file = undefined
    this.parts = noParts
    this.pool.rest(this)
    if (!isRead) {
      file.writes.shift()
      file.writes[0]?.proceed()
    }
    file.onTransferEnd()
    if (error !== undefined) {
      const detail = `${file.name}: ${explainSystemError(error)}`
      file.sink.onTransferFailed(ticket, failure(fileErrorCode(error, isRead ? 'read' : 'write'), detail))
    } else if (isRead) file.sink.onRead(ticket, doneBytes)
    else file.sink.onWritten(ticket)
  }
}

/** More than this are never under way at once in a healthy session. */
const maxResting = 256

export class TransferPool {
  readonly calls: TransferCalls
  private readonly resting: Transfer[] = []

  constructor(calls: TransferCalls) {
    this.calls = calls
  }

  read(file: TransferFile, ticket: number, position: number, target: Uint8Array): void {
    const transfer = this.resting.pop() ?? new Transfer(this)
    transfer.begin(file, true, ticket, position, [target], target.length)
  }

  write(file: TransferFile, ticket: number, position: number, parts: readonly Uint8Array[]): void {
    const transfer = this.resting.pop() ?? new Transfer(this)
    let lengthBytes = 0
    for (const part of parts) lengthBytes += part.length
    transfer.begin(file, false, ticket, position, parts, lengthBytes)
  }

  /** Only for transfers that have ended. */
  rest(transfer: Transfer): void {
    if (this.resting.length < maxResting) this.resting.push(transfer)
  }
}
