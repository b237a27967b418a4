// A swarm in its steady state: peers come at random, download, seed for a while and leave, all of them the product's
// sessions; what is averaged over a window is to be held against the fluid model.
// Guarantees: the same plan and seed give the same averages. Arrivals are a Poisson process of which the number is given;
// stays are exponential, drawn by lots of sixteen, so that the sample's mean is soon the true one. Owns its world.

import type { AddOptions } from '../../src/session/commands.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { type Content, makeContent } from '../world/content.ts'
import { buyerOn, sellerOn } from '../world/dealing.ts'
import type { Machine, MachineOptions } from '../world/machine.ts'
import { SimulatedTracker } from '../world/simulated-tracker.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import { World } from '../world/world.ts'
import { type FluidSwarm, steadyState } from './qiu-srikant.ts'

/** A swarm of the model as machines, links and a content. */
export interface SwarmPlan {
  readonly name: string
  readonly swarm: FluidSwarm
  readonly pieceCount: number
  readonly pieceLengthBytes: number
  readonly slots: number
  readonly maxConnections: number
  /** See HostSettings. */
  readonly packetMs: number
  /**
   * How long the first seeds stay at least: as long as the first downloads take, which is longer while links up are
   * short. Too soon gone, and pieces are lost for ever, as theory has it of swarms without a lasting seed.
   */
  readonly firstSeedsSeconds: number
  /** Until nothing is left of how it began. */
  readonly warmUpSeconds: number
  readonly windowSeconds: number
  /** With Speed: everybody sells, and some buy. Undefined: nobody has it. */
  readonly paying?: Paying
}

interface Paying {
  /** One of so many that come has a budget. */
  readonly every: number
  readonly budgetTokens: number
  /** Slots of each torrent that may be sold. */
  readonly shares: number
}

/** Averages over the window. */
export interface SwarmAverages {
  readonly downloaders: number
  readonly seeds: number
  /** Of a downloader, whether it finished or gave up. */
  readonly seconds: number
  /** Of those that finished. */
  readonly finishedSeconds: number
  readonly finished: number
  readonly abandoned: number
  /** Of what links could send, what they did. */
  readonly uplinkUse: number
  /** Of those that finished and have a budget, and of those that have none; NaN: nobody. */
  readonly payerSeconds: number
  readonly unpaidSeconds: number
  /** Of what those with a budget downloaded, what they bought; NaN: nobody has one. */
  readonly boughtShare: number
}

interface SwarmRunOptions {
  readonly seed: number
  /** See SimulatedClock. */
  readonly settlePromises: () => Promise<void>
}

interface Member {
  readonly machine: Machine
  readonly cameMs: number
  readonly pays: boolean
  state: 'downloads' | 'seeds' | 'gone'
}

/** Messages beside content (BEP 3): links are that much faster, for the model knows of content only. */
const overhead = 1.01
const lotSize = 16
const latencyMs = 20

/** Runs a swarm from one seed through its warm-up and its window. */
export async function runSwarm(plan: SwarmPlan, options: SwarmRunOptions): Promise<SwarmAverages> {
  const run = new SwarmRun(plan, options)
  await run.begin()
  await run.world.clock.run(plan.warmUpSeconds * 1_000)
  run.openWindow()
  await run.world.clock.run(plan.windowSeconds * 1_000)
  return run.averages()
}

class SwarmRun {
  readonly world: World
  private readonly plan: SwarmPlan
  private readonly ledger: SimulatedLedger | undefined
  private readonly content: Content
  private readonly random
  private readonly members = new Map<Machine, Member>()
  private readonly counts = { downloads: 0, seeds: 0, gone: 0 }
  private readonly lots: number[] = []
  private nextAddress = 0
  private countedMs = 0
  /** Summed over the window: peers times milliseconds. */
  private readonly spentMs = { downloads: 0, seeds: 0, gone: 0 }
  private readonly finishes: { readonly ms: number; readonly pays: boolean; readonly boughtBytes: number }[] = []
  private readonly abandonedMs: number[] = []
  private isWindow = false
  private sentBefore = 0

  constructor(plan: SwarmPlan, { seed, settlePromises }: SwarmRunOptions) {
    this.plan = plan
    this.world = new World({ seed, settlePromises })
    this.random = this.world.randomOf('swarm')
    this.ledger = plan.paying === undefined ? undefined : this.world.ledger()
    const tracker = new SimulatedTracker(this.world, '11.0.0.1', { intervalSeconds: 120 })
    const { pieceCount, pieceLengthBytes } = plan
    const lengths = [pieceCount * pieceLengthBytes]
    this.content = makeContent({ lengths, pieceLengthBytes, trackers: [[tracker.url]] })
    this.world.knows(this.content)
    this.world.watchers.push({
      onChange: (machine, change) => {
        const member = this.members.get(machine)
        if (change.type === 'finished' && member !== undefined) this.finished(member)
      },
    })
  }

  /** As many seeds as the model has begin it; all arrivals are planned. */
  async begin(): Promise<void> {
    const { swarm, firstSeedsSeconds, warmUpSeconds, windowSeconds } = this.plan
    const { seeds } = steadyState(swarm)
    for (let count = 0; count < Math.max(1, Math.round(seeds)); count++) {
      const member = await this.join('seeds')
      this.after(firstSeedsSeconds * 1_000 + this.stayMs(), () => this.leave(member))
    }
    const endMs = (warmUpSeconds + windowSeconds) * 1_000
    const arrivals = Math.round((swarm.arrivals * endMs) / 1_000)
    for (let count = 0; count < arrivals; count++) this.after(this.fraction() * endMs, () => this.arrive())
  }

  openWindow(): void {
    this.count()
    this.isWindow = true
    this.sentBefore = this.sentBytes()
  }

  averages(): SwarmAverages {
    this.count()
    const { spentMs, plan, finishes, abandonedMs } = this
    const payers = finishes.filter(({ pays }) => pays)
    const bought = payers.reduce((sum, { boughtBytes }) => sum + boughtBytes, 0)
    const windowMs = plan.windowSeconds * 1_000
    const capacity = plan.swarm.upload * overhead * this.content.totalBytes
    const peerSeconds = (spentMs.downloads + spentMs.seeds) / 1_000
    return {
      downloaders: spentMs.downloads / windowMs,
      seeds: spentMs.seeds / windowMs,
      seconds: mean([...finishes.map(({ ms }) => ms), ...abandonedMs]) / 1_000,
      finishedSeconds: secondsOf(finishes),
      finished: finishes.length,
      abandoned: abandonedMs.length,
      uplinkUse: (this.sentBytes() - this.sentBefore) / (capacity * peerSeconds),
      payerSeconds: secondsOf(payers),
      unpaidSeconds: secondsOf(finishes.filter(({ pays }) => !pays)),
      boughtShare: bought / (payers.length * this.content.totalBytes),
    }
  }

  private async arrive(): Promise<void> {
    const { abandons } = this.plan.swarm
    const member = await this.join('downloads')
    if (abandons === 0) return
    const patienceMs = -Math.log1p(-this.fraction()) * (1_000 / abandons)
    this.after(patienceMs, () => (member.state === 'downloads' ? this.leave(member) : Promise.resolve()))
  }

  private async join(state: 'downloads' | 'seeds'): Promise<Member> {
    const { plan, world, content } = this
    const number = this.nextAddress++
    const pays = plan.paying !== undefined && state === 'downloads' && number % plan.paying.every === 0
    const { add = {}, ...deals } = this.dealsOf(pays)
    const machine = world.machine(`${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`, {
      latencyMs,
      packetMs: plan.packetMs,
      uploadBytesPerSecond: plan.swarm.upload * content.totalBytes * overhead,
      downloadBytesPerSecond: plan.swarm.download * content.totalBytes * overhead,
      ...(deals.ledger === undefined ? {} : { ledger: deals.ledger }),
      config: {
        ...deals.config,
        connections: {
          maxConnections: 500,
          maxConnectionsPerTorrent: plan.maxConnections,
          maxHalfOpen: 50,
          maxSlotsPerTorrent: plan.slots,
        },
      },
    })
    if (state === 'seeds') machine.put(content)
    const member: Member = { machine, cameMs: world.clock.nowMs(), pays, state: 'gone' }
    this.members.set(machine, member)
    this.turn(member, state)
    await machine.start()
    await machine.add(content.metainfo, add)
    return member
  }

  private dealsOf(pays: boolean): Pick<MachineOptions, 'ledger' | 'config'> & { readonly add?: AddOptions } {
    const { ledger } = this
    const { paying } = this.plan
    if (ledger === undefined || paying === undefined) return {}
    const { shares, budgetTokens } = paying
    return pays ? buyerOn(ledger, budgetTokens, { shares, earns: true }) : sellerOn(ledger, { shares })
  }

  private finished(member: Member): void {
    if (member.state !== 'downloads') return
    this.turn(member, 'seeds')
    if (this.isWindow) this.note(member)
    this.after(this.stayMs(), () => this.leave(member))
  }

  private note({ machine, cameMs, pays }: Member): void {
    const torrent = machine.session.torrentSnapshot(torrentIdOf(this.content))
    const boughtBytes = torrent.ok ? (torrent.value.speed?.boughtBytes ?? 0) : 0
    this.finishes.push({ ms: this.countedMs - cameMs, pays, boughtBytes })
  }

  private async leave(member: Member): Promise<void> {
    if (this.isWindow && member.state === 'downloads') this.abandonedMs.push(this.world.clock.nowMs() - member.cameMs)
    this.turn(member, 'gone')
    this.members.delete(member.machine)
    await member.machine.stop()
  }

  private turn(member: Member, state: Member['state']): void {
    this.count()
    this.counts[member.state]--
    this.counts[state]++
    member.state = state
  }

  /** Sums up to now. */
  private count(): void {
    const nowMs = this.world.clock.nowMs()
    if (this.isWindow) {
      this.spentMs.downloads += this.counts.downloads * (nowMs - this.countedMs)
      this.spentMs.seeds += this.counts.seeds * (nowMs - this.countedMs)
    }
    this.countedMs = nowMs
  }

  private after(delayMs: number, act: () => Promise<void>): void {
    this.world.clock.after(delayMs, () => void act())
  }

  private stayMs(): number {
    const { lots, random } = this
    if (lots.length === 0) {
      for (let lot = 0; lot < lotSize; lot++) lots.splice(random.below(lots.length + 1), 0, lot)
    }
    const share = ((lots.pop() ?? 0) + this.fraction()) / lotSize
    return -Math.log1p(-share) * (1_000 / this.plan.swarm.departures)
  }

  private fraction(): number {
    return this.random.below(2 ** 32) / 2 ** 32
  }

  private sentBytes(): number {
    const { world } = this
    return world.machines.reduce((sum, { address }) => sum + world.network.trafficOf(address).sentBytes, 0)
  }
}

function secondsOf(finishes: readonly { readonly ms: number }[]): number {
  return mean(finishes.map(({ ms }) => ms)) / 1_000
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
