// A small world for session tests: machines on one simulated network, each with a disk, and a web with trackers.
// Everything follows from one seed; a machine's program can be ended, killed, and started again on the same disk.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { KnownContents } from '../../sim/ports/known-contents.ts'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { SimulatedDisk } from '../../sim/ports/simulated-files.ts'
import { SimulatedHasher } from '../../sim/ports/simulated-hasher.ts'
import type { HostOptions } from '../../sim/ports/simulated-hosts.ts'
import { SimulatedWeb } from '../../sim/ports/simulated-http.ts'
import { SimulatedNetwork } from '../../sim/ports/simulated-network.ts'
import { SimulatedPieceMemory, SpareSlots } from '../../sim/ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { unwrap } from '../../src/base/errors.ts'
import { formatMagnet } from '../../src/formats/magnet.ts'
import { buildMetainfo, encodeMetainfo } from '../../src/formats/metainfo/build-metainfo.ts'
import { merkleRoot, pieceLevel } from '../../src/formats/metainfo/merkle.ts'
import type { TorrentVersion } from '../../src/formats/metainfo/metainfo.ts'
import { parseMetainfo } from '../../src/formats/metainfo/parse-metainfo.ts'
import { planContent } from '../../src/formats/metainfo/plan-content.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { AddOptions, Command, Outcome, TorrentId } from '../../src/session/commands.ts'
import { openSession, type Session } from '../../src/session/session.ts'
import { type SessionConfig, sessionConfig } from '../../src/session/session-config.ts'
import type { TorrentSnapshot } from '../../src/session/snapshots.ts'
import { naiveLayer, naivePieces } from '../storage/naive-digests.ts'

export const listenPort = 6881
export const contentFolder = '/content'

export class World {
  // Promises are settled when the event loop comes round: nothing else is under way in this process.
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly network: SimulatedNetwork
  readonly web = new SimulatedWeb(this.clock, 5)
  /** What the machines have and will have on their disks. */
  readonly known = new KnownContents()
  readonly spares = new SpareSlots()
  private readonly seed: number

  constructor(seed = 1) {
    this.seed = seed
    this.network = new SimulatedNetwork({ clock: this.clock, random: simulatedRandom(seed) })
  }

  machine(address: string, options: Omit<HostOptions, 'address'> = {}): Machine {
    const number = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
    const random = simulatedRandom(this.seed * 1_000_003 + number)
    return new Machine(this, { address, ...options }, random)
  }

  /** Lets time pass until something holds; fails after a while of simulated time. */
  async until(what: string, isDone: () => boolean, withinMs = 120_000): Promise<void> {
    const deadlineMs = this.clock.nowMs() + withinMs
    assert.ok(await this.clock.runUntil(isDone, deadlineMs), `${what} within ${withinMs} ms`)
  }
}

export class Machine {
  readonly address: string
  readonly disk: SimulatedDisk
  /** Others see it under an address that it does not have itself. */
  isTranslated = false
  /** By interface. Changes are told with `setInterfaces`. */
  private interfaces: readonly (readonly [name: string, address: string])[]
  private readonly interfaceListeners = new Set<() => void>()
  readonly memory = new SimulatedPieceMemory(16_777_216)
  private readonly world: World
  private readonly options: HostOptions
  private readonly random: ReturnType<typeof simulatedRandom>
  private running: Session | undefined
  private life = 0

  constructor(world: World, options: HostOptions, random: ReturnType<typeof simulatedRandom>) {
    this.world = world
    this.address = options.address
    this.interfaces = [
      ['eth0', options.address],
      ...(options.otherAddresses ?? []).map((address, index) => [`wg${index}`, address] as const),
    ]
    this.options = options
    this.random = random
    this.disk = new SimulatedDisk({ clock: world.clock, random, known: world.known })
  }

  get session(): Session {
    assert.ok(this.running !== undefined, 'a session that was started')
    return this.running
  }

  async start(changes: Partial<SessionConfig> = {}): Promise<Session> {
    const { world, random, address } = this
    const { clock } = world
    this.life++
    const { life } = this
    // A program that was killed is woken no more.
    const ownClock: Clock = {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      alarm: (onRing) =>
        clock.alarm(() => {
          if (life === this.life) onRing()
        }),
    }
    const memory = new SimulatedPieceMemory(this.memory.budgetBytes, world.spares)
    const opening = openSession(
      {
        clock: ownClock,
        random,
        streams: world.network.streams(this.options),
        datagrams: world.network.datagrams(this.options),
        resolver: world.web.resolver(),
        interfaces: {
          list: () =>
            (this.isTranslated ? [] : this.interfaces).map(([interfaceName, own]) => ({
              interfaceName,
              family: 4,
              address: own,
              prefixLength: 8,
              isLoopback: false,
            })),
          onChange: (listener) => {
            this.interfaceListeners.add(listener)
            return () => this.interfaceListeners.delete(listener)
          },
        },
        http: world.web.http(address),
        files: this.disk.files(),
        memory,
        openHasher: (sink) => new SimulatedHasher({ clock, random, memory, sink, known: world.known }),
      },
      sessionConfig({
        stateFolder: '/state',
        downloadFolder: contentFolder,
        listenAddresses: ['0.0.0.0'],
        listenPort,
        ...changes,
      }),
    )
    this.running = unwrap(await clock.settle(opening))
    return this.running
  }

  /** Addresses come and go. */
  setInterfaces(interfaces: readonly (readonly [name: string, address: string])[]): void {
    this.interfaces = interfaces
    this.world.network.setAddresses(
      this.address,
      interfaces.map(([, address]) => address),
    )
    for (const listener of [...this.interfaceListeners]) listener()
  }

  /** Ends the program in order. */
  async stop(): Promise<void> {
    await this.world.clock.settle(this.session.close())
    this.running = undefined
  }

  /** The program dies at this moment. */
  kill(isPowerLoss = false): void {
    this.interfaceListeners.clear()
    this.world.network.crash(this.address)
    this.disk.crash(isPowerLoss)
    this.life++
    this.running = undefined
  }

  async run(command: Command): Promise<Outcome> {
    return unwrap(await this.world.clock.settle(this.session.run(command)))
  }

  async add(metainfo: Uint8Array, options: AddOptions = {}): Promise<TorrentId> {
    const outcome = await this.run({ type: 'add', source: { type: 'metainfo', bytes: metainfo }, options })
    assert.equal(outcome.type, 'added')
    return (outcome as Outcome & { type: 'added' }).id
  }

  async addMagnet(link: string, options: AddOptions = {}): Promise<TorrentId> {
    const outcome = await this.run({ type: 'add', source: { type: 'magnet', link }, options })
    return (outcome as Outcome & { type: 'added' }).id
  }

  torrent(id: TorrentId): TorrentSnapshot {
    return unwrap(this.session.torrentSnapshot(id))
  }

  stateOf(id: TorrentId): string {
    return this.torrent(id).state.type
  }

  /** Puts the content of a torrent on the disk, as if it had been there always. */
  put(content: TestContent): void {
    for (const { path, bytes } of content.files) {
      this.world.known.add(bytes)
      this.disk.put(`${contentFolder}/${path.join('/')}`, bytes)
    }
  }

  has(content: TestContent): boolean {
    return content.files.every(({ path, bytes }) => this.disk.matches(`${contentFolder}/${path.join('/')}`, bytes))
  }

  get endpoint(): string {
    return `${this.address}:${listenPort}`
  }
}

export interface TestContent {
  readonly metainfo: Uint8Array
  readonly magnet: string
  readonly files: readonly { readonly path: readonly string[]; readonly bytes: Uint8Array }[]
}

export interface ContentShape {
  readonly version?: TorrentVersion
  readonly pieceLengthBytes?: number
  readonly lengths?: readonly number[]
  readonly isPrivate?: boolean
  readonly trackers?: readonly (readonly string[])[]
  /** Version 2: leave the piece layers out of the .torrent. */
  readonly withoutLayers?: boolean
  readonly name?: string
  readonly seed?: number
  /** Hybrid: version 1 has another hash of this piece than its bytes, which version 2 has. */
  readonly contradictoryPiece?: number
}

const madeContents = new Map<string, TestContent>()

/** Random content, its .torrent, and a magnet link to it: the same for the same shape, and not to be changed. */
export function makeContent(shape: ContentShape = {}): TestContent {
  const key = JSON.stringify(shape)
  const made = madeContents.get(key) ?? contentOf(shape)
  madeContents.set(key, made)
  return made
}

function contentOf(shape: ContentShape): TestContent {
  const { version = 'v1', pieceLengthBytes = 32_768, lengths = [300_000], name = 'torrent', seed = 1 } = shape
  const random = simulatedRandom(seed)
  const isFolder = lengths.length > 1
  const specs = lengths.map((length, index) => {
    const bytes = new Uint8Array(length)
    random.fill(bytes)
    const path = isFolder ? [`file-${index}.bin`] : []
    if (version === 'v1' || length === 0) return { path, lengthBytes: length, bytes }
    const pieceLayer = naiveLayer(bytes, pieceLengthBytes)
    if (length <= pieceLengthBytes) return { path, lengthBytes: length, bytes, piecesRoot: pieceLayer }
    return {
      path,
      lengthBytes: length,
      bytes,
      piecesRoot: merkleRoot(pieceLayer, pieceLevel(pieceLengthBytes)),
      pieceLayer,
    }
  })
  const plan = planContent(specs, pieceLengthBytes, version)
  const placed = plan.files.map(({ index, offset }) => ({
    offset,
    bytes: (specs[index] as (typeof specs)[number]).bytes,
  }))
  const digests = version === 'v2' ? undefined : naivePieces(placed, pieceLengthBytes, plan.spanBytes)
  if (shape.contradictoryPiece !== undefined)
    digests?.fill(0, shape.contradictoryPiece * 20, shape.contradictoryPiece * 20 + 20)
  const pieces = digests === undefined ? {} : { pieces: digests }
  const built = buildMetainfo({
    version,
    name,
    isFolder,
    pieceLengthBytes,
    files: specs,
    ...pieces,
    trackers: shape.trackers ?? [],
    isPrivate: shape.isPrivate ?? false,
  })
  const parsed = unwrap(parseMetainfo(built))
  const metainfo = shape.withoutLayers === true ? encodeMetainfo({ ...parsed, pieceLayers: new Map() }) : built
  const { info } = parsed
  return {
    metainfo,
    magnet: formatMagnet({
      ...(info.infoHashV1 === undefined ? {} : { infoHashV1: info.infoHashV1 }),
      ...(info.infoHashV2 === undefined ? {} : { infoHashV2: info.infoHashV2 }),
      trackers: (shape.trackers ?? []).flat(),
      webSeeds: [],
      sources: [],
      peers: [],
    }),
    files: info.files.map(({ path, offset }) => {
      const found = placed.find((file) => file.offset === offset && file.bytes.length > 0)
      return { path, bytes: found?.bytes ?? new Uint8Array(0) }
    }),
  }
}
