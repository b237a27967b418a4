// Everybody has limits of their own, and one changes them on the way: each is kept, over any stretch of time, and used.
// Counted at the machines' links, headers and all; the seed has all, and the others give as much as they may.
import { noRateLimits } from '../../src/session/session-config.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

const seedRates = { downloadBytesPerSecond: Number.POSITIVE_INFINITY, uploadBytesPerSecond: 100_000 }
const leecherRates = { downloadBytesPerSecond: 60_000, uploadBytesPerSecond: 40_000 }
const changesAtMs = 6_000
const laterBytesPerSecond = 60_000
/** What a burst may bring at once besides. */
const burstBytes = 65_536

export const changedLimits: Scenario = {
  name: 'changed-limits',
  about: 'limits both ways, one of them changed on the way; each is kept, and all finish in good time',
  peers: 6,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const { network } = stage.world
    const seed = await stage.seed({ config: { rates: seedRates } })
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      config: { rates: leecherRates },
    }))
    const watch = ({ machine }: Participant, rates: typeof seedRates, untilMs: number) => {
      const startMs = stage.nowMs
      const { sentBytes, readBytes } = network.trafficOf(machine.address)
      stage.every(1_000, () => {
        if (stage.nowMs > untilMs) return
        const seconds = (stage.nowMs - startMs) / 1_000
        const now = network.trafficOf(machine.address)
        const [sent, read] = [now.sentBytes - sentBytes, now.readBytes - readBytes]
        stage.expect(sent <= burstBytes + seconds * rates.uploadBytesPerSecond, `sent ${sent} in ${seconds} s`, machine)
        stage.expect(
          read <= burstBytes + seconds * rates.downloadBytesPerSecond,
          `read ${read} in ${seconds} s`,
          machine,
        )
      })
    }
    for (const one of leechers) watch(one, leecherRates, Number.POSITIVE_INFINITY)
    watch(seed, seedRates, stage.nowMs + changesAtMs)
    stage.after(changesAtMs, async () => {
      const rates = { ...noRateLimits, uploadBytesPerSecond: laterBytesPerSecond }
      await seed.machine.run({ type: 'set-rates', rates })
      watch(seed, rates, Number.POSITIVE_INFINITY)
    })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const shortestMs = (1_000 * (stage.contentBytes - burstBytes)) / leecherRates.downloadBytesPerSecond
        for (const { machine, joinedMs, finishedMs = 0 } of leechers) {
          const tookMs = finishedMs - joinedMs
          stage.expect(tookMs >= shortestMs, `took ${tookMs} ms, less than its limit allows`, machine)
          stage.expect(tookMs <= 4 * shortestMs, `took ${tookMs} ms, and could have taken ${shortestMs} ms`, machine)
        }
        await stage.expectContent()
      },
    }
  },
}
