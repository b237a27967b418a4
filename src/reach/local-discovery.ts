// Local discovery (BEP 14) without I/O: which of our torrents the local network hears of and when, and what it tells us.
// Guarantees: a message a minute at most, each torrent every five minutes at most and never in step with others; of a
// sender, and of all together, only so many messages are read; our own are known by their cookie. Owns the timing.
import { toHex } from '../base/bytes.ts'
import type { AddressFamily, Endpoint } from '../base/endpoint.ts'
import { decodeLocalAnnounce, encodeLocalAnnounce, maxInfoHashesSent } from '../formats/local-announce.ts'
import type { Random } from '../ports/random.ts'

export type LocalDiscoveryOutput =
  /** To the group, on every interface of the family. */
  | { readonly type: 'announce'; readonly family: AddressFamily; readonly bytes: Uint8Array }
  /** Somebody says that it has a torrent of ours. `infoHash`: 20 bytes in hexadecimal. */
  | { readonly type: 'peer'; readonly infoHash: string; readonly endpoint: Endpoint }

interface Budget {
  tokens: number
  lastMs: number
}

const torrentIntervalMs = 300_000
const messageIntervalMs = 60_000
/** Torrents that are started together go together, and machines that are do not. */
const gatherMs = 1_000
const jitterMs = 10_000
const cookieLength = 8
/** Messages of one sender: at once, and how long until one more. */
const senderBurst = 8
const senderRefillMs = 10_000
const burst = 64
const refillMs = 100
const maxSenders = 512

export class LocalDiscovery {
  private readonly random: Random
  private readonly cookie: string
  /** When each is due, the one longest not announced first. */
  private readonly dueMs = new Map<string, number>()
  private readonly senders = new Map<string, Budget>()
  private readonly all: Budget
  private readonly outputs: LocalDiscoveryOutput[] = []
  private port = 0
  private mayAnnounceMs = Number.NEGATIVE_INFINITY

  constructor(random: Random, nowMs: number) {
    this.random = random
    this.all = { tokens: burst, lastMs: nowMs }
    const cookie = new Uint8Array(cookieLength)
    random.fill(cookie)
    this.cookie = toHex(cookie)
  }

  /** Where peers reach us; 0: nowhere, and nothing is announced. */
  setPort(port: number): void {
    this.port = port
  }

  /** A torrent runs; never a private one (BEP 27). */
  add(infoHash: string, nowMs: number): void {
    if (!this.dueMs.has(infoHash)) this.dueMs.set(infoHash, nowMs + gatherMs + this.random.below(gatherMs))
  }

  remove(infoHash: string): void {
    this.dueMs.delete(infoHash)
  }

  /** A datagram that came to the group; nothing of it is kept. */
  receive(bytes: Uint8Array, sender: Omit<Endpoint, 'port'>, nowMs: number): void {
    if (!this.admits(sender.address, nowMs)) return
    const decoded = decodeLocalAnnounce(bytes)
    if (!decoded.ok || decoded.value.cookie === this.cookie) return
    for (const infoHash of decoded.value.infoHashes) {
      if (!this.dueMs.has(infoHash)) continue
      this.outputs.push({ type: 'peer', infoHash, endpoint: { ...sender, port: decoded.value.port } })
    }
  }

  wake(nowMs: number): void {
    if (this.port === 0 || nowMs < this.nextWakeMs()) return
    const infoHashes = [...this.dueMs]
      .filter(([, atMs]) => atMs <= nowMs)
      .slice(0, maxInfoHashesSent)
      .map(([infoHash]) => infoHash)
    this.mayAnnounceMs = nowMs + messageIntervalMs
    for (const infoHash of infoHashes) {
      this.dueMs.delete(infoHash)
      this.dueMs.set(infoHash, nowMs + torrentIntervalMs + this.random.below(jitterMs))
    }
    for (const family of [4, 6] as const) {
      const bytes = encodeLocalAnnounce({ port: this.port, infoHashes, cookie: this.cookie }, family)
      this.outputs.push({ type: 'announce', family, bytes })
    }
  }

  nextWakeMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY
    if (this.port !== 0) for (const atMs of this.dueMs.values()) earliestMs = Math.min(earliestMs, atMs)
    return Math.max(earliestMs, this.mayAnnounceMs)
  }

  poll(): LocalDiscoveryOutput | undefined {
    return this.outputs.shift()
  }

  private admits(address: string, nowMs: number): boolean {
    const known = this.senders.get(address)
    const sender = known ?? { tokens: senderBurst, lastMs: nowMs }
    if (known === undefined) {
      if (this.senders.size >= maxSenders) this.forgetOldest()
      this.senders.set(address, sender)
    }
    return spend(sender, senderBurst, senderRefillMs, nowMs) && spend(this.all, burst, refillMs, nowMs)
  }

  private forgetOldest(): void {
    for (const address of this.senders.keys()) {
      this.senders.delete(address)
      return
    }
  }
}

function spend(budget: Budget, most: number, perTokenMs: number, nowMs: number): boolean {
  budget.tokens = Math.min(most, budget.tokens + (nowMs - budget.lastMs) / perTokenMs)
  budget.lastMs = nowMs
  if (budget.tokens < 1) return false
  budget.tokens--
  return true
}
