// A hybrid torrent whose two versions disagree about one piece: whoever comes to that piece stops with the reason, has
// nothing of it and blames nobody; what else the session has goes on.
import type { Scenario } from '../scenario.ts'
import type { Participant } from '../stage.ts'
import { pieceSpace } from '../world/content.ts'
import { SimpleSeed } from '../world/simple-seed.ts'
import { torrentIdOf } from '../world/torrent-id.ts'

const expectedCode = 'metainfo-hybrid-mismatch'

export const contradictoryHybrid: Scenario = {
  name: 'contradictory-hybrid',
  about:
    'the versions of a hybrid torrent disagree about a piece; all stop and say so, and their other torrents finish',
  peers: 4,
  contentBytes: 500_000,
  pieceLengthBytes: 32_768,
  limitMs: 120_000,
  async arrange(stage) {
    const { world, contentBytes } = stage
    const wrong = stage.random.below(Math.ceil(contentBytes / 32_768))
    const content = stage.setContent({ version: 'hybrid', contradictoryPiece: wrong })
    const other = stage.another({ lengths: [300_000], name: 'other', seed: 2 })
    const space = pieceSpace(content)
    const blind = new SimpleSeed(world, {
      address: stage.address(),
      latencyMs: 10,
      uploadBytesPerSecond: 200_000,
      content,
      serve: (piece, begin, length) => {
        const start = piece * content.info.pieceLengthBytes + begin
        return space.subarray(start, start + length)
      },
    })
    const seed = await stage.seed({ uploadBytesPerSecond: 200_000 })
    seed.machine.put(other)
    await seed.machine.add(other.metainfo)
    const leechers = await stage.leechers(stage.peers, () => ({
      latencyMs: 5 + stage.random.below(60),
      uploadBytesPerSecond: 100_000,
      add: { peers: [blind.endpoint] },
    }))
    for (const { machine } of leechers) await machine.add(other.metainfo)
    const everybody = [seed, ...leechers]
    const problemOf = ({ machine, id }: Participant) => {
      const { state } = machine.torrent(id)
      return state.type === 'error' ? state.problem : undefined
    }
    const hasOther = ({ machine }: Participant) => machine.stateOf(torrentIdOf(other)) === 'seeding'
    const haveStopped = () => everybody.every((one) => problemOf(one)?.code === expectedCode)
    return {
      isOver: () => haveStopped() && everybody.every(hasOther),
      judge: async () => {
        stage.expect(blind.servedCount > 0, 'nobody asked for anything of it')
        // What was found out before the end is found out again after the next start.
        for (const one of leechers) {
          await stage.pause(one)
          await stage.comeBack(one)
        }
        await world.until('all stop again', () => haveStopped() && everybody.every(hasOther), 60_000)
        for (const one of everybody) {
          const { machine } = one
          const detail = problemOf(one)?.detail ?? ''
          stage.expect(detail.endsWith(`piece ${wrong}`), `names another piece: ${detail}`, machine)
          stage.expect(!one.pieces.has(wrong), 'believes one of the versions', machine)
          stage.expect(one.finishedMs === undefined || one === seed, 'says that it has finished', machine)
          const { bannedAddresses } = machine.session.snapshot()
          stage.expect(bannedAddresses.length === 0, `blames ${bannedAddresses.join(', ')}`, machine)
        }
      },
    }
  },
}
