// One client's side of a ledger that is served, without its connection: requests come in as text, answers go out.
// Guarantees: what is answered is on the disk, and is proved by what the operator signed; one client asks for no more at
// once, and no faster, than its address and accounts are allowed; whatever comes, nothing throws. Owns its watches.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result } from '../base/errors.ts'
import { parseAccountId } from '../formats/money/account-id.ts'
import { signedOperationCodec } from '../formats/money/operation-codec.ts'
import { type SignedReceipt, signedReceiptCodec } from '../formats/money/receipt.ts'
import type { SealedGroup } from '../ledger/ledger-core.ts'
import type { StateProof } from '../ledger/state-tree.ts'
import type { AccountId, LaneId, OperationId, SignedOperation } from '../ports/ledger.ts'
import type { EmbeddedLedger, OperationEvidence } from './embedded-ledger.ts'
import type { CarriedOut } from './group-writer.ts'
import type { ByteRoom, RequestAllowance } from './request-allowance.ts'
import {
  maxHoldingEntries,
  type ProofJson,
  readRequest,
  type ServiceAnswer,
  type ServiceRequest,
  type SubmitResult,
  toBase64,
} from './service-messages.ts'

export interface SessionLimits {
  /** Operations and requests of one address. */
  readonly ofAddress: RequestAllowance
  /** Operations of one account, once it is sure that it is the account's own. */
  readonly ofAccount: RequestAllowance
  /** Operations of one connection that are not answered, and the length of their messages. */
  readonly maxUnanswered: number
  readonly maxUnansweredBytes: number
  /** Of all connections. */
  readonly room: ByteRoom
}

export interface LedgerSessionOptions {
  readonly ledger: EmbeddedLedger
  readonly limits: SessionLimits
  readonly address: string
  nowMs(): number
  send(message: string): void
}

/** Entries of others that are sent along, so that the client can follow the hashes to the head that is signed. */
const othersPerOwn = 3
const othersAtLeast = 16
const allowancePauseMs = 100

type Of<Type> = Extract<ServiceRequest, { readonly type: Type }>
type Answer = ServiceAnswer

export class LedgerSession {
  private readonly options: LedgerSessionOptions
  private unanswered = 0
  private unansweredBytes = 0
  private leaveWatches: (() => void)[] = []
  private isOver = false

  constructor(options: LedgerSessionOptions) {
    this.options = options
    const { ledger } = options
    this.say({ type: 'hello', genesis: toBase64(ledger.facts.bytes), head: receiptJson(ledger.signedHead()) })
  }

  /** A message of the client; undefined, or why the client is not worth talking to. */
  receive(message: string): Failure | undefined {
    const request = readRequest(message)
    if (!request.ok) return request
    void this.answer(request.value, message.length)
    return undefined
  }

  /** The connection is gone. */
  end(): void {
    this.isOver = true
    this.unwatch()
  }

  /** Carries out operations for whoever sent them; for HTTP, too. `bytes`: the length of what they came in. */
  async submit(number: number, statements: readonly unknown[], bytes: number): Promise<Answer> {
    const { limits, address, nowMs } = this.options
    const count = statements.length
    const isTooMuch =
      this.unanswered + count > limits.maxUnanswered || this.unansweredBytes + bytes > limits.maxUnansweredBytes
    if (isTooMuch) return failed(number, busy('too many operations are not answered yet'))
    if (!limits.ofAddress.take(address, count, nowMs()))
      return failed(number, busy('too many operations from this address'))
    if (!limits.room.take(bytes)) return failed(number, busy('too many operations at once'))
    this.unanswered += count
    this.unansweredBytes += bytes
    // All are submitted before anything is awaited: they make one group.
    const carrying = statements.map((statement) => this.carryOut(statement))
    const carried = await Promise.all(carrying)
    this.unanswered -= count
    this.unansweredBytes -= bytes
    limits.room.give(bytes)
    return { type: 'submitted', number, ...(await this.evidenceOf(carried)) }
  }

  private carryOut(statement: unknown): Promise<Carried> {
    const { ledger, limits, nowMs } = this.options
    const operation = signedOperationCodec.fromJson(statement, ledger.rail)
    if (!operation.ok) return Promise.resolve({ result: operation })
    const admit = (account: AccountId) =>
      limits.ofAccount.take(account, 1, nowMs()) ? undefined : busy('too many operations of this account')
    return ledger.carryOut(operation.value, admit).then((result) => ({ operation: operation.value, result }))
  }

  /** The entries up to the head, where most are the client's own; else each own entry with a receipt. */
  private async evidenceOf(carried: readonly Carried[]): Promise<Pick<Submitted, 'results' | 'lines' | 'head'>> {
    const { ledger } = this.options
    const chain = chainOf(carried)
    const results = carried.map(async ({ operation, result }): Promise<SubmitResult> => {
      if (!result.ok || operation === undefined) return { error: errorOf(result) }
      const { applied } = result.value
      if (chain !== undefined && applied.height >= chain.firstHeight) return { height: applied.height }
      const evidence = await ledger.evidenceOf(operation.operation.id)
      if (!evidence.ok || evidence.value === undefined) return { error: errorOf(evidence) }
      return evidenceJson(evidence.value)
    })
    return {
      results: await Promise.all(results),
      lines: chain?.lines.map(toBase64) ?? [],
      ...(chain === undefined ? {} : { head: receiptJson(ledger.signedHeadOf(chain.last)) }),
    }
  }

  private async answer(request: ServiceRequest, bytes: number): Promise<void> {
    const { limits, address, nowMs } = this.options
    if (request.type === 'submit') {
      this.say(await this.submit(request.number, request.operations, bytes))
      return
    }
    const isAllowed = limits.ofAddress.take(address, 1, nowMs())
    this.say(isAllowed ? await this.look(request) : failed(request.number, busy('too many requests from this address')))
  }

  private look(request: Exclude<ServiceRequest, { readonly type: 'submit' }>): Promise<Answer> | Answer {
    const { ledger } = this.options
    switch (request.type) {
      case 'head':
        return { type: 'head', number: request.number, receipt: receiptJson(ledger.signedHead()) }
      case 'account':
        return this.lookAtAccount(request)
      case 'lane':
        return this.lookAtLane(request)
      case 'outcome':
        return this.lookAtOutcome(request)
      case 'entry':
        return this.lookAtEntry(request)
      case 'holding':
        return this.lookAtHolding(request)
      default:
        return this.watch(request)
    }
  }

  private async lookAtAccount({ number, account }: Of<'account'>): Promise<Answer> {
    const named = this.accountOf(account)
    if (!named.ok) return failed(number, named)
    const attested = await this.options.ledger.attestAccount(named.value)
    if (!attested.ok) return failed(number, attested)
    return { type: 'account', number, receipt: receiptJson(attested.value.receipt) }
  }

  private async lookAtLane({ number, lane }: Of<'lane'>): Promise<Answer> {
    const attested = await this.options.ledger.attestLane(lane.slice(2) as LaneId)
    if (!attested.ok) return failed(number, attested)
    const { receipt, proof, ending } = attested.value
    const isThere = attested.value.lane !== undefined
    return {
      type: 'lane',
      number,
      receipt: receiptJson(receipt),
      ...(isThere ? {} : { proof: proofJson(proof) }),
      ...(ending === undefined ? {} : { ending: evidenceJson(ending) }),
    }
  }

  private async lookAtHolding({ number, holding, id, after }: Of<'holding'>): Promise<Answer> {
    const wanted = { type: holding, id: id.slice(2) as OperationId }
    const attested = await this.options.ledger.attestHolding(wanted, after, maxHoldingEntries)
    if (!attested.ok) return failed(number, attested)
    const { entries, receipt, proof } = attested.value
    const told = entries.map(evidenceJson)
    return { type: 'holding', number, entries: told, receipt: receiptJson(receipt), proof: proofJson(proof) }
  }

  private async lookAtOutcome({ number, id }: Of<'outcome'>): Promise<Answer> {
    const evidence = await this.options.ledger.evidenceOf(id.slice(2) as OperationId)
    if (!evidence.ok) return failed(number, evidence)
    return { type: 'outcome', number, found: evidence.value === undefined ? null : evidenceJson(evidence.value) }
  }

  private async lookAtEntry({ number, height }: Of<'entry'>): Promise<Answer> {
    const evidence = await this.options.ledger.evidenceAt(height)
    if (!evidence.ok) return failed(number, evidence)
    return { type: 'entry', number, receipt: evidence.value === undefined ? null : receiptJson(evidence.value.receipt) }
  }

  private watch({ number, accounts }: Of<'watch'>): Answer {
    const named = accounts.map((account) => this.accountOf(account))
    const wrong = named.find((each) => !each.ok)
    if (wrong?.ok === false) return failed(number, wrong)
    this.unwatch()
    const { ledger } = this.options
    const watched = named.map((each) => {
      assert(each.ok, 'an account')
      return each.value
    })
    const watch = { isOver: false }
    this.leaveWatches = watched.map((account) => ledger.watchEntries(account, (id) => void this.tellChange(id)))
    this.leaveWatches.push(() => {
      watch.isOver = true
    })
    void this.tellLanes(watched, watch)
    return { type: 'watching', number }
  }

  /** Each lane costs as much as a question for it, and waits where those would be refused. */
  private async tellLanes(accounts: readonly AccountId[], watch: { readonly isOver: boolean }): Promise<void> {
    const { ledger, limits, address, nowMs } = this.options
    for (const account of accounts) {
      const lanes = await ledger.lanesOf(account)
      for (const lane of lanes.ok ? lanes.value : []) {
        while (!watch.isOver && !limits.ofAddress.take(address, 1, nowMs())) await setTimeout(allowancePauseMs)
        if (watch.isOver) return
        const attested = await ledger.attestLane(lane)
        if (!attested.ok) return
        if (attested.value.lane !== undefined) this.say({ type: 'there', receipt: receiptJson(attested.value.receipt) })
        // Others are answered in between.
        await setImmediate()
      }
    }
  }

  private async tellChange(id: OperationId): Promise<void> {
    const evidence = await this.options.ledger.evidenceOf(id)
    if (evidence.ok && evidence.value !== undefined) this.say({ type: 'changed', ...evidenceJson(evidence.value) })
  }

  private accountOf(text: string): Result<AccountId> {
    const parsed = parseAccountId(text)
    const isHere = parsed.ok && parsed.value.startsWith(`${this.options.ledger.rail}:`)
    return isHere || !parsed.ok ? parsed : failure('account-invalid', 'an account of another ledger')
  }

  private unwatch(): void {
    for (const leave of this.leaveWatches) leave()
    this.leaveWatches = []
  }

  private say(answer: Answer): void {
    if (!this.isOver) this.options.send(JSON.stringify(answer))
  }
}

type Submitted = Extract<ServiceAnswer, { readonly type: 'submitted' }>

interface Carried {
  readonly operation?: SignedOperation
  readonly result: Result<CarriedOut>
}

interface Chain {
  readonly firstHeight: number
  readonly lines: readonly Uint8Array[]
  readonly last: SealedGroup
}

/** The last groups of the operations as far as they follow each other; undefined: too many entries are of others. */
function chainOf(carried: readonly Carried[]): Chain | undefined {
  const groups = new Set<SealedGroup>()
  const heights: number[] = []
  for (const { result } of carried) {
    if (!result.ok || result.value.group === undefined) continue
    groups.add(result.value.group)
    heights.push(result.value.applied.height)
  }
  const ordered = [...groups].sort((a, b) => a.firstHeight - b.firstHeight)
  const last = ordered.at(-1)
  if (last === undefined) return undefined
  const isWhole = ordered.every(({ firstHeight }, index) => {
    const before = ordered[index - 1]
    return before === undefined || before.head.height + 1 === firstHeight
  })
  const firstHeight = Math.min(...heights)
  const count = last.head.height - firstHeight + 1
  if (!isWhole || count > othersPerOwn * heights.length + othersAtLeast) return undefined
  const lines = ordered.flatMap((group) => group.lines).slice(-count)
  return { firstHeight, lines, last }
}

function receiptJson(receipt: SignedReceipt): unknown {
  return signedReceiptCodec.toJson(receipt)
}

function evidenceJson({ line, receipt }: OperationEvidence): { readonly line: string; readonly receipt: unknown } {
  return { line: toBase64(line), receipt: receiptJson(receipt) }
}

function proofJson({ siblings, end }: StateProof): ProofJson {
  const digits = (bytes: Uint8Array) => `0x${toHex(bytes)}`
  return {
    siblings: siblings.map(digits),
    end: end.type === 'other' ? { type: 'other', key: digits(end.key), valueHash: digits(end.valueHash) } : end,
  }
}

function busy(detail: string): Failure {
  return failure('ledger-busy', detail)
}

function errorOf(result: Result<unknown>): { readonly code: string; readonly detail: string } {
  const { code, detail } = result.ok ? failure('ledger-unreachable', 'its entry could not be read') : result
  return { code, detail: detail.slice(0, 1_000) }
}

function failed(number: number, why: Failure): Answer {
  return { type: 'failed', number, error: errorOf(why) }
}
