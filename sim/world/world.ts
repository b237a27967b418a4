// A simulated world: machines on one network, each with a disk, and a web with trackers. Everything follows from one
// seed. Owns the clock and the log; checks listen to it.
import { assert } from '../../src/base/assert.ts'
import type { Random } from '../../src/ports/random.ts'
import type { SigningRequest } from '../../src/ports/signer.ts'
import type { Streams } from '../../src/ports/streams.ts'
import type { Change } from '../../src/session/snapshots.ts'
import { KnownContents } from '../ports/known-contents.ts'
import { SimulatedClock } from '../ports/simulated-clock.ts'
import { SimulatedWeb } from '../ports/simulated-http.ts'
import { SimulatedLedger, type SimulatedLedgerOptions } from '../ports/simulated-ledger.ts'
import { SimulatedNetwork } from '../ports/simulated-network.ts'
import { SpareSlots } from '../ports/simulated-piece-memory.ts'
import { simulatedRandom } from '../ports/simulated-random.ts'
import { type Content, pieceSpace } from './content.ts'
import { EventLog } from './event-log.ts'
import { Machine, type MachineOptions } from './machine.ts'
import type { SeenAnnounce } from './seen-announce.ts'

export interface WorldOptions {
  readonly seed?: number
  /** See SimulatedClock: comes back when no promise is left that could be settled. */
  readonly settlePromises: () => Promise<void>
  readonly keepLine?: (line: string) => void
}

/** Whoever watches the machines of a world. */
export interface WorldWatcher {
  onChange?(machine: Machine, change: Change): void
  /** Its wallet is about to sign this. */
  onSign?(machine: Machine, request: SigningRequest): void
  /** Its program ended, in order or not. */
  onDown?(machine: Machine, isOrderly: boolean): void
  /** A tracker of this world was asked, and answered or not. */
  onAnnounce?(announce: SeenAnnounce): void
  /** A web seed sent it bytes of a content, good or bad. */
  onWebContent?(machine: Machine, content: Content, lengthBytes: number): void
  /** The streams of a machine's next life, to be wrapped. */
  tap?(machine: Machine, streams: Streams): Streams
}

export class World {
  readonly seed: number
  readonly clock: SimulatedClock
  readonly network: SimulatedNetwork
  readonly web: SimulatedWeb
  /** What disks recognise, and what hashers do: files, and the piece spaces they make up. */
  readonly knownFiles = new KnownContents()
  readonly knownPieces = new KnownContents()
  readonly spares = new SpareSlots()
  readonly machines: Machine[] = []
  readonly watchers: WorldWatcher[] = []
  /** Hosts that are no machines and act by themselves. */
  otherHosts = 0
  readonly events: EventLog
  readonly ledgers: SimulatedLedger[] = []
  private readonly known = new Set<Content>()

  constructor({ seed = 1, settlePromises, keepLine }: WorldOptions) {
    this.seed = seed
    this.events = new EventLog(keepLine)
    this.clock = new SimulatedClock(settlePromises)
    this.network = new SimulatedNetwork({ clock: this.clock, random: this.randomOf('network') })
    this.web = new SimulatedWeb(this.clock, 5)
  }

  machine(address: string, options: Omit<MachineOptions, 'address'> = {}): Machine {
    const machine = new Machine(this, { address, ...options }, this.randomOf(address))
    this.machines.push(machine)
    return machine
  }

  /** Another one at each call; whoever is to have an account there is told of it (MachineOptions). */
  ledger(options: Omit<SimulatedLedgerOptions, 'clock' | 'random'> = {}): SimulatedLedger {
    const random = this.randomOf(`ledger ${this.ledgers.length}`)
    const ledger = new SimulatedLedger({ ...options, clock: this.clock, random })
    this.ledgers.push(ledger)
    return ledger
  }

  /** A stream of its own for whoever is named, so that one more draw here changes nothing elsewhere. */
  randomOf(name: string): Random {
    let mixed = this.seed * 1_000_003
    for (const character of name) mixed = Math.imul(mixed ^ (character.codePointAt(0) ?? 0), 0x0100_0193)
    return simulatedRandom(mixed)
  }

  /** Machines hold as many copies of a content as they like, at the cost of one. */
  knows(content: Content): void {
    if (this.known.has(content)) return
    this.known.add(content)
    for (const { bytes } of content.files) this.knownFiles.add(bytes)
    this.knownPieces.add(pieceSpace(content))
  }

  log(who: string, what: string): void {
    this.events.write(this.clock.nowMs(), who, what)
  }

  onChange(machine: Machine, change: Change): void {
    for (const watcher of this.watchers) watcher.onChange?.(machine, change)
  }

  onSign(machine: Machine, request: SigningRequest): void {
    for (const watcher of this.watchers) watcher.onSign?.(machine, request)
  }

  onDown(machine: Machine, isOrderly: boolean): void {
    for (const watcher of this.watchers) watcher.onDown?.(machine, isOrderly)
  }

  onAnnounce(announce: SeenAnnounce): void {
    for (const watcher of this.watchers) watcher.onAnnounce?.(announce)
  }

  /** `from`: as the web sees the machine. */
  onWebContent(from: string, content: Content, lengthBytes: number): void {
    const machine = this.machines.find(({ address, publicAddress, options }) => {
      return address === from || publicAddress === from || options.otherAddresses?.includes(from) === true
    })
    assert(machine !== undefined, 'a machine of this world')
    for (const watcher of this.watchers) watcher.onWebContent?.(machine, content, lengthBytes)
  }

  streamsOf(machine: Machine): Streams {
    let streams = this.network.streams(machine.options)
    for (const watcher of this.watchers) streams = watcher.tap?.(machine, streams) ?? streams
    return streams
  }

  /** Lets time pass until something holds; fails after a while of simulated time. */
  async until(what: string, isDone: () => boolean, withinMs = 120_000): Promise<void> {
    const deadlineMs = this.clock.nowMs() + withinMs
    assert(await this.clock.runUntil(isDone, deadlineMs), `${what} within ${withinMs} ms`)
  }
}
