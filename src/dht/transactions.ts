// Queries under way: which answer belongs to which, and when to give up (BEP 5). What a query is for is the owner's.
// Guarantees: an answer counts only from the endpoint that was asked, with the id that was sent, once; ids cannot be
// guessed; their number is capped. A query is slow after a few round trips as measured, and lost after seconds.

import { readUint32, writeUint32 } from '../base/bytes.ts'
import type { Endpoint } from '../base/endpoint.ts'
import type { Random } from '../ports/random.ts'

export interface Transaction<Purpose> {
  readonly place: number
  readonly endpoint: Endpoint
  readonly purpose: Purpose
  readonly sentMs: number
  readonly slowAtMs: number
  isSlow: boolean
}

const transactionIdLength = 4
const maxTransactions = 1_024
const lostAfterMs = 6_000
const minSlowMs = 400
const maxSlowMs = 1_500

export class Transactions<Purpose> {
  private readonly random: Random
  /** By id; sent first stands first. */
  private readonly open = new Map<number, Transaction<Purpose>>()
  private readonly id = new Uint8Array(transactionIdLength)
  /** Of all nodes: mean and mean deviation (as TCP has it); NaN: none measured yet. */
  private roundTripMs = Number.NaN
  private deviationMs = 0
  /** Not later than any deadline. */
  private deadlineMs = Number.POSITIVE_INFINITY

  constructor(random: Random) {
    this.random = random
  }

  get size(): number {
    return this.open.size
  }

  get hasRoom(): boolean {
    return this.open.size < maxTransactions
  }

  /** When `expire` has something to do at the earliest. */
  get nextMs(): number {
    return this.deadlineMs
  }

  /** The id to send, a view valid until the next call. */
  begin(place: number, endpoint: Endpoint, purpose: Purpose, nowMs: number): Uint8Array {
    let id = this.random.below(2 ** 32)
    while (this.open.has(id)) id = this.random.below(2 ** 32)
    const slowAtMs = nowMs + this.patienceMs()
    this.open.set(id, { place, endpoint, purpose, sentMs: nowMs, slowAtMs, isSlow: false })
    this.deadlineMs = Math.min(this.deadlineMs, slowAtMs)
    writeUint32(this.id, 0, id)
    return this.id
  }

  /** What an answer or error from there belongs to; it is over. Undefined: to nothing. */
  end(
    transactionId: Uint8Array,
    place: number,
    address: string,
    port: number,
    nowMs: number,
  ): Transaction<Purpose> | undefined {
    if (transactionId.length !== transactionIdLength) return undefined
    const id = readUint32(transactionId, 0)
    const transaction = this.open.get(id)
    if (transaction?.place !== place) return undefined
    const { endpoint } = transaction
    if (endpoint.port !== port || endpoint.address !== address) return undefined
    this.open.delete(id)
    this.measure(nowMs - transaction.sentMs)
    return transaction
  }

  /** Calls `onSlow` and `onLost` with those it is time for, in the order they were sent. */
  expire(
    nowMs: number,
    onSlow: (transaction: Transaction<Purpose>) => void,
    onLost: (transaction: Transaction<Purpose>) => void,
  ): void {
    if (nowMs < this.deadlineMs) return
    const slow: Transaction<Purpose>[] = []
    const lost: Transaction<Purpose>[] = []
    let deadlineMs = Number.POSITIVE_INFINITY
    for (const [id, transaction] of this.open) {
      if (nowMs >= transaction.sentMs + lostAfterMs) {
        this.open.delete(id)
        lost.push(transaction)
      } else if (!transaction.isSlow && nowMs >= transaction.slowAtMs) {
        transaction.isSlow = true
        slow.push(transaction)
        deadlineMs = Math.min(deadlineMs, transaction.sentMs + lostAfterMs)
      } else {
        deadlineMs = Math.min(deadlineMs, transaction.isSlow ? transaction.sentMs + lostAfterMs : transaction.slowAtMs)
      }
    }
    this.deadlineMs = deadlineMs
    // Only now, as these begin new ones.
    for (const transaction of lost) onLost(transaction)
    for (const transaction of slow) onSlow(transaction)
  }

  private patienceMs(): number {
    if (Number.isNaN(this.roundTripMs)) return maxSlowMs
    return Math.min(maxSlowMs, Math.max(minSlowMs, this.roundTripMs + 4 * this.deviationMs))
  }

  private measure(tookMs: number): void {
    if (Number.isNaN(this.roundTripMs)) {
      this.roundTripMs = tookMs
      this.deviationMs = tookMs / 2
    }
    const error = tookMs - this.roundTripMs
    this.roundTripMs += error / 8
    this.deviationMs += (Math.abs(error) - this.deviationMs) / 4
  }
}
