// Benchmark: bencode decode and encode against npm's `bencode`, on what a client reads all day and on a large
// torrent. Guarantees: both sides get the same bytes to decode and the same value to encode, and are checked
// to agree before they are timed.
import assert from 'node:assert/strict'
import { concatBytes, equalBytes, fromLatin1 } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { BencodeCursor } from '../src/formats/bencode/cursor.ts'
import { decode } from '../src/formats/bencode/decode.ts'
import { type BencodeInput, encode } from '../src/formats/bencode/encode.ts'
import { scan, TapeScanner } from '../src/formats/bencode/scan.ts'
import { npmBencode } from '../test/npm-bencode.ts'
import { type Benchmark, type ContestOptions, compare, type Measurement } from './measure.ts'

const bar = 3
const fileCount = 50_000

/** Bytes without pattern, the same every time. */
function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed * 2_654_435_761
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    bytes[index] = state >>> 24
  }
  return bytes
}

function getPeersQuery(): Uint8Array {
  const a = { 'id': noise(20, 1), 'info_hash': noise(20, 2) }
  return encode({ a, 'q': 'get_peers', 't': noise(2, 3), 'y': 'q' })
}

function getPeersReply(): Uint8Array {
  const values = Array.from({ length: 19 }, (_, index) => noise(6, 10 + index))
  const r = { 'id': noise(20, 4), 'nodes': noise(8 * 26, 5), 'token': noise(15, 6), values }
  return encode({ r, 't': noise(2, 7), 'y': 'r' })
}

function largeMetainfo(): Uint8Array {
  const files = Array.from({ length: fileCount }, (_, index) => ({
    'length': 1_000_000 + index * 37,
    'path': [
      `season ${String(index % 100).padStart(2, '0')}`,
      `evening ${index % 7}`,
      `${String(index).padStart(6, '0')} recording of a long evening, the second half.flac`,
    ],
  }))
  const pieces = noise(20 * 50_000, 8)
  const info = { files, 'name': 'archive', 'piece length': 1_048_576, pieces }
  return encode({ 'announce': 'http://tracker.example/announce', 'created by': 'bench', info })
}

function readQuery(scanner: TapeScanner, bytes: Uint8Array): number {
  const message = new BencodeCursor(unwrap(scanner.scan(bytes)))
  const body = message.get('a')
  const isQuery = message.get('y')?.latin1() === 'q' && message.get('q')?.latin1() === 'get_peers'
  const ids = (body?.get('id')?.byteLength ?? 0) + (body?.get('info_hash')?.byteLength ?? 0)
  return (message.get('t')?.byteLength ?? 0) + ids + Number(isQuery)
}

function readReply(scanner: TapeScanner, bytes: Uint8Array): number {
  const message = new BencodeCursor(unwrap(scanner.scan(bytes)))
  const body = message.get('r')
  let sum = (message.get('t')?.byteLength ?? 0) + (body?.get('id')?.byteLength ?? 0)
  sum += (body?.get('nodes')?.bytes()?.length ?? 0) + (body?.get('token')?.bytes()?.length ?? 0)
  for (const value of body?.get('values')?.elements() ?? []) sum += value.bytes()?.[5] ?? 0
  return sum
}

/** Paths as bytes, which is what the other side gives too. */
function readMetainfo(bytes: Uint8Array): number {
  const info = new BencodeCursor(unwrap(scan(bytes))).get('info')
  let sum = info?.get('pieces')?.bytes()?.length ?? 0
  for (const file of info?.get('files')?.elements() ?? []) {
    sum += file.get('length')?.integer() ?? 0
    for (const component of file.get('path')?.elements() ?? []) sum += component.bytes()?.length ?? 0
  }
  return sum
}

interface Subject {
  readonly name: string
  readonly bytes: Uint8Array
  readonly timing: ContestOptions
  read(bytes: Uint8Array): number
}

function checkAgreement(bytes: Uint8Array): void {
  const theirs: unknown = npmBencode.decode(bytes)
  assert.ok(equalBytes(npmBencode.encode(theirs), bytes))
  assert.ok(equalBytes(encode(theirs as BencodeInput), bytes))
  assert.ok(equalBytes(encode(unwrap(decode(bytes, { strict: true }))), bytes))
}

function decodeContests({ name, bytes, timing, read }: Subject): Measurement[] {
  const theirs = () => npmBencode.decode(bytes)
  const common = { bar, unit: '/s', theirs }
  return [
    compare({ ...common, name: `${name}: decode`, ours: () => decode(bytes) }, timing),
    compare({ ...common, name: `${name}: scan and read`, ours: () => read(bytes) }, timing),
  ]
}

function encodeContests({ name, bytes, timing }: Subject): Measurement[] {
  // Their values are plain objects, arrays, numbers and bytes, which is what ours encodes too.
  const value = npmBencode.decode(bytes) as BencodeInput
  const own = unwrap(decode(bytes))
  const common = { bar, unit: '/s', theirs: () => npmBencode.encode(value) }
  return [
    compare({ ...common, name: `${name}: encode`, ours: () => encode(value) }, timing),
    compare({ ...common, name: `${name}: encode own`, ours: () => encode(own) }, timing),
  ]
}

export const benchmark: Benchmark = {
  name: 'bencode',
  summary: `decode and encode against npm's bencode, at least ${bar} times as fast`,
  run() {
    const query = getPeersQuery()
    const reply = getPeersReply()
    const metainfo = largeMetainfo()
    assert.equal(query.length, 95)
    assert.equal(reply.length, 453)
    assert.ok(metainfo.length > 6_300_000 && metainfo.length < 6_500_000, `${metainfo.length} bytes`)
    assert.ok(equalBytes(concatBytes([fromLatin1('d1:ad2:id20:'), noise(20, 1)]), query.subarray(0, 32)))
    const scanner = new TapeScanner()
    const many: ContestOptions = { rounds: 25, roundMs: 25 }
    const few: ContestOptions = { rounds: 13, roundMs: 150, collectsGarbage: true }
    const subjects: readonly Subject[] = [
      { name: '95-byte query', bytes: query, timing: many, read: (bytes) => readQuery(scanner, bytes) },
      { name: '453-byte reply', bytes: reply, timing: many, read: (bytes) => readReply(scanner, bytes) },
      { name: '6.4 MB metainfo', bytes: metainfo, timing: few, read: readMetainfo },
    ]
    for (const { bytes } of subjects) checkAgreement(bytes)
    return subjects.flatMap((subject) => [...decodeContests(subject), ...encodeContests(subject)])
  },
}
