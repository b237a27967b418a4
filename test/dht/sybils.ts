// Sybils: hosts of one attacker who wants to be the nodes closest to whatever is looked up (S18). Each joins as an
// ordinary node, and names its fellows, at another port, with ids next to the target; announces and puts it takes and
// forgets. Guarantees: they answer everything, at once, as the protocol wants it.

import { compareDistances } from '../../src/dht/node-distance.ts'
import { addressBytes } from '../../src/formats/compact-endpoint.ts'
import { compactNodeLength, encodeCompactNode } from '../../src/formats/krpc/compact-node.ts'
import { decodeKrpc } from '../../src/formats/krpc/decode.ts'
import { encodeKrpc } from '../../src/formats/krpc/encode.ts'
import type { KrpcMessage } from '../../src/formats/krpc/message.ts'
import { nodeIdFor } from '../../src/formats/krpc/node-id.ts'
import type { Answerer, DhtWorld, WorldHost } from './dht-world.ts'

/** `chosen`: any id it likes. `fitting`: the closest of those that fit its address (BEP 42). */
export type SybilIds = 'chosen' | 'fitting'

const toldSybils = 8
/** As many as a lookup asks at most around its target. */
const widestLookup = 32

/** The id a Sybil shows to who looks for `target`. */
function idNear(target: Uint8Array, host: WorldHost, index: number, ids: SybilIds): Uint8Array {
  if (ids === 'chosen') {
    const id = target.slice()
    id[18] = (id[18] as number) ^ ((index >> 8) + 1)
    id[19] = (id[19] as number) ^ index
    return id
  }
  const address = addressBytes(host.endpoint.address) ?? new Uint8Array(4)
  let best: Uint8Array | undefined
  for (let variant = 0; variant < 8; variant++) {
    const wanted = target.slice()
    wanted[19] = ((wanted[19] as number) & 0xf8) | variant
    const id = nodeIdFor(address, wanted)
    if (best === undefined || compareDistances(target, id, best) < 0) best = id
  }
  return best as Uint8Array
}

function targetOf(message: KrpcMessage): Uint8Array | undefined {
  if (message.type !== 'query') return undefined
  if (message.method === 'get_peers') return message.infoHash
  return message.method === 'find_node' || message.method === 'get' ? message.target : undefined
}

/** Adds Sybils, each with two ports, and has them make themselves known to `victims`. */
export function addSybils(world: DhtWorld, count: number, ids: SybilIds, victims: readonly WorldHost[]): void {
  const near: WorldHost[] = []
  const answerer =
    (index: number, idFor: (target: Uint8Array | undefined) => Uint8Array): Answerer =>
    (datagram, from) => {
      const decoded = decodeKrpc(datagram)
      if (!decoded.ok || decoded.value.type !== 'query') return undefined
      const target = targetOf(decoded.value)
      const { transactionId } = decoded.value
      const head = { type: 'response', transactionId, ip: from, id: idFor(target) } as const
      if (target === undefined) return encodeKrpc(head)
      const stride = compactNodeLength(4)
      const nodes = new Uint8Array(toldSybils * stride)
      const ranked = near
        .map((host, other) => ({ host, id: idNear(target, host, other, ids) }))
        .sort((a, b) => compareDistances(target, a.id, b.id))
      // The closest name those after them, so that a lookup however wide has Sybils to go on to.
      const own = ranked.findIndex(({ host }) => host === near[index])
      const first = own < widestLookup ? own + 1 : 0
      for (const [place, { host, id }] of ranked.slice(first, first + toldSybils).entries()) {
        encodeCompactNode(nodes, place * stride, { id, endpoint: host.endpoint })
      }
      return encodeKrpc({ ...head, nodes, token: Uint8Array.of(1) })
    }
  for (let index = 0; index < count; index++) {
    const endpoint = world.freeEndpoint()
    const random = new Uint8Array(20)
    world.random.fill(random)
    const ownId = nodeIdFor(addressBytes(endpoint.address) ?? new Uint8Array(4), random)
    // What is stored at the near ones tells no target, so they show the last.
    let last = ownId
    const nearHost = world.addAnswerer(
      answerer(index, (target) => {
        if (target !== undefined) last = idNear(target, nearHost, index, ids)
        return last
      }),
      { ...endpoint, port: (endpoint.port % 60_000) + 2_000 },
    )
    near.push(nearHost)
    const known = world.addAnswerer(
      answerer(index, () => ownId),
      endpoint,
    )
    for (let victim = 0; victim < 20; victim++) {
      const chosen = victims[world.random.below(victims.length)] as WorldHost
      const transactionId = Uint8Array.of(7)
      const query = { type: 'query', method: 'ping', transactionId, id: ownId, isReadOnly: false } as const
      world.inject(known.endpoint, encodeKrpc(query), chosen.endpoint)
    }
  }
}
