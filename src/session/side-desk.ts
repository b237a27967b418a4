// What the side of a connection that pays or is paid has of its ledger, and of its connection: two narrow views, so that a
// side knows neither the whole desk nor the wire. Types only.
import type { TokenAmount } from '../base/token-amount.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { LinkConditions } from '../payment/exposure-window.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { PayeeDriver, PayerDriver } from './lane-driver.ts'
import type { ReceiptBook } from './payee-receipts.ts'
import type { RailPurses } from './rail-purses.ts'
import type { UncountedStretch } from './speed-line.ts'
import type { RailReceipts, SpeedRail } from './speed-ports.ts'
import type { LinkedPeer } from './torrent-exchange.ts'
import type { UndrawnClaims } from './undrawn-claims.ts'

/** Both machines of an account, at work. */
export interface SideDesk {
  readonly port: SpeedRail
  readonly receipts: RailReceipts
  readonly rail: RailId
  readonly account: AccountId
  readonly payer: PayerDriver
  readonly payee: PayeeDriver
  readonly undrawn: UndrawnClaims
  readonly purses: RailPurses
  /** Of everything that is asked for here. */
  readonly signal: AbortSignal
  /** What payees signed that they were paid. */
  readonly receiptBook: ReceiptBook
  nowMs(): number
  wallMs(): number
  /** It kept what it was paid ahead, or claimed what is not so, too often: nothing is bought of it. */
  isAvoided(account: AccountId): boolean
  /** Bytes were counted: looked at before the turn ends. */
  touchPayer(): void
  /** For what came over a connection that is gone, and proved right only now. */
  oweLater(account: AccountId, amount: TokenAmount): void
}

export interface SideConnection {
  readonly link: LinkedPeer
  readonly conditions: LinkConditions
  tell(message: SpeedPlain): void
  /** Signed and sent in the order of the calls; the count of a stretch is filled in. */
  state(statement: SpeedStatement | UncountedStretch): void
  /** Disconnects and bans the peer. */
  banPeer(detail: string): void
}
