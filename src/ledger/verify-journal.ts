// Verifying a journal from its genesis, for anyone: every hash, signature, decision, posting and root, one line at a time.
// Guarantees: trusts nobody, its writer least: each entry is decided again and must be what the rules say; the first one
// that does not hold is named, with what is wrong; memory is that of the state, however long the journal.
import { equalBytes, toHex } from '../base/bytes.ts'
import type { Failure } from '../base/errors.ts'
import { laneCodec } from '../formats/money/lane-codec.ts'
import type { LedgerReceipt } from '../formats/money/receipt.ts'
import type { Lane, OperationId } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import { applyEntry } from './apply-entry.ts'
import { authenticate } from './authenticate.ts'
import { decide } from './decide.ts'
import type { LedgerFacts } from './genesis.ts'
import { decodeLine, isSameEntry, type ReadRecord } from './journal-record.ts'
import type { JournalHead } from './ledger-core.ts'
import { LedgerState } from './ledger-state.ts'
import { StateCommitment } from './state-commitment.ts'

/** What of an entry does not hold. */
type FaultyPart = 'line' | 'height' | 'previous' | 'time' | 'id' | 'signature' | 'rules' | 'entry' | 'root' | 'head'

export interface JournalFault {
  /** Of the first entry that does not hold. */
  readonly height: number
  readonly part: FaultyPart
  readonly detail: string
}

export class JournalVerifier {
  readonly facts: LedgerFacts
  readonly state = new LedgerState()
  private readonly scheme: SignatureScheme
  private readonly commitment: StateCommitment
  private readonly ids = new Set<OperationId>()
  /** What the operator signed of heights to come. */
  private readonly promised = new Map<number, LedgerReceipt[]>()
  private current: JournalHead
  private lastRecord: ReadRecord | undefined
  private isGroupOpen = false

  constructor(facts: LedgerFacts, scheme: SignatureScheme) {
    this.facts = facts
    this.scheme = scheme
    this.commitment = new StateCommitment(this.state)
    const root = this.commitment.update()
    this.current = { height: 0, hash: facts.hash, timeMs: facts.genesis.createdAtMs, root }
  }

  /** Where the journal stands after the lines that were right. */
  get head(): JournalHead {
    return this.current
  }

  /** Of the last line that was right. */
  get last(): ReadRecord | undefined {
    return this.lastRecord
  }

  /** What the operator signed of a height to come (see checkReceipt): the journal must bear it out. */
  promise(receipt: LedgerReceipt): void {
    this.promised.set(receipt.height, [...(this.promised.get(receipt.height) ?? []), receipt])
  }

  /** The next line; what is wrong with it. After a fault no more lines may come. */
  push(line: Uint8Array): JournalFault | undefined {
    const height = this.current.height + 1
    const decoded = decodeLine(line, this.facts.rail)
    if (!decoded.ok) return { height, part: 'line', detail: decoded.detail }
    const { record, hash } = decoded.value
    const fault = this.misplacement(record) ?? this.misdecision(record) ?? this.misroot(record)
    if (fault !== undefined) return { height, ...fault }
    const broken = (this.promised.get(height) ?? []).find((receipt) => !bearsOut(receipt, record, hash, this.state))
    if (broken !== undefined) {
      return {
        height,
        part: 'head',
        detail: `the operator signed something else of it (a receipt of kind ${broken.type})`,
      }
    }
    this.ids.add(record.operation.id)
    this.lastRecord = record
    this.isGroupOpen = record.root === undefined
    this.current = { height, hash, timeMs: record.timeMs, root: record.root ?? this.current.root }
    return undefined
  }

  /** Whether the journal may end here; what is missing. */
  end(): JournalFault | undefined {
    const { height } = this.current
    if (this.isGroupOpen) return { height, part: 'root', detail: 'the journal ends within a group' }
    const beyond = [...this.promised.keys()].filter((promised) => promised > height)
    if (beyond.length === 0) return undefined
    return {
      height: height + 1,
      part: 'head',
      detail: `the journal ends before entry ${Math.max(...beyond)}, which the operator signed`,
    }
  }

  private misplacement({ height, previous, timeMs, operation }: ReadRecord): Omit<JournalFault, 'height'> | undefined {
    const { current } = this
    if (height !== current.height + 1) return { part: 'height', detail: `it says it is entry ${height}` }
    if (!equalBytes(previous, current.hash)) {
      return {
        part: 'previous',
        detail: `it follows ${toHex(previous)}, and the one before it is ${toHex(current.hash)}`,
      }
    }
    if (timeMs < current.timeMs) return { part: 'time', detail: 'it is from before the one before it' }
    if (this.ids.has(operation.id)) return { part: 'id', detail: 'its id was used before' }
    return undefined
  }

  private misdecision(record: ReadRecord): Omit<JournalFault, 'height'> | undefined {
    const { account, operation, signature, timeMs, entry } = record
    const authentic = authenticate({ account, operation, signature }, this.facts, this.scheme)
    if (!authentic.ok) return { part: 'signature', detail: authentic.detail }
    const decided = decide(this.state, this.facts, authentic.value.statement, timeMs)
    if (!decided.ok) return { part: 'rules', detail: refusalOf(decided) }
    if (!isSameEntry(decided.value, entry)) return { part: 'entry', detail: 'the rules make another entry of it' }
    const applied = applyEntry(this.state, entry)
    return applied.ok ? undefined : { part: 'entry', detail: applied.detail }
  }

  private misroot({ root }: ReadRecord): Omit<JournalFault, 'height'> | undefined {
    this.state.forget(this.state.mark())
    if (root === undefined || equalBytes(root, this.commitment.update())) return undefined
    return { part: 'root', detail: 'the state does not have the root stated' }
  }
}

/** Whether an entry, and the state after it, are as the receipt says. */
function bearsOut(
  receipt: LedgerReceipt,
  { root, operation }: ReadRecord,
  hash: Uint8Array,
  state: LedgerState,
): boolean {
  if ('entryHash' in receipt && receipt.entryHash !== toHex(hash)) return false
  if (receipt.type === 'operation') return receipt.id === operation.id
  if (root === undefined || receipt.stateRoot !== toHex(root)) return false
  if (receipt.type === 'lane') return isSameLane(receipt.lane, state.lane(receipt.lane.id))
  if (receipt.type === 'head') return true
  const { available, locked, leaving, arriving } = state.account(receipt.account)
  return (
    receipt.available === available &&
    receipt.locked === locked &&
    receipt.leaving === leaving &&
    receipt.arriving === arriving
  )
}

function isSameLane(a: Lane, b: Lane | undefined): boolean {
  return b !== undefined && equalBytes(laneCodec.encode(a), laneCodec.encode(b))
}

function refusalOf({ code, detail }: Failure): string {
  return `the rules refuse it: ${code}, ${detail}`
}

/**
 * All lines in order. Yields after each so many, so that the caller can show how far it is and let others run; returns
 * the first fault, if any.
 */
export function* verifyJournal(
  verifier: JournalVerifier,
  lines: Iterable<Uint8Array>,
  yieldEvery = 1000,
): Generator<JournalHead, JournalFault | undefined> {
  let count = 0
  for (const line of lines) {
    const fault = verifier.push(line)
    if (fault !== undefined) return fault
    if (++count % yieldEvery === 0) yield verifier.head
  }
  return verifier.end()
}
