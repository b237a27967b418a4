// Sealed rounds over lines that are now and then slow for seconds: commitments and reveals come late or too late. Who is late
// is left out as who stays away, and nobody is taken for a cheat because of it; all finish, and all is settled.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'

const sellerBytesPerSecond = 150_000
const slots = 4
const shares = 2
const budgetTokens = 30
const meanPauseMs = 6_000
const usualLatencyMs = 40
/** There; as much back. A step of a round is four seconds long. */
const longestLatencyMs = 3_000

export const lateRounds: Scenario = {
  name: 'late-rounds',
  about:
    'rounds over lines that are slow for seconds: whoever is late is left out, nobody is banned for it, all finish',
  peers: 6,
  contentBytes: 4_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const seed = { uploadBytesPerSecond: sellerBytesPerSecond, latencyMs: 10, add: { limits: { maxSlots: slots } } }
    const seller = await stage.seed({ ...market.earning({ shares }), ...seed })
    const payers = await stage.leechers(stage.peers, () => ({
      ...market.paying(budgetTokens),
      latencyMs: usualLatencyMs,
      uploadBytesPerSecond: 20_000,
    }))
    let slowCount = 0
    let fraudCount = 0
    stage.world.watchers.push({
      onChange: (_, change) => {
        if (change.type === 'speed' && change.event.type === 'fraud') fraudCount++
      },
    })
    const slowNow = (address: string) => {
      stage.after(stage.exponentialMs(meanPauseMs), () => {
        slowCount++
        stage.world.network.change(address, { latencyMs: stage.random.below(longestLatencyMs) })
        stage.after(stage.exponentialMs(meanPauseMs), () => {
          stage.world.network.change(address, { latencyMs: usualLatencyMs })
          slowNow(address)
        })
      })
    }
    for (const { machine } of payers) slowNow(machine.address)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(slowCount > 0, 'no line was slow')
        stage.expect(fraudCount === 0, `${fraudCount} frauds were seen where nobody cheats`)
        await market.expectSettled(payers)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        const earned = market.gain(seller.machine)
        const spent = payers.reduce((sum, { machine }) => sum - market.gain(machine), 0n)
        stage.expect(earned === spent, `spent ${spent}, earned ${earned}`)
        await stage.expectContent()
      },
    }
  },
}
