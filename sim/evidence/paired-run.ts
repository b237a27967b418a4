// One swarm of a plan from one seed, with Speed or as its control: the same machines with the same links, coming at the same
// moments, with the same slots. Guarantees: whoever pays in the one is there in the other, and pays nothing; the same plan,
// seed and mode give the same outcome. Owns its world.

import { failure } from '../../src/base/errors.ts'
import type { AddOptions } from '../../src/session/commands.ts'
import { noRateLimits, type SpeedConfig } from '../../src/session/session-config.ts'
import type { TorrentSnapshot } from '../../src/session/snapshots.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import { type Content, makeContent } from '../world/content.ts'
import { buyerOn, inTokens, sellerOn, tokens } from '../world/dealing.ts'
import type { Machine, MachineOptions } from '../world/machine.ts'
import { SimulatedTracker } from '../world/simulated-tracker.ts'
import { torrentIdOf } from '../world/torrent-id.ts'
import { World } from '../world/world.ts'
import type { EvidencePlan, Kind } from './evidence-plans.ts'
import { Leaving } from './leaving.ts'

export type Mode = 'speed' | 'control'

export interface MemberOutcome {
  readonly kind: Kind | 'seed'
  /** Since the first could come. */
  readonly cameSeconds: number
  /** From its coming to its last byte; undefined: not within the limit. */
  readonly seconds: number | undefined
  readonly uploadedBytes: number
  readonly boughtBytes: number
  /** Tokens: gone for good, and come. */
  readonly paid: number
  readonly earned: number
  /** How long it was there as a seed. */
  readonly seedingSeconds: number
}

export interface RunOutcome {
  readonly members: readonly MemberOutcome[]
  readonly simulatedSeconds: number
  /** Lanes that were there in all; what the ledger was asked to do. */
  readonly lanes: number
  readonly operations: number
}

export interface PairedRunOptions {
  readonly seed: number
  readonly mode: Mode
  /** See SimulatedClock. */
  readonly settlePromises: () => Promise<void>
}

interface Member {
  readonly machine: Machine
  readonly kind: Kind | 'seed'
  readonly cameMs: number
  finishedMs: number | undefined
  wentMs: number | undefined
  readonly leaving: Leaving
  /** Under other accounts. */
  boughtBeforeBytes: number
  kept: Pick<MemberOutcome, 'uploadedBytes' | 'boughtBytes' | 'paid' | 'earned'>
}

const limitMs = 3_600_000
const packetMs = 400
/** Nearly all that an account is given. */
const mostTokens = 9_000
const lookEveryMs = 1_000
const squatterBytesPerSecond = 5_000
const withheldShare = { shares: 1, startPrice: tokens(8), floorPrice: tokens(8), capPrice: tokens(8) }
const givesNothing: ReadonlySet<string> = new Set<Kind>(['rider', 'sybil', 'defaulter'])
const ofOneNetwork: ReadonlySet<string> = new Set<Kind>(['sybil', 'defaulter'])
const washBytes = 20_000_000
const washMs = 120_000
const lifeMs = 60_000
const nothing = { uploadedBytes: 0, boughtBytes: 0, paid: 0, earned: 0 }

/** Plays it until everybody who came for the content has it, or an hour is over. Squatters are not waited for. */
export async function runPlan(plan: EvidencePlan, options: PairedRunOptions): Promise<RunOutcome> {
  const run = new PairedRun(plan, options)
  await run.begin()
  await run.world.clock.runUntil(() => run.isOver(), limitMs)
  return run.outcome()
}

class PairedRun {
  readonly world: World
  private readonly plan: EvidencePlan
  private readonly mode: Mode
  private readonly ledger: SimulatedLedger | undefined
  private readonly content: Content
  private readonly trackers: readonly (readonly string[])[]
  private readonly random
  private readonly members: Member[] = []
  /** Machines of washers that did what they do before anybody came, and did not come yet. */
  private washed: Machine[] = []
  private waitingCount = 0
  private beganMs = 0
  private nextNumber = 0

  constructor(plan: EvidencePlan, { seed, mode, settlePromises }: PairedRunOptions) {
    this.plan = plan
    this.mode = mode
    this.world = new World({ seed, settlePromises })
    this.random = this.world.randomOf('swarm')
    this.ledger = mode === 'speed' ? this.world.ledger() : undefined
    const tracker = new SimulatedTracker(this.world, '11.0.0.1', { intervalSeconds: 120 })
    const { contentBytes, pieceLengthBytes } = plan
    this.trackers = [[tracker.url]]
    this.content = makeContent({ lengths: [contentBytes], pieceLengthBytes, trackers: this.trackers })
    this.world.knows(this.content)
    this.world.watchers.push({
      onChange: (machine, change) => {
        const member = this.members.find((one) => one.machine === machine)
        if (change.type === 'finished' && member !== undefined) member.finishedMs ??= this.world.clock.nowMs()
      },
    })
  }

  /** The seeds are there; who else comes, and when, is drawn before, the same in both modes. */
  async begin(): Promise<void> {
    const { plan, random } = this
    await this.wash()
    for (let count = 0; count < plan.seeds; count++) await this.join('seed')
    const kinds: Kind[] = []
    for (const [kind, count = 0] of Object.entries(plan.leechers)) {
      for (let index = 0; index < count; index++) kinds.splice(random.below(kinds.length + 1), 0, kind as Kind)
    }
    this.waitingCount = kinds.length
    this.beganMs = this.world.clock.nowMs()
    for (const kind of kinds) {
      const atMs = (random.below(2 ** 32) / 2 ** 32) * plan.arrivalSeconds * 1_000
      this.world.clock.after(atMs, () => void this.join(kind).then(() => this.waitingCount--))
    }
    this.look()
  }

  isOver(): boolean {
    return (
      this.waitingCount === 0 &&
      this.members.every(({ kind, finishedMs }) => kind === 'seed' || kind === 'squatter' || finishedMs !== undefined)
    )
  }

  outcome(): RunOutcome {
    const { ledger, world } = this
    const nowMs = world.clock.nowMs()
    const members = this.members.map((member): MemberOutcome => {
      const { kind, cameMs, finishedMs, wentMs } = member
      this.note(member)
      return {
        kind,
        cameSeconds: (cameMs - this.beganMs) / 1_000,
        seconds: finishedMs === undefined ? undefined : (finishedMs - cameMs) / 1_000,
        ...member.kept,
        seedingSeconds: finishedMs === undefined ? 0 : ((wentMs ?? nowMs) - finishedMs) / 1_000,
      }
    })
    const { lanes, counts } = ledger ?? { lanes: new Map(), counts: { carriedOut: 0 } }
    return { members, simulatedSeconds: nowMs / 1_000, lanes: lanes.size, operations: counts.carriedOut }
  }

  /** Each of a pair sells the other what it has itself, over and over: shares are paid for, bytes flow, nobody else is there. */
  private async wash(): Promise<void> {
    const { plan, world, trackers } = this
    const { washer: count = 0 } = plan.leechers
    if (count === 0) return
    const { pieceLengthBytes } = plan
    const machines: Machine[] = []
    for (let number = 0; number < count; number++) {
      const { add = {}, ...deals } = this.dealsOf('washer')
      const machine = world.machine(this.address('washer'), { ...this.linkOf('washer'), ...deals })
      const pair = number >> 1
      const washing = makeContent({
        name: `washing ${pair}`,
        seed: 2 + pair,
        lengths: [washBytes],
        pieceLengthBytes,
        trackers,
      })
      world.knows(washing)
      if (number % 2 === 0) machine.put(washing)
      await machine.start()
      await machine.add(washing.metainfo, { ...add, limits: { maxSlots: plan.slots } })
      machines.push(machine)
    }
    await world.clock.run(washMs)
    this.washed = machines
  }

  /** Takes what it is served ahead of payment, and is somebody else as soon as nobody gives it any more. */
  private neverPays(member: Member): void {
    const { world, content, plan } = this
    const { machine } = member
    const { wallet } = machine
    if (wallet !== undefined) {
      wallet.refusing = (request) =>
        request.type === 'voucher' ? failure('spending-refused', 'its owner never pays') : undefined
    }
    let life = 0
    const again = async () => {
      if (member.finishedMs !== undefined || !machine.isUp) return
      this.note(member)
      member.boughtBeforeBytes = member.kept.boughtBytes
      await machine.stop()
      wallet?.become(`${machine.address} ${++life}`)
      await machine.start()
      const { add = {} } = this.dealsOf(member.kind)
      await machine.add(content.metainfo, {
        ...add,
        limits: { maxSlots: givesNothing.has(member.kind) ? 0 : plan.slots },
      })
      world.clock.after(lifeMs, () => void again())
    }
    world.clock.after(lifeMs, () => void again())
  }

  private async join(kind: Kind | 'seed'): Promise<void> {
    const { world, content, plan } = this
    const { add = {}, ...deals } = this.dealsOf(kind)
    const washed = kind === 'washer' ? this.washed.pop() : undefined
    const machine = washed ?? world.machine(this.address(kind), { ...this.linkOf(kind), ...deals })
    if (kind === 'seed') machine.put(content)
    const cameMs = world.clock.nowMs()
    const member: Member = {
      machine,
      kind,
      cameMs,
      finishedMs: undefined,
      wentMs: undefined,
      leaving: new Leaving(plan),
      boughtBeforeBytes: 0,
      kept: nothing,
    }
    this.members.push(member)
    if (kind === 'defaulter') this.neverPays(member)
    if (!machine.isUp) await machine.start()
    await machine.add(content.metainfo, {
      ...add,
      limits: { maxSlots: givesNothing.has(kind) ? 0 : plan.slots },
    })
    if (
      this.mode === 'speed' &&
      plan.selling === 'banning' &&
      (kind === 'free' || kind === 'legacy' || kind === 'rider')
    )
      this.ban(machine)
  }

  /** Sybils, and who never pays, are of one network, everybody else of one of its own. */
  private address(kind: Kind | 'seed'): string {
    const number = this.nextNumber++
    return ofOneNetwork.has(kind)
      ? `90.0.0.${number + 1}`
      : `${20 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}.1`
  }

  private linkOf(kind: Kind | 'seed'): Omit<MachineOptions, 'address' | 'ledger'> {
    const { plan, random } = this
    const isSeed = kind === 'seed'
    return {
      latencyMs: 10 + random.below(60),
      packetMs,
      uploadBytesPerSecond: isSeed ? plan.seedBytesPerSecond : plan.uploadBytesPerSecond,
      downloadBytesPerSecond: kind === 'squatter' ? squatterBytesPerSecond : plan.downloadBytesPerSecond,
    }
  }

  private dealsOf(kind: Kind | 'seed'): Pick<MachineOptions, 'ledger' | 'config'> & { readonly add?: AddOptions } {
    const { ledger, plan } = this
    const limits = {
      connections: {
        maxConnections: 500,
        maxConnectionsPerTorrent: 100,
        maxHalfOpen: 50,
        maxSlotsPerTorrent: plan.slots,
      },
    }
    const plain = { config: { ...limits, rates: noRateLimits } }
    if (ledger === undefined || kind === 'legacy' || kind === 'rider') return plain
    const changes: Partial<SpeedConfig> =
      kind === 'seed' && plan.selling === 'withholding' ? withheldShare : { shares: plan.shares }
    const { budgetTokens } = plan
    const deals =
      kind === 'seed' || kind === 'free'
        ? sellerOn(ledger, changes)
        : buyerOn(ledger, budgetOf(kind, budgetTokens), { ...changes, earns: !givesNothing.has(kind) })
    return { ...deals, config: { ...plain.config, ...deals.config } }
  }

  private ban(machine: Machine): void {
    for (const { machine: seed, kind } of this.members) {
      if (kind === 'seed') void seed.tell({ type: 'ban', address: machine.address })
    }
  }

  /** Every second: who goes. */
  private look(): void {
    const { world } = this
    const nowMs = world.clock.nowMs()
    for (const member of this.members) {
      const { machine, kind, finishedMs, wentMs, leaving } = member
      if (wentMs !== undefined || kind === 'seed' || finishedMs === undefined) continue
      const torrent = this.torrentOf(member)
      if (torrent === undefined || !leaving.isTime(torrent, finishedMs, nowMs)) continue
      this.note(member)
      member.wentMs = nowMs
      void machine.stop()
    }
    world.clock.after(lookEveryMs, () => this.look())
  }

  /** Undefined: it is not running. */
  private torrentOf({ machine }: Member): TorrentSnapshot | undefined {
    const torrent = machine.isUp ? machine.session.torrentSnapshot(torrentIdOf(this.content)) : undefined
    return torrent?.ok === true ? torrent.value : undefined
  }

  private note(member: Member): void {
    const torrent = this.torrentOf(member)
    if (torrent === undefined) return
    const { speed, uploadedBytes } = torrent
    member.kept = {
      uploadedBytes,
      boughtBytes: member.boughtBeforeBytes + (speed?.boughtBytes ?? 0),
      // Its program counts vouchers that its owner then does not sign.
      paid: member.kind === 'defaulter' ? 0 : inTokens(speed?.spent ?? 0n),
      earned: inTokens(speed?.earned ?? 0n),
    }
  }
}

/** A shill's money comes back to it, so it can bid as it likes. */
function budgetOf(kind: Kind, budgetTokens: number): number {
  if (kind === 'hoarder') return mostTokens
  if (kind === 'shill') return 5_000
  return kind === 'sybil' ? budgetTokens / 4 : budgetTokens
}
