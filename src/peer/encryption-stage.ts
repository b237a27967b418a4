// The stage between a stream and the peer wire where bytes are encrypted (MSE). The plaintext stage does nothing and
// copies nothing. One stage serves a connection from its first byte on: opening and wire share it.
// A stage owns the state of its ciphers.
import { copyBytes, emptyBytes } from '../base/bytes.ts'
import type { Rc4 } from '../base/rc4.ts'
import type { ByteSink } from './peer-events.ts'

export interface EncryptionStage {
  /** The plaintext of the next received bytes: in place, or the same array where there is nothing to undo. */
  opened(bytes: Uint8Array): Uint8Array
  /** A sink for plaintext that passes it on sealed; all made share one cipher. What is queued the sink below knows. */
  sealing(sink: ByteSink): ByteSink
}

export const plaintextStage: EncryptionStage = {
  opened: (bytes) => bytes,
  sealing: (sink) => sink,
}

/** One cipher for each way; with the handshake of MSE done, either may cease to be used. */
export class CipherStage implements EncryptionStage {
  private readonly incoming: Rc4
  private readonly outgoing: Rc4 | undefined
  /** What is still to come encrypted. */
  private incomingBytes: number

  /** `incomingBytes`: what comes encrypted before plaintext, Infinity for all. `outgoing`: undefined, to send plaintext. */
  constructor(incoming: Rc4, incomingBytes: number, outgoing: Rc4 | undefined) {
    this.incoming = incoming
    this.incomingBytes = incomingBytes
    this.outgoing = outgoing
  }

  opened(bytes: Uint8Array): Uint8Array {
    const count = Math.min(bytes.length, this.incomingBytes)
    this.incoming.apply(bytes, 0, count)
    this.incomingBytes -= count
    return bytes
  }

  sealing(sink: ByteSink): ByteSink {
    const { outgoing } = this
    return outgoing === undefined ? sink : new SealingSink(sink, outgoing)
  }
}

/** Blocks may lie in memory that others read, so that everything is copied to be encrypted. */
class SealingSink implements ByteSink {
  private readonly sink: ByteSink
  private readonly cipher: Rc4

  constructor(sink: ByteSink, cipher: Rc4) {
    this.sink = sink
    this.cipher = cipher
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    const payloadLength = payload?.length ?? 0
    const sealed = new Uint8Array(header.length + payloadLength)
    sealed.set(header)
    if (payload !== undefined) copyBytes(sealed, header.length, payload, 0, payloadLength)
    this.cipher.apply(sealed)
    return this.sink.write(emptyBytes, sealed)
  }
}
