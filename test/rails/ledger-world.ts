// An embedded ledger on a simulated store and clock, with accounts whose signatures cost a hash; it is opened, killed and
// opened again. What was answered is remembered, and compared with the journal at the end.
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { SimulatedClock } from '../../sim/ports/simulated-clock.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { SimulatedStoreDisk } from '../../sim/ports/simulated-store.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { decodeLine } from '../../src/ledger/journal-record.ts'
import { checkReceipt, contradictionOf } from '../../src/ledger/receipts.ts'
import { JournalVerifier } from '../../src/ledger/verify-journal.ts'
import type { LedgerOperation, OperationId, OperationOutcome, SignedOperation } from '../../src/ports/ledger.ts'
import type { SigningKey } from '../../src/ports/signatures.ts'
import { EmbeddedLedger } from '../../src/rails/embedded-ledger.ts'
import { readGenesis, writeGenesis } from '../../src/rails/journal-store.ts'
import { fakeScheme, fakeSign } from '../ledger/fake-signatures.ts'
import {
  addressOf,
  checkBooks,
  type GenesisChange,
  idOf,
  LedgerHarness,
  type Unnamed,
} from '../ledger/ledger-harness.ts'
import { OperationDraw } from '../ledger/random-operations.ts'

export const never = new AbortController().signal

export function fakeKey(index: number): SigningKey {
  const address = addressOf(index)
  return { address, sign: (digest) => fakeSign(address, digest), forget: () => undefined }
}

export interface LedgerWorldOptions {
  readonly seed?: number
  readonly change?: GenesisChange
  readonly keptOperations?: number
  readonly snapshotEvery?: number
}

export class LedgerWorld {
  readonly clock = new SimulatedClock(() => setImmediate())
  readonly disk: SimulatedStoreDisk
  /** Signs and names accounts; its own core is not asked. */
  readonly people: LedgerHarness
  private readonly options: LedgerWorldOptions

  constructor(options: LedgerWorldOptions = {}) {
    this.options = options
    this.disk = new SimulatedStoreDisk({ clock: this.clock, random: simulatedRandom(options.seed ?? 1) })
    this.people = new LedgerHarness(options.change)
  }

  /** After a start or a crash. */
  async tryOpen(): Promise<Result<EmbeddedLedger>> {
    return this.clock.settle(this.openLedger())
  }

  async open(): Promise<EmbeddedLedger> {
    return unwrap(await this.tryOpen())
  }

  async submit(ledger: EmbeddedLedger, by: number, operation: Unnamed<LedgerOperation>): Promise<string> {
    const signed = this.people.sign(by, { ...operation, id: this.people.nextId() } as LedgerOperation)
    const result = await this.clock.settle(ledger.submit(signed, never))
    return result.ok ? 'done' : result.code
  }

  async available(ledger: EmbeddedLedger, index: number): Promise<bigint> {
    return unwrap(await this.clock.settle(ledger.account(this.people.account(index), never))).available
  }

  private async openLedger(): Promise<Result<EmbeddedLedger>> {
    const store = unwrap(this.disk.open())
    const found = unwrap(await readGenesis(store))
    if (found === undefined) unwrap(await writeGenesis(store, this.people.facts.bytes))
    const opened = await EmbeddedLedger.open(
      found ?? this.people.facts.bytes,
      { store, clock: this.clock, random: simulatedRandom(2), scheme: fakeScheme, operator: fakeKey(0) },
      {
        ...(this.options.keptOperations === undefined ? {} : { keptOperations: this.options.keptOperations }),
        ...(this.options.snapshotEvery === undefined ? {} : { snapshotEvery: this.options.snapshotEvery }),
      },
    )
    if (!opened.ok) await store.close()
    return opened
  }
}

/** Operations of all kinds, most of which a ledger carries out if it gets them in this order. */
export function drawOperations(seed: number, count: number): SignedOperation[] {
  const ledger = new LedgerHarness()
  const draw = new OperationDraw(ledger, seed, false)
  const operations: SignedOperation[] = []
  const add = (by: number, operation: Unnamed<LedgerOperation>) => {
    const named = { ...operation, id: ledger.nextId() } as LedgerOperation
    operations.push(ledger.sign(by, named))
    ledger.core.submit(ledger.authentic(by, named), ledger.nowMs)
  }
  for (let index = 1; index < 6; index++) {
    add(0, { type: 'grant', to: ledger.account(index), invite: ledger.nextId() as string as never })
  }
  while (operations.length < count) {
    const { by, operation } = draw.next()
    add(by, operation)
  }
  return operations
}

/** Answers of one life of the ledger, or of several. */
export type Answers = Map<OperationId, Result<OperationOutcome>>

/** So many clients at once, each asking for its next operation when the last was answered; asks again what failed. */
export async function load(
  ledger: EmbeddedLedger,
  operations: readonly SignedOperation[],
  answers: Answers,
  clients: number,
): Promise<void> {
  let next = 0
  const client = async () => {
    for (let signed = operations[next++]; signed !== undefined; signed = operations[next++]) {
      answers.set(signed.operation.id, await ledger.submit(signed, never))
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
}

const endings = new Set<LedgerOperation['type']>(['close', 'escrow-refund', 'campaign-end'])
const drawnIds = new Set(Array.from({ length: 1_000 }, (_, index) => idOf(index)))

function isDrawn(id: OperationId): boolean {
  return drawnIds.has(id)
}

/**
 * The journal verifies from its genesis, with every receipt and the books of its end; each operation is in it once.
 * Their ids in order, without those of what the operator ends unasked when its time has come.
 */
export async function verifyAll(world: LedgerWorld, ledger: EmbeddedLedger): Promise<OperationId[]> {
  const { facts } = ledger
  const verifier = new JournalVerifier(facts, fakeScheme)
  const lines = unwrap(await world.clock.settle(ledger.lines(1, 65_536)))
  const ids: OperationId[] = []
  const receipts = [ledger.signedHead()]
  for (let index = 0; index < 6; index++) {
    receipts.push(unwrap(await world.clock.settle(ledger.attestAccount(world.people.account(index)))).receipt)
  }
  const attested = receipts.map((receipt) => unwrap(checkReceipt(receipt, facts, fakeScheme)))
  for (const receipt of attested) {
    verifier.promise(receipt)
    assert.equal(contradictionOf(receipt, attested[0] as never), undefined)
  }
  for (const line of lines) assert.equal(verifier.push(line), undefined)
  assert.equal(verifier.end(), undefined)
  checkBooks(verifier.state)
  for (const line of lines) {
    const { operation, account } = unwrap(decodeLine(line, facts.rail)).record
    const isUnasked = account === facts.operator && endings.has(operation.type) && !isDrawn(operation.id)
    if (!isUnasked) ids.push(operation.id)
  }
  assert.equal(new Set(ids).size, ids.length)
  return ids
}
