// The sockets of a session: TCP on each address it listens on, UDP beside them, and their life while addresses of the
// machine come and go. Guarantees: all on one port, which stays the same; what is gone is closed and what is new is
// opened, one round at a time and only where something differs, so that a restless interface makes no storm.
// Owns the listening sockets; the UDP sockets are the routing's.
import type { IpAddress } from '../base/endpoint.ts'
import { failure, type Result, success } from '../base/errors.ts'
import type { AcceptStream, Listening } from '../ports/streams.ts'
import type { DatagramRouting } from './datagram-routing.ts'
import { listenAddresses, listenOnAll } from './listening.ts'
import type { SessionConfig } from './session-config.ts'
import type { SessionPorts } from './session-ports.ts'
import type { Turns, WakeOwner } from './turns.ts'

export interface ListeningSocketsOptions {
  readonly turns: Turns
  readonly ports: Pick<SessionPorts, 'streams' | 'datagrams' | 'interfaces'>
  readonly config: SessionConfig
  readonly datagrams: DatagramRouting
  readonly accept: AcceptStream
  /** Addresses of the machine came or went, and the sockets follow. Called within a turn. */
  readonly onChanged: (nowMs: number) => void
}

/** Addresses often come in twos and threes. */
const settleMs = 1_000

export class ListeningSockets {
  private readonly options: ListeningSocketsOptions
  private readonly wakeOwner: WakeOwner
  private sockets: readonly Listening[] = []
  private taken = 0
  private stopWatching: () => void = () => undefined
  private isPlanned = false
  /** The round under way; the next waits for it. */
  private round: Promise<void> = Promise.resolve()
  private isClosed = false

  constructor(options: ListeningSocketsOptions) {
    this.options = options
    this.wakeOwner = options.turns.register(() => this.follow())
  }

  get listening(): readonly Listening[] {
    return this.sockets
  }

  /** The port that is told to others, also while there is no address to listen on; 0: none. */
  get port(): number {
    return this.taken
  }

  /** Errors: address-in-use, address-unavailable. */
  async open(): Promise<Result<void>> {
    const { ports, config, datagrams, accept } = this.options
    const addresses = this.addresses()
    if (addresses.length > 0) {
      const listening = await listenOnAll(ports.streams, addresses, config.listenPort, accept)
      if (!listening.ok) return listening
      this.sockets = listening.value
      this.taken = this.sockets[0]?.endpoint.port ?? 0
    } else if (config.listenAddresses.length > 0) {
      return failure('address-unavailable', `no address of ${config.bindTo ?? 'this machine'} to listen on`)
    }
    await datagrams.open(ports.datagrams, addresses, this.taken)
    this.stopWatching = ports.interfaces.onChange(() => this.plan())
    return success(undefined)
  }

  async close(): Promise<void> {
    this.isClosed = true
    this.stopWatching()
    this.options.turns.unregister(this.wakeOwner)
    await this.round
    await Promise.all(this.sockets.map((socket) => socket.close()))
  }

  private addresses(): IpAddress[] {
    const { ports, config } = this.options
    return listenAddresses(config.listenAddresses, config.bindTo, ports.interfaces)
  }

  private plan(): void {
    if (this.isPlanned || this.isClosed) return
    this.isPlanned = true
    const { turns } = this.options
    turns.run((nowMs) => turns.wakeAt(this.wakeOwner, nowMs + settleMs))
  }

  private follow(): void {
    const { turns, onChanged } = this.options
    this.isPlanned = false
    this.round = this.round.then(() => this.reopen())
    turns.after(this.round, (_, nowMs) => onChanged(nowMs))
  }

  private async reopen(): Promise<void> {
    if (this.isClosed) return
    const { ports, datagrams, accept } = this.options
    const addresses = this.addresses()
    const isWanted = ({ endpoint }: Listening) => addresses.some(({ address }) => address === endpoint.address)
    const kept = this.sockets.filter(isWanted)
    const missing = addresses.filter(({ address }) => kept.every(({ endpoint }) => endpoint.address !== address))
    await Promise.all(this.sockets.filter((socket) => !kept.includes(socket)).map((socket) => socket.close()))
    const opened = missing.length === 0 ? undefined : await listenOnAll(ports.streams, missing, this.taken, accept)
    // One that cannot be had now is tried again with the next change.
    this.sockets = opened?.ok === true ? [...kept, ...opened.value] : kept
    if (this.taken === 0) this.taken = this.sockets[0]?.endpoint.port ?? 0
    await datagrams.open(ports.datagrams, addresses, this.taken)
  }
}
