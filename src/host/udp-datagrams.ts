// The Datagrams port on node:dgram. Sends without asking a resolver or making promises; what the system does not take
// at once waits in one buffer, and until that is gone everything else is dropped. Guarantees: no error ever surfaces
// and none ends a socket; port 0 is never heard of. A socket owns its buffer.
// Node makes one buffer for each datagram received; the bytes are handed on where they are.
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from 'node:dgram'
import { networkInterfaces } from 'node:os'
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { BindOptions, DatagramSink, DatagramSocket, Datagrams } from '../ports/datagrams.ts'
import { bindFailure, canonicalAddress } from './network-failure.ts'
import { plainBytes } from './plain-bytes.ts'

export interface DatagramsOptions {
  /** The system's unless a test has its own. */
  readonly createSocket?: (options: SocketOptions) => Socket
}

const largestDatagram = 65_507
/** Bursts of uTP and of DHT replies wait here while pieces are worked on; the system gives less where it must. */
const receiveQueueBytes = 2_097_152
const lookAgainMs = 1
const maxRemembered = 1_024

/** Systems write some IPv6 addresses differently; senders repeat, so each is made canonical once. */
class CanonicalTexts {
  private readonly texts = new Map<string, string>()

  of(address: string): string {
    const known = this.texts.get(address)
    if (known !== undefined) return known
    const text = canonicalAddress(address)?.address ?? address
    if (this.texts.size === maxRemembered) this.texts.clear()
    this.texts.set(address, text)
    return text
  }
}

class UdpSocket implements DatagramSocket {
  readonly endpoint: Endpoint
  private readonly socket: Socket
  private readonly sink: DatagramSink
  private outgoing = new Uint8Array(largestDatagram)
  /** The system holds what is in `outgoing`. */
  private isHeld = false
  private timer: NodeJS.Timeout | undefined
  private isClosed = false

  constructor(endpoint: Endpoint, socket: Socket, sink: DatagramSink) {
    this.endpoint = endpoint
    this.socket = socket
    this.sink = sink
  }

  send(bytes: Uint8Array, address: string, port: number): boolean {
    if (this.isHeld) return false
    if (this.isClosed || bytes.length > largestDatagram || port < 1 || port > 65_535) return true
    this.outgoing.set(bytes)
    try {
      this.socket.send(this.outgoing, 0, bytes.length, port, address)
      if (this.socket.getSendQueueSize() > 0) this.hold()
    } catch {
      // An address or port that is none: lost, like what is sent to nobody.
    }
    return true
  }

  close(): Promise<void> {
    clearTimeout(this.timer)
    if (this.isClosed) return Promise.resolve()
    this.isClosed = true
    return new Promise((resolve) => this.socket.close(resolve))
  }

  private hold(): void {
    this.isHeld = true
    this.timer = setTimeout(() => {
      if (this.socket.getSendQueueSize() > 0) return this.hold()
      this.isHeld = false
      this.sink.onRoom()
    }, lookAgainMs)
  }
}

/** On every interface, or the one of `address`; not being able to is no error: there may be no network now. */
function joinGroup(socket: Socket, group: string, family: AddressFamily, address: string | undefined): void {
  const join = (via: string | undefined) => {
    try {
      socket.addMembership(group, via)
    } catch {
      // An interface without multicast, or one that has just gone.
    }
  }
  if (address !== undefined && family === 4) {
    join(address)
    socket.setMulticastInterface(address)
    return
  }
  for (const [name, entries] of Object.entries(networkInterfaces())) {
    const own = entries?.filter((entry) => (entry.family === 'IPv6') === (family === 6)) ?? []
    const isWanted = address === undefined || own.some((entry) => canonicalAddress(entry.address)?.address === address)
    if (own.length === 0 || !isWanted) continue
    const via = family === 4 ? own[0]?.address : `::%${name}`
    join(via)
    if (address !== undefined && via !== undefined) socket.setMulticastInterface(via)
  }
}

function listen(socket: Socket, options: BindOptions, sink: DatagramSink): Promise<Result<DatagramSocket>> {
  const { family, address, port, multicastGroup } = options
  const anyAddress = family === 4 ? '0.0.0.0' : '::'
  // Bound to an address of its own a socket would not get what is sent to a group.
  const place = multicastGroup === undefined ? (address ?? anyAddress) : anyAddress
  return new Promise((resolve) => {
    // Stays for good: what comes back for one datagram (ICMP) says nothing about the socket.
    socket.on('error', (error) => {
      resolve(bindFailure(error, `${place} port ${port} (UDP)`))
    })
    socket.bind({ address: place, port, exclusive: true }, () => {
      const texts = new CanonicalTexts()
      const bound = socket.address()
      try {
        socket.setRecvBufferSize(receiveQueueBytes)
        if (multicastGroup !== undefined) joinGroup(socket, multicastGroup, family, address)
      } catch {
        // The system's own size does, and a group that is none is never heard.
      }
      const own = { family, address: canonicalAddress(bound.address)?.address ?? bound.address, port: bound.port }
      socket.on('message', (bytes: Buffer, from: RemoteInfo) => {
        if (from.port === 0) return
        sink.onDatagram(plainBytes(bytes), family === 4 ? from.address : texts.of(from.address), from.port)
      })
      resolve(success(new UdpSocket(own, socket, sink)))
    })
  })
}

export function udpDatagrams(options: DatagramsOptions = {}): Datagrams {
  const { createSocket: create = createSocket } = options
  return {
    async bind(bindOptions, sink) {
      const { family, address, multicastGroup } = bindOptions
      if (address !== undefined && canonicalAddress(address)?.family !== family) {
        return failure('address-unavailable', `${address.slice(0, 100)}: not an IPv${family} address`)
      }
      const socket = create({
        type: family === 4 ? 'udp4' : 'udp6',
        ipv6Only: family === 6,
        reuseAddr: multicastGroup !== undefined,
        // Addresses only: the default would ask the resolver, and keep the bytes until it has answered.
        lookup: (text, _options, callback) => callback(null, text, family),
      })
      const result = await listen(socket, bindOptions, sink)
      if (!result.ok) socket.close()
      return result
    },
  }
}
