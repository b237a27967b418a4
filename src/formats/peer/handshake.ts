// The 68 bytes that open a peer connection (BEP 3), with the reserved bits of BEP 5, 6, 10 and 52.
// Guarantees: a stream that is something else is refused at its first wrong byte; the info hash is known before
// the peer id, which some peers send only after our answer. The decoder owns one connection's opening.
import { assert } from '../../base/assert.ts'
import { equalBytes, fromHex, fromLatin1, toHex } from '../../base/bytes.ts'
import { type Failure, failure, unwrap } from '../../base/errors.ts'
import { idBytes, type PeerId, peerId } from '../../base/ids.ts'

export const handshakeLength = 68

/** What a peer says it understands; both sides must say so before it is used. */
export interface HandshakeFlags {
  /** BEP 10. */
  readonly extensionProtocol: boolean
  /** BEP 6. */
  readonly fast: boolean
  /** BEP 5. */
  readonly dht: boolean
  /** BEP 52: sent with the v1 hash of a hybrid, may be answered with the v2 hash. */
  readonly v2Upgrade: boolean
}

export interface Handshake {
  readonly flags: HandshakeFlags
  /** 20 bytes in hexadecimal: a v1 info hash, or a v2 one cut to 20 bytes. */
  readonly infoHash: string
  readonly peerId: PeerId
}

const protocolBytes = fromLatin1('\x13BitTorrent protocol')
const reservedStart = 20
const infoHashStart = 28
const peerIdStart = 48

/** Whether a stream that begins like this is one in plaintext; undefined: it may be or not. */
export function startsHandshake(bytes: Uint8Array): boolean | undefined {
  const count = Math.min(bytes.length, protocolBytes.length)
  if (!equalBytes(bytes.subarray(0, count), protocolBytes.subarray(0, count))) return false
  return count === protocolBytes.length ? true : undefined
}

export class HandshakeDecoder {
  private readonly bytes = new Uint8Array(handshakeLength)
  private length = 0
  private failed: Failure | undefined

  /** The 20 bytes in hexadecimal, as soon as they are there. */
  infoHash(): string | undefined {
    return this.length < peerIdStart ? undefined : toHex(this.bytes.subarray(infoHashStart, peerIdStart))
  }

  /** As soon as they are there. */
  flags(): HandshakeFlags | undefined {
    if (this.length < infoHashStart) return undefined
    const byte5 = this.bytes[reservedStart + 5] as number
    const byte7 = this.bytes[reservedStart + 7] as number
    return {
      extensionProtocol: (byte5 & 0x10) !== 0,
      fast: (byte7 & 0x04) !== 0,
      dht: (byte7 & 0x01) !== 0,
      v2Upgrade: (byte7 & 0x10) !== 0,
    }
  }

  /** All of it, once 68 bytes have come. */
  handshake(): Handshake | undefined {
    const flags = this.flags()
    const infoHash = this.infoHash()
    if (this.length < handshakeLength || flags === undefined || infoHash === undefined) return undefined
    return { flags, infoHash, peerId: peerId(this.bytes.subarray(peerIdStart)) }
  }

  /**
   * Takes the next bytes of the stream; how many of them belong to the handshake: what follows is of the
   * peer wire. Errors, kept and returned again by every later call: peer-handshake.
   */
  push(chunk: Uint8Array): number | Failure {
    if (this.failed !== undefined) return this.failed
    const taken = Math.min(chunk.length, handshakeLength - this.length)
    for (let index = 0; index < taken; index++) {
      const position = this.length + index
      if (position < reservedStart && chunk[index] !== protocolBytes[position]) {
        this.failed = failure('peer-handshake', `byte ${position} is not of the BitTorrent protocol`)
        return this.failed
      }
    }
    this.bytes.set(chunk.subarray(0, taken), this.length)
    this.length += taken
    return taken
  }
}

/** Writes the 68 bytes at `offset` and returns the offset after them. */
export function encodeHandshake(target: Uint8Array, offset: number, handshake: Handshake): number {
  assert(offset >= 0 && offset + handshakeLength <= target.length, 'room for the handshake')
  const infoHash = unwrap(fromHex(handshake.infoHash))
  assert(infoHash.length === 20, 'an info hash of 20 bytes')
  const { flags } = handshake
  target.set(protocolBytes, offset)
  target.fill(0, offset + reservedStart, offset + infoHashStart)
  target[offset + reservedStart + 5] = flags.extensionProtocol ? 0x10 : 0
  target[offset + reservedStart + 7] = (flags.dht ? 0x01 : 0) | (flags.fast ? 0x04 : 0) | (flags.v2Upgrade ? 0x10 : 0)
  target.set(infoHash, offset + infoHashStart)
  target.set(idBytes(handshake.peerId), offset + peerIdStart)
  return offset + handshakeLength
}
