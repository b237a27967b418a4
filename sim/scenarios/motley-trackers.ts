// Trackers as they are: gone, refusing, overloaded, nonsensical, pointing into other people's networks, old ones without
// counts behind a redirect and a name of both address families. Each is left for the next, and one that works is found.

import { fromLatin1 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { encode } from '../../src/formats/bencode/encode.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import { parseAnnounceQuery } from '../../src/formats/tracker/announce-query.ts'
import { encodeTrackerFailure } from '../../src/formats/tracker/reply.ts'
import { encodeScrapeResponse, parseScrapeQuery } from '../../src/formats/tracker/scrape.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import type { Scenario } from '../scenario.ts'
import type { Participant, Stage } from '../stage.ts'

const secret = 'passkey-that-nobody-may-see'
const oldName = 'old.example'
const oldAddresses = ['11.0.0.8', '2a01::8'] as const
const overloaded = '11.0.0.3'
const refusing = '11.0.0.4'
const movedName = 'moved.example'
const movedAddresses = ['11.0.0.7', '2a01::7'] as const
const inwards = '11.0.0.9'
const tiers = [
  ['http://gone.example/announce'],
  [`http://11.0.0.2/${secret}/announce`],
  [`http://${overloaded}/announce`],
  [`http://${refusing}/announce`],
  ['http://rebound.example/announce'],
  [`http://${inwards}/announce`],
  [`http://${movedName}/announce`],
]

/** Says how it is for each, by what it is. */
function serveAll(stage: Stage): { scrapes: number; inwards: number; refused: number; families: Set<string> } {
  const { web } = stage.world
  const seen = { scrapes: 0, inwards: 0, refused: 0, families: new Set<string>() }
  const server = new TrackerServer({ random: stage.world.randomOf(oldName), intervalSeconds: 30 })
  const none = new Uint8Array(0)
  web.name(oldName, oldAddresses)
  web.name(movedName, movedAddresses)
  web.name('rebound.example', ['192.168.0.7'])
  for (const port of [80, 8_080]) {
    web.serve('192.168.0.7', port, () => {
      seen.inwards++
      return { status: 200, headers: {}, body: none }
    })
  }
  const busy = { status: 503, headers: { 'Retry-After': '20' }, body: fromLatin1('<html>come again</html>') }
  web.serve(overloaded, 80, () => busy)
  web.serve(refusing, 80, () => {
    seen.refused++
    return { status: 200, headers: {}, body: encodeTrackerFailure({ reason: 'not registered', retry: 1 }) }
  })
  web.serve(inwards, 80, () => ({ status: 302, headers: { Location: 'http://192.168.0.7:8080/announce' }, body: none }))
  for (const address of movedAddresses) {
    web.serve(address, 80, (_request, url) => {
      return { status: 301, headers: { Location: `http://${oldName}${url.pathname}${url.search}` }, body: none }
    })
  }
  for (const address of oldAddresses) {
    web.serve(address, 80, (_request, url, from) => {
      const query = url.search.slice(1)
      if (url.pathname === '/scrape') {
        seen.scrapes++
        return { status: 200, headers: {}, body: encodeScrapeResponse(server.scrape(unwrap(parseScrapeQuery(query)))) }
      }
      const source = parseAddress(from)
      if (source === undefined) return undefined
      seen.families.add(`${source.family}`)
      const reply = server.announce(unwrap(parseAnnounceQuery(query)), source, stage.nowMs)
      if ('kind' in reply || reply.peers.form === 'long') return undefined
      const { peers, peers6 } = reply.peers
      const body = encode({ interval: 30, peers, peers6, 'warning message': 'this tracker is old' })
      return { status: 200, headers: {}, body }
    })
  }
  return seen
}

export const motleyTrackers: Scenario = {
  name: 'motley-trackers',
  about: 'trackers that are gone, refuse, redirect and point inwards, before one that works; all find each other',
  peers: 5,
  contentBytes: 500_000,
  pieceLengthBytes: 32_768,
  limitMs: 600_000,
  async arrange(stage) {
    const seen = serveAll(stage)
    stage.setContent({ trackers: tiers })
    const joining = (index: number) => ({
      uploadBytesPerSecond: 200_000,
      otherAddresses: [`2a02::${index + 1}`],
      config: { listenAddresses: ['0.0.0.0', '::'] },
    })
    const everybody = [await stage.seed(joining(0))]
    everybody.push(...(await stage.leechers(stage.peers, (index) => joining(index + 1))))
    // A person adds one that is none.
    for (const { machine, id } of everybody) {
      await machine.run({ type: 'set-trackers', id, trackers: [['ftp://11.0.0.2/announce'], ...tiers] })
    }
    const hasTracker = ({ machine, id }: Participant) =>
      machine.torrent(id).trackers.some(({ state }) => state === 'working')
    return {
      isOver: () => stage.allFinished() && everybody.every(hasTracker),
      judge: async () => {
        stage.expect(seen.scrapes > 0, 'nobody asked the old tracker for counts')
        stage.expect(seen.refused > 0, 'nobody came to the tracker that refuses')
        stage.expect(seen.inwards === 0, 'somebody was led to an address of the local network')
        stage.expect(seen.families.size === 2, 'somebody announces by one family only')
        for (const { machine, id } of everybody) {
          const { trackers } = machine.torrent(id)
          const text = JSON.stringify(trackers.map(({ message }) => message))
          stage.expect(!text.includes(secret), `tells what nobody may see: ${text}`, machine)
          const working = trackers.filter(({ state }) => state === 'working')
          const isRight = working.length === 1 && working[0]?.url === `http://${movedName}/announce`
          stage.expect(isRight, `uses ${working.map(({ url }) => url).join(', ')}`, machine)
          stage.expect(working[0]?.message === 'this tracker is old', 'does not pass the warning on', machine)
        }
        await stage.expectContent()
      },
    }
  },
}
