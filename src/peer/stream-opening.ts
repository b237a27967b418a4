// The opening of a peer connection from its first byte on, in plaintext or encrypted (MSE), whichever of the two the
// peer that came begins with. Guarantees: as PeerOpening's and EncryptionHandshake's; a plaintext connection pays nothing
// beyond one look at its first bytes. The instance owns one connection's opening; its time limit is the caller's.
import { concatBytes, emptyBytes, fromHex } from '../base/bytes.ts'
import { type Failure, failure, unwrap } from '../base/errors.ts'
import { type Handshake, startsHandshake } from '../formats/peer/handshake.ts'
import type { Random } from '../ports/random.ts'
import { acceptEncryption, dialEncryption, type EncryptionHandshake } from './encryption-handshake.ts'
import { type EncryptionStage, plaintextStage } from './encryption-stage.ts'
import type { ByteSink } from './peer-events.ts'
import { dialledHash, type LocalHandshake, PeerOpening } from './peer-opening.ts'

/** What an encrypted opening needs, and what is allowed. */
export interface OpeningContext {
  readonly random: Random
  readonly allowsPlaintextOpening: boolean
  readonly allowsEncryptedOpening: boolean
  /** Plaintext after an encrypted opening. */
  readonly allowsPlaintextPayload: boolean
  /** The info hash, 20 bytes, of a torrent that is served here, by its `keyedHash`. */
  readonly infoHashOf: (keyedHash: string) => Uint8Array | undefined
  /** Whether somebody who came may have the time that keys take. */
  readonly mayExchange: () => boolean
}

export type OpeningWay = 'plaintext' | 'encrypted'

/** What of a connection is encrypted: its opening alone, or all. */
export type ConnectionEncryption = 'none' | 'opening' | 'all'

type Phase =
  /** Somebody came, and these bytes do not tell yet which way they open. */
  | { readonly type: 'undecided'; readonly held: Uint8Array }
  | { readonly type: 'encrypting'; readonly handshake: EncryptionHandshake }
  /** PeerOpening has it. */
  | { readonly type: 'opening' }

export class StreamOpening implements ByteSink {
  /** Sent so far; the peer wire counts from there. */
  sentBytes = 0
  /** For the peer wire, once `remote` is there. */
  stage: EncryptionStage = plaintextStage
  encryption: ConnectionEncryption = 'none'
  /** Something came of the peer. */
  hasReceived = false
  private readonly sink: ByteSink
  private readonly context: OpeningContext
  private readonly role: 'dial' | 'accept'
  private phase: Phase
  private opening: PeerOpening | undefined
  private failed: Failure | undefined

  private constructor(role: 'dial' | 'accept', sink: ByteSink, context: OpeningContext) {
    this.role = role
    this.sink = sink
    this.context = context
    this.phase = { type: 'undecided', held: emptyBytes }
  }

  /** Sends our handshake, or our key first. */
  static dial(way: OpeningWay, local: LocalHandshake, sink: ByteSink, context: OpeningContext): StreamOpening {
    const opening = new StreamOpening('dial', sink, context)
    if (way === 'encrypted') opening.dialEncrypted(local)
    else opening.openPeer(plaintextStage).begin(local)
    return opening
  }

  static accept(sink: ByteSink, context: OpeningContext): StreamOpening {
    return new StreamOpening('accept', sink, context)
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    this.sentBytes += header.length + (payload?.length ?? 0)
    return this.sink.write(header, payload)
  }

  /** Answers who came, once `infoHash` is known and its torrent was found: see PeerOpening. */
  begin(local: LocalHandshake): void {
    this.opening?.begin(local)
  }

  /**
   * Takes the next bytes of the stream. Errors, returned again by later calls: peer-handshake, peer-torrent, peer-flood,
   * peer-encryption, peer-surplus.
   */
  receive(bytes: Uint8Array): Failure | undefined {
    this.hasReceived = true
    if (this.failed === undefined) this.failed = this.take(bytes)
    return this.failed
  }

  /** As of PeerOpening, in this and the following. */
  infoHash(): string | undefined {
    return this.opening?.infoHash()
  }

  remote(): Handshake | undefined {
    return this.failed === undefined ? this.opening?.remote() : undefined
  }

  isV2(): boolean {
    return this.opening?.isV2() ?? false
  }

  /** As it came: still to be undone by the stage. */
  takeRest(): Uint8Array {
    return this.opening?.takeRest() ?? emptyBytes
  }

  private take(bytes: Uint8Array): Failure | undefined {
    const { phase } = this
    if (phase.type === 'undecided') return this.decide(concatBytes([phase.held, bytes]))
    if (phase.type === 'encrypting') return this.encrypt(phase.handshake, bytes)
    return this.opening?.receive(bytes)
  }

  private decide(bytes: Uint8Array): Failure | undefined {
    const { allowsPlaintextOpening, allowsEncryptedOpening, allowsPlaintextPayload } = this.context
    const isPlain = startsHandshake(bytes)
    if (isPlain === undefined) {
      this.phase = { type: 'undecided', held: bytes }
      return undefined
    }
    if (isPlain && !allowsPlaintextOpening) return failure('peer-encryption', 'plaintext, which is not allowed here')
    if (isPlain || !allowsEncryptedOpening) return this.openPeer(plaintextStage).receive(bytes)
    const { random, infoHashOf, mayExchange } = this.context
    const handshake = acceptEncryption({
      sink: this,
      random,
      allowsPlaintext: allowsPlaintextPayload,
      infoHashOf,
      mayExchange,
    })
    this.phase = { type: 'encrypting', handshake }
    return this.encrypt(handshake, bytes)
  }

  private dialEncrypted(local: LocalHandshake): void {
    const { random, allowsPlaintextPayload } = this.context
    let initialPayload = emptyBytes
    const opening = new PeerOpening(
      'dial',
      {
        write: (handshake) => {
          initialPayload = handshake.slice()
          return true
        },
      },
      { opened: (bytes) => this.stage.opened(bytes), sealing: (sink) => sink },
    )
    opening.begin(local)
    this.opening = opening
    const infoHash = unwrap(fromHex(dialledHash(local)))
    const handshake = dialEncryption({
      sink: this,
      random,
      allowsPlaintext: allowsPlaintextPayload,
      infoHash,
      initialPayload,
    })
    this.phase = { type: 'encrypting', handshake }
  }

  private encrypt(handshake: EncryptionHandshake, bytes: Uint8Array): Failure | undefined {
    const wrong = handshake.receive(bytes)
    const agreement = handshake.agreement()
    if (agreement === undefined) return wrong
    const { stage, encryptsPayload } = agreement
    this.stage = stage
    this.encryption = encryptsPayload ? 'all' : 'opening'
    const opening = this.role === 'dial' ? this.opening : this.openPeer(stage)
    this.phase = { type: 'opening' }
    return opening?.receive(handshake.takeRest())
  }

  private openPeer(stage: EncryptionStage): PeerOpening {
    this.phase = { type: 'opening' }
    this.opening = new PeerOpening(this.role, this, stage)
    return this.opening
  }
}
