// A peer that means harm: a host that dials honest ones and takes their connections, with one behaviour on all of them.
// Guarantees: everything follows from the world's seed; what it did and what became of it is counted. Owns its lines.
import { toHex } from '../../src/base/bytes.ts'
import type { Random } from '../../src/ports/random.ts'
import type { Streams } from '../../src/ports/streams.ts'
import type { SimulatedClock } from '../ports/simulated-clock.ts'
import type { Stage } from '../stage.ts'
import type { Content } from '../world/content.ts'
import type { Behaviour } from './behaviour.ts'
import { HostileLine, type LineOwner } from './hostile-line.ts'

const listenPort = 6881
const usualRedialMs = 3_000
const usualMaxDials = 4
/** A fault that proves what a peer is has it parted with in that time. */
export const patienceMs = 30_000

export class HostilePeer implements LineOwner {
  readonly address: string
  readonly behaviour: Behaviour
  readonly clock: SimulatedClock
  readonly random: Random
  readonly content: Content
  readonly ownId: string
  readonly heardIds = new Map<string, string>()
  /** Lines that stood; of faults, bytes sent; lines that honest peers ended after that. */
  lineCount = 0
  attackBytes = 0
  attackCount = 0
  cutCount = 0
  private readonly lines = new Set<HostileLine>()
  /** Whom those lines lead to that it dialled itself. */
  private readonly dialled = new Map<HostileLine, string>()
  private readonly streams: Streams
  private readonly dials = new Map<string, number>()

  constructor(stage: Stage, behaviour: Behaviour, address: string = stage.address()) {
    const { world } = stage
    this.address = address
    this.behaviour = behaviour
    this.clock = world.clock
    this.random = world.randomOf(`${behaviour.name} ${this.address}`)
    this.content = stage.content
    this.ownId = this.newId()
    this.streams = world.network.streams({ address: this.address, latencyMs: 5 + this.random.below(40) })
    void this.streams.listen('0.0.0.0', listenPort, (stream) => {
      const line = this.line(false)
      line.attach(stream)
      this.clock.after(0, () => line.onStanding())
      return line
    })
    this.announce(stage)
    world.log(this.address, `does harm: ${behaviour.name}`)
  }

  /** Comes to an honest peer, and comes again. */
  visit(address: string): void {
    const { lineCount = 1, redialMs = usualRedialMs } = this.behaviour
    for (let count = 0; count < lineCount; count++) {
      this.clock.after(this.random.below(redialMs), () => this.dial(address))
    }
  }

  /** Lines on which it proved what it is, long ago, and that stand still. */
  overdue(): number {
    const sinceMs = this.clock.nowMs() - patienceMs
    return [...this.lines].filter(({ attackedSinceMs }) => attackedSinceMs < sinceMs).length
  }

  ended(line: HostileLine, byProduct: boolean): void {
    this.lines.delete(line)
    const address = this.dialled.get(line)
    this.dialled.delete(line)
    if (address !== undefined) {
      this.clock.after(this.behaviour.redialMs ?? usualRedialMs, () => this.dial(address))
    }
    this.attackBytes += line.attackBytes
    if (line.attackedSinceMs === Number.POSITIVE_INFINITY) return
    this.attackCount++
    if (byProduct) this.cutCount++
  }

  /** It attacked at least once, on lines that ended or stand. */
  get hasAttacked(): boolean {
    return (
      this.attackCount > 0 || [...this.lines].some(({ attackedSinceMs }) => attackedSinceMs < Number.POSITIVE_INFINITY)
    )
  }

  private dial(address: string): void {
    const { maxDials = usualMaxDials, lineCount = 1 } = this.behaviour
    const dials = (this.dials.get(address) ?? 0) + 1
    if (dials > maxDials * lineCount) return
    this.dials.set(address, dials)
    const line = this.line(true)
    this.dialled.set(line, address)
    line.attach(this.streams.dial({ family: 4, address, port: listenPort }, { timeoutMs: 5_000 }, line))
  }

  private line(isDialled: boolean): HostileLine {
    const isOne = this.behaviour.lineCount === undefined
    const owner: LineOwner = isOne ? this : lineOwner(this, this.newId())
    const line = new HostileLine(owner, isDialled)
    this.behaviour.begin(line)
    this.lines.add(line)
    this.lineCount++
    return line
  }

  private newId(): string {
    const bytes = new Uint8Array(20)
    this.random.fill(bytes)
    return toHex(bytes)
  }

  /** So that honest peers come by themselves. */
  private announce(stage: Stage): void {
    const { infoHashV1, infoHashV2 } = this.content.info
    for (const infoHash of [infoHashV1, infoHashV2]) {
      if (infoHash === undefined) continue
      stage.tracker().enlist(infoHash, { address: this.address, port: listenPort, peerId: this.ownId })
    }
  }
}

/** The same peer under another name. */
function lineOwner(peer: HostilePeer, ownId: string): LineOwner {
  const { clock, random, content, heardIds } = peer
  return { clock, random, content, heardIds, ownId, ended: (line, byProduct) => peer.ended(line, byProduct) }
}
