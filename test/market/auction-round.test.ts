// Market A between a provider and its bidders: free shares on the spot, rounds when contested, and what each side does
// about the other's failings.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { AuctionProvider } from '../../src/market/auction-provider.ts'
import { chooseSeats } from '../../src/market/auction-seats.ts'
import type { AuctionProviderMessage } from '../../src/market/market-messages.ts'
import { auctionListRoot, sealBid } from '../../src/market/sealing.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { AuctionWorld, posted, provider } from './auction-world.ts'
import { account, between, cases, hashOf, nonceOf } from './market-cases.ts'

const epochMs = 10_000
const hourMs = 3_600_000

describe('market A', () => {
  test('a free share is sold on the spot at the posted price, to whoever bids as much', () => {
    const world = new AuctionWorld()
    const first = world.join(1, 500n)
    const poor = world.join(2, 99n)
    assert.equal(world.bidders.get(first)?.heldPrice, posted)
    assert.equal(world.bidders.get(poor)?.heldPrice, undefined)
    assert.equal(world.seller.freeShares, 1)
    world.until(5 * epochMs)
    assert.deepEqual([...world.seller.held.keys()], [first])
  })

  test('when more want in, the highest scores win and pay for the highest that lost', () => {
    const world = new AuctionWorld()
    const [low, mid, high] = [world.join(1, 300n), world.join(2, 400n), world.join(3, 350n, 2048)]
    assert.equal(world.bidders.get(high)?.heldPrice, undefined)
    world.until(epochMs + 100)
    assert.equal(world.bidders.get(low)?.heldPrice, undefined)
    assert.equal(world.bidders.get(mid)?.heldPrice, 300n)
    assert.equal(world.bidders.get(high)?.heldPrice, 150n)
    assert.deepEqual(world.seller.held.get(mid)?.price, 300n)
    assert.deepEqual(world.frauds(), [])
  })

  test('once nobody has to be outbid, the price is the posted one again', () => {
    const world = new AuctionWorld()
    const [low, mid] = [world.join(1, 300n), world.join(2, 400n)]
    world.join(3, 500n)
    world.until(epochMs + 100)
    world.leave(low)
    world.until(2 * epochMs + 200)
    assert.equal(world.bidders.get(mid)?.heldPrice, posted)
  })

  test('who does not reveal is out of rounds for an hour, and the others pay the posted price', () => {
    const silent = account(3)
    const world = new AuctionWorld({
      toProvider: (from, message) => (from === silent && message.type === 'auction-reveal' ? undefined : message),
    })
    const [first, second] = [world.join(1, 300n), world.join(2, 400n)]
    world.join(3, 500n)
    world.until(epochMs + 1_100)
    assert.equal(world.bidders.get(first)?.heldPrice, posted)
    assert.equal(world.bidders.get(second)?.heldPrice, posted)
    assert.ok(world.sold.some((output) => output.type === 'excluded' && output.account === silent))
    const calls = () =>
      world.sold.filter(
        (output) => output.type === 'tell' && output.to === silent && output.message.type === 'auction-call',
      ).length
    world.until(hourMs)
    assert.equal(calls(), 1)
    world.until(hourMs + 2 * epochMs)
    assert.ok(calls() >= 2)
    assert.deepEqual([...world.frauds(first), ...world.frauds(second)], [])
  })

  test('a winner that gave up its wish during the round is told that it has no share, and another gets it', () => {
    const fickle = account(3)
    const world: AuctionWorld = new AuctionWorld({
      toProvider: (from, message) => {
        if (from === fickle && message.type === 'auction-reveal') {
          const wish = { type: 'want-share', isWanting: false } as const
          world.seller.handle({ type: 'told', from, message: wish }, world.nowMs)
        }
        return message
      },
    })
    const [low, high] = [world.join(1, 300n), world.join(2, 400n)]
    world.join(3, 500n)
    world.until(epochMs + 100)
    assert.deepEqual([...world.seller.held.keys()].sort(), [low, high].sort())
    const told = world.sold.flatMap((output) =>
      output.type === 'tell' && output.to === fickle ? [output.message.type] : [],
    )
    assert.deepEqual(told.slice(-2), ['auction-award', 'share-lost'])
    assert.equal(world.bidders.get(fickle)?.heldPrice, undefined)
    assert.deepEqual(world.frauds(), [])
  })

  test('a bid counts only if the receipt covers what a share brings', () => {
    const world = new AuctionWorld({ backing: tokenAmount(16n * 399n) })
    const [first, , third] = [world.join(1, 300n), world.join(2, 399n), world.join(3, 400n)]
    world.until(epochMs + 1_100)
    assert.equal(world.bidders.get(third)?.heldPrice, undefined)
    assert.equal(world.bidders.get(first)?.heldPrice, posted)
  })

  test('a share that is not drawn goes to the next score, at the price that follows; its holder weighs one for an hour', () => {
    const world = new AuctionWorld({ shares: 1 })
    const [first, second, third] = [world.join(1, 300n, 2048), world.join(2, 400n), world.join(3, 250n)]
    world.until(epochMs + 100)
    assert.equal(world.bidders.get(first)?.heldPrice, 200n)
    const shareBytes = 1_000_000
    for (let tick = 0; tick < 4; tick++) {
      world.draw(first, 300_000, shareBytes)
      world.until(world.nowMs + 500)
    }
    assert.equal(world.bidders.get(first)?.heldPrice, 200n)
    for (let tick = 0; tick < 5; tick++) {
      world.draw(first, 100_000, shareBytes)
      world.until(world.nowMs + 500)
    }
    const ended = world.sold.find((output) => output.type === 'share-ended' && output.reason === 'idle')
    assert.ok(ended?.type === 'share-ended' && ended.owedBytes > 0 && ended.owedBytes % 150_000 === 0)
    assert.equal(world.bidders.get(first)?.heldPrice, undefined)
    assert.equal(world.bidders.get(second)?.heldPrice, 250n)
    world.bid(first, 310n)
    world.until(2 * epochMs + 200)
    const seats = world.sold.flatMap((output) =>
      output.type === 'tell' && output.message.type === 'auction-call' ? [output.message.seats] : [],
    )
    assert.equal(seats.at(-1)?.find((seat) => seat.account === first)?.weight, 1024)
    assert.equal(world.bidders.get(third)?.heldPrice, undefined)
    assert.deepEqual(world.frauds(), [])
  })

  test('with messages lost nobody proves fraud; never are there too many holders, and they pay between posted price and bid', () => {
    for (let seed = 0; seed < cases(500, 25); seed++) {
      const random = simulatedRandom(seed)
      const shares = between(random, 1, 4)
      const world = new AuctionWorld({
        shares,
        toProvider: (_, message) => (random.below(60) === 0 ? undefined : message),
      })
      const bids = new Map<AccountId, bigint>()
      for (let turn = 0; turn < 60; turn++) {
        const index = between(random, 1, 9)
        const bid = BigInt(random.below(500))
        const known = world.bidders.has(account(index))
        if (known && random.below(4) === 0) {
          world.leave(account(index))
          bids.delete(account(index))
        } else {
          bids.set(account(index), bid)
          if (known) world.bid(account(index), bid)
          else world.join(index, bid, between(random, 1024, 2048))
        }
        const [holder] = world.seller.held.keys()
        if (holder !== undefined && random.below(3) === 0) world.draw(holder, 0, 1_000)
        world.until(world.nowMs + between(random, 0, 6_000))
        assert.ok(world.seller.held.size <= shares)
        for (const [id, bidder] of world.bidders) {
          const price = bidder.heldPrice
          if (price !== undefined) assert.ok(price >= posted && price <= (bids.get(id) ?? 0n))
        }
      }
      // Messages got lost, so some reveals were ignored; nobody signed anything wrong.
      assert.ok(world.frauds().every(({ isProvable }) => !isProvable))
    }
  })

  test('seats: a quarter is for newcomers, the rest for the heaviest; nobody loses one that is not needed', () => {
    const contender = (index: number, weight: number) => ({
      account: account(index),
      weight,
      isNewcomer: weight === 1024,
    })
    const established = Array.from({ length: 100 }, (_, index) => contender(index, 1100 + index))
    const newcomers = Array.from({ length: 100 }, (_, index) => contender(200 + index, 1024))
    const seats = chooseSeats([...established, ...newcomers], 1)
    assert.equal(seats.length, 64)
    assert.equal(seats.filter(({ weight }) => weight === 1024).length, 16)
    assert.ok(seats.every(({ weight }) => weight === 1024 || weight >= 1152))
    assert.equal(chooseSeats([...established.slice(0, 10), ...newcomers], 1).length, 64)
    assert.equal(chooseSeats([...established, ...newcomers.slice(0, 3)], 1).length, 64)
    assert.deepEqual(chooseSeats([...newcomers, ...established], 1), seats)
    assert.notDeepEqual(chooseSeats([...established, ...newcomers], 2), seats)
  })
})

type Change = (message: AuctionProviderMessage) => AuctionProviderMessage | undefined

/** One contested round in which bidder 2 is told something else. */
function deceived(change: Change, more?: (world: AuctionWorld, victim: AccountId) => void) {
  const victim = account(2)
  const world = new AuctionWorld({ toBidder: (to, message) => (to === victim ? change(message) : message) })
  world.join(1, 300n)
  world.join(2, 400n)
  world.join(3, 500n)
  world.until(epochMs + 1_200)
  more?.(world, victim)
  return world.frauds(victim)
}

const late = { account: account(4), bid: tokenAmount(399n), nonce: nonceOf(4) }

describe('property 7: late insertion is detected', () => {
  test('a bid that is not in the list, whoever it is said to be from', () => {
    const [fraud] = deceived((message) =>
      message.type === 'auction-award'
        ? { ...message, openings: [...message.openings, late], price: tokenAmount(399n) }
        : message,
    )
    assert.equal(fraud?.kind, 'wrong-opening')
    assert.ok(fraud?.isProvable && fraud.proofs.length === 3)
  })

  test('another bid than was sealed', () => {
    const [fraud] = deceived((message) => {
      if (message.type !== 'auction-award') return message
      return {
        ...message,
        openings: message.openings.map((one, index) => (index === 0 ? { ...one, bid: tokenAmount(399n) } : one)),
        price: tokenAmount(399n),
      }
    })
    assert.equal(fraud?.kind, 'wrong-opening')
  })

  test('another price or winner than follows', () => {
    const price = deceived((message) =>
      message.type === 'auction-award' ? { ...message, price: tokenAmount(message.price + 1n) } : message,
    )
    assert.equal(price[0]?.kind, 'wrong-outcome')
    const winner = deceived((message) =>
      message.type === 'auction-award' ? { ...message, share: 0, price: tokenAmount(0n) } : message,
    )
    assert.equal(winner[0]?.kind, 'wrong-outcome')
  })

  test('a list made after the reveals: it is not the one that was shown', () => {
    const change: Change = (message) =>
      message.type === 'auction-award' ? { ...message, listRoot: hashOf('other') } : message
    assert.equal(deceived(change)[0]?.kind, 'wrong-root')
    const twice = deceived(
      (message) => message,
      (world, victim) => {
        const list = world.sold.flatMap((output) =>
          output.type === 'tell' && output.message.type === 'auction-list' ? [output.message] : [],
        )[0]
        assert.ok(list !== undefined)
        world.tell(victim, { ...list, listRoot: hashOf('other') })
      },
    )
    assert.equal(twice[0]?.kind, 'two-lists')
    assert.ok(twice[0]?.isProvable && twice[0].proofs.length === 2)
  })

  test('two lists for two bidders, found when they compare, whichever comes first', () => {
    for (const isEarly of [true, false]) {
      const world = new AuctionWorld()
      world.join(1, 300n)
      const victim = world.join(2, 400n)
      world.join(3, 500n)
      const root = { epoch: 8, listRoot: hashOf('other') }
      if (isEarly) world.showRoot(victim, root)
      world.until(epochMs + 100)
      if (!isEarly) world.showRoot(victim, root)
      world.until(epochMs + 200)
      assert.equal(world.frauds(victim)[0]?.kind, 'two-lists')
      assert.equal(world.bidders.get(victim)?.heldPrice, undefined)
    }
  })

  test('a root that is not that of its list, and two calls or awards of one epoch', () => {
    const wrong = deceived((message) =>
      message.type === 'auction-list' ? { ...message, listRoot: hashOf('x') } : message,
    )
    assert.equal(wrong[0]?.kind, 'wrong-root')
    const calls = deceived(
      (message) => message,
      (world, victim) => {
        const call = world.sold.flatMap((output) =>
          output.type === 'tell' && output.message.type === 'auction-call' ? [output.message] : [],
        )[0]
        assert.ok(call !== undefined)
        world.tell(victim, call)
        assert.deepEqual(world.frauds(victim), [])
        world.tell(victim, { ...call, postedPrice: tokenAmount(101n) })
      },
    )
    assert.equal(calls[0]?.kind, 'two-calls')
    const awards = deceived(
      (message) => message,
      (world, victim) => {
        const award = world.sold.flatMap((output) =>
          output.type === 'tell' && output.to === victim && output.message.type === 'auction-award'
            ? [output.message]
            : [],
        )[0]
        assert.ok(award !== undefined)
        // One that was opened is missing now: the price falls to the posted one, which is right by itself.
        world.tell(victim, { ...award, openings: award.openings.slice(1), price: posted })
      },
    )
    assert.equal(awards[0]?.kind, 'two-awards')
  })

  test('an own bid that is left out: of the list, nothing is revealed; of the openings, it is known but cannot be proved', () => {
    const world = new AuctionWorld({
      toProvider: (from, message) => (from === account(2) && message.type === 'auction-commit' ? undefined : message),
    })
    world.join(1, 300n)
    const victim = world.join(2, 400n)
    world.join(3, 500n)
    world.until(epochMs + 1_100)
    const called = world.sold.flatMap((output) =>
      output.type === 'tell' && output.message.type === 'auction-call' ? [output.message] : [],
    )[0]
    const list = world.sold.flatMap((output) =>
      output.type === 'tell' && output.message.type === 'auction-list' ? [output.message] : [],
    )[0]
    assert.ok(
      list !== undefined &&
        called !== undefined &&
        list.listRoot === auctionListRoot(provider, called, list.commitments),
    )
    world.tell(victim, list)
    const said = world.said.get(victim) ?? []
    assert.ok(said.some((output) => output.type === 'left-out'))
    assert.ok(!said.some((output) => output.type === 'tell' && output.message.type === 'auction-reveal'))

    const [fraud] = deceived((message) => {
      if (message.type !== 'auction-award') return message
      return {
        ...message,
        openings: message.openings.filter((one) => one.account !== account(2)),
        share: 0,
        price: tokenAmount(0n),
      }
    })
    assert.deepEqual([fraud?.kind, fraud?.isProvable], ['reveal-ignored', false])
  })
})

test('a commitment cannot be copied by another bidder, to another provider or round', () => {
  const seal = (to: number, from: number, epoch: number) =>
    sealBid(account(to), account(from), epoch, posted, nonceOf(0))
  assert.equal(new Set([seal(1, 2, 3), seal(1, 3, 3), seal(2, 2, 3), seal(1, 2, 4), seal(2, 1, 3)]).size, 5)
})

test('a provider whose shares are all promised elsewhere holds no rounds, and ends what is held', () => {
  const seller = new AuctionProvider(
    { account: provider, firstEpoch: 1, shares: 1, postedPrice: posted, backedMiB: 1 },
    0,
  )
  for (const id of [account(1), account(2)]) {
    seller.handle({ type: 'arrive', account: id, weight: 1024, isNewcomer: true }, 0)
    seller.handle({ type: 'told', from: id, message: { type: 'want-share', isWanting: true } }, 0)
  }
  seller.handle({ type: 'terms', shares: 0, postedPrice: posted }, 0)
  assert.equal(seller.held.size, 1)
  seller.handle({ type: 'wake' }, epochMs)
  assert.equal(seller.held.size, 0)
  const told: string[] = []
  for (let output = seller.poll(); output !== undefined; output = seller.poll())
    if (output.type === 'tell') told.push(output.message.type)
  assert.deepEqual(told, ['walk-in-award', 'share-lost'])
})
