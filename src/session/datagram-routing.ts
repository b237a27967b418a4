// The UDP sockets of a session, one for each address family, shared by everything that speaks UDP: what comes in is
// told apart by its first bytes (BEP 15 answers, BEP 5 messages, BEP 29 packets), what goes out takes the socket of
// its family. Guarantees: a socket that cannot be had is done without. Owns the sockets.
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import type { DatagramSink, DatagramSocket, Datagrams } from '../ports/datagrams.ts'

export type DatagramKind = 'tracker' | 'dht' | 'utp' | 'unknown'

const bencodeDictionary = 0x64
const utpVersion = 1
const maxUtpType = 4
const maxTrackerAction = 3
const minTrackerReplyLength = 8
const utpHeaderLength = 20

/** What a datagram is by its first bytes; no two of the protocols have them in common. */
export function kindOfDatagram(bytes: Uint8Array): DatagramKind {
  const first = bytes[0]
  if (first === bencodeDictionary) return 'dht'
  if (first === 0 && bytes.length >= minTrackerReplyLength && bytes[1] === 0 && bytes[2] === 0) {
    return (bytes[3] as number) <= maxTrackerAction ? 'tracker' : 'unknown'
  }
  if (first === undefined || bytes.length < utpHeaderLength) return 'unknown'
  return (first & 0x0f) === utpVersion && first >> 4 <= maxUtpType ? 'utp' : 'unknown'
}

export interface DatagramRoutingEvents {
  /** The view is valid until the call returns. */
  onDatagram(kind: DatagramKind, bytes: Uint8Array, address: string, port: number): void
}

export class DatagramRouting {
  private readonly events: DatagramRoutingEvents
  private readonly sockets = new Map<AddressFamily, { readonly address: string; readonly socket: DatagramSocket }>()

  constructor(events: DatagramRoutingEvents) {
    this.events = events
  }

  /**
   * Takes a socket at each of the addresses, the first of a family only; on another port where `port` is taken. Called
   * again, it keeps those it has at these addresses, and gives up others.
   */
  async open(
    datagrams: Datagrams,
    addresses: readonly { family: AddressFamily; address: string }[],
    port: number,
  ): Promise<void> {
    for (const [family, { address, socket }] of [...this.sockets]) {
      if (addresses.find((one) => one.family === family)?.address === address) continue
      this.sockets.delete(family)
      await socket.close()
    }
    for (const { family, address } of addresses) {
      if (this.sockets.has(family)) continue
      const sink: DatagramSink = {
        onDatagram: (bytes, from, fromPort) => this.events.onDatagram(kindOfDatagram(bytes), bytes, from, fromPort),
        onRoom: () => undefined,
      }
      const bound = await datagrams.bind({ family, address, port }, sink)
      const socket = bound.ok || port === 0 ? bound : await datagrams.bind({ family, address, port: 0 }, sink)
      if (socket.ok) this.sockets.set(family, { address, socket: socket.value })
    }
  }

  /** Where there are sockets now, in the order they were taken. */
  get endpoints(): Endpoint[] {
    return Array.from(this.sockets.values(), ({ socket }) => socket.endpoint)
  }

  endpoint(family: AddressFamily): Endpoint | undefined {
    return this.sockets.get(family)?.socket.endpoint
  }

  /** False: there is no way to an address of this family, or no room now. */
  send(bytes: Uint8Array, address: string, port: number): boolean {
    return this.sockets.get(address.includes(':') ? 6 : 4)?.socket.send(bytes, address, port) ?? false
  }

  async close(): Promise<void> {
    const closing = [...this.sockets.values()].map(({ socket }) => socket.close())
    this.sockets.clear()
    await Promise.all(closing)
  }
}
