// The wallet's folder, `wallet` in the data folder: `wallet.json`, the sealed keys, and `limits.json`.
// Guarantees: each file is the old one or the new one, whatever dies when; a wallet is never overwritten by another;
// nothing changes while another process uses it; secrets are overwritten before a function returns, and none is in what
// it throws. Errors of all are thrown: those of the wallet, of files, wallet-busy.
import { join } from 'node:path'
import { equalBytes } from '../base/bytes.ts'
import { failure, SwarmbidError, unwrap } from '../base/errors.ts'
import {
  makePrivateFolder,
  type PrivateFileCalls,
  systemPrivateFileCalls,
  writePrivateFile,
} from '../host/private-file.ts'
import { type InputLimit, readFileBounded } from '../host/read-input.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import { systemSecretCipher } from '../host/secret-cipher.ts'
import { systemRandom } from '../host/system-random.ts'
import type { Random } from '../ports/random.ts'
import type { ScryptCost } from '../ports/secret-cipher.ts'
import type { AccountPath, CoinType } from '../wallet/derivation.ts'
import { formatKeyFile, type KeyFile, maxAccounts, maxKeyFileBytes, parseKeyFile } from '../wallet/key-file.ts'
import {
  accountSecret,
  checkPassphrase,
  forgetSecret,
  openWallet,
  sealWallet,
  usualCost,
  type VaultPorts,
  type WalletSecret,
} from '../wallet/key-vault.ts'
import { entropyLength, parsePhrase, phraseOf } from '../wallet/phrase.ts'
import {
  firstPolicy,
  formatPolicy,
  maxPolicyBytes,
  parsePolicy,
  type SpendingPolicy,
} from '../wallet/spending-policy.ts'
import { readPlainSecret } from './operator-key.ts'
import { lockNames, type ProcessLock } from './process-lock.ts'

/** What a wallet needs of this machine. */
export interface WalletHost {
  readonly random: Pick<Random, 'fill'>
  readonly ports: VaultPorts
  /** For what is sealed anew. */
  readonly cost: ScryptCost
  readonly calls: PrivateFileCalls
}

export function systemWalletHost(): WalletHost {
  return {
    random: systemRandom(),
    ports: { cipher: systemSecretCipher, openKey: secp256k1.openKey },
    cost: usualCost,
    calls: systemPrivateFileCalls,
  }
}

const keyFileLimit: InputLimit = { maxBytes: maxKeyFileBytes, code: 'wallet-damaged' }
const policyLimit: InputLimit = { maxBytes: maxPolicyBytes, code: 'wallet-damaged' }

function folderOf(dataFolder: string): string {
  return join(dataFolder, 'wallet')
}

export function walletPath(dataFolder: string): string {
  return join(folderOf(dataFolder), 'wallet.json')
}

function policyPath(dataFolder: string): string {
  return join(folderOf(dataFolder), 'limits.json')
}

async function readOr<T>(read: () => Promise<T>, absent: () => T): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof SwarmbidError && error.code === 'file-not-found') return absent()
    throw error
  }
}

/** Errors: wallet-missing, wallet-damaged. */
export async function readWallet(dataFolder: string): Promise<KeyFile> {
  const bytes = await readOr<Uint8Array>(
    () => readFileBounded(walletPath(dataFolder), keyFileLimit),
    () => unwrap(failure('wallet-missing', `there is no wallet in ${dataFolder}`)),
  )
  return unwrap(parseKeyFile(bytes))
}

/** Errors: wallet-exists. */
export async function refuseSecondWallet(dataFolder: string): Promise<void> {
  const isFree = await readOr(
    async () => {
      await readFileBounded(walletPath(dataFolder), keyFileLimit)
      return false
    },
    () => true,
  )
  if (!isFree) throw new SwarmbidError('wallet-exists', `${walletPath(dataFolder)}: there is a wallet already`)
}

/** Held by whoever changes the wallet, or signs with it. */
export async function lockWallet(dataFolder: string): Promise<ProcessLock> {
  const folder = folderOf(dataFolder)
  unwrap(await makePrivateFolder(folder))
  const busy = (holder: number) =>
    failure('wallet-busy', `process ${holder} uses the wallet; a seed leaves it alone with --no-earn`)
  return unwrap(lockNames(folder, ['wallet'], busy))
}

async function whileLocked<T>(dataFolder: string, work: () => Promise<T>): Promise<T> {
  const lock = await lockWallet(dataFolder)
  try {
    return await work()
  } finally {
    lock.release()
  }
}

async function withSecret<T>(
  file: KeyFile,
  passphrase: string,
  host: WalletHost,
  use: (secret: WalletSecret) => T | Promise<T>,
): Promise<T> {
  const secret = unwrap(await openWallet(file, passphrase, host.ports))
  try {
    return await use(secret)
  } finally {
    forgetSecret(secret)
  }
}

function seal(secret: WalletSecret, passphrase: string, { cost, random, ports }: WalletHost): Promise<KeyFile> {
  return sealWallet(secret, passphrase, cost, random, ports)
}

/** Errors: passphrase-unfit. */
export function requireFit(passphrase: string): void {
  unwrap(checkPassphrase(passphrase))
}

/** Errors: phrase-invalid. */
export function requirePhrase(phrase: string): void {
  unwrap(parsePhrase(phrase)).fill(0)
}

/** Words of a new wallet, drawn at random. */
export function newPhrase(words: 12 | 24, host: WalletHost): string {
  const entropy = new Uint8Array(entropyLength(words))
  host.random.fill(entropy)
  const phrase = phraseOf(entropy)
  entropy.fill(0)
  return phrase
}

/** A wallet of a phrase. Errors: wallet-exists, phrase-invalid, passphrase-unfit. */
export async function makeWallet(
  dataFolder: string,
  phrase: string,
  accounts: readonly AccountPath[],
  passphrase: string,
  host: WalletHost,
): Promise<KeyFile> {
  requireFit(passphrase)
  const secret: WalletSecret = { type: 'phrase', entropy: unwrap(parsePhrase(phrase)), accounts }
  const made = whileLocked(dataFolder, async () => {
    await refuseSecondWallet(dataFolder)
    const file = await seal(secret, passphrase, host)
    await place(dataFolder, file, 'new', host)
    return file
  })
  return made.finally(() => forgetSecret(secret))
}

/** A wallet of a backup, or of a key file of another wallet, under its passphrase. Errors: wallet-exists. */
export async function restoreBackup(
  dataFolder: string,
  path: string,
  passphrase: string,
  host: WalletHost,
): Promise<KeyFile> {
  const backup = unwrap(parseKeyFile(await readFileBounded(path, keyFileLimit)))
  return whileLocked(dataFolder, async () => {
    await refuseSecondWallet(dataFolder)
    const file = await withSecret(backup, passphrase, host, (secret) => {
      const first = accountSecret(secret, 0)
      const key = unwrap(host.ports.openKey(first.secret))
      key.forget()
      forgetSecret(first)
      return { ...backup, address: key.address }
    })
    await place(dataFolder, file, 'new', host)
    return file
  })
}

/** A wallet of a plain key in a file: one account, and no words. Errors: wallet-exists, passphrase-unfit, those of the key. */
export async function importKey(
  dataFolder: string,
  path: string,
  passphrase: string,
  host: WalletHost,
): Promise<KeyFile> {
  requireFit(passphrase)
  const secret: WalletSecret = { type: 'key', secret: unwrap(readPlainSecret(path)) }
  const made = whileLocked(dataFolder, async () => {
    await refuseSecondWallet(dataFolder)
    unwrap(host.ports.openKey(secret.secret)).forget()
    const file = await seal(secret, passphrase, host)
    await place(dataFolder, file, 'new', host)
    return file
  })
  return made.finally(() => forgetSecret(secret))
}

async function place(dataFolder: string, file: KeyFile, mode: 'new' | 'replace', { calls }: WalletHost): Promise<void> {
  unwrap(await writePrivateFile(walletPath(dataFolder), formatKeyFile(file), mode, calls))
}

/** Seals the same secrets anew. Errors: passphrase-wrong, passphrase-unfit. */
export async function changePassphrase(
  dataFolder: string,
  passphrase: string,
  next: string,
  host: WalletHost,
): Promise<void> {
  requireFit(next)
  await whileLocked(dataFolder, async () => {
    const file = await withSecret(await readWallet(dataFolder), passphrase, host, (secret) => seal(secret, next, host))
    await place(dataFolder, file, 'replace', host)
  })
}

/** The next account of that kind. Errors: passphrase-wrong, wallet-damaged (no phrase to derive it from). */
export async function addAccount(
  dataFolder: string,
  coin: CoinType,
  passphrase: string,
  host: WalletHost,
): Promise<KeyFile> {
  return whileLocked(dataFolder, async () => {
    const before = await readWallet(dataFolder)
    const file = await withSecret(before, passphrase, host, (secret) => {
      if (secret.type === 'key') throw new SwarmbidError('phrase-invalid', 'the wallet has no phrase to derive it from')
      const { accounts } = secret
      if (accounts.length >= maxAccounts)
        throw new SwarmbidError('usage', `a wallet has at most ${maxAccounts} accounts`)
      const index = accounts
        .filter((account) => account.coin === coin)
        .reduce((top, account) => Math.max(top, account.index + 1), 0)
      return seal({ ...secret, accounts: [...accounts, { coin, index }] }, passphrase, host)
    })
    await place(dataFolder, file, 'replace', host)
    return file
  })
}

/** Errors: passphrase-wrong, wallet-damaged. */
export async function checkWallet(dataFolder: string, passphrase: string, host: WalletHost): Promise<void> {
  await withSecret(await readWallet(dataFolder), passphrase, host, () => undefined)
}

/** Text to show once, on a terminal and nowhere else. Errors: passphrase-wrong, phrase-invalid (it has none). */
export async function revealPhrase(dataFolder: string, passphrase: string, host: WalletHost): Promise<string> {
  return withSecret(await readWallet(dataFolder), passphrase, host, (secret) => {
    if (secret.type === 'key')
      throw new SwarmbidError('phrase-invalid', 'the wallet came from a key file and has no phrase')
    return phraseOf(secret.entropy)
  })
}

/**
 * A new file with the whole wallet, or with one account as other wallets read it. The passphrase is proven first, and
 * what was written is read again. Errors: passphrase-wrong, file-exists.
 */
export async function exportBackup(
  dataFolder: string,
  path: string,
  account: number | undefined,
  passphrase: string,
  host: WalletHost,
): Promise<void> {
  const file = await readWallet(dataFolder)
  if (account !== undefined && account >= (file.phrase?.accounts.length ?? 1)) {
    throw new SwarmbidError('usage', `there is no account ${account}`)
  }
  const exported = await withSecret(file, passphrase, host, async (secret) => {
    if (account === undefined) return file
    const single = accountSecret(secret, account)
    requireFit(passphrase)
    return seal(single, passphrase, host).finally(() => forgetSecret(single))
  })
  const bytes = formatKeyFile(exported)
  unwrap(await writePrivateFile(path, bytes, 'new', host.calls))
  const written = await readFileBounded(path, keyFileLimit)
  if (!equalBytes(written, bytes)) throw new SwarmbidError('wallet-damaged', `${path}: not what was written`)
}

/** What the owner allows; of a new wallet nothing yet. Errors: wallet-damaged. */
export async function readPolicy(dataFolder: string): Promise<SpendingPolicy> {
  return readOr<SpendingPolicy>(
    async () => unwrap(parsePolicy(await readFileBounded(policyPath(dataFolder), policyLimit))),
    () => firstPolicy,
  )
}

/** By whoever has the lock. */
export async function writePolicy(dataFolder: string, policy: SpendingPolicy, { calls }: WalletHost): Promise<void> {
  unwrap(await writePrivateFile(policyPath(dataFolder), formatPolicy(policy), 'replace', calls))
}

/** From the policy of now to the next one. Errors: wallet-missing, wallet-damaged. */
export async function changePolicy(
  dataFolder: string,
  change: (policy: SpendingPolicy) => SpendingPolicy,
  host: WalletHost,
): Promise<SpendingPolicy> {
  await readWallet(dataFolder)
  return whileLocked(dataFolder, async () => {
    const next = change(await readPolicy(dataFolder))
    await writePolicy(dataFolder, next, host)
    return next
  })
}
