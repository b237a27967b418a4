// Everybody comes at once, half of them with a budget and all of them willing to earn: many pay many, each is payer here
// and payee there, and what was spent in all is what was earned in all.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'

const budgetTokens = 20
const slots = 4

export const paidFlashCrowd: Scenario = {
  name: 'paid-flash-crowd',
  about: 'everybody comes at once, some pay and all earn; all finish, and spent is earned',
  peers: 10,
  contentBytes: 2_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const limits = { maxSlots: slots }
    await stage.seed({ ...market.earning(), uploadBytesPerSecond: 200_000, latencyMs: 10, add: { limits } })
    const leechers = await stage.leechers(stage.peers, (index) => {
      const { add = {}, ...deals } = index % 2 === 0 ? market.dealing(budgetTokens) : { ...market.earning(), add: {} }
      return { ...deals, add: { ...add, limits }, latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 60_000 }
    })
    const payers = leechers.filter((_, index) => index % 2 === 0)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        await market.expectSettled(payers)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        const gains = stage.world.machines.map((machine) => market.gain(machine))
        stage.expect(gains.reduce((sum, gain) => sum + gain, 0n) === 0n, `gains and losses are ${gains.join(', ')}`)
        await stage.expectContent()
      },
    }
  },
}
