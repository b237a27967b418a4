// Honest payers and sellers among peers that speak Speed and mean harm: nobody serves more than a window for nothing, nobody
// pays for what did not come, and those who deal honestly get what they came for.
import { HostilePeer } from '../hostile/hostile-peer.ts'
import { speedLies } from '../hostile/speed-lies.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'

const shortestMs = 60_000
const budgetTokens = 60

export const paidLiars: Scenario = {
  name: 'paid-liars',
  about: 'some take and never pay, some charge for what they did not send: nobody loses more than a window, all finish',
  peers: 4,
  contentBytes: 4_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_200_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const liars = speedLies(market.ledger).map((behaviour) => new HostilePeer(stage, behaviour))
    const seller = await stage.seed({ ...market.earning(), uploadBytesPerSecond: 400_000 })
    const payers = await stage.leechers(stage.peers, () => ({
      ...market.paying(budgetTokens),
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 20_000,
    }))
    for (const { machine } of [seller, ...payers]) for (const liar of liars) liar.visit(machine.address)
    const startMs = stage.nowMs
    return {
      isOver: () => stage.allFinished() && stage.nowMs - startMs >= shortestMs,
      judge: async () => {
        for (const { behaviour, hasAttacked } of liars) stage.expect(hasAttacked, `${behaviour.name} did no harm`)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        const most = budgetTokens + 1
        for (const { machine } of payers) {
          const lost = -market.gain(machine)
          stage.expect(lost <= BigInt(most) * 10n ** 18n, `lost ${lost}`, machine)
        }
        await stage.expectContent()
      },
    }
  },
}
