// A sink that builds the value a bencode stream describes, for tests and fuzzing.
// Guarantees: fails when the events make no sense; copies views, and spoils them after, as their contract allows.
import assert from 'node:assert/strict'
import { concatBytes, toLatin1 } from '../../../src/base/bytes.ts'
import { type Result, success } from '../../../src/base/errors.ts'
import type { BencodeDictionary, BencodeValue } from '../../../src/formats/bencode/decode.ts'
import { type BencodeSink, BencodeStream, type StreamOptions } from '../../../src/formats/bencode/stream.ts'

export interface ValueSink extends BencodeSink {
  readonly root: BencodeValue | undefined
  readonly fragments: number
  readonly longestView: number
}

export function valueSink(): ValueSink {
  const open: (BencodeValue[] | BencodeDictionary)[] = []
  const keys: (string | undefined)[] = []
  let root: BencodeValue | undefined
  let long: { parts: Uint8Array[]; left: number } | undefined
  let fragments = 0
  let longestView = 0

  const add = (value: BencodeValue) => {
    assert.equal(long, undefined, 'no value inside a string')
    const parent = open.at(-1)
    if (parent === undefined) {
      assert.equal(root, undefined, 'one root')
      root = value
    } else if (parent instanceof Map) {
      const key = keys.pop()
      keys.push(undefined)
      assert.ok(key !== undefined, 'a key before each value')
      if (!parent.has(key)) parent.set(key, value)
    } else {
      parent.push(value)
    }
  }
  const begin = (container: BencodeValue[] | BencodeDictionary) => {
    add(container)
    open.push(container)
    keys.push(undefined)
  }
  const see = (view: Uint8Array) => {
    longestView = Math.max(longestView, view.length)
    return view.slice()
  }
  return {
    get root() {
      return root
    },
    get fragments() {
      return fragments
    },
    get longestView() {
      return longestView
    },
    beginDictionary: () => begin(new Map()),
    beginList: () => begin([]),
    end() {
      assert.ok(open.pop() !== undefined)
      assert.equal(keys.pop(), undefined, 'a value after each key')
    },
    key(content) {
      assert.ok(open.at(-1) instanceof Map && keys.at(-1) === undefined, 'a key in a dictionary, after a value')
      keys[keys.length - 1] = toLatin1(see(content))
    },
    integer: add,
    string: (content) => add(see(content)),
    beginString(lengthBytes) {
      assert.equal(long, undefined)
      long = { parts: [], left: lengthBytes }
    },
    fragment(content) {
      assert.ok(long !== undefined && content.length > 0 && content.length <= long.left)
      long.left -= content.length
      long.parts.push(see(content))
      fragments++
    },
    endString() {
      assert.ok(long !== undefined && long.left === 0)
      const { parts } = long
      long = undefined
      add(concatBytes(parts))
    },
  }
}

/** Feeds chunks that end at the given offsets to a stream; the value, or how the stream failed. */
export function decodeInChunks(
  bytes: Uint8Array,
  cuts: readonly number[],
  options: StreamOptions = {},
): Result<BencodeValue> {
  const sink = valueSink()
  const stream = new BencodeStream(sink, options)
  const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b)
  let start = 0
  for (const end of ends) {
    // A copy that is overwritten afterwards: views must not be used once the method has returned.
    const chunk = bytes.slice(start, end)
    const pushed = stream.push(chunk)
    if (!pushed.ok) return pushed
    chunk.fill(0x21)
    start = end
  }
  const finished = stream.finish()
  if (!finished.ok) return finished
  assert.ok(sink.root !== undefined)
  return success(sink.root)
}
