// The network falls into halves for a while, and one link carries nothing one way: what is under way hangs, and goes on
// when it heals. The seed is in one half.
import type { Scenario } from '../scenario.ts'

const partsAtMs = 4_000
const healsAtMs = 40_000

export const partition: Scenario = {
  name: 'partition',
  about: 'the halves of the network part and a link is dead one way, then all heals; all finish',
  peers: 10,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    const { network } = stage.world
    const seed = await stage.seed({ uploadBytesPerSecond: 100_000, latencyMs: 10 })
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 50_000,
    }))
    const addresses = leechers.map(({ machine }) => machine.address)
    const near = addresses.filter((_, index) => index % 2 === 0)
    const far = addresses.filter((_, index) => index % 2 === 1)
    const first = near[0] ?? seed.machine.address
    let faults = 0
    stage.after(partsAtMs, () => {
      network.partition('halves', [seed.machine.address, ...near], far)
      network.cutOneWay(seed.machine.address, first)
    })
    stage.after(healsAtMs, () => {
      faults = network.faults.partitioned
      network.heal('halves')
      network.mendOneWay(seed.machine.address, first)
    })
    return {
      isOver: () => stage.nowMs > healsAtMs && stage.allFinished(),
      judge: async () => {
        stage.expect(faults > 0, 'nobody noticed the partition')
        const late = leechers.filter(({ finishedMs }) => (finishedMs ?? 0) > healsAtMs)
        stage.expect(late.length > 0, 'everybody finished while the network was in halves')
        await stage.expectContent()
      },
    }
  },
}
