// What a swarm wants done by whoever drives it (the session): drained with `poll` after each input.
// Guarantees: in the order in which things happened. The queue is the swarm's; `peer` is its handle, not a copy.
import type { Endpoint } from '../base/endpoint.ts'
import type { Failure } from '../base/errors.ts'
import type { SwarmPeer } from './swarm-peer.ts'
import type { WebRequest, WebSeed } from './web-seed.ts'

/** About web seeds (BEP 19). */
export type WebOutput =
  /** Ask its server; then tell of head, body and end. */
  | { readonly type: 'web-request'; readonly seed: WebSeed; readonly request: WebRequest }
  /** What it is asked for now is not wanted any more: end it, and tell nothing of it. */
  | { readonly type: 'web-cancel'; readonly seed: WebSeed }
  /** Its body may go on. */
  | { readonly type: 'web-resume'; readonly seed: WebSeed }
  /** Something is wrong with it, and was not told before. */
  | { readonly type: 'web-problem'; readonly seed: WebSeed; readonly failure: Failure }

export type SwarmOutput =
  /** Its connection tells nothing more; close the stream, then `removePeer`. */
  | {
      readonly type: 'disconnect'
      readonly peer: SwarmPeer
      readonly failure: Failure
      readonly ban: 'none' | 'address'
    }
  /** A peer that left before it was found out. */
  | { readonly type: 'ban'; readonly remote: Endpoint; readonly failure: Failure }
  /** `pumpUpload` has something to send to it. */
  | { readonly type: 'upload-ready'; readonly peer: SwarmPeer }
  /** `uploadRank` of peers is another than before. */
  | { readonly type: 'upload-order' }
  /** Verified and written. */
  | { readonly type: 'piece'; readonly piece: number }
  | { readonly type: 'piece-damaged'; readonly piece: number }
  /** All wanted pieces are here; again after a selection that wants more. */
  | { readonly type: 'finished' }
  /** A hybrid torrent whose two versions disagree (BEP 52): nothing of it can be trusted. */
  | { readonly type: 'contradiction'; readonly piece: number }
  | WebOutput

export class SwarmOutputs {
  private readonly waiting: SwarmOutput[] = []
  private next = 0

  push(output: SwarmOutput): void {
    this.waiting.push(output)
  }

  poll(): SwarmOutput | undefined {
    const output = this.waiting[this.next]
    if (output === undefined) {
      this.waiting.length = 0
      this.next = 0
    } else this.next++
    return output
  }
}
