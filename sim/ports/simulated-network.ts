// The network of a simulated world: hosts with links of given quality, their TCP and UDP, and what goes wrong there.
// Guarantees: the same calls and the same seed give the same packets at the same moments; `faults` says what really
// went wrong. Made of simulated-hosts.ts (links), simulated-nat.ts, simulated-streams.ts and simulated-datagrams.ts.

import { present } from '../../src/base/assert.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import type { Datagrams } from '../../src/ports/datagrams.ts'
import type { Random } from '../../src/ports/random.ts'
import type { Streams } from '../../src/ports/streams.ts'
import type { SimulatedClock } from './simulated-clock.ts'
import { SimulatedUdp } from './simulated-datagrams.ts'
import {
  type HostOptions,
  type HostSettings,
  type NetworkFaults,
  type NetworkObserver,
  type SimulatedHost,
  SimulatedHosts,
} from './simulated-hosts.ts'
import type { Transport } from './simulated-nat.ts'
import { PacketPool } from './simulated-packets.ts'
import { SimulatedTcp } from './simulated-streams.ts'

export interface NetworkOptions {
  readonly clock: SimulatedClock
  /** Its own: all faults and delays are drawn from it. */
  readonly random: Random
  readonly observer?: NetworkObserver
}

/** What the programs of a host have sent and read so far. */
export interface HostTraffic {
  /** TCP: handed to the network, and given to programs. */
  readonly sentBytes: number
  readonly readBytes: number
  readonly sentDatagramBytes: number
  readonly readDatagramBytes: number
}

/** Hosts are named by the first address they were made with, which stays their name when they lose it. */
export class SimulatedNetwork {
  private readonly hosts: SimulatedHosts
  private readonly tcp: SimulatedTcp
  private readonly udp: SimulatedUdp

  constructor({ clock, random, observer }: NetworkOptions) {
    this.hosts = new SimulatedHosts(clock, random)
    const parts = { clock, hosts: this.hosts, pool: new PacketPool(), observer }
    this.tcp = new SimulatedTcp(parts)
    this.udp = new SimulatedUdp(parts)
  }

  /** Counted since the start. */
  get faults(): Readonly<NetworkFaults> {
    return this.hosts.faults
  }

  /** A machine's TCP. The same address again is the same machine: a program that starts anew. */
  streams(options: HostOptions): Streams {
    return this.tcp.streams(this.hosts.host(options))
  }

  datagrams(options: HostOptions): Datagrams {
    return this.udp.datagrams(this.hosts.host(options))
  }

  /** From now on; what is not named stays as it is. */
  change(address: string, settings: HostSettings): void {
    this.hosts.change(this.host(address), settings)
  }

  /** Packets to and from an unreachable machine are lost: dials time out, connections hang until they give up. */
  setReachable(address: string, isReachable: boolean): void {
    this.host(address).isReachable = isReachable
  }

  /** A machine loses addresses or gets others; connections of those it lost hang until their ends find out. */
  setAddresses(address: string, addresses: readonly string[]): void {
    const host = this.hosts.named(address)
    if (host !== undefined) this.hosts.setAddresses(host, addresses)
  }

  /** Hosts of different groups cannot reach each other; those in no group are one together. Until healed by name. */
  partition(name: string, ...groups: readonly (readonly string[])[]): void {
    this.hosts.partition(name, groups)
  }

  heal(name: string): void {
    this.hosts.heal(name)
  }

  /** What one sends to the other vanishes, not what comes back. */
  cutOneWay(from: string, to: string): void {
    this.host(from).mute.add(this.host(to))
  }

  mendOneWay(from: string, to: string): void {
    this.host(from).mute.delete(this.host(to))
  }

  /** Its programs died: all connections of a machine end with a reset, nobody listens. */
  crash(address: string): void {
    const host = this.hosts.named(address)
    if (host === undefined) return
    this.tcp.crash(host)
    this.udp.crash(host)
  }

  /** Whoever comes to a port of a host's router is sent on to the host. False: the port is taken. */
  forwardPort(address: string, transport: Transport, publicPort: number, port: number): boolean {
    const router = present(this.host(address).router, 'a host behind a router')
    return router.forward({ transport, publicPort, inside: { address, port } })
  }

  unforwardPort(address: string, transport: Transport, publicPort: number): void {
    this.host(address).router?.unforward(transport, publicPort)
  }

  dialCount(endpoint: Pick<Endpoint, 'address' | 'port'>): number {
    return this.tcp.dialCount(endpoint)
  }

  trafficOf(address: string): HostTraffic {
    const { sentBytes, readBytes, sentDatagramBytes, readDatagramBytes } = this.host(address)
    return { sentBytes, readBytes, sentDatagramBytes, readDatagramBytes }
  }

  connectionsOf(address: string): number {
    return this.tcp.connectionsOf(this.host(address))
  }

  private host(address: string): SimulatedHost {
    return present(this.hosts.named(address), `a host named ${address}`)
  }
}
