// The swarms of a tracker as bytes, for a restart or another instance: a head, then a frame a peer, with how long ago it was
// heard of. Guarantees: reading never throws and takes nothing that is damaged (a SHA-256 over all stands at the end of a
// snapshot); writing goes a part at a time, so that a large tracker answers meanwhile. Pure but for the server it is given.
import { concatBytes, emptyBytes, equalBytes, fromLatin1, readUint32, toLatin1, writeUint32 } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { runningHash, sha256, sha256Length } from '../base/hash.ts'
import { compactEndpointLength } from '../formats/compact-endpoint.ts'
import { hashLength } from '../formats/tracker/announce.ts'
import type { PeerChange, TrackerServer } from './tracker-server.ts'

// A frame: 20 bytes of info hash, flags, age in ticks, 4 of key, 20 of peer id, then 6 or 18 of endpoint.
const flagsAt = hashLength
const ageAt = flagsAt + 1
const keyAt = ageAt + 1
const peerIdAt = keyAt + 4
const endpointAt = peerIdAt + hashLength
/** Bytes that the frame of a change may take. */
export const longestChange = endpointAt + 18
const ipv6Flag = 1
const seederFlag = 2
const partialFlag = 4
const eventFlags = { here: 0, completed: 8, stopped: 16 } as const
const magic = 'swarmbid tracker 1\n'
/** Then 4 bytes of the seconds between announces, which ages are counted in, and 4 of seconds since 1970. */
const headLength = magic.length + 8
const downloadsFlag = 32
const partLength = 262_144
const oldestAge = 8

/** Writes the frame of a change at `offset`; the offset after it. */
export function encodeChange(target: Uint8Array, offset: number, change: PeerChange, ageTicks: number): number {
  target.set(change.infoHash, offset)
  target[offset + flagsAt] =
    (change.family === 6 ? ipv6Flag : 0) |
    (change.isSeeder ? seederFlag : 0) |
    (change.isPartial ? partialFlag : 0) |
    eventFlags[change.event]
  target[offset + ageAt] = ageTicks
  writeUint32(target, offset + keyAt, change.key)
  target.set(change.peerId, offset + peerIdAt)
  target.set(change.endpoint, offset + endpointAt)
  return offset + endpointAt + change.endpoint.length
}

/** Hands each frame of `bytes` to `server`; how many it took, or -1 for bytes that are no whole frames. */
export function applyChanges(
  server: TrackerServer,
  bytes: Uint8Array,
  nowMs: number,
  ageNow: (ticks: number) => number = (ticks) => ticks,
): number {
  let applied = 0
  let offset = 0
  while (offset < bytes.length) {
    if (offset + endpointAt + 6 > bytes.length) return -1
    const flags = bytes[offset + flagsAt] as number
    const family = (flags & ipv6Flag) === 0 ? 4 : 6
    const end = offset + endpointAt + compactEndpointLength(family)
    if (end > bytes.length) return -1
    const infoHash = bytes.subarray(offset, offset + hashLength)
    const endpoint = bytes.subarray(offset + endpointAt, end)
    const age = ageNow(bytes[offset + ageAt] as number)
    if ((flags & downloadsFlag) !== 0) {
      server.applyDownloads(infoHash, readUint32(bytes, offset + keyAt))
    } else if (age <= oldestAge && (endpoint[endpoint.length - 2] !== 0 || endpoint[endpoint.length - 1] !== 0)) {
      const change: PeerChange = {
        family,
        infoHash,
        endpoint,
        peerId: bytes.subarray(offset + peerIdAt, offset + endpointAt),
        key: readUint32(bytes, offset + keyAt),
        isSeeder: (flags & seederFlag) !== 0,
        isPartial: (flags & partialFlag) !== 0 && (flags & seederFlag) === 0,
        event:
          (flags & eventFlags.stopped) !== 0 ? 'stopped' : (flags & eventFlags.completed) !== 0 ? 'completed' : 'here',
      }
      if (server.apply(change, age, nowMs)) applied++
    }
    offset = end
  }
  return applied
}

type Choice = 'all' | 'ours'

function encodeList(
  server: TrackerServer,
  swarm: number,
  [family, isSeeder]: readonly [4 | 6, boolean],
  choice: Choice,
  nowMs: number,
): Uint8Array {
  const { swarms } = server
  const pool = swarms.pools[family]
  const count = isSeeder ? pool.seeders(swarm) : pool.leechers(swarm)
  const bytes = new Uint8Array(count * (endpointAt + pool.endpointLength))
  const endpoint = new Uint8Array(pool.endpointLength)
  const first = count === 0 ? 0 : pool.firstRecord(swarm, isSeeder)
  let end = 0
  for (let record = first; record < first + count; record++) {
    if (choice === 'ours' && !pool.isOurs(record)) continue
    pool.copyEndpoint(record, endpoint, 0)
    const change: PeerChange = {
      family,
      infoHash: swarms.hashOf(swarm),
      endpoint,
      peerId: pool.peerIdOf(record),
      key: pool.keyOf(record),
      isSeeder,
      isPartial: pool.isPartial(record),
      event: 'here',
    }
    end = encodeChange(bytes, end, change, swarms.ageOf(pool.tickOf(record), nowMs))
  }
  return bytes.subarray(0, end)
}

function encodeDownloads(server: TrackerServer, swarm: number): Uint8Array {
  const count = server.swarms.downloadsOf(swarm)
  if (count === 0) return emptyBytes
  const bytes = new Uint8Array(endpointAt + 6)
  bytes.set(server.swarms.hashOf(swarm))
  bytes[flagsAt] = downloadsFlag
  writeUint32(bytes, keyAt, count)
  return bytes
}

/**
 * Frames of all peers, or of those that announced to this instance, in parts of about 256 KiB; the server may be used between
 * two of them.
 */
export function* changesOf(server: TrackerServer, choice: Choice, nowMs: () => number): Generator<Uint8Array> {
  const { swarms } = server
  let parts: Uint8Array[] = []
  let length = 0
  for (let swarm = 0; swarm < swarms.end; swarm++) {
    if (!swarms.isLive(swarm)) continue
    for (const family of [4, 6] as const) {
      for (const isSeeder of [true, false]) {
        parts.push(encodeList(server, swarm, [family, isSeeder], choice, nowMs()))
      }
    }
    // After its peers, without whom there is no swarm to count for.
    parts.push(encodeDownloads(server, swarm))
    length += parts.slice(-5).reduce((sum, part) => sum + part.length, 0)
    if (length < partLength) continue
    yield concatBytes(parts)
    parts = []
    length = 0
  }
  if (parts.length > 0) yield concatBytes(parts)
}

/** A snapshot in parts, its check at the end; `wallMs` as of now. */
export function* encodeSnapshot(server: TrackerServer, wallMs: number, nowMs: () => number): Generator<Uint8Array> {
  const head = new Uint8Array(headLength)
  head.set(fromLatin1(magic))
  writeUint32(head, magic.length, server.intervalSeconds)
  writeUint32(head, magic.length + 4, Math.floor(wallMs / 1_000))
  const check = runningHash('sha256')
  check.update(head)
  yield head
  for (const part of changesOf(server, 'all', nowMs)) {
    check.update(part)
    yield part
  }
  yield check.digest()
}

/** Fills a server; how many peers it took. Errors: tracker-state, with nothing taken. */
export function decodeSnapshot(
  server: TrackerServer,
  bytes: Uint8Array,
  wallMs: number,
  nowMs: number,
): Result<number> {
  const end = bytes.length - sha256Length
  if (end < headLength || toLatin1(bytes, 0, magic.length) !== magic) {
    return failure('tracker-state', 'this is no snapshot of a tracker, or one of another version')
  }
  if (!equalBytes(sha256(bytes.subarray(0, end)), bytes.subarray(end))) {
    return failure('tracker-state', 'the snapshot is damaged')
  }
  const passedMs = Math.max(0, wallMs - 1_000 * readUint32(bytes, magic.length + 4))
  const tickMs = (250 * readUint32(bytes, magic.length)) as number
  const ageNow = (age: number) => Math.floor((age * tickMs + passedMs) / server.swarms.tickLengthMs)
  const applied = applyChanges(server, bytes.subarray(headLength, end), nowMs, ageNow)
  return applied === -1 ? failure('tracker-state', 'the snapshot ends within a peer') : success(applied)
}
