// Which entries of a journal tell of a lane's end, of an escrow or of an air-drop, and whose an escrow is: an index beside
// the journal, so that nobody has to read all of that to find them.
// Guarantees: written in the batch of the lines that it is of; one that does not fit the journal (of a ledger that was
// kept before there was one, say) is found out when the ledger is opened, and made anew. Owns its table.
import { concatBytes, fromHex, readUint32, writeUint64 } from '../base/bytes.ts'
import { type Result, success, unwrap } from '../base/errors.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import { type Entry, type Escrow, hasEnded, holdingId, isHolding } from '../ledger/entry.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import type { AccountId, LaneId, OperationId } from '../ports/ledger.ts'
import type { Store, StoreChange, StoreRange } from '../ports/store.ts'
import { SetSum } from './set-sum.ts'

/** What entries are found by. */
export type IndexedHolding =
  /** Only the entry that ended it. */
  | { readonly type: 'lane'; readonly id: LaneId }
  | { readonly type: 'escrow'; readonly id: OperationId }
  | { readonly type: 'campaign'; readonly id: OperationId }

const table = 'holdings'
const marks = { lane: 1, escrow: 2, campaign: 3 } as const
/** Of the entries that funded an escrow of an account. */
const partyMark = 4
const heightLength = 8
const maxKeyLength = 1 + 32 + heightLength
const rowsAtOnce = 10_000
const nothing = new Uint8Array(0)

function heightBytes(height: number): Uint8Array {
  const bytes = new Uint8Array(heightLength)
  writeUint64(bytes, 0, BigInt(height))
  return bytes
}

/** Keys end with the height. */
function heightOf(key: Uint8Array): number {
  const from = key.length - heightLength
  return readUint32(key, from) * 2 ** 32 + readUint32(key, from + 4)
}

function holdingPrefix({ type, id }: IndexedHolding): Uint8Array {
  return concatBytes([Uint8Array.of(marks[type]), unwrap(fromHex(id))])
}

function partyPrefix(account: AccountId): Uint8Array {
  return concatBytes([Uint8Array.of(partyMark), accountAddress(account)])
}

/** The first key that does not begin so; longer keys are heights, and none is that high. */
function afterAll(prefix: Uint8Array): Uint8Array {
  return concatBytes([prefix, new Uint8Array(maxKeyLength).fill(0xff)])
}

function partiesOf({ payer, payee, arbiter }: Escrow): ReadonlySet<AccountId> {
  return new Set([payer, payee, ...(arbiter === undefined ? [] : [arbiter])])
}

/** Keys of the rows of an entry. */
function keysOf(entry: Entry, operationId: OperationId, height: number): Uint8Array[] {
  const at = heightBytes(height)
  const keys: Uint8Array[] = []
  for (const change of entry.changes) {
    if (!isHolding(change)) continue
    const { type } = change
    if (type === 'withdrawal' || type === 'deposit' || (type === 'lane' && !hasEnded(change))) continue
    const id = holdingId(change)
    keys.push(concatBytes([holdingPrefix({ type, id } as IndexedHolding), at]))
    if (type !== 'escrow' || id !== operationId) continue
    for (const party of partiesOf(change.value)) keys.push(concatBytes([partyPrefix(party), at]))
  }
  return keys
}

function rowOf(key: Uint8Array): StoreChange {
  return { type: 'put', table, key, value: nothing }
}

export class HoldingIndex {
  private readonly store: Store
  private sum = new SetSum()

  constructor(store: Store) {
    this.store = store
  }

  /** Of the rows of all entries that were appended. */
  get sumText(): string {
    return this.sum.text()
  }

  /** Rows of an entry, to be written with its line. */
  changesOf(entry: Entry, operationId: OperationId, height: number): StoreChange[] {
    return keysOf(entry, operationId, height).map(rowOf)
  }

  /** What `changesOf` gave is on the disk. */
  written(entry: Entry, operationId: OperationId, height: number): void {
    for (const key of keysOf(entry, operationId, height)) this.sum.add(key)
  }

  /** Before entries are read again: the sum of those up to there. */
  restart(sumText?: string): void {
    this.sum = new SetSum(sumText)
  }

  /** Heights of the entries, in order: those after a height, at most so many. Errors: those of the store. */
  async heightsOf(holding: IndexedHolding, after: number, maxCount: number): Promise<Result<readonly number[]>> {
    const prefix = holdingPrefix(holding)
    const bounds = { from: concatBytes([prefix, heightBytes(after + 1)]), to: afterAll(prefix) }
    const read = await this.store.range(table, { ...bounds, order: 'ascending', maxCount })
    return read.ok ? success(read.value.map(({ key }) => heightOf(key))) : read
  }

  /** Heights of the entries that funded an escrow of the account, as payer, payee or arbiter. */
  fundingsOf(account: AccountId): Promise<Result<readonly number[]>> {
    return this.allHeights(partyPrefix(account))
  }

  /** Heights of all entries of one escrow, in order, or of all, in no order. */
  escrowHeights(id?: OperationId): Promise<Result<readonly number[]>> {
    return this.allHeights(id === undefined ? Uint8Array.of(marks.escrow) : holdingPrefix({ type: 'escrow', id }))
  }

  /** Whether the table has the rows of the entries that were told, and no others. Errors: those of the store. */
  async fits(): Promise<Result<boolean>> {
    const found = new SetSum()
    const read = await this.eachKey({}, (key) => found.add(key))
    return read.ok ? success(found.text() === this.sum.text()) : read
  }

  /** Makes the table anew: `entries` are all of the journal. Errors: those of the store and of reading. */
  async rebuild(entries: AsyncIterable<Result<ReadRecord>>): Promise<Result<void>> {
    const cleared = await this.clear()
    if (!cleared.ok) return cleared
    this.sum = new SetSum()
    let changes: StoreChange[] = []
    for await (const read of entries) {
      if (!read.ok) return read
      const { entry, operation, height } = read.value
      changes.push(...this.changesOf(entry, operation.id, height))
      this.written(entry, operation.id, height)
      if (changes.length < rowsAtOnce) continue
      const written = await this.store.commit(changes, 'soon')
      if (!written.ok) return written
      changes = []
    }
    return this.store.commit(changes, 'durable')
  }

  private async clear(): Promise<Result<void>> {
    for (;;) {
      const found = await this.store.range(table, { order: 'ascending', maxCount: rowsAtOnce })
      if (!found.ok) return found
      if (found.value.length === 0) return success(undefined)
      const deletions = found.value.map(({ key }): StoreChange => ({ type: 'delete', table, key }))
      const deleted = await this.store.commit(deletions, 'soon')
      if (!deleted.ok) return deleted
    }
  }

  private async allHeights(prefix: Uint8Array): Promise<Result<readonly number[]>> {
    const heights: number[] = []
    const read = await this.eachKey({ from: prefix, to: afterAll(prefix) }, (key) => heights.push(heightOf(key)))
    return read.ok ? success(heights) : read
  }

  private async eachKey(
    { from: first, to }: Pick<StoreRange, 'from' | 'to'>,
    see: (key: Uint8Array) => void,
  ): Promise<Result<void>> {
    for (let from = first; ; ) {
      const bounds = { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
      const read = await this.store.range(table, { ...bounds, order: 'ascending', maxCount: rowsAtOnce })
      if (!read.ok) return read
      for (const { key } of read.value) see(key)
      const last = read.value.at(-1)
      if (last === undefined || read.value.length < rowsAtOnce) return success(undefined)
      // The first key after the last one.
      from = concatBytes([last.key, Uint8Array.of(0)])
    }
  }
}
