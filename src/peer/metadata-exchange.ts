// The info dictionary from peers and to peers (BEP 9), as a magnet link needs it.
// Guarantees: what comes out hashes to the torrent's info hashes, whoever lies about length or content; who sent wrong
// content is named, and nobody else; memory grows with what arrives and stays below a bound; a peer that stalls delays
// by seconds. The machine owns its state; peers are numbers of the caller's choosing; time comes in.
import { equalBytes, toHex } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import { sha1, sha256 } from '../base/hash.ts'
import { maxMetadataLengthBytes } from '../formats/peer/extension-handshake.ts'
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  metadataPieceLengthBytes,
} from '../formats/peer/metadata-message.ts'
import { MetadataCandidate } from './metadata-candidate.ts'
import type { TorrentHashes } from './peer-opening.ts'

export type MetadataOutput =
  /** A ut_metadata payload for a peer. */
  | { readonly type: 'send'; readonly peer: number; readonly payload: Uint8Array }
  /** The peer sent what is not the torrent's; it is forgotten here. Code: peer-metadata. */
  | { readonly type: 'ban'; readonly peer: number; readonly failure: Failure }
  /** The info dictionary, of the right hash; its content is yet to be parsed. The last but for bans. */
  | { readonly type: 'done'; readonly info: Uint8Array }

interface MetadataPeer {
  candidate: MetadataCandidate
  /** By piece, since when an answer is awaited; and pieces of which a late answer is still welcome. */
  readonly asked: Map<number, number>
  readonly late: Set<number>
  /** Refused or did not answer: is left alone until then. */
  idleUntilMs: number
}

/** A piece of a whole that turned out wrong. */
interface SuspectPiece {
  readonly lengthBytes: number
  readonly piece: number
  readonly peer: number
  readonly digest: Uint8Array
}

const maxAskedOfPeer = 3
const answerMs = 10_000
const idleMs = 20_000
const tickMs = 1_000
/** Claimed lengths of candidates that are being fetched at once: room for two of the largest. */
const maxActiveBytes = 2 * maxMetadataLengthBytes

export class MetadataFetch {
  private readonly hashes: TorrentHashes
  private readonly peers = new Map<number, MetadataPeer>()
  /** Put together from all peers that claim a length, by that length. */
  private readonly shared = new Map<number, MetadataCandidate>()
  /** Lengths of which a shared one was wrong: since then each peer is tried by itself. */
  private readonly splitLengths = new Set<number>()
  private readonly suspects: SuspectPiece[] = []
  private readonly banned = new Set<number>()
  private outputs: MetadataOutput[] = []
  private isDone = false
  private tickAtMs = Number.POSITIVE_INFINITY

  /** What the dictionary must hash to; both for a hybrid. */
  constructor(hashes: TorrentHashes) {
    this.hashes = hashes
  }

  /** A peer that takes ut_metadata, with the `metadata_size` of its extension handshake. Again: if that changed. */
  addPeer(peer: number, lengthBytes: number, nowMs: number): void {
    if (this.isDone || this.banned.has(peer) || lengthBytes < 1 || lengthBytes > maxMetadataLengthBytes) return
    if (this.peers.get(peer)?.candidate.lengthBytes === lengthBytes) return
    this.forget(peer)
    const candidate = this.candidateOf(lengthBytes, nowMs)
    candidate.peers.add(peer)
    this.peers.set(peer, { candidate, asked: new Map(), late: new Set(), idleUntilMs: 0 })
    this.ask(nowMs)
  }

  removePeer(peer: number, nowMs: number): void {
    this.forget(peer)
    this.ask(nowMs)
  }

  /** A ut_metadata payload of a peer, requests too, which are MetadataServing's; malformed ones are ignored. */
  receive(peer: number, payload: Uint8Array, nowMs: number): void {
    const known = this.peers.get(peer)
    const decoded = decodeMetadataMessage(payload)
    if (known === undefined || this.isDone || !decoded.ok) return
    const message = decoded.value
    if (message.type === 'reject') {
      if (this.isAwaited(known, message.piece)) known.idleUntilMs = nowMs + idleMs
    } else if (message.type === 'data' && this.isAwaited(known, message.piece)) {
      const { candidate } = known
      if (message.totalLengthBytes !== candidate.lengthBytes) {
        this.ban(peer, `metadata of ${message.totalLengthBytes} bytes after saying ${candidate.lengthBytes}`)
      } else {
        candidate.put(message.piece, peer, message.data)
        if (candidate.isComplete) this.judge(candidate, nowMs)
      }
    }
    this.ask(nowMs)
  }

  wake(nowMs: number): void {
    for (const known of this.peers.values()) {
      for (const [piece, askedAtMs] of known.asked) {
        if (nowMs - askedAtMs < answerMs) continue
        known.asked.delete(piece)
        known.late.add(piece)
        known.candidate.settled(piece)
        known.idleUntilMs = nowMs + idleMs
      }
    }
    this.tickAtMs = Number.POSITIVE_INFINITY
    this.ask(nowMs)
  }

  nextWakeMs(): number {
    return this.tickAtMs
  }

  poll(): MetadataOutput | undefined {
    return this.outputs.shift()
  }

  private candidateOf(lengthBytes: number, nowMs: number): MetadataCandidate {
    const candidate = this.shared.get(lengthBytes) ?? new MetadataCandidate(lengthBytes, nowMs)
    if (!this.splitLengths.has(lengthBytes)) this.shared.set(lengthBytes, candidate)
    return candidate
  }

  private forget(peer: number): void {
    const known = this.peers.get(peer)
    if (known === undefined) return
    const { candidate, asked } = known
    for (const piece of asked.keys()) candidate.settled(piece)
    this.peers.delete(peer)
    candidate.peers.delete(peer)
    if (candidate.peers.size > 0 || this.shared.get(candidate.lengthBytes) !== candidate) return
    this.shared.delete(candidate.lengthBytes)
  }

  private isAwaited(known: MetadataPeer, piece: number): boolean {
    if (known.asked.delete(piece)) {
      known.candidate.settled(piece)
      return true
    }
    return known.late.delete(piece)
  }

  /** Those for which there is memory, of those with a peer that answers; the content of others is dropped. */
  private activeCandidates(nowMs: number): ReadonlySet<MetadataCandidate> {
    const usable = new Set<MetadataCandidate>()
    const all = new Set<MetadataCandidate>()
    for (const { candidate, idleUntilMs } of this.peers.values()) {
      all.add(candidate)
      if (nowMs >= idleUntilMs) usable.add(candidate)
    }
    const active = new Set<MetadataCandidate>()
    let activeBytes = 0
    for (const candidate of [...usable].sort((a, b) => a.compare(b))) {
      activeBytes += candidate.lengthBytes
      if (activeBytes > maxActiveBytes && active.size > 0) break
      active.add(candidate)
    }
    const isShort = activeBytes > maxActiveBytes
    for (const candidate of all) {
      const isActive = active.has(candidate)
      candidate.judgePace(isActive, nowMs)
      if (isShort && !isActive) this.drop(candidate)
    }
    return active
  }

  private drop(candidate: MetadataCandidate): void {
    if (candidate.isEmpty) return
    candidate.clear()
    for (const peer of candidate.peers) {
      const known = this.peers.get(peer)
      known?.asked.clear()
      known?.late.clear()
    }
  }

  private ask(nowMs: number): void {
    if (this.isDone || this.peers.size === 0) {
      this.tickAtMs = Number.POSITIVE_INFINITY
      return
    }
    this.tickAtMs = Math.min(this.tickAtMs, nowMs + tickMs)
    const active = this.activeCandidates(nowMs)
    for (let round = 0; round < maxAskedOfPeer; round++) {
      for (const [peer, known] of this.peers) {
        const { candidate, asked } = known
        if (asked.size > round || nowMs < known.idleUntilMs || !active.has(candidate)) continue
        const piece = candidate.wanted(asked, nowMs)
        if (piece === undefined) continue
        candidate.asked(piece, nowMs)
        asked.set(piece, nowMs)
        known.late.delete(piece)
        this.outputs.push({ type: 'send', peer, payload: encodeMetadataMessage({ type: 'request', piece }) })
      }
    }
  }

  private judge(candidate: MetadataCandidate, nowMs: number): void {
    const info = candidate.bytes()
    if (this.isRight(info)) {
      this.isDone = true
      this.outputs = this.outputs.filter(({ type }) => type === 'ban')
      this.outputs.push({ type: 'done', info })
      this.blame(info)
      this.peers.clear()
      return
    }
    const contents = candidate.contents()
    const senders = new Set(contents.map(({ peer }) => peer))
    const [only] = senders
    if (senders.size === 1 && only !== undefined) {
      this.ban(only, 'metadata that does not have the hash of the torrent')
    } else {
      this.splitLengths.add(candidate.lengthBytes)
      const { lengthBytes } = candidate
      for (const { piece, peer, data } of contents) {
        this.suspects.push({ lengthBytes, piece, peer, digest: sha256(data) })
      }
    }
    this.shared.delete(candidate.lengthBytes)
    for (const peer of candidate.peers) this.restart(peer, candidate.lengthBytes, nowMs)
  }

  /** The peer's part in a wrong whole is forgotten; it is tried anew, alone where several had a part. */
  private restart(peer: number, lengthBytes: number, nowMs: number): void {
    const known = this.peers.get(peer)
    if (known === undefined) return
    known.candidate = this.candidateOf(lengthBytes, nowMs)
    known.candidate.peers.add(peer)
    known.asked.clear()
    known.late.clear()
  }

  private isRight(info: Uint8Array): boolean {
    const { infoHashV1, infoHashV2 } = this.hashes
    if (infoHashV1 !== undefined && toHex(sha1(info)) !== infoHashV1) return false
    return infoHashV2 === undefined || toHex(sha256(info)) === infoHashV2
  }

  /** With the right one at hand, every piece of wrong ones tells who lied. */
  private blame(info: Uint8Array): void {
    for (const { lengthBytes, piece, peer, digest } of this.suspects) {
      const start = piece * metadataPieceLengthBytes
      const right = info.subarray(start, start + metadataPieceLengthBytes)
      if (lengthBytes !== info.length || !equalBytes(sha256(right), digest)) {
        this.ban(peer, `a wrong piece ${piece} of the metadata`)
      }
    }
  }

  private ban(peer: number, why: string): void {
    if (this.banned.has(peer)) return
    this.banned.add(peer)
    this.outputs.push({ type: 'ban', peer, failure: failure('peer-metadata', why) })
    this.forget(peer)
  }
}

/** Pieces sent to one peer at once, beyond all of them twice, and a second. */
const servedBurst = 64
const servedPerSecond = 16

/** Our side of BEP 9 towards one peer: answers its requests, not faster than it can have use for. */
export class MetadataServing {
  private tokens = Number.POSITIVE_INFINITY
  private filledMs: number

  constructor(nowMs: number) {
    this.filledMs = nowMs
  }

  /**
   * The payload that answers a ut_metadata payload of the peer: data, or a reject where there is no such piece, no
   * metadata (`info` undefined) or were too many requests. Undefined: it was no request.
   */
  answer(info: Uint8Array | undefined, payload: Uint8Array, nowMs: number): Uint8Array | undefined {
    const decoded = decodeMetadataMessage(payload)
    if (!decoded.ok || decoded.value.type !== 'request') return undefined
    const { piece } = decoded.value
    const start = piece * metadataPieceLengthBytes
    const isThere = info !== undefined && info.length <= maxMetadataLengthBytes && start < info.length
    if (!isThere || !this.spend(Math.ceil(info.length / metadataPieceLengthBytes), nowMs)) {
      return encodeMetadataMessage({ type: 'reject', piece })
    }
    const data = info.subarray(start, start + metadataPieceLengthBytes)
    return encodeMetadataMessage({ type: 'data', piece, totalLengthBytes: info.length, data })
  }
  private spend(pieceCount: number, nowMs: number): boolean {
    const filled = this.tokens + ((nowMs - this.filledMs) / 1000) * servedPerSecond
    this.filledMs = nowMs
    this.tokens = Math.min(servedBurst + 2 * pieceCount, filled)
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
