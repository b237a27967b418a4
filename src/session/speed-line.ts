// One connection on which both sides are bound to their accounts, as the markets see it. Types only. Called within a turn.
//
// A stretch is a part of what one side serves the other that is paid for: it begins with an award on the wire, every block
// sent from then on counts, those before do not, and it ends with what takes the share away. TCP keeps the order, so
// both sides count the same bytes: `fromByte` of what begins, prices anew or ends it is that count, and must agree. All
// of these are the provider's: a job's award is answered by one (`walk-in-award` of epoch 0).
import type { TokenAmount } from '../base/token-amount.ts'
import type { SignedReceipt } from '../formats/money/receipt.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'

/** What begins, prices or ends a stretch. */
export type StretchKind = 'walk-in-award' | 'auction-award' | 'share-lost'
export type StretchStatement = Extract<SpeedStatement, { readonly type: StretchKind }>
/** Without the count, which is filled in when it is sent. */
export type UncountedStretch = {
  [Kind in StretchKind]: Omit<Extract<StretchStatement, { readonly type: Kind }>, 'fromByte'>
}[StretchKind]
export type OtherStatement = Exclude<SpeedStatement, { readonly type: StretchKind }>

interface Line {
  /** The peer's account. */
  readonly account: AccountId
  readonly own: AccountId
  readonly rail: RailId
  tell(message: SpeedPlain): void
  /** Signed by our account, then sent, in the order of the calls; nothing if the connection closes meanwhile. */
  state(statement: OtherStatement): void
  /** Disconnects and bans it. */
  ban(detail: string): void
}

/** The peer pays us here. */
export interface SellingLine extends Line {
  /** /24 of IPv4 or /56 of IPv6. */
  readonly network: string
  /** As `state`; from the moment it is asked for until it is sent nothing is served there. */
  stretch(statement: UncountedStretch): void
  /** Payload served in stretches, and verified bytes that it gave us, of this connection. */
  readonly servedBytes: number
  readonly receivedBytes: number
  /** It wants something that we have. */
  readonly isInterested: boolean
  /** The same, and has asked for nothing that is not served yet. */
  readonly isWithoutRequests: boolean
  /** Bytes it paid for before, here or on other connections; 0: a newcomer. */
  readonly paidBytes: number
  /** A window of credit, or what was paid ahead, lets us serve it now. */
  readonly isCovered: boolean
}

/** We pay the peer here. */
export interface BuyingLine extends Line {
  /** r, by its terms or its last award. */
  readonly postedPrice: TokenAmount
  /** A lane to it is open, and it serves ahead of payment, or is paid ahead: there is no sense in wanting a share before. */
  readonly isReady: boolean
  /** One is open, or opening, that the torrent's budget pays on. */
  readonly hasLane: boolean
  /** It has something that we want. */
  readonly isUseful: boolean
  /** Opens a lane unless one is open, for about this price. */
  prepare(price: TokenAmount): void
  /** A stretch of ours goes on at this price from there; false: the count is not ours, and the line is closed. */
  pay(price: TokenAmount, fromByte: number): boolean
  /** The stretch is over; `owedBytes` are paid for besides. False: as with `pay`. */
  stop(fromByte: number, owedBytes: number): boolean
  /** A receipt of our balance, or of a lane to it, to back a bid; undefined: the ledger does not say. */
  backing(): Promise<SignedReceipt | undefined>
  /** Came in stretches of this connection: what `fromByte` counts; and of that, what is owed for, as it is right. */
  readonly receivedBytes: number
  readonly dealtBytes: number
  /** The most it was seen to bring in a second, paid or not; 0: it brought too little to tell. */
  readonly bestBytesPerSecond: number
}
