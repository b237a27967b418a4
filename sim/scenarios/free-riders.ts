// Some peers take and do not give. Tit-for-tat (BEP 3) has them wait: those who give are served first.
// Some slots go by luck, so that newcomers can begin, and seeds serve all alike: a free rider gets less, not nothing.
import { noRateLimits, type RateLimits } from '../../src/session/session-config.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'

/** The seed serves all alike: with more of it, and nobody would depend on anybody else; with less, all would wait for it. */
const seedUploadBytesPerSecond = 120_000
const honestUploadBytesPerSecond = 30_000
/** What the slowest of the honest may take of the time in which capacity alone would serve all. */
const mostSlowdown = 2
/** What a free rider may have of what the others have, halfway. */
const mostRidingShare = 0.95

export const freeRiders: Scenario = {
  name: 'free-riders',
  about: 'a third gives nothing; those who give get more than those who do not, and are not held up; all finish',
  peers: 15,
  contentBytes: 2_000_000,
  pieceLengthBytes: 32_768,
  limitMs: 1_200_000,
  async arrange(stage) {
    await stage.seed({ config: { rates: limited(seedUploadBytesPerSecond) }, latencyMs: 10 })
    const slots = (maxSlots: number) => ({ limits: { maxSlots } })
    const riderCount = Math.max(1, Math.floor(stage.peers / 3))
    const joining = () => ({
      latencyMs: 5 + stage.random.below(60),
      config: { rates: limited(honestUploadBytesPerSecond) },
    })
    const riders = await stage.leechers(riderCount, () => ({ ...joining(), add: slots(0) }))
    const honest = await stage.leechers(stage.peers - riderCount, () => ({ ...joining(), add: slots(4) }))
    // In the end all wait for the same last pieces, and who gives has nothing to give to others who do: what counts is
    // what everybody had when those had half.
    let ridingShare: number | undefined
    stage.every(500, () => {
      const given = meanPieces(honest)
      if (ridingShare === undefined && given >= stage.content.info.pieceCount / 2)
        ridingShare = meanPieces(riders) / given
    })
    return {
      isOver: () => stage.allFinished(),
      judge: async () => {
        const { contentBytes } = stage
        for (const { machine, id } of riders) {
          const { uploadedBytes } = machine.torrent(id)
          stage.expect(uploadedBytes < contentBytes / 4, `a free rider gave ${uploadedBytes} bytes`, machine)
        }
        const capacity = seedUploadBytesPerSecond + honest.length * honestUploadBytesPerSecond
        const idealMs = (1_000 * stage.peers * contentBytes) / capacity
        const slowestMs = Math.max(...honest.map(durationMs))
        stage.expect(slowestMs < mostSlowdown * idealMs, `who gave took ${slowestMs} ms, ideally ${idealMs} ms`)
        const share = ridingShare ?? Number.POSITIVE_INFINITY
        stage.expect(share < mostRidingShare, `who did not give had ${share} of what others had`)
        await stage.expectContent()
      },
    }
  },
}

/** By its own limit: what a system has taken off a program is sent whoever is choked meanwhile. */
function limited(uploadBytesPerSecond: number): RateLimits {
  return { ...noRateLimits, uploadBytesPerSecond }
}

function durationMs({ joinedMs, finishedMs }: Participant): number {
  return (finishedMs ?? Number.POSITIVE_INFINITY) - joinedMs
}

function meanPieces(participants: readonly Participant[]): number {
  return participants.reduce((sum, { pieces }) => sum + pieces.size, 0) / participants.length
}
