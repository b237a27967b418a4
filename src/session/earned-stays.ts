// Staying on a torrent for those who pay for it: one machine a connection (market/stay-provider.ts), looked at once a second.
// Guarantees: a payer who does not keep its word costs one interval; what is read for others is one challenge an interval
// and connection. Owns the machines; what is owed is the payee machine's.
import { type TokenAmount, zeroAmount } from '../base/token-amount.ts'
import type { StayChallenge, StayRequesterMessage } from '../market/stay-messages.ts'
import { StayProvider } from '../market/stay-provider.ts'
import type { SpeedEvent, StayRow } from './snapshots.ts'
import type { SpeedRoom } from './speed-room.ts'
import { answerFor, type StayLine, type WholeContent } from './staying.ts'

export interface SeededTorrent {
  /** Undefined: something of it is missing. */
  whole(): WholeContent | undefined
  told(event: SpeedEvent): void
}

interface Held {
  readonly provider: StayProvider
  /** What its account is to have paid in all for the tick that was charged last. */
  paidAt: TokenAmount
}

/** No offer for longer is taken: prices change, and owners. */
const mostMs = 30 * 24 * 3_600_000

export class EarnedStays {
  private readonly room: SpeedRoom
  private readonly torrent: SeededTorrent
  private readonly byLine = new Map<StayLine, Held>()

  constructor(room: SpeedRoom, torrent: SeededTorrent) {
    this.room = room
    this.torrent = torrent
  }

  /** Somebody pays for our staying over it. */
  holds(line: StayLine): boolean {
    return this.byLine.get(line)?.provider.terms !== undefined
  }

  look(line: StayLine, nowMs: number): void {
    const held = this.byLine.get(line)
    if (held === undefined) return
    const { provider, paidAt } = held
    const isPaid = line.selling?.isAttached === true && line.selling.sums.paid >= paidAt
    if (isPaid) provider.handle({ type: 'paid' }, nowMs)
    provider.handle({ type: 'wake' }, nowMs)
    this.drain(line, held)
  }

  told(line: StayLine, message: StayRequesterMessage, nowMs: number): void {
    // Before it has said hello there is no account to charge.
    if (line.selling?.isAttached !== true) return
    const held = this.byLine.get(line) ?? { provider: new StayProvider(), paidAt: zeroAmount }
    this.byLine.set(line, held)
    const policy = { leastPerHour: this.room.config.speed?.leastPerHour ?? zeroAmount, mostMs }
    held.provider.handle({ type: 'told', message, isSeeding: this.torrent.whole() !== undefined, policy }, nowMs)
    this.drain(line, held)
  }

  /** Speed is over there. */
  ended(line: StayLine): void {
    const provider = this.byLine.get(line)?.provider
    this.byLine.delete(line)
    if (provider?.terms !== undefined) this.tellEnded(line, 'gone', provider.charged)
  }

  rows(nowMs: number): StayRow[] {
    const rows: StayRow[] = []
    for (const [{ selling }, { provider }] of this.byLine) {
      const { terms, charged: amount, endsMs } = provider
      if (selling === undefined || terms === undefined) continue
      rows.push({ account: selling.account, side: 'earning', perHour: terms.perHour, amount, leftMs: endsMs - nowMs })
    }
    return rows
  }

  private drain(line: StayLine, held: Held): void {
    const { provider } = held
    for (let output = provider.poll(); output !== undefined; output = provider.poll()) {
      if (output.type === 'tell') {
        line.tell(output.message)
        if (output.message.type === 'stay-accept') this.tellBegan(line, provider)
      } else if (output.type === 'read') this.answer(line, output.challenge)
      else if (output.type === 'charge') held.paidAt = line.selling?.charge(output.amount) ?? zeroAmount
      else this.tellEnded(line, output.why, output.charged)
    }
  }

  private answer(line: StayLine, challenge: StayChallenge): void {
    const own = line.selling?.own
    if (own === undefined) return
    this.room.turns.after(answerFor(own, challenge, this.torrent.whole()), (answer, nowMs) => {
      const held = this.byLine.get(line)
      held?.provider.handle({ type: 'answer', tick: challenge.tick, answer }, nowMs)
      if (held !== undefined) this.drain(line, held)
    })
  }

  private tellBegan({ selling }: StayLine, { terms }: StayProvider): void {
    if (selling === undefined || terms === undefined) return
    const { perHour, lastsMs } = terms
    this.torrent.told({ type: 'stay-began', account: selling.account, side: 'earning', perHour, lastsMs })
  }

  private tellEnded({ selling }: StayLine, why: string, amount: TokenAmount): void {
    if (selling === undefined) return
    this.torrent.told({ type: 'stay-ended', account: selling.account, side: 'earning', why, amount })
  }
}
