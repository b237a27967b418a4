// Trackers of a simulation. The one on its web remembers every announce, and answers with the peers it knows.
// Owns what it saw; a scenario may make it silent.
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { unwrap } from '../../src/base/errors.ts'
import { encode } from '../../src/formats/bencode/encode.ts'
import { encodeCompactEndpoints, parseEndpoint } from '../../src/formats/compact-endpoint.ts'
import { announceRequestLength } from '../../src/formats/tracker/udp-request.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import { UdpTracker } from '../../src/tracker/udp-tracker.ts'
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
  /** Named to everybody, besides those who announced. */
  readonly named: string[] = []
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
      const others = [...swarm, ...this.named].filter((peer) => peer !== own).map((peer) => parseEndpoint(peer))
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

/** A UDP tracker on a machine of its own. `from`: where announces came from, one by one. */
export function serveUdpTracker(world: World, address: string): { readonly url: string; readonly from: string[] } {
  const from: string[] = []
  const random = simulatedRandom(1)
  const tracker = new UdpTracker(new TrackerServer({ random }), new Uint8Array(32).fill(7))
  const port = 1337
  let socket: DatagramSocket | undefined
  const binding = world.network.datagrams({ address }).bind(
    { family: 4, port },
    {
      onDatagram: (bytes, source, sourcePort) => {
        if (bytes.length >= announceRequestLength) from.push(source)
        const reply = tracker.answer(bytes, { family: 4, address: source }, world.clock.nowMs())
        if (reply !== undefined) socket?.send(reply, source, sourcePort)
      },
      onRoom: () => undefined,
    },
  )
  void binding.then((bound) => {
    socket = unwrap(bound)
  })
  return { url: `udp://${address}:${port}/announce`, from }
}
