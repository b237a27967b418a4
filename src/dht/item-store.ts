// Items that were put on this node (BEP 44): immutable ones by the hash of their value, mutable ones by key and salt.
// Guarantees: nothing unsigned is kept; a mutable item never goes back to an earlier one; items go two hours after they
// were last put; their number is capped, that longest not put giving way. Owns its copies.
import { equalBytes, toLatin1 } from '../base/bytes.ts'
import {
  errorCasMismatch,
  errorInvalidSignature,
  errorSequenceTooOld,
  type KrpcError,
  type StoredItem,
} from '../formats/krpc/message.ts'
import { copyItem, itemTarget, signedBytes } from '../formats/krpc/stored-item.ts'
import type { ItemSignatures } from '../ports/item-signatures.ts'

export interface ItemStoreOptions {
  readonly maxItems: number
}

const usualItemStore: ItemStoreOptions = { maxItems: 2_000 }

interface Entry {
  readonly item: StoredItem
  putMs: number
}

const expiresAfterMs = 7_200_000

/** What a put is refused with. */
export type PutRefusal = Pick<KrpcError, 'code' | 'message'>

export class ItemStore {
  private readonly signatures: ItemSignatures
  private readonly maxItems: number
  /** By target, a character a byte; the longest not put first. */
  private readonly entries = new Map<string, Entry>()

  constructor(signatures: ItemSignatures, options: ItemStoreOptions = usualItemStore) {
    this.signatures = signatures
    this.maxItems = options.maxItems
  }

  get size(): number {
    return this.entries.size
  }

  /** The item of a target; it is the store's. */
  get(target: Uint8Array, nowMs: number): StoredItem | undefined {
    const entry = this.entries.get(toLatin1(target))
    return entry === undefined || entry.putMs <= nowMs - expiresAfterMs ? undefined : entry.item
  }

  /** Keeps a copy of an item. `expectedSequence`: compare and swap. */
  put(item: StoredItem, expectedSequence: bigint | undefined, nowMs: number): PutRefusal | undefined {
    const target = itemTarget(item)
    const current = this.get(target, nowMs)
    if (item.kind === 'mutable') {
      const refusal = this.refusal(item, current, expectedSequence)
      if (refusal !== undefined) return refusal
    }
    const key = toLatin1(target)
    const isSame = current !== undefined && equalBytes(current.value, item.value) && !isNewer(item, current)
    this.entries.delete(key)
    this.sweep(nowMs)
    if (this.entries.size >= this.maxItems) {
      for (const oldest of this.entries.keys()) {
        this.entries.delete(oldest)
        break
      }
    }
    this.entries.set(key, { item: isSame ? current : copyItem(item), putMs: nowMs })
    return undefined
  }

  sweep(nowMs: number): void {
    for (const [key, { putMs }] of this.entries) {
      if (putMs > nowMs - expiresAfterMs) return
      this.entries.delete(key)
    }
  }

  private refusal(
    item: StoredItem & { kind: 'mutable' },
    current: StoredItem | undefined,
    expectedSequence: bigint | undefined,
  ): PutRefusal | undefined {
    if (current?.kind === 'mutable') {
      if (expectedSequence !== undefined && expectedSequence !== current.sequence) {
        return { code: errorCasMismatch, message: 'the item has another sequence number' }
      }
      if (item.sequence < current.sequence) return { code: errorSequenceTooOld, message: 'a later item is here' }
      if (item.sequence === current.sequence) {
        // Put again to keep it alive. What is here was verified, so the same signature needs no work.
        const isSame = equalBytes(item.value, current.value)
        if (!isSame) return { code: errorSequenceTooOld, message: 'another item of this sequence number is here' }
        if (equalBytes(item.signature, current.signature)) return undefined
      }
    }
    if (this.signatures.verify(item.publicKey, signedBytes(item), item.signature)) return undefined
    return { code: errorInvalidSignature, message: 'the signature is not of this key and item' }
  }
}

function isNewer(item: StoredItem, current: StoredItem): boolean {
  return item.kind === 'mutable' && current.kind === 'mutable' && item.sequence > current.sequence
}
