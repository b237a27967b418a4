// Sealing a wallet's secrets under a passphrase, and opening them again.
// Guarantees: whatever is wrong with the passphrase or what it seals, there is one failure, the same each time; what
// opens is checked against every address the file names; derived keys are overwritten before it returns, secrets by
// whoever got them.
import { assert, present } from '../base/assert.ts'
import { concatBytes, equalBytes, fromUtf8 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { keccak256 } from '../base/keccak.ts'
import type { Random } from '../ports/random.ts'
import type { ScryptCost, SecretCipher } from '../ports/secret-cipher.ts'
import type { OpenKey, SigningKey } from '../ports/signatures.ts'
import { type AccountPath, deriveSecrets } from './derivation.ts'
import { formatUuid, ivLength, type KeyDerivation, type KeyFile, maxAccounts, type Sealed } from './key-file.ts'

export type WalletSecret =
  /** Of a phrase: all its accounts follow. The first is the one that other wallets see. */
  | { readonly type: 'phrase'; readonly entropy: Uint8Array; readonly accounts: readonly AccountPath[] }
  /** Of a key file of another wallet: one account, and no phrase to restore it from. */
  | { readonly type: 'key'; readonly secret: Uint8Array }

export interface VaultPorts {
  readonly cipher: SecretCipher
  readonly openKey: OpenKey
}

/** 128 MiB and about half a second. */
export const usualCost: ScryptCost = { n: 2 ** 17, r: 8, p: 1 }

const halfLength = 16
const saltLength = 32
/** Of the key of version 3, and of what is sealed beside it: the first 32 bytes are the same however many follow. */
const derivedBytes = 64
const minPassphraseLength = 8
const maxPassphraseLength = 256
const unfit = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u

/** One object, so that no two causes can be told apart. */
const wrongPassphrase = failure('passphrase-wrong', 'the passphrase does not open the wallet')

/** Whether a passphrase may be used for something new. Errors: passphrase-unfit. */
export function checkPassphrase(passphrase: string): Result<void> {
  const { length } = [...passphrase.normalize('NFC')]
  if (length < minPassphraseLength) return failure('passphrase-unfit', `shorter than ${minPassphraseLength} characters`)
  if (length > maxPassphraseLength) return failure('passphrase-unfit', `longer than ${maxPassphraseLength} characters`)
  if (unfit.test(passphrase)) return failure('passphrase-unfit', 'it has characters that cannot be seen')
  return success(undefined)
}

/** Seals under new salts. The passphrase passed checkPassphrase; the secret stays the caller's to overwrite. */
export async function sealWallet(
  secret: WalletSecret,
  passphrase: string,
  cost: ScryptCost,
  random: Pick<Random, 'fill'>,
  ports: VaultPorts,
): Promise<KeyFile> {
  assert(checkPassphrase(passphrase).ok, 'a passphrase that was checked')
  const { cipher, openKey } = ports
  const accounts = secret.type === 'phrase' ? secret.accounts : []
  assert(secret.type === 'key' || (accounts.length > 0 && accounts.length <= maxAccounts), 'accounts within the limit')
  const draw = (length: number) => {
    const bytes = new Uint8Array(length)
    random.fill(bytes)
    return bytes
  }
  const derivation: KeyDerivation = { type: 'scrypt', salt: draw(saltLength), cost }
  const derived = await derive(derivation, passphrase, cipher)
  const secrets = secretsOf(secret)
  const addresses = secrets.map((bytes) => addressOf(bytes, openKey))
  const file: KeyFile = {
    id: formatUuid(draw(16)),
    address: addresses[0] as Uint8Array,
    derivation,
    key: seal(secrets[0] as Uint8Array, derived.subarray(0, 32), draw(ivLength), cipher),
    ...(secret.type === 'key'
      ? {}
      : {
          phrase: {
            entropy: seal(secret.entropy, derived.subarray(32), draw(ivLength), cipher),
            accounts: accounts.map((path, index) => ({ ...path, address: addresses[index] as Uint8Array })),
          },
        }),
  }
  forget(secrets)
  derived.fill(0)
  return file
}

/** The caller overwrites what it gets. Errors: passphrase-wrong; wallet-damaged (what opens is not what is named). */
export async function openWallet(file: KeyFile, passphrase: string, ports: VaultPorts): Promise<Result<WalletSecret>> {
  const { cipher, openKey } = ports
  const derived = await derive(file.derivation, passphrase, cipher)
  const key = unseal(file.key, derived.subarray(0, 32), cipher)
  const entropy = file.phrase && unseal(file.phrase.entropy, derived.subarray(32), cipher)
  derived.fill(0)
  if (key === undefined || (file.phrase !== undefined && entropy === undefined)) {
    key?.fill(0)
    entropy?.fill(0)
    return wrongPassphrase
  }
  const opened: WalletSecret =
    file.phrase === undefined || entropy === undefined
      ? { type: 'key', secret: key.slice() }
      : { type: 'phrase', entropy, accounts: file.phrase.accounts.map(({ coin, index }) => ({ coin, index })) }
  const holds = holdsWhatIsNamed(file, key, opened, openKey)
  key.fill(0)
  if (holds) return success(opened)
  forgetSecret(opened)
  return failure('wallet-damaged', 'the key file names other accounts than its secrets have')
}

/** Keys of all accounts, in their order; the caller forgets them. The secret must have been opened or checked. */
export function openKeys(secret: WalletSecret, openKey: OpenKey): SigningKey[] {
  const secrets = secretsOf(secret)
  const keys = secrets.map((bytes) => opened(bytes, openKey))
  forget(secrets)
  return keys
}

/** One account alone, as other wallets know it. It is one of the wallet. */
export function accountSecret(secret: WalletSecret, account: number): Extract<WalletSecret, { readonly type: 'key' }> {
  const secrets = secretsOf(secret)
  const single = present(secrets[account], 'an account of the wallet').slice()
  forget(secrets)
  return { type: 'key', secret: single }
}

export function forgetSecret(secret: WalletSecret): void {
  if (secret.type === 'phrase') secret.entropy.fill(0)
  else secret.secret.fill(0)
}

function forget(secrets: readonly Uint8Array[]): void {
  for (const secret of secrets) secret.fill(0)
}

function secretsOf(secret: WalletSecret): Uint8Array[] {
  return secret.type === 'key' ? [secret.secret.slice()] : deriveSecrets(secret.entropy, secret.accounts)
}

/** BIP-32 gives no invalid key but with a chance of 2^-127. */
function opened(secret: Uint8Array, openKey: OpenKey): SigningKey {
  const key = openKey(secret)
  assert(key.ok, 'the secret of a key')
  return key.value
}

function addressOf(secret: Uint8Array, openKey: OpenKey): Uint8Array {
  const key = opened(secret, openKey)
  key.forget()
  return key.address
}

function holdsWhatIsNamed(file: KeyFile, key: Uint8Array, secret: WalletSecret, openKey: OpenKey): boolean {
  const first = openKey(key)
  if (!first.ok) return false
  const { address } = first.value
  first.value.forget()
  if (file.address !== undefined && !equalBytes(file.address, address)) return false
  const accounts = file.phrase?.accounts
  if (accounts === undefined) return true
  const keys = openKeys(secret, openKey)
  for (const opened of keys) opened.forget()
  const isNamed = accounts.every((account, index) => equalBytes(account.address, keys[index]?.address ?? key))
  return isNamed && equalBytes(keys[0]?.address ?? key, address)
}

function derive(derivation: KeyDerivation, passphrase: string, cipher: SecretCipher): Promise<Uint8Array> {
  // What is typed on one system in two code points is one on another.
  const bytes = fromUtf8(passphrase.normalize('NFC'))
  const derived =
    derivation.type === 'scrypt'
      ? cipher.scrypt(bytes, derivation.salt, derivation.cost, derivedBytes)
      : cipher.pbkdf2(bytes, derivation.salt, derivation.iterations, derivedBytes)
  return derived.finally(() => bytes.fill(0))
}

function macOf(key: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return keccak256(concatBytes([key.subarray(halfLength), ciphertext]))
}

function seal(secret: Uint8Array, key: Uint8Array, iv: Uint8Array, cipher: SecretCipher): Sealed {
  const ciphertext = cipher.aes128Ctr(key.subarray(0, halfLength), iv, secret)
  return { iv, ciphertext, mac: macOf(key, ciphertext) }
}

/** Undefined: another key. Takes as long wherever the difference is. */
function unseal({ iv, ciphertext, mac }: Sealed, key: Uint8Array, cipher: SecretCipher): Uint8Array | undefined {
  const expected = macOf(key, ciphertext)
  let difference = expected.length ^ mac.length
  for (let index = 0; index < expected.length; index++) {
    difference |= (expected[index] as number) ^ (mac[index] as number)
  }
  return difference === 0 ? cipher.aes128Ctr(key.subarray(0, halfLength), iv, ciphertext) : undefined
}
