// What a scenario builds its world with: machines by role, the content, the tracker, and time.
// Guarantees: addresses are global ones and never repeat; every draw comes from the run's seed.
// Owns the list of who takes part; the world owns the machines.
import type { Random } from '../src/ports/random.ts'
import type { AddOptions, TorrentId } from '../src/session/commands.ts'
import type { TappedConnection } from './checks/tapped-connection.ts'
import type { WireTap } from './checks/wire-tap.ts'
import { type Content, type ContentShape, makeContent } from './world/content.ts'
import type { Machine, MachineOptions } from './world/machine.ts'
import { SimulatedTracker, type SimulatedTrackerOptions } from './world/simulated-tracker.ts'
import { torrentIdOf } from './world/torrent-id.ts'
import type { World } from './world/world.ts'

/** A machine of the product that takes part in the swarm of the content. */
export interface Participant {
  readonly machine: Machine
  readonly role: 'seed' | 'leecher'
  readonly id: TorrentId
  /** Simulated milliseconds: when it came, had everything, and went. */
  readonly joinedMs: number
  finishedMs: number | undefined
  leftMs: number | undefined
  /** Its program runs, and has the torrent. */
  isHere: boolean
  /** Pieces that its session said are verified and written, and when it said so first. */
  readonly pieces: Map<number, number>
}

export interface StageSettings {
  readonly world: World
  readonly tap: WireTap
  readonly peers: number
  readonly contentBytes: number
  readonly pieceLengthBytes: number
  /** Tells of an expectation of the scenario that did not hold. */
  readonly fail: (detail: string, machine?: Machine) => void
}

type Joining = Omit<MachineOptions, 'address'> & {
  /** Another one than is its turn. */
  readonly address?: string
  readonly add?: AddOptions
  /** Knows the link alone. */
  readonly isByMagnet?: boolean
}

/** What a slow disk may take to give complete files their names. */
const renameMs = 10_000

export class Stage {
  readonly world: World
  readonly random: Random
  readonly peers: number
  readonly contentBytes: number
  readonly participants: Participant[] = []
  /** Chosen when first asked for: one for the whole run. */
  private chosen: Content | undefined
  private trackerOfAll: SimulatedTracker | undefined
  private nextAddress = 0
  /** Of what was planned, what is under way. */
  private underWayCount = 0
  private isClosed = false
  private readonly settings: StageSettings

  constructor(settings: StageSettings) {
    this.settings = settings
    this.world = settings.world
    this.peers = settings.peers
    this.contentBytes = settings.contentBytes
    this.random = settings.world.randomOf('stage')
    this.world.watchers.push({
      onChange: (machine, change) => {
        const participant = this.participants.find((one) => one.machine === machine)
        if (participant === undefined || !('id' in change) || change.id !== participant.id) return
        if (change.type === 'piece' && !participant.pieces.has(change.piece)) {
          participant.pieces.set(change.piece, this.nowMs)
        }
        // What is found complete after a start was finished as well.
        const isComplete = change.type === 'finished' || (change.type === 'state' && change.state.type === 'seeding')
        if (isComplete) participant.finishedMs ??= this.nowMs
      },
    })
  }

  get nowMs(): number {
    return this.world.clock.nowMs()
  }

  get content(): Content {
    return this.chosen ?? this.setContent({})
  }

  /** The content of this run, where it is to be another than one file of the scenario's size. */
  setContent(shape: ContentShape): Content {
    this.chosen = this.another({ lengths: [this.contentBytes], ...shape })
    return this.chosen
  }

  /** One more content, besides that of this run: of another torrent in the same sessions. */
  another(shape: ContentShape): Content {
    const { pieceLengthBytes } = this.settings
    const content = makeContent({ pieceLengthBytes, trackers: [[this.tracker().url]], ...shape })
    this.settings.tap.knows(content)
    this.world.knows(content)
    return content
  }

  tracker(options?: SimulatedTrackerOptions): SimulatedTracker {
    this.trackerOfAll ??= new SimulatedTracker(this.world, '11.0.0.1', options)
    return this.trackerOfAll
  }

  /** Global, and another one at each call; in a /24 of its own, so that nobody is taken for a neighbour's double. */
  address(): string {
    const number = this.nextAddress++
    return `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`
  }

  expect(holds: boolean, detail: string, machine?: Machine): void {
    if (!holds) this.settings.fail(detail, machine)
  }

  seed(joining: Joining = {}): Promise<Participant> {
    return this.join('seed', joining)
  }

  leecher(joining: Joining = {}): Promise<Participant> {
    return this.join('leecher', joining)
  }

  async leechers(count: number, joining: (index: number) => Joining): Promise<Participant[]> {
    const joined: Participant[] = []
    for (let index = 0; index < count; index++) joined.push(await this.leecher(joining(index)))
    return joined
  }

  /** Ends its program in order, for good. */
  async leave(participant: Participant): Promise<void> {
    participant.isHere = false
    participant.leftMs = this.nowMs
    await participant.machine.stop()
  }

  /** Its program dies now; `comeBack` starts it anew. */
  kill(participant: Participant, isPowerLoss = false): void {
    participant.isHere = false
    participant.machine.kill(isPowerLoss)
  }

  /** Ends its program in order, to be started again. */
  async pause(participant: Participant): Promise<void> {
    participant.isHere = false
    await participant.machine.stop()
  }

  /** Starts its program with what is on its disk. */
  async comeBack(participant: Participant): Promise<void> {
    const { machine } = participant
    await machine.start()
    // One that died before it wrote the torrent down is told of it again.
    await machine.add(this.content.metainfo)
    participant.isHere = true
  }

  /** Plans something for later; once the scenario is over it does not happen. What fails in it fails the run. */
  after(delayMs: number, act: () => void | Promise<void>): void {
    this.world.clock.after(delayMs, () => {
      if (this.isClosed) return
      const acting = act()
      if (!(acting instanceof Promise)) return
      this.underWayCount++
      void acting
        .catch((error: unknown) => this.settings.fail(error instanceof Error ? error.message : String(error)))
        .finally(() => this.underWayCount--)
    })
  }

  every(intervalMs: number, act: () => void): void {
    this.after(intervalMs, () => {
      act()
      this.every(intervalMs, act)
    })
  }

  /** Nothing that was planned is under way. */
  get isQuiet(): boolean {
    return this.underWayCount === 0
  }

  /** Nothing that was planned happens any more. */
  close(): void {
    this.isClosed = true
  }

  /** From 0 to `mean`, 2 `mean` and more: the time between two that come independently of each other. */
  exponentialMs(meanMs: number): number {
    return -Math.log1p(-this.random.below(2 ** 32) / 2 ** 32) * meanMs
  }

  /** Of all sessions, as the wiretap sees them. */
  connections(): ReadonlySet<TappedConnection> {
    return this.settings.tap.connections
  }

  /** Everybody who did not leave runs, and has all it wants. */
  allFinished(): boolean {
    return this.participants.every(({ finishedMs, leftMs, isHere, role }) => {
      return leftMs !== undefined || (isHere && (role === 'seed' || finishedMs !== undefined))
    })
  }

  /** Everybody who is here has the content, or what is meant of it, on the disk, moments after being finished. */
  async expectContent(isMeant?: (participant: Participant, file: number) => boolean): Promise<void> {
    const lacking = () =>
      this.participants.filter((one) => {
        return one.isHere && !one.machine.has(this.content, (file) => isMeant?.(one, file) ?? true)
      })
    await this.world.clock.runUntil(() => lacking().length === 0, this.nowMs + renameMs)
    for (const { machine } of lacking()) {
      this.expect(false, 'is finished, and its disk does not have the content', machine)
    }
  }

  private async join(role: Participant['role'], joining: Joining) {
    const { address = this.address(), add = {}, isByMagnet = false, ...options } = joining
    const machine = this.world.machine(address, options)
    const { content } = this
    if (role === 'seed') machine.put(content)
    await machine.start()
    const joinedMs = this.nowMs
    const participant: Participant = {
      machine,
      role,
      id: torrentIdOf(content),
      joinedMs,
      finishedMs: role === 'seed' ? joinedMs : undefined,
      leftMs: undefined,
      isHere: false,
      pieces: new Map(),
    }
    this.participants.push(participant)
    await (isByMagnet ? machine.addMagnet(content.magnet, add) : machine.add(content.metainfo, add))
    participant.isHere = true
    return participant
  }
}
