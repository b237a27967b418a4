// What the command line does with air-drops, one job at a time: proposing one for a list, approving, claiming, proving,
// showing, ending. Guarantees: what is approved is the root of the list that the approver has, and what the ledger says
// was proposed; a proof is tried here before it is sent.
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { tokenAmount } from '../base/token-amount.ts'
import { type ListedGrant, parseGrantList } from '../formats/money/grant-list.ts'
import { type GrantProof, parseGrantProof } from '../formats/money/grant-proof.ts'
import { type GrantTree, grantLeaf, grantTree, provesGrant } from '../ledger/campaign-tree.ts'
import type { Campaign } from '../ledger/entry.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { AccountId, CampaignGate, CampaignOperation, Hash256, OperationId } from '../ports/ledger.ts'
import { carryOutAs, type DoneOnLedger } from './carry-out.ts'
import {
  describeLedger,
  drawHex,
  idOf,
  type LedgerChoice,
  type LedgerDescription,
  type Moment,
  momentMs,
  readAccount,
  readAmount,
  readId,
  withLedger,
} from './ledger-choice.ts'
import { type AccountChoice, chosenAccount } from './paying-account.ts'
import { readMoneyText } from './read-money-file.ts'
import type { UsedLedger } from './use-ledger.ts'

export interface AirdropRequest {
  readonly listPath: string
  readonly approver: string
  readonly purpose: 'gift' | 'seeding'
  readonly ends: Moment
  /** More than the list sums to, if given. */
  readonly pool?: string | undefined
  /** `invite`, `passkey`, `balance:HEIGHT:AMOUNT`. */
  readonly gates: readonly string[]
  readonly id?: string | undefined
}

export interface DoneAirdrop extends DoneOnLedger {
  readonly campaign: OperationId
  readonly root?: Hash256
  readonly grants?: number
  readonly pool?: TokenAmount
  /** Of claims. */
  readonly to?: AccountId
  readonly amount?: TokenAmount
}

export interface AirdropView {
  readonly ledger: LedgerDescription
  readonly campaign: Campaign
  readonly pool: TokenAmount
  readonly claimed: number
  /** Of the pool, to claimants. */
  readonly paid: TokenAmount
}

interface GrantList {
  readonly grants: readonly ListedGrant[]
  readonly tree: GrantTree
}

async function readList(path: string, { rail, genesis }: LedgerFacts): Promise<Result<GrantList>> {
  const text = await readMoneyText(path)
  if (!text.ok) return text
  const grants = parseGrantList(text.value, rail, genesis.symbol)
  if (!grants.ok) return failure(grants.code, `${path}: ${grants.detail}`)
  return success({ grants: grants.value, tree: grantTree(grants.value) })
}

/** Errors: usage, amount-invalid. */
function readGate(facts: LedgerFacts, text: string): Result<CampaignGate> {
  if (text === 'invite' || text === 'passkey') return success({ type: text })
  const [, digits = '', amount = ''] = /^balance:([0-9]{1,15}):(.+)$/.exec(text) ?? []
  if (digits === '') return failure('usage', `${text}: not invite, passkey or balance:HEIGHT:AMOUNT`)
  const minimum = readAmount(facts, amount)
  return minimum.ok ? success({ type: 'balance', height: Number(digits), minimum: minimum.value }) : minimum
}

async function proposalOf(
  { ledger, facts }: UsedLedger,
  request: AirdropRequest,
  signal: AbortSignal,
): Promise<Result<Extract<CampaignOperation, { readonly type: 'campaign-propose' }>>> {
  const id = idOf(request.id)
  if (!id.ok) return id
  const approver = readAccount(facts.rail, request.approver)
  if (!approver.ok) return approver
  const gates: CampaignGate[] = []
  for (const text of request.gates) {
    const gate = readGate(facts, text)
    if (!gate.ok) return gate
    gates.push(gate.value)
  }
  const list = await readList(request.listPath, facts)
  if (!list.ok) return list
  const { grants, tree } = list.value
  const pool = request.pool === undefined ? success(tokenAmount(tree.total)) : readAmount(facts, request.pool)
  if (!pool.ok) return pool
  if (pool.value < tree.total) return failure('funds-insufficient', 'the pool is less than the grants of the list')
  const endsAtMs = await momentMs(ledger, request.ends, signal)
  if (!endsAtMs.ok) return endsAtMs
  return success({
    type: 'campaign-propose',
    id: id.value,
    purpose: request.purpose,
    approver: approver.value,
    root: tree.root,
    grantCount: grants.length,
    pool: pool.value,
    endsAtMs: endsAtMs.value,
    gates,
  })
}

/** Locks the pool. Errors: those of the list, of account and ledger. */
export function proposeAirdrop(
  choice: LedgerChoice,
  own: AccountChoice,
  request: AirdropRequest,
  signal: AbortSignal,
): Promise<Result<DoneAirdrop>> {
  return withLedger(choice, async (used) => {
    const operation = await proposalOf(used, request, signal)
    if (!operation.ok) return operation
    const { id, root, grantCount, pool, endsAtMs } = operation.value
    const told = { campaign: id, root, grants: grantCount, pool }
    return carryOutAs(used, own, operation.value, told, signal, `--id ${id} --ends-at ${endsAtMs}`)
  })
}

/** What the entries say of an air-drop. Errors: ledger-refused (there is none). */
async function findAirdrop(used: UsedLedger, id: OperationId, signal: AbortSignal): Promise<Result<AirdropView>> {
  let campaign: Campaign | undefined
  let pool = 0n
  let [claimed, paid] = [0, 0n]
  const read = await used.readHolding(
    { type: 'campaign', id },
    ({ operation, entry }) => {
      for (const change of entry.changes) {
        if (change.type === 'campaign' && change.value.id === id) campaign = change.value
      }
      if (operation.type === 'campaign-propose' && operation.id === id) pool = operation.pool
      if (operation.type !== 'campaign-claim' || operation.campaign !== id) return
      claimed++
      paid += operation.amount
    },
    signal,
  )
  if (!read.ok) return read
  if (campaign === undefined) return failure('ledger-refused', `no air-drop ${id}`)
  const amounts = { pool: tokenAmount(pool), paid: tokenAmount(paid) }
  return success({ ledger: describeLedger(used.facts), campaign, claimed, ...amounts })
}

/** Errors: usage, ledger-refused (there is none), those of the ledger. */
export function showAirdrop(choice: LedgerChoice, idText: string, signal: AbortSignal): Promise<Result<AirdropView>> {
  const id = readId(idText)
  if (!id.ok) return Promise.resolve(id)
  return withLedger(choice, (used) => findAirdrop(used, id.value, signal))
}

/** Of the list that the approver has. Errors: ledger-refused (another list was proposed), those of account and ledger. */
export function approveAirdrop(
  choice: LedgerChoice,
  own: AccountChoice,
  { idText, listPath }: { readonly idText: string; readonly listPath: string },
  signal: AbortSignal,
): Promise<Result<DoneAirdrop>> {
  return withLedger(choice, async (used) => {
    const id = readId(idText)
    if (!id.ok) return id
    const list = await readList(listPath, used.facts)
    if (!list.ok) return list
    const proposed = await findAirdrop(used, id.value, signal)
    if (!proposed.ok) return proposed
    const { campaign, pool } = proposed.value
    const { grants, tree } = list.value
    const problem = problemOf(campaign, pool, list.value)
    if (problem !== undefined) return problem
    const operation = {
      type: 'campaign-approve',
      id: drawHex() as OperationId,
      campaign: id.value,
      root: tree.root,
    } as const
    const told = { campaign: id.value, root: tree.root, grants: grants.length, pool }
    return carryOutAs(used, own, operation, told, signal)
  })
}

function problemOf({ root, grantCount }: Campaign, pool: bigint, { grants, tree }: GrantList): Failure | undefined {
  if (root !== tree.root) return failure('ledger-refused', `another list was proposed: its root is ${root}`)
  if (grantCount !== grants.length) return failure('ledger-refused', `${grantCount} grants were proposed`)
  return pool < tree.total ? failure('ledger-refused', 'the pool is less than the grants of the list') : undefined
}

function proofIn({ grants, tree }: GrantList, account: AccountId): Result<GrantProof> {
  const index = grants.findIndex(({ to }) => to === account)
  const grant = grants[index]
  if (grant === undefined) return failure('account-invalid', `${account} is not in the list`)
  return success({ root: tree.root, index, ...grant, proof: tree.proof(index) })
}

/** Of the account named, else of one's own. Errors: those of the list, account-invalid (not in it). */
export function proveGrant(
  choice: LedgerChoice,
  own: AccountChoice,
  { listPath, accountText }: { readonly listPath: string; readonly accountText?: string | undefined },
): Promise<Result<GrantProof>> {
  return withLedger(choice, async ({ facts }) => {
    const list = await readList(listPath, facts)
    if (!list.ok) return list
    const account = await receiverOf(facts, own, accountText)
    return account.ok ? proofIn(list.value, account.value) : account
  })
}

function receiverOf(facts: LedgerFacts, own: AccountChoice, text: string | undefined): Promise<Result<AccountId>> {
  return text === undefined ? chosenAccount(own, facts) : Promise.resolve(readAccount(facts.rail, text))
}

/** A list or the proof of one grant, whichever the file is. */
async function proofFrom(
  path: string,
  facts: LedgerFacts,
  own: AccountChoice,
  accountText: string | undefined,
): Promise<Result<GrantProof>> {
  const text = await readMoneyText(path)
  if (!text.ok) return text
  if (text.value.trimStart().startsWith('{')) {
    const proof = parseGrantProof(text.value, facts.rail)
    if (!proof.ok) return proof
    const { root, index, to, amount, proof: siblings } = proof.value
    const isProof = provesGrant(root, grantLeaf(index, to, amount), siblings)
    return isProof ? proof : failure('statement-malformed', `${path}: the proof does not lead to its root`)
  }
  const list = await readList(path, facts)
  if (!list.ok) return list
  const account = await receiverOf(facts, own, accountText)
  return account.ok ? proofIn(list.value, account.value) : account
}

/** For the account named, else for one's own. Errors: those of the file, of account and ledger. */
export function claimGrant(
  choice: LedgerChoice,
  own: AccountChoice,
  request: { readonly idText: string; readonly path: string; readonly accountText?: string | undefined },
  signal: AbortSignal,
): Promise<Result<DoneAirdrop>> {
  return withLedger(choice, async (used) => {
    const id = readId(request.idText)
    if (!id.ok) return id
    const found = await proofFrom(request.path, used.facts, own, request.accountText)
    if (!found.ok) return found
    const { index, to, amount, proof } = found.value
    const claim = { type: 'campaign-claim', campaign: id.value, index, to, amount, proof } as const
    const operation = { ...claim, id: drawHex() as OperationId }
    return carryOutAs(used, own, operation, { campaign: id.value, to, amount }, signal)
  })
}

/** The rest goes back to the proposer. Errors: usage, those of account and ledger. */
export function endAirdrop(
  choice: LedgerChoice,
  own: AccountChoice,
  idText: string,
  signal: AbortSignal,
): Promise<Result<DoneAirdrop>> {
  return withLedger(choice, async (used) => {
    const id = readId(idText)
    if (!id.ok) return id
    const operation = { type: 'campaign-end', id: drawHex() as OperationId, campaign: id.value } as const
    return carryOutAs(used, own, operation, { campaign: id.value }, signal)
  })
}
