// An HTTP tracker on a simulated web: remembers every announce, and answers with the peers it knows.
// Owns what it saw; a scenario may make it silent.
import { encode } from '../../src/formats/bencode/encode.ts'
import { encodeCompactEndpoints, parseEndpoint } from '../../src/formats/compact-endpoint.ts'
import type { World } from './session-harness.ts'

export interface SeenAnnounce {
  readonly from: string
  readonly atMs: number
  readonly event: string
  readonly key: string
  readonly left: number
  readonly downloaded: number
  readonly uploaded: number
}

export class FakeTracker {
  readonly url: string
  readonly seen: SeenAnnounce[] = []
  /** It takes connections and never answers. */
  isSilent = false
  private readonly peers = new Map<string, Set<string>>()

  constructor(world: World, address: string) {
    this.url = `http://${address}/announce`
    world.web.serve(address, 80, (_request, url, from) => {
      // Raw bytes, which a decoding parser would garble.
      const query = new Map(
        url.search
          .slice(1)
          .split('&')
          .map((pair) => pair.split('=') as [string, string]),
      )
      const number = (name: string) => Number(query.get(name))
      const event = query.get('event') ?? ''
      this.seen.push({
        from,
        atMs: world.clock.nowMs(),
        event,
        key: query.get('key') ?? '',
        left: number('left'),
        downloaded: number('downloaded'),
        uploaded: number('uploaded'),
      })
      if (this.isSilent) return undefined
      const swarm = this.peers.get(query.get('info_hash') ?? '') ?? new Set<string>()
      this.peers.set(query.get('info_hash') ?? '', swarm)
      const own = `${from}:${query.get('port')}`
      if (event === 'stopped') swarm.delete(own)
      else swarm.add(own)
      const others = [...swarm].filter((peer) => peer !== own).map((peer) => parseEndpoint(peer))
      const compact = encodeCompactEndpoints(
        others.filter((peer) => peer !== undefined),
        4,
      )
      return { status: 200, headers: {}, body: encode({ interval: 1_800, peers: compact, complete: 1, incomplete: 1 }) }
    })
  }

  events(from: string): string[] {
    return this.seen.filter((announce) => announce.from === from).map(({ event }) => event)
  }
}
