// Who is unchoked (BEP 3) when nobody pays: while leeching, those who give us most; while seeding, each in turn for a
// few megabytes; in both, some by luck, so that newcomers can begin. Uninterested peers and seeds never hold a slot.
// Guarantees: the outcome depends on the snapshots and the given randomness alone. Who is unchoked by luck, and for how
// long, is the policy's own state.
import { assert, present } from '../base/assert.ts'
import type { Random } from '../ports/random.ts'
import type { EpochSnapshot, PeerSnapshot, UploadPolicy, UploadSlot } from './policies.ts'

export interface PlainUploadOptions {
  readonly random: Random
  /** How many of the slots are given by luck; unless said, a fifth, and at least one. */
  readonly optimisticSlots?: number
  /** While seeding, a peer has had its turn after as many bytes, but not before half a minute. */
  readonly roundBytes?: number
}

/** BEP 3: an optimistic unchoke stands for 30 s, three epochs. */
const optimisticEpochs = 3
/** BEP 3: newly connected peers are three times as likely to be next. */
const newcomerWeight = 3
const usualRoundBytes = 8_388_608
const shortestRoundMs = 30_000
/** The turn of a peer too slow for a whole round ends as well. */
const longestRoundMs = 180_000

const fewestSlots = 4
const mostSlots = 64

/**
 * Into how many slots an upload capacity in bytes a second is divided: enough to use it, few enough that each is worth
 * having. Infinity (no limit) is answered with the most; better give what was measured.
 */
export function slotsForCapacity(bytesPerSecond: number): number {
  assert(bytesPerSecond >= 0, 'a capacity in bytes a second')
  return Math.min(Math.max(Math.floor(Math.sqrt((bytesPerSecond / 1024) * 0.6)), fewestSlots), mostSlots)
}

/** Plain BitTorrent. Allocating again within an epoch (a peer came, left, became interested) keeps who is lucky. */
export function plainUploadPolicy(options: PlainUploadOptions): UploadPolicy {
  const { random, optimisticSlots, roundBytes = usualRoundBytes } = options
  /** Those who had it longer first. */
  let lucky: readonly number[] = []
  let luckyUntilEpoch = 0

  function allocate(snapshot: EpochSnapshot): readonly UploadSlot[] {
    const { epoch, maxSlots } = snapshot
    const candidates = snapshot.peers.filter((peer) => peer.isInterested && !peer.isSeed)
    const luckySlots = Math.min(optimisticSlots ?? usualLuckySlots(epoch, maxSlots), maxSlots)
    const isRotation = epoch >= luckyUntilEpoch
    const staying = isRotation ? [] : lucky.filter((number) => candidates.some(({ peer }) => peer === number))
    const ranked = snapshot.isSeeding ? rankByTurn(candidates, snapshot.nowMs, roundBytes) : rankByRate(candidates)
    const undisputed = staying.slice(0, luckySlots)
    const earned = ranked.filter(({ peer }) => !undisputed.includes(peer)).slice(0, maxSlots - luckySlots)
    const others = candidates.filter((peer) => !earned.includes(peer))
    const last = new Set(isRotation ? lucky : [])
    // The one who earns a single slot has its own turns.
    if (maxSlots === 1 && ranked[0] !== undefined) last.add(ranked[0].peer)
    lucky = drawLucky(others, staying, last, maxSlots - earned.length, random)
    if (isRotation) luckyUntilEpoch = epoch + optimisticEpochs
    const chosen = [...earned.map(({ peer }) => peer), ...lucky]
    return chosen.map((peer) => ({ peer, allowanceBytes: Number.POSITIVE_INFINITY }))
  }

  return { allocate }
}

/** A single slot is shared in time: two turns for who earned it, one for luck. */
function usualLuckySlots(epoch: number, maxSlots: number): number {
  if (maxSlots === 1) return Math.floor(epoch / optimisticEpochs) % 3 === 2 ? 1 : 0
  return Math.max(1, Math.floor(maxSlots / 5))
}

/** Tit-for-tat. Who gives nothing or snubs us earned nothing: what slots are left over go by luck (anti-snubbing). */
function rankByRate(candidates: readonly PeerSnapshot[]): PeerSnapshot[] {
  return candidates
    .filter((peer) => !peer.isSnubbing && peer.downloadRate > 0)
    .sort((a, b) => b.downloadRate - a.downloadRate || Number(b.isUnchoked) - Number(a.isUnchoked) || a.peer - b.peer)
}

const inTurn = 0
const waiting = 1
const wastedTurn = 2
const hadTurn = 3

/**
 * Round robin: who is in its turn, fastest first; then who has waited longest; then who asked for nothing in its last
 * turn; then who has just had its turn. A turn in which nothing was asked for ends early.
 */
function rankByTurn(candidates: readonly PeerSnapshot[], nowMs: number, roundBytes: number): PeerSnapshot[] {
  const stageOf = (peer: PeerSnapshot): number => {
    const isUnused = peer.roundUploadedBytes === 0
    if (!peer.isUnchoked) return isUnused && wasUnchoked(peer) ? wastedTurn : waiting
    const roundMs = nowMs - peer.unchokedAtMs
    const isSpent = isUnused || peer.roundUploadedBytes >= roundBytes
    return roundMs >= longestRoundMs || (roundMs >= shortestRoundMs && isSpent) ? hadTurn : inTurn
  }
  return candidates
    .map((peer) => ({ peer, stage: stageOf(peer) }))
    .sort((a, b) => {
      if (a.stage !== b.stage) return a.stage - b.stage
      const byRate = a.stage === inTurn ? b.peer.uploadRate - a.peer.uploadRate : 0
      return byRate || waitingSince(a.peer) - waitingSince(b.peer) || a.peer.peer - b.peer.peer
    })
    .map(({ peer }) => peer)
}

function wasUnchoked(peer: PeerSnapshot): boolean {
  return peer.unchokedAtMs !== Number.NEGATIVE_INFINITY
}

function waitingSince(peer: PeerSnapshot): number {
  return Math.max(peer.unchokedAtMs, peer.connectedAtMs)
}

/** Up to `count` peers: those whose turn goes on, then by weighted lot; those of `last` only when no others are left. */
function drawLucky(
  candidates: readonly PeerSnapshot[],
  staying: readonly number[],
  last: ReadonlySet<number>,
  count: number,
  random: Random,
): number[] {
  const drawn = staying.filter((number) => candidates.some(({ peer }) => peer === number)).slice(0, count)
  const rest = candidates.filter(({ peer }) => !staying.includes(peer))
  for (const lot of [rest.filter(({ peer }) => !last.has(peer)), rest.filter(({ peer }) => last.has(peer))]) {
    while (drawn.length < count && lot.length > 0) drawn.push(drawOne(lot, random).peer)
  }
  return drawn
}

/** Takes one out of `lot`, which is not empty. */
function drawOne(lot: PeerSnapshot[], random: Random): PeerSnapshot {
  // Or peers that take nothing would stay newcomers for ever.
  const weightOf = (peer: PeerSnapshot) => (peer.uploadedBytes === 0 && !wasUnchoked(peer) ? newcomerWeight : 1)
  let ticket = random.below(lot.reduce((sum, peer) => sum + weightOf(peer), 0))
  const index = lot.findIndex((peer) => {
    ticket -= weightOf(peer)
    return ticket < 0
  })
  const [peer] = lot.splice(index, 1)
  return present(peer, 'a peer in the lot')
}
