// Speed in one torrent: with which peers it is spoken, and how what is sold and bought binds the swarm.
// Guarantees: it is offered, and its terms sent, only where this torrent may deal; peers without it are not sent a byte of
// it. Owns the connections' Speed and the markets; the swarm is bound by swarm-binding.ts.
import { toHex } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import {
  maxSpeedMessageBytes,
  type SpeedPlain,
  type SpeedTerms,
  speedExtension,
} from '../formats/peer/speed-messages.ts'
import type { SpeedInfoHash } from '../formats/peer/speed-signing.ts'
import type { LinkConditions } from '../payment/exposure-window.ts'
import type { ExtensionOffer } from '../peer/peer-receiver.ts'
import { SpeedLink } from '../peer/speed-link.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { SpendingPurpose } from '../ports/signer.ts'
import type { Swarm } from '../swarm/swarm.ts'
import type { BuyingSide } from './buying-side.ts'
import { DealingRule } from './dealing-rule.ts'
import { keepProofs, type SignedProof } from './kept-proofs.ts'
import { marketMaker } from './market-maker.ts'
import type { SellingSide } from './selling-side.ts'
import type { Settling } from './settling.ts'
import type { SpeedEvent } from './snapshots.ts'
import { SpeedConnection, type SpeedTorrent } from './speed-connection.ts'
import type { SpeedDesk } from './speed-desk.ts'
import type { BuyingMarket, SellingMarket } from './speed-market.ts'
import { SpeedParties } from './speed-parties.ts'
import type { SpeedRailDesk } from './speed-rail-desk.ts'
import type { SpeedRoom } from './speed-room.ts'
import type { Usefulness, WholeContent } from './staying.ts'
import { SwarmBinding } from './swarm-binding.ts'
import type { LinkedPeer } from './torrent-exchange.ts'
import type { TorrentFacts } from './torrent-facts.ts'
import { TorrentFlow } from './torrent-flow.ts'
import { TorrentMarkets } from './torrent-markets.ts'
import type { Progress } from './torrent-progress.ts'
import { TorrentStays } from './torrent-stays.ts'
import type { WakeOwner } from './turns.ts'

/** What it hears of its torrent. */
export interface DealingTorrent {
  readonly facts: TorrentFacts
  /** What the swarm has to say is carried out before the turn ends. */
  touch(): void
  readonly info: TorrentInfo | undefined
  readonly isFinished: boolean
  readonly progress: Progress | undefined
  /** Undefined: something of it is missing. */
  readonly whole: WholeContent | undefined
  readonly peerId: PeerId
  /** Past the handshake. */
  linkedPeers(): Iterable<LinkedPeer>
  banPeer(link: LinkedPeer, why: Failure, nowMs: number): void
  /** Whether all that is wanted is here, or others are paid to stay, may be otherwise than before. */
  finishedChanged(): void
}

const measuresEveryMs = 1_000
const nonceLength = 32
const mebibyte = 1_048_576
const tickLimits = { leastTickBytes: 262_144, mostTickBytes: 16_777_216 }
/** Before so much is here no window feels what is left, and that is not counted anew with each payment. */
const nearlyEndingShare = 0.75

export class TorrentSpeed implements SpeedTorrent, Settling {
  readonly room: SpeedRoom
  readonly desk: SpeedDesk
  readonly markets: TorrentMarkets
  readonly stays: TorrentStays
  readonly parties = new SpeedParties()
  readonly connections = new Map<LinkedPeer, SpeedConnection>()
  private readonly flow: TorrentFlow
  private readonly binding: SwarmBinding
  private readonly rule: DealingRule
  private readonly torrent: DealingTorrent
  private readonly wakeOwner: WakeOwner
  private measureAtMs = Number.POSITIVE_INFINITY
  private wasKeeping = false
  private mayBeEnding = false
  /** Of the budget; while lanes hold the last of it, it buys. */
  private spending: 'going-on' | 'in-lanes' | 'told' = 'going-on'

  constructor(room: SpeedRoom, desk: SpeedDesk, torrent: DealingTorrent) {
    this.room = room
    this.desk = desk
    this.torrent = torrent
    this.flow = new TorrentFlow(room, torrent.facts)
    this.binding = new SwarmBinding(room, desk, {
      facts: torrent.facts,
      touch: () => torrent.touch(),
      usefulnessOf: (link) => this.usefulnessOf(link),
      waits: () => this.measureSoon(this.room.turns.nowMs()),
    })
    this.wakeOwner = room.turns.register((nowMs) => this.wake(nowMs))
    this.stays = new TorrentStays(room, {
      facts: torrent.facts,
      whole: () => torrent.whole,
      budgetLeft: () => this.markets.budgetLeft,
      told: (event) => this.told(event),
    })
    this.rule = new DealingRule(desk, torrent, () => this.stays.isKeeping)
    this.markets = new TorrentMarkets(room, torrent.facts, marketMaker, {
      sellingOn: (rail) => this.sidesOn(rail, 'selling'),
      maxSlots: () => this.maxSlots,
      uploadBytesPerSecond: () => this.flow.upload,
      downloadBytesPerSecond: () => this.flow.downloadLimit,
      downloadRate: (nowMs) => this.flow.downloadRate(this.binding.swarm, nowMs),
      remainingMiB: () => this.remainingMiB,
      isLacking: () => this.isBuying || this.stays.isKeeping,
      pieceBytes: () => this.torrent.info?.pieceLengthBytes ?? 0,
      tellOthers: (but, message) => this.tellOthers(but, message),
      cheated: (rail, account, kind, proofs) => this.cheated(rail, account, kind, proofs),
    })
  }

  get budgetName(): string {
    return this.torrent.facts.id
  }

  get purpose(): SpendingPurpose {
    const { infoHashV1, infoHashV2 } = this.torrent.facts
    const hash = infoHashV1 ?? infoHashV2
    return hash === undefined ? {} : { torrent: hash }
  }

  get isBuying(): boolean {
    return this.rule.isBuying
  }

  /** Of what is wanted, near its end; before that more than any window is. */
  get remainingBytes(): number {
    const { progress } = this.torrent
    if (!this.mayBeEnding || progress === undefined) return Number.MAX_SAFE_INTEGER
    return progress.wantedBytes - progress.doneWantedBytes
  }

  /** There is something to be shown of it. */
  get isShown(): boolean {
    return this.parties.count > 0 || this.rule.isAllowed || this.connections.size > 0
  }

  offers(): ExtensionOffer[] {
    return this.rule.isAllowed ? [{ name: speedExtension, maxPayloadBytes: maxSpeedMessageBytes }] : []
  }

  /** The peer said what it takes. */
  join(link: LinkedPeer, nowMs: number): void {
    const known = this.connections.get(link)
    this.room.touch(this)
    if (!link.peer.supports(speedExtension)) {
      known?.close(nowMs)
      return
    }
    const infoHash = this.infoHashOf(link)
    if (known !== undefined || !this.rule.isAllowed || infoHash === undefined) return
    const terms = this.terms()
    if (!(terms.pays || terms.earns)) return
    const { domains, scheme } = this.desk
    const { peerId } = this.torrent
    const agreed = new SpeedLink({ infoHash, own: { terms, peerId }, peerId: link.id, domains, scheme, nowMs })
    const connection = new SpeedConnection(this, link, agreed, terms, nowMs)
    this.connections.set(link, connection)
    this.joined(link)
  }

  /** True: something was to be served or settled there. */
  leave(link: LinkedPeer, nowMs: number): boolean {
    const connection = this.connections.get(link)
    if (connection === undefined) return false
    this.room.touch(this)
    const wasDealing = !connection.isOver
    connection.close(nowMs)
    this.connections.delete(link)
    this.binding.ended(link)
    return wasDealing
  }

  take(link: LinkedPeer, payload: Uint8Array, nowMs: number): void {
    this.room.touch(this)
    this.connections.get(link)?.receive(payload, nowMs)
  }

  /** The content is ready for peers; undefined: it is left. */
  bind(swarm: Swarm | undefined, nowMs: number): void {
    this.binding.bind(swarm)
    if (this.rule.isAllowed) this.binding.rule(nowMs)
  }

  /** A peer takes part in the swarm, under a number of its own. */
  joined(link: LinkedPeer): void {
    this.binding.joined(link, this.connections.get(link))
  }

  left(link: LinkedPeer): void {
    this.binding.left(link)
  }

  /** What may be dealt in, or whether all that is wanted is here, may be otherwise than before. */
  changed(nowMs: number): void {
    this.room.touch(this)
    if (this.rule.isAllowed) this.binding.rule(nowMs)
    this.dealAnew(nowMs)
    if (!this.rule.mayDeal) this.endAll(nowMs)
    this.markets.endUnwanted(nowMs)
    this.markets.review()
    this.stays.review(nowMs)
    if (this.stays.isKeeping) this.measureSoon(nowMs)
    for (const connection of this.connections.values()) connection.reviewPaying(nowMs)
  }

  /** The owner wants to spend another amount. */
  budgetChanged(nowMs: number): void {
    this.spending = 'going-on'
    this.room.touch(this)
    this.markets.budgetChanged(nowMs)
    this.stays.review(nowMs)
    if (this.stays.isKeeping) this.measureSoon(nowMs)
    for (const connection of this.connections.values()) {
      if (this.isBuying) connection.buying?.goOn()
      connection.reviewPaying(nowMs)
    }
  }

  /** Those that count, by what they do. */
  sides(): (readonly ['paying' | 'earning', BuyingSide | SellingSide])[] {
    const sides: (readonly ['paying' | 'earning', BuyingSide | SellingSide])[] = []
    for (const { isClosed, buying, selling } of this.connections.values()) {
      if (buying !== undefined && !isClosed) sides.push(['paying', buying])
      if (selling !== undefined && !isClosed) sides.push(['earning', selling])
    }
    return sides
  }

  /** Nothing more is bought or sold; what is owed is paid over the connections there are. */
  retire(nowMs: number): void {
    this.room.touch(this)
    this.markets.close(nowMs)
  }

  /** The torrent is not there any more. */
  close(nowMs: number): void {
    this.endAll(nowMs)
    this.markets.close(nowMs)
    this.room.turns.unregister(this.wakeOwner)
  }

  settle(nowMs: number): void {
    this.binding.tell(nowMs)
    let wakeMs = Math.min(this.measureAtMs, this.markets.nextWakeMs())
    for (const connection of this.connections.values()) wakeMs = Math.min(wakeMs, connection.nextWakeMs())
    this.room.turns.wakeAt(this.wakeOwner, Math.max(wakeMs, nowMs))
    this.desk.settle()
  }

  flush(): void {}

  conditionsOf({ swarmPeer }: LinkedPeer, roundTripMs: number): LinkConditions {
    const { info } = this.torrent
    const pieceBytes = info?.pieceLengthBytes ?? 0
    const lackingPieces = info === undefined ? 0 : info.pieceCount - (swarmPeer?.bits.count ?? 0)
    return {
      pieceBytes,
      hasWholePieceHashes: info?.version !== 'v2',
      bytesPerSecond: swarmPeer?.uploadMeter.rate(this.room.turns.nowMs()) ?? 0,
      roundTripMs,
      remainingBytes: lackingPieces * pieceBytes,
    }
  }

  selling(rail: SpeedRailDesk): SellingMarket | undefined {
    return this.rule.isAllowed ? this.markets.selling(rail) : undefined
  }

  buying(rail: SpeedRailDesk): BuyingMarket | undefined {
    return this.rule.isAllowed ? this.markets.buying(rail) : undefined
  }

  opened(nowMs: number): void {
    this.measureSoon(nowMs)
  }

  stretchChanged(link: LinkedPeer): void {
    this.binding.slotsChanged()
    this.uploadRelieved(link)
  }

  uploadRelieved(link: LinkedPeer): void {
    this.binding.uploadRelieved(link)
    this.room.touch(this)
  }

  downloadRelieved(): void {
    this.binding.downloadRelieved()
    this.room.touch(this)
  }

  told(event: SpeedEvent): void {
    this.room.log.add({ type: 'speed', id: this.torrent.facts.id, event })
  }

  budgetSpent(): void {
    if (this.spending === 'going-on') this.spending = 'in-lanes'
  }

  ended(connection: SpeedConnection): void {
    const { buying, selling } = connection
    this.stays.ended(connection)
    if (buying !== undefined) this.parties.add('paying', buying)
    if (selling !== undefined) this.parties.add('earning', selling)
  }

  boughtLate(side: BuyingSide, bytes: number): void {
    this.parties.addLate('paying', side, bytes)
  }

  ban(link: LinkedPeer, why: Failure, nowMs: number): void {
    this.torrent.banPeer(link, why, nowMs)
  }

  private get remainingMiB(): number {
    const { progress } = this.torrent
    return progress === undefined ? 0 : Math.ceil((progress.wantedBytes - progress.doneWantedBytes) / mebibyte)
  }

  private get doneShare(): number {
    const { progress } = this.torrent
    return progress === undefined || progress.wantedBytes === 0 ? 0 : progress.doneWantedBytes / progress.wantedBytes
  }

  private tellOthers(but: AccountId, message: SpeedPlain): void {
    for (const connection of this.connections.values()) {
      if ((connection.buying ?? connection.selling)?.account !== but) connection.tell(message)
    }
  }

  private cheated(rail: SpeedRailDesk, account: AccountId, kind: string, proofs: readonly SignedProof[]): void {
    const infoHash = this.torrent.facts.id
    void keepProofs(rail.port.store, rail.rail, { account, kind, infoHash, proofs }, this.room.ports.clock.wallMs())
    this.told({ type: 'fraud', account, kind })
  }

  /** Terms are said once a connection: who could deal in what ours left out is to come again. */
  private dealAnew(nowMs: number): void {
    const { rule, torrent, connections } = this
    const { pays, earns } = rule
    const anew = rule.takeNew()
    if (!(anew.pays || anew.earns)) return
    for (const link of [...torrent.linkedPeers()]) {
      const known = connections.get(link)
      const isSaid = known?.isClosed === false && (known.said.pays || !pays) && (known.said.earns || !earns)
      if (isSaid) known.dealAnew(anew.pays, nowMs)
      else if (link.peer.supports(speedExtension)) {
        link.connection.end(failure('interrupted', 'it is dealt otherwise now'), nowMs)
      }
    }
    this.room.reviewDialling()
  }

  private get maxSlots(): number {
    return Math.min(this.torrent.facts.limits.maxSlots, this.room.config.connections.maxSlotsPerTorrent)
  }

  private sidesOn<Kind extends 'selling' | 'buying'>(rail: SpeedRailDesk, kind: Kind) {
    const sides: NonNullable<SpeedConnection[Kind]>[] = []
    for (const connection of this.connections.values()) {
      const side = connection[kind]
      if (side !== undefined && side.rail === rail.rail && side.isAttached) sides.push(side)
    }
    return sides
  }

  private wake(nowMs: number): void {
    this.room.touch(this)
    for (const connection of [...this.connections.values()]) {
      if (connection.nextWakeMs() <= nowMs) connection.wake(nowMs)
    }
    if (this.measureAtMs <= nowMs) this.measure(nowMs)
    this.markets.wake(nowMs)
  }

  private measure(nowMs: number): void {
    this.mayBeEnding = this.doneShare >= nearlyEndingShare
    let isDealing = false
    for (const connection of this.connections.values()) {
      if (connection.isClosed) continue
      isDealing = true
      connection.measured(nowMs)
    }
    this.binding.endSettled(nowMs)
    this.reviewKeeping(nowMs)
    const isWaiting = this.binding.isWaiting || this.wasKeeping
    this.measureAtMs = isDealing || isWaiting ? nowMs + measuresEveryMs : Number.POSITIVE_INFINITY
    this.flow.measure(this.binding.swarm, nowMs)
    this.markets.review()
    this.tellSpent()
  }

  private measureSoon(nowMs: number): void {
    this.measureAtMs = Math.min(this.measureAtMs, nowMs + measuresEveryMs)
    this.room.touch(this)
  }

  private usefulnessOf(link: LinkedPeer): Usefulness {
    const connection = this.connections.get(link)
    if (connection !== undefined) return connection.usefulness
    // It may yet say that it speaks Speed, and pay for our staying, or be paid for its own.
    const { peer } = link
    const mayBeAsked = this.stays.isKeeping || this.rule.earns
    return mayBeAsked && peer.supportsExtensions && !peer.hasToldExtensions ? 'settling' : 'over'
  }

  private reviewKeeping(nowMs: number): void {
    const { isKeeping } = this.stays
    if (isKeeping === this.wasKeeping) return
    this.wasKeeping = isKeeping
    this.torrent.finishedChanged()
    this.stays.review(nowMs)
  }

  private tellSpent(): void {
    if (this.spending !== 'in-lanes') return
    const left = this.markets.budgetLeft
    for (const { buying } of this.connections.values()) {
      if (buying?.isInStretch || (buying?.isReady && left >= buying.postedPrice)) return
    }
    this.spending = 'told'
    this.told({ type: 'budget-spent' })
  }

  private endAll(nowMs: number): void {
    for (const connection of [...this.connections.values()]) connection.close(nowMs)
  }

  private terms(): SpeedTerms {
    const { pays, earns } = this.rule
    const nonce = new Uint8Array(nonceLength)
    this.room.ports.random.fill(nonce)
    return {
      nonce: toHex(nonce) as Hash256,
      ledgers: this.desk.rails.map((rail) => ({
        account: rail.account,
        postedPrice: this.markets.postedPriceOn(rail),
      })),
      pays,
      earns,
      ...tickLimits,
    }
  }

  /** In full, of the version the connection is of. */
  infoHashOf({ peer }: LinkedPeer): SpeedInfoHash | undefined {
    const { infoHashV1, infoHashV2 } = this.torrent.facts
    return peer.isV2 ? infoHashV2 : infoHashV1
  }
}
