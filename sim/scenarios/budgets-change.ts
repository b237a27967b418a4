// People change their minds about money: a budget is given late, taken away and given again, paying and earning are switched
// off and on, in the middle of downloads. What was agreed until then is settled, and all finish, paid for or not.
import { failure } from '../../src/base/errors.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { tokens } from '../world/dealing.ts'

const budgetTokens = 30
const meanPauseMs = 5_000

export const budgetsChange: Scenario = {
  name: 'budgets-change',
  about: 'budgets come and go, paying and earning are switched off and on; all finish, and every lane is settled',
  peers: 4,
  contentBytes: 4_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 3_600_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const sellers: Participant[] = []
    for (let count = 0; count < 2; count++) {
      sellers.push(await stage.seed({ ...market.earning(), uploadBytesPerSecond: 60_000, latencyMs: 10 }))
    }
    const payers = await stage.leechers(stage.peers, () => {
      const { add: _, ...dealer } = market.paying(budgetTokens)
      return { ...dealer, latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 20_000 }
    })
    let changeCount = 0
    const meddle = ({ machine, id }: Participant, isSeller: boolean) => {
      const isOn = stage.random.below(3) > 0
      changeCount++
      const { wallet } = machine
      // The owner says no to whatever is to be paid next.
      if (!isSeller && wallet !== undefined && stage.random.below(4) === 0) {
        wallet.refusing = ({ type }) =>
          type === 'voucher' ? failure('spending-refused', 'a simulated owner') : undefined
        stage.after(meanPauseMs, () => {
          wallet.refusing = () => undefined
        })
      }
      if (isSeller) void machine.tell({ type: 'set-speed', earns: isOn })
      else if (stage.random.below(4) === 0) void machine.tell({ type: 'set-speed', pays: isOn })
      else {
        const most = tokens(1 + stage.random.below(budgetTokens))
        void machine.tell({ type: 'set-budget', id, budget: isOn ? { most } : undefined })
      }
    }
    const everyNow = (one: Participant, isSeller: boolean) => {
      stage.after(stage.exponentialMs(meanPauseMs), () => {
        meddle(one, isSeller)
        everyNow(one, isSeller)
      })
    }
    for (const { machine, id } of payers)
      void machine.tell({ type: 'set-budget', id, budget: { most: tokens(budgetTokens) } })
    for (const one of payers) everyNow(one, false)
    for (const one of sellers) everyNow(one, true)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        stage.expect(changeCount > 0, 'nobody changed anything')
        for (const { machine } of payers) if (machine.wallet !== undefined) machine.wallet.refusing = () => undefined
        for (const { machine } of sellers) await machine.run({ type: 'set-speed', earns: true })
        for (const { machine } of payers) await machine.run({ type: 'set-speed', pays: true })
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
