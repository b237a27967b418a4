// Items stored in the DHT (BEP 44): where they are kept and what their signature is over.
// Guarantees: pure; values are taken as they stand in the message, never decoded and encoded again. Signing and
// verifying (Ed25519) is for a port.
import { assert } from '../../base/assert.ts'
import { concatBytes, fromLatin1 } from '../../base/bytes.ts'
import { sha1 } from '../../base/hash.ts'
import { type MutableItem, maxItemBytes, maxSaltLength, publicKeyLength, type StoredItem } from './message.ts'

/** The target of a mutable item: who looks for it knows key and salt, not the value. 20 bytes. */
export function mutableTarget(publicKey: Uint8Array, salt: Uint8Array): Uint8Array {
  assert(publicKey.length === publicKeyLength && salt.length <= maxSaltLength, 'a key of 32 bytes, salt of at most 64')
  return sha1(salt.length === 0 ? publicKey : concatBytes([publicKey, salt]))
}

/** The 20 bytes an item is looked up by: of a mutable one, the hash of key and salt, else that of the value. */
export function itemTarget(item: StoredItem): Uint8Array {
  return item.kind === 'mutable' ? mutableTarget(item.publicKey, item.salt) : sha1(item.value)
}

/** What an Ed25519 signature of a mutable item is made and checked over. */
export function signedBytes(item: Pick<MutableItem, 'value' | 'sequence' | 'salt'>): Uint8Array {
  const { value, sequence, salt } = item
  assert(value.length <= maxItemBytes && salt.length <= maxSaltLength, 'a value and salt within their limits')
  const rest = [fromLatin1(`3:seqi${sequence}e1:v`), value]
  return concatBytes(salt.length === 0 ? rest : [fromLatin1(`4:salt${salt.length}:`), salt, ...rest])
}

/** An item with bytes of its own, where those of a message are views of its datagram. */
export function copyItem(item: StoredItem): StoredItem {
  const value = item.value.slice()
  if (item.kind === 'immutable') return { kind: 'immutable', value }
  const { publicKey, signature, sequence, salt } = item
  return {
    kind: 'mutable',
    value,
    publicKey: publicKey.slice(),
    signature: signature.slice(),
    sequence,
    salt: salt.slice(),
  }
}
