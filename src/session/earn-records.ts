// What earn mode remembers of torrents, in the table `earn-torrents` of its own store: which of them it fetched itself, so
// that it never deletes anything else, and how those did, the ones that are gone included. Guarantees: a record that cannot be
// read is an error that names it. Owns nothing.
import { type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { codec, record, textThat } from '../formats/money/form.ts'
import { words } from '../formats/money/operation-forms.ts'
import { amount, whole } from '../formats/money/typed-forms.ts'
import type { Experience } from '../market/earn-estimate.ts'
import { deleteRecord, putRecord, type Table } from '../payment/lane-records.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { readTable } from './lane-records-reader.ts'

/**
 * `looking`: for its metadata, to learn its size; `fetching` and `kept`: it is here, or may be; `dropping`: it is being
 * deleted; `gone`: nothing of it is here.
 */
export type EarnPhase = 'looking' | 'fetching' | 'kept' | 'dropping' | 'gone'

export interface EarnRecord {
  /** As the session names the torrent. */
  readonly id: string
  /** Cut to 128 characters. */
  readonly name: string
  readonly phase: EarnPhase
  /** 0: not known. */
  readonly sizeBytes: number
  /** All there ever was, of earnings and of what downloading it cost. */
  readonly earned: TokenAmount
  readonly paid: TokenAmount
  readonly experience: Experience
  /** Wall clock; see EarnCandidate. `looking`: the beginning. */
  readonly sinceMs: number
  /** Times in a row that it could not be had. */
  readonly failures: number
}

type Kept = Omit<EarnRecord, 'experience'> & {
  readonly lately: TokenAmount
  readonly cost: TokenAmount
  readonly seededMs: number
  readonly atMs: number
}

/** Its accounts are of no rail: one owner's torrents, whatever they are paid on. */
const allRails = 'all' as RailId
const maxNameLength = 128

const torrents: Table<Kept> = {
  table: 'earn-torrents',
  nameOf: ({ id }) => id,
  codec: codec(
    record<Kept>({
      id: textThat((value) => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(value)),
      name: textThat((value) => value.length <= maxNameLength),
      phase: words<EarnPhase>(['looking', 'fetching', 'kept', 'dropping', 'gone']),
      sizeBytes: whole,
      earned: amount,
      paid: amount,
      lately: amount,
      cost: amount,
      seededMs: whole,
      atMs: whole,
      sinceMs: whole,
      failures: whole,
    }),
  ),
}

function toKept({ experience, name, ...rest }: EarnRecord): Kept {
  const { earned: lately, cost, seededMs, atMs } = experience
  return { ...rest, name: name.slice(0, maxNameLength), lately, cost, seededMs, atMs }
}

function fromKept({ lately, cost, seededMs, atMs, ...rest }: Kept): EarnRecord {
  return { ...rest, experience: { earned: lately, cost, seededMs, atMs } }
}

/** The records in memory, as they are on the disk or will be soon. */
export class EarnBook {
  private readonly store: Store
  private readonly records = new Map<string, EarnRecord>()

  private constructor(store: Store, records: readonly EarnRecord[]) {
    this.store = store
    for (const each of records) this.records.set(each.id, each)
  }

  /** Errors: store-damaged, those of the store. */
  static async read(store: Store): Promise<Result<EarnBook>> {
    const kept = await readTable(store, torrents, allRails)
    return kept.ok ? success(new EarnBook(store, kept.value.map(fromKept))) : kept
  }

  get(id: string): EarnRecord | undefined {
    return this.records.get(id)
  }

  all(): readonly EarnRecord[] {
    return [...this.records.values()]
  }

  /** On the disk when it returns; before that nothing is changed. Errors: those of the store. */
  async enter(entry: EarnRecord): Promise<Result<void>> {
    const done = await this.store.commit([putRecord(torrents, allRails, toKept(entry))], 'durable')
    if (done.ok) this.records.set(entry.id, entry)
    return done
  }

  /** What may be lost: on the disk once it is saved. */
  note(entry: EarnRecord): void {
    this.records.set(entry.id, entry)
  }

  save(some: readonly EarnRecord[], forgotten: readonly EarnRecord[]): Promise<Result<void>> {
    for (const { id } of forgotten) this.records.delete(id)
    const changes = some.map((each) => putRecord(torrents, allRails, toKept(each)))
    const ends = forgotten.map((each) => deleteRecord(torrents, allRails, toKept(each)))
    return this.store.commit([...changes, ...ends], 'soon')
  }
}
