// The opening of a peer connection (BEP 3) for torrents of version 1, version 2 and both (BEP 52): who speaks when,
// and which of a hybrid's info hashes the two sides settle on.
// Guarantees: never throws on any bytes; not one byte beyond the handshake is touched, so that the connection can take
// over where this ends. The instance owns one connection's opening; its time limit is the caller's.
import { assert } from '../base/assert.ts'
import { concatBytes, emptyBytes } from '../base/bytes.ts'
import { type Failure, failure } from '../base/errors.ts'
import type { InfoHashV1, InfoHashV2, PeerId } from '../base/ids.ts'
import {
  encodeHandshake,
  type Handshake,
  HandshakeDecoder,
  type HandshakeFlags,
  handshakeLength,
} from '../formats/peer/handshake.ts'
import { type EncryptionStage, plaintextStage } from './encryption-stage.ts'
import type { ByteSink } from './peer-events.ts'

/** The torrent as we know it: one hash at least, both of a hybrid. */
export interface TorrentHashes {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
}

export interface LocalHandshake {
  /** Whether we do version 2 follows from the hashes: peers without it refuse connections that claim it. */
  readonly flags: Omit<HandshakeFlags, 'v2Upgrade'>
  readonly peerId: PeerId
  /** A TorrentInfo fits. */
  readonly hashes: TorrentHashes
  /** Dial a hybrid by its version 2 hash: for peers that were found under it. */
  readonly dialsV2?: boolean
}

/** Bytes after the handshake that are kept until somebody takes them. */
const maxRestBytes = 1024 * 1024

/** As in handshakes, trackers and the DHT: 20 bytes in hexadecimal (BEP 52). */
export function truncatedHash(infoHash: InfoHashV2): string {
  return infoHash.slice(0, 40)
}

export class PeerOpening {
  private readonly role: 'dial' | 'accept'
  private readonly sink: ByteSink
  private readonly stage: EncryptionStage
  private readonly decoder = new HandshakeDecoder()
  private neededLength = handshakeLength
  private rest: Uint8Array = emptyBytes
  private local: LocalHandshake | undefined
  /** The hash we sent. */
  private ourHash: string | undefined
  private failed: Failure | undefined

  constructor(role: 'dial' | 'accept', sink: ByteSink, stage: EncryptionStage = plaintextStage) {
    this.role = role
    this.sink = stage.sealing(sink)
    this.stage = stage
  }

  /**
   * Sends our 68 bytes, once. Dialling: as soon as the stream stands. Accepting: when `infoHash` is known and the
   * torrent was found by it; the hash answered is then the peer's, or the version 2 hash of a hybrid where the peer
   * named its version 1 hash and said that it does version 2.
   */
  begin(local: LocalHandshake): void {
    assert(this.local === undefined, 'a handshake that was not sent yet')
    this.local = local
    this.ourHash = this.role === 'dial' ? dialledHash(local) : answeredHash(local.hashes, this.decoder)
    const message = new Uint8Array(handshakeLength)
    const flags = { ...local.flags, v2Upgrade: local.hashes.infoHashV2 !== undefined }
    encodeHandshake(message, 0, { flags, infoHash: this.ourHash, peerId: local.peerId })
    this.sink.write(message)
  }

  /** Takes the next bytes of the stream. Errors, returned again by later calls: peer-handshake, peer-torrent, peer-flood. */
  receive(bytes: Uint8Array): Failure | undefined {
    if (this.failed !== undefined) return this.failed
    const taken = Math.min(bytes.length, this.neededLength)
    if (taken > 0) {
      const pushed = this.decoder.push(this.stage.opened(bytes.subarray(0, taken)))
      if (typeof pushed !== 'number') return this.fail(pushed)
      this.neededLength -= taken
    }
    const after = bytes.subarray(taken)
    if (after.length > 0) {
      if (this.rest.length + after.length > maxRestBytes) return this.fail(failure('peer-flood', 'too much at once'))
      this.rest = concatBytes([this.rest, after])
    }
    return this.role === 'dial' ? this.checkAnswer() : undefined
  }

  /** The hash the peer named, 20 bytes in hexadecimal, as soon as it has: when accepting, what to look up. */
  infoHash(): string | undefined {
    return this.decoder.infoHash()
  }

  /** The peer's handshake, once it has come whole and, when dialling, is for our torrent. */
  remote(): Handshake | undefined {
    return this.failed === undefined ? this.decoder.handshake() : undefined
  }

  /** Whether the connection is of version 2 (BEP 52), once both handshakes are there. */
  isV2(): boolean {
    const { local } = this
    const v2 = local?.hashes.infoHashV2
    if (v2 === undefined) return false
    const settled = this.role === 'dial' ? this.decoder.infoHash() : this.ourHash
    if (settled === truncatedHash(v2)) return true
    return this.role === 'dial' && this.decoder.flags()?.v2Upgrade === true
  }

  /** A copy of what came after the handshake, for PeerConnection.receive, once. */
  takeRest(): Uint8Array {
    const { rest } = this
    this.rest = emptyBytes
    return rest
  }

  /** A hybrid dialled by one of its hashes may be answered with the other. */
  private checkAnswer(): Failure | undefined {
    const infoHash = this.decoder.infoHash()
    const hashes = this.local?.hashes
    if (infoHash === undefined || hashes === undefined) return undefined
    if (isHashOf(hashes, infoHash)) return undefined
    return this.fail(failure('peer-torrent', `an answer for torrent ${infoHash}`))
  }

  private fail(why: Failure): Failure {
    this.failed = why
    return why
  }
}

function isHashOf({ infoHashV1, infoHashV2 }: TorrentHashes, infoHash: string): boolean {
  return infoHash === infoHashV1 || (infoHashV2 !== undefined && infoHash === truncatedHash(infoHashV2))
}

/** By which of its hashes a torrent is dialled: 20 bytes in hexadecimal. */
export function dialledHash({ hashes, dialsV2 }: LocalHandshake): string {
  const { infoHashV1, infoHashV2 } = hashes
  const v2 = infoHashV2 === undefined ? undefined : truncatedHash(infoHashV2)
  const infoHash = dialsV2 === true ? (v2 ?? infoHashV1) : (infoHashV1 ?? v2)
  assert(infoHash !== undefined, 'a torrent with an info hash')
  return infoHash
}

function answeredHash(hashes: TorrentHashes, decoder: HandshakeDecoder): string {
  const asked = decoder.infoHash()
  assert(asked !== undefined && isHashOf(hashes, asked), 'an answer for the torrent that was asked for')
  const canUpgrade = hashes.infoHashV2 !== undefined && decoder.flags()?.v2Upgrade === true
  return canUpgrade ? truncatedHash(hashes.infoHashV2) : asked
}
