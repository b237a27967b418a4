// Snapshots of a ledger's state in its store, and opening by one instead of replaying all.
// Guarantees: a snapshot counts once all of it is on the disk; one that is damaged, or is not of this journal, is as good
// as none; the ledger goes on while one is written. Owns its table.
import { concatBytes, equalBytes, fromHex, toHex, writeUint32, writeUint64 } from '../base/bytes.ts'
import { type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { codec, record } from '../formats/money/form.ts'
import { bytes32, whole } from '../formats/money/typed-forms.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { type JournalHead, LedgerCore } from '../ledger/ledger-core.ts'
import type { Hash256, RailId } from '../ports/ledger.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import type { IndexSums, JournalStore } from './journal-store.ts'

/** What there is to say of a snapshot besides its chunks. */
interface SnapshotHeader {
  readonly height: number
  /** Of the journal's line at that height. */
  readonly hash: Hash256
  readonly chunks: number
  /** SHA-256 over that of each chunk, in order. */
  readonly chunksHash: Hash256
  /** Of the indexes, up to that height. */
  readonly indexSum: Hash256
  readonly holdingSum: Hash256
}

export interface TakenSnapshot {
  readonly head: JournalHead
  readonly indexSums: IndexSums
  readonly chunks: Iterable<Uint8Array>
}

const snapshotTable = 'snapshot'
const headerKey = Uint8Array.of(0)
const chunkMark = 1
const deletedAtOnce = 1_000
const hash = bytes32<Hash256>()
const headerCodec = codec(
  record<SnapshotHeader>({ height: whole, hash, chunks: whole, chunksHash: hash, indexSum: hash, holdingSum: hash }),
)
/** Nothing in a header is of a rail. */
const noRail = '' as RailId

/** Those of one height are next to each other, and no other's are between them. */
function chunkKey(height: number, index: number): Uint8Array {
  const key = new Uint8Array(13)
  key[0] = chunkMark
  writeUint64(key, 1, BigInt(height))
  writeUint32(key, 9, index)
  return key
}

function put(key: Uint8Array, value: Uint8Array): StoreChange {
  return { type: 'put', table: snapshotTable, key, value }
}

/** Writes a snapshot, chunk by chunk, and then forgets the ones before. Errors: those of the store. */
export async function writeSnapshot(store: Store, { head, indexSums, chunks }: TakenSnapshot): Promise<Result<void>> {
  const hashes: Uint8Array[] = []
  for (const chunk of chunks) {
    const written = await store.commit([put(chunkKey(head.height, hashes.length), chunk)], 'soon')
    if (!written.ok) return written
    hashes.push(sha256(chunk))
  }
  const header = headerCodec.encode({
    height: head.height,
    hash: toHex(head.hash) as Hash256,
    chunks: hashes.length,
    chunksHash: toHex(sha256(concatBytes(hashes))) as Hash256,
    indexSum: indexSums.operations as Hash256,
    holdingSum: indexSums.holdings as Hash256,
  })
  // What was committed before is on the disk with it.
  const named = await store.commit([put(headerKey, header)], 'durable')
  return named.ok ? forgetOthers(store, head.height) : named
}

async function forgetOthers(store: Store, height: number): Promise<Result<void>> {
  const ranges = [
    { from: Uint8Array.of(chunkMark), to: chunkKey(height, 0) },
    { from: chunkKey(height + 1, 0) },
  ] as const
  for (const bounds of ranges) {
    for (;;) {
      const found = await store.range(snapshotTable, { ...bounds, order: 'ascending', maxCount: deletedAtOnce })
      if (!found.ok) return found
      if (found.value.length === 0) break
      const changes = found.value.map(({ key }): StoreChange => ({ type: 'delete', table: snapshotTable, key }))
      const deleted = await store.commit(changes, 'soon')
      if (!deleted.ok) return deleted
    }
  }
  return success(undefined)
}

/** A core as the snapshot has it, and the sums of the indexes then; undefined: none that is whole and of this journal. */
export async function openSnapshot(
  store: Store,
  facts: LedgerFacts,
  journal: JournalStore,
  keptOperations: number | undefined,
): Promise<{ readonly core: LedgerCore; readonly sums: IndexSums } | undefined> {
  const found = await store.get(snapshotTable, headerKey)
  if (!found.ok || found.value === undefined) return undefined
  const header = headerCodec.decode(found.value, noRail)
  if (!header.ok) return undefined
  const { height, chunks, chunksHash, indexSum, holdingSum } = header.value
  // The journal says what the state's root has to be.
  const line = await journal.at(height)
  if (!line.ok || line.value === undefined || toHex(line.value.hash) !== header.value.hash) return undefined
  const { timeMs, root } = line.value.record
  if (root === undefined || !(await journal.isChain(height, line.value.hash))) return undefined
  const core = new LedgerCore(facts, keptOperations)
  const hashes: Uint8Array[] = []
  for (let index = 0; index < chunks; index++) {
    const chunk = await store.get(snapshotTable, chunkKey(height, index))
    if (!chunk.ok || chunk.value === undefined || !core.restoreChunk(chunk.value).ok) return undefined
    hashes.push(sha256(chunk.value))
  }
  const stated = fromHex(chunksHash)
  if (!stated.ok || !equalBytes(sha256(concatBytes(hashes)), stated.value)) return undefined
  const restored = core.finishRestore({ height, hash: line.value.hash, timeMs, root })
  return restored.ok ? { core, sums: { operations: indexSum, holdings: holdingSum } } : undefined
}
