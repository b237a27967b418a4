// The wallet of a running program: its files, its record of spending in the store, and the lock that keeps every other
// process from signing with it, put together.
// Guarantees: the owner's limits count as soon as they are on the disk; closing locks the wallet and lets go of it.
import type { Clock } from '../ports/clock.ts'
import type { RailId } from '../ports/ledger.ts'
import type { Owner, SpendingQuestion } from '../ports/signer.ts'
import type { Store } from '../ports/store.ts'
import type { RailTerms } from '../wallet/charge.ts'
import { SpendingBook } from '../wallet/spending-book.ts'
import type { SpendingPolicy } from '../wallet/spending-policy.ts'
import { newWallet, type Wallet } from '../wallet/wallet.ts'
import { lockWallet, readPolicy, readWallet, type WalletHost, writePolicy } from './wallet-folder.ts'

export type { Owner, SpendingQuestion }

export interface OpenWalletRequest {
  readonly dataFolder: string
  /** Holds what was spent; the caller closes it, after the wallet. */
  readonly store: Store
  /** Rails that the owner chose, by what their genesis says. */
  readonly rails: ReadonlyMap<RailId, RailTerms>
  /** Absent: what is over a limit is refused. */
  readonly owner?: Owner
  readonly clock: Pick<Clock, 'wallMs'>
  readonly host: WalletHost
}

export interface OpenedWallet {
  /** Locked at first. */
  readonly wallet: Wallet
  /** Told what became of operations; asked what was spent. */
  readonly book: SpendingBook
  setPolicy(policy: SpendingPolicy): Promise<void>
  close(): void
}

/** Throws as wallet-folder.ts: wallet-missing, wallet-damaged, wallet-busy. */
export async function openSystemWallet(request: OpenWalletRequest): Promise<OpenedWallet> {
  const { dataFolder, store, rails, owner, clock, host } = request
  const file = await readWallet(dataFolder)
  const lock = await lockWallet(dataFolder)
  try {
    const book = new SpendingBook(store, () => clock.wallMs(), await readPolicy(dataFolder))
    const parts = { file, ports: host.ports, book, rails }
    const wallet = newWallet(owner === undefined ? parts : { ...parts, owner })
    return {
      wallet,
      book,
      async setPolicy(policy) {
        await writePolicy(dataFolder, policy, host)
        book.policy = policy
      },
      close() {
        wallet.lock()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
