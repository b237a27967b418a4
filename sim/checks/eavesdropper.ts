// Reads an encrypted connection (MSE) as it passes: it knows the private key of one side, as nobody outside does, and so
// says what the two say. Written by the book and apart from what it reads, ciphers and arithmetic excepted.
// Guarantees: leaves the bytes as they are. Owns what it holds of one connection until it can be read.
import { concatBytes, emptyBytes, equalBytes, fromLatin1, readUint16, readUint32 } from '../../src/base/bytes.ts'
import { publicKeyOf, sharedSecretOf } from '../../src/base/diffie-hellman.ts'
import { sha1 } from '../../src/base/hash.ts'
import { Rc4 } from '../../src/base/rc4.ts'

type Way = 'out' | 'in'

export interface Listened {
  /** Who dialled speaks first. */
  readonly dialler: Way
  /** Private keys that the session may have made for it, of 20 bytes. */
  readonly privateKeys: () => readonly Uint8Array[]
  /** Of 20 bytes, whatever may be talked about. */
  readonly infoHashes: () => readonly Uint8Array[]
}

/** So many bytes, or what has to be known first. */
type Steps = Generator<number | (() => boolean), void, Uint8Array>

interface Half {
  held: Uint8Array
  steps: Steps
  awaited: number | (() => boolean)
  /** The handshake is over, and what follows is encrypted with this, or is not. */
  isPast: boolean
  cipher: Rc4 | undefined
  key: Uint8Array | undefined
  told: Uint8Array[]
}

const keyLength = 96
const mostPadding = 512
const rc4Method = 2

function labelled(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return sha1(concatBytes([fromLatin1(label), ...parts]))
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] as number))
}

function cipherOf(label: string, secret: Uint8Array, infoHash: Uint8Array): Rc4 {
  const cipher = new Rc4(labelled(label, secret, infoHash))
  cipher.skip(1_024)
  return cipher
}

function opened(cipher: Rc4, bytes: Uint8Array): Uint8Array {
  const plain = bytes.slice()
  cipher.apply(plain)
  return plain
}

export class Eavesdropper {
  /** It is not what it should be, and no more of it is read. */
  isLost = false
  private readonly listened: Listened
  private readonly halves: { readonly [Which in Way]: Half }
  private secret: Uint8Array | undefined
  private answering: Rc4 | undefined
  private method: number | undefined

  constructor(listened: Listened) {
    this.listened = listened
    const isOutDialling = listened.dialler === 'out'
    this.halves = {
      out: this.half((half) => (isOutDialling ? this.dialled(half) : this.answered(half))),
      in: this.half((half) => (isOutDialling ? this.answered(half) : this.dialled(half))),
    }
  }

  /** What the next bytes of one way say, as far as it can be told yet. */
  push(way: Way, bytes: Uint8Array): Uint8Array {
    const half = this.halves[way]
    half.held = concatBytes([half.held, bytes])
    this.advance(half)
    if (half.isPast && half.held.length > 0) {
      half.told.push(half.cipher === undefined ? half.held : opened(half.cipher, half.held))
      half.held = emptyBytes
    }
    return concatBytes(half.told.splice(0))
  }

  private half(stepsOf: (half: Half) => Steps): Half {
    const half: Half = {
      held: emptyBytes,
      steps: undefined as unknown as Steps,
      awaited: keyLength,
      isPast: false,
      cipher: undefined,
      key: undefined,
      told: [],
    }
    half.steps = stepsOf(half)
    half.steps.next()
    return half
  }

  private advance(half: Half): void {
    while (!half.isPast && !this.isLost) {
      const { awaited } = half
      const length = typeof awaited === 'number' ? awaited : 0
      if (typeof awaited === 'number' ? half.held.length < length : !awaited()) return
      const step = half.steps.next(half.held.subarray(0, length))
      half.held = half.held.subarray(length)
      if (step.done === true) half.isPast = true
      else half.awaited = step.value
    }
  }

  private *dialled(half: Half): Steps {
    half.key = yield keyLength
    this.meet()
    yield () => this.secret !== undefined
    const secret = this.secret ?? emptyBytes
    if (!(yield* this.isFound(labelled('req1', secret)))) return
    const named = xor(yield 20, labelled('req3', secret))
    const infoHash = this.listened.infoHashes().find((hash) => equalBytes(labelled('req2', hash), named))
    if (infoHash === undefined) {
      this.isLost = true
      return
    }
    const cipher = cipherOf('keyA', secret, infoHash)
    this.answering = cipherOf('keyB', secret, infoHash)
    const head = opened(cipher, yield 14)
    opened(cipher, yield readUint16(head, 12))
    const firstLength = readUint16(opened(cipher, yield 2), 0)
    half.told.push(opened(cipher, yield firstLength))
    yield () => this.method !== undefined
    half.cipher = this.method === rc4Method ? cipher : undefined
  }

  private *answered(half: Half): Steps {
    half.key = yield keyLength
    this.meet()
    // Padding comes at once; the rest when the other side has named the torrent.
    yield () => this.answering !== undefined
    const cipher = this.answering as Rc4
    if (!(yield* this.isFound(opened(cipher, new Uint8Array(8))))) return
    const head = opened(cipher, yield 6)
    this.method = readUint32(head, 0)
    opened(cipher, yield readUint16(head, 4))
    half.cipher = this.method === rc4Method ? cipher : undefined
  }

  /** Both keys may be there. */
  private meet(): void {
    const { out, in: other } = this.halves
    if (out.key === undefined || other.key === undefined) return
    const own = out.key
    const privateKey = this.listened.privateKeys().find((key) => equalBytes(publicKeyOf(key), own))
    this.secret = privateKey === undefined ? undefined : sharedSecretOf(privateKey, other.key)
    if (this.secret === undefined) this.isLost = true
  }

  private *isFound(marker: Uint8Array): Generator<number, boolean, Uint8Array> {
    let window = yield marker.length
    for (let skipped = 0; !equalBytes(window, marker); skipped++) {
      if (skipped === mostPadding) {
        this.isLost = true
        return false
      }
      window = concatBytes([window.subarray(1), yield 1])
    }
    return true
  }
}
