// Statements of one connection on their way to the wallet and the wire, one at a time.
// Guarantees: signed and sent in the order in which they were made; the count of a stretch is that of the moment when its signature
// is asked for; none after the connection's Speed is over. Owns what waits.
import type { Result } from '../base/errors.ts'
import type { SpeedStatement } from '../formats/peer/speed-messages.ts'
import type { Signature } from '../ports/ledger.ts'
import type { Signer, SigningRequest } from '../ports/signer.ts'
import type { UncountedStretch } from './speed-line.ts'
import { isStretch } from './stretch-statements.ts'
import type { Turns } from './turns.ts'

export type Pending = SpeedStatement | UncountedStretch

interface QueuePorts {
  readonly turns: Turns
  /** Aborted when Speed is over on the connection. */
  readonly signal: AbortSignal
  /** Undefined: no ledger is agreed on yet. */
  signer(): Signer | undefined
  /** Undefined: it may not be made here. */
  toSign(statement: SpeedStatement): SigningRequest | undefined
  /** Served in stretches so far. */
  servedBytes(): number
  /** The wallet signed it, or said no. False: nothing more is to be signed. */
  answered(statement: SpeedStatement, signature: Result<Signature>, nowMs: number): boolean
}

export class StatementQueue {
  private readonly ports: QueuePorts
  private readonly pending: Pending[] = []
  private isSigning = false

  constructor(ports: QueuePorts) {
    this.ports = ports
  }

  add(statement: Pending): void {
    this.pending.push(statement)
    this.signNext()
  }

  clear(): void {
    this.pending.length = 0
  }

  private signNext(): void {
    const [first] = this.pending
    const { ports } = this
    const signer = ports.signer()
    if (first === undefined || this.isSigning || signer === undefined) return
    const statement = this.counted(first)
    const request = ports.toSign(statement)
    if (request === undefined) {
      this.pending.shift()
      this.signNext()
      return
    }
    this.isSigning = true
    ports.turns.after(signer.sign(request, ports.signal), (result, nowMs) => {
      this.isSigning = false
      if (!ports.signal.aborted) this.signed(statement, result, nowMs)
    })
  }

  /** The count stands still from when it was asked for. */
  private counted(statement: Pending): SpeedStatement {
    return isStretch(statement) ? { ...statement, fromByte: this.ports.servedBytes() } : statement
  }

  private signed(statement: SpeedStatement, signature: Result<Signature>, nowMs: number): void {
    this.pending.shift()
    if (this.ports.answered(statement, signature, nowMs)) this.signNext()
  }
}
