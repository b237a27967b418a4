// Some have a deadline and ask for their download as a job (market B): units go to the cheapest sellers, of which one stalls,
// one dies, one brings nothing and one charges another price. What they do not bring is bought elsewhere, the budget is
// never passed, and who did not deliver has that to its name.
import { fromUtf8, toUtf8Lossy } from '../../src/base/bytes.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import { HostilePeer } from '../hostile/hostile-peer.ts'
import { accountOfLiar, jobLies } from '../hostile/market-lies.ts'
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { inTokens, tokens } from '../world/dealing.ts'
import type { Machine } from '../world/machine.ts'

const sellerBytesPerSecond = 200_000
const stalledBytesPerSecond = 500
const slots = 4
const prices = [1, 1.1, 1.2, 1.3]
const budgetTokens = 60
/** Over before all is there: jobs end by their deadline, too. */
const deadlineMs = 60_000
/** Into its job. */
const troubleMs = 2_000
const troubleForMs = 40_000

export const jobDownload: Scenario = {
  name: 'job-download',
  about: 'some have a deadline and ask for a job; sellers stall, die and lie: the rest is bought elsewhere, all finish',
  peers: 4,
  contentBytes: 12_000_000,
  pieceLengthBytes: 65_536,
  limitMs: 1_800_000,
  async arrange(stage) {
    const market = new MarketStage(stage)
    const { ledger } = market
    const liars = jobLies(ledger).map((behaviour) => new HostilePeer(stage, behaviour))
    const sellers: Participant[] = []
    for (const price of prices) {
      const startPrice = tokens(price)
      const limits = { maxSlots: slots, uploadBytesPerSecond: sellerBytesPerSecond }
      const link = { uploadBytesPerSecond: sellerBytesPerSecond, latencyMs: 10 + stage.random.below(30) }
      sellers.push(await stage.seed({ ...market.earning({ startPrice }), ...link, add: { limits } }))
    }
    const inJobs = new Set<Participant>()
    let stalled: Participant | undefined
    let died: Participant | undefined
    const stall = ({ machine }: Participant) => {
      stage.world.network.change(machine.address, { uploadBytesPerSecond: stalledBytesPerSecond })
      const mended = { uploadBytesPerSecond: sellerBytesPerSecond }
      stage.after(troubleForMs, () => stage.world.network.change(machine.address, mended))
    }
    const die = (one: Participant) => {
      stage.kill(one)
      stage.after(troubleForMs, () => stage.comeBack(one))
    }
    stage.world.watchers.push({
      onChange: (_, change) => {
        if (change.type !== 'speed' || change.event.type !== 'bought' || change.event.epoch !== 0) return
        const { account } = change.event
        const seller = sellers.find(({ machine }) => machine.wallet?.account === account)
        if (seller === undefined || inJobs.has(seller)) return
        inJobs.add(seller)
        if (stalled === undefined) {
          stalled = seller
          stage.after(troubleMs, () => stall(seller))
        } else if (died === undefined) {
          died = seller
          stage.after(troubleMs, () => die(seller))
        }
      },
    })
    const isHurried = (index: number) => index % 2 === 0
    const leechers = await stage.leechers(stage.peers, (index) => {
      const { add: _, ...buyer } = market.paying(budgetTokens)
      const most = tokens(budgetTokens)
      const budget = isHurried(index) ? { most, deadlineInMs: deadlineMs } : { most }
      return { ...buyer, add: { budget }, latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 20_000 }
    })
    for (const { machine } of leechers) for (const liar of liars) liar.visit(machine.address)
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const hurried = leechers.filter((_, index) => isHurried(index))
        stage.expect(inJobs.size > 0, 'no honest seller was given a job')
        const accounts = liars.map((liar) => accountOfLiar(ledger, liar))
        const failing = [stalled, died].map((seller) => seller?.machine.wallet?.account)
        const defaulted = [...accounts, ...failing].filter((one) => one !== undefined)
        const known = defaulted.filter((account) => hurried.some(({ machine }) => defaultsOf(machine, account) > 0))
        stage.expect(known.length > 0, 'nobody has a default to its name')
        for (const { machine } of leechers) {
          const paid = inTokens(-market.gain(machine))
          stage.expect(paid <= budgetTokens, `paid ${paid} of a budget of ${budgetTokens}`, machine)
        }
        await market.expectSettled(leechers, 1_800_000)
        await stage.expectContent()
      },
    }
  },
}

/** Jobs of a provider that came to nothing, as the requester keeps it. */
function defaultsOf({ wallet }: Machine, account: AccountId): number {
  if (wallet === undefined) return 0
  const value = wallet.disk.value('speed-providers', fromUtf8(`${wallet.ledger.facts.rail}/${account}`))
  return value === undefined ? 0 : Number(toUtf8Lossy(value).split(' ')[1])
}
