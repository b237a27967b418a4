// Several swarms of one torrent on a virtual clock, joined by links with latency and bandwidth, over storage in memory.
// It drives them as a session does: outputs drained, connections flushed and one alarm armed after each input; and
// checks after each step what must always hold. Everything follows from the seed.
import assert from 'node:assert/strict'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { present } from '../../src/base/assert.ts'
import { fromUtf8, toHex } from '../../src/base/bytes.ts'
import type { Endpoint } from '../../src/base/endpoint.ts'
import { sha1, sha256 } from '../../src/base/hash.ts'
import { infoHashV1, infoHashV2, peerId } from '../../src/base/ids.ts'
import { fileHashes } from '../../src/formats/metainfo/merkle.ts'
import type { TorrentInfo, TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import type { HandshakeFlags } from '../../src/formats/peer/handshake.ts'
import { PeerConnection } from '../../src/peer/peer-connection.ts'
import type { ByteSink, PeerEvents } from '../../src/peer/peer-events.ts'
import type { Random } from '../../src/ports/random.ts'
import { type PiecePlan, planPieces } from '../../src/storage/piece-plan.ts'
import { blockGrid } from '../../src/swarm/block-grid.ts'
import type { DownloadPolicy, UploadPolicy } from '../../src/swarm/policies.ts'
import { Swarm } from '../../src/swarm/swarm.ts'
import type { SwarmBehaviour } from '../../src/swarm/swarm-behaviour.ts'
import type { SwarmOutput, WebOutput } from '../../src/swarm/swarm-output.ts'
import type { SwarmPeer } from '../../src/swarm/swarm-peer.ts'
import { maxQueuedRequests } from '../../src/swarm/upload-queue.ts'
import { FakeStorage, type FakeStorageOptions, leavesOf } from './fake-storage.ts'

export interface TestTorrent {
  readonly info: TorrentInfo
  readonly plan: PiecePlan
  readonly pieceLayers: ReadonlyMap<string, Uint8Array>
  readonly truth: Uint8Array
}

export interface TorrentShape {
  readonly pieces: number
  readonly blocksPerPiece?: number
  readonly version?: TorrentVersion
  /** Of two files; else there is one. */
  readonly firstFilePieces?: number
  /** Of version 1, where files begin and end instead: ascending, with gaps between them as may be. */
  readonly extents?: readonly (readonly [start: number, end: number])[]
}

/** A torrent of one file or two. The last piece is short, and so is the last of the first of two files (BEP 47, 52). */
function makeTorrent(shape: TorrentShape, random: Random): TestTorrent {
  const { pieces, blocksPerPiece = 2, version = 'v1', firstFilePieces = 0 } = shape
  const pieceLengthBytes = blocksPerPiece * 16_384
  const spanBytes = pieces * pieceLengthBytes - 1_000
  const truth = new Uint8Array(spanBytes)
  random.fill(truth.subarray(0, 4096))
  for (let at = 4096; at < spanBytes; at *= 2) truth.copyWithin(at, 0, Math.min(at, spanBytes - at))
  // Blocks differ even though the content repeats.
  for (let at = 0; at < spanBytes; at += 16_384) random.fill(truth.subarray(at, Math.min(at + 8, spanBytes)))
  const secondStart = firstFilePieces * pieceLengthBytes
  const firstEnd = Math.max(0, secondStart - 20_000)
  truth.fill(0, firstEnd, secondStart)
  const extents = shape.extents ?? [[0, firstEnd] as const, [secondStart, spanBytes] as const]
  for (const [index, [, end]] of extents.entries()) truth.fill(0, end, extents[index + 1]?.[0] ?? spanBytes)
  const pieceLayers = new Map<string, Uint8Array>()
  const isV2 = version !== 'v1'
  const files = extents
    .filter(([start, end]) => end > start)
    .map(([start, end]) => {
      const file = {
        path: [`at ${start}`],
        lengthBytes: end - start,
        offset: start,
        isExecutable: false,
        isHidden: false,
      }
      if (!isV2) return file
      const { piecesRoot, pieceLayer } = fileHashes(leavesOf(truth.subarray(start, end)), pieceLengthBytes)
      pieceLayers.set(toHex(piecesRoot), pieceLayer)
      return { ...file, piecesRoot }
    })
  const raw = fromUtf8('the info dictionary')
  const info: TorrentInfo = {
    version,
    ...(version === 'v2' ? {} : { infoHashV1: infoHashV1(sha1(raw)) }),
    ...(isV2 ? { infoHashV2: infoHashV2(sha256(raw)) } : {}),
    name: 'content',
    pieceLengthBytes,
    pieceCount: pieces,
    totalBytes: files.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
    spanBytes,
    isFolder: true,
    files,
    isPrivate: false,
    raw,
    similar: [],
    collections: [],
  }
  return { info, plan: planPieces(files, pieceLengthBytes, spanBytes), pieceLayers, truth }
}

export interface NodeOptions {
  readonly has?: FakeStorageOptions['has']
  readonly maxSlots?: number
  /** Payload and protocol together; shared by all its links. */
  readonly upBytesPerSecond?: number
  readonly uploadPolicy?: UploadPolicy
  readonly downloadPolicy?: DownloadPolicy
  readonly behaviour?: Partial<SwarmBehaviour>
  readonly maxFilling?: number
  readonly readMs?: number
  readonly maxPins?: number
  readonly hashMs?: number
  /** BEP 6; on unless said. */
  readonly fast?: boolean
  readonly requestQueueLength?: number
}

/** A habit as it is in production, or switched off. */
export function habit(name: keyof SwarmBehaviour, isUsual: boolean): Partial<SwarmBehaviour> {
  return isUsual ? {} : { [name]: false }
}

/** What a stream keeps before it asks to hold on. */
const streamBufferBytes = 16_384

class Pipe implements ByteSink {
  queuedBytes = 0
  isClosed = false
  private readonly world: World
  private readonly from: TestNode
  private readonly latencyMs: number
  private writtenBytes = 0
  private wasFull = false
  receive: (bytes: Uint8Array) => void = () => {}
  onWritten: (totalBytes: number) => void = () => {}

  constructor(world: World, from: TestNode, latencyMs: number) {
    this.world = world
    this.from = from
    this.latencyMs = latencyMs
  }

  write(header: Uint8Array, payload?: Uint8Array): boolean {
    const { time } = this.world
    const head = header.slice()
    const length = head.length + (payload?.length ?? 0)
    this.queuedBytes += length
    const leftMs = this.from.occupyUplink(length)
    time.at(leftMs, () => {
      this.queuedBytes -= length
      // Sent from where it is, at this moment: bytes changed too early would arrive changed.
      const bytes = new Uint8Array(length)
      bytes.set(head)
      if (payload !== undefined) bytes.set(payload, head.length)
      this.writtenBytes += length
      if (this.isClosed) return
      this.onWritten(this.writtenBytes)
      time.at(time.nowMs() + this.latencyMs, () => {
        if (!this.isClosed) this.deliver(bytes)
      })
    })
    this.wasFull = this.queuedBytes > streamBufferBytes
    return !this.wasFull
  }

  /** In two parts, cut anywhere. */
  private deliver(bytes: Uint8Array): void {
    const cut = this.world.random.below(bytes.length)
    if (cut > 0) this.receive(bytes.slice(0, cut))
    if (!this.isClosed) this.receive(bytes.slice(cut))
  }
}

interface Link {
  readonly peer: SwarmPeer
  readonly connection: PeerConnection
  /** What the connection tells the swarm; a test may listen in. */
  readonly messages: PeerEvents
  readonly out: Pipe
  readonly in: Pipe
  readonly other: TestNode
}

function isWebOutput(output: SwarmOutput): output is WebOutput {
  return output.type.startsWith('web-')
}

export class TestNode {
  readonly name: string
  readonly storage: FakeStorage
  readonly swarm: Swarm
  readonly outputs: SwarmOutput[] = []
  readonly links: Link[] = []
  /** With messages to be flushed at the end of the turn. */
  readonly waiting: PeerConnection[] = []
  readonly endpoint: Endpoint
  readonly options: NodeOptions
  finishedMs: number | undefined
  isDownloadPaused = false
  /** What the swarm wants of web seeds. */
  onWeb: (output: WebOutput) => void = () => assert.fail('nobody listens')
  private readonly world: World
  private uplinkFreeMs = 0
  private armedMs = Number.POSITIVE_INFINITY

  constructor(world: World, name: string, options: NodeOptions, address: string) {
    const { torrent, time } = world
    this.world = world
    this.name = name
    this.options = options
    this.endpoint = { family: 4, address, port: 6881 }
    const { maxFilling, maxPins, readMs, hashMs } = options
    this.storage = new FakeStorage({
      grid: blockGrid(torrent.plan, torrent.info.version),
      truth: torrent.truth,
      time,
      has: options.has ?? 'none',
      ...(maxFilling === undefined ? {} : { maxFilling }),
      ...(readMs === undefined ? {} : { readMs }),
      ...(maxPins === undefined ? {} : { maxPins }),
      ...(hashMs === undefined ? {} : { hashMs }),
    })
    this.swarm = new Swarm({
      info: torrent.info,
      pieceLayers: torrent.pieceLayers,
      plan: torrent.plan,
      storage: this.storage,
      random: world.random,
      maxSlots: options.maxSlots ?? 4,
      nowMs: time.nowMs(),
      uploadPolicy: options.uploadPolicy,
      downloadPolicy: options.downloadPolicy,
      behaviour: options.behaviour ?? {},
    })
    this.storage.setEvents({
      onPieceWritten: (piece, leaves) => this.turn(() => this.swarm.pieceWritten(piece, leaves, time.nowMs())),
      onPieceDamaged: (piece, leaves) => this.turn(() => this.swarm.pieceDamaged(piece, leaves, time.nowMs())),
      onPieceLost: (piece) => this.turn(() => this.swarm.pieceLost(piece, time.nowMs())),
      onContradiction: (piece) => this.turn(() => this.swarm.contradiction(piece)),
      onReadable: (piece, failure) => this.turn(() => this.swarm.readable(piece, failure, time.nowMs())),
      onMemory: () => this.turn(() => this.swarm.memory(time.nowMs())),
      onWriteFailed: () => assert.fail('the fake writes always'),
    })
  }

  occupyUplink(bytes: number): number {
    const rate = this.options.upBytesPerSecond ?? 10_000_000
    const nowMs = this.world.time.nowMs()
    this.uplinkFreeMs = Math.max(this.uplinkFreeMs, nowMs) + (bytes * 1000) / rate
    return this.uplinkFreeMs
  }

  /** One input, and all that a session does after it. */
  turn(input: () => void): void {
    const { time } = this.world
    input()
    for (let output = this.swarm.poll(); output !== undefined; output = this.swarm.poll()) {
      this.outputs.push(output)
      if (output.type === 'finished') this.finishedMs = time.nowMs()
      if (output.type === 'upload-ready') this.pump(output.peer)
      if (output.type === 'disconnect') this.world.part(this, output.peer)
      if (isWebOutput(output)) this.onWeb(output)
    }
    for (const connection of this.waiting) connection.flush()
    this.waiting.length = 0
    this.arm()
    this.check()
  }

  link(other: TestNode): Link {
    return present(
      this.links.find((link) => link.other === other),
      `a link from ${this.name} to ${other.name}`,
    )
  }

  isLinked(other: TestNode): boolean {
    return this.links.some((link) => link.other === other)
  }

  /** Banned addresses. */
  get bans(): string[] {
    return this.outputs.flatMap((output) => {
      if (output.type === 'ban') return [output.remote.address]
      return output.type === 'disconnect' && output.ban === 'address' ? [output.peer.remote.address] : []
    })
  }

  setPaused(paused: { readonly download: boolean; readonly upload: boolean }): void {
    this.isDownloadPaused = paused.download
    this.turn(() => this.swarm.setPaused(paused, this.world.time.nowMs()))
  }

  pump(peer: SwarmPeer): void {
    const link = this.links.find((candidate) => candidate.peer === peer)
    if (link === undefined || link.out.queuedBytes > streamBufferBytes) return
    this.swarm.pumpUpload(peer, Number.POSITIVE_INFINITY, this.world.time.nowMs())
  }

  private arm(): void {
    const atMs = this.swarm.nextWakeMs()
    if (atMs === Number.POSITIVE_INFINITY || (atMs >= this.armedMs && this.armedMs > this.world.time.nowMs())) return
    this.armedMs = atMs
    this.world.time.at(atMs, () => {
      if (this.armedMs !== atMs) return
      this.armedMs = Number.POSITIVE_INFINITY
      this.turn(() => this.swarm.wake(this.world.time.nowMs()))
    })
  }

  /** What holds after every input. */
  private check(): void {
    let pins = 0
    for (const peer of this.swarm.peers) {
      pins += peer.unwritten.pinCount
      assert.ok(peer.outstanding.heldCount <= peer.connection.requestQueueLength, 'no more requests than a peer takes')
      assert.ok(peer.uploads.size <= maxQueuedRequests, 'no more requests kept than we say')
      if (peer.isGone) continue
      const isInteresting = peer.interestingCount > 0 && !this.isDownloadPaused
      assert.equal(peer.connection.amInterested, isInteresting, 'interest as the pieces say')
    }
    assert.equal(this.storage.pins, pins, 'each pin belongs to a block in a stream')
  }
}

export class World {
  readonly time = new SimulatedClock()
  readonly random: Random
  readonly torrent: TestTorrent
  readonly nodes: TestNode[] = []

  constructor(seed: number, shape: TorrentShape) {
    this.random = simulatedRandom(seed)
    this.torrent = makeTorrent(shape, this.random)
  }

  node(name: string, options: NodeOptions = {}): TestNode {
    const node = new TestNode(this, name, options, `198.51.${this.nodes.length}.7`)
    this.nodes.push(node)
    return node
  }

  /** Joins two nodes after their handshakes. */
  connect(a: TestNode, b: TestNode, latencyMs = 10): void {
    const ab = new Pipe(this, a, latencyMs)
    const ba = new Pipe(this, b, latencyMs)
    this.attach(a, b, ab, ba)
    this.attach(b, a, ba, ab)
  }

  connectAll(latencyMs = 10): void {
    for (const [index, a] of this.nodes.entries()) {
      for (const b of this.nodes.slice(index + 1)) this.connect(a, b, latencyMs)
    }
  }

  /** Ends a link, from either side. */
  disconnect(a: TestNode, b: TestNode): void {
    this.part(a, a.link(b).peer)
  }

  part(node: TestNode, peer: SwarmPeer): void {
    const link = node.links.find((candidate) => candidate.peer === peer)
    if (link === undefined) return
    link.out.isClosed = true
    link.in.isClosed = true
    const { other } = link
    node.links.splice(node.links.indexOf(link), 1)
    const back = present(
      other.links.find((candidate) => candidate.out === link.in),
      'the other end',
    )
    other.links.splice(other.links.indexOf(back), 1)
    this.time.at(this.time.nowMs(), () => node.turn(() => node.swarm.removePeer(link.peer, this.time.nowMs())))
    this.time.at(this.time.nowMs(), () => other.turn(() => other.swarm.removePeer(back.peer, this.time.nowMs())))
  }

  /** Runs until the condition holds or so many milliseconds have passed; whether it holds. */
  runUntil(isDone: () => boolean, maxMs = 600_000): boolean {
    const endMs = this.time.nowMs() + maxMs
    while (!isDone()) {
      if (this.time.nextMs() > endMs || !this.time.step()) {
        this.time.at(endMs, () => {})
        this.time.step()
        return isDone()
      }
    }
    return true
  }

  run(durationMs: number): void {
    this.runUntil(() => false, durationMs)
  }

  private attach(node: TestNode, other: TestNode, out: Pipe, back: Pipe): void {
    const { info } = this.torrent
    const flagsOf = (of: TestNode): HandshakeFlags => ({
      extensionProtocol: true,
      fast: of.options.fast ?? true,
      dht: false,
      v2Upgrade: false,
    })
    const connection: PeerConnection = new PeerConnection({
      sink: out,
      local: flagsOf(node),
      remote: {
        flags: flagsOf(other),
        infoHash: present(info.infoHashV1 ?? info.infoHashV2, 'a hash').slice(0, 40),
        peerId: peerId(fromUtf8(`-SW0100-${other.name}`.padEnd(20, '.').slice(0, 20))),
      },
      isV2: info.version !== 'v1',
      offers: [],
      requestQueueLength: node.options.requestQueueLength ?? 2000,
      extension: { onExtensionHandshake: () => {}, onExtension: () => {}, onDhtPort: () => {} },
      onWaiting: () => void node.waiting.push(connection),
      nowMs: this.time.nowMs(),
    })
    node.turn(() => {
      let messages: PeerEvents | undefined
      const setEvents = connection.setEvents.bind(connection)
      connection.setEvents = (events) => {
        messages = events
        setEvents(events)
      }
      const peer = node.swarm.addPeer(connection, other.endpoint, this.time.nowMs())
      node.links.push({ peer, connection, messages: present(messages, 'events'), out, in: back, other })
      connection.extensionHandshake({ isUploadOnly: node.swarm.isFinished })
      out.onWritten = (totalBytes) =>
        node.turn(() => {
          node.swarm.written(peer, totalBytes)
          if (peer.isUploadReady) node.pump(peer)
        })
      back.receive = (bytes) =>
        node.turn(() => {
          const wrong = connection.receive(bytes, this.time.nowMs())
          assert.equal(wrong, undefined, `${node.name} hears nothing wrong from ${other.name}`)
          if (!peer.isGone) node.swarm.afterReceive(peer, this.time.nowMs())
        })
    })
  }
}
