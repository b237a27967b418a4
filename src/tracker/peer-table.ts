// Peers of one swarm and address family, or some of them, as a tracker keeps them: packed as they are handed out.
// Guarantees: a peer stands once; no gaps, so that a random choice costs what it returns; those silent for too long
// go first and are found without looking at the others. The instance owns its peers.
import { assert } from '../base/assert.ts'
import { toLatin1 } from '../base/bytes.ts'
import { type AddressFamily, compactEndpointLength } from '../formats/compact-endpoint.ts'
import { hashLength } from '../formats/tracker/announce.ts'
import type { Random } from '../ports/random.ts'

/** Small numbers, good until the next change of the table. */
type Slot = number

const firstCapacity = 4

export class PeerTable {
  /** Bytes of an endpoint. */
  readonly stride: 6 | 18
  private endpoints: Uint8Array
  private peerIds: Uint8Array
  private lastMs: Float64Array
  private partial: Uint8Array
  private partials = 0
  /** By packed endpoint; in the order of the last announce, the oldest first. */
  private readonly slots = new Map<string, Slot>()

  constructor(family: AddressFamily) {
    this.stride = compactEndpointLength(family)
    this.endpoints = new Uint8Array(firstCapacity * this.stride)
    this.peerIds = new Uint8Array(firstCapacity * hashLength)
    this.lastMs = new Float64Array(firstCapacity)
    this.partial = new Uint8Array(firstCapacity)
  }

  get size(): number {
    return this.slots.size
  }

  /** How many are partial seeds (BEP 21). */
  get partialSize(): number {
    return this.partials
  }

  has(key: string): boolean {
    return this.slots.has(key)
  }

  /** Adds a peer or takes note that it is still there. `endpoint` is packed, `key` the same as `tableKey` gives. */
  put(key: string, endpoint: Uint8Array, peerId: Uint8Array, isPartialSeed: boolean, nowMs: number): void {
    assert(endpoint.length === this.stride && peerId.length === hashLength, 'a packed endpoint and a peer id')
    let slot = this.slots.get(key)
    if (slot === undefined) {
      slot = this.slots.size
      if (slot === this.lastMs.length) this.grow(2 * slot)
      this.endpoints.set(endpoint, slot * this.stride)
      this.partial[slot] = 0
    } else {
      this.slots.delete(key)
    }
    this.slots.set(key, slot)
    this.peerIds.set(peerId, slot * hashLength)
    this.lastMs[slot] = nowMs
    this.partials += Number(isPartialSeed) - (this.partial[slot] as number)
    this.partial[slot] = Number(isPartialSeed)
  }

  /** True if it was there. The last slot takes the place. */
  remove(key: string): boolean {
    const slot = this.slots.get(key)
    if (slot === undefined) return false
    const last = this.slots.size - 1
    this.slots.delete(key)
    this.partials -= this.partial[slot] as number
    if (slot !== last) {
      const { stride } = this
      this.endpoints.copyWithin(slot * stride, last * stride, (last + 1) * stride)
      this.peerIds.copyWithin(slot * hashLength, last * hashLength, (last + 1) * hashLength)
      this.lastMs[slot] = this.lastMs[last] as number
      this.partial[slot] = this.partial[last] as number
      const moved = tableKey(this.endpoints.subarray(slot * stride, (slot + 1) * stride))
      // Setting a key that is there keeps its place in the order.
      this.slots.set(moved, slot)
    }
    if (last > firstCapacity && last * 4 < this.lastMs.length) this.grow(2 * last)
    return true
  }

  /** Removes those not heard of since `beforeMs`. */
  expire(beforeMs: number): void {
    for (const [key, slot] of this.slots) {
      if ((this.lastMs[slot] as number) > beforeMs) return
      this.remove(key)
    }
  }

  /**
   * Calls `see` with up to `count` different peers: views valid until it returns. Each peer is as likely as any
   * other; one is chosen at random out of each of `count` parts of the table.
   */
  sample(count: number, random: Random, see: (endpoint: Uint8Array, peerId: Uint8Array) => void): void {
    const { size, stride } = this
    const chosen = Math.min(count, size)
    // Where the parts begin is drawn too: parts are not all of one length, and no peer is to profit from that.
    const turn = chosen === 0 ? 0 : random.below(size)
    for (let part = 0; part < chosen; part++) {
      const start = Math.floor((part * size) / chosen)
      const end = Math.floor(((part + 1) * size) / chosen)
      const slot = (turn + start + (end - start > 1 ? random.below(end - start) : 0)) % size
      see(
        this.endpoints.subarray(slot * stride, (slot + 1) * stride),
        this.peerIds.subarray(slot * hashLength, (slot + 1) * hashLength),
      )
    }
  }

  /** Makes room for `capacity` peers, or gives up what is more. */
  private grow(capacity: number): void {
    const kept = Math.min(capacity, this.lastMs.length)
    const endpoints = new Uint8Array(capacity * this.stride)
    const peerIds = new Uint8Array(capacity * hashLength)
    const lastMs = new Float64Array(capacity)
    const partial = new Uint8Array(capacity)
    endpoints.set(this.endpoints.subarray(0, kept * this.stride))
    peerIds.set(this.peerIds.subarray(0, kept * hashLength))
    lastMs.set(this.lastMs.subarray(0, kept))
    partial.set(this.partial.subarray(0, kept))
    this.endpoints = endpoints
    this.peerIds = peerIds
    this.lastMs = lastMs
    this.partial = partial
  }
}

/** The key of a packed endpoint. */
export function tableKey(endpoint: Uint8Array): string {
  return toLatin1(endpoint)
}
