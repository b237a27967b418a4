// The handshake of encrypted peer connections (MSE, also called protocol encryption): both sides make a secret, the one
// who dials shows that it knows the torrent, and they agree on whether RC4 goes on after it.
// Guarantees: never throws on any bytes; what is searched and kept is bounded; not one byte beyond the handshake is
// touched. The instance owns one side's handshake; its time limit is the caller's.
import {
  concatBytes,
  emptyBytes,
  equalBytes,
  fromLatin1,
  readUint16,
  readUint32,
  toHex,
  writeUint16,
  writeUint32,
} from '../base/bytes.ts'
import { privateKeyLength, publicKeyLength, publicKeyOf, sharedSecretOf } from '../base/diffie-hellman.ts'
import { type Failure, failure } from '../base/errors.ts'
import { sha1, sha1Length } from '../base/hash.ts'
import { Rc4 } from '../base/rc4.ts'
import type { Random } from '../ports/random.ts'
import { CipherStage, type EncryptionStage, plaintextStage } from './encryption-stage.ts'
import type { ByteSink } from './peer-events.ts'

interface HandshakeOptions {
  readonly sink: ByteSink
  readonly random: Random
  /** RC4 always is; where both sides allow plaintext, that is what they take. */
  readonly allowsPlaintext: boolean
}

interface DialOptions extends HandshakeOptions {
  /** The torrent's info hash as on the wire, 20 bytes: the one the peer is thought to know. */
  readonly infoHash: Uint8Array
  /** The first bytes for the peer, which save a round trip by going with the handshake. */
  readonly initialPayload: Uint8Array
}

interface AcceptOptions extends HandshakeOptions {
  /** The info hash, 20 bytes, whose `keyedHash` this is; undefined: no torrent here has it. */
  readonly infoHashOf: (keyedHash: string) => Uint8Array | undefined
  /** Asked once, before what takes time: whether there is time for it. */
  readonly mayExchange: () => boolean
}

/** What the two have agreed on. */
interface Agreement {
  readonly stage: EncryptionStage
  readonly encryptsPayload: boolean
}

/** Each step says how many bytes it needs, and is given a copy of just as many. */
type Steps = Generator<number, Agreement | Failure, Uint8Array>

const maxPadLength = 512
const verificationLength = 8
/** Of the first of each stream of RC4, which would say much of the key. */
const droppedLength = 1_024
const plaintextBit = 1
const rc4Bit = 2

/** Who listens finds torrents by this, in hexadecimal; `infoHash`: 20 bytes. */
export function keyedHash(infoHash: Uint8Array): string {
  return toHex(labelled('req2', infoHash))
}

/** Starts by sending our key; `receive` is told the answer. */
export function dialEncryption(options: DialOptions): EncryptionHandshake {
  return new EncryptionHandshake(dialSteps(options))
}

/** Sends nothing before the peer's key is there. */
export function acceptEncryption(options: AcceptOptions): EncryptionHandshake {
  return new EncryptionHandshake(acceptSteps(options))
}

export class EncryptionHandshake {
  private readonly steps: Steps
  private neededLength = 0
  private held: Uint8Array = emptyBytes
  private outcome: Agreement | Failure | undefined

  /** See `dialEncryption` and `acceptEncryption`. */
  constructor(steps: Steps) {
    this.steps = steps
    this.take(steps.next())
  }

  /** Takes the next bytes of the stream. Errors, returned again by later calls: peer-encryption, peer-torrent, peer-surplus. */
  receive(bytes: Uint8Array): Failure | undefined {
    this.held = concatBytes([this.held, bytes])
    let taken = 0
    while (this.outcome === undefined && this.held.length - taken >= this.neededLength) {
      const start = taken
      taken += this.neededLength
      this.take(this.steps.next(this.held.slice(start, taken)))
    }
    this.held = this.held.subarray(taken)
    return this.outcome !== undefined && 'code' in this.outcome ? this.outcome : undefined
  }

  /** Once it is done; what follows on the stream is the stage's. */
  agreement(): Agreement | undefined {
    return this.outcome === undefined || 'code' in this.outcome ? undefined : this.outcome
  }

  /** What came after the handshake, as it came, once. */
  takeRest(): Uint8Array {
    const rest = this.held
    this.held = emptyBytes
    return rest
  }

  private take(step: IteratorResult<number, Agreement | Failure>): void {
    if (step.done === true) this.outcome = step.value
    else this.neededLength = step.value
  }
}

function* dialSteps({ sink, random, allowsPlaintext, infoHash, initialPayload }: DialOptions): Steps {
  const privateKey = sendKey(sink, random)
  const secret = sharedSecretOf(privateKey, yield publicKeyLength)
  if (secret === undefined) return broken('a key that is none')
  const { incoming, outgoing } = makeCiphers(secret, infoHash, 'dial')
  const padLength = random.below(maxPadLength + 1)
  const offer = new Uint8Array(verificationLength + 4 + 2 + padLength + 2 + initialPayload.length)
  writeUint32(offer, verificationLength, rc4Bit | (allowsPlaintext ? plaintextBit : 0))
  writeUint16(offer, verificationLength + 4, padLength)
  writeUint16(offer, offer.length - initialPayload.length - 2, initialPayload.length)
  offer.set(initialPayload, offer.length - initialPayload.length)
  outgoing.apply(offer)
  const torrent = xor(labelled('req2', infoHash), labelled('req3', secret))
  sink.write(concatBytes([labelled('req1', secret), torrent, offer]))

  const marker = new Uint8Array(verificationLength)
  incoming.apply(marker)
  if (!(yield* isFound(marker))) return broken('no answer where one has to be')
  const head = yield 4 + 2
  incoming.apply(head)
  const selected = readUint32(head, 0)
  if (selected !== rc4Bit && !(selected === plaintextBit && allowsPlaintext)) {
    return broken(`method ${selected}, which was not offered`)
  }
  const theirPadLength = readUint16(head, 4)
  if (theirPadLength > maxPadLength) return broken(`padding of ${theirPadLength} bytes`)
  incoming.apply(yield theirPadLength)
  if (selected === plaintextBit) return { stage: plaintextStage, encryptsPayload: false }
  return { stage: new CipherStage(incoming, Number.POSITIVE_INFINITY, outgoing), encryptsPayload: true }
}

function* acceptSteps({ sink, random, allowsPlaintext, infoHashOf, mayExchange }: AcceptOptions): Steps {
  const publicKey = yield publicKeyLength
  if (!mayExchange()) return failure('peer-surplus', 'too many encrypted connections at once')
  const privateKey = sendKey(sink, random)
  const secret = sharedSecretOf(privateKey, publicKey)
  if (secret === undefined) return broken('a key that is none')
  if (!(yield* isFound(labelled('req1', secret)))) return broken('no proof of the secret where one has to be')
  const infoHash = infoHashOf(toHex(xor(yield sha1Length, labelled('req3', secret))))
  if (infoHash === undefined) return failure('peer-torrent', 'a torrent that is not served here')
  const { incoming, outgoing } = makeCiphers(secret, infoHash, 'accept')

  const head = yield verificationLength + 4 + 2
  incoming.apply(head)
  if (!head.subarray(0, verificationLength).every((byte) => byte === 0)) return broken('a wrong verification constant')
  const offered = readUint32(head, verificationLength)
  const theirPadLength = readUint16(head, verificationLength + 4)
  if (theirPadLength > maxPadLength) return broken(`padding of ${theirPadLength} bytes`)
  incoming.apply(yield theirPadLength)
  const firstLength = yield 2
  incoming.apply(firstLength)
  const isPlain = allowsPlaintext && (offered & plaintextBit) !== 0
  if (!isPlain && (offered & rc4Bit) === 0) return broken(`methods ${offered}, of which none will do`)

  const padLength = random.below(maxPadLength + 1)
  const answer = new Uint8Array(verificationLength + 4 + 2 + padLength)
  writeUint32(answer, verificationLength, isPlain ? plaintextBit : rc4Bit)
  writeUint16(answer, verificationLength + 4, padLength)
  outgoing.apply(answer)
  sink.write(answer)
  if (!isPlain) return { stage: new CipherStage(incoming, Number.POSITIVE_INFINITY, outgoing), encryptsPayload: true }
  // What the peer sent along with its offer is encrypted in any case.
  const firstBytes = readUint16(firstLength, 0)
  const stage = firstBytes === 0 ? plaintextStage : new CipherStage(incoming, firstBytes, undefined)
  return { stage, encryptsPayload: false }
}

/** Reads up to the end of `marker`, behind padding at most. */
function* isFound(marker: Uint8Array): Generator<number, boolean, Uint8Array> {
  const window = yield marker.length
  for (let skipped = 0; !equalBytes(window, marker); skipped++) {
    if (skipped === maxPadLength) return false
    const next = yield 1
    window.copyWithin(0, 1)
    window.set(next, window.length - 1)
  }
  return true
}

/** Our half of the exchange, with padding; the private key. */
function sendKey(sink: ByteSink, random: Random): Uint8Array {
  const privateKey = new Uint8Array(privateKeyLength)
  random.fill(privateKey)
  const padding = new Uint8Array(random.below(maxPadLength + 1))
  random.fill(padding)
  sink.write(concatBytes([publicKeyOf(privateKey), padding]))
  return privateKey
}

/** `keyA` is for what the one who dialled sends. */
function makeCiphers(
  secret: Uint8Array,
  infoHash: Uint8Array,
  role: 'dial' | 'accept',
): { readonly incoming: Rc4; readonly outgoing: Rc4 } {
  const cipherOf = (label: string): Rc4 => {
    const cipher = new Rc4(labelled(label, secret, infoHash))
    cipher.skip(droppedLength)
    return cipher
  }
  const [incoming, outgoing] = role === 'dial' ? ['keyB', 'keyA'] : ['keyA', 'keyB']
  return { incoming: cipherOf(incoming), outgoing: cipherOf(outgoing) }
}

function labelled(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha1(concatBytes([fromLatin1(label), ...parts]))
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] as number))
}

function broken(detail: string): Failure {
  return failure('peer-encryption', detail)
}
