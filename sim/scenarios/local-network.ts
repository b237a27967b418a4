// A household behind one router, whose tracker stands in the house as well: what goes from room to room is under no
// limit, unless somebody wants it to be; what goes out of the house keeps to all of them, also when they change.
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { SimulatedTracker } from '../world/simulated-tracker.ts'

const sessionRates = { downloadBytesPerSecond: 70_000, uploadBytesPerSecond: 50_000 }
const torrentRates = { downloadBytesPerSecond: 60_000, uploadBytesPerSecond: 15_000 }
/** At first. */
const alternativeRates = { downloadBytesPerSecond: 10_000, uploadBytesPerSecond: 2_000 }
const alternativeMs = 8_000

export const localNetwork: Scenario = {
  name: 'local-network',
  about: 'a household behind a router, and one outside; limits hold for what leaves the house, and all finish',
  peers: 3,
  contentBytes: 2_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const tracker = new SimulatedTracker(world, '192.168.0.1')
    stage.setContent({ trackers: [[tracker.url]] })
    const outside = await stage.leecher({ latencyMs: 20 })
    const nat = { kind: 'port-restricted', publicAddress: stage.address() } as const
    const config = { rates: sessionRates, alternativeRates, useAlternativeRates: true }
    const add = { limits: torrentRates, peers: [outside.machine.endpoint] }
    let rooms = 0
    const atHome = () => ({ address: `192.168.0.${10 + rooms++}`, latencyMs: 1, nat, add, config })
    const home = [await stage.seed(atHome())]
    for (let count = 0; count < stage.peers; count++) home.push(await stage.leecher(atHome()))
    const strict = await stage.leecher({ ...atHome(), config: { ...config, exemptLocalNetwork: false } })
    stage.after(alternativeMs, async () => {
      for (const { machine } of [...home, strict]) {
        await machine.tell({ type: 'use-alternative-rates', enabled: false })
      }
    })
    const secondsOf = ({ joinedMs, finishedMs = stage.nowMs }: Participant) => (finishedMs - joinedMs) / 1_000
    return {
      isOver: () => stage.nowMs > alternativeMs && stage.allFinished(),
      judge: async () => {
        const strangers = world.machines.filter(({ address }) => tracker.eventsOf(address).length > 0)
        stage.expect(strangers.length === home.length + 1, 'not everybody in the house came to its tracker')
        const shortest = contentBytes / torrentRates.downloadBytesPerSecond
        for (const one of home.slice(1)) {
          const seconds = secondsOf(one)
          stage.expect(seconds < shortest / 2, `took ${seconds} s in the house, as if it were limited`, one.machine)
        }
        const seconds = secondsOf(strict)
        stage.expect(
          seconds > shortest * 0.9,
          `took ${seconds} s, and wants limits in the house as well`,
          strict.machine,
        )
        const { uploadBytesPerSecond } = torrentRates
        const allowedBytes = (home.length + 1) * uploadBytesPerSecond * secondsOf(outside)
        stage.expect(allowedBytes > contentBytes * 0.9, 'the house gave more than its limits allow', outside.machine)
        await stage.expectContent()
      },
    }
  },
}
