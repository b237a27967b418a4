// What a torrent asks of the markets it sells and buys in, on one ledger. Types and a number only. Called within a turn, with the time;
// whoever called asks for the next wake-up then. Neither says anything to a line that has left.
import type { TokenAmount } from '../base/token-amount.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { ShownStatement } from '../formats/peer/speed-signing.ts'
import type { BuyingLine, SellingLine } from './speed-line.ts'

/** The bytes that were signed, of a statement whose signature was checked. */
export interface StatementProof {
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

interface Market<Line> {
  join(line: Line, nowMs: number): void
  leave(line: Line, nowMs: number): void
  /** `proof`: of statements. */
  told(line: Line, message: SpeedPlain | SpeedStatement, proof: StatementProof | undefined, nowMs: number): void
  /** A statement to somebody else, as a peer showed it: a provider's to who buys, a requester's to who sells. */
  shown(shown: ShownStatement, proof: StatementProof, nowMs: number): void
  wake(nowMs: number): void
  nextWakeMs(): number
  /** Nothing more is sold or bought; lines stay. */
  close(nowMs: number): void
}

export interface SellingMarket extends Market<SellingLine> {
  /** r of the moment. */
  readonly postedPrice: TokenAmount
  readonly sharesSold: number
  readonly shares: number
  /** As `rootShown` of those who buy, of a requester's job. */
  jobRootShown(
    shown: Extract<SpeedPlain, { readonly type: 'shown-job-root' }>,
    answer: (message: SpeedPlain) => void,
  ): void
}

/** In awards: the price is of a job, whose award it answers. No seller's own begin below 1. */
export const epochOfJobs = 0

export interface BuyingMarket extends Market<BuyingLine> {
  /** A peer says what a provider showed it; `answer` is told to it. */
  rootShown(shown: Extract<SpeedPlain, { readonly type: 'shown-root' }>, answer: (message: SpeedPlain) => void): void
  /** Undefined: nothing is bought any more. `deadlineAtMs`: steady. */
  setBudget(budget: { readonly most: TokenAmount; readonly deadlineAtMs?: number } | undefined, nowMs: number): void
}
