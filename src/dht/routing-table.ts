// The routing table of one node id (BEP 5): buckets of 8 by the bits in common with that id, the last of which splits,
// each with a few replacements. Guarantees: only nodes that answered us get in and are told to others; one node an
// address, one of a /24 or /64 a bucket; nodes whose id fits their address (BEP 42) take the places of those whose does
// not; a node that answers is never driven out by a newcomer of its own sort. Owns its nodes.
import { assert } from '../base/assert.ts'
import { equalBytes } from '../base/bytes.ts'
import type { AddressFamily, Endpoint } from '../formats/compact-endpoint.ts'
import { compactNodeLength, encodeCompactNode } from '../formats/krpc/compact-node.ts'
import { mayHaveId, type Placement, placementKey, placementOf } from './address-limits.ts'
import { commonPrefixLength, compareDistances, idAtPrefix, idBits } from './node-distance.ts'

export const bucketSize = 8
const maxReplacements = 8
/** Silent for longer, a node is questionable (BEP 5), and a bucket in which nothing happened is refreshed. */
const freshForMs = 900_000
/** So many answers missing in a row make a node bad; it goes as soon as there is another for its place. */
const badAfterFailures = 2
const goneAfterFailures = 5
/** Longer than it takes to give up on an answer. */
const checkIntervalMs = 20_000

export interface KnownNode {
  readonly id: Uint8Array
  readonly endpoint: Endpoint
  /** Compact node info: id, address, port. */
  readonly packed: Uint8Array
  readonly placement: Placement
  /** The id fits the address (BEP 42). */
  readonly fits: boolean
  /** -Infinity: never; the node is of a saved table and still to be asked. */
  answeredMs: number
  /** The last answer or query of it. */
  heardMs: number
  /** Answers missing since the last one. */
  failures: number
  /** When it was last asked whether it is still there. */
  checkedMs: number
}

interface Bucket {
  readonly nodes: KnownNode[]
  /** The latest heard of last. */
  readonly replacements: KnownNode[]
  changedMs: number
}

function hasAnswered(node: KnownNode): boolean {
  return node.answeredMs !== Number.NEGATIVE_INFINITY
}

function isBad(node: KnownNode): boolean {
  return node.failures >= (hasAnswered(node) ? badAfterFailures : 1)
}

function newBucket(nowMs: number): Bucket {
  return { nodes: [], replacements: [], changedMs: nowMs }
}

function removeFrom(nodes: KnownNode[], node: KnownNode): boolean {
  const index = nodes.indexOf(node)
  if (index !== -1) nodes.splice(index, 1)
  return index !== -1
}

export class RoutingTable {
  readonly family: AddressFamily
  readonly ownId: Uint8Array
  /** Bucket n has the nodes with n bits in common, the last one those with as many or more. */
  private readonly buckets: Bucket[]
  /** Nodes and replacements by their place on the network. */
  private readonly byPlace = new Map<string, KnownNode>()
  private count = 0

  constructor(family: AddressFamily, ownId: Uint8Array, nowMs: number) {
    this.family = family
    this.ownId = ownId.slice()
    this.buckets = [newBucket(nowMs)]
  }

  /** Nodes in use, without replacements. */
  get size(): number {
    return this.count
  }

  get bucketCount(): number {
    return this.buckets.length
  }

  /** Nodes in use, the farthest first. */
  *nodes(): Iterable<KnownNode> {
    for (const bucket of this.buckets) yield* bucket.nodes
  }

  find(endpoint: Endpoint): KnownNode | undefined {
    const node = this.byPlace.get(placementKey(endpoint.address, endpoint.port))
    return node?.endpoint.port === endpoint.port ? node : undefined
  }

  /** A node answered a query of ours. True if it is in the table now, replacements not counted. */
  answered(id: Uint8Array, endpoint: Endpoint, nowMs: number): boolean {
    const known = this.find(endpoint)
    if (known !== undefined && equalBytes(known.id, id)) {
      known.answeredMs = nowMs
      known.heardMs = nowMs
      known.failures = 0
      const bucket = this.bucketOf(id)
      if (bucket.replacements.includes(known)) return this.retry(bucket, known, nowMs)
      bucket.changedMs = nowMs
      return true
    }
    // Who shows another id than before is broken, or shows everyone another (BEP 45).
    if (known !== undefined) this.remove(known)
    return this.admit(id, endpoint, nowMs, nowMs)
  }

  /** A node of a saved table: asked before it counts. */
  restore(id: Uint8Array, endpoint: Endpoint, nowMs: number): boolean {
    if (this.find(endpoint) !== undefined) return false
    return this.admit(id, endpoint, Number.NEGATIVE_INFINITY, nowMs)
  }

  /** A query came from a node. True: the table has no such node, has use for it, and it should be asked. */
  asked(id: Uint8Array, endpoint: Endpoint, nowMs: number): boolean {
    const known = this.find(endpoint)
    if (known !== undefined) {
      if (equalBytes(known.id, id) && hasAnswered(known)) known.heardMs = nowMs
      return false
    }
    if (equalBytes(id, this.ownId)) return false
    const placement = placementOf(endpoint)
    if (this.byPlace.has(placement.key)) return false
    const bucket = this.bucketOf(id)
    if (this.isBlockTaken(bucket, placement)) return false
    const isLast = bucket === this.buckets.at(-1)
    if (bucket.nodes.length < bucketSize || isLast || bucket.nodes.some(isBad)) return true
    return mayHaveId(id, endpoint.address) && bucket.nodes.some(({ fits }) => !fits)
  }

  /** A query of ours was not answered. */
  failed(endpoint: Endpoint, nowMs: number): void {
    const node = this.find(endpoint)
    if (node === undefined) return
    node.failures++
    const bucket = this.bucketOf(node.id)
    if (bucket.replacements.includes(node)) {
      this.remove(node)
    } else if (!hasAnswered(node) || node.failures >= goneAfterFailures) {
      this.remove(node)
      this.promote(bucket, nowMs)
    } else if (isBad(node) && bucket.replacements.length > 0) {
      this.remove(node)
      this.promote(bucket, nowMs)
    }
  }

  /**
   * The up to `maxCount` nodes closest to a target, written into `found` from 0 on, closest first; how many. For others
   * only those that answered lately; for ourselves all that are not bad.
   */
  closest(target: Uint8Array, isForOthers: boolean, found: KnownNode[], maxCount: number): number {
    const last = this.buckets.length - 1
    const home = Math.min(commonPrefixLength(this.ownId, target), last)
    // All in the target's own bucket are closer than any other; of those beyond it none is closer by its bucket; and
    // then each bucket before is farther than the one after.
    let count = this.gather(target, isForOthers, home, home, found, 0, maxCount)
    if (count < maxCount && home < last)
      count = this.gather(target, isForOthers, home + 1, last, found, count, maxCount)
    for (let index = home - 1; index >= 0 && count < maxCount; index--) {
      count = this.gather(target, isForOthers, index, index, found, count, maxCount)
    }
    return count
  }

  /** The id of the eighth closest to our own that fits its address: how dense the network is; undefined: so many are not known. */
  neighbour(): Uint8Array | undefined {
    const found: KnownNode[] = []
    this.closest(this.ownId, false, found, 4 * bucketSize)
    return found.filter(({ fits }) => fits)[bucketSize - 1]?.id
  }

  /**
   * Which node to ask whether it is still there: one that never answered, else the one silent the longest, if too long.
   * It counts as asked.
   */
  questionable(nowMs: number): KnownNode | undefined {
    let stalest: KnownNode | undefined
    for (const { nodes } of this.buckets) {
      for (const node of nodes) {
        if (node.checkedMs > nowMs - checkIntervalMs) continue
        const isStale = !hasAnswered(node) || node.failures > 0 || node.heardMs <= nowMs - freshForMs
        if (isStale && (stalest === undefined || node.answeredMs < stalest.answeredMs)) stalest = node
      }
    }
    if (stalest !== undefined) stalest.checkedMs = nowMs
    return stalest
  }

  /** Takes over a node of a table of another id, with what is known of it. */
  adopt(node: KnownNode, nowMs: number): void {
    if (!equalBytes(node.id, this.ownId) && !this.byPlace.has(node.placement.key)) this.place({ ...node }, nowMs)
  }

  /** An id to look for where a bucket had nothing happen in it for too long; it counts as refreshed from now on. */
  refreshTarget(random: Uint8Array, nowMs: number): Uint8Array | undefined {
    for (const [index, bucket] of this.buckets.entries()) {
      if (bucket.changedMs > nowMs - freshForMs) continue
      bucket.changedMs = nowMs
      const isLast = index === this.buckets.length - 1
      return isLast ? this.ownId : idAtPrefix(this.ownId, index, random)
    }
    return undefined
  }

  /** When refreshTarget has one. */
  nextRefreshMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { changedMs } of this.buckets) earliestMs = Math.min(earliestMs, changedMs + freshForMs)
    return earliestMs
  }

  private bucketOf(id: Uint8Array): Bucket {
    return this.buckets[Math.min(commonPrefixLength(this.ownId, id), this.buckets.length - 1)] as Bucket
  }

  private gather(
    target: Uint8Array,
    isForOthers: boolean,
    first: number,
    last: number,
    found: KnownNode[],
    start: number,
    maxCount: number,
  ): number {
    let count = start
    for (let index = first; index <= last; index++) {
      for (const node of (this.buckets[index] as Bucket).nodes) {
        if (isForOthers ? node.failures > 0 || !hasAnswered(node) : isBad(node)) continue
        let place = count
        while (place > start && compareDistances(target, node.id, (found[place - 1] as KnownNode).id) < 0) place--
        if (place === maxCount) continue
        if (count < maxCount) count++
        for (let moved = count - 1; moved > place; moved--) found[moved] = found[moved - 1] as KnownNode
        found[place] = node
      }
    }
    return count
  }

  private isBlockTaken(bucket: Bucket, { block }: Placement): boolean {
    return block !== undefined && bucket.nodes.some((node) => node.placement.block === block && !isBad(node))
  }

  private admit(id: Uint8Array, endpoint: Endpoint, answeredMs: number, nowMs: number): boolean {
    assert(endpoint.family === this.family, 'a node of the family of its table')
    if (equalBytes(id, this.ownId)) return false
    const placement = placementOf(endpoint)
    const holder = this.byPlace.get(placement.key)
    // Another port of an address that is here already: only once the one that is here has gone silent.
    if (holder !== undefined && !isBad(holder)) return false
    const namesake = this.bucketOf(id).nodes.find((node) => equalBytes(node.id, id))
    if (namesake !== undefined && !isBad(namesake)) return false
    if (holder !== undefined) this.remove(holder)
    if (namesake !== undefined && namesake !== holder) this.remove(namesake)
    const packed = new Uint8Array(compactNodeLength(this.family))
    const kept = id.slice()
    encodeCompactNode(packed, 0, { id: kept, endpoint })
    const fits = mayHaveId(id, endpoint.address)
    const checkedMs = Number.NEGATIVE_INFINITY
    const node = { id: kept, endpoint, packed, placement, fits, answeredMs, heardMs: nowMs, failures: 0, checkedMs }
    return this.place(node, nowMs)
  }

  private place(node: KnownNode, nowMs: number): boolean {
    for (;;) {
      const bucket = this.bucketOf(node.id)
      const sharesBlock = bucket.nodes.find(
        ({ placement }) => node.placement.block !== undefined && placement.block === node.placement.block,
      )
      if (sharesBlock !== undefined) {
        if (!isBad(sharesBlock) && (sharesBlock.fits || !node.fits)) return false
        this.remove(sharesBlock)
      }
      if (bucket.nodes.length < bucketSize) return this.settle(bucket, node, nowMs)
      if (bucket === this.buckets.at(-1) && this.split(bucket, nowMs)) continue
      const loser = bucket.nodes.find(isBad) ?? (node.fits ? bucket.nodes.find(({ fits }) => !fits) : undefined)
      if (loser !== undefined) {
        this.remove(loser)
        return this.settle(bucket, node, nowMs)
      }
      // Only who has answered is worth being kept in waiting.
      if (hasAnswered(node)) this.keepInWaiting(bucket, node)
      return false
    }
  }

  private settle(bucket: Bucket, node: KnownNode, nowMs: number): true {
    bucket.nodes.push(node)
    bucket.changedMs = nowMs
    this.byPlace.set(node.placement.key, node)
    this.count++
    return true
  }

  private keepInWaiting(bucket: Bucket, node: KnownNode): void {
    if (bucket.replacements.length === maxReplacements) this.remove(bucket.replacements[0] as KnownNode)
    bucket.replacements.push(node)
    this.byPlace.set(node.placement.key, node)
  }

  /** Splits the last bucket; false: there is no bit left. */
  private split(bucket: Bucket, nowMs: number): boolean {
    const index = this.buckets.length - 1
    if (this.buckets.length === idBits) return false
    const next = newBucket(nowMs)
    next.changedMs = bucket.changedMs
    this.buckets.push(next)
    for (const list of ['nodes', 'replacements'] as const) {
      const moving = bucket[list].filter(({ id }) => commonPrefixLength(this.ownId, id) > index)
      for (const node of moving) removeFrom(bucket[list], node)
      next[list].push(...moving)
    }
    return true
  }

  /** A replacement answered: it gets a place if there is one by now. */
  private retry(bucket: Bucket, node: KnownNode, nowMs: number): boolean {
    removeFrom(bucket.replacements, node)
    this.byPlace.delete(node.placement.key)
    return this.place(node, nowMs)
  }

  private promote(bucket: Bucket, nowMs: number): void {
    for (let index = bucket.replacements.length - 1; index >= 0; index--) {
      const node = bucket.replacements[index] as KnownNode
      if (this.isBlockTaken(bucket, node.placement)) continue
      this.retry(bucket, node, nowMs)
      return
    }
  }

  private remove(node: KnownNode): void {
    const bucket = this.bucketOf(node.id)
    if (removeFrom(bucket.nodes, node)) this.count--
    else removeFrom(bucket.replacements, node)
    if (this.byPlace.get(node.placement.key) === node) this.byPlace.delete(node.placement.key)
  }
}
