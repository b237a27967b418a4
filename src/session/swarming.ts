// A torrent whose content is ready for peers: binds its Swarm to connections, storage and rate limits.
// Guarantees: a peer is sent no more than the limits allow, and goes on when they do; what the storage reports reaches
// the swarm within a turn. Owns the swarm's wake-up; the swarm and the storage are the torrent's.
import type { HashRange } from '../formats/peer/wire-messages.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { SwarmOutput, WebOutput } from '../swarm/swarm-output.ts'
import type { SwarmPeer } from '../swarm/swarm-peer.ts'
import type { SessionRoom } from './session-room.ts'
import type { ExchangePeers, LinkedPeer, TorrentExchange } from './torrent-exchange.ts'

export interface SwarmingEvents {
  /** All wanted pieces are here. */
  onFinished(nowMs: number): void
  /** The two versions of a hybrid torrent disagree. */
  onContradiction(piece: number, nowMs: number): void
  onWeb(output: WebOutput): void
  /** A peer takes part, or does no more; its link knows its number in the swarm. */
  onJoined(link: LinkedPeer): void
  onLeft(link: LinkedPeer): void
}

export class Swarming implements TorrentExchange {
  private readonly room: SessionRoom
  private readonly peers: ExchangePeers
  private readonly swarm: Swarm
  private readonly events: SwarmingEvents
  private readonly links = new Map<SwarmPeer, LinkedPeer>()
  private readonly wakeOwner: number
  private isClosed = false

  constructor(room: SessionRoom, peers: ExchangePeers, swarm: Swarm, events: SwarmingEvents) {
    this.room = room
    this.peers = peers
    this.swarm = swarm
    this.events = events
    this.wakeOwner = room.turns.register((nowMs) => {
      this.swarm.wake(nowMs)
      this.peers.touch()
    })
  }

  join(link: LinkedPeer, nowMs: number): undefined {
    const peer = this.swarm.addPeer(link.peer, link.connection.remote, nowMs)
    link.swarmPeer = peer
    this.room.bandwidth.setSendRank(link.share, peer.uploadRank)
    this.links.set(peer, link)
    this.events.onJoined(link)
    this.peers.touch()
    return undefined
  }

  leave(link: LinkedPeer, nowMs: number): void {
    const { swarmPeer } = link
    if (swarmPeer === undefined || !this.links.delete(swarmPeer)) return
    this.swarm.removePeer(swarmPeer, nowMs)
    this.events.onLeft(link)
    this.peers.touch()
  }

  received(link: LinkedPeer, nowMs: number): void {
    if (link.swarmPeer !== undefined) this.swarm.afterReceive(link.swarmPeer, nowMs)
  }

  written(link: LinkedPeer, totalBytes: number, nowMs: number): void {
    const { swarmPeer } = link
    if (swarmPeer === undefined) return
    this.swarm.written(swarmPeer, totalBytes)
    if (swarmPeer.isUploadReady && !swarmPeer.isGone) this.maySend(link, nowMs)
  }

  /** Sends what the peer asked for, as far as the limits and its stream allow. */
  maySend(link: LinkedPeer, nowMs: number): void {
    const { swarmPeer, share } = link
    if (swarmPeer === undefined || !this.links.has(swarmPeer)) return
    const { bandwidth } = this.room
    while (swarmPeer.isUploadReady && !swarmPeer.isGone && link.connection.queuedBytes < mostAheadBytes) {
      const roomBytes = roomAhead(swarmPeer, nowMs)
      if (roomBytes <= 0) return
      const allowed = bandwidth.sendAllowance(share, nowMs)
      if (allowed === 0) return
      const sent = this.swarm.pumpUpload(swarmPeer, Math.min(allowed, roomBytes), nowMs)
      if (sent === 0) return
      bandwidth.sent(share, sent, nowMs)
    }
  }

  takeMetadataLength(): void {}

  takeMetadata(): void {}

  /** Answers to what was asked of peers before: the swarm has ears of its own. */
  takeHashes(_link: LinkedPeer, _range: HashRange, _hashes: Uint8Array): void {}

  takeHashReject(): void {}

  settle(nowMs: number): void {
    for (let output = this.poll(); output !== undefined; output = this.poll()) this.perform(output, nowMs)
    if (!this.isClosed) this.room.turns.wakeAt(this.wakeOwner, this.swarm.nextWakeMs())
  }

  close(): void {
    this.isClosed = true
    this.room.turns.unregister(this.wakeOwner)
  }

  private poll(): SwarmOutput | undefined {
    return this.isClosed ? undefined : this.swarm.poll()
  }

  private perform(output: SwarmOutput, nowMs: number): void {
    const { events, peers } = this
    switch (output.type) {
      case 'disconnect': {
        const link = this.links.get(output.peer)
        if (link === undefined) return
        if (output.ban === 'none') link.connection.end(output.failure, nowMs)
        else peers.banPeer(link, output.failure, nowMs)
        break
      }
      case 'ban':
        peers.banAddress(output.remote.address, nowMs)
        break
      case 'upload-ready': {
        const link = this.links.get(output.peer)
        if (link !== undefined) this.maySend(link, nowMs)
        break
      }
      case 'upload-order':
        for (const [peer, { share }] of this.links) this.room.bandwidth.setSendRank(share, peer.uploadRank)
        break
      case 'piece':
      case 'piece-damaged':
        break
      case 'finished':
        events.onFinished(nowMs)
        break
      case 'contradiction':
        events.onContradiction(output.piece, nowMs)
        break
      case 'web-request':
      case 'web-cancel':
      case 'web-resume':
      case 'web-problem':
        events.onWeb(output)
        break
    }
  }
}

/** A block, and what is left of the one before it. */
const leastAheadBytes = 16_384
const mostAheadBytes = 1_048_576

/**
 * No more waits in a stream than its peer took in a second: so what is sent next is decided late, and a choke or a
 * cancel is not held up for minutes by blocks that are not wanted any more.
 */
function roomAhead({ connection, writtenMeter }: SwarmPeer, nowMs: number): number {
  const waitingBytes = connection.sentBytes - writtenMeter.totalBytes
  return Math.min(Math.max(writtenMeter.rate(nowMs), leastAheadBytes) - waitingBytes, mostAheadBytes)
}
