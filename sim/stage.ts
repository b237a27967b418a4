// What a scenario builds its world with: machines by role, the content, the tracker, and time.
// Guarantees: addresses are global ones and never repeat; every draw comes from the run's seed.
// Owns the list of who takes part; the world owns the machines.
import type { Random } from '../src/ports/random.ts'
import type { AddOptions, TorrentId } from '../src/session/commands.ts'
import type { WireTap } from './checks/wire-tap.ts'
import { type Content, type ContentShape, makeContent } from './world/content.ts'
import type { Machine, MachineOptions } from './world/machine.ts'
import { SimulatedTracker, type SimulatedTrackerOptions } from './world/simulated-tracker.ts'
import type { World } from './world/world.ts'

/** A machine of the product that takes part in the swarm of the content. */
export interface Participant {
  readonly machine: Machine
  readonly role: 'seed' | 'leecher'
  id: TorrentId
  /** Simulated milliseconds: when it came, had everything, and went. */
  readonly joinedMs: number
  finishedMs: number | undefined
  leftMs: number | undefined
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

type Joining = Omit<MachineOptions, 'address'> & { readonly add?: AddOptions }

export class Stage {
  readonly world: World
  readonly random: Random
  readonly peers: number
  readonly participants: Participant[] = []
  /** Chosen when first asked for: one for the whole run. */
  private chosen: Content | undefined
  private trackerOfAll: SimulatedTracker | undefined
  private nextAddress = 0
  private readonly settings: StageSettings

  constructor(settings: StageSettings) {
    this.settings = settings
    this.world = settings.world
    this.peers = settings.peers
    this.random = settings.world.randomOf('stage')
    this.world.watchers.push({
      onChange: (machine, change) => {
        if (change.type !== 'finished') return
        const participant = this.participants.find((one) => one.machine === machine)
        if (participant !== undefined) participant.finishedMs ??= this.world.clock.nowMs()
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
    const { contentBytes, pieceLengthBytes } = this.settings
    this.chosen = makeContent({ pieceLengthBytes, lengths: [contentBytes], trackers: [[this.tracker().url]], ...shape })
    this.settings.tap.knows(this.chosen)
    this.world.knows(this.chosen)
    return this.chosen
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

  /** Plans something for later. What fails in it fails the run. */
  after(delayMs: number, act: () => void | Promise<void>): void {
    this.world.clock.after(delayMs, () => {
      const acting = act()
      if (acting instanceof Promise) {
        void acting.catch((error: unknown) =>
          this.settings.fail(error instanceof Error ? error.message : String(error)),
        )
      }
    })
  }

  /** From 0 to `mean`, 2 `mean` and more: the time between two that come independently of each other. */
  exponentialMs(meanMs: number): number {
    return -Math.log1p(-this.random.below(2 ** 32) / 2 ** 32) * meanMs
  }

  allFinished(): boolean {
    return this.participants.every(({ finishedMs, leftMs, role }) => {
      return role === 'seed' || finishedMs !== undefined || leftMs !== undefined
    })
  }

  private async join(role: Participant['role'], { add = {}, ...options }: Joining): Promise<Participant> {
    const machine = this.world.machine(this.address(), options)
    const { content } = this
    if (role === 'seed') machine.put(content)
    const joinedMs = this.nowMs
    await machine.start()
    const id = await machine.add(content.metainfo, add)
    const finishedMs = role === 'seed' ? joinedMs : undefined
    const participant: Participant = { machine, role, id, joinedMs, finishedMs, leftMs: undefined }
    this.participants.push(participant)
    return participant
  }
}
