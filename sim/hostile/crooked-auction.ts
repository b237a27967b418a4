// The auction of a seller that means harm, over all its lines: rounds as they should be (docs/protocol/speed.md) up to the one
// step in which it cheats, again every few seconds. Guarantees: nothing is attacked before somebody bids. Owns its rounds.
import type { SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import { auctionListRoot } from '../../src/market/sealing.ts'
import type { AccountId, Hash256 } from '../../src/ports/ledger.ts'
import { tokens } from '../world/dealing.ts'
import * as messages from './messages.ts'
import type { SpeedLiar } from './speed-liar.ts'

/**
 * `two-lists`: everybody is shown another one. `leaves-out`: whoever bids is not in the list. `overprices`: who wins is
 * to pay three times what it bid. `ignores-reveals`: of what was opened nothing is there in the award.
 */
export type Crookedness = 'two-lists' | 'leaves-out' | 'overprices' | 'ignores-reveals'

type Told<Type> = Extract<SpeedStatement, { readonly type: Type }>
type Call = Told<'auction-call'>
type Opening = Told<'auction-award'>['openings'][number]

interface Round {
  readonly call: Call
  readonly sealed: Map<AccountId, Hash256>
  readonly opened: Map<AccountId, Opening>
  listRoot: Hash256 | undefined
}

const stepMs = 3_000
const pauseMs = 8_000
const weight = 1_024

export class CrookedAuction {
  private readonly crookedness: Crookedness
  private readonly bidders = new Map<AccountId, SpeedLiar>()
  private round: Round | undefined
  private epoch = 0
  private nextMs = 0

  constructor(crookedness: Crookedness) {
    this.crookedness = crookedness
  }

  told(liar: SpeedLiar, message: SpeedPlain | SpeedStatement): void {
    const { peer } = liar
    const { round } = this
    if (peer === undefined) return
    if (message.type === 'want-share' && message.isWanting) this.bidders.set(peer, liar)
    else if (message.type === 'want-share') this.bidders.delete(peer)
    else if (message.type === 'auction-commit' && message.epoch === round?.call.epoch)
      round.sealed.set(peer, message.commitment)
    else if (message.type === 'auction-reveal' && message.epoch === round?.call.epoch)
      round.opened.set(peer, { account: peer, bid: message.bid, nonce: message.nonce })
  }

  /** Now and then. */
  wake(nowMs: number): void {
    if (nowMs < this.nextMs) return
    for (const [account, { line }] of this.bidders) if (line.isEnded) this.bidders.delete(account)
    const { round } = this
    const step = round === undefined ? this.call() : round.listRoot === undefined ? this.list(round) : this.award(round)
    this.round = step
    this.nextMs = nowMs + (step === undefined ? pauseMs : stepMs)
  }

  private call(): Round | undefined {
    if (this.bidders.size < (this.crookedness === 'two-lists' ? 2 : 1)) return undefined
    const seats = [...this.bidders.keys()].sort().map((account) => ({ account, weight }))
    const call: Call = {
      type: 'auction-call',
      epoch: ++this.epoch,
      shares: 1,
      postedPrice: tokens(0.5),
      seats,
      backedMiB: 1,
      commitWithinMs: stepMs,
    }
    for (const liar of this.bidders.values()) liar.state(call)
    return { call, sealed: new Map(), opened: new Map(), listRoot: undefined }
  }

  private list(round: Round): Round | undefined {
    const { call, sealed } = round
    if (sealed.size < (this.crookedness === 'two-lists' ? 2 : 1)) return undefined
    for (const account of sealed.keys()) {
      const liar = this.bidders.get(account)
      if (liar === undefined) continue
      const commitments = [...sealed]
        .map(([of, commitment]) => ({ account: of, commitment: this.shown(liar, of, commitment) }))
        .sort((a, b) => (a.account < b.account ? -1 : 1))
      const rows = this.crookedness === 'leaves-out' ? [] : commitments
      const listRoot = auctionListRoot(liar.account, call, rows)
      round.listRoot = listRoot
      if (!this.awards) attacked(liar)
      liar.state({ type: 'auction-list', epoch: call.epoch, listRoot, commitments: rows, revealWithinMs: stepMs })
    }
    return this.awards ? round : undefined
  }

  private get awards(): boolean {
    return this.crookedness === 'overprices' || this.crookedness === 'ignores-reveals'
  }

  /** To whom it is shown its own is there; of the others nothing is what it was. */
  private shown(liar: SpeedLiar, of: AccountId, commitment: Hash256): Hash256 {
    if (this.crookedness !== 'two-lists' || of === liar.peer) return commitment
    return (commitment.startsWith('0') ? `1${commitment.slice(1)}` : `0${commitment.slice(1)}`) as Hash256
  }

  private award({ call, opened, listRoot }: Round): undefined {
    const isIgnoring = this.crookedness === 'ignores-reveals'
    const openings = isIgnoring ? [] : [...opened.values()].sort((a, b) => (a.account < b.account ? -1 : 1))
    if (listRoot === undefined) return undefined
    for (const { account, bid } of opened.values()) {
      const liar = this.bidders.get(account)
      if (liar === undefined) continue
      attacked(liar)
      const price = (isIgnoring ? 0n : bid * 3n) as typeof bid
      liar.state({
        type: 'auction-award',
        epoch: call.epoch,
        listRoot,
        openings,
        dropped: [],
        share: isIgnoring ? 0 : 1,
        price,
        fromByte: 0,
      })
    }
    return undefined
  }
}

/** From here on it may be found out; what it says is no more than any peer says. */
function attacked({ line }: SpeedLiar): void {
  line.attack(messages.keepAlive)
}
