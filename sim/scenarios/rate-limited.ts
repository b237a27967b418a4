// Lines are fast and everybody limits both directions of the whole session: content comes as fast as the limits allow,
// and no faster.
import type { Scenario } from '../scenario.ts'

const seedBytesPerSecond = 60_000
const leecherBytesPerSecond = 40_000

export const rateLimited: Scenario = {
  name: 'rate-limited',
  about: 'everybody limits both directions; all finish, in the time that takes',
  peers: 3,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 120_000,
  async arrange(stage) {
    const unlimited = Number.POSITIVE_INFINITY
    const link = { latencyMs: 10, uploadBytesPerSecond: 500_000 }
    await stage.seed({
      ...link,
      config: { rates: { downloadBytesPerSecond: unlimited, uploadBytesPerSecond: seedBytesPerSecond } },
    })
    await stage.leechers(stage.peers, () => ({
      ...link,
      config: {
        rates: { downloadBytesPerSecond: leecherBytesPerSecond, uploadBytesPerSecond: leecherBytesPerSecond },
      },
    }))
    const startMs = stage.nowMs
    return {
      isOver: () => stage.allFinished(),
      judge: () => {
        const leastMs = (1_000 * stage.content.totalBytes) / leecherBytesPerSecond
        const tookMs = stage.nowMs - startMs
        stage.expect(tookMs > leastMs * 0.9, `over after ${tookMs} ms, faster than the limits allow`)
      },
    }
  },
}
