// Speed as it passes on the wires of a world (docs/protocol/speed.md): on each connection who pays whom, which bytes of
// blocks passed while a share was held, and at which price. Guarantees: counts by itself, from what was said alone; in a
// world without a ledger it does nothing. Owns what it counted.
import type { TokenAmount } from '../../src/base/token-amount.ts'
import { readSpeedMessage, scanSpeedMessage } from '../../src/formats/peer/speed-codec.ts'
import { type SpeedPlain, type SpeedStatement, speedExtension } from '../../src/formats/peer/speed-messages.ts'
import type { AccountId } from '../../src/ports/ledger.ts'
import type { SimulatedLedger } from '../ports/simulated-ledger.ts'
import type { Machine } from '../world/machine.ts'
import type { World } from '../world/world.ts'
import { blockKey, type TappedConnection, type Way } from './tapped-connection.ts'
import type { WireTap } from './wire-tap.ts'

/** A direction of payment on one connection: `bytes` and `scaled` are of all its stretches. */
interface Dealing {
  /** Undefined: no share is held. */
  price: TokenAmount | undefined
  bytes: number
  /** In 2^-20 of a base unit. */
  scaled: bigint
  /** That there ever was. */
  highestPrice: bigint
  /** Paid for though they were not sent, as a share was not drawn: counted after what came before. */
  besidesBytes: number
  /** From which byte of its stretches and besides on which price holds. */
  readonly steps: { readonly fromByte: number; readonly price: bigint }[]
}

export interface SpeedLine {
  readonly connection: TappedConnection
  readonly machine: Machine
  /** As the peer says in its terms; it is proved only once the session serves or pays it. */
  peer: AccountId | undefined
  /** The peer pays the machine, and the other way. */
  readonly sold: Dealing
  readonly bought: Dealing
}

export type Dealt = SpeedPlain | SpeedStatement

export interface PaidBlock {
  readonly piece: number
  readonly begin: number
  readonly lengthBytes: number
  /** Who asked for it had said before that it was not wanted any more, and pays for it nevertheless. */
  readonly wasCancelled: boolean
}

export interface SpeedObserver {
  /** Before the counts take it in. */
  onMessage?(line: SpeedLine, way: Way, message: Dealt): void
  /** A block of which all passed within a stretch: `out`, the machine sold it. It is in the counts. */
  onPaidBlock?(line: SpeedLine, way: Way, block: PaidBlock): void
  /** A block that nobody pays for. */
  onFreeBlock?(line: SpeedLine, way: Way, piece: number, begin: number): void
  onClosed?(line: SpeedLine): void
}

/** A tick, and of what an account served a quarter: nobody is owed more for what was not drawn. */
const mostBesidesBytes = 262_144
const besidesPart = 4

export class SpeedTap {
  readonly lines = new Map<TappedConnection, SpeedLine>()
  /** Of the block that is coming on each. */
  private readonly cancelled = new Set<TappedConnection>()
  private readonly besidesBytes = new Map<string, number>()
  private readonly world: World
  private readonly observers: SpeedObserver[] = []

  constructor(world: World, tap: WireTap) {
    this.world = world
    tap.observe({
      onExtension: (connection, way, name, payload) => {
        if (name === speedExtension) this.take(connection, way, payload)
      },
      onBlock: (connection, way, piece, begin) => {
        const isCancelled = connection[way === 'out' ? 'in' : 'out'].cancelled.has(blockKey(piece, begin))
        if (isCancelled && this.lines.has(connection)) this.cancelled.add(connection)
      },
      onBlockEnd: (connection, way, piece, begin, length) => {
        const line = this.lines.get(connection)
        const wasCancelled = this.cancelled.delete(connection)
        if (line !== undefined) this.count(line, way, { piece, begin, lengthBytes: length, wasCancelled })
      },
      onClosed: (connection) => {
        const line = this.lines.get(connection)
        if (line === undefined || !this.lines.delete(connection)) return
        for (const observer of this.observers) observer.onClosed?.(line)
      },
    })
  }

  observe(observer: SpeedObserver): void {
    this.observers.push(observer)
  }

  /** The one there is, once there is one. */
  get ledger(): SimulatedLedger | undefined {
    return this.world.ledgers[0]
  }

  private take(connection: TappedConnection, way: Way, payload: Uint8Array): void {
    const { ledger } = this
    if (ledger === undefined) return
    const scanned = scanSpeedMessage(payload.slice())
    const read = scanned.ok ? readSpeedMessage(scanned.value, ledger.facts.rail) : scanned
    if (!read.ok) return
    const message = read.value.type === 'plain' ? read.value.message : read.value.statement
    const line = this.lineOf(connection)
    if (message.type === 'terms' && way === 'in') {
      line.peer ??= message.ledgers.find(({ account }) => account.startsWith(ledger.facts.rail))?.account
    }
    for (const observer of this.observers) observer.onMessage?.(line, way, message)
    // Whoever sends these is the one who is paid.
    const dealing = way === 'out' ? line.sold : line.bought
    if (message.type === 'walk-in-award') award(dealing, message.price)
    else if (message.type === 'auction-award') award(dealing, message.share === 1 ? message.price : undefined)
    else if (message.type === 'share-lost') {
      if (dealing.price !== undefined && line.peer !== undefined)
        dealing.besidesBytes += this.besides(
          `${line.machine.address} ${way} ${line.peer}`,
          message.owedBytes,
          dealing.bytes,
        )
      award(dealing, undefined)
    }
  }

  /** Over all connections of the two. */
  private besides(between: string, owedBytes: number, servedBytes: number): number {
    const before = this.besidesBytes.get(between) ?? 0
    const left = mostBesidesBytes + Math.floor(servedBytes / besidesPart) - before
    const bytes = Math.max(0, Math.min(owedBytes, mostBesidesBytes, left))
    this.besidesBytes.set(between, before + bytes)
    return bytes
  }

  private lineOf(connection: TappedConnection): SpeedLine {
    const known = this.lines.get(connection)
    if (known !== undefined) return known
    const line: SpeedLine = {
      connection,
      machine: connection.machine,
      peer: undefined,
      sold: newDealing(),
      bought: newDealing(),
    }
    this.lines.set(connection, line)
    return line
  }

  private count(line: SpeedLine, way: Way, block: PaidBlock): void {
    const dealing = way === 'out' ? line.sold : line.bought
    if (dealing.price === undefined) {
      for (const observer of this.observers) observer.onFreeBlock?.(line, way, block.piece, block.begin)
      return
    }
    dealing.bytes += block.lengthBytes
    dealing.scaled += dealing.price * BigInt(block.lengthBytes)
    for (const observer of this.observers) observer.onPaidBlock?.(line, way, block)
  }
}

function newDealing(): Dealing {
  return { price: undefined, bytes: 0, scaled: 0n, highestPrice: 0n, besidesBytes: 0, steps: [] }
}

function award(dealing: Dealing, price: TokenAmount | undefined): void {
  dealing.price = price
  if (price === undefined) return
  if (price > dealing.highestPrice) dealing.highestPrice = price
  dealing.steps.push({ fromByte: dealing.bytes + dealing.besidesBytes, price })
}
