// The only seed goes as soon as the others together have everything: from there on every copy is made of what they got,
// so pieces must have been spread, and none may be lost.
import type { Scenario } from '../scenario.ts'

export const seederLeaves: Scenario = {
  name: 'seeder-leaves',
  about: 'the only seed goes when one copy is out; all finish',
  peers: 8,
  contentBytes: 1_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const seed = await stage.seed({ uploadBytesPerSecond: 200_000, latencyMs: 10 })
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000 + stage.random.below(200_000),
    }))
    let lackingCount = -1
    const leaveWhenOut = async () => {
      const out = new Set(leechers.flatMap(({ pieces }) => [...pieces.keys()]))
      if (out.size < stage.content.info.pieceCount) {
        stage.after(100, leaveWhenOut)
        return
      }
      lackingCount = leechers.filter(({ finishedMs }) => finishedMs === undefined).length
      await stage.leave(seed)
    }
    stage.after(100, leaveWhenOut)
    return {
      isOver: () => seed.leftMs !== undefined && stage.allFinished(),
      judge: async () => {
        stage.expect(lackingCount > 0, 'everybody had everything before the seed left')
        await stage.expectContent()
      },
    }
  },
}
