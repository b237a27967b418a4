// Very large pieces and little memory: swarm and storage together, over simulated disk and hasher. Chunks of a piece
// come in order, so that the few that fit make progress whoever sends them; nothing stalls, nothing is read in circles.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedDisk } from '../../sim/ports/simulated-files.ts'
import { SimulatedHasher } from '../../sim/ports/simulated-hasher.ts'
import { SimulatedPieceMemory } from '../../sim/ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { Bitfield } from '../../src/base/bitfield.ts'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { peerId } from '../../src/base/ids.ts'
import { buildMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { PeerConnection } from '../../src/peer/peer-connection.ts'
import type { ByteSink } from '../../src/peer/peer-events.ts'
import type { FileRoot, OpenFile } from '../../src/ports/files.ts'
import { FilePool } from '../../src/storage/file-pool.ts'
import { HashQueue } from '../../src/storage/hash-queue.ts'
import { planPieces } from '../../src/storage/piece-plan.ts'
import { SlotPool } from '../../src/storage/slot-pool.ts'
import { TorrentStorage } from '../../src/storage/torrent-storage.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import type { SwarmStorage } from '../../src/swarm/swarm-context.ts'
import type { SwarmPeer } from '../../src/swarm/swarm-peer.ts'
import { naivePieces } from '../storage/naive-digests.ts'

const mebibyte = 1_048_576
/** A quarter of the usual, and so are the pieces: chunks of 1 MiB, 12 of which fit at a time. */
const budgetBytes = 16 * mebibyte
const totalBytes = 24 * mebibyte
const pieceLengthBytes = 8 * mebibyte
const latencyMs = 20

/** Random content that is made fast: the same 64 KiB again and again, each block with a stamp of its own. */
function makeContent(lengthBytes: number): Uint8Array {
  const random = simulatedRandom(1)
  const content = new Uint8Array(lengthBytes)
  random.fill(content.subarray(0, 65_536))
  for (let at = 65_536; at < lengthBytes; at *= 2) content.copyWithin(at, 0, Math.min(at, lengthBytes - at))
  for (let at = 0; at < lengthBytes; at += 16_384) random.fill(content.subarray(at, at + 8))
  return content
}

const content = makeContent(totalBytes)
const pieces = naivePieces([{ offset: 0, bytes: content }], pieceLengthBytes, totalBytes)

interface Link {
  readonly peer: SwarmPeer
  readonly connection: PeerConnection
  readonly out: Pipe
}

interface Side {
  readonly swarm: Swarm
  readonly links: Link[]
  wakeMs: number
}

class Pipe implements ByteSink {
  queuedBytes = 0
  receive: (bytes: Uint8Array) => void = () => undefined
  onWritten: (totalBytes: number) => void = () => undefined
  private readonly clock: SimulatedClock
  private readonly bytesPerSecond: number
  private freeMs = 0
  private writtenBytes = 0

  constructor(clock: SimulatedClock, bytesPerSecond: number) {
    this.clock = clock
    this.bytesPerSecond = bytesPerSecond
  }

  write(header: Uint8Array, payload: Uint8Array = new Uint8Array(0)): boolean {
    const { clock } = this
    const head = header.slice()
    const lengthBytes = head.length + payload.length
    this.queuedBytes += lengthBytes
    this.freeMs = Math.max(this.freeMs, clock.nowMs()) + (lengthBytes * 1_000) / this.bytesPerSecond
    clock.at(this.freeMs, () => {
      this.queuedBytes -= lengthBytes
      this.writtenBytes += lengthBytes
      const bytes = new Uint8Array(lengthBytes)
      bytes.set(head)
      bytes.set(payload, head.length)
      this.onWritten(this.writtenBytes)
      clock.after(latencyMs, () => this.receive(bytes))
    })
    return this.queuedBytes <= 65_536
  }
}

/** Counts what is read from the disk. */
function countingReads(root: FileRoot, count: (bytes: number) => void): FileRoot {
  return {
    ...root,
    open: async (path, mode, sink) => {
      const opened = await root.open(path, mode, sink)
      if (!opened.ok) return opened
      const file: OpenFile = {
        ...opened.value,
        read: (ticket, position, target) => {
          count(target.length)
          opened.value.read(ticket, position, target)
        },
      }
      return { ok: true, value: file }
    },
  }
}

async function download(rates: readonly number[]) {
  const clock = new SimulatedClock()
  const random = simulatedRandom(2)
  const files = [{ path: [], lengthBytes: totalBytes }]
  const spec = { version: 'v1', name: 'content', isFolder: false, pieceLengthBytes, files, pieces } as const
  const metainfo = unwrap(parseMetainfo(buildMetainfo(spec)))
  const { info } = metainfo
  const plan = planPieces(info.files, pieceLengthBytes, totalBytes)
  const disk = new SimulatedDisk({ clock, random })
  const memory = new SimulatedPieceMemory(budgetBytes)
  let readBytes = 0
  const root = countingReads(unwrap(await clock.settle(disk.files().openRoot('/data'))), (bytes) => {
    readBytes += bytes
  })
  const told = (report: (swarm: Swarm, nowMs: number) => void) => turn(leech, () => report(leech.swarm, clock.nowMs()))
  const storage = new TorrentStorage({
    metainfo,
    plan,
    place: { root, folder: [] },
    hasSuffix: false,
    allocation: 'sparse',
    priorities: Uint8Array.of(4),
    hashes: new HashQueue((sink) => new SimulatedHasher({ clock, random, memory, sink })),
    slots: new SlotPool(memory),
    pool: new FilePool(),
    events: {
      onPieceWritten: (piece, leaves) => told((swarm, nowMs) => swarm.pieceWritten(piece, leaves, nowMs)),
      onPieceDamaged: () => assert.fail('nobody lies'),
      onPieceLost: () => assert.fail('the disk keeps everything'),
      onContradiction: () => assert.fail('one version only'),
      onReadable: (piece, why) => told((swarm, nowMs) => swarm.readable(piece, why, nowMs)),
      onMemory: () => told((swarm, nowMs) => swarm.memory(nowMs)),
      onWriteFailed: () => assert.fail('the disk takes everything'),
    },
  })
  unwrap(await clock.settle(storage.open()))

  function side(ownStorage: SwarmStorage): Side {
    const options = { info, pieceLayers: new Map(), plan, storage: ownStorage, random, maxSlots: 4 }
    return { swarm: new Swarm({ ...options, nowMs: clock.nowMs() }), links: [], wakeMs: Number.POSITIVE_INFINITY }
  }

  function turn(at: Side, input: () => void): void {
    input()
    for (let output = at.swarm.poll(); output !== undefined; output = at.swarm.poll()) {
      if (output.type === 'upload-ready') pump(at, output.peer)
    }
    for (const { connection } of at.links) connection.flush()
    const atMs = at.swarm.nextWakeMs()
    if (atMs === Number.POSITIVE_INFINITY || (atMs >= at.wakeMs && at.wakeMs > clock.nowMs())) return
    at.wakeMs = atMs
    clock.at(atMs, () => {
      if (at.wakeMs !== atMs) return
      at.wakeMs = Number.POSITIVE_INFINITY
      turn(at, () => at.swarm.wake(clock.nowMs()))
    })
  }

  function pump(at: Side, peer: SwarmPeer): void {
    const link = at.links.find((candidate) => candidate.peer === peer)
    if (link === undefined || link.out.queuedBytes > 65_536) return
    at.swarm.pumpUpload(peer, Number.POSITIVE_INFINITY, clock.nowMs())
  }

  function attach(at: Side, out: Pipe, back: Pipe, name: string, number: number): void {
    const flags = { extensionProtocol: true, fast: true, dht: false, v2Upgrade: false }
    const infoHash = info.infoHashV1
    assert.ok(infoHash !== undefined)
    const connection = new PeerConnection({
      sink: out,
      local: flags,
      remote: { flags, infoHash, peerId: peerId(fromUtf8(`-SW0100-${name}`.padEnd(20, '.').slice(0, 20))) },
      offers: [],
      requestQueueLength: 2_000,
      extension: { onExtensionHandshake: () => {}, onExtension: () => {}, onDhtPort: () => {} },
      nowMs: clock.nowMs(),
    })
    turn(at, () => {
      const peer = at.swarm.addPeer(connection, { family: 4, address: `198.51.${number}.7`, port: 6881 }, clock.nowMs())
      at.links.push({ peer, connection, out })
      out.onWritten = (totalBytes) =>
        turn(at, () => {
          at.swarm.written(peer, totalBytes)
          if (peer.isUploadReady) pump(at, peer)
        })
      back.receive = (bytes) =>
        turn(at, () => {
          assert.equal(connection.receive(bytes, clock.nowMs()), undefined)
          if (!peer.isGone) at.swarm.afterReceive(peer, clock.nowMs())
        })
    })
  }

  const leech = side(storage)
  const have = new Bitfield(plan.pieceCount)
  have.setAll()
  const unused = { take: () => false, put: () => {}, blockDone: () => {}, discard: () => {}, spill: () => {} }
  const view = (piece: number, begin: number, length: number) => {
    const start = piece * pieceLengthBytes + begin
    return content.subarray(start, start + length)
  }
  for (const [index, rate] of rates.entries()) {
    const seed = side({ ...unused, have, view, canPin: () => true, unpin: () => {} })
    const [up, down] = [new Pipe(clock, 10_000_000), new Pipe(clock, rate)]
    attach(leech, up, down, `seed ${index}`, index + 1)
    attach(seed, down, up, 'leech', 0)
  }
  const idealMs = (totalBytes * 1_000) / rates.reduce((sum, rate) => sum + rate, 0)
  const isFinished = await clock.runUntil(() => leech.swarm.isFinished, 10 * idealMs)
  const tookMs = clock.nowMs()
  assert.ok(isFinished, 'all of it comes')
  assert.equal(Buffer.compare(disk.content('/data/content') ?? content.subarray(1), content), 0)
  return { slowness: tookMs / idealMs, readBytes, peakBytes: memory.peakBytes }
}

test('large pieces: one peer sends at its full rate, and nothing is read back', async () => {
  const { slowness, readBytes } = await download([10_000_000])
  assert.ok(slowness < 1.3, `${slowness} times the time it should take`)
  assert.equal(readBytes, 0)
})

test('large pieces: twenty peers of different speed neither stall nor fill memory with beginnings', async () => {
  const rates = Array.from({ length: 20 }, (_, index) => (index < 3 ? 2_000_000 : 30_000 * (index + 1)))
  const { slowness, readBytes, peakBytes } = await download(rates)
  assert.ok(slowness < 1.5, `${slowness} times the time it should take`)
  assert.ok(readBytes <= totalBytes, `${readBytes} bytes read back`)
  assert.ok(peakBytes <= budgetBytes)
})
