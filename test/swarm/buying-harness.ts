// A swarm in which a leech pays some of its peers: what its policy is told is booked as a payer would, and what must hold of
// whoever is paid is checked at every request.
import assert from 'node:assert/strict'
import { type BlockGrid, blockGrid, pieceLength, pieceOf } from '../../src/swarm/block-grid.ts'
import type { DownloadPolicy } from '../../src/swarm/policies.ts'
import type { SwarmPeer } from '../../src/swarm/swarm-peer.ts'
import type { NodeOptions, TestNode, World } from './swarm-harness.ts'

/** Without a block for less than this nothing that is left to a peer is asked of others. */
const leastStallMs = 10_000

function gridOf({ torrent }: World): BlockGrid {
  return blockGrid(torrent.plan, torrent.info.version)
}

function isAnythingAsked({ outstanding, isCurrentHeld }: SwarmPeer): boolean {
  return outstanding.heldCount > 0 || isCurrentHeld
}

/** Whether blocks of a piece are counted on from a peer, besides the one that is on its way in. */
function isAskedFor(grid: BlockGrid, { outstanding }: SwarmPeer, piece: number): boolean {
  for (let position = outstanding.first; position < outstanding.end; position = outstanding.next(position)) {
    if (outstanding.isHeld(position) && pieceOf(grid, outstanding.blockAt(position)) === piece) return true
  }
  return false
}

interface Lot {
  readonly peer: number
  readonly piece: number
  readonly bytes: number
}

/** What is owed to whom, by what a DownloadPolicy is told. */
class Books {
  readonly owed = new Map<number, number>()
  /** Thrown away though asked for. */
  readonly vain = new Map<number, number>()
  readonly guilty = new Set<number>()
  readonly damagedPieces = new Set<number>()
  readonly verified = new Set<number>()
  /** Of pieces that are not verified yet. */
  kept: Lot[] = []
  /** Of damaged pieces, until they are good. */
  damaged: Lot[] = []
  abandoned: Lot[] = []

  received(peer: number, piece: number, bytes: number, isKept: boolean): void {
    if (isKept) this.kept.push({ peer, piece, bytes })
    else this.vain.set(peer, (this.vain.get(peer) ?? 0) + bytes)
  }

  onDamaged(piece: number): void {
    this.damagedPieces.add(piece)
    this.damaged.push(...this.kept.filter((lot) => lot.piece === piece))
    this.kept = this.kept.filter((lot) => lot.piece !== piece)
  }

  onVerified(piece: number): void {
    assert.ok(!this.verified.has(piece))
    this.verified.add(piece)
    for (const { peer, bytes } of this.kept.filter((lot) => lot.piece === piece)) this.owe(peer, bytes)
    this.kept = this.kept.filter((lot) => lot.piece !== piece)
    for (const lot of this.damaged.filter((other) => other.piece === piece)) {
      if (!this.guilty.has(lot.peer)) this.owe(lot.peer, lot.bytes)
    }
    this.damaged = this.damaged.filter((lot) => lot.piece !== piece)
  }

  onAbandoned(piece: number): void {
    this.abandoned.push(...this.kept.filter((lot) => lot.piece === piece))
    this.kept = this.kept.filter((lot) => lot.piece !== piece)
  }

  get sum(): number {
    return [...this.owed.values()].reduce((total, bytes) => total + bytes, 0)
  }

  undecided(peer: number): number {
    return [...this.kept, ...this.damaged].reduce((sum, lot) => sum + (lot.peer === peer ? lot.bytes : 0), 0)
  }

  private owe(peer: number, bytes: number): void {
    this.owed.set(peer, (this.owed.get(peer) ?? 0) + bytes)
  }
}

export interface BuyingOptions extends NodeOptions {
  /** Bytes that may be outstanding at one peer and unverified. */
  readonly limitBytes?: number
  /** Peers that are paid, by their number. */
  readonly isPaid: (peer: number) => boolean
}

/** A leech that pays; `connect` joins it to others. */
export class Buyer {
  readonly books = new Books()
  readonly node: TestNode
  /** Peers of which nothing was outstanding any more, as told. */
  readonly noneOutstanding: number[] = []
  /** Requests that were made and are not answered, in bytes. */
  readonly unanswered = new Map<number, number>()
  mostPartlyHere = 0
  requestCount = 0
  private allowance: (peer: number) => number
  /** Times that somebody else was asked for a piece that was left to a paid peer, since that had stalled. */
  takeovers = 0
  private readonly world: World
  private readonly options: BuyingOptions
  private readonly grid: BlockGrid
  /** Whom a piece is left to. */
  private readonly owners = new Map<number, number>()
  private readonly heardAtMs = new Map<number, number>()

  constructor(world: World, name: string, options: BuyingOptions) {
    this.world = world
    this.options = options
    this.grid = gridOf(world)
    const { limitBytes = Number.POSITIVE_INFINITY, isPaid } = options
    this.allowance = (peer) =>
      isPaid(peer)
        ? limitBytes - (this.unanswered.get(peer) ?? 0) - this.books.undecided(peer)
        : Number.POSITIVE_INFINITY
    this.node = world.node(name, { ...options, downloadPolicy: this.policy() })
  }

  connect(other: TestNode, latencyMs = 10): void {
    this.world.connect(this.node, other, latencyMs)
    const { peer, connection, messages } = this.node.link(other)
    const request = connection.request.bind(connection)
    const onReject = messages.onReject.bind(messages)
    const onChoke = messages.onChoke.bind(messages)
    connection.request = (piece, begin, length) => {
      this.asked(peer, piece, length)
      request(piece, begin, length)
    }
    messages.onReject = (piece, begin, length) => {
      this.add(peer.number, -length)
      this.disown(peer.number, piece)
      onReject(piece, begin, length)
    }
    messages.onChoke = () => {
      this.disown(peer.number)
      onChoke()
    }
  }

  /** Instead of what may be outstanding and unverified. */
  setAllowance(allowance: (peer: number) => number): void {
    this.allowance = allowance
  }

  /** It is paid no more, or is gone. */
  disown(peer: number, piece?: number): void {
    for (const [owned, owner] of this.owners) {
      if (owner === peer && (piece === undefined || owned === piece)) this.owners.delete(owned)
    }
  }

  private policy(): DownloadPolicy {
    const { books } = this
    const { isPaid } = this.options
    return {
      piecesFor: () => undefined,
      takesWholePieces: isPaid,
      requestAllowanceBytes: (peer) => this.allowance(peer),
      onReceived: (peer, piece, bytes, isKept) => {
        this.add(peer, -bytes)
        this.heardAtMs.set(peer, this.world.time.nowMs())
        books.received(peer, piece, bytes, isKept)
        if (isPaid(peer)) this.countPartlyHere(peer)
      },
      onVerified: (piece, sources) => {
        const kept = books.kept.filter((lot) => lot.piece === piece)
        for (const { peer, bytes } of sources) {
          const sum = kept.reduce((total, lot) => total + (lot.peer === peer ? lot.bytes : 0), 0)
          assert.equal(bytes, sum, 'what was told of blocks is what a piece is made of')
        }
        books.onVerified(piece)
        this.owners.delete(piece)
      },
      onDamaged: (piece) => {
        books.onDamaged(piece)
        this.owners.delete(piece)
      },
      onBlamed: (peer) => void books.guilty.add(peer),
      onAbandoned: (piece) => {
        books.onAbandoned(piece)
        this.owners.delete(piece)
      },
      onNoneOutstanding: (peer) => {
        assert.equal(this.find(peer)?.outstanding.heldCount ?? 0, 0)
        this.noneOutstanding.push(peer)
      },
    }
  }

  private asked(peer: SwarmPeer, piece: number, length: number): void {
    const { limitBytes = Number.POSITIVE_INFINITY, isPaid } = this.options
    const owner = this.owners.get(piece)
    const nowMs = this.world.time.nowMs()
    this.requestCount++
    this.add(peer.number, length)
    if (owner !== undefined && owner !== peer.number) {
      const isPast = this.find(owner) === undefined || !isPaid(owner)
      const heardAtMs = this.heardAtMs.get(owner) ?? 0
      assert.ok(isPast || nowMs - heardAtMs >= leastStallMs, `${piece} is left to ${owner}, who delivers`)
      this.owners.delete(piece)
      this.takeovers++
    }
    if (!isPaid(peer.number)) return
    const sum = (this.unanswered.get(peer.number) ?? 0) + this.books.undecided(peer.number)
    assert.ok(sum <= limitBytes, 'never more outstanding and unverified than allowed')
    if (this.owners.get(piece) === peer.number) return
    for (const other of this.node.swarm.peers) {
      assert.ok(other === peer || !isAskedFor(this.grid, other, piece), `nobody else is at ${piece}`)
    }
    this.owners.set(piece, peer.number)
    if (!isAnythingAsked(peer)) this.heardAtMs.set(peer.number, nowMs)
  }

  private countPartlyHere(peer: number): void {
    let count = 0
    const pieces = new Set(this.books.kept.filter((lot) => lot.peer === peer).map(({ piece }) => piece))
    for (const piece of pieces) {
      const here = this.books.kept.reduce((sum, lot) => sum + (lot.piece === piece ? lot.bytes : 0), 0)
      if (this.owners.get(piece) === peer && here < pieceLength(this.grid, piece)) count++
    }
    this.mostPartlyHere = Math.max(this.mostPartlyHere, count)
  }

  private add(peer: number, bytes: number): void {
    this.unanswered.set(peer, (this.unanswered.get(peer) ?? 0) + bytes)
  }

  private find(number: number): SwarmPeer | undefined {
    return this.node.swarm.peers.find((peer) => peer.number === number && !peer.isGone)
  }
}
