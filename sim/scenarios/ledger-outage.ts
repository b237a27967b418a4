// The ledger goes away and comes back, for seconds and for longer than a window: lanes that are open go on, nothing new is
// opened, downloads do not stop, and afterwards everybody has what is theirs.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'

const outages = [
  { afterMs: 6_000, forMs: 15_000 },
  { afterMs: 12_000, forMs: 90_000 },
] as const
const lostPercent = 10
const budgetTokens = 40

export const ledgerOutage: Scenario = {
  name: 'ledger-outage',
  about: 'the ledger goes away twice and loses answers in between; all finish, nothing is lost, every lane is settled',
  peers: 5,
  contentBytes: 4_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 3_600_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const { ledger } = market
    ledger.failing = () => {
      if (stage.random.below(100) >= lostPercent) return undefined
      return stage.random.below(2) === 0 ? 'unheard' : 'unanswered'
    }
    await stage.seed({ ...market.earning(), uploadBytesPerSecond: 100_000 })
    const payers = await stage.leechers(stage.peers, () => ({
      ...market.paying(budgetTokens),
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 20_000,
    }))
    let downCount = 0
    let atMs = 0
    for (const { afterMs, forMs } of outages) {
      stage.after(atMs + afterMs, () => {
        downCount++
        ledger.setDown(true)
      })
      stage.after(atMs + afterMs + forMs, () => ledger.setDown(false))
      atMs += afterMs + forMs
    }
    const overMs = stage.nowMs + atMs + 1_000
    return {
      isOver: () => stage.allFinished() && stage.nowMs > overMs,
      judge: async () => {
        stage.expect(downCount === outages.length, `the ledger was away ${downCount} times`)
        stage.expect(ledger.counts.lost > 0, 'no answer was lost')
        await market.expectSettled(payers, 1_800_000)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        await stage.expectContent()
      },
    }
  },
}
