// A torrent with content, and its storage over simulated ports: what the tests of storage are played on.
// Everything follows from a seed; the harness plays the swarm's part, block by block, and notes every event.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedDisk } from '../../sim/ports/simulated-files.ts'
import { SimulatedHasher } from '../../sim/ports/simulated-hasher.ts'
import { SimulatedPieceMemory } from '../../sim/ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { type ErrorCode, type Result, success, unwrap } from '../../src/base/errors.ts'
import { buildMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import { merkleRoot, pieceLevel } from '../../src/formats/metainfo/merkle.ts'
import type { Metainfo, TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { planContent } from '../../src/formats/metainfo/plan-content.ts'
import type { Random } from '../../src/ports/random.ts'
import { FilePool } from '../../src/storage/file-pool.ts'
import { HashQueue } from '../../src/storage/hash-queue.ts'
import { type PiecePlan, pieceStart, planPieces } from '../../src/storage/piece-plan.ts'
import type { PieceStorageEvents } from '../../src/storage/piece-storage-events.ts'
import { SlotPool } from '../../src/storage/slot-pool.ts'
import type { StorageRecord } from '../../src/storage/storage-record.ts'
import { type OpenOutcome, TorrentStorage, type TorrentStorageOptions } from '../../src/storage/torrent-storage.ts'
import { naiveLayer, naivePieces } from './naive-digests.ts'

export const blockBytes = 16_384

/** Without a picture of the difference, which takes minutes for large arrays. */
export function assertSameBytes(
  actual: Uint8Array | undefined,
  expected: Uint8Array | undefined,
  what = 'content',
): void {
  assert.equal(actual?.length, expected?.length, `${what}: length`)
  if (actual === undefined || expected === undefined) return
  const isSame = Buffer.compare(actual, expected) === 0
  assert.ok(isSame, `${what} differs from byte ${actual.findIndex((byte, index) => byte !== expected[index])} on`)
}

export interface TorrentShape {
  readonly version?: TorrentVersion
  readonly pieceLengthBytes?: number
  readonly lengths?: readonly number[]
  readonly seed?: number
}

export interface TestTorrent {
  readonly metainfo: Metainfo
  readonly plan: PiecePlan
  /** By file of the torrent. */
  readonly contents: readonly Uint8Array[]
  /** All of the piece space, gaps as zeros. */
  readonly space: Uint8Array
}

export function makeTorrent(shape: TorrentShape = {}): TestTorrent {
  const { version = 'v1', pieceLengthBytes = 65_536, lengths = [200_000], seed = 1 } = shape
  const random = simulatedRandom(seed)
  const isFolder = lengths.length > 1
  const contents = lengths.map((length) => {
    const bytes = new Uint8Array(length)
    random.fill(bytes)
    return bytes
  })
  const specs = contents.map((bytes, index) => {
    const path = isFolder ? ['sub', `file-${String(index).padStart(3, '0')}.bin`] : []
    if (version === 'v1' || bytes.length === 0) return { path, lengthBytes: bytes.length }
    const layer = naiveLayer(bytes, pieceLengthBytes)
    if (bytes.length <= pieceLengthBytes) return { path, lengthBytes: bytes.length, piecesRoot: layer }
    const piecesRoot = merkleRoot(layer, pieceLevel(pieceLengthBytes))
    return { path, lengthBytes: bytes.length, piecesRoot, pieceLayer: layer }
  })
  const content = planContent(specs, pieceLengthBytes, version)
  const placed = content.files.map(({ index, offset }) => ({ offset, bytes: contents[index] as Uint8Array }))
  const pieces = version === 'v2' ? {} : { pieces: naivePieces(placed, pieceLengthBytes, content.spanBytes) }
  const spec = { version, name: 'torrent', isFolder, pieceLengthBytes, files: specs, ...pieces }
  const metainfo = unwrap(parseMetainfo(buildMetainfo(spec)))
  const { info } = metainfo
  const plan = planPieces(info.files, info.pieceLengthBytes, info.spanBytes)
  const space = new Uint8Array(plan.spanBytes)
  for (const { offset, bytes } of placed) if (bytes.length > 0) space.set(bytes, offset)
  const inOrder = info.files.map((file) => space.slice(file.offset, file.offset + file.lengthBytes))
  return { metainfo, plan, contents: inOrder, space }
}

export interface RigOptions {
  readonly seed?: number
  readonly budgetBytes?: number
  readonly maxOpenFiles?: number
  readonly capacityBytes?: number
  readonly failingHashOneIn?: number
  readonly maxHashJobs?: number
}

/** One machine: a clock, a disk, and the program's shared parts, which a crash replaces. */
export class Rig {
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly random: Random
  readonly disk: SimulatedDisk
  memory: SimulatedPieceMemory
  slots: SlotPool
  hashes: HashQueue
  pool: FilePool
  private readonly options: RigOptions

  constructor(options: RigOptions = {}) {
    this.options = options
    this.random = simulatedRandom(options.seed ?? 1)
    this.disk = new SimulatedDisk({
      clock: this.clock,
      random: this.random,
      ...(options.capacityBytes === undefined ? {} : { capacityBytes: options.capacityBytes }),
    })
    this.memory = new SimulatedPieceMemory(options.budgetBytes ?? 4_194_304)
    this.slots = new SlotPool(this.memory)
    this.hashes = this.openHashes()
    this.pool = new FilePool(options.maxOpenFiles)
  }

  /** The program dies and is started again. */
  restart(isPowerLoss: boolean): void {
    this.disk.crash(isPowerLoss)
    this.memory = new SimulatedPieceMemory(this.memory.budgetBytes)
    this.slots = new SlotPool(this.memory)
    this.hashes = this.openHashes()
    this.pool = new FilePool(this.options.maxOpenFiles)
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return this.clock.settle(promise)
  }

  async until(isDone: () => boolean): Promise<void> {
    // Asking may itself begin something, which is planned only after it.
    const attempt = () => this.clock.runUntil(isDone, this.clock.nowMs() + 60_000)
    assert.ok((await attempt()) || (await attempt()), 'happens within a minute')
  }

  private openHashes(): HashQueue {
    const { clock, random, memory } = this
    return new HashQueue(
      (sink) =>
        new SimulatedHasher({
          clock,
          random,
          memory,
          sink,
          ...(this.options.failingHashOneIn === undefined ? {} : { failingOneIn: this.options.failingHashOneIn }),
          ...(this.options.maxHashJobs === undefined ? {} : { maxJobs: this.options.maxHashJobs }),
        }),
    )
  }
}

export type LoggedEvent =
  | { readonly type: 'written'; readonly piece: number; readonly leaves: Uint8Array | undefined }
  | { readonly type: 'damaged'; readonly piece: number; readonly leaves: Uint8Array }
  | { readonly type: 'lost' | 'contradiction'; readonly piece: number }
  | { readonly type: 'readable'; readonly piece: number; readonly code: ErrorCode | undefined }
  | { readonly type: 'memory' }
  | { readonly type: 'write-failed'; readonly code: ErrorCode }

export type StorageSettings = Partial<Pick<TorrentStorageOptions, 'hasSuffix' | 'allocation' | 'priorities' | 'place'>>

/** For moves of which nobody keeps a record. */
export const remembered = (): Promise<Result<void>> => Promise.resolve(success(undefined))

/** A storage with its events, and the swarm's side of it. */
export class TestStorage {
  readonly events: LoggedEvent[] = []
  readonly storage: TorrentStorage
  readonly torrent: TestTorrent
  private readonly rig: Rig
  /** Calls into the storage that are on the stack. */
  private callDepth = 0

  private constructor(
    rig: Rig,
    torrent: TestTorrent,
    settings: StorageSettings,
    place: TorrentStorageOptions['place'],
  ) {
    this.rig = rig
    this.torrent = torrent
    this.storage = new TorrentStorage({
      metainfo: torrent.metainfo,
      plan: torrent.plan,
      place,
      hasSuffix: false,
      allocation: 'sparse',
      priorities: new Uint8Array(torrent.metainfo.info.files.length).fill(4),
      hashes: rig.hashes,
      slots: rig.slots,
      pool: rig.pool,
      events: this.sink(),
      ...settings,
    })
  }

  static async make(rig: Rig, torrent: TestTorrent, settings: StorageSettings = {}): Promise<TestStorage> {
    const root = unwrap(await rig.settle(rig.disk.files().openRoot('/data')))
    return new TestStorage(rig, torrent, settings, { root, folder: [] })
  }

  /** Made and opened. */
  static async open(
    rig: Rig,
    torrent: TestTorrent,
    settings: StorageSettings = {},
    record?: StorageRecord,
  ): Promise<TestStorage> {
    const made = await TestStorage.make(rig, torrent, settings)
    unwrap(await made.start(record))
    return made
  }

  start(record?: StorageRecord): Promise<Result<OpenOutcome>> {
    return this.rig.settle(this.storage.open(record))
  }

  count(type: LoggedEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  piecesOf(type: 'written' | 'damaged' | 'lost' | 'readable'): number[] {
    return this.events.flatMap((event) => (event.type === type ? [event.piece] : []))
  }

  blockCount(piece: number): number {
    return Math.ceil(this.storage.lengthBytes(piece) / blockBytes)
  }

  /** The true bytes of a piece. */
  pieceBytes(piece: number): Uint8Array {
    const start = pieceStart(this.torrent.plan, piece)
    return this.torrent.space.subarray(start, start + this.storage.lengthBytes(piece))
  }

  take(piece: number, block: number): boolean {
    return this.call(() => this.storage.take(piece, block * blockBytes))
  }

  /** Delivers one block in two fragments; `bytes` replace the true ones. */
  give(piece: number, block: number, bytes?: Uint8Array): void {
    const begin = block * blockBytes
    const source = bytes ?? this.pieceBytes(piece).slice(begin, begin + blockBytes)
    const middle = this.rig.random.below(source.length)
    this.call(() => {
      if (middle > 0) this.storage.put(piece, begin, source, 0, middle)
      this.storage.put(piece, begin + middle, source, middle, source.length)
      this.storage.blockDone(piece, begin)
    })
  }

  /** Gets memory and delivers blocks, waiting as long as it takes, until the piece is there. */
  async receive(piece: number, blocks?: readonly number[], bytesOf?: (block: number) => Uint8Array): Promise<void> {
    for (const block of blocks ?? Array.from({ length: this.blockCount(piece) }, (_, index) => index)) {
      await this.rig.until(() => this.storage.have.get(piece) || this.take(piece, block))
      if (this.storage.have.get(piece)) return
      this.give(piece, block, bytesOf?.(block))
    }
  }

  /** Downloads pieces until they are written, in any order the disk likes. */
  async download(pieces?: Iterable<number>): Promise<void> {
    const wanted = [...(pieces ?? Array(this.torrent.plan.pieceCount).keys())]
    for (const piece of wanted) await this.receive(piece)
    await this.rig.until(() => wanted.every((piece) => this.storage.have.get(piece)))
  }

  /** What the storage gives out for a block, waiting for it to be readable; undefined when it refuses. */
  async read(piece: number, begin: number, length: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const view = this.call(() => this.storage.view(piece, begin, length))
      if (view !== undefined) {
        const copy = view.slice()
        this.call(() => this.storage.unpin(piece, begin))
        return copy
      }
      const before = this.events.length
      const isAnswer = (event: LoggedEvent) => event.type === 'readable' && event.piece === piece
      await this.rig.until(() => this.events.slice(before).some(isAnswer))
      const answer = this.events.slice(before).find(isAnswer)
      if (answer?.type === 'readable' && answer.code !== undefined) return undefined
    }
  }

  /** Every byte of a piece is given out as it should be. */
  async assertServes(piece: number): Promise<void> {
    const expected = this.pieceBytes(piece)
    for (let begin = 0; begin < expected.length; begin += blockBytes) {
      const length = Math.min(blockBytes, expected.length - begin)
      const bytes = await this.read(piece, begin, length)
      assertSameBytes(bytes, expected.slice(begin, begin + length), `piece ${piece} at ${begin}`)
    }
  }

  /** Nothing is claimed that is not on the disk as it should be. */
  assertTruthful(contentOf: (file: number) => Uint8Array | undefined): void {
    const { plan, contents } = this.torrent
    for (let piece = 0; piece < plan.pieceCount; piece++) {
      if (!this.storage.have.get(piece)) continue
      const start = pieceStart(plan, piece)
      for (const [file, content] of contents.entries()) {
        const fileStart = plan.starts[file] as number
        const from = Math.max(start, fileStart) - fileStart
        const to = Math.min(start + plan.pieceLengthBytes, plan.ends[file] as number) - fileStart
        if (from >= to) continue
        assertSameBytes(
          contentOf(file)?.slice(from, to),
          content.slice(from, to),
          `piece ${piece} is claimed but file ${file} is not so`,
        )
      }
    }
  }

  call<T>(action: () => T): T {
    this.callDepth++
    const result = action()
    this.callDepth--
    return result
  }

  private sink(): PieceStorageEvents {
    const note = (event: LoggedEvent) => {
      assert.equal(this.callDepth, 0, `${event.type} from inside a call`)
      this.events.push(event)
    }
    return {
      onPieceWritten: (piece, leaves) => note({ type: 'written', piece, leaves: leaves?.slice() }),
      onPieceDamaged: (piece, leaves) => note({ type: 'damaged', piece, leaves: leaves.slice() }),
      onPieceLost: (piece) => note({ type: 'lost', piece }),
      onContradiction: (piece) => note({ type: 'contradiction', piece }),
      onReadable: (piece, failed) => note({ type: 'readable', piece, code: failed?.code }),
      onMemory: () => note({ type: 'memory' }),
      onWriteFailed: (failed) => note({ type: 'write-failed', code: failed.code }),
    }
  }
}
