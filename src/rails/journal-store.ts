// A ledger's journal in a store: its genesis, each line under its height, and which entry each operation's id made; which
// entries are of a lane's end, of an escrow or an air-drop is for holding-index.ts.
// Guarantees: a line is written once; lines and ids of a group are there together or not at all; what is read back is
// what the journal's hashes say, and an index that does not fit its journal is found out when the ledger is opened.
// Owns its tables.
import { concatBytes, equalBytes, readUint32, toHex, writeHex, writeUint64 } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { AppliedOperation } from '../ledger/applied-operations.ts'
import { bodyHashOf } from '../ledger/authenticate.ts'
import type { Entry } from '../ledger/entry.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { chainLinkOf, decodeLine, outcomeOf, type ReadRecord } from '../ledger/journal-record.ts'
import type { LedgerCore, SealedGroup } from '../ledger/ledger-core.ts'
import type { AccountId, OperationId } from '../ports/ledger.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { HoldingIndex, type IndexedHolding } from './holding-index.ts'
import { SetSum } from './set-sum.ts'

const ledgerTable = 'ledger'
const journalTable = 'journal'
const operationsTable = 'operations'
const genesisKey = Uint8Array.of(1)

const heightLength = 8
const idLength = 32
const linesAtOnce = 1_000
const idsAtOnce = 10_000

/** Heights as keys are in the order of numbers. */
function heightBytes(height: number): Uint8Array {
  const bytes = new Uint8Array(heightLength)
  writeUint64(bytes, 0, BigInt(height))
  return bytes
}

function heightOf(bytes: Uint8Array): number {
  return readUint32(bytes, 0) * 2 ** 32 + readUint32(bytes, 4)
}

function idBytes(id: OperationId): Uint8Array {
  const bytes = new Uint8Array(idLength)
  writeHex(bytes, 0, id, 0, id.length)
  return bytes
}

function operationRow(id: OperationId, height: Uint8Array): Uint8Array {
  return concatBytes([idBytes(id), height])
}

/** What is to be in the indexes: sums over their rows. */
export interface IndexSums {
  readonly operations: string
  readonly holdings: string
}

/** The genesis of the ledger in a store; undefined: there is none yet. */
export function readGenesis(store: Store): Promise<Result<Uint8Array | undefined>> {
  return store.get(ledgerTable, genesisKey)
}

/** Begins a ledger. Errors: store-conflict (there is one already). */
export function writeGenesis(store: Store, genesis: Uint8Array): Promise<Result<void>> {
  return store.commit([{ type: 'insert', table: ledgerTable, key: genesisKey, value: genesis }], 'durable')
}

export interface FoundEntry {
  readonly line: Uint8Array
  readonly record: ReadRecord
  readonly hash: Uint8Array
}

export class JournalStore {
  private readonly store: Store
  private readonly facts: LedgerFacts
  private readonly holdings: HoldingIndex
  private sum = new SetSum()

  constructor(store: Store, facts: LedgerFacts) {
    this.store = store
    this.facts = facts
    this.holdings = new HoldingIndex(store)
  }

  /** Of the indexes, up to the last line that was appended. */
  get indexSums(): IndexSums {
    return { operations: this.sum.text(), holdings: this.holdings.sumText }
  }

  /** `ids`: of each line's operation. */
  async append(group: SealedGroup, ids: readonly OperationId[]): Promise<Result<void>> {
    const changes: StoreChange[] = []
    for (const [index, line] of group.lines.entries()) {
      const height = group.firstHeight + index
      const key = heightBytes(height)
      const id = ids[index] as OperationId
      changes.push({ type: 'insert', table: journalTable, key, value: line })
      changes.push({ type: 'insert', table: operationsTable, key: idBytes(id), value: key })
      changes.push(...this.holdings.changesOf(group.entries[index] as Entry, id, height))
    }
    const written = await this.store.commit(changes, 'durable')
    if (!written.ok) return written
    for (const [index, id] of ids.entries()) {
      const height = group.firstHeight + index
      this.sum.add(operationRow(id, heightBytes(height)))
      this.holdings.written(group.entries[index] as Entry, id, height)
    }
    return written
  }

  /** At most `maxCount` lines from a height on. */
  async lines(from: number, maxCount: number): Promise<Result<readonly Uint8Array[]>> {
    const range = { from: heightBytes(from), order: 'ascending', maxCount } as const
    const read = await this.store.range(journalTable, range)
    return read.ok ? success(read.value.map(({ value }) => value)) : read
  }

  /** What an id stands for. Errors: those of the store, ledger-damaged. */
  async find(id: OperationId): Promise<Result<FoundEntry | undefined>> {
    const found = await this.store.get(operationsTable, idBytes(id))
    if (!found.ok || found.value === undefined) return found.ok ? success(undefined) : found
    const height = heightOf(found.value)
    const entry = await this.at(height)
    if (!entry.ok) return entry
    if (entry.value === undefined) return damaged(height, 'it is missing')
    const isIts = entry.value.record.operation.id === id
    return isIts ? entry : damaged(height, 'it is of another operation than it should be')
  }

  /** The entry of a height. Errors: those of the store, ledger-damaged. */
  async at(height: number): Promise<Result<FoundEntry | undefined>> {
    const line = await this.store.get(journalTable, heightBytes(height))
    if (!line.ok || line.value === undefined) return line.ok ? success(undefined) : line
    const decoded = decodeLine(line.value, this.facts.rail)
    if (!decoded.ok) return damaged(height, decoded.detail)
    return success({ line: line.value, ...decoded.value })
  }

  /** Entries of a holding in order: those after a height, at most so many. Errors: as `at`. */
  async ofHolding(holding: IndexedHolding, after: number, maxCount: number): Promise<Result<readonly FoundEntry[]>> {
    const heights = await this.holdings.heightsOf(holding, after, maxCount)
    return heights.ok ? this.atAll(heights.value) : heights
  }

  /** Heights of all entries of an account's escrows, or of all escrows, in order. Errors: as `at`. */
  async escrowHeights(account: AccountId | undefined): Promise<Result<readonly number[]>> {
    const heights = account === undefined ? await this.holdings.escrowHeights() : await this.escrowHeightsOf(account)
    return heights.ok ? success(heights.value.toSorted((a, b) => a - b)) : heights
  }

  private async escrowHeightsOf(account: AccountId): Promise<Result<readonly number[]>> {
    const heights: number[] = []
    const funded = await this.holdings.fundingsOf(account)
    if (!funded.ok) return funded
    for (const height of funded.value) {
      const found = await this.atAll([height])
      if (!found.ok) return found
      const [funding] = found.value
      if (funding === undefined) continue
      const rest = await this.holdings.escrowHeights(funding.record.operation.id)
      if (!rest.ok) return rest
      heights.push(...rest.value)
    }
    return success(heights)
  }

  private async atAll(heights: readonly number[]): Promise<Result<readonly FoundEntry[]>> {
    const found: FoundEntry[] = []
    for (const height of heights) {
      const entry = await this.at(height)
      if (!entry.ok) return entry
      if (entry.value === undefined) return damaged(height, 'it is missing')
      found.push(entry.value)
    }
    return success(found)
  }

  /** As the core remembers operations. */
  async applied(id: OperationId): Promise<Result<AppliedOperation | 'absent'>> {
    const found = await this.find(id)
    if (!found.ok) return found
    if (found.value === undefined) return success('absent')
    const { height, account, operationBytes, entry } = found.value.record
    return success({ height, bodyHash: bodyHashOf(account, operationBytes), outcome: outcomeOf(entry) })
  }

  /** Whether the lines up to a height are a chain from the genesis on that ends with this hash. */
  async isChain(lastHeight: number, lastHash: Uint8Array): Promise<boolean> {
    let previous = this.facts.hash
    for (let height = 1; height <= lastHeight; ) {
      const read = await this.lines(height, Math.min(linesAtOnce, lastHeight - height + 1))
      if (!read.ok || read.value.length === 0) return false
      for (const line of read.value) {
        const link = chainLinkOf(line)
        if (link === undefined || link.height !== height || !equalBytes(link.previous, previous)) return false
        previous = link.hash
        height++
      }
    }
    return equalBytes(previous, lastHash)
  }

  /**
   * All lines after those that the core has, of which `sums` are the sums. Errors: ledger-damaged, naming the entry;
   * those of the store. An index of holdings that does not fit is made anew where all lines are read.
   */
  async replayInto(core: LedgerCore, sums?: IndexSums): Promise<Result<void>> {
    const expected = new SetSum(sums?.operations)
    this.holdings.restart(sums?.holdings)
    const restoredHeight = core.head.height
    for (let height = restoredHeight + 1; ; ) {
      const range = { from: heightBytes(height), order: 'ascending', maxCount: linesAtOnce } as const
      const read = await this.store.range(journalTable, range)
      if (!read.ok) return read
      for (const { key, value } of read.value) {
        if (toHex(key) !== toHex(heightBytes(height))) return damaged(height, 'it is missing')
        const replayed = core.replay(value)
        if (!replayed.ok) return replayed
        const { operation, entry } = replayed.value
        expected.add(operationRow(operation.id, key))
        this.holdings.written(entry, operation.id, height)
        height++
      }
      if (read.value.length < linesAtOnce) break
    }
    const finished = core.finishReplay()
    if (!finished.ok) return finished
    const indexed = await this.sumOfIndex((id, height) => {
      if (heightOf(height) <= restoredHeight) core.addForgotten(toHex(id) as OperationId)
    })
    if (!indexed.ok) return indexed
    this.sum = expected
    if (indexed.value !== expected.text()) {
      return failure('ledger-damaged', 'the index of operations does not fit the journal')
    }
    const fitting = await this.holdings.fits()
    if (!fitting.ok) return fitting
    if (fitting.value) return success(undefined)
    // Nobody knows which of the two is wrong until all of the journal was read.
    if (sums !== undefined) return failure('ledger-damaged', 'the index of holdings does not fit the snapshot')
    return this.holdings.rebuild(this.entries(core.head.height))
  }

  /** All up to a height, in order. */
  private async *entries(lastHeight: number): AsyncGenerator<Result<ReadRecord>> {
    for (let height = 1; height <= lastHeight; ) {
      const read = await this.lines(height, Math.min(linesAtOnce, lastHeight - height + 1))
      if (!read.ok) {
        yield read
        return
      }
      for (const line of read.value) {
        const decoded = decodeLine(line, this.facts.rail)
        yield decoded.ok ? success(decoded.value.record) : damaged(height, decoded.detail)
        height++
      }
    }
  }

  private async sumOfIndex(see: (id: Uint8Array, height: Uint8Array) => void): Promise<Result<string>> {
    const sum = new SetSum()
    for (let from: Uint8Array | undefined; ; ) {
      const range = { ...(from === undefined ? {} : { from }), order: 'ascending', maxCount: idsAtOnce } as const
      const read = await this.store.range(operationsTable, range)
      if (!read.ok) return read
      for (const { key, value } of read.value) {
        sum.add(concatBytes([key, value]))
        see(key, value)
      }
      const last = read.value.at(-1)
      if (last === undefined || read.value.length < idsAtOnce) return success(sum.text())
      from = new Uint8Array(idLength + 1)
      // The first key after the last one.
      from.set(last.key)
    }
  }
}

function damaged(height: number, detail: string): Failure {
  return failure('ledger-damaged', `entry ${height}: ${detail}`)
}
