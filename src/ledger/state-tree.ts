// A Merkle tree over all that a ledger's state holds: sparse, binary, by the bits of 32-byte keys. A subtree of one leaf
// is that leaf, an empty one 32 zeros; leaf: SHA-256(0, key, value hash), node: SHA-256(1, left, right).
// Guarantees: the root depends on what is in it, never on the order it came in; an update hashes each inner node above
// it once, however many leaves change; absence can be proven as well as presence. Owns its nodes.
import { assert } from '../base/assert.ts'
import { copyBytes, emptyBytes, equalBytes } from '../base/bytes.ts'
import { sha256Into } from '../base/hash.ts'

const treeKeyBytes = 32
const hashBytes = 32
const messageBytes = 1 + 2 * hashBytes
const noNode = 0

/** Siblings from the root downwards, and what stands where the key leads to. */
export interface StateProof {
  readonly siblings: readonly Uint8Array[]
  /** 'other': the leaf of another key, which proves that this one is not there. */
  readonly end:
    | { readonly type: 'found' }
    | { readonly type: 'empty' }
    | { readonly type: 'other'; readonly key: Uint8Array; readonly valueHash: Uint8Array }
}

function bitAt(bytes: Uint8Array, offset: number, depth: number): number {
  return ((bytes[offset + (depth >>> 3)] as number) >>> (7 - (depth & 7))) & 1
}

const message = new Uint8Array(messageBytes)

function hashInto(
  tag: 0 | 1,
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  target: Uint8Array,
  at: number,
) {
  message[0] = tag
  copyBytes(message, 1, a, aOffset, aOffset + hashBytes)
  copyBytes(message, 1 + hashBytes, b, bOffset, bOffset + hashBytes)
  sha256Into(message, target, at)
}

const zeros = new Uint8Array(hashBytes)

/**
 * References: 0 nothing, n > 0 inner node n, n < 0 leaf -n. Nodes and leaves have numbers from 1, used again.
 */
export class StateTree {
  private root = noNode
  private left = new Int32Array(1024)
  private right = new Int32Array(1024)
  /** 1: the hash of an inner node is that of an earlier time. */
  private stale = new Uint8Array(1024)
  private nodeHashes = new Uint8Array(1024 * hashBytes)
  private nodeCount = 1
  private readonly freeNodes: number[] = []
  private leafKeys = new Uint8Array(1024 * hashBytes)
  private valueHashes = new Uint8Array(1024 * hashBytes)
  private leafHashes = new Uint8Array(1024 * hashBytes)
  private leafCount = 1
  private readonly freeLeaves: number[] = []
  /** The way from the root to where the last search ended. */
  private readonly path = new Int32Array(treeKeyBytes * 8 + 1)
  private depth = 0

  /** The number of leaves. */
  get size(): number {
    return this.leafCount - 1 - this.freeLeaves.length
  }

  /** Puts or replaces a leaf. Keys are hashes, so that nobody can choose how deep it lies. */
  set(key: Uint8Array, valueHash: Uint8Array): void {
    assert(key.length === treeKeyBytes && valueHash.length === hashBytes, 'a key and a value of 32 bytes')
    const found = this.find(key)
    if (found < 0 && this.isKey(-found, key)) {
      this.fillLeaf(-found, key, valueHash)
      this.markPath()
      return
    }
    const leaf = this.newLeaf()
    this.fillLeaf(leaf, key, valueHash)
    let reference = -leaf
    if (found < 0) reference = this.split(-found, leaf)
    this.link(key, this.depth, reference)
    this.markPath()
  }

  delete(key: Uint8Array): void {
    const found = this.find(key)
    if (found >= 0 || !this.isKey(-found, key)) return
    this.freeLeaves.push(-found)
    let reference = noNode
    // A leaf left alone moves up to where its subtree has another one.
    while (this.depth > 0) {
      const node = this.path[this.depth - 1] as number
      const isRight = bitAt(key, 0, this.depth - 1) === 1
      const sibling = (isRight ? this.left : this.right)[node] as number
      if (reference !== noNode && sibling !== noNode) break
      if (reference === noNode && sibling > 0) break
      if (reference === noNode) reference = sibling
      this.freeNodes.push(node)
      this.depth--
    }
    this.link(key, this.depth, reference)
    this.markPath()
  }

  /** 32 bytes, the caller's. */
  rootHash(): Uint8Array {
    this.refresh(this.root)
    const hash = new Uint8Array(hashBytes)
    this.copyHash(this.root, hash, 0)
    return hash
  }

  prove(key: Uint8Array): StateProof {
    this.refresh(this.root)
    const found = this.find(key)
    const siblings: Uint8Array[] = []
    for (let depth = 0; depth < this.depth; depth++) {
      const node = this.path[depth] as number
      const sibling = (bitAt(key, 0, depth) === 1 ? this.left : this.right)[node] as number
      const hash = new Uint8Array(hashBytes)
      this.copyHash(sibling, hash, 0)
      siblings.push(hash)
    }
    if (found === noNode) return { siblings, end: { type: 'empty' } }
    if (this.isKey(-found, key)) return { siblings, end: { type: 'found' } }
    const offset = -found * hashBytes
    return {
      siblings,
      end: {
        type: 'other',
        key: this.leafKeys.slice(offset, offset + hashBytes),
        valueHash: this.valueHashes.slice(offset, offset + hashBytes),
      },
    }
  }

  /** Follows the key; what stands at its end: nothing or a leaf. */
  private find(key: Uint8Array): number {
    let reference = this.root
    this.depth = 0
    while (reference > 0) {
      this.path[this.depth] = reference
      reference = (bitAt(key, 0, this.depth) === 1 ? this.right : this.left)[reference] as number
      this.depth++
    }
    return reference
  }

  private isKey(leaf: number, key: Uint8Array): boolean {
    const start = leaf * hashBytes
    for (let index = 0; index < treeKeyBytes; index++) {
      if (this.leafKeys[start + index] !== key[index]) return false
    }
    return true
  }

  /** Sets the child of the last node of the path. */
  private link(key: Uint8Array, depth: number, reference: number): void {
    if (depth === 0) {
      this.root = reference
      return
    }
    const children = bitAt(key, 0, depth - 1) === 1 ? this.right : this.left
    children[this.path[depth - 1] as number] = reference
  }

  /** Nodes from where the search ended down to where the two leaves part. */
  private split(old: number, added: number): number {
    let depth = this.depth
    const first = this.newNode()
    let node = first
    for (;;) {
      const bit = bitAt(this.leafKeys, added * hashBytes, depth)
      const isShared = bitAt(this.leafKeys, old * hashBytes, depth) === bit
      if (!isShared) {
        this.left[node] = bit === 0 ? -added : -old
        this.right[node] = bit === 0 ? -old : -added
        return first
      }
      const next = this.newNode()
      this.left[node] = bit === 0 ? next : noNode
      this.right[node] = bit === 0 ? noNode : next
      node = next
      depth++
    }
  }

  private markPath(): void {
    for (let depth = 0; depth < this.depth; depth++) this.stale[this.path[depth] as number] = 1
  }

  private refresh(reference: number): void {
    if (reference <= 0 || this.stale[reference] === 0) return
    const left = this.left[reference] as number
    const right = this.right[reference] as number
    this.refresh(left)
    this.refresh(right)
    message[0] = 1
    this.copyHash(left, message, 1)
    this.copyHash(right, message, 1 + hashBytes)
    sha256Into(message, this.nodeHashes, reference * hashBytes)
    this.stale[reference] = 0
  }

  private copyHash(reference: number, target: Uint8Array, offset: number): void {
    const from = reference === noNode ? zeros : reference > 0 ? this.nodeHashes : this.leafHashes
    const start = Math.abs(reference) * hashBytes
    copyBytes(target, offset, from, start, start + hashBytes)
  }

  private fillLeaf(leaf: number, key: Uint8Array, valueHash: Uint8Array): void {
    const offset = leaf * hashBytes
    copyBytes(this.leafKeys, offset, key, 0, hashBytes)
    copyBytes(this.valueHashes, offset, valueHash, 0, hashBytes)
    hashInto(0, key, 0, valueHash, 0, this.leafHashes, offset)
  }

  private newNode(): number {
    const node = this.freeNodes.pop() ?? this.nodeCount++
    if (node === this.left.length) {
      this.left = grown(this.left, new Int32Array(node * 2))
      this.right = grown(this.right, new Int32Array(node * 2))
      this.stale = grown(this.stale, new Uint8Array(node * 2))
      this.nodeHashes = grown(this.nodeHashes, new Uint8Array(node * 2 * hashBytes))
    }
    this.stale[node] = 1
    return node
  }

  private newLeaf(): number {
    const leaf = this.freeLeaves.pop() ?? this.leafCount++
    if (leaf * hashBytes === this.leafKeys.length) {
      this.leafKeys = grown(this.leafKeys, new Uint8Array(leaf * 2 * hashBytes))
      this.valueHashes = grown(this.valueHashes, new Uint8Array(leaf * 2 * hashBytes))
      this.leafHashes = grown(this.leafHashes, new Uint8Array(leaf * 2 * hashBytes))
    }
    return leaf
  }
}

function grown<Cells extends Int32Array | Uint8Array>(from: Cells, to: Cells): Cells {
  to.set(from)
  return to
}

/**
 * Whether a proof shows that the key has this value under the root, or with `undefined` that it has none. Bytes of any
 * length and content are safe to pass.
 */
export function provesState(
  root: Uint8Array,
  key: Uint8Array,
  valueHash: Uint8Array | undefined,
  { siblings, end }: StateProof,
): boolean {
  const all = [root, key, ...siblings, valueHash ?? zeros]
  if (siblings.length > treeKeyBytes * 8 || all.some(({ length }) => length !== hashBytes)) return false
  const node = new Uint8Array(hashBytes)
  if (end.type === 'found') {
    if (valueHash === undefined) return false
    hashInto(0, key, 0, valueHash, 0, node, 0)
  } else {
    if (valueHash !== undefined) return false
    if (end.type === 'other') {
      if (end.key.length !== hashBytes || end.valueHash.length !== hashBytes) return false
      if (equalBytes(end.key, key) || !sharesPath(end.key, key, siblings.length)) return false
      hashInto(0, end.key, 0, end.valueHash, 0, node, 0)
    }
  }
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth] ?? emptyBytes
    if (bitAt(key, 0, depth) === 1) hashInto(1, sibling, 0, node, 0, node, 0)
    else hashInto(1, node, 0, sibling, 0, node, 0)
  }
  return equalBytes(node, root)
}

function sharesPath(a: Uint8Array, b: Uint8Array, depth: number): boolean {
  for (let bit = 0; bit < depth; bit++) {
    if (bitAt(a, 0, bit) !== bitAt(b, 0, bit)) return false
  }
  return true
}
