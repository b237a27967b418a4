// What both sides of paid staying need of their torrent and connection, and what becomes of a connection that is there for
// nothing else. Guarantees: what cannot be read is no answer. Keeps nothing.
import type { SpeedPlain } from '../formats/peer/speed-messages.ts'
import {
  type StayBlock,
  type StayChallenge,
  type StayContent,
  type StayProviderMessage,
  type StayRequesterMessage,
  stayAnswer,
} from '../market/stay-messages.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { BuyingSide } from './buying-side.ts'
import type { SellingSide } from './selling-side.ts'
import type { LinkedPeer } from './torrent-exchange.ts'

/** What becomes of a connection that neither side transfers on any more. */
export type Usefulness =
  /** All is settled. */
  | 'over'
  /** Something is to be settled, or may be asked for yet: for a while. */
  | 'settling'
  /** It is paid for to be there. */
  | 'held'

export type StayMessage = StayRequesterMessage | StayProviderMessage

/** All of a torrent, where it is here. */
export interface WholeContent extends StayContent {
  /** In the order asked for; undefined: one of them does not exist, or cannot be read. */
  read(blocks: readonly StayBlock[]): Promise<readonly Uint8Array[] | undefined>
}

/** A connection that speaks Speed. */
export interface StayLine {
  readonly link: LinkedPeer
  readonly buying: BuyingSide | undefined
  readonly selling: SellingSide | undefined
  readonly isClosed: boolean
  tell(message: SpeedPlain): void
}

/** The answer of an account to a challenge; undefined: the content is not here, or cannot be read. */
export async function answerFor(
  account: AccountId,
  challenge: StayChallenge,
  whole: WholeContent | undefined,
): Promise<Hash256 | undefined> {
  const contents = await whole?.read(challenge.blocks)
  return contents === undefined ? undefined : stayAnswer(account, challenge, contents)
}
