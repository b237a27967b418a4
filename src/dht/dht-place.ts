// One socket of a node: its id, its routing table, what others say of its address, and whom to have a look at (BEP 5,
// 32, 42, 45). Guarantees: the id fits the address as soon as that is known (BEP 42), random otherwise, and different at
// each place; who queries us is asked before it gets into the table, few at a time. Owned by DhtNode.

import { equalBytes, toHex } from '../base/bytes.ts'
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { addressBytes } from '../formats/compact-endpoint.ts'
import { nodeIdLength } from '../formats/krpc/message.ts'
import { nodeIdFor } from '../formats/krpc/node-id.ts'
import type { Random } from '../ports/random.ts'
import { mayHaveId, placementOf } from './address-limits.ts'
import type { DhtPlaceSnapshot } from './dht-events.ts'
import { ExternalAddress } from './external-address.ts'
import { RoutingTable } from './routing-table.ts'

export interface DhtPlaceOptions {
  readonly family: AddressFamily
  /** The address the socket is bound to; undefined: any of the machine. */
  readonly address?: string | undefined
}

const maxNewcomers = 32

function randomId(random: Random): Uint8Array {
  const id = new Uint8Array(nodeIdLength)
  random.fill(id)
  return id
}

export class DhtPlace {
  readonly index: number
  readonly family: AddressFamily
  readonly external: ExternalAddress
  table: RoutingTable
  /** Nodes that queried us and may get into the table, the oldest first. */
  private readonly newcomers = new Map<string, Endpoint>()
  private readonly random: Random
  /** The last answer of anyone. */
  heardMs = Number.NEGATIVE_INFINITY
  nextTickMs = Number.POSITIVE_INFINITY
  nextBootstrapMs = 0
  bootstrapAttempts = 0
  /** Buckets still to be looked up after the place found its neighbours. */
  bucketsToFill = 0
  /** Lookups for the table's own sake under way. */
  maintenance = 0

  constructor(index: number, options: DhtPlaceOptions, savedId: Uint8Array | undefined, random: Random, nowMs: number) {
    this.index = index
    this.family = options.family
    this.random = random
    this.external = new ExternalAddress(options.family)
    if (options.address !== undefined) this.external.assume(options.address)
    this.table = new RoutingTable(options.family, this.fittingId(savedId ?? randomId(random)), nowMs)
  }

  get ownId(): Uint8Array {
    return this.table.ownId
  }

  get newcomerCount(): number {
    return this.newcomers.size
  }

  /** After the external address changed: another id if the one there is does not fit. True: it is another one now. */
  fitId(nowMs: number): boolean {
    const id = this.fittingId(this.ownId)
    if (equalBytes(id, this.ownId)) return false
    const table = new RoutingTable(this.family, id, nowMs)
    for (const node of this.table.nodes()) table.adopt(node, nowMs)
    this.table = table
    return true
  }

  welcome(endpoint: Endpoint): void {
    const { key } = placementOf(endpoint)
    if (this.newcomers.size < maxNewcomers) this.newcomers.set(key, endpoint)
  }

  /** Whom to have a look at next; taken out. */
  newcomer(): Endpoint | undefined {
    for (const [key, endpoint] of this.newcomers) {
      this.newcomers.delete(key)
      return endpoint
    }
    return undefined
  }

  snapshot(): DhtPlaceSnapshot {
    return {
      family: this.family,
      nodeId: toHex(this.ownId),
      externalAddress: this.external.address?.address,
      nodes: this.table.size,
      buckets: this.table.bucketCount,
    }
  }

  private fittingId(id: Uint8Array): Uint8Array {
    const { address } = this.external
    if (address === undefined || mayHaveId(id, address.address)) return id
    return nodeIdFor(addressBytes(address.address) ?? new Uint8Array(4), randomId(this.random))
  }
}
