// UDP between simulated hosts: lost, doubled, overtaken, in fragments above 1,500 bytes, translated by routers.
// Guarantees: a datagram is copied when it is sent, and its view is overwritten after it was told; a closed socket
// neither sends nor hears. What is sent to a group (multicast) comes to its members in the same network, the sender's
// own machine included: the same /24 or /64, behind the same router if behind one. Owns the sockets.
import type { Endpoint } from '../../src/base/endpoint.ts'
import { failure, success } from '../../src/base/errors.ts'
import type { DatagramSink, DatagramSocket, Datagrams } from '../../src/ports/datagrams.ts'
import type { Planned } from './simulated-clock.ts'
import { familyOf, isAnyAddress, type SimulatedHost } from './simulated-hosts.ts'
import type { NetworkParts } from './simulated-tcp-sender.ts'

const maxDatagramBytes = 65_507
/** Of IP's packet of 1,500 bytes. */
const fragmentBytes = 1_472
/** Queues longer than that, in time, drop datagrams, as long as they hold a few. */
const maxQueueMs = 500
const leastQueueBytes = 65_536

/** A socket that hears a group. */
interface Member {
  readonly host: SimulatedHost
  readonly address: string
  readonly group: string
  readonly port: number
  readonly sink: DatagramSink
}

class Datagram implements Planned {
  private readonly network: SimulatedUdp
  stage: 'comes' | 'is-whole' = 'comes'
  buffer: Uint8Array = new Uint8Array(0)
  length = 0
  from: SimulatedHost | undefined
  /** As its receiver sees them. */
  fromAddress = ''
  fromPort = 0
  toAddress = ''
  toPort = 0
  /** Of the group it was sent to; undefined: it was sent to one address. */
  member: Member | undefined

  constructor(network: SimulatedUdp) {
    this.network = network
  }

  run(): boolean {
    return this.network.due(this)
  }
}

/** The UDP of all hosts of a network. */
export class SimulatedUdp {
  private readonly parts: NetworkParts
  private readonly bound = new Map<SimulatedHost, Map<string, DatagramSink>>()
  private readonly members = new Set<Member>()
  private readonly free: Datagram[] = []

  constructor(parts: NetworkParts) {
    this.parts = parts
  }

  datagrams(host: SimulatedHost): Datagrams {
    const sockets = this.socketsOf(host)
    return {
      bind: async (options, sink) => {
        const { address = options.family === 6 ? '::' : '0.0.0.0' } = options
        const own = isAnyAddress(address) ? host.addressOf(options.family) : address
        if (own === undefined || options.family !== familyOf(own)) {
          return failure('address-unavailable', `no address of family ${options.family}`)
        }
        if (!host.addresses.includes(own)) return failure('address-unavailable', `no address ${address} here`)
        const port = options.port === 0 ? host.nextPort++ : options.port
        if (options.multicastGroup !== undefined) {
          return success(this.join({ host, address: own, group: options.multicastGroup, port, sink }))
        }
        const keys = [`${address}|${port}`, `${isAnyAddress(address) ? own : anyOf(own)}|${port}`]
        if (keys.some((key) => sockets.has(key))) return failure('address-in-use', `port ${port} is taken`)
        const key = `${address}|${port}`
        sockets.set(key, sink)
        const endpoint: Endpoint = { family: options.family, address: own, port }
        return success({
          endpoint,
          send: (bytes, toAddress, toPort) => {
            const leaves = isAnyAddress(address) ? host.addressOf(options.family) : own
            if (sockets.get(key) === sink && leaves !== undefined && host.addresses.includes(leaves)) {
              this.parts.observer?.datagram?.(endpoint, toAddress, toPort, bytes)
              this.send(host, leaves, port, bytes, toAddress, toPort)
            }
            return true
          },
          close: async () => {
            if (sockets.get(key) === sink) sockets.delete(key)
          },
        })
      },
    }
  }

  crash(host: SimulatedHost): void {
    this.socketsOf(host).clear()
    for (const member of [...this.members]) if (member.host === host) this.members.delete(member)
  }

  due(datagram: Datagram): boolean {
    const { hosts, clock } = this.parts
    const { from, fromAddress, fromPort, toAddress, toPort, length } = datagram
    if (from === undefined) return false
    if (datagram.member !== undefined) return this.hear(datagram, datagram.member)
    const seen = { address: fromAddress, port: fromPort }
    const route = hosts.route(from, { address: toAddress, port: toPort }, 'udp', seen)
    if (route.type === 'refused-by-nat') hosts.faults.refusedByNat++
    if (route.type !== 'host') return this.drop(datagram)
    const { host, inside } = route
    if (datagram.stage === 'comes') {
      if (!hosts.reaches(from, host)) {
        hosts.faults.partitioned++
        return this.drop(datagram)
      }
      if (hosts.lostPackets(from, host, Math.max(1, Math.ceil(length / fragmentBytes))) > 0) return this.drop(datagram)
      const nowMs = clock.nowMs()
      const queueMs = host.downlinkQueueMs(nowMs, length)
      if (queueMs > Math.max(maxQueueMs, host.downloadMs(leastQueueBytes))) {
        hosts.faults.overflowed++
        return this.drop(datagram)
      }
      const wholeMs = host.occupyDownlink(nowMs, length)
      if (wholeMs > nowMs) {
        datagram.stage = 'is-whole'
        clock.plan(datagram, wholeMs)
        return false
      }
    }
    const sockets = this.socketsOf(host)
    const sink =
      sockets.get(`${inside.address}|${inside.port}`) ?? sockets.get(`${anyOf(inside.address)}|${inside.port}`)
    if (sink === undefined) return this.drop(datagram)
    host.readDatagramBytes += length
    const view = datagram.buffer.subarray(0, length)
    sink.onDatagram(view, fromAddress, fromPort)
    view.fill(0xee)
    this.drop(datagram)
    return true
  }

  private send(
    from: SimulatedHost,
    fromAddress: string,
    fromPort: number,
    bytes: Uint8Array,
    toAddress: string,
    toPort: number,
  ): void {
    const { hosts, clock } = this.parts
    const nowMs = clock.nowMs()
    if (bytes.length > maxDatagramBytes || familyOf(toAddress) !== familyOf(fromAddress)) return
    const longestMs = Math.max(maxQueueMs, (leastQueueBytes / from.uploadBytesPerSecond) * 1_000)
    if (from.uplinkFreeMs - nowMs > longestMs) {
      hosts.faults.overflowed++
      return
    }
    const leftMs = from.occupyUplink(nowMs, bytes.length)
    from.sentDatagramBytes += bytes.length
    let [seenAddress, seenPort] = [fromAddress, fromPort]
    if (from.router !== undefined && hosts.isTranslated(from, toAddress)) {
      const inside = { address: fromAddress, port: fromPort }
      seenAddress = from.router.publicAddress
      seenPort = from.router.sentPort(inside, { address: toAddress, port: toPort }, from.natRule, nowMs)
    }
    const seen = { address: seenAddress, port: seenPort }
    const route = hosts.route(from, { address: toAddress, port: toPort }, 'udp', seen)
    const to = route.type === 'host' ? route.host : undefined
    const copies = hosts.isDuplicated(from, to ?? from) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const datagram = this.free.pop() ?? new Datagram(this)
      datagram.stage = 'comes'
      datagram.buffer = this.parts.pool.takeBuffer(bytes.length)
      datagram.buffer.set(bytes)
      datagram.length = bytes.length
      datagram.from = from
      datagram.fromAddress = seenAddress
      datagram.fromPort = seenPort
      datagram.member = undefined
      datagram.toAddress = toAddress
      datagram.toPort = toPort
      const travelMs = hosts.delayMs(from, to ?? from) + (to?.downloadMs(bytes.length) ?? 0)
      clock.plan(datagram, leftMs + travelMs)
    }
  }

  /** Shares its port with other programs, and sends from it like any other socket. */
  private join(member: Member): DatagramSocket {
    const { members } = this
    const { host, address, port } = member
    members.add(member)
    const endpoint: Endpoint = { family: familyOf(address), address, port }
    return {
      endpoint,
      send: (bytes, toAddress, toPort) => {
        if (!members.has(member) || !host.addresses.includes(address)) return true
        this.parts.observer?.datagram?.(endpoint, toAddress, toPort, bytes)
        if (toAddress === member.group) this.sendToGroup(member, bytes, toPort)
        else this.send(host, address, port, bytes, toAddress, toPort)
        return true
      },
      close: async () => void members.delete(member),
    }
  }

  private sendToGroup(from: Member, bytes: Uint8Array, toPort: number): void {
    const { hosts, clock, pool } = this.parts
    const { host, address, port, group } = from
    const leftMs = host.occupyUplink(clock.nowMs(), bytes.length)
    host.sentDatagramBytes += bytes.length
    for (const member of this.members) {
      if (member.group !== group || member.port !== toPort || !areNeighbours(from, member)) continue
      const datagram = this.free.pop() ?? new Datagram(this)
      datagram.member = member
      datagram.buffer = pool.takeBuffer(bytes.length)
      datagram.buffer.set(bytes)
      datagram.length = bytes.length
      datagram.from = host
      datagram.fromAddress = address
      datagram.fromPort = port
      clock.plan(datagram, leftMs + hosts.delayMs(host, member.host))
    }
  }

  private hear(datagram: Datagram, member: Member): boolean {
    const { from, buffer, length, fromAddress, fromPort } = datagram
    const { hosts } = this.parts
    const comes = from !== undefined && this.members.has(member) && hosts.reaches(from, member.host)
    if (!comes || hosts.lostPackets(from, member.host, 1) > 0) return this.drop(datagram)
    member.host.readDatagramBytes += length
    const view = buffer.subarray(0, length)
    member.sink.onDatagram(view, fromAddress, fromPort)
    view.fill(0xee)
    this.drop(datagram)
    return true
  }

  private drop(datagram: Datagram): false {
    this.parts.pool.giveBuffer(datagram.buffer)
    this.free.push(datagram)
    return false
  }

  private socketsOf(host: SimulatedHost): Map<string, DatagramSink> {
    const known = this.bound.get(host)
    if (known !== undefined) return known
    const made = new Map<string, DatagramSink>()
    this.bound.set(host, made)
    return made
  }
}

function areNeighbours(a: Member, b: Member): boolean {
  return a.host.router === b.host.router && networkOf(a.address) === networkOf(b.address)
}

function networkOf(address: string): string {
  return familyOf(address) === 4 ? address.replace(/[0-9]+$/, '') : address.split(':').slice(0, 4).join(':')
}

function anyOf(address: string): string {
  return familyOf(address) === 6 ? '::' : '0.0.0.0'
}
