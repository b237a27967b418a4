// Disks on which operations fail now and then, some of them halfway: nothing false is believed of them, and with time
// everything is there.
import type { Scenario } from '../scenario.ts'

export const failingDisk: Scenario = {
  name: 'failing-disk',
  about: 'writes, reads and syncs fail now and then, some halfway; all finish',
  peers: 6,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 900_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 200_000 })
    const leechers = await stage.leechers(stage.peers, () => ({
      uploadBytesPerSecond: 200_000,
      failingOneIn: { write: 12, sync: 8, read: 30, replace: 4 },
    }))
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        // Luck may spare a disk or two, never as many as this.
        const failures = leechers.reduce((sum, { machine }) => sum + machine.disk.faults.failed, 0)
        stage.expect(failures >= leechers.length, 'hardly anything failed')
        await stage.expectContent()
      },
    }
  },
}
