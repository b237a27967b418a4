// A machine of a simulated world: an address, a disk that outlives its programs, and the product's session as the
// program. Guarantees: the session is the daemon's own, on simulated ports; a program that was killed does nothing more;
// everything it does follows from the world's seed. Owns the running program.
import { assert } from '../../src/base/assert.ts'
import { equalBytes } from '../../src/base/bytes.ts'
import { privateKeyLength } from '../../src/base/diffie-hellman.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import type { TorrentInfo } from '../../src/formats/metainfo/metainfo.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Http, HttpRequest } from '../../src/ports/http.ts'
import type { Interfaces } from '../../src/ports/interfaces.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'
import type { Streams } from '../../src/ports/streams.ts'
import type { AddOptions, Command, Outcome, TorrentId } from '../../src/session/commands.ts'
import { openSession, type Session } from '../../src/session/session.ts'
// The session loads it when it opens; a run must not wait for a disk that is not its own.
import '../../src/session/speed-dealing.ts'
import { type SessionConfig, sessionConfig } from '../../src/session/session-config.ts'
import type { Change, TorrentSnapshot } from '../../src/session/snapshots.ts'
import type { KnownContents } from '../ports/known-contents.ts'
import type { SimulatedClock } from '../ports/simulated-clock.ts'
import type { FailingRates } from '../ports/simulated-disk-faults.ts'
import { type DiskSpeed, SimulatedDisk } from '../ports/simulated-files.ts'
import { SimulatedHasher } from '../ports/simulated-hasher.ts'
import { familyOf, type HostOptions } from '../ports/simulated-hosts.ts'
import type { SimulatedWeb } from '../ports/simulated-http.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import type { SimulatedNetwork } from '../ports/simulated-network.ts'
import { SimulatedPieceMemory, type SpareSlots } from '../ports/simulated-piece-memory.ts'
import type { Content } from './content.ts'
import { MachineWallet } from './machine-wallet.ts'

export const listenPort = 6881
export const contentFolder = '/content'
const stateFolder = '/state'
const usualMemoryBytes = 16_777_216
const mostRecentKeys = 64

export interface MachineOptions extends HostOptions {
  /** Of the pieces in memory. */
  readonly memoryBytes?: number
  /** The disk's longest answer. */
  readonly maxDelayMs?: number
  readonly capacityBytes?: number
  readonly diskSpeed?: DiskSpeed
  readonly failingOneIn?: FailingRates
  /** What every life of its session is told. */
  readonly config?: Partial<SessionConfig>
  /** On which it has an account of its own, and its sessions the ports of Speed. */
  readonly ledger?: SimulatedLedger
}

/** What a machine needs of the world it stands in. */
export interface MachineWorld {
  readonly clock: SimulatedClock
  readonly network: SimulatedNetwork
  readonly web: SimulatedWeb
  readonly knownFiles: KnownContents
  readonly knownPieces: KnownContents
  readonly spares: SpareSlots
  streamsOf(machine: Machine): Streams
  knows(content: Content): void
  log(who: string, what: string): void
  randomOf(name: string): Random
  onChange(machine: Machine, change: Change): void
  /** It is about to sign this. */
  onSign(machine: Machine, request: SigningRequest): void
  onDown(machine: Machine, isOrderly: boolean): void
}

export class Machine {
  readonly address: string
  readonly disk: SimulatedDisk
  readonly random: Random
  readonly options: MachineOptions
  /** Undefined: it knows no ledger. */
  readonly wallet: MachineWallet | undefined
  /** Of the program that runs, or ran last. */
  memory: SimulatedPieceMemory
  /** Others see it under an address that it does not have itself. */
  isTranslated: boolean
  /** What its session took from `random` as 20 bytes, the latest first: private keys among them. */
  readonly recentKeys: Uint8Array[] = []
  /** Addresses that somebody told it to ban, ever. */
  readonly bannedByCommand = new Set<string>()
  /** How often a program was started on it. */
  life = 0
  /** Of the program that runs, or ran last: alarms it has, whether they are set or not. */
  alarmCount = 0
  /** What it was told about itself, when it was started and later. */
  config: SessionConfig
  private readonly world: MachineWorld
  private interfaces: readonly (readonly [name: string, address: string])[]
  private readonly interfaceListeners = new Set<() => void>()
  private running: Session | undefined
  private unfollow: () => void = () => undefined

  constructor(world: MachineWorld, options: MachineOptions, random: Random) {
    const { address, otherAddresses = [], memoryBytes = usualMemoryBytes } = options
    this.world = world
    this.address = address
    this.options = options
    this.random = random
    this.interfaces = [['eth0', address], ...otherAddresses.map((other, index) => [`wg${index}`, other] as const)]
    this.isTranslated = this.publicAddress !== address
    const { maxDelayMs, capacityBytes, diskSpeed, failingOneIn } = options
    this.disk = new SimulatedDisk({
      clock: world.clock,
      random,
      known: world.knownFiles,
      areNamesDurable: false,
      ...(maxDelayMs === undefined ? {} : { maxDelayMs }),
      ...(capacityBytes === undefined ? {} : { capacityBytes }),
      ...(diskSpeed === undefined ? {} : { speed: diskSpeed }),
      ...(failingOneIn === undefined ? {} : { failingOneIn }),
    })
    this.memory = new SimulatedPieceMemory(memoryBytes, world.spares)
    this.config = this.usualConfig()
    this.wallet = this.newWallet()
  }

  get isUp(): boolean {
    return this.running !== undefined
  }

  get session(): Session {
    assert(this.running !== undefined, 'a session that was started')
    return this.running
  }

  /** As the rest of the world sees it. */
  get publicAddress(): string {
    const { nat } = this.options
    return nat === undefined || nat === 'none' ? this.address : nat.publicAddress
  }

  get endpoint(): string {
    return `${this.address}:${listenPort}`
  }

  /** Starts the program, with what the last one left on the disk. */
  async start(changes: Partial<SessionConfig> = {}): Promise<Session> {
    return unwrap(await this.tryStart(changes))
  }

  /** As start. Errors: those of openSession; no program runs then. */
  async tryStart(changes: Partial<SessionConfig> = {}): Promise<Result<Session>> {
    assert(this.running === undefined, 'one program at a time')
    const { world, random, address } = this
    this.life++
    this.alarmCount = 0
    this.config = sessionConfig({ ...this.usualConfig(), ...changes })
    this.memory = new SimulatedPieceMemory(this.memory.budgetBytes, world.spares)
    const { memory } = this
    const speed = this.wallet?.open()
    const opening = openSession(
      {
        clock: this.clockOfLife(this.life),
        random: this.overheardRandom(),
        streams: world.streamsOf(this),
        datagrams: world.network.datagrams(this.options),
        resolver: world.web.resolver(),
        interfaces: this.interfacesPort(),
        http: this.httpPort(),
        files: this.disk.files(),
        // Nobody in these worlds signs items.
        itemSignatures: { verify: () => false },
        memory,
        openHasher: (sink) =>
          new SimulatedHasher({ clock: world.clock, random, memory, sink, known: world.knownPieces }),
        ...(speed === undefined ? {} : { speed }),
      },
      this.config,
    )
    const opened = await world.clock.settle(opening)
    if (!opened.ok) {
      await this.closeWallet()
      world.log(address, `did not start, ${opened.code}`)
      world.onDown(this, true)
      return opened
    }
    this.running = opened.value
    this.follow(opened.value)
    world.log(address, `started, life ${this.life}`)
    return opened
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
    this.unfollow()
    this.running = undefined
    await this.closeWallet()
    this.world.log(this.address, 'stopped')
    this.world.onDown(this, true)
  }

  /** The program dies at this moment; with `isPowerLoss`, so does what its disk was not told to keep. */
  kill(isPowerLoss = false): void {
    this.interfaceListeners.clear()
    this.world.network.crash(this.address)
    this.disk.crash(isPowerLoss)
    this.wallet?.crash(isPowerLoss)
    this.life++
    this.running = undefined
    this.world.log(this.address, isPowerLoss ? 'lost power' : 'killed')
    this.world.onDown(this, false)
  }

  /** Lets time pass until it is done. */
  async run(command: Command): Promise<Outcome> {
    return unwrap(await this.world.clock.settle(this.tell(command)))
  }

  /** As somebody does who goes on with other things meanwhile. */
  async tell(command: Command): Promise<Result<Outcome>> {
    if (command.type === 'ban') this.bannedByCommand.add(command.address)
    const { life } = this
    const outcome = await this.session.run(command)
    if (outcome.ok && life === this.life) this.config = configAfter(this.config, command)
    return outcome
  }

  async add(metainfo: Uint8Array, options: AddOptions = {}): Promise<TorrentId> {
    return added(await this.run({ type: 'add', source: { type: 'metainfo', bytes: metainfo }, options }))
  }

  async addMagnet(link: string, options: AddOptions = {}): Promise<TorrentId> {
    return added(await this.run({ type: 'add', source: { type: 'magnet', link }, options }))
  }

  torrent(id: TorrentId): TorrentSnapshot {
    return unwrap(this.session.torrentSnapshot(id))
  }

  stateOf(id: TorrentId): string {
    return this.torrent(id).state.type
  }

  /** Puts a content on the disk, as if it had been there always. */
  put(content: Content): void {
    this.world.knows(content)
    for (const { path, bytes } of content.files) this.disk.put(pathOf(path), bytes)
  }

  /** The disk has the content, or these of its files, under its final names. */
  has({ files }: Content, isMeant: (file: number) => boolean = () => true): boolean {
    return files.every(({ path, bytes }, index) => !isMeant(index) || this.disk.matches(pathOf(path), bytes))
  }

  /** The disk shows the bytes of a piece, in files that are complete or not, or kept for files that are not wanted. */
  holds({ info, files }: Content, piece: number): boolean {
    const start = piece * info.pieceLengthBytes
    const end = Math.min(start + info.pieceLengthBytes, info.spanBytes)
    return files.every(({ path, offset, bytes }) => {
      const from = Math.max(start, offset) - offset
      const to = Math.min(end, offset + bytes.length) - offset
      if (from >= to) return true
      const { incompleteFolder = contentFolder } = this.config
      const folders = [contentFolder, incompleteFolder, `${contentFolder}/${info.infoHashV1}`]
      const names = folders.map((folder) => pathOf(path, folder)).flatMap((name) => [name, `${name}.part`])
      if (names.some((candidate) => this.disk.shows(candidate, bytes, from, to))) return true
      return this.keepsApart(bytes.subarray(from, to), partsPosition(info, piece) + offset + from - start)
    })
  }

  /** What wanted pieces share with files that are not wanted lies in a file of its own, piece after piece. */
  private keepsApart(bytes: Uint8Array, position: number): boolean {
    return this.disk.paths().some((path) => {
      if (!path.endsWith('.parts')) return false
      const kept = this.disk.content(path)?.subarray(position, position + bytes.length)
      return kept !== undefined && equalBytes(kept, bytes)
    })
  }

  private newWallet(): MachineWallet | undefined {
    const { world, address, options } = this
    const { ledger } = options
    if (ledger === undefined) return undefined
    return new MachineWallet({
      clock: world.clock,
      random: world.randomOf(`wallet of ${address}`),
      ledger,
      name: address,
      onSign: (request) => world.onSign(this, request),
    })
  }

  private async closeWallet(): Promise<void> {
    if (this.wallet !== undefined) await this.world.clock.settle(this.wallet.close())
  }

  private usualConfig(): SessionConfig {
    return sessionConfig({
      stateFolder,
      downloadFolder: contentFolder,
      listenAddresses: ['0.0.0.0'],
      listenPort,
      ...this.options.config,
    })
  }

  /** A program that was killed is woken no more. */
  private clockOfLife(life: number): Clock {
    const { clock } = this.world
    return {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      alarm: (onRing) => {
        const alarm = clock.alarm(() => {
          if (life === this.life) onRing()
        })
        let isClosed = false
        this.alarmCount++
        return {
          set: (atMs) => alarm.set(atMs),
          close: () => {
            if (!isClosed && life === this.life) this.alarmCount--
            isClosed = true
            alarm.close()
          },
        }
      },
    }
  }

  /** Web servers see it by its address of their family; those of a house are reached from the house alone. */
  private httpPort(): Http {
    const { web } = this.world
    const towards = (request: HttpRequest): readonly [Http, HttpRequest] => {
      const [first] = request.addresses
      if (first === undefined || isOfHouse(first.address)) {
        return [web.http(this.address), isOfHouse(this.address) ? request : { ...request, addresses: [] }]
      }
      const own = this.interfaces.find(([, address]) => familyOf(address) === first.family)
      return [web.http(this.isTranslated ? this.publicAddress : (own?.[1] ?? this.address)), request]
    }
    const stream: Http['stream'] = (request, sink, signal) => {
      const [http, sent] = towards(request)
      return http.stream(sent, sink, signal)
    }
    return {
      fetch: (request, signal) => {
        const [http, sent] = towards(request)
        return http.fetch(sent, signal)
      },
      stream,
      openLine: () => ({ stream, close: () => undefined }),
    }
  }

  private overheardRandom(): Random {
    const { random, recentKeys } = this
    return {
      below: (limit) => random.below(limit),
      fill: (target) => {
        random.fill(target)
        if (target.length !== privateKeyLength) return
        recentKeys.unshift(target.slice())
        recentKeys.length = Math.min(recentKeys.length, mostRecentKeys)
      },
    }
  }

  private interfacesPort(): Interfaces {
    return {
      list: () =>
        (this.isTranslated ? [] : this.interfaces).map(([interfaceName, address]) => ({
          interfaceName,
          family: familyOf(address),
          address,
          prefixLength: 8,
          isLoopback: false,
        })),
      onChange: (listener) => {
        this.interfaceListeners.add(listener)
        return () => this.interfaceListeners.delete(listener)
      },
    }
  }

  private follow(session: Session): void {
    const { life } = this
    let { cursor } = session.snapshot()
    this.unfollow = session.onChange(() => {
      if (life !== this.life) return
      const news = session.changesSince(cursor)
      cursor = news.cursor
      assert(news.type === 'changes', 'a reader that is never away')
      for (const change of news.changes) this.note(change)
    })
  }

  private note(change: Change): void {
    this.world.log(this.address, textOf(change))
    this.world.onChange(this, change)
  }
}

function isOfHouse(address: string): boolean {
  return address.startsWith('192.168.')
}

/** What a program was told later about itself. */
function configAfter(config: SessionConfig, command: Command): SessionConfig {
  if (command.type === 'set-rates') return { ...config, rates: { ...config.rates, ...command.rates } }
  if (command.type === 'use-alternative-rates') return { ...config, useAlternativeRates: command.enabled }
  if (command.type === 'set-alternative-rates') {
    return { ...config, alternativeRates: { ...config.alternativeRates, ...command.rates } }
  }
  if (command.type !== 'set-connection-limits') return config
  return { ...config, connections: { ...config.connections, ...command.limits } }
}

function added(outcome: Outcome): TorrentId {
  assert(outcome.type === 'added', 'what was asked for')
  return outcome.id
}

/** Where the parts file has a piece: those with bytes of several files lie there in their order. */
function partsPosition({ files, pieceLengthBytes, spanBytes }: TorrentInfo, piece: number): number {
  let sharedCount = 0
  for (let other = 0; other < Math.min(piece, Math.ceil(spanBytes / pieceLengthBytes)); other++) {
    const start = other * pieceLengthBytes
    const isOf = ({ offset, lengthBytes }: TorrentInfo['files'][number]) =>
      lengthBytes > 0 && offset < start + pieceLengthBytes && offset + lengthBytes > start
    if (files.filter(isOf).length > 1) sharedCount++
  }
  return sharedCount * pieceLengthBytes
}

function pathOf(path: readonly string[], folder = contentFolder): string {
  return `${folder}/${path.join('/')}`
}

function textOf(change: Change): string {
  const id = 'id' in change ? ` ${change.id.slice(0, 8)}` : ''
  if (change.type === 'piece') return `piece${id} ${change.piece}`
  if (change.type !== 'state') return `${change.type}${id}`
  const { state } = change
  return `state${id} ${state.type}${state.type === 'error' ? ` ${state.problem.code}` : ''}`
}
