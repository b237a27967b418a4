// Requests to the world outside, and what is to happen when they are answered: data by ticket, no callbacks.
// Guarantees: an answer is taken once; requests leave in the order in which they were made. Owns both.
import type { LaneId, SignedOperation } from '../ports/ledger.ts'
import type { SigningRequest } from '../ports/signer.ts'
import type { StoreChange } from '../ports/store.ts'
import type { PaymentRequest } from './payment-events.ts'

export class Errands<Step, Output> {
  private readonly outputs: (Output | PaymentRequest)[] = []
  private readonly steps = new Map<number, Step>()
  private lastTicket = 0

  commit(changes: readonly StoreChange[], step: Step): void {
    this.outputs.push({ type: 'commit', ticket: this.ticketFor(step), changes })
  }

  sign(request: SigningRequest, step: Step): void {
    this.outputs.push({ type: 'sign', ticket: this.ticketFor(step), request })
  }

  submit(operation: SignedOperation, step: Step): void {
    this.outputs.push({ type: 'submit', ticket: this.ticketFor(step), operation })
  }

  lookUp(lane: LaneId, step: Step): void {
    this.outputs.push({ type: 'look-up', ticket: this.ticketFor(step), lane })
  }

  askTime(step: Step): void {
    this.outputs.push({ type: 'ask-time', ticket: this.ticketFor(step) })
  }

  /** What wants no answer. */
  push(output: Output): void {
    this.outputs.push(output)
  }

  /** What was meant to follow; undefined: no answer is awaited under this ticket. */
  take(ticket: number): Step | undefined {
    const step = this.steps.get(ticket)
    this.steps.delete(ticket)
    return step
  }

  poll(): Output | PaymentRequest | undefined {
    return this.outputs.shift()
  }

  private ticketFor(step: Step): number {
    this.steps.set(++this.lastTicket, step)
    return this.lastTicket
  }
}
