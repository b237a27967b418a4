// A private torrent (BEP 27): its peers are those of its tracker, who names some of them at a time; what is in the
// torrent is told to nobody who comes with the link alone.
import type { Scenario } from '../scenario.ts'

export const privateTracker: Scenario = {
  name: 'private-tracker',
  about: 'a private torrent; peers are known from the tracker alone, nobody gives out metadata, all finish',
  peers: 8,
  contentBytes: 800_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    stage.tracker({ maxPeersPerReply: 4, intervalSeconds: 60 })
    stage.setContent({ isPrivate: true })
    await stage.seed({ uploadBytesPerSecond: 200_000 })
    await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000,
      // Refused: not of the tracker.
      add: { peers: ['19.0.0.1:6881'] },
    }))
    const { network } = stage.world
    const stranger = await stage.leecher({ isByMagnet: true })
    let offers = 0
    stage.every(1_000, () => {
      for (const { machine, id, isHere } of stage.participants) {
        if (!isHere) continue
        for (const { offersMetadata, direction, endpoint } of machine.torrent(id).peers) {
          if (offersMetadata) offers++
          if (direction === 'accepted') continue
          const isNamed = stage.tracker().seen.some(({ from }) => from === endpoint.address)
          stage.expect(isNamed, `dialled ${endpoint.address}, which no tracker knows`, machine)
        }
      }
    })
    const members = stage.participants.filter((one) => one !== stranger)
    return {
      isOver: () => members.every(({ isHere, finishedMs }) => isHere && finishedMs !== undefined),
      judge: async () => {
        stage.expect(offers === 0, 'somebody offered the metadata of a private torrent')
        stage.expect(stranger.finishedMs === undefined, 'a stranger got the torrent by its link')
        stage.expect(network.dialCount({ address: '19.0.0.1', port: 6881 }) === 0, 'a named peer was dialled')
        await stage.leave(stranger)
        await stage.expectContent()
      },
    }
  },
}
