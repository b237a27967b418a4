// A DHT node on the network: DhtNode over UDP sockets, one for each address named, its names to begin with resolved, its
// tables kept in the state folder. Guarantees: one turn at a time, drained before the next; nothing is listening and no
// timer left once `close` has returned. Owns the sockets, the alarm and the file.
import { join } from 'node:path'
import type { Endpoint, IpAddress } from '../base/endpoint.ts'
import { failure, type Result, SwarmbidError, success } from '../base/errors.ts'
import type { DhtInput, DhtOutput, DhtSnapshot, DhtTask, LookupOutcome } from '../dht/dht-events.ts'
import { DhtNode } from '../dht/dht-node.ts'
import { savedPlaces } from '../dht/saved-tables.ts'
import { addressClass } from '../formats/address-class.ts'
import { parseAddress } from '../formats/compact-endpoint.ts'
import type { PeerAddress } from '../formats/magnet.ts'
import { ed25519 } from '../host/ed25519.ts'
import { readFileBounded } from '../host/read-input.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemFiles } from '../host/system-files.ts'
import { systemRandom } from '../host/system-random.ts'
import { systemResolver } from '../host/system-resolver.ts'
import { udpDatagrams } from '../host/udp-datagrams.ts'
import type { DatagramSocket } from '../ports/datagrams.ts'
import { wellKnownNodes } from './dht-bootstrap.ts'

export interface DhtServiceOptions {
  /** 0 takes any free one. */
  readonly port: number
  /** IP addresses to use, each with a node id of its own; empty: all of the machine, one id a family. */
  readonly addresses: readonly string[]
  /** Nodes to begin with; undefined: the well-known ones. */
  readonly bootstrap: readonly PeerAddress[] | undefined
  /** Where tables are kept; undefined: nowhere. */
  readonly stateFolder: string | undefined
  /**
   * True: a node that stays, with the id it had. Else one for a few lookups, which begins with the nodes of the tables
   * kept, but is none that others should remember (BEP 43).
   */
  readonly stays: boolean
  readonly isReadOnly: boolean
  /** To all askers together; undefined: as a node that is not there for many (S17). */
  readonly answerBytesPerSecond?: number
}

export interface DhtService {
  readonly endpoints: readonly Endpoint[]
  /** Resolves with false where no node answered in time. */
  ready(timeoutMs: number, signal: AbortSignal): Promise<boolean>
  /** `onFound` is called with all but `done`. Rejects with interrupted. */
  lookUp(task: DhtTask, signal: AbortSignal, onFound: (output: DhtOutput) => void): Promise<LookupOutcome>
  snapshot(): DhtSnapshot
  close(): Promise<void>
}

const tablesFile = 'dht-tables'
const maxTablesBytes = 2_000_000
const saveIntervalMs = 600_000
/** More than any line carries. */
const maxAnswerBytesPerSecond = 1e9
const maxKnownBootstrap = 64

interface Waiter {
  readonly onFound: (output: DhtOutput) => void
  readonly onDone: (outcome: LookupOutcome) => void
}

async function bindAll(
  addresses: readonly (IpAddress | { readonly family: 4 | 6; readonly address: undefined })[],
  port: number,
  isNamed: boolean,
  onDatagram: (place: number, bytes: Uint8Array, address: string, port: number) => void,
): Promise<Result<{ readonly sockets: readonly DatagramSocket[]; readonly named: readonly (string | undefined)[] }>> {
  const datagrams = udpDatagrams()
  const sockets: DatagramSocket[] = []
  const named: (string | undefined)[] = []
  for (const { family, address } of addresses) {
    const place = sockets.length
    const sink = {
      onDatagram: (bytes: Uint8Array, from: string, fromPort: number) => onDatagram(place, bytes, from, fromPort),
      onRoom: () => undefined,
    }
    const wanted = port === 0 ? (sockets[0]?.endpoint.port ?? 0) : port
    const options = { family, ...(address === undefined ? {} : { address }) }
    let bound = await datagrams.bind({ ...options, port: wanted }, sink)
    if (!bound.ok && port === 0 && wanted !== 0) bound = await datagrams.bind({ ...options, port: 0 }, sink)
    if (bound.ok) {
      sockets.push(bound.value)
      named.push(address)
    } else if (isNamed || (family === 6 && sockets.length === 0)) {
      await Promise.all(sockets.map((socket) => socket.close()))
      return bound
    }
  }
  return success({ sockets, named })
}

async function readTables(folder: string | undefined): Promise<Uint8Array | undefined> {
  if (folder === undefined) return undefined
  try {
    return await readFileBounded(join(folder, tablesFile), { maxBytes: maxTablesBytes, code: 'file-unreadable' })
  } catch {
    // None there yet, or none that can be read: the node finds others as on the first day.
    return undefined
  }
}

/** A name that leads into a local network is followed only if it was named here. */
async function resolveNames(nodes: readonly PeerAddress[], mayBeLocal: boolean): Promise<Endpoint[]> {
  const resolver = systemResolver()
  const { signal } = new AbortController()
  const found = await Promise.all(
    nodes.map(async ({ host, port }) => {
      const resolved = await resolver.resolve(host, 'any', signal)
      if (!resolved.ok) return []
      const usable = resolved.value.filter(({ address }) => mayBeLocal || addressClass(address) === 'global')
      return usable.map((ip) => ({ ...ip, port }))
    }),
  )
  return found.flat()
}

class RunningDht implements DhtService {
  readonly endpoints: readonly Endpoint[]
  private readonly options: DhtServiceOptions
  private readonly sockets: readonly DatagramSocket[]
  private readonly node: DhtNode
  private readonly known: readonly Endpoint[]
  private readonly clock = systemClock()
  private readonly alarm = this.clock.alarm(() => this.handle({ type: 'wake' }))
  private readonly waiters = new Map<number, Waiter>()
  private readonly readyWaiters = new Set<() => void>()
  private readonly saving: NodeJS.Timeout | undefined
  private isReady = false
  private isClosed = false
  private isResolving = false
  private nextTicket = 1

  constructor(
    options: DhtServiceOptions,
    sockets: readonly DatagramSocket[],
    named: readonly (string | undefined)[],
    tables: Uint8Array | undefined,
  ) {
    this.options = options
    this.sockets = sockets
    this.endpoints = sockets.map(({ endpoint }) => endpoint)
    // Two nodes of one id would be in each other's way, so who does not stay has a new one.
    const nodes = options.stays ? [] : savedPlaces(tables).flatMap((place) => place.nodes)
    this.known = nodes.slice(-maxKnownBootstrap).map(({ endpoint }) => endpoint)
    const { answerBytesPerSecond } = options
    const places = sockets.map(({ endpoint }, index) => ({ family: endpoint.family, address: named[index] }))
    this.node = new DhtNode(
      {
        random: systemRandom(),
        signatures: ed25519,
        places,
        isReadOnly: options.isReadOnly || !options.stays,
        savedTables: options.stays ? tables : undefined,
        ...(answerBytesPerSecond === undefined
          ? {}
          : { limits: { answerBytesPerSecond: Math.min(answerBytesPerSecond, maxAnswerBytesPerSecond) } }),
      },
      { onSend: (place, bytes, address, port) => void sockets[place]?.send(bytes, address, port) },
      this.clock.nowMs(),
    )
    if (options.stays && options.stateFolder !== undefined) {
      this.saving = setInterval(() => void this.save(), saveIntervalMs)
      this.saving.unref()
    }
  }

  start(): void {
    if (this.known.length > 0) this.handle({ type: 'set-bootstrap', endpoints: this.known })
    this.handle({ type: 'start' })
  }

  receive(place: number, bytes: Uint8Array, address: string, port: number): void {
    if (this.isClosed) return
    this.node.receive(place, bytes, address, port, this.clock.nowMs())
    this.settle()
  }

  ready(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    if (this.isReady || signal.aborted) return Promise.resolve(this.isReady)
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        this.readyWaiters.delete(end)
        resolve(this.isReady)
      }
      const timer = setTimeout(end, timeoutMs)
      signal.addEventListener('abort', end)
      this.readyWaiters.add(end)
    })
  }

  lookUp(task: DhtTask, signal: AbortSignal, onFound: (output: DhtOutput) => void): Promise<LookupOutcome> {
    const ticket = this.nextTicket++
    return new Promise((resolve, reject) => {
      const interrupt = () => {
        this.waiters.delete(ticket)
        this.handle({ type: 'cancel', ticket })
        reject(new SwarmbidError('interrupted', 'stopped before the lookup was over'))
      }
      if (signal.aborted) return interrupt()
      signal.addEventListener('abort', interrupt, { once: true })
      const onDone = (outcome: LookupOutcome) => {
        signal.removeEventListener('abort', interrupt)
        resolve(outcome)
      }
      this.waiters.set(ticket, { onFound, onDone })
      this.handle({ type: 'look-up', ticket, task })
    })
  }

  snapshot(): DhtSnapshot {
    return this.node.snapshot()
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    clearInterval(this.saving)
    this.alarm.close()
    await Promise.all(this.sockets.map((socket) => socket.close()))
    await this.save()
  }

  private handle(input: DhtInput): void {
    if (this.isClosed) return
    this.node.handle(input, this.clock.nowMs())
    this.settle()
  }

  private settle(): void {
    for (let output = this.node.poll(); output !== undefined; output = this.node.poll()) this.take(output)
    if (!this.isClosed) this.alarm.set(this.node.nextWakeMs())
  }

  private take(output: DhtOutput): void {
    switch (output.type) {
      case 'needs-bootstrap':
        void this.bootstrap()
        break
      case 'ready':
        this.isReady = true
        for (const tell of this.readyWaiters) tell()
        break
      case 'external-address':
        break
      case 'done': {
        const waiter = this.waiters.get(output.ticket)
        this.waiters.delete(output.ticket)
        waiter?.onDone(output.outcome)
        break
      }
      default:
        this.waiters.get(output.ticket)?.onFound(output)
    }
  }

  private async bootstrap(): Promise<void> {
    if (this.isResolving) return
    this.isResolving = true
    const { bootstrap } = this.options
    const endpoints = await resolveNames(bootstrap ?? wellKnownNodes, bootstrap !== undefined)
    this.isResolving = false
    if (endpoints.length > 0) this.handle({ type: 'set-bootstrap', endpoints: [...endpoints, ...this.known] })
  }

  private async save(): Promise<void> {
    const { stays, stateFolder } = this.options
    if (!stays || stateFolder === undefined || !this.isReady) return
    const root = await systemFiles().openRoot(stateFolder)
    // What cannot be kept is found again; the node itself goes on.
    if (root.ok) await root.value.replace([tablesFile], this.node.saveTables())
  }
}

/** Starts a node. Errors: address-in-use, address-unavailable. */
export async function serveDht(options: DhtServiceOptions): Promise<Result<DhtService>> {
  const addresses: IpAddress[] = []
  for (const text of options.addresses) {
    const address = parseAddress(text)
    if (address === undefined) return failure('address-unavailable', `${text.slice(0, 100)} is not an IP address`)
    addresses.push(address)
  }
  const isNamed = addresses.length > 0
  const wanted = isNamed
    ? addresses
    : [
        { family: 4 as const, address: undefined },
        { family: 6 as const, address: undefined },
      ]
  let service: RunningDht | undefined
  const bound = await bindAll(wanted, options.port, isNamed, (place, bytes, address, port) =>
    service?.receive(place, bytes, address, port),
  )
  if (!bound.ok) return bound
  service = new RunningDht(options, bound.value.sockets, bound.value.named, await readTables(options.stateFolder))
  service.start()
  return success(service)
}
