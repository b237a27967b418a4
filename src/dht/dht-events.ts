// What goes into and comes out of a DhtNode, and what it shows of itself. Types only; inputs, outputs and snapshots are
// structured-cloneable. Tickets are numbers of the caller's that tie what comes out to what was asked for.
// A place is one socket of the node, by its position in the options: an address of its own, with an id of its own.
import type { AddressFamily, Endpoint, IpAddress } from '../base/endpoint.ts'
import type { StoredItem } from '../formats/krpc/message.ts'

/** Where datagrams leave; they are the hot part, so they are calls. */
export interface DhtSink {
  /** `bytes` are the callee's until it returns only. Losing them is allowed. */
  onSend(place: number, bytes: Uint8Array, address: string, port: number): void
}

/** What to look up. Targets, hashes and keys are of the caller, who leaves them as they are until `done`. */
export type DhtTask =
  | { readonly type: 'find-nodes'; readonly target: Uint8Array }
  | {
      readonly type: 'get-peers'
      readonly infoHash: Uint8Array
      readonly noSeeds: boolean
      /** Ask for counts as well (BEP 33). */
      readonly isScrape: boolean
    }
  | {
      readonly type: 'announce'
      readonly infoHash: Uint8Array
      /** Undefined: the port that datagrams come from. */
      readonly port: number | undefined
      readonly isSeed: boolean
    }
  /** `salt` matters for mutable items only, whose target was made with it. */
  | { readonly type: 'get'; readonly target: Uint8Array; readonly salt: Uint8Array }
  /** A mutable item comes signed. `expectedSequence`: compare and swap. */
  | { readonly type: 'put'; readonly item: StoredItem; readonly expectedSequence: bigint | undefined }

export type DhtInput =
  | { readonly type: 'start' }
  /** Nodes to begin with, as their names resolved: asked when the table has too few. Replaces those told before. */
  | { readonly type: 'set-bootstrap'; readonly endpoints: readonly Endpoint[] }
  /** A node that a peer (BEP 5, `port`), a torrent or a person named. */
  | { readonly type: 'add-node'; readonly endpoint: Endpoint }
  | { readonly type: 'look-up'; readonly ticket: number; readonly task: DhtTask }
  | { readonly type: 'cancel'; readonly ticket: number }
  /** BEP 43: others cannot reach us, or shall not. */
  | { readonly type: 'set-read-only'; readonly isReadOnly: boolean }
  | { readonly type: 'wake' }

export interface LookupOutcome {
  /** Nodes asked, and those of them that answered. */
  readonly askedNodes: number
  readonly answeredNodes: number
  /** Nodes that took what was announced or put. */
  readonly storedNodes: number
  /** Error codes of those that refused it (BEP 44: 301, 302 and so on). */
  readonly refusals: readonly number[]
  /** How far from what we knew the first peer or item was found; undefined: nothing was. */
  readonly foundAfterHops: number | undefined
  /** Estimates of a scrape (BEP 33); undefined: nobody answered it. */
  readonly seeds: number | undefined
  readonly peers: number | undefined
}

export type DhtOutput =
  /** New ones as they come. `from`: the node that told. */
  | { readonly type: 'peers'; readonly ticket: number; readonly from: Endpoint; readonly peers: readonly Endpoint[] }
  /** An item, verified. Of a mutable one another comes where a later one is found. */
  | { readonly type: 'item'; readonly ticket: number; readonly item: StoredItem }
  /** Nodes closest to the target that answered, at the end of `find-nodes`. */
  | { readonly type: 'nodes'; readonly ticket: number; readonly nodes: readonly Endpoint[] }
  /** The last of a ticket. */
  | { readonly type: 'done'; readonly ticket: number; readonly outcome: LookupOutcome }
  /** Too few nodes are known: resolve the names of those to begin with again. */
  | { readonly type: 'needs-bootstrap' }
  | { readonly type: 'external-address'; readonly place: number; readonly ip: IpAddress }
  /** The first nodes are known: look-ups make sense from now on. */
  | { readonly type: 'ready' }

export interface DhtPlaceSnapshot {
  readonly family: AddressFamily
  /** 40 hexadecimal digits. */
  readonly nodeId: string
  readonly externalAddress: string | undefined
  readonly nodes: number
  readonly buckets: number
}

export interface DhtCounters {
  /** Queries of others. */
  queriesReceived: number
  queriesAnswered: number
  /** Over a limit, unanswered. */
  queriesDropped: number
  queriesSent: number
  answersReceived: number
  timeouts: number
  malformed: number
}

export interface DhtSnapshot {
  readonly isReadOnly: boolean
  readonly places: readonly DhtPlaceSnapshot[]
  readonly lookups: number
  readonly infoHashesStored: number
  readonly peersStored: number
  readonly itemsStored: number
  readonly counters: Readonly<DhtCounters>
}
