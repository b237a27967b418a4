// Sybils: hosts of one attacker who wants to be the nodes closest to whatever is looked up in the DHT (S18). Each joins
// as an ordinary node, and names its fellows, at another port, with ids next to the target; announces and puts it takes
// and forgets. Guarantees: they answer everything, at once, as the protocol wants it; all draws are the ground's.

import { toHex } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { compareDistances } from '../../src/dht/node-distance.ts'
import { addressBytes } from '../../src/formats/compact-endpoint.ts'
import { compactNodeLength, encodeCompactNode } from '../../src/formats/krpc/compact-node.ts'
import { decodeKrpc } from '../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../src/formats/krpc/encode.ts'
import type { KrpcMessage } from '../../src/formats/krpc/message.ts'
import { nodeIdFor } from '../../src/formats/krpc/node-id.ts'
import type { Random } from '../../src/ports/random.ts'

/** Answers a datagram from `from`, or not. */
export type Answerer = (datagram: Uint8Array, from: Endpoint) => Uint8Array | undefined

/** The network that they come to. */
export interface SybilGround {
  readonly random: Random
  /** An address nobody has. */
  freeEndpoint(): Endpoint
  addAnswerer(answerer: Answerer, endpoint: Endpoint): void
  /** Sends a datagram from an endpoint that answers. */
  inject(from: Endpoint, bytes: Uint8Array, to: Endpoint): void
}

/** `chosen`: any id it likes. `fitting`: the closest of those that fit its address (BEP 42). */
export type SybilIds = 'chosen' | 'fitting'

interface RankedSybil {
  readonly index: number
  readonly endpoint: Endpoint
  readonly id: Uint8Array
}

const toldSybils = 8
/** As many as a lookup asks at most around its target. */
const widestLookup = 32
/** Whom each makes itself known to. */
const victimsEach = 20
/** Targets that their places are kept for. */
const mostTargets = 1_024

/** The id a Sybil shows to who looks for `target`. */
function idNear(target: Uint8Array, address: string, index: number, ids: SybilIds): Uint8Array {
  if (ids === 'chosen') {
    const id = target.slice()
    id[18] = (id[18] as number) ^ ((index >> 8) + 1)
    id[19] = (id[19] as number) ^ index
    return id
  }
  const bytes = addressBytes(address) ?? new Uint8Array(4)
  let best: Uint8Array | undefined
  for (let variant = 0; variant < 8; variant++) {
    const wanted = target.slice()
    wanted[19] = ((wanted[19] as number) & 0xf8) | variant
    const id = nodeIdFor(bytes, wanted)
    if (best === undefined || compareDistances(target, id, best) < 0) best = id
  }
  return best as Uint8Array
}

function targetOf(message: KrpcMessage): Uint8Array | undefined {
  if (message.type !== 'query') return undefined
  if (message.method === 'get_peers') return message.infoHash
  return message.method === 'find_node' || message.method === 'get' ? message.target : undefined
}

/** What all of them know: who is near a target, the closest first. */
class SybilRing {
  /** How often they were to store something, and forgot it. */
  storeCount = 0
  private readonly ids: SybilIds
  private readonly near: Endpoint[] = []
  private readonly rankedBy = new Map<string, readonly RankedSybil[]>()

  constructor(ids: SybilIds) {
    this.ids = ids
  }

  add(endpoint: Endpoint): number {
    return this.near.push(endpoint) - 1
  }

  idOf(index: number, target: Uint8Array): Uint8Array {
    return idNear(target, this.near[index]?.address ?? '', index, this.ids)
  }

  /** The closest name those after them, so that a lookup however wide has Sybils to go on to. */
  toldBy(index: number, target: Uint8Array): readonly RankedSybil[] {
    const ranked = this.ranked(target)
    const own = ranked.findIndex((one) => one.index === index)
    const first = own < widestLookup ? own + 1 : 0
    return ranked.slice(first, first + toldSybils)
  }

  private ranked(target: Uint8Array): readonly RankedSybil[] {
    const key = toHex(target)
    const known = this.rankedBy.get(key)
    if (known !== undefined) return known
    const ranked = this.near
      .map((endpoint, index) => ({ index, endpoint, id: this.idOf(index, target) }))
      .sort((a, b) => compareDistances(target, a.id, b.id))
      .slice(0, widestLookup + toldSybils + 1)
    if (this.rankedBy.size >= mostTargets) this.rankedBy.clear()
    this.rankedBy.set(key, ranked)
    return ranked
  }
}

function answererOf(ring: SybilRing, index: number, idFor: (target: Uint8Array | undefined) => Uint8Array): Answerer {
  return (datagram, from) => {
    const decoded = decodeKrpc(datagram)
    if (!decoded.ok || decoded.value.type !== 'query') return undefined
    const { transactionId, method } = decoded.value
    if (method === 'announce_peer' || method === 'put') ring.storeCount++
    const target = targetOf(decoded.value)
    const head = { type: 'response', transactionId, ip: from, id: idFor(target) } as const
    if (target === undefined) return encodeKrpc(head)
    const stride = compactNodeLength(4)
    const told = ring.toldBy(index, target)
    const nodes = new Uint8Array(told.length * stride)
    for (const [place, { id, endpoint }] of told.entries()) encodeCompactNode(nodes, place * stride, { id, endpoint })
    return encodeKrpc({ ...head, nodes, token: Uint8Array.of(1) })
  }
}

/** Adds Sybils, each with two ports, and has them make themselves known to `victims`. */
export function addSybils(
  ground: SybilGround,
  count: number,
  ids: SybilIds,
  victims: readonly Endpoint[],
): { readonly storeCount: number } {
  const ring = new SybilRing(ids)
  for (let added = 0; added < count; added++) {
    const endpoint = ground.freeEndpoint()
    const random = new Uint8Array(20)
    ground.random.fill(random)
    const ownId = nodeIdFor(addressBytes(endpoint.address) ?? new Uint8Array(4), random)
    const nearEndpoint = { ...endpoint, port: (endpoint.port % 60_000) + 2_000 }
    const index = ring.add(nearEndpoint)
    // What is stored at the near ones tells no target, so they show the last.
    let last = ownId
    const idNearTarget = (target: Uint8Array | undefined) => {
      if (target !== undefined) last = ring.idOf(index, target)
      return last
    }
    ground.addAnswerer(answererOf(ring, index, idNearTarget), nearEndpoint)
    ground.addAnswerer(
      answererOf(ring, index, () => ownId),
      endpoint,
    )
    for (let victim = 0; victim < victimsEach; victim++) {
      const chosen = victims[ground.random.below(victims.length)]
      if (chosen === undefined) continue
      const query = { type: 'query', method: 'ping', id: ownId, isReadOnly: false } as const
      ground.inject(endpoint, encodeKrpc({ ...query, transactionId: Uint8Array.of(7) }), chosen)
    }
  }
  return ring
}
