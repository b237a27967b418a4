// How much sooner a download was done because it paid, as far as that can be seen: what sellers gave while no share of
// theirs was held stands for what they would have given for nothing. Guarantees: says nothing where a seller was paid from
// the start, as then nobody knows; never less than nothing. Owns what it saw.
import { formatEndpoint } from '../formats/compact-endpoint.ts'
import type { TorrentSnapshot } from '../session/snapshots.ts'

interface SeenSeller {
  heldMs: number
  unheldMs: number
  /** While no share was held. */
  unheldBytes: number
}

/** A seller that was seen without a share for less says nothing. */
const leastUnheldMs = 3_000
/** Longer gaps are not filled with the rate at their end. */
const mostGapMs = 2_000

export class SavingEstimate {
  private lastMs: number | undefined
  private totalMs = 0
  private freeBytes = 0
  private readonly sellers = new Map<string, SeenSeller>()

  sample({ speed, peers, state, isFinished }: TorrentSnapshot, nowMs: number): void {
    const gapMs = Math.min(nowMs - (this.lastMs ?? nowMs), mostGapMs)
    this.lastMs = nowMs
    if (state.type !== 'downloading' || isFinished || gapMs <= 0) return
    this.totalMs += gapMs
    const rows = (speed?.rows ?? []).filter((row) => row.side === 'paying' && row.state !== 'closed')
    const isHeld = new Map(
      rows.map(({ endpoint, state: dealing }) => [formatEndpoint(endpoint), dealing === 'holding']),
    )
    for (const { endpoint, downloadRate } of peers) {
      const name = formatEndpoint(endpoint)
      const held = isHeld.get(name)
      const bytes = (downloadRate * gapMs) / 1_000
      if (held === undefined) this.freeBytes += bytes
      else this.seen(name, held, gapMs, bytes)
    }
  }

  /** Undefined: nothing says. */
  savedSeconds({ transferBytes, transferSeconds }: TorrentSnapshot): number | undefined {
    const sellers = [...this.sellers.values()]
    if (transferSeconds === undefined || !sellers.some(({ heldMs }) => heldMs > 0)) return undefined
    if (sellers.some(({ heldMs, unheldMs }) => heldMs > 0 && unheldMs < leastUnheldMs)) return undefined
    const ofSellers = sellers.reduce((sum, { unheldBytes, unheldMs }) => sum + unheldBytes / Math.max(1, unheldMs), 0)
    const bytesPerMs = this.freeBytes / Math.max(1, this.totalMs) + ofSellers
    if (bytesPerMs === 0) return undefined
    return Math.max(0, transferBytes / bytesPerMs / 1_000 - transferSeconds)
  }

  private seen(name: string, held: boolean, gapMs: number, bytes: number): void {
    const seller = this.sellers.get(name) ?? { heldMs: 0, unheldMs: 0, unheldBytes: 0 }
    this.sellers.set(name, seller)
    if (held) seller.heldMs += gapMs
    else {
      seller.unheldMs += gapMs
      seller.unheldBytes += bytes
    }
  }
}
