// More want a share than there are: sealed rounds decide, and whoever has more to spend in less time wins them. Nobody pays
// more than it would, and those who win nothing are served as anybody.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { inTokens } from '../world/dealing.ts'

const sellerBytesPerSecond = 120_000
const slots = 4
const shares = 2
const restartAfterMs = 45_000
const restartMs = 1_500

export const contestedAuction: Scenario = {
  name: 'contested-auction',
  about:
    'three times as many want a share as there are: rounds are held and prices rise over the posted one; all finish',
  peers: 6,
  contentBytes: 3_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const seed = { uploadBytesPerSecond: sellerBytesPerSecond, latencyMs: 10, add: { limits: { maxSlots: slots } } }
    const seller = await stage.seed({ ...market.earning({ shares }), ...seed })
    const payers = await stage.leechers(stage.peers, (index) => ({
      ...market.paying(10 * (index + 1)),
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 20_000,
    }))
    // In the middle of it its program dies: what it signed before holds, and no epoch comes again.
    stage.after(restartAfterMs, () => {
      stage.kill(seller)
      stage.after(restartMs, () => stage.comeBack(seller))
    })
    let highest = 0
    const note = (one: Participant) => {
      for (const { price } of market.speedOf(one).rows)
        if (price !== undefined) highest = Math.max(highest, inTokens(price))
    }
    stage.every(1_000, () => payers.forEach(note))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        await market.expectSettled(payers)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        stage.expect(stage.peers < 4 || highest > 1, `the highest price was ${highest}`)
        const earned = market.gain(seller.machine)
        const spent = payers.reduce((sum, { machine }) => sum - market.gain(machine), 0n)
        stage.expect(earned === spent, `spent ${spent}, earned ${earned}`)
        for (const [index, { machine }] of payers.entries()) {
          const paid = inTokens(-market.gain(machine))
          stage.expect(paid <= 10 * (index + 1), `paid ${paid} of a budget of ${10 * (index + 1)}`, machine)
        }
        await stage.expectContent()
      },
    }
  },
}
