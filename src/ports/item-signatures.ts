// Port: Ed25519, as far as items of the DHT need it (BEP 44): checking what others signed, and signing with a key that
// the host holds. Synchronous; the same for the same arguments, always. Types only.

export interface ItemSignatures {
  /** Whether a signature of 64 bytes over a message is by a public key of 32 bytes; false for what is no key. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

/** A key in memory. */
export interface ItemKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** 64 bytes. */
  sign(message: Uint8Array): Uint8Array
}
