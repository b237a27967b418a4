// The stage between a stream and the peer wire where bytes are encrypted (MSE). The plaintext stage does nothing and
// copies nothing. One stage serves a connection from its first byte on: opening and wire share it.
// A stage owns the state of its ciphers.
import type { ByteSink } from './peer-events.ts'

export interface EncryptionStage {
  /** The plaintext of the next received bytes: in place, or the same array where there is nothing to undo. */
  opened(bytes: Uint8Array): Uint8Array
  /** A sink for plaintext that passes it on sealed, with all promises of a ByteSink; all made share one cipher. */
  sealing(sink: ByteSink): ByteSink
}

export const plaintextStage: EncryptionStage = {
  opened: (bytes) => bytes,
  sealing: (sink) => sink,
}
