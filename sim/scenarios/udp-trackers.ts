// Peers find each other through UDP trackers alone (BEP 15, 12): two mirrors of one, of which one is silent for a while,
// and an address at which nothing is.
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import type { Scenario } from '../scenario.ts'
import { SimulatedUdpTracker } from '../world/simulated-udp-tracker.ts'

const silentMs = 20_000
const latestMs = 40_000
/** Longer than a goodbye may take. */
const goodbyeMs = 5_000

export const udpTrackers: Scenario = {
  name: 'udp-trackers',
  about: 'UDP trackers alone, some of them silent or gone; all find each other, and finish',
  peers: 8,
  contentBytes: 800_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const trackers = [new SimulatedUdpTracker('11.0.0.2'), new SimulatedUdpTracker('11.0.0.3')]
    const [first, second] = trackers
    const server = new TrackerServer({ random: stage.world.randomOf('udp-trackers') })
    for (const tracker of trackers) await tracker.open(stage.world, server)
    stage.setContent({ trackers: [trackers.map(({ url }) => url), ['udp://11.0.0.4:6969/announce']] })
    if (first !== undefined) {
      first.isSilent = true
      stage.after(silentMs, () => {
        first.isSilent = false
      })
    }
    const seed = await stage.seed({ uploadBytesPerSecond: 200_000 })
    let comingCount = stage.peers
    for (let index = 0; index < stage.peers; index++) {
      stage.after(stage.random.below(latestMs), async () => {
        await stage.leecher({ latencyMs: 5 + stage.random.below(60), uploadBytesPerSecond: 100_000 })
        comingCount--
      })
    }
    return {
      isOver: () => comingCount === 0 && stage.allFinished(),
      judge: async () => {
        stage.expect((second?.answerCount ?? 0) > 0, 'nobody asked the tracker that answers')
        const { trackers: rows } = seed.machine.torrent(seed.id)
        stage.expect(
          rows.some(({ state }) => state === 'working'),
          'no tracker works for the seed',
          seed.machine,
        )
        // Whoever removes it now is rid of it at once, though nobody answers its goodbye.
        for (const tracker of trackers) tracker.isSilent = true
        const startMs = stage.nowMs
        await seed.machine.run({ type: 'remove', id: seed.id, withData: false })
        stage.expect(stage.nowMs - startMs < 1_000, `took ${stage.nowMs - startMs} ms to be removed`, seed.machine)
        await stage.world.clock.run(goodbyeMs)
      },
    }
  },
}
