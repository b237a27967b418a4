// The two places where a swarm asks who is served and who is asked (src/swarm/policies.ts), bound to what is paid for on
// its connections. Guarantees: a peer that nothing is paid for with is treated as without them; counting a block makes no
// object. Own nothing.
import type { Random } from '../ports/random.ts'
import { plainUploadPolicy } from '../swarm/choker.ts'
import type { DownloadPolicy, UploadPolicy } from '../swarm/policies.ts'
import { soldSlotsPolicy } from '../swarm/sold-slots.ts'
import type { PaidBlocks } from './paid-blocks.ts'
import type { SpeedConnection } from './speed-connection.ts'

/** Connections that speak Speed, by the swarm's numbers. */
export type SpeedByPeer = ReadonlyMap<number, SpeedConnection>

export interface SpeedUploadOptions {
  readonly byPeer: SpeedByPeer
  readonly random: Random
  /** Shares that may be held at a time. */
  readonly mostSold: number
  /** Of the turn. */
  readonly nowMs: () => number
  /** Something that is paid for was counted. */
  readonly onCounted: () => void
  /** Something is to be settled with a peer of no other use. */
  readonly isNeeded: (peer: number) => boolean
}

/** Plain but for those who hold a share. */
export function speedUploadPolicy({
  byPeer,
  random,
  mostSold,
  nowMs,
  onCounted,
  isNeeded,
}: SpeedUploadOptions): UploadPolicy {
  const holders = () => {
    const numbers: number[] = []
    for (const [peer, { selling }] of byPeer) if (selling?.isHolding === true) numbers.push(peer)
    return numbers
  }
  return {
    ...soldSlotsPolicy({ plain: plainUploadPolicy({ random }), holders, mostSold }),
    allowanceBytes: (peer) => byPeer.get(peer)?.selling?.allowanceBytes ?? Number.POSITIVE_INFINITY,
    isNeeded,
    onServed: (peer, bytes) => {
      const selling = byPeer.get(peer)?.selling
      if (selling?.isInStretch === true && selling.served(bytes, nowMs())) onCounted()
    },
  }
}

/** Blocks in stretches are decided on by `paid`; `onBought`: a piece with some of them is right, and written. */
export function speedDownloadPolicy(byPeer: SpeedByPeer, paid: PaidBlocks, onBought: () => void): DownloadPolicy {
  const payingTo = (peer: number) => {
    const buying = byPeer.get(peer)?.buying
    return buying?.isInStretch === true ? buying : undefined
  }
  return {
    piecesFor: () => undefined,
    requestAllowanceBytes: (peer) => payingTo(peer)?.allowanceBytes ?? Number.POSITIVE_INFINITY,
    takesWholePieces: (peer) => payingTo(peer) !== undefined,
    onReceived: (peer, piece, bytes, isKept) => {
      const buying = payingTo(peer)
      if (buying === undefined) return
      buying.receivedBytes += bytes
      paid.received(buying, peer, piece, bytes, isKept)
    },
    onVerified: (piece) => {
      if (paid.verified(piece)) onBought()
    },
    onDamaged: (piece) => paid.damaged(piece),
    onBlamed: (peer) => paid.blamed(peer),
    onAbandoned: (piece) => paid.abandoned(piece),
    onNoneOutstanding: (peer) => payingTo(peer)?.noneOutstanding(),
  }
}
