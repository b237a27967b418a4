// Property 10: the posted price finds its level within 60 epochs for any usual demand, keeps the use of what is offered at
// its target, and neither stalls nor leaps where only few shares can be sold.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { tokenAmount } from '../../src/base/token-amount.ts'
import { PostedPrice } from '../../src/market/posted-price.ts'
import { cases } from './market-cases.ts'

const level = 10 ** 18
const target = 0.8
const floor = tokenAmount(BigInt(level / 1_000))
const cap = tokenAmount(BigInt(level) * 1_000n)

function controller(start: number, shares = 4): PostedPrice {
  return new PostedPrice({ start: tokenAmount(BigInt(Math.round(start))), floor, cap, shares })
}

/** What is bought of what is offered, at a price that would be right at `level`. */
function demand(price: number, elasticity: number): number {
  return Math.min(1, target * (level / price) ** elasticity)
}

function epochOf(price: PostedPrice, use: number): void {
  price.endEpoch({ paidBytes: Math.round(use * 1e9), offeredBytes: 1e9, hasInterest: true })
}

describe('property 10: the posted price', () => {
  test('is within 10 % after 60 epochs, from a fifth to ten times the right one, elasticity 0.5 to 8', (t) => {
    let worst = 0
    const steps = cases(40, 12)
    for (const elasticity of [0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8]) {
      for (let step = 0; step <= steps; step++) {
        const price = controller((level / 5) * 50 ** (step / steps))
        for (let epoch = 0; epoch < 60; epoch++) epochOf(price, demand(Number(price.price), elasticity))
        for (let epoch = 0; epoch < 20; epoch++) {
          worst = Math.max(worst, Math.abs(Number(price.price) / level - 1))
          epochOf(price, demand(Number(price.price), elasticity))
        }
      }
    }
    t.diagnostic(`furthest off after 60 epochs: ${(100 * worst).toFixed(2)} %`)
    assert.ok(worst <= 0.1)
  })

  test('keeps the mean use within 1 % of the target where demand varies', (t) => {
    const random = simulatedRandom(20)
    let worst = 0
    for (const elasticity of [0.5, 1, 2, 4, 8]) {
      const price = controller(level)
      const epochs = cases(20_000, 4_000)
      let used = 0
      for (let epoch = 0; epoch < epochs; epoch++) {
        const noise = 0.95 + random.below(101) / 1_000
        const use = Math.min(1, demand(Number(price.price), elasticity) * noise)
        used += use
        epochOf(price, use)
      }
      worst = Math.max(worst, Math.abs(used / epochs / target - 1))
    }
    t.diagnostic(`furthest off: ${(100 * worst).toFixed(2)} %`)
    assert.ok(worst <= 0.01)
  })

  test('with two to eight shares sold whole: mean use within 1 %, and no hour without a sale', (t) => {
    const random = simulatedRandom(21)
    const found: string[] = []
    for (const shares of [2, 3, 4, 5, 6, 7, 8]) {
      // As many as would buy two shares each offered; each pays up to a value of its own, drawn anew as peers come and go.
      const price = controller(3 * level, shares)
      const values = Array.from({ length: 2 * shares }, () => draw())
      const epochs = cases(40_000, 8_000)
      let [used, counted, stalled, longestStall] = [0, 0, 0, 0]
      for (let epoch = 0; epoch < epochs; epoch++) {
        values[random.below(values.length)] = draw()
        const buyers = values.filter((value) => value >= Number(price.price)).length
        const sold = Math.min(shares, buyers)
        stalled = sold === 0 ? stalled + 1 : 0
        longestStall = Math.max(longestStall, stalled)
        if (epoch >= 500) {
          used += sold / shares
          counted++
        }
        epochOf(price, sold / shares)
      }
      const off = used / counted / target - 1
      found.push(`${shares}: ${(100 * off).toFixed(2)} %, ${longestStall}`)
      assert.ok(Math.abs(off) <= 0.01, `${shares} shares: mean use ${used / counted}`)
      assert.ok(longestStall < 360)
    }
    t.diagnostic(`off by, longest stall in epochs: ${found.join('; ')}`)

    function draw(): number {
      return (level * (200 + random.below(2_000))) / 1_000
    }
  })

  test('never rises over eight times its lowest of the last hour, falls as fast as it must, and stays in its bounds', () => {
    const random = simulatedRandom(22)
    for (let run = 0; run < cases(200, 10); run++) {
      const price = controller(level)
      const seen: number[] = []
      let use = 1
      for (let epoch = 0; epoch < 1_500; epoch++) {
        if (random.below(200) === 0) use = random.below(2) === 0 ? 1 : random.below(1_001) / 1_000
        epochOf(price, use)
        seen.push(Number(price.price))
        const lowest = Math.min(...seen.slice(-360))
        assert.ok(Number(price.price) <= 8.0001 * lowest)
        assert.ok(price.price >= floor && price.price <= cap)
      }
    }
  })

  test('does not change while nobody is interested', () => {
    const price = controller(level)
    for (let epoch = 0; epoch < 1_000; epoch++) price.endEpoch({ paidBytes: 0, offeredBytes: 1e9, hasInterest: false })
    assert.equal(price.price, BigInt(level))
  })

  test('swings less once it has swung widely four times, and is as quick as before after twelve calm epochs', () => {
    const price = controller(level, 8)
    for (let epoch = 0; epoch < 5; epoch++) epochOf(price, epoch % 2 === 0 ? 1 : 0)
    assert.equal(price.dampingDivisor, 16n)
    for (let epoch = 0; epoch < 40; epoch++) epochOf(price, epoch % 2 === 0 ? 1 : 0)
    assert.equal(price.dampingDivisor, 64n)
    for (let epoch = 0; epoch < 36; epoch++) epochOf(price, target)
    assert.equal(price.dampingDivisor, 8n)
  })
})
