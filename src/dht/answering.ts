// What a node answers to queries (BEP 5, 32, 33, 42, 43, 44, 51): a message in, one datagram out.
// Guarantees: never more than 1,400 bytes nor 16 times the query, lists being cut to fit; nothing is stored without a
// token of that address; peers are handed out a stretch at a time. Owns the scratch that answers are put together in.
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { compactEndpointLength, encodeCompactEndpoint } from '../formats/compact-endpoint.ts'
import { compactNodeLength } from '../formats/krpc/compact-node.ts'
import { encodeKrpcWithin, valuesThatFit } from '../formats/krpc/encode.ts'
import {
  type AnnouncePeerQuery,
  errorMethodUnknown,
  errorProtocol,
  errorServer,
  type GetPeersQuery,
  type GetQuery,
  type KrpcError,
  type KrpcQuery,
  type KrpcResponse,
  maxSentBytes,
  type PutQuery,
  type RefusedQuery,
  type WantedNodes,
} from '../formats/krpc/message.ts'
import type { DhtPlace } from './dht-place.ts'
import type { ItemStore } from './item-store.ts'
import { type PeerStore, samplesIntervalSeconds } from './peer-store.ts'
import { bucketSize, type KnownNode } from './routing-table.ts'
import type { WriteTokens } from './write-tokens.ts'

/** A forged query makes us send at most so many times its own bytes to its victim (S17). */
const maxAmplification = 16

export interface AnsweringOptions {
  readonly places: readonly DhtPlace[]
  readonly peers: PeerStore
  readonly items: ItemStore
  readonly tokens: WriteTokens
  /** `v` of all messages. */
  readonly version: Uint8Array
}

/** Who asked, where, and how much may be sent. */
interface Asking {
  readonly place: DhtPlace
  readonly endpoint: Endpoint
  readonly transactionId: Uint8Array
  readonly maxBytes: number
  readonly nowMs: number
}

export class Answering {
  private readonly options: AnsweringOptions
  private readonly found: KnownNode[] = []
  private readonly packed: { readonly [family in AddressFamily]: Uint8Array } = {
    4: new Uint8Array(bucketSize * compactNodeLength(4)),
    6: new Uint8Array(bucketSize * compactNodeLength(6)),
  }

  constructor(options: AnsweringOptions) {
    this.options = options
  }

  /** The datagram to answer with, valid until the next one is made; undefined: none that is small enough. `queryBytes`: the length of the query's. */
  answer(
    query: KrpcQuery | RefusedQuery,
    place: DhtPlace,
    endpoint: Endpoint,
    queryBytes: number,
    nowMs: number,
  ): Uint8Array | undefined {
    const maxBytes = Math.min(maxSentBytes, maxAmplification * queryBytes)
    const asking = { place, endpoint, transactionId: query.transactionId, maxBytes, nowMs }
    const answer = query.type === 'refused-query' ? this.refuse(query, asking) : this.serve(query, asking)
    return encodeCut(answer, maxBytes)
  }

  private serve(query: KrpcQuery, asking: Asking): KrpcResponse | KrpcError {
    switch (query.method) {
      case 'ping':
        return this.response(asking)
      case 'find_node':
        return this.findNode(query.target, query.want, asking)
      case 'get_peers':
        return this.getPeers(query, asking)
      case 'announce_peer':
        return this.announcePeer(query, asking)
      case 'get':
        return this.get(query, asking)
      case 'put':
        return this.put(query, asking)
      case 'sample_infohashes': {
        const { peers } = this.options
        return {
          ...this.response(asking),
          ...this.nodes(query.target, query.want, asking),
          samples: peers.sampleInfoHashes(asking.nowMs),
          samplesIntervalSeconds,
          samplesTotal: peers.infoHashCount,
        }
      }
    }
  }

  /** What is not understood but names a target is answered as find_node, so that it finds those who understand it. */
  private refuse(query: RefusedQuery, asking: Asking): KrpcResponse | KrpcError {
    const { errorCode, failure, target } = query
    if (errorCode === errorMethodUnknown && target !== undefined) {
      return this.findNode(target, 'default', asking)
    }
    return this.error(asking, errorCode, failure.detail)
  }

  // What is asked all day is put together in one piece.
  private findNode(target: Uint8Array, want: WantedNodes, asking: Asking): KrpcResponse {
    const { place, endpoint: ip, transactionId } = asking
    const nodes = this.nodesOf(4, target, want, place)
    const nodes6 = this.nodesOf(6, target, want, place)
    return { type: 'response', transactionId, version: this.options.version, ip, id: place.ownId, nodes, nodes6 }
  }

  private getPeers(query: GetPeersQuery, asking: Asking): KrpcResponse {
    const { peers, version } = this.options
    const { infoHash, want } = query
    const { place, endpoint: ip, transactionId, nowMs, maxBytes } = asking
    const isKnown = peers.has(infoHash)
    const nodes = this.nodesOf(4, infoHash, want, place)
    const nodes6 = this.nodesOf(6, infoHash, want, place)
    const token = !isKnown || peers.hasRoom(infoHash, place.family) ? this.token(asking) : undefined
    const { ownId: id } = place
    if (!isKnown && !query.isScrape) {
      return { type: 'response', transactionId, version, ip, id, nodes, nodes6, token }
    }
    const filters = query.isScrape ? peers.filters(infoHash, nowMs) : undefined
    const response: KrpcResponse = {
      type: 'response',
      transactionId,
      version,
      ip,
      id,
      nodes,
      nodes6,
      token,
      seedFilter: filters?.seeds,
      peerFilter: filters?.peers,
    }
    if (!isKnown) return response
    const room = valuesThatFit(response, compactEndpointLength(place.family), maxBytes)
    const values = peers.peers(infoHash, place.family, room, query.noSeeds, nowMs)
    return values.length === 0 ? response : { ...response, values }
  }

  private announcePeer(query: AnnouncePeerQuery, asking: Asking): KrpcResponse | KrpcError {
    if (!this.hasToken(query.token, asking))
      return this.error(asking, errorProtocol, 'the token is not of this address')
    const { endpoint, nowMs } = asking
    const port = query.isPortImplied ? endpoint.port : query.port
    const packed = new Uint8Array(compactEndpointLength(endpoint.family))
    encodeCompactEndpoint(packed, 0, { ...endpoint, port })
    const isKept = this.options.peers.announce(query.infoHash, packed, query.isSeed, nowMs)
    return isKept ? this.response(asking) : this.error(asking, errorServer, 'no room for more peers')
  }

  private get(query: GetQuery, asking: Asking): KrpcResponse {
    const item = this.options.items.get(query.target, asking.nowMs)
    const head = {
      ...this.response(asking),
      ...this.nodes(query.target, query.want, asking),
      token: this.token(asking),
    }
    if (item?.kind !== 'mutable' || query.sequence === undefined || item.sequence > query.sequence) {
      return item === undefined ? head : { ...head, item }
    }
    return { ...head, sequence: item.sequence }
  }

  private put(query: PutQuery, asking: Asking): KrpcResponse | KrpcError {
    if (!this.hasToken(query.token, asking))
      return this.error(asking, errorProtocol, 'the token is not of this address')
    const refusal = this.options.items.put(query.item, query.expectedSequence, asking.nowMs)
    return refusal === undefined ? this.response(asking) : this.error(asking, refusal.code, refusal.message)
  }

  private response({ place, endpoint, transactionId }: Asking): KrpcResponse {
    return { type: 'response', transactionId, version: this.options.version, ip: endpoint, id: place.ownId }
  }

  private error({ endpoint, transactionId }: Asking, code: number, message: string): KrpcError {
    return { type: 'error', transactionId, version: this.options.version, ip: endpoint, code, message }
  }

  private token({ place, endpoint, nowMs }: Asking): Uint8Array {
    return this.options.tokens.issue(place.index, endpoint.address, nowMs)
  }

  private hasToken(token: Uint8Array, { place, endpoint, nowMs }: Asking): boolean {
    return this.options.tokens.isValid(token, place.index, endpoint.address, nowMs)
  }

  private nodes(target: Uint8Array, want: WantedNodes, asking: Asking): Pick<KrpcResponse, 'nodes' | 'nodes6'> {
    const { place } = asking
    return { nodes: this.nodesOf(4, target, want, place), nodes6: this.nodesOf(6, target, want, place) }
  }

  private nodesOf(
    family: AddressFamily,
    target: Uint8Array,
    want: WantedNodes,
    place: DhtPlace,
  ): Uint8Array | undefined {
    const other = family === 4 ? 'n6' : 'n4'
    const isWanted = want === 'default' ? place.family === family : want !== other
    return isWanted ? this.packedNodes(target, family, place) : undefined
  }

  /** From the table of the place itself, else of the first place of that family. Valid until the next call for it. */
  private packedNodes(target: Uint8Array, family: AddressFamily, asked: DhtPlace): Uint8Array | undefined {
    const place = asked.family === family ? asked : this.options.places.find((other) => other.family === family)
    if (place === undefined) return undefined
    const count = place.table.closest(target, true, this.found, bucketSize)
    const packed = this.packed[family]
    const stride = compactNodeLength(family)
    // So few bytes are quicker to copy in a loop than by the runtime.
    for (let index = 0; index < count; index++) {
      const { packed: node } = this.found[index] as KnownNode
      for (let byte = 0; byte < stride; byte++) packed[index * stride + byte] = node[byte] as number
    }
    return packed.subarray(0, count * stride)
  }
}

/** What is worth least first. */
const cuts: readonly ((response: KrpcResponse) => KrpcResponse)[] = [
  (response) => (response.nodes === undefined ? response : { ...response, nodes6: undefined }),
  (response) => ({ ...response, seedFilter: undefined, peerFilter: undefined }),
  (response) => ({ ...response, nodes: undefined, nodes6: undefined, samples: undefined }),
]

function encodeCut(answer: KrpcResponse | KrpcError, maxBytes: number): Uint8Array | undefined {
  let datagram = encodeKrpcWithin(answer, maxBytes)
  if (answer.type === 'error') return datagram
  let cut = answer
  for (const step of cuts) {
    if (datagram !== undefined) return datagram
    cut = step(cut)
    datagram = encodeKrpcWithin(cut, maxBytes)
  }
  return datagram
}
