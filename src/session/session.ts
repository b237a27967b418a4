// The session: all torrents together, and the one driver of the machines below it. It takes commands and inputs of the
// ports, lets the rooms decide, carries out what they say, and shows what is.
// Guarantees: inputs never nest; after each one everything it led to is done; what is shown is structured-cloneable.
// Owns every torrent and connection, the budgets and the sockets.
import { fromLatin1 } from '../base/bytes.ts'
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { clientCode, type PeerId, peerId } from '../base/ids.ts'
import type { FileRoot } from '../ports/files.ts'
import { FilePool } from '../storage/file-pool.ts'
import { HashQueue } from '../storage/hash-queue.ts'
import { SlotPool } from '../storage/slot-pool.ts'
import { Bandwidth } from './bandwidth.ts'
import { ChangeLog } from './change-log.ts'
import type { Command, Outcome, TorrentId } from './commands.ts'
import { Connections } from './connections.ts'
import { DatagramRouting } from './datagram-routing.ts'
import { DhtDriver } from './dht-driver.ts'
import { DiskDemands } from './disk-demands.ts'
import { localAddress } from './listening.ts'
import { ListeningSockets } from './listening-sockets.ts'
import { LocalDiscoveryDriver } from './local-discovery-driver.ts'
import { hasReachedGoal, type QueuePlace, RunningQueue } from './queueing.ts'
import { type LaneJob, RequestLane } from './request-lanes.ts'
import { ResumeSaver } from './resume-saver.ts'
import { type CommandTarget, SessionCommands } from './session-commands.ts'
import type { RateLimits, SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { SessionRoom } from './session-room.ts'
import type { Settling } from './settling.ts'
import type { Changes, SessionSnapshot, TorrentSnapshot } from './snapshots.ts'
import type { SpeedDealing } from './speed-dealing.ts'
import { Torrent, type TorrentHost } from './torrent.ts'
import type { TorrentFacts } from './torrent-facts.ts'
import type { RestoredTorrent } from './torrent-record.ts'
import { TorrentRegistry } from './torrent-registry.ts'
import { torrentSnapshot, torrentSummary } from './torrent-snapshot.ts'
import { TrackerDriver, type TrackerDriverOptions } from './tracker-driver.ts'
import { Turns } from './turns.ts'

/** Goals, trackers' wishes and the like are looked at as often. */
const tickMs = 1_000
const maxOwnAddresses = 8
/** Web seeds are somebody's web servers, and several torrents may name the same one. */
const webRequestLimits = { maxUnderWay: 64, maxPerHost: 4 }

/**
 * Opens a session: its folder, its sockets, and the torrents of the last time, each in the state it was in.
 * Errors: address-in-use, address-unavailable (to listen on); file-unwritable and others of the state folder;
 * store-damaged and others of the stores of lanes.
 */
export async function openSession(ports: SessionPorts, config: SessionConfig): Promise<Result<Session>> {
  const stateRoot = await ports.files.openRoot(config.stateFolder)
  if (!stateRoot.ok) return stateRoot
  const session = new Session(ports, config, stateRoot.value)
  const opened = await session.open()
  if (opened.ok) return success(session)
  await session.close()
  return opened
}

export class Session implements TorrentHost, CommandTarget {
  readonly room: SessionRoom
  readonly registry = new TorrentRegistry()
  readonly connections: Connections
  private readonly ports: SessionPorts
  private readonly turns: Turns
  private readonly commands: SessionCommands
  private readonly saver: ResumeSaver
  private readonly datagrams: DatagramRouting
  private readonly dht: DhtDriver
  private readonly localDiscovery: LocalDiscoveryDriver
  private readonly folders = new Map<string, Promise<Result<FileRoot>>>()
  private readonly ownAddresses: IpAddress[] = []
  private readonly sockets: ListeningSockets
  private readonly queue: RunningQueue<Torrent>
  private readonly running = new Set<Torrent>()
  private speed: SpeedDealing | undefined
  private config: SessionConfig
  private touched = new Set<Settling>()
  /** Used again by each turn, empty between two. */
  private settled = new Set<Settling>()
  private readonly flushing = new Set<Settling>()
  /** Those whose place among those that run, or whose state, may be another one than before. */
  private reviewed = new Set<Torrent>()
  private isQueueStale = false
  private isDiallingStale = false
  private closing: Promise<void> | undefined

  /** See openSession. */
  constructor(ports: SessionPorts, config: SessionConfig, stateRoot: FileRoot) {
    this.ports = ports
    this.config = config
    this.turns = new Turns(ports.clock, (nowMs) => this.settle(nowMs))
    const nowMs = ports.clock.nowMs()
    const trackerOwner = this.turns.register(() => trackers.wake())
    const trackers = new TrackerDriver(
      {
        clock: ports.clock,
        random: ports.random,
        resolver: ports.resolver,
        http: ports.http,
        sendDatagram: (bytes, endpoint) => void this.datagrams.send(bytes, endpoint.address, endpoint.port),
        scheduleWake: (atMs) => this.turns.run(() => this.turns.wakeAt(trackerOwner, atMs)),
      },
      this.trackerOptions(),
    )
    this.datagrams = new DatagramRouting({
      onDatagram: (kind, bytes, address, port) => {
        if (kind === 'tracker') this.turns.run(() => trackers.receiveDatagram(bytes, address, port))
        else if (kind === 'dht') this.turns.run((atMs) => this.dht.receive(bytes, address, port, atMs))
      },
    })
    this.dht = new DhtDriver({
      turns: this.turns,
      ports,
      config,
      stateRoot,
      datagrams: this.datagrams,
      touch: (settling) => void this.touched.add(settling),
      noteOwnAddress: (ip) => this.noteOwnAddress(ip),
    })
    this.localDiscovery = new LocalDiscoveryDriver({
      turns: this.turns,
      ports,
      config,
      listenPort: () => this.sockets.port,
      touch: (settling) => void this.touched.add(settling),
    })
    this.queue = new RunningQueue(config.queue)
    this.room = this.makeRoom(trackers, stateRoot, nowMs)
    this.sockets = new ListeningSockets({
      turns: this.turns,
      ports,
      config,
      datagrams: this.datagrams,
      accept: (stream) => this.connections.accept(stream),
      onChanged: (atMs) => {
        this.dht.socketsChanged(atMs)
        void this.localDiscovery.follow()
        this.connections.wayChanged(atMs)
        this.room.log.add({ type: 'session' })
      },
    })
    this.connections = new Connections({
      room: this.room,
      find: (infoHash) => this.registry.find(infoHash),
      infoHashKeyed: (keyed) => this.registry.infoHashKeyed(keyed),
      running: this.running,
      listening: () => this.sockets.listening,
    })
    this.saver = new ResumeSaver(this.room)
    this.commands = new SessionCommands(this)
    const tickOwner = this.turns.register((atMs) => {
      this.tick(atMs)
      this.turns.wakeAt(tickOwner, atMs + tickMs)
    })
    this.turns.wakeAt(tickOwner, nowMs + tickMs)
  }

  /** For openSession. */
  async open(): Promise<Result<void>> {
    const { config } = this
    const opened = await this.sockets.open()
    if (!opened.ok) return opened
    if (this.ports.speed !== undefined) {
      // Of no use, and not loaded, where nothing is paid or earned.
      const { openSpeedDealing } = await import('./speed-dealing.ts')
      const speed = await openSpeedDealing(this.room)
      if (!speed.ok) return speed
      this.speed = speed.value
    }
    await this.dht.open()
    await this.localDiscovery.follow()
    const restored = config.restoresAll ? await this.saver.load() : success([])
    if (!restored.ok) return restored
    this.turns.run((nowMs) => {
      for (const { facts, storage, peers, position } of restored.value) {
        const torrent = this.addTorrent(facts, nowMs, position)
        torrent?.begin(nowMs, storage)
        torrent?.contacts.restorePeers(peers, nowMs)
      }
    })
    return success(undefined)
  }

  /** Carries out a command; its outcome, or why not. Errors: torrent-unknown and what the command says. */
  async run(command: Command): Promise<Result<Outcome>> {
    if (this.closing !== undefined) return failure('interrupted', 'the session is being closed')
    return await this.commands.run(command)
  }

  snapshot(): SessionSnapshot {
    const nowMs = this.turns.nowMs()
    const torrents = this.registry.order.map((torrent, index) => torrentSummary(torrent, index, nowMs))
    const sum = (field: 'downloadedBytes' | 'uploadedBytes' | 'downloadRate' | 'uploadRate'): number =>
      torrents.reduce((total, torrent) => total + torrent[field], 0)
    return {
      listening: this.sockets.listening.map(({ endpoint }) => endpoint),
      externalAddresses: this.ownAddresses.map(({ address }) => address),
      bannedAddresses: this.bannedAddresses(nowMs),
      torrents,
      dht: this.dht.snapshot(),
      speed: this.speed?.desk.snapshot(nowMs),
      connections: this.connections.count,
      halfOpen: this.connections.halfOpenCount,
      rates: this.currentRates(),
      usesAlternativeRates: this.config.useAlternativeRates,
      reservedMemoryBytes: this.ports.memory.reservedBytes,
      cursor: this.room.log.cursor,
      downloadedBytes: sum('downloadedBytes'),
      uploadedBytes: sum('uploadedBytes'),
      downloadRate: sum('downloadRate'),
      uploadRate: sum('uploadRate'),
    }
  }

  /** By id or any info hash. Errors: torrent-unknown. */
  torrentSnapshot(id: TorrentId): Result<TorrentSnapshot> {
    const torrent = this.registry.find(id)
    if (torrent === undefined) return failure('torrent-unknown', `no torrent ${id}`)
    const position = this.registry.order.indexOf(torrent)
    return success(torrentSnapshot(torrent, position, this.config.seedGoals, this.turns.nowMs()))
  }

  changesSince(cursor: number): Changes {
    return this.room.log.since(cursor)
  }

  /** `listener` is called when there are changes to read. The function returned ends it. */
  onChange(listener: () => void): () => void {
    return this.room.log.listen(listener)
  }

  /** Saves, says goodbye to trackers for a bounded time, and ends everything. */
  close(): Promise<void> {
    this.closing ??= this.closeAll()
    return this.closing
  }

  claim(torrent: Torrent): boolean {
    return this.registry.claim(torrent)
  }

  recall(id: string): Promise<Result<RestoredTorrent>> {
    return this.saver.loadOne(id)
  }

  keepMetainfo(torrent: Torrent): void {
    this.saver.metainfoChanged(torrent)
  }

  reviewQueue(torrent: Torrent): void {
    this.reviewed.add(torrent)
  }

  /** Moves a torrent to a place in the queue, 0 the first. */
  place(torrent: Torrent, position: number): void {
    this.registry.place(torrent, position)
    this.queue.decideAgain(this.config.queue)
    this.isQueueStale = true
    for (const { facts } of this.registry.order) this.room.reviewSaving(facts.id)
  }

  /** Undefined: one of its info hashes is here already. */
  addTorrent(facts: TorrentFacts, nowMs: number, rank?: number): Torrent | undefined {
    const torrent = new Torrent(this.room, this, facts, this.newPeerId(), nowMs)
    if (!this.registry.add(torrent, rank)) return undefined
    for (const address of this.ownAddresses) this.tellOwnAddress(torrent, address)
    this.room.log.add({ type: 'added', id: facts.id })
    return torrent
  }

  /** What is new is remembered at once. */
  async remember(torrent: Torrent): Promise<void> {
    this.saver.metainfoChanged(torrent)
    await this.saver.save(torrent)
  }

  async removeTorrent(torrent: Torrent, withData: boolean): Promise<Result<void>> {
    this.registry.remove(torrent)
    this.room.log.add({ type: 'removed', id: torrent.facts.id })
    let ended: Promise<Result<void>> | undefined
    this.turns.run((nowMs) => {
      ended = withData ? torrent.remove(nowMs) : torrent.close(nowMs)
    })
    const result = (await ended) ?? success(undefined)
    torrent.contacts.announcing.closeWhenStopped()
    const forgotten = await this.saver.forget(torrent)
    return result.ok ? forgotten : result
  }

  /** Configuration that commands may change. */
  reconfigure(changes: Partial<SessionConfig>): void {
    this.config = { ...this.config, ...changes }
    this.turns.run((nowMs) => {
      this.room.bandwidth.setRates(this.currentRates(), nowMs)
      for (const torrent of this.registry.order) {
        torrent.limitsChanged(nowMs)
        torrent.contacts.speed?.changed(nowMs)
      }
      this.connections.endSurplus(nowMs)
      this.queue.decideAgain(this.config.queue)
      this.isQueueStale = true
      this.room.log.add({ type: 'session' })
    })
  }

  private makeRoom(trackers: TrackerDriver, stateRoot: FileRoot, nowMs: number): SessionRoom {
    const { ports, turns } = this
    const session = this
    return {
      turns,
      ports,
      get config() {
        return session.config
      },
      slots: new SlotPool(ports.memory),
      hashes: new HashQueue(ports.openHasher),
      diskDemands: new DiskDemands(),
      files: new FilePool(),
      trackers,
      dht: this.dht,
      localDiscovery: this.localDiscovery,
      bandwidth: new Bandwidth(turns, this.currentRates(), nowMs),
      webRequests: new RequestLane<LaneJob>(webRequestLimits, (job) => job.begin()),
      log: new ChangeLog(),
      get speed() {
        return session.speed
      },
      stateRoot,
      openFolder: (path) => this.openFolder(path),
      listenPort: () => this.sockets.port,
      noteSelf: (endpoint: Endpoint) => this.connections.noteSelf(endpoint),
      noteOwnAddress: (ip) => this.noteOwnAddress(ip),
      touch: (settling) => void this.touched.add(settling),
      reviewDialling: () => {
        this.isDiallingStale = true
      },
      reviewSaving: (id) => {
        const torrent = this.registry.get(id)
        if (torrent !== undefined) this.saver.changed(torrent)
      },
      noteBought: (id) => {
        const torrent = this.registry.get(id)
        if (torrent !== undefined) this.saver.bought(torrent)
      },
      save: async (id) => {
        const torrent = this.registry.get(id)
        return torrent === undefined ? success(undefined) : await this.saver.save(torrent)
      },
    }
  }

  /** Carries out what a turn led to, until there is nothing left; then lets the bytes go. */
  private settle(nowMs: number): void {
    const { flushing } = this
    for (;;) {
      const { touched } = this
      if (touched.size > 0) {
        this.touched = this.settled
        this.settled = touched
        for (const settling of touched) {
          settling.settle(nowMs)
          flushing.add(settling)
        }
        touched.clear()
      } else if (this.isQueueStale || this.reviewed.size > 0) {
        this.applyQueue(nowMs)
      } else if (this.isDiallingStale) {
        this.isDiallingStale = false
        this.connections.dialMore(nowMs)
      } else break
    }
    for (const settling of flushing) settling.flush()
    flushing.clear()
    this.room.log.announce()
  }

  private applyQueue(nowMs: number): void {
    const { reviewed, queue, running } = this
    this.reviewed = new Set()
    this.isQueueStale = false
    // At the end everything is stopped, and nothing is started in its place.
    if (this.closing === undefined) {
      for (const torrent of reviewed) queue.review(torrent, placeOf(torrent))
      const { stopping, starting } = queue.takeChanges()
      for (const torrent of stopping) {
        running.delete(torrent)
        torrent.setRunning(false, nowMs)
      }
      for (const torrent of starting) {
        running.add(torrent)
        torrent.setRunning(true, nowMs)
      }
    }
    for (const torrent of reviewed) torrent.noteState()
  }

  private tick(nowMs: number): void {
    this.connections.turnOver(nowMs)
    for (const torrent of this.running) {
      if (!torrent.isRunning) continue
      torrent.tally.countTime(nowMs)
      torrent.contacts.announcing.tellDemand(nowMs)
      if (!torrent.isFinished) continue
      const { uploadedBytes } = torrent.tally.transferred()
      const wantedBytes = torrent.progress?.wantedBytes ?? 0
      const { seedingSeconds } = torrent.facts.totals
      const goals = { ...this.config.seedGoals, ...torrent.facts.seedGoals }
      if (!hasReachedGoal({ uploadedBytes, wantedBytes, seedingSeconds }, goals)) continue
      torrent.facts.wantsToRun = false
      this.reviewQueue(torrent)
      this.room.reviewSaving(torrent.facts.id)
    }
  }

  private async closeAll(): Promise<void> {
    const { stopTimeoutMs } = this.config
    const torrents = [...this.registry.order]
    const ends: Promise<unknown>[] = []
    if (this.speed !== undefined) {
      this.turns.run((nowMs) => {
        for (const torrent of torrents) torrent.contacts.speed?.retire(nowMs)
      })
      await this.speed.desk.settleUp(stopTimeoutMs)
    }
    this.turns.run((nowMs) => {
      for (const torrent of torrents)
        if (torrent.isRunning) ends.push(torrent.contacts.announcing.stop(stopTimeoutMs, nowMs))
      this.connections.close(nowMs)
    })
    await this.sockets.close()
    await Promise.all(torrents.map((torrent) => torrent.putAside()))
    await this.saver.saveAll(torrents)
    this.turns.run((nowMs) => {
      for (const torrent of torrents) ends.push(torrent.close(nowMs))
    })
    await Promise.all(ends)
    for (const torrent of torrents) torrent.contacts.announcing.close()
    this.room.trackers.close()
    await this.speed?.desk.close()
    await this.dht.close()
    await this.localDiscovery.close()
    await this.datagrams.close()
    await this.room.hashes.close()
    this.turns.close()
  }

  private bannedAddresses(nowMs: number): string[] {
    const banned = new Set(this.connections.bannedAddresses)
    for (const { contacts } of this.registry.order) {
      for (const address of contacts.peers.bannedAddresses(nowMs)) banned.add(address)
    }
    return [...banned].sort()
  }

  private currentRates(): RateLimits {
    return this.config.useAlternativeRates ? this.config.alternativeRates : this.config.rates
  }

  private openFolder(path: string): Promise<Result<FileRoot>> {
    const known = this.folders.get(path)
    if (known !== undefined) return known
    const opening = this.ports.files.openRoot(path)
    this.folders.set(path, opening)
    void opening.then((result) => {
      if (!result.ok) this.folders.delete(path)
    })
    return opening
  }

  private noteOwnAddress(ip: IpAddress): void {
    if (this.ownAddresses.some(({ address }) => address === ip.address)) return
    if (this.ownAddresses.length >= maxOwnAddresses) return
    this.ownAddresses.push(ip)
    for (const torrent of this.registry.order) this.tellOwnAddress(torrent, ip)
  }

  private tellOwnAddress(torrent: Torrent, ip: IpAddress): void {
    const port = this.room.listenPort()
    if (port !== 0) torrent.contacts.peers.setOwnEndpoint({ ...ip, port })
  }

  /** The addresses to leave by are looked up each time: they come and go. */
  private trackerOptions(): TrackerDriverOptions {
    const { bindTo, clientName, allowLocal } = this.config
    const { interfaces } = this.ports
    const options = { userAgent: clientName, allowsLocal: allowLocal }
    if (bindTo === undefined) return options
    return {
      ...options,
      get localAddresses() {
        const v4 = localAddress(bindTo, interfaces, 4)
        const v6 = localAddress(bindTo, interfaces, 6)
        return {
          ...(v4.type === 'bound' ? { 4: v4.address } : {}),
          ...(v6.type === 'bound' ? { 6: v6.address } : {}),
        }
      },
    }
  }

  /** BEP 20. */
  private newPeerId(): PeerId {
    const bytes = new Uint8Array(20)
    this.ports.random.fill(bytes)
    bytes.set(fromLatin1(`-${clientCode}${this.config.peerIdVersion}-`))
    return peerId(bytes)
  }
}

function placeOf(torrent: Torrent): QueuePlace {
  const { facts, canRun, isSeed } = torrent
  if (!facts.wantsToRun || !canRun) return 'none'
  if (facts.isForced) return 'forced'
  return isSeed ? 'seed' : 'download'
}
