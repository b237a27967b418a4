// One owner of many addresses and accounts in one network takes a share under each, and never pays: a seller gives all of
// them together no more credit than it gives a network, and who comes from elsewhere and pays is served as ever.
import { HostilePeer } from '../hostile/hostile-peer.ts'
import { speedLies } from '../hostile/speed-lies.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'

const addresses = 10
const network = '90.1.2'
const sellerBytesPerSecond = 4_000_000
const budgetTokens = 60
/** Long enough for three lives of each. */
const shortestMs = 60_000
const mebibyte = 1_048_576
const networkCreditBytes = 16 * mebibyte

export const serialDefault: Scenario = {
  name: 'serial-default',
  about:
    'ten peers of one network default under ever new accounts: all together they get what a network is lent, no more',
  peers: 2,
  contentBytes: 4_000_000,
  pieceLengthBytes: 65_536,
  limitMs: 600_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const behaviour = speedLies(market.ledger).find(({ name }) => name === 'serial-default')
    if (behaviour === undefined) throw new Error('no serial default')
    const crooks = Array.from({ length: addresses }, (_, index) => {
      return new HostilePeer(stage, behaviour, `${network}.${index + 1}`)
    })
    const seed = await stage.seed({
      ...market.earning({ shares: 32 }),
      uploadBytesPerSecond: sellerBytesPerSecond,
      add: { limits: { maxSlots: 40 } },
    })
    for (const crook of crooks) crook.visit(seed.machine.address)
    const payers = await stage.leechers(stage.peers, () => ({
      ...market.paying(budgetTokens),
      latencyMs: 5 + stage.random.below(60),
    }))
    const startMs = stage.nowMs
    return {
      isOver: () => stage.allFinished() && stage.nowMs - startMs >= shortestMs,
      judge: async () => {
        const unpaid = market.speedOf(seed).parties.filter(({ side, paid }) => side === 'earning' && paid === 0n)
        const takenBytes = unpaid.reduce((sum, { bytes }) => sum + bytes, 0)
        stage.expect(takenBytes > networkCreditBytes - 2 * mebibyte, `only ${takenBytes} bytes were taken`)
        stage.expect(market.boughtBytes(payers) > 0, 'nothing was bought')
        await stage.expectContent()
      },
    }
  },
}
