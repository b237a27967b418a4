// The wallet's file: Web3 Secret Storage, version 3, of the first account's key, which other wallets read; under
// `x-swarmbid` beside it, which they pass over, the entropy of the phrase, sealed the same way, and the accounts.
// Guarantees: whatever the bytes, reading does not throw; the cost that a file may ask for is bounded before it is paid;
// nothing in it is believed of secrets before they were opened (key-vault.ts).
import { fromHex, fromUtf8, toHex, toUtf8 } from '../base/bytes.ts'
import { attempt, fail, failure, type Result } from '../base/errors.ts'
import { addressLength } from '../formats/money/evm-address.ts'
import type { ScryptCost } from '../ports/secret-cipher.ts'
import { type AccountPath, maxAccountIndex } from './derivation.ts'
import { isEntropyLength } from './phrase.ts'

/** AES-128-CTR under the first half of a derived key, and Keccak-256 over the other half and the ciphertext. */
export interface Sealed {
  readonly iv: Uint8Array
  readonly ciphertext: Uint8Array
  readonly mac: Uint8Array
}

export type KeyDerivation =
  | { readonly type: 'scrypt'; readonly salt: Uint8Array; readonly cost: ScryptCost }
  | { readonly type: 'pbkdf2'; readonly salt: Uint8Array; readonly iterations: number }

interface FiledAccount extends AccountPath {
  /** 20 bytes. */
  readonly address: Uint8Array
}

export interface KeyFile {
  /** A random UUID. */
  readonly id: string
  /** 20 bytes; other wallets may leave it out. */
  readonly address?: Uint8Array
  readonly derivation: KeyDerivation
  readonly key: Sealed
  /** Of a wallet of this program that has a phrase; the first account is the one of `key`. */
  readonly phrase?: { readonly entropy: Sealed; readonly accounts: readonly FiledAccount[] }
}

export const maxKeyFileBytes = 65_536
export const maxAccounts = 64
export const ivLength = 16
const macLength = 32
const secretLength = 32
const maxSaltBytes = 256
/** 512 MiB, and four times the work that is usual. */
const maxScryptBytes = 2 ** 29
const maxScryptWork = 2 ** 23
const maxIterations = 10_000_000
const cipherName = 'aes-128-ctr'
const derivedLength = 32
const extensionVersion = 1

type Json = Readonly<Record<string, unknown>>

function damaged(detail: string): never {
  return fail('wallet-damaged', detail)
}

function objectAt(parent: Json, key: string): Json {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return damaged(`${key}: not an object`)
  return value as Json
}

function textAt(parent: Json, key: string): string {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined
  return typeof value === 'string' ? value : damaged(`${key}: not text`)
}

function wholeAt(parent: Json, key: string, least: number, most: number): number {
  const value = Object.hasOwn(parent, key) ? parent[key] : undefined
  const isWhole = typeof value === 'number' && Number.isInteger(value) && !Object.is(value, -0)
  if (isWhole && value >= least && value <= most) return value
  return damaged(`${key}: not a whole number from ${least} to ${most}`)
}

/** Some wallets write 0x in front. */
function bytesAt(parent: Json, key: string, least: number, most = least): Uint8Array {
  const bytes = fromHex(textAt(parent, key).replace(/^0x/, ''))
  if (!bytes.ok) return damaged(`${key}: not hexadecimal`)
  if (bytes.value.length < least || bytes.value.length > most) return damaged(`${key}: ${bytes.value.length} bytes`)
  return bytes.value
}

function readSealed(json: Json, least: number, most: number): Sealed {
  if (textAt(json, 'cipher') !== cipherName) return damaged(`not ciphered with ${cipherName}`)
  return {
    iv: bytesAt(objectAt(json, 'cipherparams'), 'iv', ivLength),
    ciphertext: bytesAt(json, 'ciphertext', least, most),
    mac: bytesAt(json, 'mac', macLength),
  }
}

function readDerivation(json: Json): KeyDerivation {
  const parameters = objectAt(json, 'kdfparams')
  wholeAt(parameters, 'dklen', derivedLength, derivedLength)
  const salt = bytesAt(parameters, 'salt', 1, maxSaltBytes)
  const type = textAt(json, 'kdf')
  if (type === 'pbkdf2') {
    if (textAt(parameters, 'prf') !== 'hmac-sha256') return damaged('derived with another function than hmac-sha256')
    return { type, salt, iterations: wholeAt(parameters, 'c', 1, maxIterations) }
  }
  if (type !== 'scrypt') return damaged('derived neither with scrypt nor with pbkdf2')
  const n = wholeAt(parameters, 'n', 2, maxScryptBytes)
  const r = wholeAt(parameters, 'r', 1, maxScryptBytes)
  const p = wholeAt(parameters, 'p', 1, maxScryptWork)
  if ((n & (n - 1)) !== 0) return damaged('n: not a power of two')
  if (128 * r * (n + p) > maxScryptBytes || n * r * p > maxScryptWork)
    return damaged('asks for too much work or memory')
  return { type, salt, cost: { n, r, p } }
}

function readAccount(json: unknown): FiledAccount {
  if (typeof json !== 'object' || json === null) return damaged('accounts: not objects')
  const account = json as Json
  const coin = wholeAt(account, 'coin', 60, 195)
  if (coin !== 60 && coin !== 195) return damaged('coin: neither 60 nor 195')
  return {
    coin,
    index: wholeAt(account, 'index', 0, maxAccountIndex),
    address: bytesAt(account, 'address', addressLength),
  }
}

function readPhrase(extension: Json): NonNullable<KeyFile['phrase']> {
  wholeAt(extension, 'version', extensionVersion, extensionVersion)
  const entropy = readSealed(objectAt(extension, 'phrase'), 16, 32)
  if (!isEntropyLength(entropy.ciphertext.length)) return damaged('the phrase: not of 12 to 24 words')
  const { accounts: listed } = extension
  if (!Array.isArray(listed) || listed.length < 1 || listed.length > maxAccounts) {
    return damaged(`accounts: not a list of 1 to ${maxAccounts}`)
  }
  const accounts = listed.map(readAccount)
  if (new Set(accounts.map(({ coin, index }) => `${coin}/${index}`)).size < accounts.length) {
    return damaged('accounts: one is there twice')
  }
  return { entropy, accounts }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Errors: wallet-damaged. */
export function parseKeyFile(bytes: Uint8Array): Result<KeyFile> {
  const text = bytes.length <= maxKeyFileBytes ? toUtf8(bytes) : undefined
  const json = text === undefined ? undefined : parseJson(text)
  if (typeof json !== 'object' || json === null) return failure('wallet-damaged', 'not a key file')
  return attempt(() => {
    const file = json as Json
    wholeAt(file, 'version', 3, 3)
    const sealed = objectAt(file, 'crypto')
    const id = Object.hasOwn(file, 'id') ? textAt(file, 'id') : ''
    if (id.length > 64) return damaged('id: too long')
    const address = Object.hasOwn(file, 'address') ? bytesAt(file, 'address', addressLength) : undefined
    const extension = Object.hasOwn(file, 'x-swarmbid') ? objectAt(file, 'x-swarmbid') : undefined
    return {
      id,
      derivation: readDerivation(sealed),
      key: readSealed(sealed, secretLength, secretLength),
      ...(address === undefined ? {} : { address }),
      ...(extension === undefined ? {} : { phrase: readPhrase(extension) }),
    }
  })
}

function sealedJson({ iv, ciphertext, mac }: Sealed): object {
  return {
    cipher: cipherName,
    cipherparams: { iv: toHex(iv) },
    ciphertext: toHex(ciphertext),
    mac: toHex(mac),
  }
}

function derivationJson(derivation: KeyDerivation): object {
  const { type: kdf, salt } = derivation
  const common = { dklen: derivedLength, salt: toHex(salt) }
  if (kdf === 'scrypt') return { kdf, kdfparams: { ...common, ...derivation.cost } }
  return { kdf, kdfparams: { ...common, c: derivation.iterations, prf: 'hmac-sha256' } }
}

/** Bytes that parseKeyFile reads as the same; holds secrets only sealed. */
export function formatKeyFile({ id, address, derivation, key, phrase }: KeyFile): Uint8Array {
  const json = {
    version: 3,
    id,
    ...(address === undefined ? {} : { address: toHex(address) }),
    crypto: { ...sealedJson(key), ...derivationJson(derivation) },
    ...(phrase === undefined ? {} : { 'x-swarmbid': extensionJson(phrase) }),
  }
  return fromUtf8(`${JSON.stringify(json, undefined, 2)}\n`)
}

function extensionJson({ entropy, accounts }: NonNullable<KeyFile['phrase']>): object {
  return {
    version: extensionVersion,
    phrase: sealedJson(entropy),
    accounts: accounts.map(({ coin, index, address }) => ({ coin, index, address: toHex(address) })),
  }
}

/** A random UUID (version 4) of 16 random bytes. */
export function formatUuid(random: Uint8Array): string {
  const bytes = random.slice(0, 16)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
