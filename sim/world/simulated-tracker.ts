// A tracker on the web of a simulated world: the product's own tracker server, which remembers every announce.
// Owns what it saw, and counts scrapes; a scenario may make it silent.
import { assert } from '../../src/base/assert.ts'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import type { AnnounceEvent } from '../../src/formats/tracker/announce.ts'
import { parseAnnounceQuery } from '../../src/formats/tracker/announce-query.ts'
import { encodeAnnounceResponse } from '../../src/formats/tracker/announce-response.ts'
import { encodeTrackerFailure } from '../../src/formats/tracker/reply.ts'
import { encodeScrapeResponse, parseScrapeQuery } from '../../src/formats/tracker/scrape.ts'
import type { HttpResponse } from '../../src/ports/http.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import type { SeenAnnounce } from './seen-announce.ts'
import type { World } from './world.ts'

export interface SimulatedTrackerOptions {
  readonly intervalSeconds?: number
  /** Peers in one answer, at most. */
  readonly maxPeersPerReply?: number
}

interface EnlistedPeer {
  readonly address: string
  readonly port: number
  /** In hexadecimal. */
  readonly peerId?: string
  /** 0: a seed. */
  readonly leftBytes?: number
}

/** Of an announce, whatever the version of the torrent. */
const infoHashDigits = 40

export class SimulatedTracker {
  readonly url: string
  readonly seen: SeenAnnounce[] = []
  scrapeCount = 0
  /** It takes connections and never answers. */
  isSilent = false
  readonly server: TrackerServer
  private readonly world: World

  constructor(world: World, address: string, options: SimulatedTrackerOptions = {}) {
    this.world = world
    this.url = `http://${address}/announce`
    this.server = new TrackerServer({ random: world.randomOf(this.url), ...options })
    world.web.serve(address, 80, (_request, url, from) => {
      if (url.pathname === '/scrape') return this.scrape(url)
      const source = parseAddress(from)
      assert(source !== undefined, 'an address that asks')
      const request = unwrap(parseAnnounceQuery(url.search.slice(1)))
      const { event, key, leftBytes, downloadedBytes, uploadedBytes } = request
      const nowMs = world.clock.nowMs()
      const infoHash = toHex(request.infoHash)
      const seen = {
        tracker: this,
        from,
        atMs: nowMs,
        infoHash,
        peerId: toHex(request.peerId),
        event,
        key,
        leftBytes,
        downloadedBytes,
        uploadedBytes,
        isAnswered: !this.isSilent,
      }
      this.seen.push(seen)
      world.log(from, `announced ${event} ${infoHash.slice(0, 8)} left ${leftBytes}`)
      world.onAnnounce(seen)
      if (this.isSilent) return undefined
      const reply = this.server.announce(request, source, nowMs)
      const body = 'kind' in reply ? encodeTrackerFailure(reply) : encodeAnnounceResponse(reply)
      return { status: 200, headers: {}, body }
    })
  }

  /** Tells others of somebody who did not announce itself. */
  enlist(infoHash: string, { address, port, peerId = '00'.repeat(20), leftBytes = 0 }: EnlistedPeer): void {
    const request = {
      infoHash: unwrap(fromHex(infoHash.slice(0, infoHashDigits))),
      peerId: unwrap(fromHex(peerId)),
      port,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes,
      event: 'started',
      isCompact: true,
      omitsPeerIds: true,
      claimedEndpoints: [],
      supportsEncryption: false,
    } as const
    this.server.announce(request, { family: 4, address }, this.world.clock.nowMs())
  }

  private scrape({ search }: URL): HttpResponse | undefined {
    this.scrapeCount++
    const swarms = this.server.scrape(unwrap(parseScrapeQuery(search.slice(1))))
    const body = encodeScrapeResponse(swarms, this.server.minIntervalSeconds)
    return this.isSilent ? undefined : { status: 200, headers: {}, body }
  }

  eventsOf(address: string): AnnounceEvent[] {
    return this.seen.filter(({ from }) => from === address).map(({ event }) => event)
  }
}
