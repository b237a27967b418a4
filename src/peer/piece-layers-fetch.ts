// The layers of pieces of a version 2 torrent from peers (BEP 52), where there is only its info dictionary: after a
// magnet link, or when the .torrent file has none.
// Guarantees: every hash that comes out is proven against the root of its file; who sends others is named; memory grows
// with what is proven; a peer that stalls or refuses delays by seconds. The machine owns its state; time comes in.
import { equalBytes } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import { sha256Length } from '../base/hash.ts'
import type { TorrentInfo } from '../formats/metainfo/metainfo.ts'
import type { HashRange } from '../formats/peer/wire-messages.ts'
import { isAnswerLength, type LayeredFile, layeredFiles, pieceLayerRanges, provenHashes } from './hash-ranges.ts'

export type PieceLayersOutput =
  | { readonly type: 'request'; readonly peer: number; readonly range: HashRange }
  /** The peer sent hashes that are not the file's; it is forgotten here. Code: peer-hashes. */
  | { readonly type: 'ban'; readonly peer: number; readonly failure: Failure }
  /** All of them, those that were known included, by root in hexadecimal. The last. */
  | { readonly type: 'done'; readonly pieceLayers: ReadonlyMap<string, Uint8Array> }

interface WantedRun {
  readonly file: LayeredFile
  readonly range: HashRange
  isProven: boolean
  /** By how many peers an answer is awaited, and since when by the first of them. */
  awaited: number
  askedAtMs: number
}

interface HashPeer {
  /** Since when an answer is awaited; and runs of which a late answer is still welcome. */
  readonly asked: Map<WantedRun, number>
  readonly late: Set<WantedRun>
  /** Not asked of it again before others of its turn. */
  readonly refused: Set<WantedRun>
  /** Refuses, or does not answer: is left alone until then. */
  idleUntilMs: number
}

const maxAskedOfPeer = 4
/** What a peer may refuse, or owe us, before it is left alone, or forgiven. */
const maxRefused = 8
const maxLate = 32
/** A run that was asked for so long ago is asked of another peer as well. */
const secondAskMs = 3_000
const answerMs = 10_000
const idleMs = 20_000
const tickMs = 1_000

export class PieceLayersFetch {
  private readonly runs: WantedRun[] = []
  /** All runs before it are proven. */
  private firstOpen = 0
  private openCount: number
  private readonly layers: Map<string, Uint8Array>
  private readonly peers = new Map<number, HashPeer>()
  private readonly outputs: PieceLayersOutput[] = []
  private tickAtMs = Number.POSITIVE_INFINITY

  /** `known`: layers that are there already. When none is missing it is done at once. */
  constructor(info: TorrentInfo, known: ReadonlyMap<string, Uint8Array>) {
    this.layers = new Map(known)
    for (const file of layeredFiles(info)) {
      if (known.has(file.key)) continue
      for (const range of pieceLayerRanges(file, info.pieceLengthBytes)) {
        this.runs.push({ file, range, isProven: false, awaited: 0, askedAtMs: 0 })
      }
    }
    this.openCount = this.runs.length
    this.finishIfProven()
  }

  /** A peer whose connection is of version 2. */
  addPeer(peer: number, nowMs: number): void {
    if (this.openCount === 0 || this.peers.has(peer)) return
    this.peers.set(peer, { asked: new Map(), late: new Set(), refused: new Set(), idleUntilMs: 0 })
    this.ask(nowMs)
  }

  removePeer(peer: number, nowMs: number): void {
    this.forget(peer)
    this.ask(nowMs)
  }

  /** An answer of a peer: looked at, and copied, before this returns. One that was not asked for is ignored. */
  hashes(peer: number, range: HashRange, hashes: Uint8Array, nowMs: number): void {
    const known = this.peers.get(peer)
    const run = known === undefined ? undefined : this.answered(known, range)
    if (known === undefined || run === undefined) return
    if (!isAnswerLength(run.range, hashes.length)) this.refuse(known, run, nowMs)
    else if (!run.isProven) this.judge(peer, run, hashes)
    this.ask(nowMs)
  }

  rejected(peer: number, range: HashRange, nowMs: number): void {
    const known = this.peers.get(peer)
    const run = known === undefined ? undefined : this.answered(known, range)
    if (known === undefined || run === undefined) return
    this.refuse(known, run, nowMs)
    this.ask(nowMs)
  }

  wake(nowMs: number): void {
    for (const known of this.peers.values()) {
      for (const [run, askedAtMs] of known.asked) {
        if (nowMs - askedAtMs < answerMs) continue
        known.asked.delete(run)
        run.awaited--
        if (known.late.size >= maxLate) known.late.clear()
        known.late.add(run)
        known.idleUntilMs = nowMs + idleMs
      }
    }
    this.tickAtMs = Number.POSITIVE_INFINITY
    this.ask(nowMs)
  }

  nextWakeMs(): number {
    return this.tickAtMs
  }

  poll(): PieceLayersOutput | undefined {
    return this.outputs.shift()
  }

  private answered(known: HashPeer, range: HashRange): WantedRun | undefined {
    for (const run of known.asked.keys()) {
      if (!isSameRun(run.range, range)) continue
      known.asked.delete(run)
      run.awaited--
      return run
    }
    for (const run of known.late) {
      if (isSameRun(run.range, range) && known.late.delete(run)) return run
    }
    return undefined
  }

  private refuse(known: HashPeer, run: WantedRun, nowMs: number): void {
    known.refused.add(run)
    if (known.refused.size < maxRefused && known.refused.size < this.openCount) return
    known.refused.clear()
    known.idleUntilMs = nowMs + idleMs
  }

  private judge(peer: number, run: WantedRun, hashes: Uint8Array): void {
    const proven = provenHashes(run.range, hashes)
    if (proven === undefined) {
      this.outputs.push({ type: 'ban', peer, failure: failure('peer-hashes', 'hashes that are not those of the file') })
      this.forget(peer)
      return
    }
    const { file, range } = run
    const layer = this.layers.get(file.key) ?? new Uint8Array(file.pieceCount * sha256Length)
    this.layers.set(file.key, layer)
    const start = range.index * sha256Length
    layer.set(proven.subarray(0, layer.length - start), start)
    run.isProven = true
    this.openCount--
    while (this.runs[this.firstOpen]?.isProven === true) this.firstOpen++
    this.finishIfProven()
  }

  private finishIfProven(): void {
    if (this.openCount > 0) return
    this.outputs.push({ type: 'done', pieceLayers: this.layers })
    this.peers.clear()
  }

  private forget(peer: number): void {
    for (const run of this.peers.get(peer)?.asked.keys() ?? []) run.awaited--
    this.peers.delete(peer)
  }

  private ask(nowMs: number): void {
    if (this.peers.size === 0) {
      this.tickAtMs = Number.POSITIVE_INFINITY
      return
    }
    this.tickAtMs = Math.min(this.tickAtMs, nowMs + tickMs)
    for (const [peer, known] of this.peers) {
      while (known.asked.size < maxAskedOfPeer && nowMs >= known.idleUntilMs) {
        const run = this.wantedOf(known, nowMs)
        if (run === undefined) break
        if (run.awaited === 0) run.askedAtMs = nowMs
        run.awaited++
        known.late.delete(run)
        known.asked.set(run, nowMs)
        this.outputs.push({ type: 'request', peer, range: run.range })
      }
    }
  }

  private wantedOf(known: HashPeer, nowMs: number): WantedRun | undefined {
    let second: WantedRun | undefined
    for (let index = this.firstOpen; index < this.runs.length; index++) {
      const run = this.runs[index] as WantedRun
      if (run.isProven || known.asked.has(run) || known.refused.has(run)) continue
      if (run.awaited === 0) return run
      if (nowMs - run.askedAtMs >= secondAskMs && run.awaited < (second?.awaited ?? Number.POSITIVE_INFINITY))
        second = run
    }
    return second
  }
}

function isSameRun(a: HashRange, b: HashRange): boolean {
  const isSamePlace = a.baseLayer === b.baseLayer && a.index === b.index && a.length === b.length
  return isSamePlace && a.proofLayers === b.proofLayers && equalBytes(a.piecesRoot, b.piecesRoot)
}
