// Keys of a phrase, one for each path (BIP-32, BIP-44). Coin type 60 is that of EVM chains, 195 that of TRON: one key
// has an address on both, but wallets of the one look below 60, wallets of the other below 195.
// Guarantees: intermediate keys are overwritten; the caller overwrites what it gets.
import { HDKey } from '@scure/bip32'
import { mnemonicToSeedSync } from '@scure/bip39'
import { assert, present } from '../base/assert.ts'
import { phraseOf } from './phrase.ts'

export type CoinType = 60 | 195

export interface AccountPath {
  readonly coin: CoinType
  /** From 0. */
  readonly index: number
}

/** Of either kind. */
export const maxAccountIndex = 999_999

/** As the wallets of each chain count accounts: by address on EVM chains, by account on TRON. */
export function formatPath({ coin, index }: AccountPath): string {
  assert(Number.isInteger(index) && index >= 0 && index <= maxAccountIndex, 'an account from 0 to 999999')
  return coin === 60 ? `m/44'/60'/0'/0/${index}` : `m/44'/195'/${index}'/0/0`
}

/** 32 bytes a path, the caller's. */
export function deriveSecrets(entropy: Uint8Array, paths: readonly AccountPath[]): Uint8Array[] {
  const seed = mnemonicToSeedSync(phraseOf(entropy))
  const root = HDKey.fromMasterSeed(seed)
  seed.fill(0)
  const secrets = paths.map((path) => {
    const key = root.derive(formatPath(path))
    const secret = present(key.privateKey ?? undefined, 'a derived key')
    key.wipePrivateData()
    return secret
  })
  root.wipePrivateData()
  return secrets
}
