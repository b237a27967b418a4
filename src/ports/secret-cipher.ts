// Port: what protects secrets at rest: turning a passphrase into a key at a price, and the cipher of key files.
// Deriving is cold: promises, off the event loop. Types only.

/** 128 * n * r bytes of memory; n * r * p is the work. */
export interface ScryptCost {
  /** A power of two. */
  readonly n: number
  readonly r: number
  readonly p: number
}

/** The same for the same arguments. Callers bound cost and iterations; results are the caller's to overwrite. */
export interface SecretCipher {
  /** RFC 7914. */
  scrypt(passphrase: Uint8Array, salt: Uint8Array, cost: ScryptCost, lengthBytes: number): Promise<Uint8Array>
  /** RFC 8018 with HMAC-SHA-256. */
  pbkdf2(passphrase: Uint8Array, salt: Uint8Array, iterations: number, lengthBytes: number): Promise<Uint8Array>
  /** AES-128 in counter mode, its own inverse; key and `iv` of 16 bytes. */
  aes128Ctr(key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Uint8Array
}
