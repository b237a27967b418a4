// What a peer says on a connection whose accounts are proved, and whom it is for: the side that is paid, the side that pays,
// their machines, markets and stays. Guarantees: what its sender may not send has been refused before. Keeps nothing.
import type { ErrorCode } from '../base/errors.ts'
import type { SpeedPlain, SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { ShownStatement } from '../formats/peer/speed-signing.ts'
import { speedSenders } from '../peer/speed-agreement.ts'
import type { BuyingMarket, SellingMarket, StatementProof } from './speed-market.ts'
import type { EarningSide, SpeedRailDesk } from './speed-rail-desk.ts'
import type { StayLine, StayMessage } from './staying.ts'

export interface ReceivingConnection extends StayLine {
  /** Undefined: none is agreed on yet. */
  readonly rail: SpeedRailDesk | undefined
  readonly earning: EarningSide | undefined
  readonly torrent: {
    selling(rail: SpeedRailDesk): SellingMarket | undefined
    buying(rail: SpeedRailDesk): BuyingMarket | undefined
    readonly stays: { told(line: StayLine, message: StayMessage, nowMs: number): void }
  }
}

/** `proof`: of a statement. */
export function takeMessage(
  to: ReceivingConnection,
  message: SpeedPlain | SpeedStatement,
  proof: StatementProof | undefined,
  nowMs: number,
): void {
  const { rail, buying, selling, earning, torrent } = to
  if (rail === undefined) return
  switch (message.type) {
    case 'hello':
      if (earning !== undefined) rail.helloed(earning, message, nowMs)
      return
    case 'voucher':
    case 'finish':
      // What it lacks bounds the window that the voucher is followed by.
      selling?.conditionsChanged()
      if (selling?.isAttached === true) rail.payee.handle({ type: 'told', from: selling.account, message })
      if (message.type === 'finish') selling?.finished(nowMs)
      return
    case 'present':
    case 'acknowledge':
      if (buying?.isAttached === true) rail.payer.handle({ type: 'told', from: buying.account, message })
      buying?.acknowledged()
      return
    case 'refuse':
      takeRefusal(rail, to, message)
      return
    case 'shown-root':
      torrent.buying(rail)?.rootShown(message, (answer) => to.tell(answer))
      return
    case 'shown-job-root':
      torrent.selling(rail)?.jobRootShown(message, (answer) => to.tell(answer))
      return
    case 'stay-offer':
    case 'stay-challenge':
    case 'stay-accept':
    case 'stay-refuse':
    case 'stay-proof':
    case 'stay-end':
      torrent.stays.told(to, message, nowMs)
      return
    case 'lane':
      takeLane(rail, to, message)
      return
    default: {
      if (message.type === 'want-share' && selling !== undefined) selling.isWanting = message.isWanting
      const sender = speedSenders[message.type]
      if (sender !== 'payee' && selling?.isAttached === true)
        torrent.selling(rail)?.told(selling, message, proof, nowMs)
      if (sender !== 'payer' && buying?.isAttached === true) torrent.buying(rail)?.told(buying, message, proof, nowMs)
    }
  }
}

/** A statement of somebody else, as the peer shows it. */
export function takeShown(
  { rail, torrent }: ReceivingConnection,
  shown: ShownStatement,
  proof: StatementProof,
  nowMs: number,
): void {
  if (rail === undefined) return
  const market = speedSenders[shown.statement.type] === 'payer' ? torrent.selling(rail) : torrent.buying(rail)
  market?.shown(shown, proof, nowMs)
}

function takeRefusal(
  rail: SpeedRailDesk,
  { buying }: ReceivingConnection,
  { lane, reason }: Extract<SpeedPlain, { readonly type: 'refuse' }>,
): void {
  if (lane === undefined || buying?.isAttached !== true) return
  // What it means is the same whatever the word.
  const code = reason as ErrorCode
  rail.payer.handle({ type: 'told', from: buying.account, message: { type: 'refuse', lane, code } })
}

function takeLane(
  rail: SpeedRailDesk,
  { selling }: ReceivingConnection,
  { receipt }: Extract<SpeedPlain, { readonly type: 'lane' }>,
): void {
  if (selling?.isAttached !== true) return
  const checked = rail.receipts.check(receipt)
  if (!checked.ok || checked.value.type !== 'lane') return
  rail.payee.handle({ type: 'lane-shown', from: selling.account, lane: checked.value.lane })
}
