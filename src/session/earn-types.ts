// What earn mode is told and what it shows: offers, settings, events, rows. Types only; amounts are base units, times the
// wall clock's milliseconds.
import type { Failure, Result } from '../base/errors.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import type { EarnCandidate, EarnLimits } from '../market/earn-estimate.ts'
import type { DropReason } from '../market/earn-plan.ts'
import type { AddSource } from './commands.ts'
import type { EarnPhase } from './earn-records.ts'

/** A torrent of a catalogue. */
export interface EarnOffer {
  /** As the session would name it. */
  readonly id: string
  readonly name: string
  /** 0: not known, as of a link. */
  readonly sizeBytes: number
  readonly isPrivate: boolean
  readonly trackers: readonly string[]
  load(): Promise<Result<AddSource>>
}

export interface EarnSettings {
  /** What the line can send beyond what is paid for is found out by earn mode itself. */
  readonly limits: Omit<EarnLimits, 'spareBytesPerSecond'>
  readonly uploadBytesPerSecond: number
  /** Absolute; each torrent has a folder of its own in it. */
  readonly folder: string
  /** For a MiB, where no torrent says what it is sold for. */
  readonly usualPrice: TokenAmount
  /** Paid for downloads at most, all together. */
  readonly payBudget: TokenAmount
  readonly scrapeEveryMs: number
  /** Further trackers of all torrents, named by the owner. */
  readonly trackers: readonly string[]
}

export type EarnEvent =
  | { readonly type: 'fetching' | 'kept' | 'dropped'; readonly row: EarnRow }
  | { readonly type: 'dropping'; readonly row: EarnRow; readonly why: DropReason }
  /** It is left alone for a while. */
  | { readonly type: 'trouble'; readonly row: EarnRow; readonly problem: Failure }

/** A torrent that is here, or that was offered. Amounts an hour may be less than nothing. */
export interface EarnRow {
  readonly id: string
  readonly name: string
  readonly phase: EarnPhase
  readonly sizeBytes: number
  readonly doneBytes: number
  readonly demand: EarnCandidate['demand']
  readonly earned: TokenAmount
  readonly paid: TokenAmount
  readonly payers: number
  /** What an hour of it is expected to bring, keeping it on the disk paid for. */
  readonly expectedPerHour: bigint
}

export interface EarnView {
  /** Those that are here, the best first. */
  readonly torrents: readonly EarnRow[]
  readonly offers: number
  /** Reserved by those that are here. */
  readonly usedBytes: number
  readonly diskBytes: number
  /** All there ever was. */
  readonly earned: TokenAmount
  readonly paid: TokenAmount
}
