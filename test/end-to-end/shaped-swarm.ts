// One swarm of a plan on shaped lines, of real processes: seeds, who pays, who does not, foreign clients, a tracker and a
// ledger, with Speed or as its control. Guarantees: the same lines, the same moments of coming and the same slots in both for
// the same seed; all processes, namespaces and files are gone at the end, whichever it is.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EvidencePlan, Kind } from '../../sim/evidence/evidence-plans.ts'
import type { MemberOutcome, Mode } from '../../sim/evidence/paired-run.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import type { Random } from '../../src/ports/random.ts'
import type { ForeignPeer, ForeignProgram } from '../foreign/foreign-program.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { libtorrent } from '../foreign/libtorrent-program.ts'
import { type Scope, temporaryFolder } from '../host/temporary-folder.ts'
import { type LedgerLine, Owner } from './ledger-owner.ts'
import { type Load, loadMeter } from './load-meter.ts'
import { mainPath, swarmbid } from './run-swarmbid.ts'
import { type Line, type ShapedNet, shapedLinks, switchAddress } from './shaped-links.ts'
import { copyOf, type Kit, type KitPerson, ledgerPort } from './shaped-people.ts'
import { digestOf, granted, invoiced, type SpeedLine } from './speed-people.ts'

export interface RealPlan extends EvidencePlan {
  /** What this program is told as its limit of uploads, of its line; undefined: nothing, and systems' buffers fill. */
  readonly limitShare: number | undefined
}

export interface RealMember extends MemberOutcome {
  readonly name: string
  /** What it is played by. */
  readonly program: string
  /** From its coming to the first share it held, and to the first byte of it that was verified; undefined: never. */
  readonly shareSeconds: number | undefined
  readonly paidByteSeconds: number | undefined
}

/** What the ledger says at the end, and what does not agree with it. */
interface Books {
  readonly accounts: number
  /** Tokens that are still in lanes. */
  readonly locked: number
  readonly problems: readonly { readonly problem: string }[]
}

export interface RealRun {
  readonly members: readonly RealMember[]
  /** Until the last was done. */
  readonly seconds: number
  readonly load: Load
  readonly isDelayed: boolean
  /** Undefined in the control. */
  readonly books: Books | undefined
}

export interface RunOptions {
  readonly kit: Kit
  readonly content: RealContent
  readonly seed: number
  readonly mode: Mode
  /** Of what plays peers without Speed, in turn, those that are here. */
  readonly legacy: readonly ForeignProgram[]
}

/** Without a tracker. */
export interface RealContent {
  readonly folder: string
  readonly name: string
  readonly torrent: string
}

interface Member {
  readonly name: string
  readonly kind: Kind | 'seed'
  /** Its line, from 0. */
  readonly place: number
  /** After the seeds are there. */
  readonly comesMs: number
  /** Undefined: it is this program. */
  readonly foreign: ForeignProgram | undefined
  readonly person: KitPerson | undefined
  readonly home: string
  child?: JsonProcess<SpeedLine>
  peer?: ForeignPeer
  cameMs: number
  doneMs?: number
  wentMs?: number
  shareMs?: number
  paidByteMs?: number
}

const trackerPort = '6969'
const environment = { SWARMBID_PASSPHRASE: 'correct horse battery' }
const limitMs = 900_000
const lookMs = 100
/** Each way, of a line as people have them. */
const leastDelayMs = 5
const delaySpreadMs = 30
const bitsPerByte = 8
/** Trackers and peers alone: what else would find peers depends on more than the plan. */
const findsByTracker = ['--no-dht', '--no-local-discovery']

/** Who owes goes first, so that who sells has all it was promised before it cashes. */
const leaving = ['payer', 'free', 'rider', 'legacy', 'seed'] as const
const nothing = { paid: 0n, bytes: 0 }

/** Random bytes, and a torrent that names the tracker on the switch; of version 1, as some programs read no other. */
export async function makeRealContent(
  scope: Scope,
  totalBytes: number,
  pieceLengthBytes: number,
): Promise<RealContent> {
  const folder = temporaryFolder(scope)
  const name = 'talk.ogg'
  const bytes = new Uint8Array(totalBytes)
  simulatedRandom(9).fill(bytes)
  mkdirSync(join(folder, 'content'))
  writeFileSync(join(folder, 'content', name), bytes)
  const torrent = join(folder, 'talk.torrent')
  const form = ['--format', 'v1', '--piece-length', String(pieceLengthBytes)]
  const tracker = ['-t', `http://${switchAddress}:${trackerPort}/announce`]
  const { exitCode, stderr } = await swarmbid([
    'create',
    join(folder, 'content', name),
    '-o',
    torrent,
    '-q',
    ...form,
    ...tracker,
  ])
  if (exitCode !== 0) throw new Error(stderr)
  return { folder: join(folder, 'content'), name, torrent }
}

/** Plays it until everybody who came for the content has it, or a quarter of an hour is over. Undefined: no lines here. */
export async function playShapedSwarm(plan: RealPlan, options: RunOptions): Promise<RealRun | undefined> {
  const ends: (() => unknown)[] = []
  try {
    const scope = { after: (end: unknown) => void ends.push(end as () => unknown) }
    const run = new ShapedSwarm(plan, options, scope)
    if (!run.open()) return undefined
    return await run.play()
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

class ShapedSwarm {
  private readonly plan: RealPlan
  private readonly options: RunOptions
  private readonly scope: Scope
  private readonly folder: string
  private readonly kit: Kit
  private readonly members: readonly Member[]
  private readonly lines: readonly Line[]
  /** Of who left before the end: why it could not be. */
  private readonly leavings: Promise<unknown>[] = []
  private isOver = false
  private net: ShapedNet | undefined

  constructor(plan: RealPlan, options: RunOptions, scope: Scope) {
    this.plan = plan
    this.options = options
    this.scope = scope
    // Within the kit's, which goes when this process does, whatever the reason.
    this.folder = mkdtempSync(join(options.kit.folder, 'run-'))
    scope.after(() => rmSync(this.folder, { recursive: true, force: true }))
    this.kit = copyOf(options.kit, join(this.folder, 'people'))
    const random = simulatedRandom(options.seed)
    this.members = this.drawMembers(random)
    this.lines = this.members.map(({ kind }) => ({
      uploadBitsPerSecond: bitsPerByte * (kind === 'seed' ? plan.seedBytesPerSecond : plan.uploadBytesPerSecond),
      downloadBitsPerSecond: bitsPerByte * plan.downloadBytesPerSecond,
      delayMs: leastDelayMs + random.below(delaySpreadMs),
    }))
  }

  /** False: there are no shaped lines here. */
  open(): boolean {
    const net = shapedLinks(this.lines)
    this.net = net
    if (net === undefined) return false
    this.scope.after(() => net.remove())
    return true
  }

  async play(): Promise<RealRun> {
    const { members, net } = this
    const isPaid = this.options.mode === 'speed'
    const operator = new Owner(this.kit.operator, this.wrapper('switch'))
    const binding = ['--bind', this.address('switch')]
    const ledger = isPaid ? operator.serve(this.scope, 'serve', '--port', ledgerPort, ...binding) : undefined
    await ledger?.line('listening')
    const tracker = this.start('tracker', 'switch', ['tracker', '--port', trackerPort, '--interval', '10s', ...binding])
    await tracker.line('listening')
    const [seeds, leechers] = [members.filter(isSeed), members.filter((member) => !isSeed(member))]
    for (const member of seeds) await this.come(member)
    const meter = loadMeter()
    const startMs = performance.now()
    const watches = leechers.map(async (member) => {
      await sleep(member.comesMs)
      await this.come(member)
      await this.watch(member)
    })
    try {
      await Promise.all(watches)
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.said()}`)
    }
    const seconds = (performance.now() - startMs) / 1_000
    this.isOver = true
    for (const problem of await Promise.all(this.leavings)) if (problem !== undefined) throw problem
    const load = meter.end()
    for (const kind of leaving)
      await Promise.all(members.filter((member) => member.kind === kind).map((one) => this.go(one)))
    await tracker.end('SIGINT')
    this.assertWhole()
    const told = members.map((member) => this.told(member))
    const books = ledger === undefined ? undefined : await this.audit(operator, ledger)
    return { members: told, seconds, load, isDelayed: net?.isDelayed === true, books }
  }

  /** In an order, and at moments, that the seed draws: the same in both modes. */
  private drawMembers(random: Random): Member[] {
    const { plan, kit } = this
    const kinds: Kind[] = []
    for (const [kind, count = 0] of Object.entries(plan.leechers)) {
      for (let index = 0; index < count; index++) kinds.splice(random.below(kinds.length + 1), 0, kind as Kind)
    }
    const present = this.options.legacy.filter((program) => program.version() !== undefined)
    const [payers, others] = [[...kit.payers], [...kit.others]]
    const counts = new Map<string, number>()
    return [...Array.from({ length: plan.seeds }, () => 'seed' as const), ...kinds].map((kind, place): Member => {
      const count = counts.get(kind) ?? 0
      counts.set(kind, count + 1)
      const name = `${kind} ${count + 1}`
      const isForeign = kind === 'legacy' || kind === 'rider'
      // Only libtorrent can be told to give nothing.
      const foreign = kind === 'rider' ? libtorrent : present[count % Math.max(1, present.length)]
      const person = kind === 'payer' ? payers.shift() : isForeign ? undefined : others.shift()
      if (!isForeign && person === undefined) throw new Error(`nobody is left to be ${name}`)
      const comesMs = kind === 'seed' ? 0 : (random.below(2 ** 32) / 2 ** 32) * plan.arrivalSeconds * 1_000
      const home = join(this.folder, name)
      mkdirSync(home)
      return { name, kind, place, comesMs, foreign: isForeign ? foreign : undefined, person, home, cameMs: 0 }
    })
  }

  private wrapper(place: number | 'switch'): readonly string[] {
    return this.net?.wrapper(place) ?? []
  }

  private address(place: number | 'switch'): string {
    return this.net?.address(place) ?? ''
  }

  private start(name: string, place: number | 'switch', line: readonly string[]): JsonProcess<SpeedLine> {
    const [command = process.execPath, ...before] = [...this.wrapper(place), process.execPath]
    const child = startJsonProcess<SpeedLine>(command, [...before, mainPath, ...line, '--json'], { name, environment })
    this.scope.after(() => child.end('SIGKILL'))
    return child
  }

  private async come(member: Member): Promise<void> {
    const { content, mode } = this.options
    const { kind, place, foreign, home, person, name } = member
    const { slots, budgetTokens, limitShare } = this.plan
    const [address, wrapper] = [this.address(place), this.wrapper(place)]
    member.cameMs = performance.now()
    if (foreign !== undefined) {
      const uploadSlots = kind === 'rider' ? 0 : slots
      const task = {
        role: 'leech',
        source: content.torrent,
        folder: join(home, 'down'),
        home,
        address,
        wrapper,
      } as const
      member.peer = await foreign.start({ ...task, uploadSlots })
      const { peer } = member
      this.scope.after(() => peer.stop())
      return
    }
    const pay = kind === 'payer' ? ['--pay', `${budgetTokens}TEST`] : []
    const deals = mode === 'speed' && person !== undefined ? ['--earn', ...pay, '--data', person.folder] : []
    const lineBytes = kind === 'seed' ? this.plan.seedBytesPerSecond : this.plan.uploadBytesPerSecond
    const limit = limitShare === undefined ? [] : ['--upload-limit', String(Math.floor(lineBytes * limitShare))]
    const places = ['--state', join(home, 'state'), '--bind', address, '--upload-slots', String(slots)]
    const stay = this.goesByItself(member) ? ['--while-earning', `${this.plan.seedingCostAnHour}TEST`] : ['--stay']
    const what =
      kind === 'seed'
        ? ['seed', content.torrent, content.folder]
        : ['download', content.torrent, ...stay, '--dir', join(home, 'down')]
    const child = this.start(name, place, [...what, ...places, ...limit, ...findsByTracker, ...deals])
    member.child = child
    if (kind === 'seed') await child.line('listening')
    else void this.note(member, child)
  }

  /** When it held its first share, and had the first byte that it paid for. */
  private async note(member: Member, child: JsonProcess<SpeedLine>): Promise<void> {
    const since = () => performance.now() - member.cameMs
    const bought = child.line('speed', limitMs, ({ event }) => event === 'bought')
    const verified = child.line('progress', limitMs, ({ speed }) => (speed?.boughtBytes ?? 0) > 0)
    await Promise.allSettled([
      bought.then(() => {
        member.shareMs = since()
      }),
      verified.then(() => {
        member.paidByteMs = since()
      }),
    ])
  }

  /** Until it has everything. */
  private async watch(member: Member): Promise<void> {
    const { child, peer } = member
    const endMs = member.cameMs + limitMs
    if (child !== undefined) await child.line('done', limitMs)
    while (peer !== undefined && !(await peer.progress()).isComplete) {
      if (performance.now() > endMs) throw new Error(`${member.name} is not done: ${peer.said()}`)
      await sleep(lookMs)
    }
    member.doneMs = performance.now()
    if (!Number.isFinite(this.plan.staySeconds)) return
    this.leavings.push(
      this.leave(member).then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
  }

  /** Who earns stays by the program's own rule, where anybody goes at all. */
  private goesByItself({ kind, person }: Member): boolean {
    const mayGo = kind !== 'seed' && Number.isFinite(this.plan.staySeconds)
    return mayGo && person !== undefined && this.options.mode === 'speed'
  }

  /** By itself, or so long after it was done, unless all is over before. */
  private async leave(member: Member): Promise<void> {
    const { child, doneMs = 0 } = member
    const isTime = () =>
      this.goesByItself(member) ? hasGone(child) : performance.now() - doneMs >= this.plan.staySeconds * 1_000
    while (!this.isOver && !isTime()) await sleep(lookMs)
    if (!this.isOver) await this.go(member)
  }

  private async go(member: Member): Promise<void> {
    if (member.wentMs !== undefined) return
    member.wentMs = performance.now()
    await member.peer?.stop()
    const { child, name } = member
    if (child === undefined) return
    const exitCode = hasGone(child) ? await child.exit() : await child.end('SIGINT')
    // It may have been about to go.
    if (exitCode !== 130 && !(exitCode === 0 && hasGone(child)))
      throw new Error(`${name} ended with ${exitCode}: ${child.said()}`)
  }

  private told(member: Member): RealMember {
    const { name, kind, foreign, child, comesMs, cameMs, doneMs, wentMs } = member
    const since = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1_000)
    const [paying, earning] =
      child === undefined ? [nothing, nothing] : [invoiced(child, 'paying'), invoiced(child, 'earning')]
    const last = child?.lines.findLast(({ type }) => type === 'progress')
    return {
      name,
      kind,
      program: foreign?.name ?? 'swarmbid',
      cameSeconds: comesMs / 1_000,
      seconds: doneMs === undefined ? undefined : (doneMs - cameMs) / 1_000,
      uploadedBytes: last?.uploadedBytes ?? 0,
      boughtBytes: paying.bytes,
      paid: inTokens(paying.paid),
      earned: inTokens(earning.paid),
      seedingSeconds: doneMs === undefined || wentMs === undefined ? 0 : (wentMs - doneMs) / 1_000,
      shareSeconds: since(member.shareMs),
      paidByteSeconds: since(member.paidByteMs),
    }
  }

  /** Everybody's account against what they say they paid and earned, all accounts together, and the journal. */
  private async audit(operator: Owner, ledger: JsonProcess<LedgerLine>): Promise<Books> {
    const problems: { readonly problem: string }[] = []
    let [sum, locked, accounts] = [0n, 0n, 0]
    for (const { person, kind, name, child } of this.members) {
      if (person === undefined || child === undefined) continue
      accounts++
      const said = (await operator.told('balance', person.address)) as LedgerLine & { readonly locked?: string }
      const [available, inLanes] = [BigInt(said.available ?? ''), BigInt(said.locked ?? '')]
      const change = invoiced(child, 'earning').paid - invoiced(child, 'paying').paid
      const expected = (kind === 'payer' ? granted : 0n) + change
      if (available + inLanes !== expected) {
        const off = inTokens(available + inLanes - expected)
        problems.push({
          problem: `${name} has ${off} tokens more than the invoice says, ${inTokens(inLanes)} in lanes`,
        })
      }
      sum += available + inLanes
      locked += inLanes
    }
    const all = BigInt(this.members.filter(({ kind }) => kind === 'payer').length) * granted
    if (sum !== all) problems.push({ problem: `all accounts have ${inTokens(sum)} tokens of ${inTokens(all)}` })
    const exitCode = await ledger.end('SIGINT')
    if (exitCode !== 130) problems.push({ problem: `the ledger ended with ${exitCode}` })
    const journal = join(this.folder, 'journal.txt')
    await operator.told('export', journal)
    const verified = await operator.ledger('verify', journal)
    if (verified.exitCode !== 0) problems.push({ problem: `the journal: ${verified.stderr}` })
    return { accounts, locked: inTokens(locked), problems }
  }

  /** Who is done has what was seeded. */
  private assertWhole(): void {
    const { folder, name } = this.options.content
    const original = digestOf(join(folder, name))
    for (const member of this.members) {
      if (member.kind === 'seed' || member.doneMs === undefined) continue
      if (digestOf(join(member.home, 'down', name)) !== original) throw new Error(`${member.name} has other content`)
    }
  }

  private said(): string {
    return this.members.map(({ name, child, peer }) => `${name}:\n${child?.said() ?? peer?.said() ?? ''}`).join('\n')
  }
}

/** It said that seeding on brings too little, and ends. */
function hasGone(child: JsonProcess<SpeedLine> | undefined): boolean {
  return child?.lines.some(({ type }) => type === 'earns-too-little') === true
}

function isSeed({ kind }: Member): boolean {
  return kind === 'seed'
}

function inTokens(amount: bigint): number {
  return Number(amount / 10n ** 12n) / 1_000_000
}
