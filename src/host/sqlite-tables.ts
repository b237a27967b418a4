// A database file by node:sqlite, synchronously: what the thread of a store does. Write-ahead log, so that a transaction
// is on the disk with one sync; each value carries a checksum over table, key and itself.
// Guarantees: held by one opener at a time, by the system's own locks, which end with the process; a transaction is
// whole or nothing, after a power loss too; damage and failures of the disk are never taken for success, and after
// either nothing more is written. Owns the file until it is closed.
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { copyBytes, fromLatin1, readUint32, writeUint32 } from '../base/bytes.ts'
import { type ErrorCode, type Failure, failure, type Result, success } from '../base/errors.ts'
import type { StoreChange, StoreEntry, StoreKey, StoreRange } from '../ports/store.ts'
import { type PackedBatch, unpackChanges } from './store-message.ts'

export interface SqliteOptions {
  readonly path: string
  /** The database grows no larger: then it answers disk-full. */
  readonly maxBytes: number
}

const pageBytes = 4096
/** The log is taken over into the file when it has as many. */
const logPages = 4_000
const maxTables = 64
const checksumBytes = 4
/** Marks the file as one of ours: "SWbd". */
const applicationId = 0x53_57_62_64

interface SqliteError extends Error {
  readonly errcode: number
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
}

const busy = 5
const ioError = 10
const constraint = 19
const codes: Readonly<Record<number, ErrorCode>> = { [busy]: 'store-locked', 11: 'store-damaged', 26: 'store-damaged' }
const explanations: Readonly<Partial<Record<ErrorCode, string>>> = {
  'store-locked': 'another process has it open',
  'disk-full': 'no space left',
}
const full = 13

/** Extended codes have the kind in their low byte. */
function kindOf(error: SqliteError): number {
  return error.errcode & 0xff
}

interface TableStatements {
  readonly name: Uint8Array
  readonly get: StatementSync
  readonly put: StatementSync
  readonly insert: StatementSync
  readonly delete: StatementSync
}

export class SqliteTables {
  private readonly path: string
  private readonly database: DatabaseSync
  private readonly tables = new Map<string, TableStatements>()
  private readonly touch: StatementSync
  private isSyncing = true
  /** Why nothing more is done. */
  private broken: Failure | undefined
  /** Something was written that is not synced yet. */
  private isDirty = false

  private constructor(options: SqliteOptions, database: DatabaseSync) {
    this.path = options.path
    this.database = database
    for (const { name } of database.prepare("SELECT name FROM sqlite_schema WHERE name LIKE 't\\_%' ESCAPE '\\'").all())
      this.prepareTable(String(name).slice(2))
    this.touch = database.prepare('INSERT OR REPLACE INTO synced (id, count) VALUES (1, ?)')
  }

  /** Makes the file where there is none. Errors: store-locked, store-damaged, disk-full, file-unwritable. */
  static open(options: SqliteOptions): Result<SqliteTables> {
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(options.path, { timeout: 0 })
      database.exec(`PRAGMA page_size = ${pageBytes}`)
      // Before the first access, so that the log needs no shared memory and the lock lasts until the end.
      database.exec('PRAGMA locking_mode = EXCLUSIVE')
      database.exec('PRAGMA journal_mode = WAL')
      database.exec('PRAGMA synchronous = FULL')
      database.exec(`PRAGMA wal_autocheckpoint = ${logPages}`)
      database.exec('PRAGMA trusted_schema = OFF')
      const { application_id: foundId } = database.prepare('PRAGMA application_id').get() as { application_id: number }
      const { count } = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get() as { count: number }
      if (count > 0 && foundId !== applicationId) {
        database.close()
        return failure('store-damaged', `${options.path}: not a database of this program`)
      }
      database.exec(`PRAGMA application_id = ${applicationId}`)
      // Written, so that the lock is taken now.
      database.exec(
        'BEGIN IMMEDIATE; CREATE TABLE IF NOT EXISTS synced (id INTEGER PRIMARY KEY, count INTEGER);' +
          'INSERT OR REPLACE INTO synced (id, count) VALUES (1, 0); COMMIT',
      )
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageBytes))}`)
      return success(new SqliteTables(options, database))
    } catch (error) {
      if (database?.isOpen === true) database.close()
      return failureOf(error, options.path)
    }
  }

  /** Each batch whole or not at all, all that are in order in one transaction. */
  commit(batches: readonly PackedBatch[]): Result<void>[] {
    const isDurable = batches.some((batch) => batch.isDurable)
    const outcome = this.attempt(() => {
      for (const { bytes } of batches) for (const { table } of unpackChanges(bytes)) this.table(table)
      this.setSyncing(isDurable)
      this.database.exec('BEGIN IMMEDIATE')
      const results = batches.map(({ bytes }) => this.applyBatch(bytes))
      this.database.exec('COMMIT')
      this.isDirty = !isDurable
      return results
    })
    if (outcome.ok) return outcome.value
    this.rollBack()
    return batches.map(() => outcome)
  }

  /** Puts on the disk what was not synced yet. */
  sync(): Result<void> {
    if (!this.isDirty) return this.broken ?? success(undefined)
    return this.attempt(() => {
      this.setSyncing(true)
      this.touch.run(1)
      this.isDirty = false
    })
  }

  get hasUnsynced(): boolean {
    return this.isDirty && this.broken === undefined
  }

  get(table: string, key: StoreKey): Result<Uint8Array | undefined> {
    return this.attempt(() => {
      const statements = this.tables.get(table)
      const row = statements?.get.get(key)
      return statements === undefined || row === undefined
        ? undefined
        : checkedValue(statements.name, key, (row as unknown as StoreEntry).value)
    })
  }

  range(table: string, { from, to, order, maxCount }: StoreRange): Result<readonly StoreEntry[]> {
    return this.attempt(() => {
      const statements = this.tables.get(table)
      if (statements === undefined) return []
      const bounds = [...(from === undefined ? [] : ['key >= :from']), ...(to === undefined ? [] : ['key < :to'])]
      const where = bounds.length === 0 ? '' : `WHERE ${bounds.join(' AND ')}`
      const direction = order === 'ascending' ? 'ASC' : 'DESC'
      const select = this.database.prepare(
        `SELECT key, value FROM "t_${table}" ${where} ORDER BY key ${direction} LIMIT :max`,
      )
      const rows = select.all({
        max: maxCount,
        ...(from === undefined ? {} : { from }),
        ...(to === undefined ? {} : { to }),
      })
      return rows.map((row) => {
        const { key, value } = row as unknown as StoreEntry
        return { key, value: checkedValue(statements.name, key, value) }
      })
    })
  }

  close(): Result<void> {
    const synced = this.sync()
    try {
      this.database.close()
    } catch (error) {
      if (synced.ok) return failureOf(error, this.path)
    }
    return synced
  }

  private applyBatch(bytes: Uint8Array): Result<void> {
    this.database.exec('SAVEPOINT batch')
    try {
      for (const change of unpackChanges(bytes)) this.apply(change)
      this.database.exec('RELEASE batch')
      return success(undefined)
    } catch (error) {
      if (!isSqliteError(error) || kindOf(error) !== constraint) throw error
      this.database.exec('ROLLBACK TO batch; RELEASE batch')
      return failure('store-conflict', 'a record of this key is there already')
    }
  }

  private apply(change: StoreChange): void {
    const statements = this.table(change.table)
    if (change.type === 'delete') statements.delete.run(change.key)
    else statements[change.type].run(change.key, withChecksum(statements.name, change.key, change.value))
  }

  private table(name: string): TableStatements {
    const known = this.tables.get(name)
    if (known !== undefined) return known
    assert(this.tables.size < maxTables, 'few tables')
    this.setSyncing(true)
    this.database.exec(
      `CREATE TABLE IF NOT EXISTS "t_${name}" (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID`,
    )
    return this.prepareTable(name)
  }

  private prepareTable(name: string): TableStatements {
    const { database } = this
    const statements = {
      name: fromLatin1(name),
      get: database.prepare(`SELECT value FROM "t_${name}" WHERE key = ?`),
      put: database.prepare(`INSERT OR REPLACE INTO "t_${name}" (key, value) VALUES (?, ?)`),
      insert: database.prepare(`INSERT INTO "t_${name}" (key, value) VALUES (?, ?)`),
      delete: database.prepare(`DELETE FROM "t_${name}" WHERE key = ?`),
    }
    this.tables.set(name, statements)
    return statements
  }

  /** Whether a transaction waits for the disk; a later one that does brings those before it along. */
  private setSyncing(isSyncing: boolean): void {
    if (this.isSyncing === isSyncing) return
    this.database.exec(`PRAGMA synchronous = ${isSyncing ? 'FULL' : 'NORMAL'}`)
    this.isSyncing = isSyncing
  }

  private rollBack(): void {
    if (!this.database.isTransaction) return
    try {
      this.database.exec('ROLLBACK')
    } catch (error) {
      this.broken ??= failureOf(error, this.path)
    }
  }

  private attempt<T>(work: () => T): Result<T> {
    if (this.broken !== undefined) return this.broken
    try {
      return success(work())
    } catch (error) {
      const failed = error instanceof DamagedValue ? damage(this.path) : failureOf(error, this.path)
      // After a failed sync nobody knows what is on the disk until the file is opened anew.
      if (failed.code === 'store-damaged' || (isSqliteError(error) && kindOf(error) === ioError)) this.broken = failed
      return failed
    }
  }
}

class DamagedValue extends Error {}

function damage(path: string): Failure {
  return failure('store-damaged', `${path}: a value is not what was written`)
}

function checksumOf(table: Uint8Array, key: StoreKey, value: Uint8Array): number {
  return crc32(value, crc32(key, crc32(table)))
}

function withChecksum(table: Uint8Array, key: StoreKey, value: Uint8Array): Uint8Array {
  const stored = new Uint8Array(value.length + checksumBytes)
  copyBytes(stored, 0, value, 0, value.length)
  writeUint32(stored, value.length, checksumOf(table, key, value))
  return stored
}

function checkedValue(table: Uint8Array, key: StoreKey, stored: Uint8Array): Uint8Array {
  const length = stored.length - checksumBytes
  if (length < 0) throw new DamagedValue()
  const value = stored.subarray(0, length)
  if (readUint32(stored, length) !== checksumOf(table, key, value)) throw new DamagedValue()
  return value
}

/** A defect stays an exception. */
function failureOf(error: unknown, path: string): Failure {
  if (!isSqliteError(error)) throw error
  const code = kindOf(error) === full ? 'disk-full' : (codes[kindOf(error)] ?? 'file-unwritable')
  return failure(code, `${path}: ${explanations[code] ?? error.message}`)
}
