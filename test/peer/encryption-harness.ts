// What tests of encrypted openings share: a torrent, contexts for both sides with randomness from a seed, and a side of
// the handshake that does what its options say, right or wrong. Keeps nothing.
import { concatBytes, fromHex, fromLatin1, writeUint16, writeUint32 } from '../../src/base/bytes.ts'
import { publicKeyOf, sharedSecretOf } from '../../src/base/diffie-hellman.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sha1 } from '../../src/base/hash.ts'
import { infoHashV1, infoHashV2 } from '../../src/base/ids.ts'
import { Rc4 } from '../../src/base/rc4.ts'
import { keyedHash } from '../../src/peer/encryption-handshake.ts'
import type { OpeningContext } from '../../src/peer/stream-opening.ts'
import type { Random } from '../../src/ports/random.ts'
import { seededRandom } from '../tracker/seeded-random.ts'

export const torrentHash = sha1(fromLatin1('torrent'))
export const v1 = infoHashV1(torrentHash)
export const v2 = infoHashV2(concatBytes([torrentHash, torrentHash]).subarray(0, 32))

/** With padding of so many bytes each time, where it says so. */
export function randomOf(seed: number, padLength?: number): Random {
  const random = seededRandom(seed)
  return { fill: (target) => random.fill(target), below: (limit) => padLength ?? random.below(limit) }
}

export function contextOf(random: Random, changes: Partial<OpeningContext> = {}): OpeningContext {
  return {
    random,
    allowsPlaintextOpening: true,
    allowsEncryptedOpening: true,
    allowsPlaintextPayload: true,
    infoHashOf: (keyed) => (keyed === keyedHash(torrentHash) ? torrentHash : undefined),
    mayExchange: () => true,
    ...changes,
  }
}

/** What a peer of the tests does otherwise than it should. */
export interface Quirks {
  readonly infoHash?: Uint8Array
  readonly padLength?: number
  readonly verification?: Uint8Array
  readonly methods?: number
  readonly innerPadLength?: number
  /** Of the payload that goes along, where it is another than true. */
  readonly saidLength?: number
  readonly payload?: Uint8Array
}

function labelled(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha1(concatBytes([fromLatin1(label), ...parts]))
}

export function cipherOf(label: 'keyA' | 'keyB', secret: Uint8Array, infoHash = torrentHash): Rc4 {
  const cipher = new Rc4(labelled(label, secret, infoHash))
  cipher.skip(1024)
  return cipher
}

/** Someone who dials by the book, written a second time: so that two mistakes do not cancel out. */
export class BookDialler {
  readonly privateKey = unwrap(fromHex('11'.repeat(20)))
  readonly quirks: Quirks
  secret: Uint8Array = new Uint8Array(96)

  constructor(quirks: Quirks = {}) {
    this.quirks = quirks
  }

  /** The first message: key and padding. */
  first(): Uint8Array {
    return concatBytes([publicKeyOf(this.privateKey), new Uint8Array(this.quirks.padLength ?? 0).fill(0xaa)])
  }

  /** The second, in answer to a key. */
  second(answer: Uint8Array): Uint8Array {
    const { quirks } = this
    const { infoHash = torrentHash, innerPadLength = 0, payload = new Uint8Array(0) } = quirks
    this.secret = sharedSecretOf(this.privateKey, answer.subarray(0, 96)) ?? new Uint8Array(96)
    const sealed = new Uint8Array(14 + innerPadLength + 2 + payload.length)
    sealed.set(quirks.verification ?? new Uint8Array(8))
    writeUint32(sealed, 8, quirks.methods ?? 3)
    writeUint16(sealed, 12, innerPadLength)
    writeUint16(sealed, 14 + innerPadLength, quirks.saidLength ?? payload.length)
    sealed.set(payload, 16 + innerPadLength)
    cipherOf('keyA', this.secret, infoHash).apply(sealed)
    const torrent = labelled('req2', infoHash).map(
      (byte, index) => byte ^ (labelled('req3', this.secret)[index] as number),
    )
    return concatBytes([labelled('req1', this.secret), torrent, sealed])
  }
}
