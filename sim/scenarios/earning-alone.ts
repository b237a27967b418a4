// Earn mode: somebody with a small disk lets the program look for what is worth seeding. Of five torrents that as many want,
// two have people who pay; it finds out which, stays with those, over crashes too, and drops them once nobody comes any more.
// Its disk is never used beyond the limit, and what it has by hand stays.
import { MarketStage } from '../market-stage.ts'
import type { Scenario } from '../scenario.ts'
import type { Content } from '../world/content.ts'
import { tokens } from '../world/dealing.ts'
import { EarningMachine, offerOf } from '../world/earning-machine.ts'
import { listenPort } from '../world/machine.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

const torrentCount = 5
/** The last two: found last where all look alike. */
const paidFor = [3, 4]
const minuteMs = 60_000
const payersUntilMs = 15 * minuteMs
/** Two of those without payers are in no catalogue any more. */
const delistedMs = 12 * minuteMs
const crashesMs = [2 * minuteMs, 8 * minuteMs]
const budgetTokens = 20
const uploadBytesPerSecond = 60_000

/** Hours of life are minutes here. */
function settingsOf(diskBytes: number, budgetTokens: number, tracker: string) {
  return {
    limits: {
      diskBytes,
      most: 10,
      trafficPerGiB: tokens(10),
      keepingPerGiBDay: tokens(2_000),
      trialMs: minuteMs,
      halfLifeMs: 150_000,
    },
    uploadBytesPerSecond,
    usualPrice: tokens(1),
    payBudget: tokens(budgetTokens),
    scrapeEveryMs: 30_000,
    trackers: [tracker],
  }
}

export const earningAlone: Scenario = {
  name: 'earning-alone',
  about:
    'earn mode with room for two of five torrents finds the two with payers, and drops them when nobody comes any more',
  peers: 4,
  contentBytes: 600_000,
  pieceLengthBytes: 32_768,
  limitMs: 180 * minuteMs,
  async arrange(stage) {
    const { world, contentBytes } = stage
    stage.tracker({ intervalSeconds: 30 })
    const market = new MarketStage(stage)
    const contents = Array.from({ length: torrentCount }, (_, index) =>
      stage.another({ lengths: [contentBytes], name: `torrent ${index}`, seed: 100 + index }),
    )
    const byHand = stage.another({ lengths: [contentBytes], name: 'by hand', seed: 99 })
    const shop = world.machine(stage.address(), { uploadBytesPerSecond: 40_000 })
    for (const content of contents) shop.put(content)
    await shop.start()
    for (const content of contents) await shop.add(content.metainfo)
    // Nobody answers there: all that anybody knows of them is what the tracker counts.
    const wanting = Array.from({ length: stage.peers }, () => stage.address())
    const enlist = () => {
      if (stage.nowMs > payersUntilMs) return
      for (const [index, content] of contents.entries()) {
        for (const [place, address] of wanting.entries()) {
          const peerId = `${index}${place}`.padStart(40, '0')
          stage.tracker().enlist(torrentIdOf(content), { address, port: listenPort, peerId, leftBytes: contentBytes })
        }
      }
      stage.after(20_000, enlist)
    }
    enlist()

    const provider = world.machine(stage.address(), { ...market.dealing(0), uploadBytesPerSecond })
    const diskBytes = Math.floor(2.5 * contentBytes)
    const payTokens = stage.random.below(2)
    const earning = new EarningMachine(stage, provider, settingsOf(diskBytes, payTokens, stage.tracker().url))
    provider.put(byHand)
    earning.offers = [...contents, byHand].map((content, index) => offerOf(content, index === 1 || index === 2))
    const isLetterThere = earning.occupy(contents[0] as Content)
    await earning.start()
    await provider.add(byHand.metainfo)

    let bought = 0
    const buy = async (content: Content) => {
      if (stage.nowMs > payersUntilMs) return
      const link = { latencyMs: 10 + stage.random.below(30), uploadBytesPerSecond: 5_000 }
      const { add, ...joining } = market.paying(budgetTokens)
      const machine = world.machine(stage.address(), { ...joining, ...link })
      await machine.start()
      const id = await machine.add(content.metainfo, add)
      await world.clock.runUntil(() => machine.torrent(id).isFinished, stage.nowMs + 10 * minuteMs)
      if ((machine.torrent(id).speed?.boughtBytes ?? 0) > 0) bought++
      // Long enough to pay.
      await world.clock.run(20_000)
      await machine.stop()
    }
    for (const index of paidFor) {
      const content = contents[index] as Content
      const visit = () => {
        stage.after(stage.exponentialMs(40_000), async () => {
          if (stage.nowMs > payersUntilMs) return
          visit()
          await buy(content)
        })
      }
      visit()
    }
    for (const atMs of crashesMs) {
      stage.after(atMs + stage.random.below(minuteMs), async () => {
        earning.kill(stage.random.below(2) === 0)
        await world.clock.run(2_000)
        await earning.start()
      })
    }
    stage.after(delistedMs, () => {
      earning.offers = earning.offers.filter(({ sizeBytes }) => sizeBytes > 0)
    })
    let mostBytes = 0
    stage.every(1_000, () => {
      mostBytes = Math.max(mostBytes, earning.ownBytes())
      stage.expect(mostBytes <= diskBytes, `${mostBytes} bytes of ${diskBytes}`, provider)
    })
    let keptWhilePaid: readonly string[] = []
    stage.after(payersUntilMs, () => {
      keptWhilePaid = earning.kept()
    })
    const isEmpty = () => provider.isUp && earning.ownBytes() === 0
    return {
      isOver: () => stage.nowMs > payersUntilMs + 2 * minuteMs && isEmpty(),
      judge: async () => {
        stage.expect(bought > 5, `bought ${bought} times`)
        const wanted = paidFor.map((index) => `torrent ${index}`).join(', ')
        stage.expect(keptWhilePaid.join(', ') === wanted, `keeps ${keptWhilePaid.join(', ')}, not ${wanted}`, provider)
        stage.expect(earning.kept().length === 0, `still keeps ${earning.kept().join(', ')}`, provider)
        stage.expect(mostBytes === 2 * contentBytes, `used ${mostBytes} bytes at most`, provider)
        const isHere = provider.session.torrentSnapshot(torrentIdOf(byHand)).ok
        stage.expect(isLetterThere(), 'what lay where a torrent would be is gone', provider)
        // Each life has the whole budget.
        const mostPaid = BigInt(crashesMs.length + 1) * tokens(payTokens)
        stage.expect(earning.paid <= mostPaid, `paid ${earning.paid}`, provider)
        await earning.end()
        stage.expect(isHere && provider.has(byHand), 'what was added by hand is gone', provider)
      },
    }
  },
}
