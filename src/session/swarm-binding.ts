// How Speed binds one torrent's swarm: the policies it is given, the peers it knows by number, and what it is told at the end of a
// turn. Guarantees: the swarm gets policies only once it may deal; it is told once a turn, when all that the peers had to say was
// heard; a peer of no other use stays until all is settled with it, for a while. Owns what is received and not verified yet.
import { failure } from '../base/errors.ts'
import type { Swarm } from '../swarm/swarm.ts'
import { PaidBlocks } from './paid-blocks.ts'
import type { SpeedConnection } from './speed-connection.ts'
import type { SpeedDesk } from './speed-desk.ts'
import { speedDownloadPolicy, speedUploadPolicy } from './speed-policies.ts'
import type { SpeedRoom } from './speed-room.ts'
import type { Usefulness } from './staying.ts'
import type { LinkedPeer } from './torrent-exchange.ts'
import type { TorrentFacts } from './torrent-facts.ts'

/** What it hears of its torrent. */
export interface BoundTorrent {
  readonly facts: TorrentFacts
  /** What the swarm has to say is carried out before the turn ends. */
  touch(): void
  /** Of a peer with which nothing is transferred. */
  usefulnessOf(link: LinkedPeer): Usefulness
  /** There is one that stays for now: `endSettled` is to be called soon. */
  waits(): void
}

/** The last vouchers and the end of a lane take a few round trips, and the ledger's answer. */
const settlesWithinMs = 15_000

export class SwarmBinding {
  swarm: Swarm | undefined
  private readonly room: SpeedRoom
  private readonly desk: SpeedDesk
  private readonly torrent: BoundTorrent
  private readonly paid = new PaidBlocks()
  /** By the swarm's numbers. */
  private readonly byPeer = new Map<number, SpeedConnection>()
  private readonly links = new Map<number, LinkedPeer>()
  /** Connections with nothing more to transfer, until when they may stay. */
  private readonly staying = new Map<LinkedPeer, number>()
  private hasPolicies = false
  /** What the swarm is to be told before the turn ends; peers by its numbers. */
  private readonly relieved = new Set<number>()
  private haveSlotsChanged = false
  private mayAskMore = false

  constructor(room: SpeedRoom, desk: SpeedDesk, torrent: BoundTorrent) {
    this.room = room
    this.desk = desk
    this.torrent = torrent
  }

  /** The content is ready for peers; undefined: it is left. */
  bind(swarm: Swarm | undefined): void {
    this.swarm = swarm
    this.hasPolicies = false
    this.byPeer.clear()
    this.links.clear()
    if (swarm === undefined) this.paid.clear()
  }

  /** It may be dealt in: gives the swarm its policies, unless it has them. */
  rule(nowMs: number): void {
    const { swarm, byPeer, paid, room } = this
    if (swarm === undefined || this.hasPolicies) return
    this.hasPolicies = true
    const upload = speedUploadPolicy({
      byPeer,
      random: room.ports.random,
      mostSold: room.config.speed?.shares ?? 0,
      nowMs: () => room.turns.nowMs(),
      onCounted: () => room.touch(this.desk),
      isNeeded: (peer) => this.isNeeded(peer),
    })
    const download = speedDownloadPolicy(byPeer, paid, () => room.noteBought(this.torrent.facts.id))
    swarm.setPolicies(upload, download, nowMs)
    this.torrent.touch()
  }

  /** A peer takes part in the swarm, under a number of its own. */
  joined(link: LinkedPeer, connection: SpeedConnection | undefined): void {
    const { swarmPeer } = link
    if (swarmPeer === undefined) return
    this.links.set(swarmPeer.number, link)
    if (connection !== undefined) this.byPeer.set(swarmPeer.number, connection)
  }

  left({ swarmPeer }: LinkedPeer): void {
    if (swarmPeer === undefined) return
    this.byPeer.delete(swarmPeer.number)
    this.links.delete(swarmPeer.number)
  }

  ended(link: LinkedPeer): void {
    this.staying.delete(link)
  }

  /** Who may be served, or asked for how much, is otherwise than before. */
  slotsChanged(): void {
    this.haveSlotsChanged = true
    this.mayAskMore = true
  }

  uploadRelieved({ swarmPeer }: LinkedPeer): void {
    if (swarmPeer !== undefined) this.relieved.add(swarmPeer.number)
  }

  downloadRelieved(): void {
    this.mayAskMore = true
  }

  /** At the end of the turn, when all that the peers had to say was heard: who choked us meanwhile is asked for nothing. */
  tell(nowMs: number): void {
    const { swarm, relieved } = this
    if (swarm !== undefined && (this.haveSlotsChanged || this.mayAskMore || relieved.size > 0)) {
      if (this.haveSlotsChanged) swarm.slotsChanged(nowMs)
      for (const peer of relieved) swarm.uploadAllowanceChanged(peer, nowMs)
      if (this.mayAskMore) swarm.allowanceChanged(nowMs)
      this.torrent.touch()
    }
    relieved.clear()
    this.haveSlotsChanged = false
    this.mayAskMore = false
  }

  /** Somebody is still there who has nothing to transfer. */
  get isWaiting(): boolean {
    return this.staying.size > 0
  }

  /** Lets go of those with whom all is settled, or that took too long. */
  endSettled(nowMs: number): void {
    for (const [link, untilMs] of [...this.staying]) {
      // Of use again: it has its time anew once it is not.
      const isUseful = link.peer.amInterested || link.peer.isInterested
      const usefulness = this.torrent.usefulnessOf(link)
      if (!isUseful && usefulness === 'held') this.staying.set(link, nowMs + settlesWithinMs)
      else if (isUseful || nowMs >= untilMs || usefulness === 'over') this.staying.delete(link)
      if (isUseful || this.staying.has(link)) continue
      link.connection.end(failure('peer-not-needed', 'all is settled'), nowMs)
    }
  }

  /** Who is of no use any more may have to be paid, or to pay: then it is ended when that is done, or takes too long. */
  private isNeeded(peer: number): boolean {
    const { staying, links, room } = this
    const link = links.get(peer)
    if (link === undefined || this.torrent.usefulnessOf(link) === 'over') return false
    if (!staying.has(link)) {
      staying.set(link, room.turns.nowMs() + settlesWithinMs)
      this.torrent.waits()
    }
    return true
  }
}
