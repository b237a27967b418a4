// Somebody who has a content pays two of those who download it to stay. One of them leaves for long, another one is killed and
// comes back, and so does who pays: whoever stays and proves it is paid for that, and nobody else.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { tokens } from '../world/dealing.ts'

const budgetTokens = 30
const staysMs = 900_000
const pauseMs = 5_000
/** Less than a lane lasts: what it holds vouchers for is cashed when it is back. */
const absenceMs = 180_000

export const paidStaying: Scenario = {
  name: 'paid-staying',
  about: 'two seeders are paid to stay by who has the content; one leaves, one dies and comes back, as does who pays',
  peers: 4,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 3_600_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const { add: _, ...payer } = market.paying(budgetTokens)
    const staying = { forMs: staysMs, seeders: 2 }
    const owner = await stage.seed({ ...payer, add: { budget: { most: tokens(budgetTokens), staying } } })
    const seeders = await stage.leechers(stage.peers, () => market.earning())
    const startedMs = stage.nowMs
    const isPaid = ({ machine, id, isHere }: Participant) =>
      isHere && (machine.torrent(id).speed?.stays.some(({ side }) => side === 'earning') ?? false)
    const comeBack = (one: Participant) => {
      stage.kill(one, stage.random.below(2) === 0)
      stage.after(pauseMs, () => stage.comeBack(one))
    }
    const atMs = () => 60_000 + stage.random.below(staysMs / 2)
    stage.after(atMs(), () => comeBack(owner))
    stage.after(atMs(), () => {
      const dying = seeders.find(isPaid)
      if (dying !== undefined) comeBack(dying)
    })
    stage.after(atMs(), async () => {
      const leaving = seeders.find(isPaid)
      if (leaving === undefined) return
      await stage.pause(leaving)
      stage.after(absenceMs, () => stage.comeBack(leaving))
    })
    let mostPaid = 0
    stage.every(1_000, () => {
      mostPaid = Math.max(mostPaid, seeders.filter(isPaid).length)
    })
    return {
      isOver: () => stage.nowMs > startedMs + staysMs + 60_000,
      judge: async () => {
        await market.expectSettled([owner], 1_800_000)
        const gains = seeders.map(({ machine }) => market.gain(machine))
        stage.expect(mostPaid >= 1 && mostPaid <= 2, `${mostPaid} were paid at a time`)
        stage.expect(
          gains.some((gain) => gain > 0n),
          'nobody was paid',
        )
        stage.expect(-market.gain(owner.machine) <= tokens(budgetTokens), 'more was paid than there was for it')
      },
    }
  },
}
