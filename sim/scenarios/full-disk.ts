// Disks fill up in the middle of a download, by what others write to them, and have room again later. Nobody has to do
// anything but make room.
import type { Scenario } from '../scenario.ts'

const fillsAtMs = 3_000
const freesAtMs = 25_000

export const fullDisk: Scenario = {
  name: 'full-disk',
  about: 'disks are full for a while; who has no room says so, goes on by itself, and all finish',
  peers: 6,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 300_000,
  async arrange(stage) {
    await stage.seed({ uploadBytesPerSecond: 100_000 })
    const leechers = await stage.leechers(stage.peers, () => ({ uploadBytesPerSecond: 40_000 }))
    const cramped = leechers.filter((_, index) => index % 2 === 0)
    stage.after(fillsAtMs, () => {
      for (const { machine } of cramped) machine.disk.capacityBytes = machine.disk.usedBytes() + 50_000
    })
    stage.after(freesAtMs, () => {
      for (const { machine, id, finishedMs } of cramped) {
        const { state } = machine.torrent(id)
        const isKnown = state.type === 'error' && state.problem.code === 'disk-full' && state.resumesByItself
        stage.expect(isKnown, `has no room and is ${state.type}`, machine)
        stage.expect(finishedMs === undefined, 'is finished without room', machine)
        machine.disk.capacityBytes = Number.POSITIVE_INFINITY
      }
    })
    return {
      isOver: () => stage.nowMs > freesAtMs && stage.allFinished(),
      judge: async () => {
        const refusedCount = cramped.reduce((sum, { machine }) => sum + machine.disk.faults.refusedFull, 0)
        stage.expect(refusedCount > 0, 'no disk was full')
        await stage.expectContent()
      },
    }
  },
}
