// Every operation of a ledger, its fields in the order in which they are signed: the one table that digests, bytes and
// JSON of operations are made from. A new operation is a member of LedgerOperation and a row here.
import type { LaneId, LedgerOperation, OperationId } from '../../ports/ledger.ts'
import { campaignGates, chainAccount, hash256, hashes, optionalAccount, words } from './operation-forms.ts'
import { account, amount, bytes32, whole } from './typed-forms.ts'
import type { TypedFields } from './typed-struct.ts'
import { optionalVoucher, signedVouchers } from './voucher-codec.ts'

type OperationType = LedgerOperation['type']

interface OperationRow<T> {
  /** Its name as a struct of EIP-712, whose first members are the id and the account that signs. */
  readonly struct: string
  readonly fields: TypedFields<Omit<T, 'type' | 'id'>>
}

type OperationTable = { readonly [Type in OperationType]: OperationRow<Extract<LedgerOperation, { type: Type }>> }

export const operationId = bytes32<OperationId>()
const lane = bytes32<LaneId>()

export const operationTable: OperationTable = {
  'transfer': { struct: 'Transfer', fields: { to: account, amount } },
  'burn': { struct: 'Burn', fields: { amount } },
  'grant': { struct: 'Grant', fields: { to: account, invite: hash256 } },
  'open-lane': { struct: 'OpenLane', fields: { payee: account, deposit: amount, expiresAtMs: whole } },
  'open-and-award': {
    struct: 'OpenAndAward',
    fields: { payee: account, deposit: amount, expiresAtMs: whole, award: hash256 },
  },
  'top-up-lane': { struct: 'TopUpLane', fields: { lane, amount } },
  'claim': { struct: 'Claim', fields: { vouchers: signedVouchers } },
  'payee-close': { struct: 'PayeeClose', fields: { lane, last: optionalVoucher } },
  'request-close': { struct: 'RequestClose', fields: { lane } },
  'close': { struct: 'Close', fields: { lane } },
  'escrow-fund': {
    struct: 'EscrowFund',
    fields: { payee: account, amount, timeoutAtMs: whole, arbiter: optionalAccount, terms: hash256 },
  },
  'escrow-release': { struct: 'EscrowRelease', fields: { escrow: operationId, amount } },
  'escrow-refund': { struct: 'EscrowRefund', fields: { escrow: operationId } },
  'escrow-dispute': { struct: 'EscrowDispute', fields: { escrow: operationId, evidence: hash256 } },
  'escrow-rule': { struct: 'EscrowRule', fields: { escrow: operationId, toPayee: amount, ruling: hash256 } },
  'deposit-see': { struct: 'DepositSee', fields: { source: hash256, to: account, amount } },
  'deposit-settle': { struct: 'DepositSettle', fields: { source: hash256, result: words(['credited', 'dropped']) } },
  'withdraw': { struct: 'Withdraw', fields: { to: chainAccount, amount } },
  'withdraw-cancel': { struct: 'WithdrawCancel', fields: { withdrawal: operationId } },
  'withdraw-send': { struct: 'WithdrawSend', fields: { withdrawal: operationId, transaction: hash256 } },
  'withdraw-settle': {
    struct: 'WithdrawSettle',
    fields: { withdrawal: operationId, result: words(['sent', 'failed']) },
  },
  'campaign-propose': {
    struct: 'CampaignPropose',
    fields: {
      purpose: words(['gift', 'seeding']),
      approver: account,
      root: hash256,
      grantCount: whole,
      pool: amount,
      endsAtMs: whole,
      gates: campaignGates,
    },
  },
  'campaign-approve': { struct: 'CampaignApprove', fields: { campaign: operationId, root: hash256 } },
  'campaign-claim': {
    struct: 'CampaignClaim',
    fields: { campaign: operationId, index: whole, to: account, amount, proof: hashes },
  },
  'campaign-end': { struct: 'CampaignEnd', fields: { campaign: operationId } },
}
