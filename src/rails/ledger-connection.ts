// The connection to a ledger that somebody else operates: made anew whenever it is lost, ever more patiently.
// Guarantees: nothing is asked before the ledger has shown that it is the one meant and that its story goes on where its
// operator left it; what comes of an old connection is not heard. Owns the socket.
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import type { LedgerReceipt, SignedReceipt } from '../formats/money/receipt.ts'
import type { LedgerFacts } from '../ledger/genesis.ts'
import type { Clock } from '../ports/clock.ts'
import type { Random } from '../ports/random.ts'
import { failureOf, silence } from './ledger-failure.ts'
import type { ConnectLedger, LedgerSocket } from './ledger-socket.ts'
import type { LedgerWitness } from './ledger-witness.ts'
import { fromBase64, readAnswer, type ServiceAnswer } from './service-messages.ts'

export interface LedgerConnectionOptions {
  readonly facts: LedgerFacts
  readonly connect: ConnectLedger
  readonly clock: Clock
  readonly random: Random
  readonly witness: LedgerWitness
  /** How long somebody waits for an answer: pauses are shorter. */
  readonly patienceMs: number
}

export interface LedgerConnectionEvents {
  /** Questions may be sent. */
  onReady(): void
  /** What was not answered has to be asked again. */
  onLost(): void
  onAnswer(answer: ServiceAnswer): void
  /** What a receipt of now says, before it is believed; fails where it is older than the operator signed before. */
  onReceipt<Receipt extends LedgerReceipt>(result: Result<Receipt>, knownHeight: number): Result<Receipt>
  /** The witness has refused what came. */
  onUntrue(): void
}

type Answer<Type> = Extract<ServiceAnswer, { readonly type: Type }>

type Link =
  | { readonly type: 'none' }
  /** `asked`: what the operator signed last time, of which it is asked whether it is still there. */
  | {
      readonly type: 'greeting'
      readonly socket: LedgerSocket
      readonly untilMs: number
      readonly asked?: SignedReceipt
    }
  | { readonly type: 'ready'; readonly socket: LedgerSocket }

const firstPauseMs = 100
const longestPauseMs = 30_000
/** From the first packet until the ledger has shown that its story goes on. */
const greetingMs = 20_000
/** Of the one question that is asked while greeting; others are counted from 1. */
const greetingNumber = 0

export class LedgerConnection {
  private readonly options: LedgerConnectionOptions
  private readonly events: LedgerConnectionEvents
  private link: Link = { type: 'none' }
  private pauseMs = firstPauseMs
  private retryAtMs = 0
  private why: Failure | undefined

  constructor(options: LedgerConnectionOptions, events: LedgerConnectionEvents) {
    this.options = options
    this.events = events
  }

  /** Why it was lost last; undefined: it is ready, or was never lost. */
  get lastFailure(): Failure | undefined {
    return this.why
  }

  get isReady(): boolean {
    return this.link.type === 'ready'
  }

  /** Nothing is sent before it is ready. */
  send(message: string): void {
    if (this.link.type === 'ready') this.link.socket.send(message)
  }

  /** Connects, unless it is being done or it is too early. */
  open(): void {
    if (this.link.type !== 'none' || this.options.clock.nowMs() < this.retryAtMs) return
    const socket = this.options.connect({
      onMessage: (text) => this.isCurrent(socket) && this.take(text),
      onClose: (why) => this.isCurrent(socket) && this.lose(why),
    })
    this.link = { type: 'greeting', socket, untilMs: this.options.clock.nowMs() + greetingMs }
  }

  close(): void {
    const { link } = this
    this.link = { type: 'none' }
    if (link.type !== 'none') link.socket.close()
  }

  lose(why: Failure): void {
    this.why = why
    this.close()
    const { clock, random, patienceMs } = this.options
    // Not all who lost the same ledger come back at once.
    const pauseMs = this.pauseMs / 2 + random.below(Math.ceil(this.pauseMs / 2) + 1)
    // Short enough that whoever asks meanwhile is not kept waiting in vain.
    this.pauseMs = Math.min(2 * this.pauseMs, longestPauseMs, patienceMs / 4)
    this.retryAtMs = clock.nowMs() + pauseMs
    this.events.onLost()
  }

  /** Gives up a greeting that takes too long. */
  wake(nowMs: number): void {
    if (this.link.type === 'greeting' && this.link.untilMs <= nowMs) this.lose(silence)
  }

  /** `hasWork`: somebody wants it connected. */
  nextMs(hasWork: boolean): number {
    if (this.link.type === 'greeting') return this.link.untilMs
    return this.link.type === 'none' && hasWork ? this.retryAtMs : Number.POSITIVE_INFINITY
  }

  private isCurrent(socket: LedgerSocket): boolean {
    return this.link.type !== 'none' && this.link.socket === socket
  }

  private take(text: string): void {
    const read = readAnswer(text)
    if (!read.ok) {
      this.lose(failure('ledger-unreachable', `it does not speak as a ledger does: ${read.detail}`))
      return
    }
    const answer = read.value
    const { link } = this
    if (answer.type === 'hello') this.greet(answer)
    else if (link.type === 'greeting') {
      if ('number' in answer && answer.number === greetingNumber && link.asked !== undefined)
        this.takeOldEntry(answer, link.asked, link.socket)
    } else this.events.onAnswer(answer)
  }

  /** The story goes on where it was, or nothing is asked. */
  private greet({ genesis, head }: Answer<'hello'>): void {
    const { link } = this
    const { facts, witness } = this.options
    if (link.type !== 'greeting') return
    if (toHex(sha256(fromBase64(genesis))) !== toHex(facts.hash)) {
      this.lose(failure('ledger-unreachable', 'another ledger answers at this address'))
      return
    }
    const { known, knownHeight } = witness
    const read = this.events.onReceipt(witness.receipt(head, 'head'), knownHeight)
    if (!read.ok) return
    if (known === undefined || read.value.height === known.receipt.height) {
      this.ready(link.socket)
      return
    }
    // Whether the entry that was signed then is still there.
    this.link = { ...link, asked: known }
    link.socket.send(JSON.stringify({ type: 'entry', number: greetingNumber, height: known.receipt.height }))
  }

  private takeOldEntry(answer: ServiceAnswer, known: SignedReceipt, socket: LedgerSocket): void {
    const { witness } = this.options
    if (answer.type === 'failed') {
      this.lose(failureOf(answer.error))
      return
    }
    // Before the first entry there is only the genesis.
    const isGenesis = known.receipt.height === 0
    if (answer.type !== 'entry' || (answer.receipt === null && !isGenesis)) {
      witness.refuse(`entry ${known.receipt.height}, which the operator signed, is not there any more`)
      this.events.onUntrue()
      return
    }
    const read = isGenesis ? success(undefined) : witness.receipt(answer.receipt, 'operation')
    if (read.ok && read.value !== undefined && read.value.height !== known.receipt.height) {
      witness.refuse('another entry than was asked for')
      this.events.onUntrue()
    } else if (read.ok) this.ready(socket)
    else this.events.onUntrue()
  }

  private ready(socket: LedgerSocket): void {
    this.link = { type: 'ready', socket }
    this.pauseMs = firstPauseMs
    this.why = undefined
    this.events.onReady()
  }
}
