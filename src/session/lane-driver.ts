// Drives the machine of a payer or a payee: its commits go to the store, its signatures are asked of the wallet, its
// operations of the rail, its messages of whoever connects the two sides, and the answers come back by their tickets.
// Guarantees: commits reach the disk in the order in which they were asked for, several at once where they wait for each
// other, and none after one that failed; what no longer counts as spending is told to the wallet before the commit that
// forgets it; so the program may die at any await. Owns the machine.
import { unreachable } from '../base/assert.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import type { PayeeMessage, PayerMessage } from '../payment/lane-messages.ts'
import { Payee, type PayeeInput } from '../payment/payee.ts'
import type { PayeeOptions } from '../payment/payee-lanes.ts'
import { Payer, type PayerInput } from '../payment/payer.ts'
import type { PayerOptions } from '../payment/payer-lanes.ts'
import type {
  PayeeNotice,
  PayeeOutput,
  PayerNotice,
  PayerOutput,
  PaymentAnswer,
  PaymentRequest,
  Settlement,
} from '../payment/payment-events.ts'
import type { Alarm, Clock } from '../ports/clock.ts'
import type { AccountId, LaneId, Ledger, OperationId, RailId } from '../ports/ledger.ts'
import type { Signer, SigningRequest, SpendingPurpose } from '../ports/signer.ts'
import type { Store, StoreChange } from '../ports/store.ts'
import { readPayeeRecords, readPayerRecords } from './lane-records-reader.ts'

/** Where the other side is, and who is told what happens. Both may give the machine its next input at once. */
export interface LaneOutlet<Message, Notice> {
  /** May be lost: what matters is said again. */
  tell(to: AccountId, message: Message): void
  notice(notice: Notice): void
  /** What may be asked for or served may be another amount now. */
  advanced?(): void
}

/** Who counts what is spent; of the wallet its spending book. */
export interface SpendingCounter {
  settle(rail: RailId, id: OperationId | LaneId, outcome: Settlement['outcome']): Promise<Result<void>>
}

export interface LaneDriverPorts {
  readonly store: Store
  readonly signer: Signer
  readonly ledger: Ledger
  readonly clock: Clock
  /** Absent: nobody counts. */
  readonly spending?: SpendingCounter
  /** What is bought of a payee; the owner's limits go by it. */
  readonly purposeOf?: (payee: AccountId) => SpendingPurpose | undefined
}

interface Machine<Input, Output> {
  handle(input: Input | PaymentAnswer | { readonly type: 'wake' }, nowMs: number): void
  poll(): Output | undefined
  nextWakeMs(): number
}

interface Tell<Message> {
  readonly type: 'tell'
  readonly to: AccountId
  readonly message: Message
}

interface Notify<Notice> {
  readonly type: 'notice'
  readonly notice: Notice
}

type Written =
  | { readonly type: 'commit'; readonly ticket: number; readonly changes: readonly StoreChange[] }
  | Settlement

const maxChangesAtOnce = 1_024

/** One party's machine at work. */
class LaneDriver<
  Owned extends Machine<Input, PaymentRequest | Settlement | Tell<Message> | Notify<Notice>>,
  Input,
  Message,
  Notice,
> {
  readonly machine: Owned
  private readonly ports: LaneDriverPorts
  private readonly outlet: LaneOutlet<Message, Notice>
  private readonly alarm: Alarm
  private readonly abort = new AbortController()
  private readonly leave: () => void
  /** On their way to the disk, in order. */
  private readonly writing: Written[] = []
  private isWriting = false
  private writeFailure: Failure | undefined
  private written: Promise<void> = Promise.resolve()
  private isDraining = false
  private isClosed = false

  constructor(machine: Owned, ports: LaneDriverPorts, outlet: LaneOutlet<Message, Notice>) {
    this.machine = machine
    this.ports = ports
    this.outlet = outlet
    this.alarm = ports.clock.alarm(() => this.handle({ type: 'wake' }))
    this.leave = ports.ledger.watchLanes(ports.signer.account, (lane) => this.handle({ type: 'lane-seen', lane }))
    this.handle({ type: 'wake' })
  }

  handle(input: Input | PaymentAnswer | { readonly type: 'wake' }): void {
    if (this.isClosed) return
    this.machine.handle(input, this.ports.clock.nowMs())
    this.drain()
  }

  /** After bytes were counted: the machine may want to be woken earlier. */
  plan(): void {
    if (!this.isClosed) this.alarm.set(this.machine.nextWakeMs())
  }

  /** What was asked for is written; nothing more is heard. The ports stay their owner's. */
  async close(): Promise<void> {
    this.isClosed = true
    this.leave()
    this.alarm.close()
    this.abort.abort()
    await this.written
  }

  private drain(): void {
    if (this.isDraining) return
    this.isDraining = true
    for (let output = this.machine.poll(); output !== undefined; output = this.machine.poll()) this.perform(output)
    this.isDraining = false
    this.plan()
    this.outlet.advanced?.()
  }

  private perform(output: PaymentRequest | Settlement | Tell<Message> | Notify<Notice>): void {
    const { ledger, signer } = this.ports
    const { signal } = this.abort
    switch (output.type) {
      case 'commit':
      case 'settle':
        this.writing.push(output)
        if (!this.isWriting) this.written = this.write()
        return
      case 'sign': {
        const { ticket } = output
        const request = this.withPurpose(output.request)
        void signer.sign(request, signal).then((result) => this.handle({ type: 'signed', ticket, result }))
        return
      }
      case 'submit': {
        const { ticket, operation } = output
        void ledger.submit(operation, signal).then((result) => this.handle({ type: 'submitted', ticket, result }))
        return
      }
      case 'look-up': {
        const { ticket, lane } = output
        void ledger.lane(lane, signal).then((result) => this.handle({ type: 'looked-up', ticket, result }))
        return
      }
      case 'ask-time': {
        const { ticket } = output
        void ledger.timeMs(signal).then((result) => this.handle({ type: 'time-told', ticket, result }))
        return
      }
      case 'tell':
        this.outlet.tell(output.to, output.message)
        return
      case 'notice':
        this.outlet.notice(output.notice)
        return
      default:
        unreachable(output)
    }
  }

  private withPurpose(request: SigningRequest): SigningRequest {
    const { purposeOf } = this.ports
    if (purposeOf === undefined || request.type !== 'ledger-operation' || !('payee' in request.operation))
      return request
    const purpose = purposeOf(request.operation.payee)
    return purpose === undefined ? request : { ...request, purpose }
  }

  /** One batch after the other; what comes meanwhile makes the next one. */
  private async write(): Promise<void> {
    this.isWriting = true
    while (this.writing.length > 0) {
      const [first] = this.writing
      if (first?.type === 'settle') {
        this.writing.shift()
        await this.settle(first)
      } else await this.commit(this.takeCommits())
    }
    this.isWriting = false
  }

  private takeCommits(): Extract<Written, { readonly type: 'commit' }>[] {
    const batch: Extract<Written, { readonly type: 'commit' }>[] = []
    let count = 0
    for (const written of this.writing) {
      if (written.type !== 'commit' || (batch.length > 0 && count + written.changes.length > maxChangesAtOnce)) break
      batch.push(written)
      count += written.changes.length
    }
    this.writing.splice(0, batch.length)
    return batch
  }

  private async commit(batch: readonly Extract<Written, { readonly type: 'commit' }>[]): Promise<void> {
    const changes = batch.flatMap((each) => each.changes)
    const result = this.writeFailure ?? (await this.ports.store.commit(changes, 'durable'))
    if (!result.ok) this.writeFailure = result
    for (const { ticket } of batch) this.handle({ type: 'committed', ticket, result })
  }

  /** If the wallet cannot take note of it, what follows is not written: it is told again from the disk. */
  private async settle({ id, outcome }: Settlement): Promise<void> {
    const { spending, ledger } = this.ports
    if (spending === undefined || this.writeFailure !== undefined) return
    const settled = await spending.settle(ledger.rail, id, outcome)
    if (!settled.ok) this.writeFailure = settled
  }
}

export type PayerDriver = LaneDriver<Payer, PayerInput, PayerMessage, PayerNotice>
export type PayeeDriver = LaneDriver<Payee, PayeeInput, PayeeMessage, PayeeNotice>

/** Goes on from what the store has. Errors: store-damaged, those of the store. */
export async function startPayer(
  options: PayerOptions,
  ports: LaneDriverPorts,
  outlet: LaneOutlet<PayerMessage, PayerNotice>,
): Promise<Result<PayerDriver>> {
  const wrong = ofOthers(options, ports)
  if (wrong !== undefined) return wrong
  const records = await readPayerRecords(ports.store, options.terms.rail)
  if (!records.ok) return records
  const machine: Machine<PayerInput, PayerOutput> & Payer = new Payer(options, records.value, ports.clock.nowMs())
  return success(new LaneDriver(machine, ports, outlet))
}

/** As startPayer. Its lanes are watched from now on. */
export async function startPayee(
  options: PayeeOptions,
  ports: LaneDriverPorts,
  outlet: LaneOutlet<PayeeMessage, PayeeNotice>,
): Promise<Result<PayeeDriver>> {
  const wrong = ofOthers(options, ports)
  if (wrong !== undefined) return wrong
  const records = await readPayeeRecords(ports.store, options.terms.rail)
  if (!records.ok) return records
  const machine: Machine<PayeeInput, PayeeOutput> & Payee = new Payee(options, records.value, ports.clock.nowMs())
  return success(new LaneDriver(machine, ports, outlet))
}

/** Signer, ledger and machine are of one account and rail, or what is signed would be somebody else's. */
function ofOthers({ terms, account }: PayerOptions, { signer, ledger }: LaneDriverPorts): Failure | undefined {
  const isIts = signer.account === account && ledger.rail === terms.rail
  return isIts ? undefined : failure('account-invalid', 'the key or the ledger is of another account')
}
