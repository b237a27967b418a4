// Who is served (BEP 3): each epoch of 10 s the upload policy sees a snapshot of all peers and says who gets a slot;
// everyone else is choked. When a slot is free and a peer becomes interested, the policy is asked at once.
// Guarantees: never more unchoked than the policy said; the same snapshots lead to the same calls. Owns the slots, the
// epochs and the choking fields of peers.
import type { EpochSnapshot, PeerSnapshot, UploadPolicy, UploadSlot } from './policies.ts'
import type { SwarmContext } from './swarm-context.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import type { Uploading } from './uploading.ts'

const epochMs = 10_000
/** Within an epoch slots are handed out anew at most so often: peers may come and go as they like. */
const shortestPauseMs = 250

export interface ChokingOptions {
  readonly policy: UploadPolicy
  readonly maxSlots: number
}

export class Choking {
  private readonly context: SwarmContext
  private readonly uploading: Uploading
  private policy: UploadPolicy
  private maxSlots: number
  private epoch = 0
  private nextEpochMs: number
  private slotCount = 0
  private isPaused = false
  private isDue = false
  /** Of those who have no slot. */
  private restRank = 0
  private allocatedMs = Number.NEGATIVE_INFINITY

  constructor(context: SwarmContext, uploading: Uploading, options: ChokingOptions) {
    this.context = context
    this.uploading = uploading
    this.policy = options.policy
    this.uploading.setPolicy(options.policy)
    this.maxSlots = options.maxSlots
    this.nextEpochMs = context.nowMs + epochMs
  }

  setPolicy(policy: UploadPolicy): void {
    this.policy = policy
    this.uploading.setPolicy(policy)
    this.isDue = true
  }

  /** The policy would say something else now. */
  slotsChanged(): void {
    this.isDue = true
  }

  setMaxSlots(maxSlots: number): void {
    this.maxSlots = maxSlots
    this.isDue = true
  }

  /** Paused: everyone is choked. */
  setPaused(isPaused: boolean): void {
    this.isPaused = isPaused
    this.isDue = true
  }

  added(peer: SwarmPeer): void {
    peer.uploadRank = this.restRank
  }

  interested(peer: SwarmPeer): void {
    if (this.slotCount < this.maxSlots || this.policy.holdsSlot?.(peer.number) === true) this.isDue = true
  }

  /** It wants nothing now, or left. */
  uninterested(peer: SwarmPeer): void {
    if (!peer.connection.amChoking) this.isDue = true
  }

  nextWakeMs(): number {
    return this.isDue ? this.allocatedMs + shortestPauseMs : this.nextEpochMs
  }

  /** Begins epochs and hands out slots where that is due; `isSeeding`: we want nothing ourselves. */
  settle(isSeeding: boolean): void {
    const { nowMs, peers } = this.context
    if (nowMs >= this.nextEpochMs) {
      this.epoch += 1 + Math.floor((nowMs - this.nextEpochMs) / epochMs)
      this.nextEpochMs = nowMs + epochMs - ((nowMs - this.nextEpochMs) % epochMs)
      this.isDue = true
      this.allocatedMs = Number.NEGATIVE_INFINITY
      this.uploading.endStalled()
      for (const peer of peers) {
        peer.epochUploadedBytes = 0
        peer.refusedRequests = 0
      }
    }
    if (!this.isDue || nowMs < this.allocatedMs + shortestPauseMs) return
    this.isDue = false
    this.allocatedMs = nowMs
    this.allocate(isSeeding)
  }

  private allocate(isSeeding: boolean): void {
    const { peers } = this.context
    const slots = this.isPaused ? [] : this.policy.allocate(this.snapshot(isSeeding))
    const { byNumber, restRank } = ranked(slots)
    this.restRank = restRank
    this.slotCount = 0
    let isReordered = false
    for (const peer of peers) {
      const slot = peer.isGone ? undefined : byNumber.get(peer.number)
      const rank = slot?.rank ?? restRank
      isReordered ||= rank !== peer.uploadRank
      peer.uploadRank = rank
      peer.allowanceBytes = slot?.allowanceBytes ?? 0
      if (slot === undefined) this.choke(peer)
      else {
        this.slotCount++
        this.unchoke(peer)
        this.uploading.allowed(peer)
      }
    }
    if (isReordered) this.context.outputs.push({ type: 'upload-order' })
  }

  private choke(peer: SwarmPeer): void {
    if (peer.isGone || peer.connection.amChoking) return
    peer.connection.choke()
    this.uploading.choked(peer)
  }

  private unchoke(peer: SwarmPeer): void {
    if (!peer.connection.amChoking) return
    peer.roundUploadedBytes = 0
    peer.unchokedAtMs = this.context.nowMs
    peer.connection.unchoke()
  }

  private snapshot(isSeeding: boolean): EpochSnapshot {
    const { nowMs, peers } = this.context
    return {
      nowMs,
      epoch: this.epoch,
      isSeeding,
      maxSlots: this.maxSlots,
      peers: peers.filter((peer) => !peer.isGone).map((peer) => this.snapshotOf(peer)),
    }
  }

  private snapshotOf(peer: SwarmPeer): PeerSnapshot {
    const { nowMs } = this.context
    return {
      peer: peer.number,
      isInterested: peer.connection.isInterested,
      isUnchoked: !peer.connection.amChoking,
      isSeed: peer.isSeed || peer.isUploadOnly,
      isSnubbing: peer.pipeline.isSnubbing,
      // What is paid for is no gift to be returned.
      downloadRate: peer.takesWhole ? 0 : peer.downloadMeter.rate(nowMs),
      uploadRate: peer.uploadMeter.rate(nowMs),
      downloadedBytes: peer.downloadMeter.totalBytes,
      uploadedBytes: peer.uploadMeter.totalBytes,
      roundUploadedBytes: peer.roundUploadedBytes,
      unchokedAtMs: peer.unchokedAtMs,
      connectedAtMs: peer.connectedAtMs,
    }
  }
}

interface RankedSlot {
  readonly rank: number
  readonly allowanceBytes: number
}

/**
 * Slots in the order of the policy, a peer's first one counts. Neighbours without a bound have one rank: each would
 * leave nothing to the next. Choked peers (BEP 6) come with those if they are the last, else after all.
 */
function ranked(slots: readonly UploadSlot[]): { byNumber: Map<number, RankedSlot>; restRank: number } {
  const byNumber = new Map<number, RankedSlot>()
  let next = 0
  let isSharing = false
  for (const { peer, allowanceBytes } of slots) {
    if (byNumber.has(peer)) continue
    const isUnbound = allowanceBytes === Number.POSITIVE_INFINITY
    if (!isUnbound || !isSharing) next++
    isSharing = isUnbound
    byNumber.set(peer, { rank: next - 1, allowanceBytes })
  }
  return { byNumber, restRank: isSharing ? next - 1 : next }
}
