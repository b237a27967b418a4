// A UDP tracker (BEP 15) at an address of a simulated world: the product's own, on the simulated network.
// Owns its socket; scrapes are counted as they come.
import { assert } from '../../src/base/assert.ts'
import { unwrap } from '../../src/base/errors.ts'
import { parseAddress } from '../../src/formats/compact-endpoint.ts'
import { actionAnnounce, actionScrape, udpRequestAction } from '../../src/formats/tracker/udp-request.ts'
import type { DatagramSocket } from '../../src/ports/datagrams.ts'
import { TrackerServer } from '../../src/tracker/tracker-server.ts'
import { UdpTracker } from '../../src/tracker/udp-tracker.ts'
import type { World } from './world.ts'

const port = 6969

export class SimulatedUdpTracker {
  readonly url: string
  answerCount = 0
  scrapeCount = 0
  /** Where announces came from, one by one. */
  readonly announcedFrom: string[] = []
  /** Takes datagrams and answers none. */
  isSilent = false
  private readonly address: string

  constructor(address: string) {
    this.address = address
    this.url = `udp://${address}:${port}/announce`
  }

  /** `server` has the swarms, for mirrors of one tracker to share; absent: its own. */
  async open(world: World, server = new TrackerServer({ random: world.randomOf('swarms') })): Promise<void> {
    const tracker = new UdpTracker(server, { random: world.randomOf(this.url) })
    const datagrams = world.network.datagrams({ address: this.address })
    const onDatagram = (bytes: Uint8Array, from: string, fromPort: number) => {
      const source = parseAddress(from)
      assert(source !== undefined, 'an address that asks')
      if (this.isSilent) return
      const action = udpRequestAction(bytes)
      if (action === actionScrape) this.scrapeCount++
      if (action === actionAnnounce) this.announcedFrom.push(from)
      const reply = tracker.answer(bytes, source, world.clock.nowMs())
      if (reply === undefined) return
      this.answerCount++
      socket.send(reply, from, fromPort)
    }
    const sink = { onDatagram, onRoom: () => undefined }
    const socket: DatagramSocket = unwrap(await world.clock.settle(datagrams.bind({ family: 4, port }, sink)))
  }
}
