// A ledger's journal as a text file, for keeping and for checking: a line of the genesis, a line an entry, and at the end
// what the operator signed of it. Base64 of the canonical bytes after the word that says what it is.
// Guarantees: reading is strict, one line at a time, and never throws; a fault is told by the number of its line too.
import { toHex } from '../base/bytes.ts'
import { failure, type Result } from '../base/errors.ts'
import { type SignedReceipt, signedReceiptCodec } from '../formats/money/receipt.ts'
import { type LedgerFacts, ledgerFacts } from '../ledger/genesis.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import { checkReceipt } from '../ledger/receipts.ts'
import { type JournalFault, JournalVerifier } from '../ledger/verify-journal.ts'
import type { SignatureScheme } from '../ports/signatures.ts'
import { fromBase64, toBase64 } from './service-messages.ts'

export function exportGenesis(genesis: Uint8Array): string {
  return `genesis ${toBase64(genesis)}\n`
}

export function exportLine(line: Uint8Array): string {
  return `entry ${toBase64(line)}\n`
}

export function exportHead(head: SignedReceipt): string {
  return `head ${toBase64(signedReceiptCodec.encode(head))}\n`
}

export interface ExportFault {
  /** From 1, of the file. */
  readonly lineNumber: number
  /** Undefined: before the first entry. */
  readonly fault: JournalFault | undefined
  readonly detail: string
}

export interface VerifiedJournal {
  readonly facts: LedgerFacts
  readonly height: number
  readonly timeMs: number
  /** Whether the operator signed the end. */
  readonly isHeadSigned: boolean
}

/** Takes the lines of an export one after the other. */
export class ExportVerifier {
  private readonly scheme: SignatureScheme
  private verifier: JournalVerifier | undefined
  private lineNumber = 0
  private isHeadSigned = false
  private entry: ReadRecord | undefined

  constructor(scheme: SignatureScheme) {
    this.scheme = scheme
  }

  get height(): number {
    return this.verifier?.head.height ?? 0
  }

  /** Of the last line, if it was one and holds. */
  get lastEntry(): ReadRecord | undefined {
    return this.entry
  }

  /** A line without its end; what is wrong with it. After a fault no more lines may come. */
  push(text: string): ExportFault | undefined {
    this.lineNumber++
    this.entry = undefined
    const [, word = '', base64 = ''] = /^(genesis|entry|head) ([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? []
    if (this.isHeadSigned) return this.fault('a line after the head')
    if (word === '') return this.fault('not a line of an exported journal')
    const bytes = fromBase64(base64)
    if (toBase64(bytes) !== base64) return this.fault('not base64 as it is written here')
    if (this.verifier === undefined) return word === 'genesis' ? this.begin(bytes) : this.fault('no genesis')
    if (word === 'genesis') return this.fault('a second genesis')
    if (word === 'head') return this.endWith(bytes, this.verifier)
    const fault = this.verifier.push(bytes)
    if (fault !== undefined) return this.fault(fault.detail, fault)
    this.entry = this.verifier.last
    return undefined
  }

  /** Whether it may end here. Errors: ledger-damaged, naming the entry. */
  end(): ExportFault | VerifiedJournal {
    const { verifier } = this
    if (verifier === undefined) return { ...this.fault('there is no journal'), lineNumber: this.lineNumber + 1 }
    const fault = verifier.end()
    if (fault !== undefined) return this.fault(fault.detail, fault)
    const { height, timeMs } = verifier.head
    return { facts: verifier.facts, height, timeMs, isHeadSigned: this.isHeadSigned }
  }

  private begin(bytes: Uint8Array): ExportFault | undefined {
    const facts = ledgerFacts(bytes)
    if (!facts.ok) return this.fault(facts.detail)
    this.verifier = new JournalVerifier(facts.value, this.scheme)
    return undefined
  }

  /** The head speaks of the entry before it. */
  private endWith(bytes: Uint8Array, verifier: JournalVerifier): ExportFault | undefined {
    const checked = this.checkedHead(bytes, verifier.facts)
    if (!checked.ok) return this.fault(checked.detail)
    const { receipt } = checked.value
    const { height, hash, root } = verifier.head
    const isIts =
      receipt.type === 'head' &&
      receipt.height === height &&
      receipt.entryHash === toHex(hash) &&
      receipt.stateRoot === toHex(root)
    if (!isIts) {
      const detail = `the operator signed another end than entry ${height}`
      return this.fault(detail, { height, part: 'head', detail })
    }
    this.isHeadSigned = true
    return undefined
  }

  private checkedHead(bytes: Uint8Array, facts: LedgerFacts): Result<SignedReceipt> {
    const signed = signedReceiptCodec.decode(bytes, facts.rail)
    if (!signed.ok) return signed
    const checked = checkReceipt(signed.value, facts, this.scheme)
    return checked.ok ? signed : failure(checked.code, checked.detail)
  }

  private fault(detail: string, fault?: JournalFault): ExportFault {
    return { lineNumber: this.lineNumber, fault, detail }
  }
}
