// Whether upload is sold without anybody asking for it: where a wallet and a ledger are, earning is not switched off, and the
// passphrase is known. Guarantees: nobody is asked; without a wallet none of its code is loaded. Keeps no state.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { SwarmbidError } from '../base/errors.ts'

/** `no-wallet`: there is nothing to earn with; `locked`: it would be, if the passphrase were known. */
export type EarningDefault = 'on' | 'no-wallet' | 'switched-off' | 'locked'

/** `isPassphraseKnown`: without asking for it. */
export async function earningDefault(dataFolder: string, isPassphraseKnown: boolean): Promise<EarningDefault> {
  if (!existsSync(join(dataFolder, 'wallet', 'wallet.json'))) return 'no-wallet'
  if (!['ledgers.json', 'ledger'].some((name) => existsSync(join(dataFolder, name)))) return 'no-wallet'
  const { readPolicy } = await import('./wallet-folder.ts')
  try {
    if ((await readPolicy(dataFolder)).earning === 'off') return 'switched-off'
  } catch (error) {
    // Whoever means to earn is told what is wrong with it.
    if (error instanceof SwarmbidError) return 'no-wallet'
    throw error
  }
  return isPassphraseKnown ? 'on' : 'locked'
}
