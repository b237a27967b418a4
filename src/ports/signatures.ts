// Port: ECDSA over secp256k1, as the pure part of it: who signed a digest, and signing one with a key that the host
// holds. Synchronous, as vouchers are checked thousands of times a second. Types only.
import type { Result } from '../base/errors.ts'
import type { Signature } from './ledger.ts'

/** The same for the same arguments, always. */
export interface SignatureScheme {
  /**
   * The 20-byte address of the key that signed a digest of 32 bytes; any digest and signature name some key, so this
   * proves nothing until it is compared with the account expected. Errors: signature-invalid.
   */
  recover(digest: Uint8Array, signature: Signature): Result<Uint8Array>
}

/** A key in memory. Nothing reads it back; only the wallet's Signer may decide what it signs. */
export interface SigningKey {
  /** 20 bytes. */
  readonly address: Uint8Array
  /** Deterministic (RFC 6979), low s. A key that was forgotten is a bug. */
  sign(digest: Uint8Array): Signature
  /** Overwrites the key; it signs no more. */
  forget(): void
}

/** A key of its secret, 32 bytes, which are copied: the caller overwrites its own. Errors: signature-invalid. */
export type OpenKey = (secret: Uint8Array) => Result<SigningKey>
