// The hosts of a simulation and the links between them: delays, losses, bandwidth, partitions, address translation.
// Guarantees: everything follows from what was configured and the seed; uplink and downlink are queues that all of a
// host's traffic shares; each fault that happens is counted. Owns the hosts' state; TCP and UDP ask it for each packet.
import { assert } from '../../src/base/assert.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { Failure } from '../../src/base/errors.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Random } from '../../src/ports/random.ts'
import { type InsideEndpoint, type NatKind, NatRouter, type Transport } from './simulated-nat.ts'
import { UplinkTurns } from './simulated-uplink.ts'

interface NatOptions {
  readonly kind: NatKind
  /** Hosts with the same one are behind the same router and reach each other directly. */
  readonly publicAddress: string
  /** Of a UDP mapping after the last datagram out. */
  readonly mappingLifetimeMs?: number
}

/** What may change while a host runs. Delays and faults are those of its link to everywhere, each way. */
export interface HostSettings {
  /** Further addresses of the machine, on interfaces of their own. */
  readonly otherAddresses?: readonly string[]
  /** One way; a packet has that of both ends. */
  readonly latencyMs?: number
  /** Up to so much more, uniformly. */
  readonly jitterMs?: number
  /** Of a thousand packets of up to 1,500 bytes. */
  readonly lossPerMille?: number
  /** Of a thousand datagrams. */
  readonly duplicatePerMille?: number
  /** Of a thousand, held back so long that others overtake them. */
  readonly reorderPerMille?: number
  readonly uploadBytesPerSecond?: number
  readonly downloadBytesPerSecond?: number
  /**
   * A packet of TCP is no longer than what the slower end of its path carries in this time, or in that of the other end
   * if it is longer: larger ones make slow links cheaper to simulate, and everything on them come later by as much.
   */
  readonly packetMs?: number
  readonly nat?: NatOptions | 'none'
}

export interface HostOptions extends HostSettings {
  readonly address: string
}

/** How often each fault really happened, in packets of up to 1,500 bytes where it says so. */
export interface NetworkFaults {
  /** Packets lost by chance. */
  lost: number
  /** Packets that TCP sent again. */
  retransmitted: number
  /** Datagrams and tries of TCP that found their path cut: partition, one-way link, unreachable host, lost address. */
  partitioned: number
  duplicated: number
  /** Held back so long that others overtake. */
  reordered: number
  /** Datagrams dropped because a queue was full. */
  overflowed: number
  /** Dropped by a router because nobody inside asked for it. */
  refusedByNat: number
}

/** Told of what happens; absent, it costs nothing. Endpoints are those the one who acts knows. */
export interface NetworkObserver {
  dialled?(from: Endpoint, to: Endpoint): void
  opened?(from: Endpoint, to: Endpoint): void
  closed?(from: Endpoint, to: Endpoint, failure: Failure | undefined): void
  /** As it is sent. `bytes` is valid until this returns. */
  datagram?(from: Endpoint, toAddress: string, toPort: number, bytes: Uint8Array): void
}

/** What TCP puts into one packet; a datagram has a little more room. */
export const segmentBytes = 1_460
const perSecond = 1_000
const defaultMappingLifetimeMs = 120_000
const firstFreePort = 49_152

export class SimulatedHost {
  /** Its name for the simulation, and its first address at the start. */
  readonly address: string
  /** It loses and gets them. */
  addresses: readonly string[]
  latencyMs = 1
  jitterMs = 0
  lossPerMille = 0
  duplicatePerMille = 0
  reorderPerMille = 0
  uploadBytesPerSecond = Number.POSITIVE_INFINITY
  downloadBytesPerSecond = Number.POSITIVE_INFINITY
  packetMs = 20
  router: NatRouter | undefined
  natRule: { readonly kind: NatKind; readonly lifetimeMs: number } = { kind: 'full-cone', lifetimeMs: 0 }
  isReachable = true
  nextPort = firstFreePort
  /** Those that its packets do not reach. */
  readonly mute = new Set<SimulatedHost>()
  sentBytes = 0
  readBytes = 0
  sentDatagramBytes = 0
  readDatagramBytes = 0
  readonly uplink = new UplinkTurns()
  uplinkFreeMs = 0
  private downlinkFreeMs = 0

  constructor(address: string) {
    this.address = address
    this.addresses = [address]
  }

  /** When so many bytes have left, behind all that is on the line already. */
  occupyUplink(nowMs: number, bytes: number): number {
    this.uplinkFreeMs = Math.max(nowMs, this.uplinkFreeMs) + (bytes / this.uploadBytesPerSecond) * perSecond
    return this.uplinkFreeMs
  }

  /** How much later than over a free line bytes come that would be whole now. */
  downlinkQueueMs(nowMs: number, bytes: number): number {
    return Math.max(0, this.downlinkFreeMs + this.downloadMs(bytes) - nowMs)
  }

  occupyDownlink(nowMs: number, bytes: number): number {
    this.downlinkFreeMs = Math.max(nowMs, this.downlinkFreeMs + this.downloadMs(bytes))
    return this.downlinkFreeMs
  }

  downloadMs(bytes: number): number {
    return (bytes / this.downloadBytesPerSecond) * perSecond
  }

  addressOf(family: 4 | 6): string | undefined {
    return this.addresses.find((address) => familyOf(address) === family)
  }
}

/** What one end of a conversation sends travels here; it is cut when one end lost its address or its router. */
export interface Path {
  readonly from: SimulatedHost
  readonly fromAddress: string
  readonly fromRouter: NatRouter | undefined
  readonly to: SimulatedHost
  readonly toAddress: string
  readonly toRouter: NatRouter | undefined
}

/** Where a packet goes, or why it goes nowhere: nobody has that address, or a router lets nothing in. */
export type Route =
  | { readonly type: 'host'; readonly host: SimulatedHost; readonly inside: InsideEndpoint }
  | { readonly type: 'nowhere' | 'refused-by-nat' }

export class SimulatedHosts {
  readonly clock: Clock
  readonly random: Random
  readonly faults: NetworkFaults = {
    lost: 0,
    retransmitted: 0,
    partitioned: 0,
    duplicated: 0,
    reordered: 0,
    overflowed: 0,
    refusedByNat: 0,
  }
  private readonly byName = new Map<string, SimulatedHost>()
  private readonly byAddress = new Map<string, SimulatedHost>()
  private readonly routers = new Map<string, NatRouter>()
  private readonly partitions = new Map<string, Map<SimulatedHost, number>>()

  constructor(clock: Clock, random: Random) {
    this.clock = clock
    this.random = random
  }

  /** The same address again is the same host: a program that starts anew. */
  host(options: HostOptions): SimulatedHost {
    const known = this.byName.get(options.address)
    if (known !== undefined) return known
    const host = new SimulatedHost(options.address)
    this.byName.set(options.address, host)
    this.byAddress.set(options.address, host)
    this.change(host, options)
    return host
  }

  /** By the address it was made with. */
  named(address: string): SimulatedHost | undefined {
    return this.byName.get(address)
  }

  change(host: SimulatedHost, settings: HostSettings): void {
    const { otherAddresses, nat, ...link } = settings
    if (otherAddresses !== undefined) this.setAddresses(host, [host.address, ...otherAddresses])
    if (nat === 'none') host.router = undefined
    else if (nat !== undefined) {
      const { kind, publicAddress, mappingLifetimeMs = defaultMappingLifetimeMs } = nat
      host.router = this.routerAt(publicAddress)
      host.natRule = { kind, lifetimeMs: mappingLifetimeMs }
    }
    host.latencyMs = link.latencyMs ?? host.latencyMs
    host.jitterMs = link.jitterMs ?? host.jitterMs
    host.lossPerMille = link.lossPerMille ?? host.lossPerMille
    host.duplicatePerMille = link.duplicatePerMille ?? host.duplicatePerMille
    host.reorderPerMille = link.reorderPerMille ?? host.reorderPerMille
    host.uploadBytesPerSecond = link.uploadBytesPerSecond ?? host.uploadBytesPerSecond
    host.downloadBytesPerSecond = link.downloadBytesPerSecond ?? host.downloadBytesPerSecond
    host.packetMs = link.packetMs ?? host.packetMs
    assert(host.uploadBytesPerSecond > 0 && host.downloadBytesPerSecond > 0, 'a link has some bandwidth')
  }

  setAddresses(host: SimulatedHost, addresses: readonly string[]): void {
    for (const one of host.addresses) if (this.byAddress.get(one) === host) this.byAddress.delete(one)
    host.addresses = addresses
    for (const one of addresses) this.byAddress.set(one, host)
  }

  routerAt(publicAddress: string): NatRouter {
    const known = this.routers.get(publicAddress)
    if (known !== undefined) return known
    const router = new NatRouter(publicAddress)
    this.routers.set(publicAddress, router)
    return router
  }

  /** Hosts of different groups cannot reach each other; those in no group are one together. Until healed by name. */
  partition(name: string, groups: readonly (readonly string[])[]): void {
    const groupOf = new Map<SimulatedHost, number>()
    for (const [index, group] of groups.entries()) {
      for (const address of group) {
        const host = this.byName.get(address)
        if (host !== undefined) groupOf.set(host, index)
      }
    }
    this.partitions.set(name, groupOf)
  }

  heal(name: string): void {
    this.partitions.delete(name)
  }

  /** Whether packets go from one to the other; nothing is counted. */
  reaches(from: SimulatedHost, to: SimulatedHost): boolean {
    if (!from.isReachable || !to.isReachable || from.mute.has(to)) return false
    if (this.partitions.size === 0) return true
    for (const groupOf of this.partitions.values()) if (groupOf.get(from) !== groupOf.get(to)) return false
    return true
  }

  isOpen(path: Path): boolean {
    const { from, to } = path
    return (
      this.reaches(from, to) &&
      from.router === path.fromRouter &&
      to.router === path.toRouter &&
      from.addresses.includes(path.fromAddress) &&
      to.addresses.includes(path.toAddress)
    )
  }

  /** One way from host to host, with jitter, and more where this packet is one that others overtake. */
  delayMs(from: SimulatedHost, to: SimulatedHost): number {
    const jitterMs = from.jitterMs + to.jitterMs
    const latencyMs = from.latencyMs + to.latencyMs
    const delayMs = jitterMs === 0 ? latencyMs : latencyMs + this.fraction() * jitterMs
    if (!this.happens(from.reorderPerMille + to.reorderPerMille)) return delayMs
    this.faults.reordered++
    return delayMs + 1 + this.fraction() * (latencyMs + jitterMs)
  }

  /** How many of so many packets are lost by chance on the way. */
  lostPackets(from: SimulatedHost, to: SimulatedHost, packets: number): number {
    const perMille = from.lossPerMille + to.lossPerMille - (from.lossPerMille * to.lossPerMille) / 1_000
    if (perMille === 0 || from === to) return 0
    let lost = 0
    for (let index = 0; index < packets; index++) if (this.happens(perMille)) lost++
    this.faults.lost += lost
    return lost
  }

  isDuplicated(from: SimulatedHost, to: SimulatedHost): boolean {
    if (!this.happens(from.duplicatePerMille + to.duplicatePerMille)) return false
    this.faults.duplicated++
    return true
  }

  /** The way to an address and port as it is from here; routers that let it in see it come from `seen`. */
  route(from: SimulatedHost, remote: InsideEndpoint, transport: Transport, seen: InsideEndpoint): Route {
    const host = this.byAddress.get(remote.address)
    if (host !== undefined) {
      if (
        host.router !== undefined &&
        host.router !== from.router &&
        familyOf(remote.address) === familyOfRouter(host)
      ) {
        return { type: 'refused-by-nat' }
      }
      return { type: 'host', host, inside: remote }
    }
    const inside = this.routers.get(remote.address)?.entering(transport, remote.port, seen, this.clock.nowMs())
    const insideHost = inside === undefined ? undefined : this.byAddress.get(inside.address)
    if (inside !== undefined && insideHost !== undefined) return { type: 'host', host: insideHost, inside }
    return { type: this.routers.has(remote.address) ? 'refused-by-nat' : 'nowhere' }
  }

  /** Whether packets from a host to an address pass its router. */
  isTranslated(from: SimulatedHost, remoteAddress: string): boolean {
    if (from.router === undefined || familyOfRouter(from) !== familyOf(remoteAddress)) return false
    return this.byAddress.get(remoteAddress)?.router !== from.router
  }

  private happens(perMille: number): boolean {
    return perMille > 0 && this.random.below(1_000_000) < perMille * 1_000
  }

  private fraction(): number {
    return this.random.below(1_000_000) / 1_000_000
  }
}

export function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4
}

function familyOfRouter({ router }: SimulatedHost): 4 | 6 {
  return familyOf(router?.publicAddress ?? '')
}

export function isAnyAddress(address: string): boolean {
  return address === '0.0.0.0' || address === '::'
}
