// Seeders that a torrent's owner pays to stay: one machine a connection (market/stay-requester.ts), looked at once a second.
// Guarantees: nothing is offered that the budget could not pay to the end, or before the lane holds its first interval; what
// cannot be paid for is not gone on with. Owns the machines; what is owed is the payer machine's, which is what survives.
import { toHex } from '../base/bytes.ts'
import { mulDiv, type TokenAmount, tokenAmount, zeroAmount } from '../base/token-amount.ts'
import { type StayChallenge, type StayProviderMessage, type StayTerms, stayTickPrice } from '../market/stay-messages.ts'
import { StayRequester } from '../market/stay-requester.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'
import type { BuyingSide } from './buying-side.ts'
import type { SpeedEvent, StayRow } from './snapshots.ts'
import type { SpeedRoom } from './speed-room.ts'
import { answerFor, type StayLine, type WholeContent } from './staying.ts'
import type { KeptStaying, TorrentFacts } from './torrent-facts.ts'

export interface KeptTorrent {
  readonly facts: TorrentFacts
  /** Undefined: something of it is missing. */
  whole(): WholeContent | undefined
  /** Of the torrent's budget, what is not spent; it may lie in lanes. */
  budgetLeft(): TokenAmount
  told(event: SpeedEvent): void
}

interface Asked {
  requester: StayRequester | undefined
  /** It was accepted: what is told of its end is more than a refusal. */
  hasBegun: boolean
  /** No offer is made before. */
  offerAtMs: number
  /** Since when its lane cannot pay for the next tick; Infinity: it can. */
  unfundedSinceMs: number
}

const hourMs = 3_600_000
/** Between two challenges, unless so many fit into what is left only if they come sooner. */
const usualIntervalMs = 300_000
const leastIntervalMs = 10_000
const usualTicks = 12
const blocksEach = 4
/** What is wanted for longer is offered again. */
const mostMs = 30 * 24 * hourMs
const offersAgainMs = 600_000
/** What was put into a lane, or asked for, shows within so long. */
const fundsWithinMs = 30_000

export class PaidStays {
  private readonly room: SpeedRoom
  private readonly torrent: KeptTorrent
  private readonly byLine = new Map<StayLine, Asked>()
  /** They said that they have what they lack, and are asked no more. */
  private readonly liars = new Set<AccountId>()

  constructor(room: SpeedRoom, torrent: KeptTorrent) {
    this.room = room
    this.torrent = torrent
  }

  /** Others are to stay, and are paid for it, now. */
  get isKeeping(): boolean {
    return this.goal !== undefined
  }

  /** This seeder is paid to stay, or is to be offered that. */
  wants(line: StayLine): boolean {
    const { goal } = this
    if (goal === undefined || line.isClosed || line.buying === undefined) return false
    const asked = this.byLine.get(line)
    if (asked?.requester !== undefined) return true
    const mayAsk = !this.liars.has(line.buying.account) && this.room.turns.nowMs() >= (asked?.offerAtMs ?? 0)
    return mayAsk && this.requesters.length < goal.seeders
  }

  look(line: StayLine, nowMs: number): void {
    const asked = this.byLine.get(line)
    if (asked?.requester !== undefined) {
      this.reserve(line, asked.requester)
      this.lookAtFunds(line, asked, nowMs)
      asked.requester.handle({ type: 'wake' }, nowMs)
      this.drain(line, asked, nowMs)
    } else if (this.wants(line)) this.offer(line, nowMs)
  }

  told(line: StayLine, message: StayProviderMessage, nowMs: number): void {
    const asked = this.byLine.get(line)
    if (asked?.requester === undefined) return
    const wasUnderWay = asked.requester.isUnderWay
    asked.requester.handle({ type: 'told', message }, nowMs)
    if (!wasUnderWay && asked.requester.isUnderWay) this.began(line, asked, asked.requester.terms)
    this.drain(line, asked, nowMs)
  }

  /** The owner's wishes are others, or what is here. */
  review(nowMs: number): void {
    if (this.isKeeping) return
    for (const [line, asked] of this.byLine) {
      asked.requester?.handle({ type: 'stop' }, nowMs)
      this.drain(line, asked, nowMs)
    }
  }

  /** Speed is over there. */
  ended(line: StayLine): void {
    const asked = this.byLine.get(line)
    this.byLine.delete(line)
    if (asked?.requester !== undefined) this.tellEnded(line, asked, 'gone', asked.requester.owed)
  }

  rows(nowMs: number): StayRow[] {
    const rows: StayRow[] = []
    for (const [{ buying }, { requester }] of this.byLine) {
      if (buying === undefined || requester?.isUnderWay !== true) continue
      const { terms, owed: amount, endsMs } = requester
      rows.push({ account: buying.account, side: 'paying', perHour: terms.perHour, amount, leftMs: endsMs - nowMs })
    }
    return rows
  }

  private get goal(): KeptStaying | undefined {
    const { facts } = this.torrent
    const staying = facts.budget?.staying
    if (staying === undefined || this.torrent.whole() === undefined || this.room.config.speed?.pays !== true)
      return undefined
    return this.room.ports.clock.wallMs() < staying.untilMs ? staying : undefined
  }

  private get requesters(): StayRequester[] {
    return [...this.byLine.values()].flatMap(({ requester }) => (requester === undefined ? [] : [requester]))
  }

  private offer(line: StayLine, nowMs: number): void {
    const { goal, torrent, room } = this
    const { buying, link } = line
    const whole = torrent.whole()
    const isThere = buying?.isAttached === true && link.swarmPeer?.isSeed === true
    if (goal === undefined || whole === undefined || !isThere) return
    const asked = this.byLine.get(line) ?? newAsked()
    this.byLine.set(line, asked)
    const terms = this.termsFor(goal, buying, nowMs)
    if (terms === undefined) return
    buying.reserve(stayTickPrice(terms, 0))
    // The lane is filled first.
    if (!buying.isReserved) return
    asked.requester = new StayRequester({ terms, content: whole, random: room.ports.random }, nowMs)
    asked.hasBegun = false
    asked.unfundedSinceMs = Number.POSITIVE_INFINITY
    this.drain(line, asked, nowMs)
  }

  /** An equal part of what is left, less what lanes cost and what may be left over in them. Undefined: too little for one. */
  private termsFor({ untilMs, seeders }: KeptStaying, { leastLane }: BuyingSide, nowMs: number): StayTerms | undefined {
    const { requesters, room, torrent } = this
    const places = seeders - requesters.length
    const lastsMs = Math.min(mostMs, Math.floor(untilMs - room.ports.clock.wallMs()))
    const intervalMs = Math.floor(Math.max(leastIntervalMs, Math.min(usualIntervalMs, lastsMs / usualTicks)))
    let free = torrent.budgetLeft() - leastLane * BigInt(places)
    for (const requester of requesters) free -= requester.mostToCome(nowMs)
    if (free <= 0n || lastsMs < intervalMs) return undefined
    const perHour = mulDiv(tokenAmount(free), BigInt(hourMs), BigInt(lastsMs) * BigInt(places), 'down')
    const stay = new Uint8Array(32)
    room.ports.random.fill(stay)
    const terms = { stay: toHex(stay) as Hash256, lastsMs, perHour, intervalMs, blocks: blocksEach }
    return stayTickPrice(terms, 0) > 0n ? terms : undefined
  }

  private reserve({ buying }: StayLine, requester: StayRequester): void {
    buying?.reserve(requester.tickPrice)
  }

  private lookAtFunds({ buying }: StayLine, asked: Asked, nowMs: number): void {
    const { requester } = asked
    if (buying?.isReserved === true) asked.unfundedSinceMs = Number.POSITIVE_INFINITY
    else asked.unfundedSinceMs = Math.min(asked.unfundedSinceMs, nowMs)
    if (nowMs >= asked.unfundedSinceMs + fundsWithinMs) requester?.handle({ type: 'stop' }, nowMs)
  }

  private drain(line: StayLine, asked: Asked, nowMs: number): void {
    const { requester } = asked
    for (let output = requester?.poll(); output !== undefined; output = requester?.poll()) {
      if (output.type === 'tell') line.tell(output.message)
      else if (output.type === 'expect') this.expect(line, requester, output.challenge)
      else if (output.type === 'owe') line.buying?.oweBesides(output.amount)
      else {
        asked.requester = undefined
        // What is left of the time has no whole interval, but may have shorter ones.
        asked.offerAtMs = output.why === 'complete' ? nowMs : nowMs + offersAgainMs
        if (output.why === 'wrong-answer' && line.buying !== undefined) this.liars.add(line.buying.account)
        this.tellEnded(line, asked, output.why, requester?.owed ?? zeroAmount, output.leastPerHour)
        line.buying?.reserve(zeroAmount)
      }
    }
  }

  private expect(line: StayLine, requester: StayRequester | undefined, challenge: StayChallenge): void {
    const account = line.buying?.account
    if (account === undefined) return
    this.room.turns.after(answerFor(account, challenge, this.torrent.whole()), (answer, nowMs) => {
      const asked = this.byLine.get(line)
      if (asked === undefined || asked.requester !== requester) return
      requester?.handle({ type: 'expected', tick: challenge.tick, answer }, nowMs)
      this.drain(line, asked, nowMs)
    })
  }

  private began({ buying }: StayLine, asked: Asked, { perHour, lastsMs }: StayTerms): void {
    asked.hasBegun = true
    if (buying === undefined) return
    this.torrent.told({ type: 'stay-began', account: buying.account, side: 'paying', perHour, lastsMs })
  }

  private tellEnded(
    { buying }: StayLine,
    { hasBegun }: Asked,
    why: string,
    amount: TokenAmount,
    leastPerHour?: TokenAmount,
  ): void {
    if (buying === undefined) return
    const { account } = buying
    if (hasBegun) this.torrent.told({ type: 'stay-ended', account, side: 'paying', why, amount })
    else
      this.torrent.told({ type: 'stay-refused', account, why, ...(leastPerHour === undefined ? {} : { leastPerHour }) })
  }
}

function newAsked(): Asked {
  return {
    requester: undefined,
    hasBegun: false,
    offerAtMs: 0,
    unfundedSinceMs: Number.POSITIVE_INFINITY,
  }
}
