// What a session remembers on one ledger besides lanes, across restarts: each in a table of its own.
// Guarantees: read whole, or not at all. Owns nothing.
import { type Result, success } from '../base/errors.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'
import { AwardBook } from './award-records.ts'
import { DaySpending } from './day-spending.ts'
import { ReceiptBook } from './payee-receipts.ts'
import { ProviderRecords } from './provider-records.ts'
import { ProviderTrust } from './provider-trust.ts'
import { SellerMemory } from './seller-memory.ts'

export interface RailMemory {
  readonly day: DaySpending
  readonly bidders: SellerMemory
  readonly awards: AwardBook
  readonly providers: ProviderRecords
  readonly receiptBook: ReceiptBook
  readonly trust: ProviderTrust
}

/** Errors: store-damaged, those of the store. */
export async function readRailMemory(store: Store, rail: RailId, wallMs: () => number): Promise<Result<RailMemory>> {
  const day = await DaySpending.read(store, rail)
  if (!day.ok) return day
  const bidders = await SellerMemory.read(store, rail, wallMs())
  if (!bidders.ok) return bidders
  const awards = await AwardBook.open(store, rail)
  if (!awards.ok) return awards
  const providers = await ProviderRecords.read(store, rail)
  if (!providers.ok) return providers
  const receiptBook = await ReceiptBook.open(store, rail)
  if (!receiptBook.ok) return receiptBook
  const trust = await ProviderTrust.read(store, rail, wallMs)
  if (!trust.ok) return trust
  return success({
    day: day.value,
    bidders: bidders.value,
    awards: awards.value,
    providers: providers.value,
    receiptBook: receiptBook.value,
    trust: trust.value,
  })
}
