// The network brings more than the disk takes: what waits for the disk stays within the budget of memory, and nothing
// is lost for it.
import type { Scenario } from '../scenario.ts'

const diskBytesPerSecond = 1_000_000
const memoryBytes = 1_048_576

export const slowDisk: Scenario = {
  name: 'slow-disk',
  about: 'a network of 10 MB/s before disks of 1 MB/s; memory stays within its budget, all finish',
  peers: 5,
  contentBytes: 4_000_000,
  pieceLengthBytes: 65_536,
  limitMs: 300_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 10_000_000 })
    const leechers = await stage.leechers(stage.peers, () => ({
      uploadBytesPerSecond: 10_000_000,
      memoryBytes,
      diskSpeed: { bytesPerSecond: diskBytesPerSecond, operationMs: 1 },
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        for (const { machine, joinedMs, finishedMs = 0 } of leechers) {
          const { peakBytes } = machine.memory
          stage.expect(peakBytes > memoryBytes / 2, `only ${peakBytes} bytes ever waited for the disk`, machine)
          stage.expect(peakBytes <= memoryBytes, `${peakBytes} bytes in memory`, machine)
          const shortestMs = (1_000 * stage.contentBytes) / diskBytesPerSecond
          stage.expect(finishedMs - joinedMs >= shortestMs, 'faster than its disk', machine)
        }
        await stage.expectContent()
      },
    }
  },
}
