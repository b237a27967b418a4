// The state tree kept up with a ledger's state, and proofs out of it: of an account's balances, of a lane, or that
// there is none. Key of a leaf: SHA-256 of table, colon, id; value: SHA-256 of the record in canonical bencode.
// Guarantees: an update costs what has changed since the last one; what proofs prove can be checked by anyone.
import { fromLatin1 } from '../base/bytes.ts'
import { sha256 } from '../base/hash.ts'
import { encode } from '../formats/bencode/encode.ts'
import { stateForms } from './entry-codec.ts'
import type { LedgerState, TableName, TableValues } from './ledger-state.ts'
import { provesState, type StateProof, StateTree } from './state-tree.ts'

function leafKey(table: TableName, id: string): Uint8Array {
  return sha256(fromLatin1(`${table}:${id}`))
}

function valueHash<Name extends TableName>(table: Name, value: TableValues[Name]): Uint8Array {
  return sha256(encode(stateForms[table].toBencode(value)))
}

export class StateCommitment {
  private readonly state: LedgerState
  private readonly tree = new StateTree()

  constructor(state: LedgerState) {
    this.state = state
  }

  /** Takes in what has changed; the root, 32 bytes. */
  update(): Uint8Array {
    this.state.takeChanged((table, key) => {
      const value = this.state.value(table, key)
      if (value === undefined) this.tree.delete(leafKey(table, key))
      else this.tree.set(leafKey(table, key), valueHash(table, value))
    })
    return this.tree.rootHash()
  }

  /** Under the root of the last update. */
  prove(table: TableName, id: string): StateProof {
    return this.tree.prove(leafKey(table, id))
  }
}

/** Whether a proof shows that this is the record under the root; with `undefined`, that there is none. */
export function provesRecord<Name extends TableName>(
  root: Uint8Array,
  table: Name,
  id: string,
  value: TableValues[Name] | undefined,
  proof: StateProof,
): boolean {
  return provesState(root, leafKey(table, id), value === undefined ? undefined : valueHash(table, value), proof)
}
