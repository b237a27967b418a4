// What proves that somebody cheats in a market, kept in the store of its ledger for whoever is to be convinced.
// Guarantees: what was signed, byte for byte; the newest hundred. Owns that table.
import { fromUtf8 } from '../base/bytes.ts'
import { encode } from '../formats/bencode/encode.ts'
import type { AccountId, RailId } from '../ports/ledger.ts'
import type { Store } from '../ports/store.ts'

/** Bytes of an `evidence` message's members. */
export interface SignedProof {
  readonly kind: string
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

export interface Cheating {
  readonly account: AccountId
  readonly kind: string
  readonly infoHash: string
  readonly proofs: readonly SignedProof[]
}

const table = 'speed-proofs'
const timeDigits = 15
const mostKept = 100

/** On the disk soon; a proof that cannot be written is lost. */
export async function keepProofs(store: Store, rail: RailId, cheating: Cheating, wallMs: number): Promise<void> {
  const { account, kind, infoHash, proofs } = cheating
  const key = fromUtf8(`${rail}/${String(Math.floor(wallMs)).padStart(timeDigits, '0')}/${account}`)
  const value = encode({ account, kind, infoHash, proofs: proofs.map((proof) => ({ ...proof })) })
  await store.commit([{ type: 'put', table, key, value }], 'soon')
  const range = {
    from: fromUtf8(`${rail}/`),
    to: fromUtf8(`${rail}0`),
    maxCount: 2 * mostKept,
    order: 'descending',
  } as const
  const kept = await store.range(table, range)
  if (!kept.ok || kept.value.length <= mostKept) return
  const old = kept.value.slice(mostKept)
  await store.commit(
    old.map(({ key: name }) => ({ type: 'delete', table, key: name }) as const),
    'soon',
  )
}
