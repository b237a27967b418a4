// The key of a ledger's operator, in a file of its own beside the ledger: 64 hexadecimal digits, for its owner alone.
// Guarantees: the file is there whole or not at all, on the disk before anything is signed; one that others may read is
// refused. The secret is overwritten in memory once the key is open.
import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { fromHex, fromUtf8, toHex } from '../base/bytes.ts'
import { failure, type Result } from '../base/errors.ts'
import { explainSystemError, fileErrorCode, isSystemError } from '../host/file-error.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import type { Random } from '../ports/random.ts'
import type { SigningKey } from '../ports/signatures.ts'

const secretLength = 32
const maxDraws = 8
const ownerOnly = 0o600
const isPosix = process.platform !== 'win32'

/** Errors: file-not-found, file-unreadable, signature-invalid (not a key). */
export function readOperatorKey(path: string): Result<SigningKey> {
  const secret = readPlainSecret(path)
  if (!secret.ok) return secret
  const key = secp256k1.openKey(secret.value)
  secret.value.fill(0)
  return key
}

/** The 32 bytes of a key in a file; the caller overwrites them. Errors: as readOperatorKey, but whether it is a key. */
export function readPlainSecret(path: string): Result<Uint8Array> {
  try {
    if (isPosix && (statSync(path).mode & 0o077) !== 0) {
      return failure('file-unreadable', `${path}: others may read it, or could; make it its owner's alone (chmod 600)`)
    }
    const text = readFileSync(path, 'latin1')
    const isKey = /^[0-9a-f]{64}\n?$/.test(text)
    return isKey ? fromHex(text.trimEnd()) : failure('signature-invalid', `${path}: not a key, 64 hexadecimal digits`)
  } catch (error) {
    if (!isSystemError(error)) throw error
    return failure(fileErrorCode(error, 'read'), `${path}: ${explainSystemError(error)}`)
  }
}

/** Draws a key and keeps it, in place of whatever stands there. Errors: file-unwritable, disk-full. */
export function makeOperatorKey(path: string, random: Random): Result<SigningKey> {
  const secret = new Uint8Array(secretLength)
  for (let draw = 1; draw <= maxDraws; draw++) {
    random.fill(secret)
    const key = secp256k1.openKey(secret)
    if (!key.ok) continue
    const written = writeWhole(path, fromUtf8(`${toHex(secret)}\n`))
    secret.fill(0)
    return written ?? key
  }
  return failure('internal', 'eight draws were no key of the curve')
}

function writeWhole(path: string, bytes: Uint8Array): Result<never> | undefined {
  const temporaryPath = `${path}.part`
  try {
    const descriptor = openSync(temporaryPath, 'w', ownerOnly)
    try {
      chmodSync(temporaryPath, ownerOnly)
      writeSync(descriptor, bytes)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(temporaryPath, path)
    if (isPosix) syncFolder(dirname(path))
    return undefined
  } catch (error) {
    if (!isSystemError(error)) throw error
    return failure(fileErrorCode(error, 'write'), `${path}: ${explainSystemError(error)}`)
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}
