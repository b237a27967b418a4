// What one torrent sells and buys in, on each ledger: its markets, made when there is somebody to deal with, and the purse
// that is bought out of. Guarantees: a seller's epochs are durable before it has any; one ledger alone has the torrent's
// budget, the first it could be paid on, and none a larger one than the day leaves. Owns the markets.
import { type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { SpeedPlain } from '../formats/peer/speed-messages.ts'
import type { AccountId } from '../ports/ledger.ts'
import type { SignedProof } from './kept-proofs.ts'
import type { SellingSide } from './selling-side.ts'
import type { SpeedConfig } from './session-config.ts'
import type { BuyingMarket, SellingMarket } from './speed-market.ts'
import type { SpeedRailDesk } from './speed-rail-desk.ts'
import type { SpeedRoom } from './speed-room.ts'
import type { TorrentFacts } from './torrent-facts.ts'

/** Where a market is, and what it goes by. */
export interface MarketPlace {
  readonly room: SpeedRoom
  readonly rail: SpeedRailDesk
  readonly facts: TorrentFacts
  readonly config: SpeedConfig
  /** Of a seller: from here on, as many as it can use. */
  readonly firstEpoch: number
  readonly maxSlots: () => number
  /** What the torrent may upload, by its limits or as it was measured; bytes a second. */
  uploadBytesPerSecond(): number
  /** What it may download; Infinity: no limit. And what it does. */
  downloadBytesPerSecond(): number
  downloadRate(nowMs: number): number
  /** Wanted and lacking, rounded up. */
  remainingMiB(): number
  pieceBytes(): number
  /** Besides what prices lately say; undefined: nothing else. */
  mostPerMiB(): TokenAmount | undefined
  /** Of the torrent's budget, what is not spent; it may lie in lanes. */
  budgetLeft(): TokenAmount
  /** What all torrents together may still put into lanes today. */
  dayLeft(): TokenAmount
  /** To everybody that Speed is spoken with here, but this account. */
  tellOthers(but: AccountId, message: SpeedPlain): void
  /** What proves that somebody cheats. */
  keepProofs(account: AccountId, kind: string, proofs: readonly SignedProof[]): void
}

export interface MarketMaker {
  selling(place: MarketPlace, nowMs: number): SellingMarket
  buying(place: MarketPlace, nowMs: number): BuyingMarket
}

export interface MarketSides {
  /** Those that count. */
  sellingOn(rail: SpeedRailDesk): readonly SellingSide[]
  maxSlots(): number
  uploadBytesPerSecond(): number
  downloadBytesPerSecond(): number
  downloadRate(nowMs: number): number
  remainingMiB(): number
  /** Something is to be bought. */
  isLacking(): boolean
  pieceBytes(): number
  tellOthers(but: AccountId, message: SpeedPlain): void
  cheated(rail: SpeedRailDesk, account: AccountId, kind: string, proofs: readonly SignedProof[]): void
}

interface RailMarkets {
  selling: SellingMarket | undefined
  isOpening: boolean
  buying: BuyingMarket | undefined
}

export class TorrentMarkets {
  private readonly room: SpeedRoom
  private readonly facts: TorrentFacts
  private readonly maker: MarketMaker
  private readonly sides: MarketSides
  private readonly byRail = new Map<SpeedRailDesk, RailMarkets>()
  private isClosed = false

  constructor(room: SpeedRoom, facts: TorrentFacts, maker: MarketMaker, sides: MarketSides) {
    this.room = room
    this.facts = facts
    this.maker = maker
    this.sides = sides
  }

  /** Undefined: nothing is sold there, or not yet. */
  selling(rail: SpeedRailDesk): SellingMarket | undefined {
    if (this.room.config.speed?.earns !== true) return undefined
    const markets = this.of(rail)
    if (markets.selling === undefined && !markets.isOpening && !this.isClosed) this.openSelling(rail, markets)
    return markets.selling
  }

  buying(rail: SpeedRailDesk): BuyingMarket | undefined {
    const { speed } = this.room.config
    if (speed?.pays !== true) return undefined
    const markets = this.of(rail)
    if (markets.buying === undefined && !this.isClosed) {
      const nowMs = this.room.turns.nowMs()
      markets.buying = this.maker.buying(this.placeOf(rail, speed, 0), nowMs)
      this.fillPurse(rail)
      this.tellBudget(rail, markets.buying, nowMs)
    }
    return markets.buying
  }

  /** r, where something is sold. */
  get postedPrice(): TokenAmount | undefined {
    return this.sellings[0]?.postedPrice
  }

  postedPriceOn(rail: SpeedRailDesk): TokenAmount {
    return this.byRail.get(rail)?.selling?.postedPrice ?? this.room.config.speed?.startPrice ?? zeroAmount
  }

  get sharesSold(): number {
    return this.sellings.reduce((sum, { sharesSold }) => sum + sharesSold, 0)
  }

  get shares(): number {
    return this.sellings.reduce((sum, { shares }) => sum + shares, 0)
  }

  /** Of the torrent's budget, what is not spent; it may lie in lanes. */
  get budgetLeft(): TokenAmount {
    const rail = this.purseRail
    return rail === undefined ? zeroAmount : this.budgetLeftOn(rail)
  }

  /** The ledger with the torrent's budget; undefined: none so far. */
  get purseRail(): SpeedRailDesk | undefined {
    for (const rail of this.byRail.keys()) if (rail.purses.has(this.facts.id)) return rail
    for (const [rail, { buying }] of this.byRail) if (buying !== undefined) return rail
    return undefined
  }

  /** The owner wants to spend another amount. */
  budgetChanged(nowMs: number): void {
    for (const [rail, { buying }] of this.byRail) {
      if (buying === undefined) continue
      this.fillPurse(rail)
      this.tellBudget(rail, buying, nowMs)
    }
  }

  /** Of what is earned and paid nothing more is to be, as the configuration has it. */
  endUnwanted(nowMs: number): void {
    const { pays, earns } = this.room.config.speed ?? { pays: false, earns: false }
    for (const [rail, markets] of this.byRail) {
      if (!earns) {
        markets.selling?.close(nowMs)
        markets.selling = undefined
      }
      if (!pays) {
        markets.buying?.close(nowMs)
        if (markets.buying !== undefined) this.fillPurse(rail)
        markets.buying = undefined
      }
    }
  }

  /** The day may have left more, or less. */
  review(): void {
    for (const [rail, { buying }] of this.byRail) if (buying !== undefined) this.fillPurse(rail)
  }

  wake(nowMs: number): void {
    for (const { selling, buying } of this.byRail.values()) {
      if (selling !== undefined && selling.nextWakeMs() <= nowMs) selling.wake(nowMs)
      if (buying !== undefined && buying.nextWakeMs() <= nowMs) buying.wake(nowMs)
    }
  }

  nextWakeMs(): number {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { selling, buying } of this.byRail.values()) {
      wakeMs = Math.min(wakeMs, selling?.nextWakeMs() ?? wakeMs, buying?.nextWakeMs() ?? wakeMs)
    }
    return wakeMs
  }

  close(nowMs: number): void {
    this.isClosed = true
    for (const [rail, { selling, buying }] of this.byRail) {
      selling?.close(nowMs)
      buying?.close(nowMs)
      if (buying !== undefined) this.fillPurse(rail)
    }
    this.byRail.clear()
  }

  private get sellings(): SellingMarket[] {
    return [...this.byRail.values()].flatMap(({ selling }) => (selling === undefined ? [] : [selling]))
  }

  private of(rail: SpeedRailDesk): RailMarkets {
    const known = this.byRail.get(rail)
    if (known !== undefined) return known
    const markets: RailMarkets = { selling: undefined, isOpening: false, buying: undefined }
    this.byRail.set(rail, markets)
    return markets
  }

  private openSelling(rail: SpeedRailDesk, markets: RailMarkets): void {
    markets.isOpening = true
    this.room.turns.after(rail.epochs.take(), (epochs, nowMs) => {
      markets.isOpening = false
      // Without epochs of its own nothing can be sold; the store says no more then anyway.
      const { speed } = this.room.config
      if (!epochs.ok || this.isClosed || speed?.earns !== true) return
      markets.selling = this.maker.selling(this.placeOf(rail, speed, epochs.value), nowMs)
      for (const side of this.sides.sellingOn(rail)) {
        markets.selling.join(side, nowMs)
        // It was not there yet when that was said.
        if (side.isWanting) markets.selling.told(side, { type: 'want-share', isWanting: true }, undefined, nowMs)
      }
    })
  }

  private tellBudget(rail: SpeedRailDesk, buying: BuyingMarket, nowMs: number): void {
    const { budget } = this.facts
    if (budget === undefined || this.purseRail !== rail) {
      buying.setBudget(undefined, nowMs)
      return
    }
    const { most, deadlineMs } = budget
    // Kept by the wall clock, as it outlives the program.
    const deadline =
      deadlineMs === undefined ? {} : { deadlineAtMs: nowMs + deadlineMs - this.room.ports.clock.wallMs() }
    buying.setBudget({ most, ...deadline }, nowMs)
  }

  private budgetLeftOn(rail: SpeedRailDesk): TokenAmount {
    const { id, budget } = this.facts
    if (budget === undefined || this.purseRail !== rail) return zeroAmount
    const { spent, locked } = rail.purses.of(id)
    const ofDay = rail.purses.dayLeft(this.dayBudget) + locked
    const left = budget.most > spent ? budget.most - spent : 0n
    return tokenAmount(left < ofDay ? left : ofDay)
  }

  /** Something is to be bought yet, or may be: it is not known what there is. */
  private get isLacking(): boolean {
    return !this.isClosed && this.sides.isLacking()
  }

  /** As it is now. */
  private get dayBudget(): TokenAmount {
    return this.room.config.speed?.dayBudget ?? zeroAmount
  }

  private fillPurse(rail: SpeedRailDesk): void {
    const { id, budget } = this.facts
    const isIts = budget !== undefined && this.purseRail === rail && this.isLacking
    rail.purses.fill(id, isIts ? budget.most : zeroAmount, this.dayBudget)
  }

  private placeOf(rail: SpeedRailDesk, config: SpeedConfig, firstEpoch: number): MarketPlace {
    const { room, facts, sides } = this
    return {
      room,
      rail,
      facts,
      config,
      firstEpoch,
      maxSlots: () => sides.maxSlots(),
      uploadBytesPerSecond: () => sides.uploadBytesPerSecond(),
      downloadBytesPerSecond: () => sides.downloadBytesPerSecond(),
      downloadRate: (nowMs) => sides.downloadRate(nowMs),
      remainingMiB: () => sides.remainingMiB(),
      pieceBytes: () => sides.pieceBytes(),
      mostPerMiB: () => undefined,
      budgetLeft: () => this.budgetLeftOn(rail),
      dayLeft: () => rail.purses.dayLeft(this.dayBudget),
      tellOthers: (but, message) => sides.tellOthers(but, message),
      keepProofs: (account, kind, proofs) => sides.cheated(rail, account, kind, proofs),
    }
  }
}
