// A ledger's journal in a store: its genesis, each line under its height, and which entry each operation's id made.
// Guarantees: a line is written once; lines and ids of a group are there together or not at all; what is read back is
// what the journal's hashes say, and an index that does not fit its journal is found out when the ledger is opened.
// Owns its tables.
import { equalBytes, readUint32, toHex, writeHex, writeUint64 } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import type { AppliedOperation } from '../ledger/applied-operations.ts'
import { bodyHashOf } from '../ledger/authenticate.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { chainLinkOf, decodeLine, outcomeOf, type ReadRecord } from '../ledger/journal-record.ts'
import type { LedgerCore, SealedGroup } from '../ledger/ledger-core.ts'
import type { OperationId } from '../ports/ledger.ts'
import type { Store, StoreChange } from '../ports/store.ts'

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

/** A sum over entries in any order: two sets that differ have different ones, but by chance. */
class SetSum {
  private readonly lanes: Uint32Array

  /** `text`: of a sum that is gone on with. */
  constructor(text = '0'.repeat(64)) {
    const bytes = new Uint8Array(32)
    writeHex(bytes, 0, text, 0, text.length)
    this.lanes = new Uint32Array(bytes.buffer)
  }

  add(id: Uint8Array, height: Uint8Array): void {
    const joined = new Uint8Array(idLength + heightLength)
    joined.set(id)
    joined.set(height, idLength)
    const lanes = new Uint32Array(sha256(joined).slice().buffer)
    for (let index = 0; index < lanes.length; index++)
      this.lanes[index] = (this.lanes[index] ?? 0) + (lanes[index] ?? 0)
  }

  /** 64 hexadecimal digits. */
  text(): string {
    return toHex(new Uint8Array(this.lanes.buffer))
  }
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
  private sum = new SetSum()

  constructor(store: Store, facts: LedgerFacts) {
    this.store = store
    this.facts = facts
  }

  /** Of the index, up to the last line that was appended. */
  get indexSum(): string {
    return this.sum.text()
  }

  /** `ids`: of each line's operation. */
  async append(group: SealedGroup, ids: readonly OperationId[]): Promise<Result<void>> {
    const changes: StoreChange[] = []
    for (const [index, line] of group.lines.entries()) {
      const height = heightBytes(group.firstHeight + index)
      changes.push({ type: 'insert', table: journalTable, key: height, value: line })
      changes.push({ type: 'insert', table: operationsTable, key: idBytes(ids[index] as OperationId), value: height })
    }
    const written = await this.store.commit(changes, 'durable')
    if (!written.ok) return written
    for (const [index, id] of ids.entries()) this.sum.add(idBytes(id), heightBytes(group.firstHeight + index))
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
   * All lines after those that the core has, of which `indexSum` is the sum. Errors: ledger-damaged, naming the entry;
   * those of the store.
   */
  async replayInto(core: LedgerCore, indexSum?: string): Promise<Result<void>> {
    const expected = new SetSum(indexSum)
    const restoredHeight = core.head.height
    for (let height = restoredHeight + 1; ; ) {
      const range = { from: heightBytes(height), order: 'ascending', maxCount: linesAtOnce } as const
      const read = await this.store.range(journalTable, range)
      if (!read.ok) return read
      for (const { key, value } of read.value) {
        if (toHex(key) !== toHex(heightBytes(height))) return damaged(height, 'it is missing')
        const replayed = core.replay(value)
        if (!replayed.ok) return replayed
        expected.add(idBytes(replayed.value.operation.id), key)
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
    if (indexed.value === expected.text()) return success(undefined)
    return failure('ledger-damaged', 'the index of operations does not fit the journal')
  }

  private async sumOfIndex(see: (id: Uint8Array, height: Uint8Array) => void): Promise<Result<string>> {
    const sum = new SetSum()
    for (let from: Uint8Array | undefined; ; ) {
      const range = { ...(from === undefined ? {} : { from }), order: 'ascending', maxCount: idsAtOnce } as const
      const read = await this.store.range(operationsTable, range)
      if (!read.ok) return read
      for (const { key, value } of read.value) {
        sum.add(key, value)
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
