// Slots that are sold, beside those that are not: who holds a share and wants something has a slot, and a plain policy
// decides over the others with what is left (docs/protocol/speed.md). All slots share the bandwidth evenly.
// Guarantees: one slot by rate or turn and one by luck are never sold; unsold ones are plain; without holders the outcome is
// that of the plain policy. Owns nothing.
import type { EpochSnapshot, PeerSnapshot, UploadPolicy, UploadSlot } from './policies.ts'

/** Part of an UploadPolicy. */
export type SlotAllocation = Required<Pick<UploadPolicy, 'allocate' | 'holdsSlot'>>

export interface SoldSlotsOptions {
  /** Of the slots that are not sold. */
  readonly plain: UploadPolicy
  /** Peers that hold a share, by the swarm's numbers; the first come first. */
  readonly holders: () => readonly number[]
  /** Shares there are to be had. */
  readonly mostSold: number
}

/** BEP 3: one for who gives most or has its turn, one by luck, so that newcomers can begin. */
const neverSold = 2

/** Where holders change, `Swarm.slotsChanged` is to be called. */
export function soldSlotsPolicy({ plain, holders, mostSold }: SoldSlotsOptions): SlotAllocation {
  function allocate(snapshot: EpochSnapshot): readonly UploadSlot[] {
    const sold = served(snapshot.peers, holders(), Math.min(mostSold, snapshot.maxSlots - neverSold))
    if (sold.length === 0) return plain.allocate(snapshot)
    const peers = snapshot.peers.filter(({ peer }) => !sold.includes(peer))
    const unsold = plain.allocate({ ...snapshot, maxSlots: snapshot.maxSlots - sold.length, peers })
    return [...sold.map((peer) => ({ peer, allowanceBytes: Number.POSITIVE_INFINITY })), ...unsold]
  }

  return { allocate, holdsSlot: (peer) => holders().includes(peer) }
}

/** The first `most` holders that want something. */
function served(peers: readonly PeerSnapshot[], holders: readonly number[], most: number): number[] {
  const wanting = new Set(peers.filter(({ isInterested, isSeed }) => isInterested && !isSeed).map(({ peer }) => peer))
  const sold: number[] = []
  for (const holder of holders) if (sold.length < most && wanting.delete(holder)) sold.push(holder)
  return sold
}
