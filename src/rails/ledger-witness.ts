// What a ledger elsewhere says, believed only as far as its operator signed it: receipts, lines of the journal, and that
// each story goes on from the one before. Guarantees: an entry is the one that a receipt names or that a signed head
// follows from; two receipts that cannot both be true are kept, as proof, and from then on nothing is believed.
// Owns the latest that was signed.
import { equalBytes, fromHex, toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { operationCodec } from '../formats/money/operation-codec.ts'
import { type LedgerReceipt, type SignedReceipt, signedReceiptCodec } from '../formats/money/receipt.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import { decodeLine, type ReadRecord } from '../ledger/journal-record.ts'
import { checkReceipt, contradictionOf } from '../ledger/receipts.ts'
import { provesRecord } from '../ledger/state-commitment.ts'
import type { StateProof } from '../ledger/state-tree.ts'
import type { LaneId, SignedOperation } from '../ports/ledger.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import type { HoldingStory } from './holding-story.ts'
import { fromBase64, type ProofJson } from './service-messages.ts'

/** Two receipts of one operator that cannot both be true. */
export interface Contradiction {
  readonly detail: string
  readonly first: SignedReceipt
  readonly second: SignedReceipt
}

type ReceiptOf<Type> = Extract<LedgerReceipt, { readonly type: Type }>

/** A signed receipt of a kind. */
export interface Attested<Type extends LedgerReceipt['type']> extends SignedReceipt {
  readonly receipt: ReceiptOf<Type>
}

/** Receipts that later ones are compared with, besides the latest. */
const keptReceipts = 256

export class LedgerWitness {
  private readonly facts: LedgerFacts
  private readonly scheme: SignatureScheme
  private readonly kept: SignedReceipt[] = []
  private latest: SignedReceipt | undefined
  private proof: Contradiction | undefined
  private untrue: Failure | undefined

  /** `known`: the latest that was signed when this ledger was used last. */
  constructor(facts: LedgerFacts, scheme: SignatureScheme, known?: SignedReceipt) {
    this.facts = facts
    this.scheme = scheme
    this.latest = known
    if (known !== undefined) this.kept.push(known)
  }

  /** The head or operation of the greatest height that the operator signed. */
  get known(): SignedReceipt | undefined {
    return this.latest
  }

  get knownHeight(): number {
    return this.latest?.receipt.height ?? 0
  }

  get contradiction(): Contradiction | undefined {
    return this.proof
  }

  /** Why nothing is believed any more. */
  get failed(): Failure | undefined {
    return this.untrue
  }

  /** What a receipt of a kind says. Errors: ledger-untrue. */
  receipt<Type extends LedgerReceipt['type']>(json: unknown, ...types: readonly Type[]): Result<ReceiptOf<Type>> {
    const signed = this.signed(json, ...types)
    return signed.ok ? success(signed.value.receipt) : signed
  }

  /** The same with its signature, for others to see. */
  signed<Type extends LedgerReceipt['type']>(json: unknown, ...types: readonly Type[]): Result<Attested<Type>> {
    if (this.untrue !== undefined) return this.untrue
    const signed = signedReceiptCodec.fromJson(json, this.facts.rail)
    if (!signed.ok) return this.refuse(`a receipt that is none: ${signed.detail}`)
    const checked = checkReceipt(signed.value, this.facts, this.scheme)
    if (!checked.ok) return this.refuse(checked.detail)
    const receipt = checked.value
    if (!types.some((type) => type === receipt.type)) return this.refuse(`a receipt of another kind: ${receipt.type}`)
    return this.compare(signed.value) ?? success({ ...signed.value, receipt: receipt as ReceiptOf<Type> })
  }

  /** An entry that a receipt names. */
  entry(line: string, receiptJson: unknown): Result<ReadRecord> {
    const receipt = this.receipt(receiptJson, 'operation')
    if (!receipt.ok) return receipt
    const decoded = decodeLine(fromBase64(line), this.facts.rail)
    if (!decoded.ok) return this.refuse(`a line that is none: ${decoded.detail}`)
    const { record, hash } = decoded.value
    const isNamed =
      toHex(hash) === receipt.value.entryHash &&
      record.height === receipt.value.height &&
      record.operation.id === receipt.value.id
    return isNamed ? success(record) : this.refuse('an entry that is not the one its receipt names')
  }

  /** Entries that a signed head follows from, by height. */
  chain(lines: readonly string[], headJson: unknown): Result<ReadonlyMap<number, ReadRecord>> {
    const records = new Map<number, ReadRecord>()
    let previous: Uint8Array | undefined
    let height = 0
    for (const line of lines) {
      const decoded = decodeLine(fromBase64(line), this.facts.rail)
      if (!decoded.ok) return this.refuse(`a line that is none: ${decoded.detail}`)
      const { record, hash } = decoded.value
      const follows = previous === undefined || (equalBytes(record.previous, previous) && record.height === height + 1)
      if (!follows) return this.refuse('entries that do not follow each other')
      previous = hash
      height = record.height
      records.set(height, record)
    }
    if (previous === undefined) return this.untrue ?? success(records)
    const head = this.receipt(headJson, 'head')
    if (!head.ok) return head
    const isHead = head.value.height === height && head.value.entryHash === toHex(previous)
    return isHead ? success(records) : this.refuse('entries that do not end with the head that was signed')
  }

  /** Whether there is no such lane under the state root of a head. */
  provesNoLane(head: ReceiptOf<'head'>, lane: LaneId, proof: ProofJson): Result<undefined> {
    const read = proofOf(proof)
    const root = fromHex(head.stateRoot)
    const isProved = root.ok && read !== undefined && provesRecord(root.value, 'lane', lane, undefined, read)
    return isProved ? success(undefined) : this.refuse('a proof that proves nothing')
  }

  /** Whether the entries that were told are all there are under the state root of a head. */
  provesStory(head: ReceiptOf<'head'>, story: HoldingStory, proof: ProofJson): Result<undefined> {
    const read = proofOf(proof)
    const root = fromHex(head.stateRoot)
    if (!root.ok || read === undefined) return this.refuse('a proof that is none')
    const problem = story.end(root.value, read)
    return problem === undefined ? success(undefined) : this.refuse(problem)
  }

  /** From now on nothing is believed. */
  refuse(detail: string): Failure {
    this.untrue ??= failure('ledger-untrue', detail)
    return this.untrue
  }

  private compare(signed: SignedReceipt): Failure | undefined {
    for (const other of this.kept) {
      const detail = contradictionOf(other.receipt, signed.receipt)
      if (detail === undefined) continue
      this.proof = { detail, first: other, second: signed }
      return this.refuse(detail)
    }
    this.kept.push(signed)
    // The first is what was known from the last time.
    if (this.kept.length > keptReceipts) this.kept.splice(1, 1)
    const { type, height } = signed.receipt
    const tellsEntry = type === 'head' || type === 'operation'
    if (tellsEntry && height >= this.knownHeight) this.latest = signed
    return undefined
  }
}

/** Whether an entry is what this operation was meant to be. */
export function isEntryOf({ account, operationBytes }: ReadRecord, signed: SignedOperation): boolean {
  return account === signed.account && equalBytes(operationBytes, operationCodec.encode(signed.operation))
}

function proofOf({ siblings, end }: ProofJson): StateProof | undefined {
  const bytes = [...siblings, ...(end.type === 'other' ? [end.key, end.valueHash] : [])].map((text) =>
    fromHex(text.slice(2)),
  )
  const all: Uint8Array[] = []
  for (const each of bytes) {
    if (!each.ok) return undefined
    all.push(each.value)
  }
  const [key, valueHash] = all.slice(siblings.length)
  if (end.type !== 'other') return { siblings: all, end: { type: end.type } }
  if (key === undefined || valueHash === undefined) return undefined
  return { siblings: all.slice(0, siblings.length), end: { type: 'other', key, valueHash } }
}
