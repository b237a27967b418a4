// Peer exchange with one peer (BEP 11), both ways: what it was told of our other peers and what it must still hear, and
// how much of what it tells counts. Guarantees: at most 50 added and 50 dropped a message and a message a minute, the
// first at once; nobody is told of twice, or dropped who was not told of; of a peer as much is believed, whatever it
// sends, and one that floods is found out. Owns what was told; who our peers are is the caller's to say.
import type { Endpoint } from '../base/endpoint.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { decodePeerExchange, type ExchangedPeer, encodePeerExchange } from '../formats/peer/peer-exchange.ts'

/** Of BEP 11. */
const maxListed = 50
const intervalMs = 60_000
/** Clocks and networks differ: messages that count come no faster than this in the long run. */
const leastIntervalMs = 45_000
/** Messages that count at once. */
const burst = 2
/** Messages too many, since one last counted, that are passed over. */
const maxExcess = 20

export class PeerExchangeLine {
  private readonly told = new Map<string, Endpoint>()
  private mayTellMs = Number.NEGATIVE_INFINITY
  private tokens = burst
  private refilledMs: number
  private excess = 0

  constructor(nowMs: number) {
    this.refilledMs = nowMs
  }

  /** When something may be told again. */
  get nextMs(): number {
    return this.mayTellMs
  }

  /**
   * The message to send; undefined: there is nothing new, or it is too soon. `peers`: those we are connected to, by
   * `endpointKey`; `mayHear`: whether this peer is to know of one of them, which must not change for the same endpoint.
   */
  compose(
    peers: ReadonlyMap<string, ExchangedPeer>,
    mayHear: (endpoint: Endpoint) => boolean,
    nowMs: number,
  ): Uint8Array | undefined {
    if (nowMs < this.mayTellMs) return undefined
    const { told } = this
    const added: ExchangedPeer[] = []
    const dropped: Endpoint[] = []
    for (const [key, endpoint] of told) {
      if (dropped.length === maxListed) break
      if (peers.has(key)) continue
      told.delete(key)
      dropped.push(endpoint)
    }
    for (const [key, peer] of peers) {
      if (added.length === maxListed) break
      if (told.has(key) || !mayHear(peer.endpoint)) continue
      told.set(key, peer.endpoint)
      added.push(peer)
    }
    if (added.length === 0 && dropped.length === 0) return undefined
    this.mayTellMs = nowMs + intervalMs
    return encodePeerExchange({ added, dropped })
  }

  /**
   * The peers that a message names, as far as they count: hearsay. None where it comes too soon.
   * Errors: peer-extension, peer-flood.
   */
  take(payload: Uint8Array, nowMs: number): Result<readonly ExchangedPeer[]> {
    this.tokens = Math.min(burst, this.tokens + (nowMs - this.refilledMs) / leastIntervalMs)
    this.refilledMs = nowMs
    if (this.tokens < 1) {
      this.excess++
      return this.excess > maxExcess ? flooded() : success([])
    }
    this.tokens--
    this.excess = 0
    const decoded = decodePeerExchange(payload)
    return decoded.ok ? success(decoded.value.added.slice(0, maxListed)) : decoded
  }
}

function flooded(): Failure {
  return failure('peer-flood', `more than ${maxExcess} messages of peer exchange too soon`)
}
