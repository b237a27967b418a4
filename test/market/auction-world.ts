// A provider and its bidders with every message between them, delivered in order unless a test takes it away or changes it.
// Guarantees: a message's proof is its own bytes; all that was put out is kept; the same inputs give the same world.
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { type TokenAmount, tokenAmount } from '../../src/base/token-amount.ts'
import { AuctionBidder, type AuctionBidderOutput } from '../../src/market/auction-bidder.ts'
import { AuctionProvider, type AuctionProviderOutput } from '../../src/market/auction-provider.ts'
import type { AuctionBidderMessage, AuctionProviderMessage, ShownRoot } from '../../src/market/market-messages.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { account } from './market-cases.ts'

export const provider = account(9_000)
export const posted = tokenAmount(100n)
const rich = tokenAmount(10n ** 30n)

export function proofOf(message: unknown): Uint8Array {
  return fromUtf8(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
}

export interface AuctionWorldOptions {
  readonly shares?: number
  /** What arrives instead; undefined: nothing does. */
  toBidder?(to: AccountId, message: AuctionProviderMessage): AuctionProviderMessage | undefined
  toProvider?(from: AccountId, message: AuctionBidderMessage): AuctionBidderMessage | undefined
  readonly backing?: TokenAmount
}

export class AuctionWorld {
  nowMs = 0
  readonly seller: AuctionProvider
  readonly bidders = new Map<AccountId, AuctionBidder>()
  readonly sold: AuctionProviderOutput[] = []
  readonly said = new Map<AccountId, AuctionBidderOutput[]>()
  private readonly options: AuctionWorldOptions

  constructor(options: AuctionWorldOptions = {}) {
    this.options = options
    const { shares = 2 } = options
    this.seller = new AuctionProvider(
      { account: provider, firstEpoch: 7, shares, postedPrice: posted, backedMiB: 16 },
      0,
    )
  }

  join(index: number, bid: bigint, weight = 1024): AccountId {
    const id = account(index)
    this.bidders.set(id, new AuctionBidder({ account: id, provider, random: simulatedRandom(index) }))
    this.said.set(id, [])
    this.seller.handle({ type: 'arrive', account: id, weight, isNewcomer: weight === 1024 }, this.nowMs)
    this.bid(id, bid)
    return id
  }

  bid(id: AccountId, bid: bigint): void {
    this.bidders.get(id)?.handle({ type: 'posted-price', price: posted }, this.nowMs)
    this.bidders.get(id)?.handle({ type: 'bid', bid: tokenAmount(bid) }, this.nowMs)
    this.settle()
  }

  leave(id: AccountId): void {
    this.bidders.delete(id)
    this.seller.handle({ type: 'leave', account: id }, this.nowMs)
    this.settle()
  }

  draw(id: AccountId, bytes: number, shareBytes: number): void {
    this.seller.handle({ type: 'drawn', account: id, bytes, shareBytes, isWithoutRequests: true }, this.nowMs)
    this.settle()
  }

  /** Goes on until then, waking who wants to be woken. */
  until(endMs: number): void {
    for (;;) {
      const machines = [this.seller, ...this.bidders.values()]
      const nextMs = Math.min(...machines.map((machine) => machine.nextWakeMs()))
      if (nextMs > endMs) break
      this.nowMs = Math.max(this.nowMs, nextMs)
      for (const machine of machines)
        if (machine.nextWakeMs() <= this.nowMs) machine.handle({ type: 'wake' }, this.nowMs)
      this.settle()
    }
    this.nowMs = endMs
  }

  tell(id: AccountId, message: AuctionProviderMessage): void {
    this.bidders.get(id)?.handle({ type: 'told', message, proof: proofOf(message) }, this.nowMs)
    this.settle()
  }

  showRoot(id: AccountId, root: ShownRoot): void {
    this.bidders.get(id)?.handle({ type: 'root-shown', root, proof: proofOf(root) }, this.nowMs)
    this.settle()
  }

  frauds(id?: AccountId): readonly Extract<AuctionBidderOutput, { readonly type: 'fraud' }>[] {
    const outputs = id === undefined ? [...this.said.values()].flat() : (this.said.get(id) ?? [])
    return outputs.filter((output) => output.type === 'fraud')
  }

  /** Messages come and go until there are none. */
  private settle(): void {
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      for (let output = this.seller.poll(); output !== undefined; output = this.seller.poll()) {
        isBusy = true
        this.sold.push(output)
        if (output.type !== 'tell') continue
        const { toBidder = (_: AccountId, message: AuctionProviderMessage) => message } = this.options
        const message = toBidder(output.to, output.message)
        if (message === undefined) continue
        this.bidders.get(output.to)?.handle({ type: 'told', message, proof: proofOf(message) }, this.nowMs)
      }
      for (const [id, bidder] of this.bidders) {
        for (let output = bidder.poll(); output !== undefined; output = bidder.poll()) {
          isBusy = true
          this.said.get(id)?.push(output)
          if (output.type !== 'tell') continue
          const { toProvider = (_: AccountId, message: AuctionBidderMessage) => message, backing = rich } = this.options
          const message = toProvider(id, output.message)
          if (message !== undefined) this.seller.handle({ type: 'told', from: id, message, backing }, this.nowMs)
        }
      }
    }
  }
}
