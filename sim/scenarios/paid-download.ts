// One pays, the others do not: who pays has a part of each seller's bandwidth for itself and is done sooner, what it paid is
// what the sellers earned, and nobody waits for ever because of it.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const sellerCount = 2
const sellerBytesPerSecond = 150_000
/** Fewer than there are peers: that is when a share is worth something. */
const slots = 4
const peerBytesPerSecond = 20_000
const budgetTokens = 50

export const paidDownload: Scenario = {
  name: 'paid-download',
  about: 'one of several pays: it is done before most of the others, and the sellers got what it spent',
  peers: 12,
  contentBytes: 3_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const sellers: Participant[] = []
    for (let count = 0; count < sellerCount; count++) {
      const link = { uploadBytesPerSecond: sellerBytesPerSecond, latencyMs: 10 }
      sellers.push(await stage.seed({ ...market.earning(), ...link, add: { limits: { maxSlots: slots } } }))
    }
    const link = () => ({ latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: peerBytesPerSecond })
    const free = await stage.leechers(stage.peers - 1, link)
    const payer = await stage.leecher({ ...market.paying(budgetTokens), ...link() })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        await market.expectSettled([payer])
        const { boughtBytes, spent } = market.speedOf(payer)
        stage.expect(boughtBytes > 0, 'nothing was bought', payer.machine)
        const times = free.map(({ finishedMs = 0, joinedMs }) => finishedMs - joinedMs).sort((a, b) => a - b)
        const medianMs = times[times.length >> 1] ?? 0
        const ownMs = (payer.finishedMs ?? 0) - payer.joinedMs
        stage.expect(free.length < 4 || ownMs < medianMs, `took ${ownMs} ms, the others ${medianMs} ms`, payer.machine)
        const earned = sellers.reduce((sum, { machine }) => sum + market.gain(machine), 0n)
        stage.expect(earned === -market.gain(payer.machine), `spent ${-market.gain(payer.machine)}, earned ${earned}`)
        stage.expect(spent === earned, `shows ${spent} spent of ${earned}`, payer.machine)
        await stage.expectContent()
      },
    }
  },
}
