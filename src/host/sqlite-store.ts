// The Store port on a database file, in a thread of its own: the disk never holds up the event loop.
// Guarantees: one commit is on its way at a time, and what comes meanwhile goes into the next one together, in order;
// every call is answered once, also when the thread dies; a second opener is refused. Keeps the process alive only while
// somebody waits for an answer. Owns the thread and the queue.
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import { resolve as absolute, dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { assert } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { Store, StoreChange, StoreEntry, StoreKey, StoreRange } from '../ports/store.ts'
import { explainSystemError, isSystemError } from './file-error.ts'
import { makeFolders } from './make-folders.ts'
import type { SqliteOptions } from './sqlite-tables.ts'
import {
  assertKey,
  assertTable,
  type PackedBatch,
  packChanges,
  type StoreAnswer,
  type StoreOrder,
} from './store-message.ts'

export interface SqliteStoreOptions {
  /** Undefined: 64 GiB. */
  readonly maxBytes?: number
}

const usualMaxBytes = 64 * 1_073_741_824
/** What goes into one transaction; the rest waits for the next. */
const maxGroupBytes = 8 * 1_048_576
const maxGroupBatches = 4_096
/** Of changes that wait: whoever makes more does not wait for its answers. */
const maxWaitingBytes = 256 * 1_048_576
const maxRange = 65_536

const workerUrl = new URL(`./sqlite-store-worker${/\.[a-z]+$/.exec(import.meta.url)?.[0] ?? '.js'}`, import.meta.url)

interface WaitingBatch extends PackedBatch {
  readonly resolve: (result: Result<void>) => void
}

class SqliteStore implements Store {
  private readonly worker: Worker
  private readonly waiting: WaitingBatch[] = []
  private waitingBytes = 0
  private group: readonly WaitingBatch[] = []
  private readonly asked = new Map<number, (result: Result<never>) => void>()
  private nextTicket = 0
  private onClosed: ((result: Result<void>) => void) | undefined
  private isClosing = false
  /** The thread is gone. */
  private ended: Failure | undefined

  constructor(worker: Worker) {
    this.worker = worker
    worker.on('message', (answer: StoreAnswer) => this.take(answer))
    worker.on('error', (error) =>
      this.end(failure('store-damaged', `the thread of the database died: ${error.message}`)),
    )
    worker.on('exit', () => this.end(failure('interrupted', 'the database is closed')))
    this.keepAlive()
  }

  get(table: string, key: StoreKey): Promise<Result<Uint8Array | undefined>> {
    assertTable(table)
    assertKey(key)
    return this.ask((ticket) => ({ type: 'get', ticket, table, key }))
  }

  range(table: string, range: StoreRange): Promise<Result<readonly StoreEntry[]>> {
    assertTable(table)
    assert(Number.isInteger(range.maxCount) && range.maxCount >= 1 && range.maxCount <= maxRange, 'a count up to 65536')
    return this.ask((ticket) => ({ type: 'range', ticket, table, range }))
  }

  commit(changes: readonly StoreChange[], durability: 'durable' | 'soon'): Promise<Result<void>> {
    const bytes = packChanges(changes)
    if (this.isClosing || this.ended !== undefined) return Promise.resolve(this.ended ?? closing())
    if (this.waitingBytes + bytes.length > maxWaitingBytes) {
      return Promise.resolve(failure('file-unwritable', 'the disk does not keep up with what is to be written'))
    }
    return new Promise((resolve) => {
      this.waiting.push({ bytes, isDurable: durability === 'durable', resolve })
      this.waitingBytes += bytes.length
      this.sendGroup()
      this.keepAlive()
    })
  }

  async close(): Promise<Result<void>> {
    if (this.isClosing || this.ended !== undefined) return this.ended ?? closing()
    this.isClosing = true
    return new Promise((resolve) => {
      this.onClosed = resolve
      this.sendGroup()
      this.keepAlive()
    })
  }

  private ask<T>(order: (ticket: number) => StoreOrder): Promise<Result<T>> {
    if (this.isClosing || this.ended !== undefined) return Promise.resolve(this.ended ?? closing())
    const ticket = this.nextTicket++
    return new Promise((resolve) => {
      this.asked.set(ticket, resolve as (result: Result<never>) => void)
      this.worker.postMessage(order(ticket))
      this.keepAlive()
    })
  }

  private sendGroup(): void {
    if (this.group.length > 0) return
    let [count, lengthBytes] = [0, 0]
    for (const { bytes } of this.waiting) {
      if (count > 0 && (count === maxGroupBatches || lengthBytes + bytes.length > maxGroupBytes)) break
      count++
      lengthBytes += bytes.length
    }
    if (count === 0) {
      if (this.onClosed !== undefined) this.worker.postMessage({ type: 'close' } satisfies StoreOrder)
      return
    }
    this.group = this.waiting.splice(0, count)
    this.waitingBytes -= lengthBytes
    const batches = this.group.map(({ bytes, isDurable }) => ({ bytes, isDurable }))
    this.worker.postMessage(
      { type: 'commit', batches } satisfies StoreOrder,
      batches.map(({ bytes }) => bytes.buffer as ArrayBuffer),
    )
  }

  private take(answer: StoreAnswer): void {
    switch (answer.type) {
      case 'opened':
        break
      case 'committed': {
        const { group } = this
        this.group = []
        for (const [index, { resolve }] of group.entries()) resolve(answer.results[index] as Result<void>)
        this.sendGroup()
        break
      }
      case 'got':
      case 'ranged':
        this.asked.get(answer.ticket)?.(answer.result as Result<never>)
        this.asked.delete(answer.ticket)
        break
      case 'closed':
        this.onClosed?.(answer.result)
        this.onClosed = undefined
        break
      default:
        answer satisfies never
    }
    this.keepAlive()
  }

  private end(why: Failure): void {
    if (this.ended !== undefined) return
    this.ended = why
    for (const { resolve } of [...this.group, ...this.waiting]) resolve(why)
    for (const resolve of this.asked.values()) resolve(why)
    this.onClosed?.(why)
    this.group = []
    this.waiting.length = 0
    this.waitingBytes = 0
    this.asked.clear()
    this.onClosed = undefined
  }

  private keepAlive(): void {
    const isAwaited = this.group.length > 0 || this.asked.size > 0 || this.onClosed !== undefined
    if (isAwaited) this.worker.ref()
    else this.worker.unref()
  }
}

function closing(): Failure {
  return failure('interrupted', 'the database is closed')
}

/** Puts the names that lead to the file on the disk: its folder's, up to that in which the first new folder is. */
function settleNames(folder: string, firstMade: string | undefined): void {
  // Elsewhere folders cannot be opened, and names are as durable as the system makes them.
  if (process.platform === 'win32') return
  const descriptor = openSync(folder, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
  const isDone = firstMade === undefined || folder === dirname(firstMade) || folder === dirname(folder)
  if (!isDone) settleNames(dirname(folder), firstMade)
}

/** Opens, or makes with its folder. Errors: store-locked, store-damaged and those of makeFolders. */
export async function openSqliteStore(path: string, options: SqliteStoreOptions = {}): Promise<Result<Store>> {
  const folder = dirname(absolute(path))
  const made = makeFolders(folder, (each) => mkdirSync(each, { mode: 0o700 }))
  if (!made.ok) return made
  const workerData: SqliteOptions = { path, maxBytes: options.maxBytes ?? usualMaxBytes }
  const worker = new Worker(workerUrl, { workerData })
  const opened = await new Promise<Result<void>>((resolve, reject) => {
    worker.once('message', (answer: StoreAnswer) => {
      worker.off('error', reject)
      if (answer.type === 'opened') resolve(answer.result)
    })
    worker.once('error', reject)
  })
  if (!opened.ok) return opened
  const store = new SqliteStore(worker)
  try {
    settleNames(folder, made.value)
    return success(store)
  } catch (error) {
    await store.close()
    if (!isSystemError(error)) throw error
    return failure('file-unwritable', `${folder}: ${explainSystemError(error)}`)
  }
}
