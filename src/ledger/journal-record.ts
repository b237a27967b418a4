// Lines of a ledger's journal: height, hash of the line before, time, who asked for what with which signature, the
// entry that came of it, and at the end of a group the root of the state.
// Guarantees: canonical bytes, so that there is one hash a record; whatever the bytes, reading does not throw; a line
// that was changed is told from its own hash. A line: bencoded {hash, record}.
import { equalBytes } from '../base/bytes.ts'
import { attempt, type Result } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { BencodeCursor } from '../formats/bencode/cursor.ts'
import { encode, RawBencode } from '../formats/bencode/encode.ts'
import { kindDictionary, scan } from '../formats/bencode/scan.ts'
import { type Form, malformed, optional, record } from '../formats/money/form.ts'
import { operationCodec } from '../formats/money/operation-codec.ts'
import { account, signatureBytes, whole } from '../formats/money/typed-forms.ts'
import type { AccountId, LedgerOperation, OperationOutcome, RailId, Signature } from '../ports/ledger.ts'
import type { Entry } from './entry.ts'
import { entryForm } from './entry-codec.ts'

export interface JournalRecord {
  /** From 1. */
  readonly height: number
  /** The hash of the record before, or of the genesis. */
  readonly previous: Uint8Array
  /** The ledger's own time. */
  readonly timeMs: number
  readonly account: AccountId
  /** Canonical. */
  readonly operationBytes: Uint8Array
  readonly signature: Signature
  readonly entry: Entry
  /** Of the state after it; in the last record of each group. */
  readonly root?: Uint8Array
}

export interface ReadRecord extends JournalRecord {
  readonly operation: LedgerOperation
}

const hashLength = 32
const limits = { maxBytes: 1_048_576, maxDepth: 12, maxTokens: 65_536 }

const digest: Form<Uint8Array> = {
  toBencode: (value) => value,
  fromBencode(cursor) {
    const bytes = cursor.bytes()
    return bytes?.length === hashLength ? bytes.slice() : malformed('not a hash of 32 bytes')
  },
  toJson: () => malformed('records are not written as JSON'),
  fromJson: () => malformed('records are not read from JSON'),
}

/** Bytes of a canonical operation as they stand in the record. */
const rawOperation: Form<Uint8Array> = {
  toBencode: (value) => new RawBencode(value),
  fromBencode: (cursor) => cursor.raw().slice(),
  toJson: () => malformed('records are not written as JSON'),
  fromJson: () => malformed('records are not read from JSON'),
}

/** As it stands in the journal. */
type WrittenRecord = Omit<JournalRecord, 'operationBytes'> & { readonly operation: Uint8Array }

const recordForm = record<WrittenRecord>({
  height: whole,
  previous: digest,
  timeMs: whole,
  account,
  operation: rawOperation,
  signature: signatureBytes,
  entry: entryForm,
  root: optional(digest),
})

export function encodeLine(journalRecord: JournalRecord): { readonly line: Uint8Array; readonly hash: Uint8Array } {
  const { height, previous, timeMs, account: by, operationBytes: operation, signature, entry, root } = journalRecord
  const plain = { height, previous, timeMs, account: by, operation, signature, entry }
  const bytes = encode(recordForm.toBencode(root === undefined ? plain : { ...plain, root }))
  const hash = sha256(bytes)
  return { line: encode({ hash, record: new RawBencode(bytes) }), hash }
}

/** Errors: ledger-damaged. */
export function decodeLine(
  line: Uint8Array,
  rail: RailId,
): Result<{ readonly record: ReadRecord; readonly hash: Uint8Array }> {
  const scanned = scan(line, { strict: true, limits })
  if (!scanned.ok) return { ...scanned, code: 'ledger-damaged' }
  const read = attempt(() => {
    const root = new BencodeCursor(scanned.value)
    const written = root.get('record')
    const stated = root.get('hash')?.bytes()
    if (root.kind !== kindDictionary || root.size !== 2 || written === undefined || stated === undefined) {
      return malformed('not a line of a journal')
    }
    const hash = sha256(written.raw())
    if (!equalBytes(hash, stated)) return malformed('the record was changed: it does not have the hash stated')
    const { operation: operationBytes, ...fields } = recordForm.fromBencode(written, rail)
    const operation = operationCodec.decode(operationBytes, rail)
    if (!operation.ok) return malformed(operation.detail)
    return { record: { ...fields, operationBytes, operation: operation.value }, hash }
  })
  return read.ok ? read : { ...read, code: 'ledger-damaged' }
}

/** A line's place in the chain, without reading what its entry says; undefined: its hash does not hold. */
export function chainLinkOf(
  line: Uint8Array,
): { readonly height: number; readonly previous: Uint8Array; readonly hash: Uint8Array } | undefined {
  const scanned = scan(line, { strict: true, limits })
  if (!scanned.ok) return undefined
  const root = new BencodeCursor(scanned.value)
  const written = root.get('record')
  const hash = root.get('hash')?.bytes()
  const height = written?.get('height')?.integer()
  const previous = written?.get('previous')?.bytes()
  if (written === undefined || hash === undefined || height === undefined || previous === undefined) return undefined
  return equalBytes(sha256(written.raw()), hash) ? { height, previous, hash } : undefined
}

/** What a client is told of an entry. */
export function outcomeOf({ changes, fee }: Entry): OperationOutcome {
  const lanes = changes.flatMap((change) => (change.type === 'lane' ? [change.value] : []))
  return { status: 'final', fee, ...(lanes.length === 0 ? {} : { lanes }) }
}

/** Whether two entries are the same to the byte. */
export function isSameEntry(a: Entry, b: Entry): boolean {
  return equalBytes(encode(entryForm.toBencode(a)), encode(entryForm.toBencode(b)))
}
