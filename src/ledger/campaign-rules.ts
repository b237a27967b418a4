// Rules of air-drops: proposed by one key with a pool locked behind it, approved by another, claimed grant by grant with
// a proof. Pure. Guarantees (P13): one claim a grant; what is claimed comes out of the pool's own book, so it is never
// more than the pool; rewards for seeding without a gate are at most the fees burned, so seeding to oneself pays nothing.
import { unreachable } from '../base/assert.ts'
import type { Failure } from '../base/errors.ts'
import { subtractAmounts, zeroAmount } from '../base/token-amount.ts'
import type { CampaignGate, CampaignOperation, Hash256, OperationId } from '../ports/ledger.ts'
import { grantLeaf, maxGrantCount, provesGrant } from './campaign-tree.ts'
import { type Draft, refuse } from './draft.ts'
import type { Campaign } from './entry.ts'

type Of<Type> = Extract<CampaignOperation, { readonly type: Type }>

const maxGates = 4
const noBits = '0'.repeat(64) as Hash256

export function decideCampaign(draft: Draft, operation: CampaignOperation): Failure | undefined {
  switch (operation.type) {
    case 'campaign-propose':
      return propose(draft, operation)
    case 'campaign-approve':
      return approve(draft, operation)
    case 'campaign-claim':
      return claim(draft, operation)
    case 'campaign-end':
      return end(draft, operation)
    default:
      return unreachable(operation)
  }
}

function unknownCampaign(id: OperationId): Failure {
  return refuse(`no air-drop ${id}, or it has ended`)
}

function propose(draft: Draft, operation: Of<'campaign-propose'>): Failure | undefined {
  const { id, purpose, approver, root, grantCount, pool, endsAtMs, gates } = operation
  const { account: proposer, timeMs } = draft
  const { limits, fees } = draft.facts.genesis
  if (!draft.isAccount(approver) || approver === proposer) return refuse('the approver is not another account')
  if (!(Number.isSafeInteger(grantCount) && grantCount >= 1 && grantCount <= maxGrantCount)) {
    return refuse(`not 1 to ${maxGrantCount} grants`)
  }
  if (pool === 0n) return refuse('an air-drop of nothing')
  if (gates.length > maxGates) return refuse(`more than ${maxGates} gates`)
  if (endsAtMs <= timeMs || endsAtMs > timeMs + limits.maxCampaignMs) {
    return refuse(`an end that is over or more than ${limits.maxCampaignMs} ms away`)
  }
  const conflict = draft.idConflict('campaign')
  if (conflict !== undefined) return conflict
  if (purpose === 'seeding' && gates.length === 0) {
    const { feesBurned, seedingPools } = draft.state.totals()
    if (seedingPools + pool > feesBurned) {
      return refuse(`ungated rewards for seeding are bounded by the fees burned: ${feesBurned - seedingPools} are left`)
    }
    draft.note({ type: 'seeding-pool', amount: pool })
  }
  draft.hold({
    type: 'campaign',
    value: { id, purpose, proposer, approver, root, grantCount, held: pool, endsAtMs, gates, state: 'proposed' },
  })
  draft.credit(proposer, -pool)
  draft.charge(fees.open)
  return undefined
}

function approve(draft: Draft, { campaign: id, root }: Of<'campaign-approve'>): Failure | undefined {
  const campaign = draft.state.campaign(id)
  if (campaign === undefined) return unknownCampaign(id)
  if (campaign.approver !== draft.account) return refuse('only the approver named approves an air-drop')
  if (campaign.state !== 'proposed') return refuse('the air-drop is approved already')
  if (campaign.root !== root) return refuse('the root approved is not the one proposed')
  if (draft.timeMs >= campaign.endsAtMs) return refuse('the air-drop is over')
  draft.hold({ type: 'campaign', value: { ...campaign, state: 'approved' } })
  return undefined
}

function claim(draft: Draft, operation: Of<'campaign-claim'>): Failure | undefined {
  const { campaign: id, index, to, amount, proof } = operation
  const campaign = draft.state.campaign(id)
  if (campaign === undefined) return unknownCampaign(id)
  if (campaign.state !== 'approved') return refuse('the air-drop is not approved yet')
  if (draft.timeMs >= campaign.endsAtMs) return refuse('the air-drop is over')
  if (!draft.isAccount(to)) return refuse('the account to pay is not one of this ledger')
  if (!(Number.isSafeInteger(index) && index >= 0 && index < campaign.grantCount)) return refuse('no such grant')
  const gate = closedGate(draft, campaign.gates, operation)
  if (gate !== undefined) return gate
  const word = index >>> 8
  const bits = draft.state.grants(id, word) ?? noBits
  const bit = 1n << BigInt(index & 255)
  const claimed = BigInt(`0x${bits}`)
  if ((claimed & bit) !== 0n) return refuse('the grant was claimed already')
  if (!provesGrant(campaign.root, grantLeaf(index, to, amount), proof))
    return refuse('the proof is not of this air-drop')
  if (amount > campaign.held) return refuse(`only ${campaign.held} base units of the pool are left`)
  if (amount === 0n) return refuse('a grant of nothing')
  draft.hold({ type: 'campaign', value: { ...campaign, held: subtractAmounts(campaign.held, amount) } })
  draft.note({
    type: 'grants',
    campaign: id,
    word,
    bits: (claimed | bit).toString(16).padStart(64, '0') as Hash256,
  })
  draft.credit(to, amount)
  return undefined
}

/** The list itself is made by the gates; invites are known here too, so they are looked at again. */
function closedGate(draft: Draft, gates: readonly CampaignGate[], { to }: Of<'campaign-claim'>): Failure | undefined {
  const isClosed = gates.some(({ type }) => type === 'invite') && !draft.state.account(to).isInvited
  return isClosed ? refuse('the air-drop is for invited accounts only') : undefined
}

function end(draft: Draft, { campaign: id }: Of<'campaign-end'>): Failure | undefined {
  const campaign = draft.state.campaign(id)
  if (campaign === undefined) return unknownCampaign(id)
  const isWithdrawn = campaign.state === 'proposed' && campaign.proposer === draft.account
  if (!isWithdrawn && draft.timeMs < campaign.endsAtMs) return refuse(`the air-drop ends at ${campaign.endsAtMs}`)
  const ended: Campaign = { ...campaign, held: zeroAmount, state: 'ended' }
  draft.hold({ type: 'campaign', value: ended })
  draft.credit(campaign.proposer, campaign.held)
  return undefined
}
