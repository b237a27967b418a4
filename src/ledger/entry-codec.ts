// Entries and the records of a state as canonical bencode and as JSON: what the journal keeps, what leaves of the state
// tree are hashes of. Guarantees: one encoding a value; reading is strict. Accounts are 20 bytes, as the rail is the
// ledger's own; amounts are decimal text, with a sign where they are postings.
import { parseBaseUnits } from '../base/token-amount.ts'
import { type Form, list, malformed, optional, record, union } from '../formats/money/form.ts'
import { laneForm } from '../formats/money/lane-codec.ts'
import { campaignGates, chainAccount, words } from '../formats/money/operation-forms.ts'
import { account, amount, bytes32, whole } from '../formats/money/typed-forms.ts'
import type { Hash256, OperationId } from '../ports/ledger.ts'
import type {
  Account,
  Book,
  Campaign,
  Change,
  Deposit,
  Entry,
  Escrow,
  EscrowState,
  Posting,
  Withdrawal,
  WithdrawalState,
} from './entry.ts'
import type { TableName, TableValues, Totals } from './ledger-state.ts'

const maxPostings = 2048
const maxChanges = 2048

const operationId = bytes32<OperationId>()
const hash = bytes32<Hash256>()

const flag: Form<boolean> = {
  toBencode: (value) => (value ? 1 : 0),
  fromBencode(cursor) {
    const value = cursor.integer()
    return value === 0 || value === 1 ? value === 1 : malformed('neither 0 nor 1')
  },
  toJson: (value) => (value ? 1 : 0),
  fromJson: (value) => (value === 0 || value === 1 ? value === 1 : malformed('neither 0 nor 1')),
}

const escrow: Form<Escrow> = record<Escrow>({
  id: operationId,
  payer: account,
  payee: account,
  arbiter: optional(account),
  held: amount,
  timeoutAtMs: whole,
  terms: hash,
  state: union<EscrowState>({
    funded: {},
    disputed: { by: words(['payer', 'payee']), evidence: hash, rulesUntilMs: whole },
    ended: {},
  }),
})

const withdrawal: Form<Withdrawal> = record<Withdrawal>({
  id: operationId,
  from: account,
  to: chainAccount,
  amount,
  state: union<WithdrawalState>({ requested: {}, sending: { transaction: hash }, ended: {} }),
})

const deposit: Form<Deposit> = record<Deposit>({
  source: hash,
  to: account,
  amount,
  state: words(['seen', 'credited', 'dropped']),
})

const campaign: Form<Campaign> = record<Campaign>({
  id: operationId,
  purpose: words(['gift', 'seeding']),
  proposer: account,
  approver: account,
  root: hash,
  grantCount: whole,
  held: amount,
  endsAtMs: whole,
  gates: campaignGates,
  state: words(['proposed', 'approved', 'ended']),
})

const change: Form<Change> = union<Change>({
  'lane': { value: laneForm },
  'escrow': { value: escrow },
  'withdrawal': { value: withdrawal },
  'deposit': { value: deposit },
  'campaign': { value: campaign },
  'grants': { campaign: operationId, word: whole, bits: hash },
  'invite': { invite: hash, account },
  'fees-burned': { amount },
  'seeding-pool': { amount },
})

/** Decimal text, `-` in front of what is less; never `-0`. */
const signedAmount: Form<bigint> = {
  toBencode: (value) => value.toString(),
  fromBencode: (cursor) => signedOf(cursor.latin1()),
  toJson: (value) => value.toString(),
  fromJson: signedOf,
}

function signedOf(text: unknown): bigint {
  if (typeof text !== 'string') return malformed('no text')
  const isNegative = text.startsWith('-')
  const parsed = parseBaseUnits(isNegative ? text.slice(1) : text)
  if (!parsed.ok || (isNegative && parsed.value === 0n)) return malformed('not an amount')
  return isNegative ? -parsed.value : parsed.value
}

const book = words<Book>(['account', 'lane', 'escrow', 'withdrawal', 'deposit', 'campaign', 'issued', 'arriving'])

/** What the id of a posting is: an account's, a hash, or for the ledger's own books nothing. */
function idFormOf(name: Book): Form<string> | undefined {
  if (name === 'account') return account as Form<string>
  return name === 'issued' || name === 'arriving' ? undefined : hash
}

const posting: Form<Posting> = {
  toBencode: ({ book: name, id, amount: moved }) => ({
    book: name,
    id: idFormOf(name)?.toBencode(id),
    amount: signedAmount.toBencode(moved),
  }),
  fromBencode(cursor, rail) {
    const name = book.fromBencode(cursor.get('book') ?? malformed('a posting without a book'), rail)
    const idForm = idFormOf(name)
    if (cursor.size !== (idForm === undefined ? 2 : 3)) malformed('a posting with fields of its own')
    const id = idForm?.fromBencode(cursor.get('id') ?? malformed('a posting without an id'), rail) ?? ''
    const moved = signedAmount.fromBencode(cursor.get('amount') ?? malformed('a posting of nothing'), rail)
    return { book: name, id, amount: moved }
  },
  toJson: ({ book: name, id, amount: moved }) => {
    const idForm = idFormOf(name)
    const written = { book: name, amount: signedAmount.toJson(moved) }
    return idForm === undefined ? written : { ...written, id: idForm.toJson(id) }
  },
  fromJson: () => malformed('postings are not read from JSON'),
}

export const entryForm: Form<Entry> = record<Entry>({
  postings: list(posting, 0, maxPostings),
  changes: list(change, 0, maxChanges),
  fee: amount,
})

const accountState = record<Account>({
  available: amount,
  locked: amount,
  leaving: amount,
  arriving: amount,
  lanes: whole,
  isInvited: flag,
})

const totals = record<Totals>({
  minted: amount,
  burned: amount,
  arriving: amount,
  feesBurned: amount,
  seedingPools: amount,
})

/** What the value of a leaf of the state tree is the hash of, by table. */
export const stateForms: { readonly [Name in TableName]: Form<TableValues[Name]> } = {
  account: accountState,
  lane: laneForm,
  escrow,
  withdrawal,
  deposit,
  campaign,
  grants: hash,
  invite: account,
  totals,
}
