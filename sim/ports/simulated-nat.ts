// Address translation of a simulated router (RFC 4787): what its hosts look like outside, and what may come in to them.
// Guarantees: a public port belongs to one inside endpoint as long as its mapping lives; filtering as the kind says.
// Each router owns its mappings; several hosts may be behind it. TCP comes in through forwarded ports only.

/**
 * Who may answer through a mapping: anybody; the addresses that were written to; those endpoints; or those, each
 * through a mapping of its own.
 */
export type NatKind = 'full-cone' | 'address-restricted' | 'port-restricted' | 'symmetric'

export type Transport = 'tcp' | 'udp'

/** An endpoint inside. */
export interface InsideEndpoint {
  readonly address: string
  readonly port: number
}

export interface PortMapping {
  readonly transport: Transport
  readonly publicPort: number
  readonly inside: InsideEndpoint
}

interface Mapping {
  readonly inside: InsideEndpoint
  readonly publicPort: number
  readonly kind: NatKind
  /** Who may come in, by address or endpoint as the kind has it, and until when. */
  readonly allowedUntilMs: Map<string, number>
  untilMs: number
}

const firstPublicPort = 20_000
const endOfPorts = 65_536
const firstSweep = 1_024

export class NatRouter {
  readonly publicAddress: string
  private nextPort = firstPublicPort
  private sweepAt = firstSweep
  /** By inside endpoint, and by remote one too where each has its own. */
  private readonly byInside = new Map<string, Mapping>()
  private readonly byPublicPort = new Map<number, Mapping>()
  /** Both ways, by transport. */
  private readonly forwarded = new Map<string, PortMapping>()

  constructor(publicAddress: string) {
    this.publicAddress = publicAddress
  }

  /** Forwards a port for good, to anybody, as UPnP, NAT-PMP or a person would have it. False: it is taken. */
  forward(mapping: PortMapping): boolean {
    const { transport, publicPort, inside } = mapping
    const isDynamic = transport === 'udp' && this.byPublicPort.has(publicPort)
    if (isDynamic || this.forwarded.has(outsideKey(transport, publicPort))) return false
    this.forwarded.set(outsideKey(transport, publicPort), mapping)
    this.forwarded.set(insideKey(transport, inside), mapping)
    return true
  }

  unforward(transport: Transport, publicPort: number): void {
    const mapping = this.forwarded.get(outsideKey(transport, publicPort))
    if (mapping === undefined) return
    this.forwarded.delete(outsideKey(transport, publicPort))
    this.forwarded.delete(insideKey(transport, mapping.inside))
  }

  /** The public port under which a dialled connection is seen: its own, as its local port is. */
  dialledPort(): number {
    return this.freePort('tcp')
  }

  /** The public port under which a datagram is seen; whoever it goes to may answer from now on. */
  sentPort(
    inside: InsideEndpoint,
    remote: InsideEndpoint,
    rule: { readonly kind: NatKind; readonly lifetimeMs: number },
    nowMs: number,
  ): number {
    const forwarded = this.forwarded.get(insideKey('udp', inside))
    if (forwarded !== undefined) return forwarded.publicPort
    const { kind, lifetimeMs } = rule
    const endpoint = `${remote.address}|${remote.port}`
    const key = kind === 'symmetric' ? `${insideKey('udp', inside)}|${endpoint}` : insideKey('udp', inside)
    let mapping = this.byInside.get(key)
    if (mapping === undefined || mapping.untilMs < nowMs || mapping.kind !== kind) {
      if (mapping !== undefined) this.byPublicPort.delete(mapping.publicPort)
      this.sweep(nowMs)
      mapping = { inside, publicPort: this.freePort('udp'), kind, allowedUntilMs: new Map(), untilMs: 0 }
      this.byInside.set(key, mapping)
      this.byPublicPort.set(mapping.publicPort, mapping)
    }
    mapping.untilMs = nowMs + lifetimeMs
    if (kind !== 'full-cone') {
      mapping.allowedUntilMs.set(kind === 'address-restricted' ? remote.address : endpoint, mapping.untilMs)
    }
    return mapping.publicPort
  }

  /** Where what comes to a public port goes inside; undefined: nowhere, it is dropped. */
  entering(transport: Transport, publicPort: number, from: InsideEndpoint, nowMs: number): InsideEndpoint | undefined {
    const forwarded = this.forwarded.get(outsideKey(transport, publicPort))
    if (forwarded !== undefined) return forwarded.inside
    const mapping = transport === 'udp' ? this.byPublicPort.get(publicPort) : undefined
    if (mapping === undefined || mapping.untilMs < nowMs) return undefined
    if (mapping.kind === 'full-cone') return mapping.inside
    const who = mapping.kind === 'address-restricted' ? from.address : `${from.address}|${from.port}`
    return (mapping.allowedUntilMs.get(who) ?? Number.NEGATIVE_INFINITY) >= nowMs ? mapping.inside : undefined
  }

  private freePort(transport: Transport): number {
    for (let tries = firstPublicPort; tries < endOfPorts; tries++) {
      const port = this.nextPort
      this.nextPort = port + 1 < endOfPorts ? port + 1 : firstPublicPort
      const isTaken = transport === 'udp' && this.byPublicPort.has(port)
      if (!isTaken && !this.forwarded.has(outsideKey(transport, port))) return port
    }
    throw new Error(`no port left on ${this.publicAddress}`)
  }

  private sweep(nowMs: number): void {
    if (this.byInside.size < this.sweepAt) return
    for (const [key, mapping] of this.byInside) {
      if (mapping.untilMs < nowMs) {
        this.byInside.delete(key)
        this.byPublicPort.delete(mapping.publicPort)
        continue
      }
      for (const [who, untilMs] of mapping.allowedUntilMs) if (untilMs < nowMs) mapping.allowedUntilMs.delete(who)
    }
    this.sweepAt = Math.max(firstSweep, 2 * this.byInside.size)
  }
}

function outsideKey(transport: Transport, publicPort: number): string {
  return `${transport}|${publicPort}`
}

function insideKey(transport: Transport, { address, port }: InsideEndpoint): string {
  return `${transport}|${address}|${port}`
}
