// The Merkle tree of an air-drop's grants: OpenZeppelin's StandardMerkleTree over (uint256 index, address account,
// uint256 amount), so that one list serves a ledger and a contract on a chain alike. Keccak-256 throughout.
// Guarantees: leaves are hashed twice, so no inner node passes for one; pairs are sorted, so proofs need no sides; which
// grant is meant is in the leaf.
import { assert } from '../base/assert.ts'
import { compareBytes, concatBytes, equalBytes, fromHex, toHex, writeUint256 } from '../base/bytes.ts'
import { unwrap } from '../base/errors.ts'
import { keccak256 } from '../base/keccak.ts'
import type { TokenAmount } from '../base/token-amount.ts'
import { accountAddress } from '../formats/money/account-id.ts'
import type { AccountId, Hash256 } from '../ports/ledger.ts'

export interface Grant {
  readonly to: AccountId
  readonly amount: TokenAmount
}

export const maxGrantCount = 1 << 22
const maxProofLength = 23
const wordBytes = 32

/** ABI encoding of the three words, hashed twice. */
export function grantLeaf(index: number, to: AccountId, amount: TokenAmount): Uint8Array {
  const words = new Uint8Array(3 * wordBytes)
  writeUint256(words, 0, BigInt(index))
  words.set(accountAddress(to), 2 * wordBytes - 20)
  writeUint256(words, 2 * wordBytes, amount)
  return keccak256(keccak256(words))
}

function hashPair(a: Uint8Array, b: Uint8Array): Uint8Array {
  return keccak256(compareBytes(a, b) < 0 ? concatBytes([a, b]) : concatBytes([b, a]))
}

/** Whether the siblings, from the leaf upwards, lead to the root. */
export function provesGrant(root: Hash256, leaf: Uint8Array, proof: readonly Hash256[]): boolean {
  if (proof.length > maxProofLength) return false
  let node = leaf
  for (const text of proof) {
    const sibling = fromHex(text)
    if (!sibling.ok || sibling.value.length !== wordBytes) return false
    node = hashPair(node, sibling.value)
  }
  return equalBytes(node, unwrap(fromHex(root)))
}

export interface GrantTree {
  readonly root: Hash256
  /** What must be in the pool for all of them. */
  readonly total: bigint
  proof(index: number): Hash256[]
}

/** A complete binary tree in an array, leaves sorted by their hash and laid out from the end, as OpenZeppelin's is. */
export function grantTree(grants: readonly Grant[]): GrantTree {
  assert(grants.length >= 1 && grants.length <= maxGrantCount, 'a number of grants that fits')
  const leaves = grants.map(({ to, amount }, index) => ({ index, hash: grantLeaf(index, to, amount) }))
  leaves.sort((a, b) => compareBytes(a.hash, b.hash))
  const nodes = new Array<Uint8Array>(2 * leaves.length - 1)
  const places = new Array<number>(leaves.length)
  for (const [order, { index, hash }] of leaves.entries()) {
    const place = nodes.length - 1 - order
    nodes[place] = hash
    places[index] = place
  }
  for (let place = leaves.length - 2; place >= 0; place--) {
    nodes[place] = hashPair(nodes[2 * place + 1] as Uint8Array, nodes[2 * place + 2] as Uint8Array)
  }
  return {
    root: toHex(nodes[0] as Uint8Array) as Hash256,
    total: grants.reduce((sum, { amount }) => sum + amount, 0n),
    proof(index) {
      const proof: Hash256[] = []
      for (let place = places[index] as number; place > 0; place = (place - 1) >>> 1) {
        proof.push(toHex(nodes[place % 2 === 0 ? place - 1 : place + 1] as Uint8Array) as Hash256)
      }
      return proof
    },
  }
}
