// What a torrent deals in just now: whether it pays, for content or for others' staying, and whether it earns.
// Guarantees: a private torrent deals in nothing unless its owner allows it; what began since it was last asked is told once.
// Owns what it told.
import type { SpeedDesk } from './speed-desk.ts'
import type { TorrentFacts } from './torrent-facts.ts'

export interface RuledTorrent {
  readonly facts: TorrentFacts
  readonly info: { readonly isPrivate: boolean } | undefined
  readonly isFinished: boolean
}

interface Dealing {
  readonly pays: boolean
  readonly earns: boolean
}

export class DealingRule {
  private readonly desk: SpeedDesk
  private readonly torrent: RuledTorrent
  private readonly isKeeping: () => boolean
  private before: Dealing

  /** `isKeeping`: others are paid to stay. */
  constructor(desk: SpeedDesk, torrent: RuledTorrent, isKeeping: () => boolean) {
    this.desk = desk
    this.torrent = torrent
    this.isKeeping = isKeeping
    this.before = this.allowed
  }

  /** BEP 27: others than its tracker's peers learn nothing, and its peers only what the owner allows. */
  get mayDeal(): boolean {
    return this.desk.config?.inPrivateTorrents === true || this.torrent.info?.isPrivate !== true
  }

  /** Whether it may pay or earn at all. */
  get isAllowed(): boolean {
    return this.allowed.pays || this.allowed.earns
  }

  get pays(): boolean {
    return this.allowed.pays && (!this.torrent.isFinished || this.isKeeping())
  }

  get earns(): boolean {
    return this.allowed.earns
  }

  /** Something is to be bought, and there is a budget for it. */
  get isBuying(): boolean {
    return this.allowed.pays && this.torrent.facts.budget !== undefined && !this.torrent.isFinished
  }

  /** What it deals in now, and did not when this was asked last. */
  takeNew(): Dealing {
    const { before, allowed } = this
    this.before = allowed
    return { pays: this.pays && !before.pays, earns: allowed.earns && !before.earns }
  }

  private get allowed(): Dealing {
    const { pays = false, earns = false } = this.mayDeal ? (this.desk.config ?? {}) : {}
    return { pays, earns }
  }
}
