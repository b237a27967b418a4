// What providers signed that they were paid: of each lane the newest receipt, in the table `speed-receipts` of the rail's
// store, of the newest some thousands of lanes. For the payer to show (`speed explain`) where somebody says that it did not pay.
// Guarantees: byte for byte what was signed; a lane's amounts only grow, so that none counts twice; never in the way: what
// cannot be written is not, and nothing waits for it. Owns the table.
import { type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { codec, record } from '../formats/money/form.ts'
import { account, amount, bytes32, signatureBytes, whole } from '../formats/money/typed-forms.ts'
import { signedBody } from '../formats/peer/speed-forms.ts'
import { deleteRecord, putRecord, type Table } from '../payment/lane-records.ts'
import type { AccountId, LaneId, RailId, Signature } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { torrentDigits } from './award-records.ts'
import { readTable } from './lane-records-reader.ts'

export interface PayeeReceipt {
  readonly lane: LaneId
  readonly payee: AccountId
  /** The torrent's id, and the info hash that was signed: under which the connection was opened. In hexadecimal. */
  readonly torrent: string
  readonly infoHash: string
  /** Of the connection it came over, paid for. */
  readonly bytes: number
  /** What the lane has paid in all. */
  readonly amount: TokenAmount
  /** When it came, by the wall clock. */
  readonly atMs: number
  /** What was signed, of kind `receipt` (docs/protocol/speed.md, What is signed). */
  readonly body: Uint8Array
  readonly signature: Signature
}

const maxReceipts = 4_096

const receipts: Table<PayeeReceipt> = {
  table: 'speed-receipts',
  nameOf: ({ lane }) => lane,
  codec: codec(
    record<PayeeReceipt>({
      lane: bytes32<LaneId>(),
      payee: account,
      torrent: torrentDigits,
      infoHash: torrentDigits,
      bytes: whole,
      amount,
      atMs: whole,
      body: signedBody,
      signature: signatureBytes,
    }),
  ),
}

/** All of a rail, in no order. Errors: store-damaged, those of the store. */
export function readReceipts(store: Store, rail: RailId): Promise<Result<PayeeReceipt[]>> {
  return readTable(store, receipts, rail)
}

export class ReceiptBook {
  private readonly store: Store
  private readonly rail: RailId
  private readonly newest = new Map<LaneId, PayeeReceipt>()

  private constructor(store: Store, rail: RailId) {
    this.store = store
    this.rail = rail
  }

  /** Errors: store-damaged, those of the store. */
  static async open(store: Store, rail: RailId): Promise<Result<ReceiptBook>> {
    const kept = await readReceipts(store, rail)
    if (!kept.ok) return kept
    const book = new ReceiptBook(store, rail)
    for (const receipt of kept.value) book.newest.set(receipt.lane, receipt)
    return success(book)
  }

  /** Written soon, in the place of an earlier one of the lane; one of no larger amount is old. */
  keep(receipt: PayeeReceipt): void {
    const { store, rail, newest } = this
    const { lane } = receipt
    if (receipt.amount <= (newest.get(lane)?.amount ?? 0n)) return
    newest.set(lane, receipt)
    const changes = [putRecord(receipts, rail, receipt)]
    if (newest.size > maxReceipts) {
      let oldest = receipt
      for (const other of newest.values()) if (other.atMs < oldest.atMs) oldest = other
      newest.delete(oldest.lane)
      changes.push(deleteRecord(receipts, rail, oldest))
    }
    void store.commit(changes, 'soon')
  }
}
