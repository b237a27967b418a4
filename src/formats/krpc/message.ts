// The messages of the DHT (BEP 5) and its extensions: IPv6 (32), scrapes (33), the `ip` field (42), read-only
// nodes (43), stored items (44), samples (51).
// Guarantees: types and limits only. Byte arrays of a decoded message are views of its datagram, valid as long
// as that is not overwritten: copy what is kept. Ids stay bytes, since routing tables compare them by XOR.
import type { Failure } from '../../base/errors.ts'
import type { Endpoint } from '../compact-endpoint.ts'

export const nodeIdLength = 20
export const maxTransactionIdLength = 32
export const maxTokenLength = 128
export const maxVersionLength = 32
/** Larger datagrams are refused unread. */
export const maxReceivedBytes = 4_096
/** No datagram is sent larger than this. BEP 32 wants 1,024, which an item of BEP 44 does not fit in. */
export const maxSentBytes = 1_400
/** BEP 44: of a bencoded value, of salt, of a public key and of a signature. */
export const maxItemBytes = 1_000
export const maxSaltLength = 64
export const publicKeyLength = 32
export const signatureLength = 64
/** BEP 33. */
export const bloomFilterLength = 256

/** Error codes on the wire (BEP 5, 44). */
export const errorGeneric = 201
export const errorServer = 202
export const errorProtocol = 203
export const errorMethodUnknown = 204
export const errorItemTooBig = 205
export const errorInvalidSignature = 206
export const errorSaltTooBig = 207
export const errorCasMismatch = 301
export const errorSequenceTooOld = 302

interface Envelope {
  /** `t`: up to 32 bytes of the querier's choosing, sent back as they are. */
  readonly transactionId: Uint8Array
  /** `v`: client and version. */
  readonly version?: Uint8Array | undefined
  /** `ip`: the receiver's endpoint as the sender sees it (BEP 42). */
  readonly ip?: Endpoint | undefined
}

/** Which nodes an answer shall hold (BEP 32); `default`: those of the family the query came by. */
export type WantedNodes = 'default' | 'n4' | 'n6' | 'both'

interface QueryEnvelope extends Envelope {
  readonly type: 'query'
  /** The querier's node id, 20 bytes. */
  readonly id: Uint8Array
  /** Not to be put into a routing table (BEP 43). */
  readonly isReadOnly: boolean
}

export interface PingQuery extends QueryEnvelope {
  readonly method: 'ping'
}

export interface FindNodeQuery extends QueryEnvelope {
  readonly method: 'find_node'
  readonly target: Uint8Array
  readonly want: WantedNodes
}

export interface GetPeersQuery extends QueryEnvelope {
  readonly method: 'get_peers'
  readonly infoHash: Uint8Array
  readonly want: WantedNodes
  /** Peers that are no seeds are wanted (BEP 33). */
  readonly noSeeds: boolean
  /** Bloom filters of seeds and peers are wanted (BEP 33). */
  readonly isScrape: boolean
}

export interface AnnouncePeerQuery extends QueryEnvelope {
  readonly method: 'announce_peer'
  readonly infoHash: Uint8Array
  /** The peer's port, 1 to 65535; where it is implied it may be 0 and says nothing. */
  readonly port: number
  /** The peer's port is that which the datagram came from. */
  readonly isPortImplied: boolean
  readonly token: Uint8Array
  /** BEP 33. */
  readonly isSeed: boolean
}

export interface GetQuery extends QueryEnvelope {
  readonly method: 'get'
  readonly target: Uint8Array
  readonly want: WantedNodes
  /** Only an item newer than this is wanted. */
  readonly sequence?: bigint | undefined
}

export interface PutQuery extends QueryEnvelope {
  readonly method: 'put'
  readonly token: Uint8Array
  readonly item: StoredItem
  /** The sequence number the item to be replaced must have. */
  readonly expectedSequence?: bigint | undefined
}

export interface SampleInfohashesQuery extends QueryEnvelope {
  readonly method: 'sample_infohashes'
  readonly target: Uint8Array
  readonly want: WantedNodes
}

export type KrpcQuery =
  | PingQuery
  | FindNodeQuery
  | GetPeersQuery
  | AnnouncePeerQuery
  | GetQuery
  | PutQuery
  | SampleInfohashesQuery

/** A value in bencode, exactly as it came: hashes and signatures are over these bytes. At most 1,000. */
export interface ImmutableItem {
  readonly kind: 'immutable'
  readonly value: Uint8Array
}

export interface MutableItem {
  readonly kind: 'mutable'
  readonly value: Uint8Array
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes; not verified here, see `signedBytes`. */
  readonly signature: Uint8Array
  /** 0 to 2^63 - 1. */
  readonly sequence: bigint
  /** At most 64 bytes; empty if there is none. Answers never carry it: the asker knows it. */
  readonly salt: Uint8Array
}

export type StoredItem = ImmutableItem | MutableItem

/**
 * An answer. The wire does not say to which query, so it may have any of these; the one who asked reads what
 * belongs to the query.
 */
export interface KrpcResponse extends Envelope {
  readonly type: 'response'
  /** The answering node's id, 20 bytes. */
  readonly id: Uint8Array
  /** Nodes of IPv4, 26 bytes each: id, address, port. */
  readonly nodes?: Uint8Array | undefined
  /** Nodes of IPv6, 38 bytes each (BEP 32). */
  readonly nodes6?: Uint8Array | undefined
  /** Peers: compact endpoints of 6 or 18 bytes each, in any mixture. */
  readonly values?: readonly Uint8Array[] | undefined
  /** What a later announce_peer or put must show. */
  readonly token?: Uint8Array | undefined
  /** `BFsd`, `BFpe`: bloom filters of seeds and of peers, 256 bytes each (BEP 33). */
  readonly seedFilter?: Uint8Array | undefined
  readonly peerFilter?: Uint8Array | undefined
  readonly item?: StoredItem | undefined
  /** Of the item stored there, where the item itself is left out for not being newer (BEP 44). */
  readonly sequence?: bigint | undefined
  /** Info hashes, 20 bytes each (BEP 51). */
  readonly samples?: Uint8Array | undefined
  /** Seconds for which the samples stay the same, up to 6 hours (BEP 51). */
  readonly samplesIntervalSeconds?: number | undefined
  /** Number of info hashes stored there (BEP 51). */
  readonly samplesTotal?: number | undefined
}

export interface KrpcError extends Envelope {
  readonly type: 'error'
  readonly code: number
  /** For a person to read; bounded. */
  readonly message: string
}

/** A query that cannot be served, with what to answer. `krpc-unknown-method`: 204, else an argument is at fault. */
export interface RefusedQuery extends Envelope {
  readonly type: 'refused-query'
  readonly errorCode: number
  readonly failure: Failure
  /** Target or info hash of an unknown method: it may be answered like find_node. */
  readonly target?: Uint8Array | undefined
}

export type KrpcMessage = KrpcQuery | KrpcResponse | KrpcError | RefusedQuery
