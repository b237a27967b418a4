// Fuzz target: the resume record, which anybody may have changed on the disk. Any bytes, and any body under a checksum
// that is right, give a record within its bounds or resume-damaged; a record taken is written and read back the same.
import assert from 'node:assert/strict'
import { fromHex, fromLatin1 } from '../src/base/bytes.ts'
import { unwrap } from '../src/base/errors.ts'
import { sha256 } from '../src/base/hash.ts'
import { infoHashV1, infoHashV2 } from '../src/base/ids.ts'
import { BencodeCursor } from '../src/formats/bencode/cursor.ts'
import { encode } from '../src/formats/bencode/encode.ts'
import { scan } from '../src/formats/bencode/scan.ts'
import { maxPieceCount } from '../src/formats/metainfo/metainfo.ts'
import { sanitisePath } from '../src/formats/path-sanitiser.ts'
import {
  decodeResumeRecord,
  encodeResumeRecord,
  maxKeptPeers,
  type ResumeRecord,
} from '../src/storage/resume-record.ts'
import type { FuzzTarget } from './fuzz-target.ts'

const fewest: ResumeRecord = {
  displayName: '',
  folder: '/',
  flags: [],
  limits: {},
  trackers: [],
  userTrackers: [],
  webSeeds: [],
  userWebSeeds: [],
  priorities: [],
  totals: { downloadedBytes: 0, uploadedBytes: 0, activeSeconds: 0, seedingSeconds: 0 },
  trackerKey: 0,
  addedMs: 0,
  peers: [],
}

const full: ResumeRecord = {
  infoHashV1: infoHashV1(unwrap(fromHex('12'.repeat(20)))),
  infoHashV2: infoHashV2(unwrap(fromHex('34'.repeat(32)))),
  displayName: 'ümläut',
  metainfo: fromLatin1('d4:infodee'),
  folder: '/home/somebody/downloads',
  flags: ['started', 'sequential'],
  limits: { download: 1_048_576, ratio: 1.5, upload: Number.POSITIVE_INFINITY },
  trackers: [['http://t.example/announce', 'udp://t.example:6969'], ['http://u.example/announce']],
  userTrackers: ['http://u.example/announce'],
  webSeeds: ['http://w.example/'],
  userWebSeeds: ['http://w.example/'],
  priorities: [4, 0, 7],
  totals: { downloadedBytes: 5_000_000_000, uploadedBytes: 12, activeSeconds: 3_600, seedingSeconds: 60 },
  trackerKey: 0xdead_beef,
  addedMs: 1_793_491_200_000,
  completedMs: 1_793_491_300_000,
  peers: [
    { family: 4, address: '192.0.2.1', port: 6881 },
    { family: 6, address: '2001:db8::1', port: 6882 },
  ],
  storage: {
    have: Uint8Array.of(0xf0, 0x80),
    partials: [{ piece: 5, blocks: Uint8Array.of(0xa0) }],
    files: [
      {
        where: 'present',
        lengthBytes: 70_000,
        modifiedMs: 1_793_491_200_000,
        priority: 4,
        path: ['folder', 'new name'],
      },
      { where: 'absent', lengthBytes: 0, modifiedMs: 0, priority: 0 },
      { where: 'parts', lengthBytes: 10, modifiedMs: 0, priority: 7 },
    ],
  },
}

/** The part under the checksum: mutations of the whole would all fail at that. */
function bodyOf(record: ResumeRecord): Uint8Array {
  const tape = unwrap(scan(encodeResumeRecord(record)))
  const body = new BencodeCursor(tape).get('body')?.bytes()
  assert.ok(body !== undefined)
  return body.slice()
}

function checkBounds({ peers, flags, limits, priorities, storage }: ResumeRecord): void {
  assert.ok(peers.length <= maxKeptPeers && peers.every(({ port }) => port >= 0 && port <= 65_535))
  assert.ok(flags.length <= 64 && Object.values(limits).every((limit) => limit >= 0))
  assert.ok(priorities.every((priority) => priority <= 7))
  for (const { piece, blocks } of storage?.partials ?? []) {
    assert.ok(Number.isSafeInteger(piece) && piece >= 0 && piece < maxPieceCount && blocks.length <= 4096)
  }
  for (const { path, lengthBytes, modifiedMs } of storage?.files ?? []) {
    assert.ok(Number.isSafeInteger(lengthBytes) && lengthBytes >= 0 && Number.isSafeInteger(modifiedMs))
    if (path !== undefined) assert.deepEqual(sanitisePath(path), path)
  }
}

function check(input: Uint8Array): void {
  const record = decodeResumeRecord(input)
  if (record.ok) {
    checkBounds(record.value)
    assert.deepEqual(decodeResumeRecord(encodeResumeRecord(record.value)), record)
  } else assert.equal(record.code, 'resume-damaged')
}

export const target: FuzzTarget = {
  name: 'resume-record',
  seeds: [bodyOf(fewest), bodyOf(full), encodeResumeRecord(full)],
  tokens: ['6:limits', '5:peers', '6:peers6', '7:storage', '4:have', '8:partials', '5:files', 'i7e', '2:..', 'le', 'de']
    .concat(['4:none', '20:99999999999999999999', 'i-1e', '1:/'])
    .map(fromLatin1),
  run(input) {
    check(input)
    check(encode({ body: input, sha256: sha256(input) }))
  },
}
