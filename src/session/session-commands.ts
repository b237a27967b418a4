// The commands of a session, one method each: checked, carried out, and answered with an outcome.
// Guarantees: a command that is refused has changed nothing; what a command changes is remembered.
import { unreachable } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import { type PeerAddress, parsePeerAddress } from '../formats/magnet.ts'
import { checkWebSeedUrl } from '../formats/web-seed.ts'
import { checkPriorities, newFacts, type ParsedSource, parseSource } from './adding.ts'
import type { AddOptions, AddSource, Command, Outcome, SessionCommand, TorrentCommand } from './commands.ts'
import type { Connections } from './connections.ts'
import { fetchTorrentFile } from './fetch-torrent-file.ts'
import { privatePeersFailure } from './named-peers.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionRoom } from './session-room.ts'
import type { Torrent } from './torrent.ts'
import { keptBudget, type TorrentFacts } from './torrent-facts.ts'
import { metainfoFile, type RestoredTorrent, rejoined } from './torrent-record.ts'
import type { TorrentRegistry } from './torrent-registry.ts'

/** What commands work on: the session. */
export interface CommandTarget {
  readonly room: SessionRoom
  readonly registry: TorrentRegistry
  readonly connections: Connections
  /** What the state folder has of a torrent. Errors: resume-damaged, also when it has nothing. */
  recall(id: string): Promise<Result<RestoredTorrent>>
  addTorrent(facts: TorrentFacts, nowMs: number): Torrent | undefined
  remember(torrent: Torrent): Promise<void>
  removeTorrent(torrent: Torrent, withData: boolean): Promise<Result<void>>
  /** Whether it may run is to be decided anew. */
  reviewQueue(torrent: Torrent): void
  /** Moves it in the queue. */
  place(torrent: Torrent, position: number): void
  reconfigure(changes: Partial<SessionConfig>): void
}

/** Of one torrent, as many as a .torrent file may list. */
const maxWebSeeds = 1_000
const noLedger = failure('rail-unknown', 'this session knows no ledger')
const done: Result<Outcome> = success({ type: 'done' })

export class SessionCommands {
  private readonly target: CommandTarget

  constructor(target: CommandTarget) {
    this.target = target
  }

  async run(command: Command): Promise<Result<Outcome>> {
    if (!('id' in command)) return await this.runSession(command)
    const torrent = this.target.registry.find(command.id)
    if (torrent === undefined) return failure('torrent-unknown', `no torrent ${command.id}`)
    return await this.runTorrent(torrent, command)
  }

  private async runSession(command: SessionCommand): Promise<Result<Outcome>> {
    const { target } = this
    const { config } = target.room
    switch (command.type) {
      case 'add':
        return await this.add(command.source, command.options ?? {})
      case 'set-rates':
        target.reconfigure({ rates: { ...config.rates, ...command.rates } })
        return done
      case 'set-alternative-rates':
        target.reconfigure({ alternativeRates: { ...config.alternativeRates, ...command.rates } })
        return done
      case 'use-alternative-rates':
        target.reconfigure({ useAlternativeRates: command.enabled })
        return done
      case 'set-connection-limits':
        target.reconfigure({ connections: { ...config.connections, ...command.limits } })
        return done
      case 'set-queue':
        target.reconfigure({ queue: { ...config.queue, ...command.limits } })
        return done
      case 'set-default-seed-goals':
        target.reconfigure({ seedGoals: { ...config.seedGoals, ...command.seedGoals } })
        return done
      case 'ban':
      case 'unban':
        return this.ban(command.address, command.type === 'ban')
      case 'set-speed': {
        const { speed } = config
        if (speed === undefined || target.room.speed === undefined) return noLedger
        const { pays = speed.pays, earns = speed.earns, dayBudget = speed.dayBudget } = command
        target.reconfigure({ speed: { ...speed, pays, earns, dayBudget } })
        return done
      }
      default:
        return unreachable(command)
    }
  }

  private async runTorrent(torrent: Torrent, command: TorrentCommand): Promise<Result<Outcome>> {
    switch (command.type) {
      case 'remove':
        return outcomeOf(await this.target.removeTorrent(torrent, command.withData))
      case 'start':
      case 'start-now':
      case 'stop':
        return this.change(torrent, (nowMs) => {
          torrent.facts.wantsToRun = command.type !== 'stop'
          torrent.facts.isForced = command.type === 'start-now'
          torrent.wantsChanged(nowMs)
        })
      case 'recheck':
        if (torrent.info === undefined) return notReady('there is no metadata yet')
        return this.change(torrent, (nowMs) => torrent.recheck(nowMs))
      case 'download-again':
        return this.change(torrent, (nowMs) => {
          torrent.facts.mayDownloadAgain = true
          torrent.retry(nowMs)
        })
      case 'reannounce':
        return this.change(torrent, (nowMs) => {
          const type = torrent.isRunning ? 'announce-now' : 'scrape-now'
          torrent.contacts.announcing.handle({ type }, nowMs)
          torrent.contacts.dht.again(nowMs)
        })
      case 'set-priorities': {
        const checked = checkPriorities(command.priorities, torrent.info?.files.length ?? Number.MAX_SAFE_INTEGER)
        if (!checked.ok) return checked
        return this.change(torrent, (nowMs) => {
          torrent.facts.priorities = [...command.priorities]
          torrent.prioritiesChanged(nowMs)
        })
      }
      case 'set-sequential':
        return this.change(torrent, () => {
          torrent.facts.isSequential = command.sequential
          torrent.transfer?.orderChanged()
        })
      case 'set-deadline':
        return this.setDeadline(torrent, command.piece, command.inMs)
      case 'set-trackers':
        return this.change(torrent, (nowMs) => {
          const known = new Set(torrent.facts.trackers.flat())
          for (const url of command.trackers.flat()) if (!known.has(url)) torrent.facts.userTrackers.add(url)
          torrent.facts.trackers = command.trackers.map((tier) => [...tier])
          torrent.contacts.announcing.handle({ type: 'set-trackers', tiers: torrent.facts.trackers }, nowMs)
        })
      case 'set-web-seeds':
        return this.setWebSeeds(torrent, command.webSeeds)
      case 'set-limits':
        return this.change(torrent, (nowMs) => {
          torrent.facts.limits = { ...torrent.facts.limits, ...command.limits }
          torrent.limitsChanged(nowMs)
        })
      case 'set-seed-goals':
        return this.change(torrent, () => {
          torrent.facts.seedGoals = { ...torrent.facts.seedGoals, ...command.seedGoals }
        })
      case 'set-super-seeding':
        return this.change(torrent, () => {
          torrent.facts.isSuperSeeding = command.superSeeding
          torrent.transfer?.orderChanged()
        })
      case 'set-queue-position':
        return this.change(torrent, () => this.target.place(torrent, command.position))
      case 'move':
        return await this.move(torrent, command.folder)
      case 'rename-file':
        return await this.renameFile(torrent, command.file, command.path)
      case 'add-peers':
        return await this.addPeers(torrent, command.peers)
      case 'export':
        return exported(torrent)
      case 'set-budget': {
        const { room } = this.target
        if (room.speed === undefined) return noLedger
        return this.change(torrent, (nowMs) => {
          torrent.facts.budget = keptBudget(command.budget, room.ports.clock.wallMs())
          torrent.contacts.speed?.budgetChanged(nowMs)
        })
      }
      default:
        return unreachable(command)
    }
  }

  private async add(source: AddSource, options: AddOptions): Promise<Result<Outcome>> {
    const { room, registry } = this.target
    if (options.budget !== undefined && room.speed === undefined) return noLedger
    const fetched = source.type === 'url' ? await fetchTorrentFile(room, source.url) : success(source)
    if (!fetched.ok) return fetched
    const parsed = parseSource(fetched.value)
    if (!parsed.ok) return parsed
    const peers = parsePeers(options.peers ?? [])
    if (!peers.ok) return peers
    const checkedSeeds = checkWebSeeds(options.webSeeds ?? [])
    if (!checkedSeeds.ok) return checkedSeeds
    const key = new Uint32Array(1)
    room.ports.random.fill(new Uint8Array(key.buffer))
    const facts = newFacts({
      source: parsed.value,
      options,
      config: room.config,
      trackerKey: key[0] as number,
      wallMs: Math.floor(room.ports.clock.wallMs()),
    })
    if (!facts.ok) return facts
    const { infoHashV1, infoHashV2 } = facts.value
    const known = registry.find(infoHashV1 ?? '') ?? registry.find(infoHashV2 ?? '')
    if (known !== undefined) {
      this.mergeWebSeeds(known, parsed.value.webSeeds, options.webSeeds ?? [])
      return await this.merge(known, parsed.value, peers.value)
    }
    const recalled = room.config.restoresAll ? undefined : await this.target.recall(facts.value.id)
    const begun =
      recalled?.ok === true
        ? rejoined(facts.value, recalled.value)
        : { facts: facts.value, storage: undefined, peers: [] }
    let torrent: Torrent | undefined
    room.turns.run((nowMs) => {
      torrent = this.target.addTorrent(begun.facts, nowMs)
      torrent?.begin(nowMs, begun.storage)
      torrent?.contacts.restorePeers(begun.peers, nowMs)
    })
    if (torrent === undefined) return failure('torrent-value', 'one of its info hashes is of another torrent here')
    this.connect(torrent, peers.value, 'manual')
    this.connect(torrent, parsed.value.peers, 'magnet')
    await this.target.remember(torrent)
    return success({ type: 'added', id: facts.value.id, isNew: true })
  }

  /** It is here already: it gets what it lacked. A private torrent takes trackers of its own metadata only. */
  private async merge(torrent: Torrent, source: ParsedSource, peers: readonly PeerAddress[]): Promise<Result<Outcome>> {
    const { facts } = torrent
    const known = new Set(facts.trackers.flat())
    const added = source.trackers.map((tier) => tier.filter((url) => !known.has(url))).filter((tier) => tier.length > 0)
    if (added.length > 0 && torrent.info?.isPrivate !== true) {
      this.change(torrent, (nowMs) => {
        facts.trackers = [...facts.trackers, ...added]
        torrent.contacts.announcing.handle({ type: 'set-trackers', tiers: facts.trackers }, nowMs)
      })
    }
    const { metainfo } = source
    if (metainfo !== undefined) this.target.room.turns.run((nowMs) => torrent.takeMetainfo(metainfo, nowMs))
    this.connect(torrent, peers, 'manual')
    this.connect(torrent, source.peers, 'magnet')
    return success({ type: 'added', id: facts.id, isNew: false })
  }

  private mergeWebSeeds(torrent: Torrent, named: readonly string[], userNamed: readonly string[]): void {
    const { facts } = torrent
    const known = new Set(facts.webSeeds)
    const added = [...new Set([...named, ...userNamed])].filter((url) => !known.has(url))
    const isTrustedAnew = userNamed.some((url) => !facts.userWebSeeds.has(url))
    if (added.length === 0 && !isTrustedAnew) return
    this.change(torrent, (nowMs) => {
      for (const url of userNamed) facts.userWebSeeds.add(url)
      facts.webSeeds = [...facts.webSeeds, ...added].slice(0, maxWebSeeds)
      torrent.transfer?.webSeedsChanged(nowMs)
    })
  }

  private setWebSeeds(torrent: Torrent, webSeeds: readonly string[]): Result<Outcome> {
    const checked = checkWebSeeds(webSeeds)
    if (!checked.ok) return checked
    const { facts } = torrent
    const known = new Set(facts.webSeeds)
    return this.change(torrent, (nowMs) => {
      for (const url of webSeeds) if (!known.has(url)) facts.userWebSeeds.add(url)
      for (const url of facts.userWebSeeds) if (!webSeeds.includes(url)) facts.userWebSeeds.delete(url)
      facts.webSeeds = [...new Set(webSeeds)]
      torrent.transfer?.webSeedsChanged(nowMs)
    })
  }

  private async addPeers(torrent: Torrent, texts: readonly string[]): Promise<Result<Outcome>> {
    const peers = parsePeers(texts)
    if (!peers.ok) return peers
    if (torrent.info?.isPrivate === true) return privatePeersFailure
    this.connect(torrent, peers.value, 'manual')
    return done
  }

  /** Resolves names in the background, and dials what comes of it. */
  private connect(torrent: Torrent, peers: readonly PeerAddress[], source: 'manual' | 'magnet'): void {
    const { room } = this.target
    for (const peer of peers) {
      const { host, port } = peer
      if (source === 'manual') {
        room.turns.run((nowMs) => torrent.contacts.links.named.name(peer, nowMs))
        continue
      }
      const literal = parseAddress(host)
      if (literal !== undefined) {
        room.turns.run((nowMs) => torrent.contacts.namePeer({ ...literal, port }, source, nowMs))
        continue
      }
      const resolving = room.ports.resolver.resolve(host, 'any', new AbortController().signal)
      room.turns.after(resolving, (addresses, nowMs) => {
        if (!addresses.ok) return
        for (const address of addresses.value) torrent.contacts.namePeer({ ...address, port }, source, nowMs)
      })
    }
  }

  private async move(torrent: Torrent, folder: string): Promise<Result<Outcome>> {
    const { room } = this.target
    const root = await room.openFolder(folder)
    if (!root.ok) return root
    const { transfer } = torrent
    if (transfer === undefined) {
      if (torrent.info !== undefined) return notReady('the content is being looked at')
    } else if (transfer.isFolderTaken) {
      const moved = await transfer.move(root.value, folder)
      if (!moved.ok) return moved
    }
    return this.change(torrent, () => {
      torrent.facts.folder = folder
    })
  }

  private async renameFile(torrent: Torrent, file: number, path: readonly string[]): Promise<Result<Outcome>> {
    const { content, info } = torrent
    if (content === undefined || info === undefined) return notReady('the content was not looked at yet')
    if (!Number.isInteger(file) || info.files[file] === undefined) return failure('torrent-value', `no file ${file}`)
    const renamed = await content.storage.renameFile(file, path)
    if (!renamed.ok) return renamed
    const outcome = this.change(torrent, () => undefined)
    // A start that knew the old name alone would miss the file.
    await this.target.room.save(torrent.facts.id)
    return outcome
  }

  private setDeadline(torrent: Torrent, piece: number, inMs: number | undefined): Result<Outcome> {
    const { transfer } = torrent
    if (transfer === undefined) return notReady('the content was not looked at yet')
    const isPiece = Number.isInteger(piece) && piece >= 0 && piece < transfer.content.plan.pieceCount
    if (!isPiece) return failure('torrent-value', `no piece ${piece}`)
    this.target.room.turns.run((nowMs) => {
      transfer.setDeadline(piece, inMs === undefined ? undefined : nowMs + inMs, nowMs)
    })
    return done
  }

  private ban(address: string, isBanned: boolean): Result<Outcome> {
    const parsed = parseAddress(address)
    if (parsed === undefined) return failure('torrent-value', 'not an IP address')
    const { connections, room } = this.target
    room.turns.run((nowMs) => {
      if (isBanned) connections.ban(parsed.address, nowMs)
      else connections.unban(parsed.address)
    })
    return done
  }

  private change(torrent: Torrent, input: (nowMs: number) => void): Result<Outcome> {
    const { room } = this.target
    room.turns.run((nowMs) => {
      input(nowMs)
      this.target.reviewQueue(torrent)
      room.log.add({ type: 'changed', id: torrent.facts.id })
      room.reviewSaving(torrent.facts.id)
    })
    return done
  }
}

function outcomeOf(result: Result<void>): Result<Outcome> {
  return result.ok ? done : result
}

function notReady(detail: string): Failure {
  return failure('torrent-not-ready', detail)
}

function exported({ facts }: Torrent): Result<Outcome> {
  if (facts.metainfo === undefined) return notReady('there is no metadata yet')
  const { name } = facts.metainfo.info
  return success({ type: 'exported', name: `${name}.torrent`, bytes: metainfoFile(facts, facts.metainfo) })
}

/** Errors: web-seed-url. */
function checkWebSeeds(urls: readonly string[]): Result<void> {
  for (const url of urls) {
    const checked = checkWebSeedUrl(url)
    if (!checked.ok) return checked
  }
  return success(undefined)
}

function parsePeers(texts: readonly string[]): Result<PeerAddress[]> {
  const peers: PeerAddress[] = []
  for (const text of texts) {
    const peer = parsePeerAddress(text)
    if (peer === undefined) return failure('torrent-value', 'a peer is written as host:port')
    peers.push(peer)
  }
  return success(peers)
}
