// A tracker names thousands of peers that do not exist, others each time: the list of them stays small, those that
// failed give way to new ones, nobody stops looking, and who is real is found in the end.
import { unwrap } from '../../src/base/errors.ts'
import { encodeCompactEndpoints, parseAddress } from '../../src/formats/compact-endpoint.ts'
import { parseAnnounceQuery } from '../../src/formats/tracker/announce-query.ts'
import { encodeAnnounceResponse } from '../../src/formats/tracker/announce-response.ts'
import type { Scenario } from '../scenario.ts'

const trackerAddress = '11.0.0.2'
/** As many as are taken of one answer. */
const namedAtOnce = 3_000
const mostKnown = 3_000
const intervalSeconds = 30
const seedComesMs = 70_000

export const tooManyNames: Scenario = {
  name: 'too-many-names',
  about: 'a tracker names thousands of peers that do not exist; the lists stay bounded, and all finish',
  peers: 1,
  contentBytes: 300_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const { world } = stage
    const random = world.randomOf('names')
    stage.setContent({ trackers: [[`http://${trackerAddress}/announce`]] })
    let namedCount = 0
    world.web.serve(trackerAddress, 80, (_request, url, from) => {
      unwrap(parseAnnounceQuery(url.search.slice(1)))
      stage.expect(parseAddress(from) !== undefined, 'somebody asks from nowhere')
      namedCount += namedAtOnce
      const invented = Array.from({ length: namedAtOnce }, () => {
        const part = () => random.below(256)
        return {
          family: 4,
          address: `5.${part()}.${part()}.${1 + random.below(254)}`,
          port: 1 + random.below(65_535),
        } as const
      })
      const peers = { form: 'compact', peers: encodeCompactEndpoints(invented, 4), peers6: new Uint8Array(0) } as const
      const body = encodeAnnounceResponse({ intervalSeconds, complete: 1, incomplete: namedAtOnce, peers })
      return { status: 200, headers: {}, body }
    })
    const leechers = await stage.leechers(stage.peers, () => ({ uploadBytesPerSecond: 100_000 }))
    stage.every(1_000, () => {
      for (const { machine, id } of leechers) {
        const { knownPeers } = machine.torrent(id)
        stage.expect(knownPeers <= mostKnown, `knows ${knownPeers} peers`, machine)
      }
    })
    const peers = leechers.map(({ machine }) => machine.endpoint)
    stage.after(seedComesMs, async () => {
      await stage.seed({ uploadBytesPerSecond: 200_000, add: { peers, trackers: [] } })
    })
    return {
      isOver: () => stage.nowMs > seedComesMs + 1_000 && stage.allFinished(),
      judge: async () => {
        stage.expect(namedCount > 2 * mostKnown, `only ${namedCount} names`)
        await stage.expectContent()
      },
    }
  },
}
