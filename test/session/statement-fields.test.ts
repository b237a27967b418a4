// What the markets tell and what the wire carries are the same messages: checked by the compiler, kind by kind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SpeedPlain, SpeedStatement } from '../../src/formats/peer/speed-messages.ts'
import type {
  AuctionBidderMessage,
  AuctionProviderMessage,
  JobProviderMessage,
  JobRequesterMessage,
} from '../../src/market/market-messages.ts'
import { speedSenders } from '../../src/peer/speed-agreement.ts'

type Markets = AuctionBidderMessage | AuctionProviderMessage | JobProviderMessage | JobRequesterMessage
type Wire = SpeedPlain | SpeedStatement
/** What only the wire adds: the count that a price begins with, and the receipt that backs a bid. */
type Added = 'fromByte' | 'backing'
type Of<Message, Kind> = Extract<Message, { readonly type: Kind }>
type IsSame<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
type IsCarried<Kind extends Markets['type']> = IsSame<Of<Markets, Kind>, Omit<Of<Wire, Kind>, Added>>

const isCarried: { readonly [Kind in Markets['type']]: IsCarried<Kind> } = {
  'want-share': true,
  'auction-call': true,
  'auction-commit': true,
  'auction-list': true,
  'auction-reveal': true,
  'auction-award': true,
  'walk-in-award': true,
  'share-lost': true,
  'job-request': true,
  'job-ask': true,
  'job-list': true,
  'job-reveal': true,
  'job-award': true,
  'job-end': true,
}

test('every message of the markets is one of the wire, with the same fields', () => {
  const ofProviders = new Set<string>(['job-ask', 'job-reveal', 'walk-in-award', 'share-lost'])
  for (const kind of Object.keys(isCarried)) {
    const isOfPayee = ofProviders.has(kind) || /^auction-(?:call|list|award)$/.test(kind)
    assert.equal(Reflect.get(speedSenders, kind), isOfPayee ? 'payee' : 'payer', kind)
  }
})
