// A wallet in memory: locked, when it knows addresses alone, or unlocked, when it signs within its limits.
// Guarantees: no function gives a key or the phrase away; locking overwrites the keys, and signers that were handed out
// before then answer wallet-locked until it is unlocked again. Owns the keys.
import { assert, present } from '../base/assert.ts'
import { type Result, success } from '../base/errors.ts'
import { accountId } from '../formats/money/account-id.ts'
import type { RailId } from '../ports/ledger.ts'
import type { SigningKey } from '../ports/signatures.ts'
import type { Owner, Signer } from '../ports/signer.ts'
import type { RailTerms } from './charge.ts'
import type { AccountPath } from './derivation.ts'
import type { KeyFile } from './key-file.ts'
import { forgetSecret, openKeys, openWallet, type VaultPorts } from './key-vault.ts'
import type { SpendingBook } from './spending-book.ts'
import { walletSigner } from './wallet-signer.ts'

export interface NamedAccount {
  /** 20 bytes. */
  readonly address: Uint8Array
  /** Where it follows from the phrase; absent where there is none. */
  readonly path?: AccountPath
}

export interface Wallet {
  /** In their order; their numbers never change. Known while it is locked, too. */
  readonly accounts: readonly NamedAccount[]
  isLocked(): boolean
  /** Errors: passphrase-wrong, wallet-damaged. */
  unlock(passphrase: string): Promise<Result<void>>
  /** Overwrites the keys. */
  lock(): void
  /** Of an account, by its number, on a rail. */
  signer(account: number, rail: RailId): Signer
}

export interface WalletParts {
  readonly file: KeyFile
  readonly ports: VaultPorts
  readonly book: SpendingBook
  /** Rails that the owner chose. */
  readonly rails: ReadonlyMap<RailId, RailTerms>
  readonly owner?: Owner
}

export function namedAccounts({ address, phrase }: KeyFile): readonly NamedAccount[] {
  if (phrase === undefined) return address === undefined ? [] : [{ address }]
  return phrase.accounts.map(({ coin, index, address: filed }) => ({ address: filed, path: { coin, index } }))
}

/** Locked. */
export function newWallet({ file, ports, book, rails, owner }: WalletParts): Wallet {
  let keys: readonly SigningKey[] = []
  const accounts = namedAccounts(file)

  function lock(): void {
    for (const key of keys) key.forget()
    keys = []
  }

  return {
    accounts,
    isLocked: () => keys.length === 0,
    async unlock(passphrase) {
      const opened = await openWallet(file, passphrase, ports)
      if (!opened.ok) return opened
      lock()
      keys = openKeys(opened.value, ports.openKey)
      forgetSecret(opened.value)
      return success(undefined)
    },
    lock,
    signer(account, rail) {
      const { address } = present(accounts[account], 'an account of the wallet')
      assert(rails.has(rail), 'a rail that the owner chose')
      return walletSigner({
        account: accountId(rail, address),
        key: () => keys[account],
        terms: (asked) => rails.get(asked),
        book,
        owner,
      })
    },
  }
}
