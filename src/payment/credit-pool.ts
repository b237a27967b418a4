// Credit for newcomers: what all strangers together may owe a provider, and those of one network among them, so that
// defaulting again under ever new accounts earns nothing worth having.
// Guarantees: granted minus given back is never over the pool plus what flowed back with time. Owns what is out; a
// restart begins with a full pool, which nobody outside can cause.

export interface CreditPoolOptions {
  readonly totalBytes?: number
  readonly networkBytes?: number
  readonly refillBytesPerMinute?: number
}

interface Drawn {
  bytes: number
  atMs: number
}

const mebibyte = 1_048_576
const minuteMs = 60_000

export class CreditPool {
  private readonly totalBytes: number
  private readonly networkBytes: number
  private readonly refillBytesPerMinute: number
  private readonly all: Drawn = { bytes: 0, atMs: 0 }
  /** What was drawn and has not flowed back yet; as many as the pool has bytes for, as empty ones go. */
  private readonly byNetwork = new Map<string, Drawn>()

  constructor(options: CreditPoolOptions = {}) {
    this.totalBytes = options.totalBytes ?? 64 * mebibyte
    this.networkBytes = options.networkBytes ?? 16 * mebibyte
    this.refillBytesPerMinute = options.refillBytesPerMinute ?? mebibyte
  }

  /** `network` names a /24 of IPv4 or a /56 of IPv6. False: the pool has not as much, and nothing was taken. */
  take(network: string, bytes: number, nowMs: number): boolean {
    this.refill(nowMs)
    const ofNetwork = this.byNetwork.get(network)?.bytes ?? 0
    if (this.all.bytes + bytes > this.totalBytes || ofNetwork + bytes > this.networkBytes) return false
    this.all.bytes += bytes
    this.byNetwork.set(network, { bytes: ofNetwork + bytes, atMs: nowMs })
    return true
  }

  /** Of what was taken and is paid for. */
  giveBack(network: string, bytes: number): void {
    this.all.bytes = Math.max(0, this.all.bytes - bytes)
    const drawn = this.byNetwork.get(network)
    if (drawn === undefined) return
    drawn.bytes -= bytes
    if (drawn.bytes <= 0) this.byNetwork.delete(network)
  }

  private refill(nowMs: number): void {
    this.flowBack(this.all, nowMs)
    for (const [network, drawn] of this.byNetwork) {
      this.flowBack(drawn, nowMs)
      if (drawn.bytes === 0) this.byNetwork.delete(network)
    }
  }

  private flowBack(drawn: Drawn, nowMs: number): void {
    const bytes = Math.floor(((nowMs - drawn.atMs) * this.refillBytesPerMinute) / minuteMs)
    if (bytes <= 0) return
    drawn.bytes = Math.max(0, drawn.bytes - bytes)
    drawn.atMs = nowMs
  }
}
