// One of each record that a party keeps of its lanes.
// Valid, with every optional field there.
import { unwrap } from '../../src/base/errors.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { accountId, ledgerRail } from '../../src/formats/money/account-id.ts'
import { parseSignature } from '../../src/formats/money/signature.ts'
import type { Budget, KeptTab, Loss, PayeeLane, PayerLane } from '../../src/payment/lane-records.ts'
import type { Standing } from '../../src/payment/standing.ts'
import type { LaneId, LedgerOperation, OperationId } from '../../src/ports/ledger.ts'

export const rail = ledgerRail(new Uint8Array(32).fill(0x47))
const account = accountId(rail, new Uint8Array(20).fill(1))
const lane = '22'.repeat(32) as LaneId
const signature = unwrap(parseSignature(new Uint8Array(65).fill(27)))
const some = tokenAmount(12_500_000_000_000_000_000n)
const none = tokenAmount(0n)

export const payerLane: PayerLane = {
  lane,
  payee: account,
  budget: 'größe',
  deposit: some,
  toppingUp: some,
  fee: none,
  expiresAtMs: 1_793_491_200_000,
  signed: some,
  claimed: none,
  state: { type: 'closing', closesAtMs: 1_793_491_100_000 },
  frozen: 'restored',
}
export const payeeLane: PayeeLane = {
  lane,
  payer: account,
  deposit: some,
  expiresAtMs: 1_793_491_200_000,
  claimed: none,
  newest: { lane, cumulativeAmount: some, signature },
  state: { type: 'open' },
  isDoubtful: 'no',
}
export const tab: KeptTab = { account, owed: some, paid: none, pricePerMiB: some }
export const budget: Budget = { name: 'job', total: some, spent: none }
export const standing: Standing = {
  account,
  defaults: 2,
  unpaid: some,
  paidBytes: 1_048_576,
  countedAtMs: 1_793_491_200_000,
  untilMs: 1_793_491_300_000,
}
export const loss: Loss = {
  lane,
  payer: account,
  amount: some,
  reason: 'expired',
  atMs: 1_793_491_200_000,
  attempts: 7,
}
export const operation: LedgerOperation = { type: 'request-close', id: '11'.repeat(32) as OperationId, lane }
