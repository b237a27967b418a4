// The resume record: reads back what was written, and makes nothing of anything else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { unwrap } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/hash.ts'
import type { InfoHashV1, InfoHashV2 } from '../../src/base/ids.ts'
import { encode } from '../../src/formats/bencode/encode.ts'
import { decodeResumeRecord, encodeResumeRecord, type ResumeRecord } from '../../src/storage/resume-record.ts'

const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes).toString('hex'))
const whole = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const texts = fc.array(text, { maxLength: 4 })
const limit = fc.oneof(
  fc.constantFrom(0, 1.5, 0.1, 1e-7, Number.POSITIVE_INFINITY),
  fc.nat(),
  fc.integer({ min: 0, max: 1_000_000 }).map((value) => value / 1000),
)

const files = fc.array(
  fc.record(
    {
      where: fc.constantFrom('absent' as const, 'present' as const, 'parts' as const),
      lengthBytes: whole,
      modifiedMs: whole,
      priority: fc.nat({ max: 7 }),
      path: fc.array(fc.constantFrom('a', 'b c', 'ü.txt'), { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['where', 'lengthBytes', 'modifiedMs', 'priority'], noNullPrototype: true },
  ),
  { maxLength: 5 },
)

const records: fc.Arbitrary<ResumeRecord> = fc.record(
  {
    infoHashV1: hex(20).map((id) => id as InfoHashV1),
    infoHashV2: hex(32).map((id) => id as InfoHashV2),
    displayName: text,
    metainfo: fc.uint8Array(),
    folder: text,
    leftFolder: text,
    flags: texts,
    limits: fc.dictionary(fc.constantFrom('download', 'upload', 'ratio'), limit, { noNullPrototype: true }),
    trackers: fc.array(texts, { maxLength: 3 }),
    userTrackers: texts,
    webSeeds: texts,
    userWebSeeds: texts,
    priorities: fc.array(fc.nat({ max: 7 }), { maxLength: 6 }),
    totals: fc.record(
      { downloadedBytes: whole, uploadedBytes: whole, activeSeconds: whole, seedingSeconds: whole },
      { noNullPrototype: true },
    ),
    trackerKey: fc.nat({ max: 0xffff_ffff }),
    addedMs: whole,
    completedMs: whole,
    peers: fc
      .array(fc.tuple(fc.boolean(), fc.nat({ max: 255 }), fc.integer({ min: 1, max: 65_535 })), { maxLength: 50 })
      .map((peers) =>
        // As it is read: one family after the other.
        [...peers.filter(([isV4]) => isV4), ...peers.filter(([isV4]) => !isV4)].map(([isV4, number, port]) =>
          isV4
            ? { family: 4 as const, address: `203.0.113.${number}`, port }
            : { family: 6 as const, address: `2001:db8::${(number + 1).toString(16)}`, port },
        ),
      ),
    storage: fc.record(
      {
        have: fc.uint8Array(),
        partials: fc.array(
          fc.record(
            { piece: fc.nat({ max: 2 ** 21 - 1 }), blocks: fc.uint8Array({ minLength: 1 }) },
            { noNullPrototype: true },
          ),
          {
            maxLength: 3,
          },
        ),
        files,
      },
      { noNullPrototype: true },
    ),
  },
  {
    noNullPrototype: true,
    requiredKeys: [
      'displayName',
      'folder',
      'flags',
      'limits',
      'trackers',
      'userTrackers',
      'webSeeds',
      'userWebSeeds',
      'priorities',
      'totals',
      'trackerKey',
      'addedMs',
      'peers',
    ],
  },
)

const sample: ResumeRecord = {
  displayName: 'x',
  folder: '/tmp',
  flags: ['started'],
  limits: {},
  trackers: [],
  userTrackers: [],
  webSeeds: [],
  userWebSeeds: [],
  priorities: [],
  totals: { downloadedBytes: 1, uploadedBytes: 2, activeSeconds: 3, seedingSeconds: 4 },
  trackerKey: 5,
  addedMs: 6,
  peers: [],
}

/** A record whose body says something else, with a checksum that fits. */
function forged(change: Record<string, unknown>): Uint8Array {
  const plain: Record<string, unknown> = {
    version: 1,
    name: 'x',
    folder: '/tmp',
    flags: [],
    limits: {},
    trackers: [],
    user: [],
    seeds: [],
    priorities: '',
    totals: [0, 0, 0, 0],
    key: 1,
    added: 1,
    ...change,
  }
  const body = encode(plain as Parameters<typeof encode>[0])
  return encode({ body, sha256: sha256(body) })
}

describe('resume record', () => {
  test('reads back what was written', () => {
    fc.assert(
      fc.property(records, (record) => {
        const plain = { ...record, limits: { ...record.limits } }
        assert.deepEqual(unwrap(decodeResumeRecord(encodeResumeRecord(plain))), plain)
      }),
      { numRuns: 200 },
    )
  })

  test('no bytes make it throw, and no change goes unnoticed', () => {
    const good = encodeResumeRecord(sample)
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.integer({ min: 1, max: 255 }), (place, flip) => {
        const bad = good.slice()
        bad[place] = (bad[place] as number) ^ flip
        const decoded = decodeResumeRecord(bad)
        assert.equal(decoded.ok ? 'ok' : decoded.code, 'resume-damaged')
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        assert.equal(decodeResumeRecord(bytes).ok, false)
      }),
      { numRuns: 300 },
    )
  })

  test('a forged record is held to the caps, and its paths to their folder', () => {
    assert.ok(decodeResumeRecord(forged({})).ok)
    const storage = { have: '', partials: [], files: [] }
    const refused: Record<string, unknown>[] = [
      { version: 2 },
      { key: -1 },
      { name: new Uint8Array([255]) },
      { totals: [1, 2, 3, 4, 5] },
      { totals: [-1] },
      { priorities: new Uint8Array([8]) },
      { limits: { a: '1e9' } },
      { limits: { a: '-1' } },
      { flags: Array.from({ length: 65 }, () => 'x') },
      { peers: new Uint8Array(7) },
      { peers: new Uint8Array(306) },
      { storage: { ...storage, have: new Uint8Array(262_145) } },
      { storage: { ...storage, files: [[3, 0, 0, 0]] } },
      { storage: { ...storage, files: [[0]] } },
      { storage: { ...storage, partials: [[2 ** 21, 'a']] } },
      { storage: { ...storage, partials: [[1, new Uint8Array(4097)]] } },
    ]
    for (const change of refused) {
      const decoded = decodeResumeRecord(forged(change))
      assert.equal(decoded.ok ? 'ok' : decoded.code, 'resume-damaged', JSON.stringify(change).slice(0, 80))
    }
    const beyond = unwrap(decodeResumeRecord(forged({ limits: { a: '9'.repeat(20) } })))
    assert.deepEqual(beyond.limits, { a: Number.POSITIVE_INFINITY })
    const path = ['..', 'a/../b', '.', 'c']
    const safe = unwrap(decodeResumeRecord(forged({ storage: { ...storage, files: [[1, 2, 3, 4, path]] } })))
    assert.deepEqual(safe.storage?.files[0]?.path, ['a..b', 'c'])
  })
})
