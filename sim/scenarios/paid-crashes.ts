// Those who pay and those who are paid are killed and lose power, in the middle of everything: nothing that was signed is
// signed anew for less, nothing that was acknowledged is lost, and in the end the ledger has settled it all.
import { failure } from '../../src/base/errors.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const meanLifeMs = 9_000
const pauseMs = 1_500
const mostCrashes = 3
const budgetTokens = 60

export const paidCrashes: Scenario = {
  name: 'paid-crashes',
  about: 'payers and sellers are killed or lose power and come back; all finish, and every lane is settled',
  peers: 4,
  contentBytes: 3_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 3_600_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const sellers: Participant[] = []
    for (let count = 0; count < 2; count++) {
      sellers.push(await stage.seed({ ...market.earning(), uploadBytesPerSecond: 60_000 }))
    }
    const payers = await stage.leechers(stage.peers, () => ({
      ...market.paying(budgetTokens),
      uploadBytesPerSecond: 20_000,
    }))
    let crashCount = 0
    let fullCount = 0
    for (const one of [...sellers, ...payers]) {
      let crashes = 0
      const crash = () => {
        const { wallet } = one.machine
        // First its database fills up now and then: nothing more can be kept, so nothing more may be bought or sold.
        const isFull = wallet !== undefined && stage.random.below(3) === 0
        if (isFull)
          wallet.disk.failing = () => ({ type: 'refused', failure: failure('disk-full', 'a simulated fault') })
        if (isFull) fullCount++
        stage.after(isFull ? pauseMs : 0, die)
      }
      const die = () => {
        crashCount++
        stage.kill(one, stage.random.below(2) === 0)
        stage.after(pauseMs, async () => {
          if (one.machine.wallet !== undefined) one.machine.wallet.disk.failing = () => undefined
          await stage.comeBack(one)
          if (++crashes < mostCrashes) stage.after(stage.exponentialMs(meanLifeMs), crash)
        })
      }
      stage.after(stage.exponentialMs(meanLifeMs), crash)
    }
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(crashCount > 0, 'nobody crashed')
        stage.expect(fullCount > 0 || crashCount < 9, 'no database was full')
        // A payee whose payer is gone waits ten minutes for it.
        await market.expectSettled(payers, 1_800_000)
        stage.expect(
          [...market.ledger.lanes.values()].some(({ claimed }) => claimed > 0n),
          'nothing was paid',
        )
        await stage.expectContent()
      },
    }
  },
}
