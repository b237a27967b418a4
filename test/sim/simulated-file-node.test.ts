// A simulated file is, through anything that happens to it, byte for byte what a naive one is, whether or not its pages
// are known content, and a power loss leaves nothing but what was shown or what the disk was told to keep.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { KnownContents, pageBytes } from '../../sim/ports/known-contents.ts'
import { DiskSpace, FileNode, type SyncPoint } from '../../sim/ports/simulated-file-node.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { equalBytes } from '../../src/base/bytes.ts'

const lengthBytes = 10 * pageBytes + 1234
const maxPages = 14

function randomBytes(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  simulatedRandom(seed).fill(bytes)
  return bytes
}

const content = randomBytes(1, lengthBytes)
/** What the disk does not know; parts of it look like the content. */
const other = randomBytes(2, maxPages * pageBytes)
other.set(content.subarray(2 * pageBytes, 4 * pageBytes), 2 * pageBytes)

/** A page of `bytes`, with zeros past the end. */
function pageOf(bytes: Uint8Array, page: number): Uint8Array {
  const padded = new Uint8Array(pageBytes)
  padded.set(bytes.subarray(page * pageBytes, (page + 1) * pageBytes))
  return padded
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const changed = new Uint8Array(length)
  changed.set(bytes.subarray(0, length))
  return changed
}

interface NaivePoint {
  readonly number: number
  readonly bytes: Uint8Array
  readonly dirty: ReadonlySet<number>
}

/** A file as whole copies of its bytes. */
class NaiveFile {
  shown: Uint8Array = new Uint8Array(0)
  durable: Uint8Array = new Uint8Array(0)
  dirty = new Set<number>()
  givenUp = new Set<number>()
  lastSynced = 0
  /** Syncs that had begun when a page was last written, by page. */
  readonly writtenAfter = new Map<number, number>()
  syncCount = 0

  write(position: number, part: Uint8Array): void {
    if (part.length === 0) return
    if (position + part.length > this.shown.length) this.shown = resized(this.shown, position + part.length)
    this.shown.set(part, position)
    this.touch(position, position + part.length)
  }

  resize(length: number): void {
    if (length < this.shown.length) this.touch(length, this.shown.length)
    this.shown = resized(this.shown, length)
  }

  flip(position: number): void {
    if (!this.givenUp.has(Math.floor(position / pageBytes))) this.touch(position, position + 1)
    for (const bytes of [this.shown, this.durable]) {
      if (position < bytes.length) bytes[position] = (bytes[position] as number) ^ 1
    }
  }

  begin(): NaivePoint {
    return { number: ++this.syncCount, bytes: this.shown.slice(), dirty: new Set(this.dirty) }
  }

  end(point: NaivePoint): void {
    if (point.number < this.lastSynced) return
    this.lastSynced = point.number
    const durable = resized(this.durable, maxPages * pageBytes)
    for (const page of point.dirty) {
      if (this.givenUp.has(page)) continue
      durable.set(pageOf(point.bytes, page), page * pageBytes)
      if ((this.writtenAfter.get(page) ?? 0) < point.number) this.dirty.delete(page)
    }
    this.durable = resized(durable, point.bytes.length)
  }

  fail(): void {
    for (const page of this.dirty) this.givenUp.add(page)
    this.dirty.clear()
  }

  assertMayBeLeft(left: Uint8Array): void {
    assert.ok(left.length === this.shown.length || left.length === this.durable.length, 'one of both lengths')
    for (let page = 0; page * pageBytes < left.length; page++) {
      const found = pageOf(left, page)
      const shown = pageOf(resized(this.shown, Math.min(this.shown.length, left.length)), page)
      const durable = pageOf(resized(this.durable, Math.min(this.durable.length, left.length)), page)
      const isOpen = this.dirty.has(page) || this.givenUp.has(page)
      assert.ok(equalBytes(found, durable) || (isOpen && equalBytes(found, shown)), `page ${page} after a power loss`)
    }
  }

  restart(bytes: Uint8Array): void {
    this.shown = bytes.slice()
    this.durable = bytes.slice()
    this.dirty.clear()
    this.givenUp.clear()
  }

  private touch(from: number, to: number): void {
    for (let page = Math.floor(from / pageBytes); page * pageBytes < to; page++) {
      this.dirty.add(page)
      this.givenUp.delete(page)
      this.writtenAfter.set(page, this.syncCount)
    }
  }
}

type Step =
  | { readonly type: 'write'; readonly position: number; readonly length: number; readonly isKnown: boolean }
  | { readonly type: 'resize'; readonly length: number }
  | { readonly type: 'flip'; readonly position: number }
  | { readonly type: 'read'; readonly position: number; readonly length: number }
  | { readonly type: 'begin' | 'fail' | 'power' }
  | { readonly type: 'end'; readonly which: number }
  | { readonly type: 'put'; readonly isKnown: boolean }

const positions = fc.oneof(
  fc.nat(lengthBytes),
  fc.nat(10).map((page) => page * pageBytes),
)
const lengths = fc.oneof(
  fc.nat(3 * pageBytes),
  fc.nat(8).map((pages) => pages * pageBytes),
  fc.constant(lengthBytes),
)
const write = fc.record({
  type: fc.constant('write' as const),
  position: positions,
  length: lengths,
  isKnown: fc.boolean(),
})
const steps: fc.Arbitrary<Step> = fc.oneof(
  write,
  write,
  write,
  fc.record({ type: fc.constant('resize' as const), length: fc.oneof(positions, fc.constant(lengthBytes)) }),
  fc.record({ type: fc.constant('flip' as const), position: positions }),
  fc.record({ type: fc.constant('read' as const), position: positions, length: lengths }),
  fc.record({ type: fc.constantFrom('begin' as const, 'begin' as const, 'fail' as const, 'power' as const) }),
  fc.record({ type: fc.constant('end' as const), which: fc.nat(5) }),
  fc.record({ type: fc.constant('end' as const), which: fc.nat(5) }),
  fc.record({ type: fc.constant('put' as const), isKnown: fc.boolean() }),
)

class Twins {
  readonly space: DiskSpace
  readonly node: FileNode
  readonly naive = new NaiveFile()
  private readonly random = simulatedRandom(3)
  private pending: { readonly real: SyncPoint; readonly naive: NaivePoint }[] = []

  constructor(known: KnownContents | undefined, capacityBytes: number) {
    this.space = new DiskSpace(capacityBytes)
    this.node = new FileNode('file', known)
    this.node.joinDisk(this.space)
  }

  take(step: Step): void {
    const { node, naive } = this
    if (step.type === 'write') this.write(step.position, step.length, step.isKnown ? content : other)
    else if (step.type === 'resize') {
      node.resize(step.length)
      naive.resize(step.length)
    } else if (step.type === 'flip') {
      assert.equal(node.flip(step.position), step.position < naive.shown.length)
      if (step.position < naive.shown.length) naive.flip(step.position)
    } else if (step.type === 'read') this.read(step.position, step.length)
    else if (step.type === 'begin') {
      this.pending.push({ real: node.beginSync(), naive: naive.begin() })
    } else if (step.type === 'end') {
      const [point] = this.pending.splice(step.which % Math.max(1, this.pending.length), 1)
      if (point === undefined) return
      node.endSync(point.real)
      naive.end(point.naive)
    } else if (step.type === 'fail') {
      this.pending.splice(0, 1)
      node.failSync()
      naive.fail()
    } else if (step.type === 'put') {
      this.pending = []
      const bytes = step.isKnown ? content : other.subarray(0, 9 * pageBytes + 5)
      node.put(bytes, 5)
      naive.restart(bytes)
    } else {
      this.pending = []
      node.losePower(this.random)
      naive.assertMayBeLeft(node.bytes())
      naive.restart(node.bytes())
    }
  }

  assertSame(): void {
    const { node, naive, space } = this
    assert.ok(equalBytes(node.bytes(), naive.shown), 'the bytes of a naive file')
    assert.equal(node.status().lengthBytes, naive.shown.length)
    assert.equal(node.status().allocatedBytes, space.usedPages * pageBytes)
    assert.ok(node.matches(naive.shown.slice()))
    assert.equal(node.matches(content), equalBytes(naive.shown, content))
  }

  private write(position: number, length: number, source: Uint8Array): void {
    const part = source.slice(position, position + length)
    const writtenBytes = this.node.write(position, part)
    if (writtenBytes < part.length) assert.equal(this.space.freePages <= 0, true, 'a short write on a disk with room')
    this.naive.write(position, part.subarray(0, writtenBytes))
  }

  private read(position: number, length: number): void {
    const target = new Uint8Array(new SharedArrayBuffer(length + 2)).fill(9)
    const expected = this.naive.shown.slice(position, position + length)
    assert.equal(this.node.read(position, target.subarray(1, length + 1)), expected.length)
    assert.ok(equalBytes(target.slice(1, expected.length + 1), expected))
    assert.ok(target[0] === 9 && target.slice(expected.length + 1).every((byte) => byte === 9), 'nothing beside it')
  }
}

for (const isKnowing of [false, true]) {
  test(`a file is what a naive one is, ${isKnowing ? 'with' : 'without'} known content`, () => {
    const capacities = fc.constantFrom(2 ** 50, 2 ** 50, 9 * pageBytes)
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 40, size: 'max' }), capacities, (taken, capacityBytes) => {
        const twins = new Twins(isKnowing ? new KnownContents([content]) : undefined, capacityBytes)
        for (const step of taken) {
          twins.take(step)
          twins.assertSame()
        }
      }),
      { numRuns: 100 },
    )
  })
}

describe('known content of a simulated file', () => {
  const isKnownAfter = (pieces: readonly (readonly [number, number])[]): boolean => {
    const node = new FileNode('file', new KnownContents([other, content]))
    for (const [from, to] of pieces) node.write(from, content.subarray(from, to))
    assert.ok(equalBytes(node.bytes(), content))
    return node.isKnown(1)
  }

  test('is recognised however it was written', () => {
    assert.ok(isKnownAfter([[0, lengthBytes]]))
    const cuts = [0, 1, 5000, 8192, 8193, 30_000, 32_768, lengthBytes]
    const parts = cuts.slice(1).map((to, index) => [cuts[index] as number, to] as const)
    assert.ok(isKnownAfter(parts))
    assert.ok(isKnownAfter([...parts].reverse()))
  })

  test('is not what a changed byte leaves', () => {
    const node = new FileNode('file', new KnownContents([content]))
    node.put(content, 0)
    assert.ok(node.isKnown(0))
    node.flip(lengthBytes - 1)
    assert.equal(node.isKnown(0), false)
    assert.equal(node.matches(content), false)
    node.write(10 * pageBytes, content.subarray(10 * pageBytes))
    assert.ok(node.isKnown(0))
    node.resize(lengthBytes - 1)
    assert.equal(node.isKnown(0), false)
  })
})

describe('syncs of a simulated file that overlap', () => {
  const filled = (byte: number) => new Uint8Array(pageBytes).fill(byte)

  /** What is found in a page of one byte after a power loss, over thirty seeds. */
  function leftAfter(arrange: (node: FileNode) => void): number[] {
    const left = new Set<number>()
    for (let seed = 1; seed <= 30; seed++) {
      const node = new FileNode('file')
      node.put(filled(0), 0)
      node.write(0, filled(1))
      arrange(node)
      node.losePower(simulatedRandom(seed))
      left.add(node.bytes()[0] as number)
    }
    return [...left].sort()
  }

  test('never take back what a later one brought', () => {
    const left = leftAfter((node) => {
      const first = node.beginSync()
      node.write(0, filled(2))
      const second = node.beginSync()
      node.endSync(second)
      node.endSync(first)
      node.write(0, filled(3))
    })
    assert.deepEqual(left, [2, 3])
  })

  test('leave what was written meanwhile to the next one', () => {
    const left = leftAfter((node) => {
      const first = node.beginSync()
      node.write(0, filled(2))
      node.endSync(first)
      node.endSync(node.beginSync())
      node.write(0, filled(3))
    })
    assert.deepEqual(left, [2, 3])
  })

  test('do not bring what one of them gave up', () => {
    const left = leftAfter((node) => {
      node.beginSync()
      const second = node.beginSync()
      assert.equal(node.failSync(), 1)
      node.endSync(second)
      node.endSync(node.beginSync())
    })
    assert.deepEqual(left, [0, 1])
  })
})
