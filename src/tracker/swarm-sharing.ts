// One community's swarms on several instances of the tracker, without I/O: what clients tell this one leaves in batches, and
// what the others were told comes in. Guarantees: answers never wait for it; what cannot be sent waits, up to a limit, beyond
// which the oldest is lost and comes back with the peers' next announces. Owns what waits.
import { concatBytes } from '../base/bytes.ts'
import { counter, gauge, type Metric } from './metric.ts'
import { applyChanges, changesOf, encodeChange, longestChange } from './swarm-snapshot.ts'
import type { PeerChange, TrackerServer } from './tracker-server.ts'

/** Ways to all other instances and back; a port of the tracker. */
export interface SwarmExchange {
  /** Rejects never; false: it could not be said, and may be tried again. */
  publish(batch: Uint8Array): Promise<boolean>
  close(): Promise<void>
}

interface SwarmExchangeSink {
  /** A batch of another instance, said so long ago. */
  onBatch(batch: Uint8Array, ageMs: number): void
  /** What was said before may be forgotten, so everything should be said again. */
  onForgotten(): void
}

const batchLength = 65_536
/** 16 MiB. */
const usualMostWaiting = 256
/** While all is said again, this many parts of it a flush. */
const partsPerFlush = 2

export class SwarmSharing implements SwarmExchangeSink {
  private readonly server: TrackerServer
  private readonly nowMs: () => number
  private readonly mostWaiting: number
  private readonly batch = new Uint8Array(batchLength)
  private end = 0
  private readonly waiting: Uint8Array[] = []
  private everything: Generator<Uint8Array> | undefined
  private isFlushing = false
  private sent = 0
  private received = 0
  private malformed = 0
  private lost = 0

  constructor(server: TrackerServer, nowMs: () => number, mostWaiting = usualMostWaiting) {
    this.mostWaiting = mostWaiting
    this.server = server
    this.nowMs = nowMs
    server.onChange = (change) => this.note(change)
  }

  onBatch(batch: Uint8Array, ageMs: number): void {
    const { swarms } = this.server
    const passed = Math.floor(ageMs / swarms.tickLengthMs)
    if (applyChanges(this.server, batch, this.nowMs(), (age) => age + passed) === -1) this.malformed++
    else this.received++
  }

  onForgotten(): void {
    // Not what came from others: who left meanwhile would be back.
    this.everything = changesOf(this.server, 'ours', this.nowMs)
  }

  /** Sends what waits; to be called every fraction of a second. */
  async flush(exchange: SwarmExchange): Promise<void> {
    if (this.isFlushing) return
    this.isFlushing = true
    this.cut()
    for (let part = 0; part < partsPerFlush && this.everything !== undefined && this.waiting.length === 0; part++) {
      const next = this.everything.next()
      if (next.done === true) this.everything = undefined
      else this.waiting.push(next.value)
    }
    while (this.waiting.length > 0) {
      const batch = this.waiting.shift() as Uint8Array
      if (await exchange.publish(batch)) {
        this.sent++
      } else {
        this.waiting.unshift(batch)
        break
      }
    }
    this.isFlushing = false
  }

  metrics(): readonly Metric[] {
    return [
      counter('shared_sent_total', 'Batches of changes said to other instances.', this.sent),
      counter('shared_received_total', 'Batches of changes heard from other instances.', this.received),
      counter('shared_malformed_total', 'Batches heard that were not understood.', this.malformed),
      counter('shared_lost_total', 'Batches given up because they could not be said.', this.lost),
      gauge('shared_waiting', 'Batches that wait to be said.', this.waiting.length),
    ]
  }

  private note(change: PeerChange): void {
    if (this.end + longestChange > batchLength) this.cut()
    this.end = encodeChange(this.batch, this.end, change, 0)
  }

  private cut(): void {
    if (this.end === 0) return
    const batch = this.batch.subarray(0, this.end)
    this.end = 0
    const last = this.waiting.at(-1)
    if (last !== undefined && last.length + batch.length <= batchLength) {
      this.waiting[this.waiting.length - 1] = concatBytes([last, batch])
      return
    }
    this.waiting.push(batch.slice())
    if (this.waiting.length <= this.mostWaiting) return
    this.waiting.shift()
    this.lost++
  }
}
