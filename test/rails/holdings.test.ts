// What became of lanes, escrows and air-drops is found without reading the whole journal, and is what the journal says,
// whether the ledger is here or elsewhere; a ledger that was kept without an index of them gets one.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { concatBytes, fromHex, writeUint64 } from '../../src/base/bytes.ts'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { accountAddress } from '../../src/formats/money/account-id.ts'
import { signedReceiptCodec } from '../../src/formats/money/receipt.ts'
import { isHolding } from '../../src/ledger/entry.ts'
import { decodeLine, type ReadRecord } from '../../src/ledger/journal-record.ts'
import type { AccountId, Hash256, LaneId, LedgerOperation, OperationId } from '../../src/ports/ledger.ts'
import type { EmbeddedLedger, OperationEvidence } from '../../src/rails/embedded-ledger.ts'
import type { RemoteLedger } from '../../src/rails/remote-ledger.ts'
import { type ServiceAnswer, toBase64 } from '../../src/rails/service-messages.ts'
import { drawn, hourMs, idOf, tokens } from '../ledger/ledger-harness.ts'
import { drawOperations, LedgerWorld, load, never } from './ledger-world.ts'
import { SimulatedService } from './simulated-service.ts'

type Named = { readonly type: 'escrow' | 'campaign'; readonly id: OperationId }

async function journalOf(world: LedgerWorld, ledger: EmbeddedLedger): Promise<ReadRecord[]> {
  const lines = unwrap(await world.clock.settle(ledger.lines(1, 65_536)))
  return lines.map((line) => unwrap(decodeLine(line, ledger.rail)).record)
}

/** Heights of the entries that changed each escrow, air-drop or lane. */
function heightsIn(journal: readonly ReadRecord[], type: string): Map<string, number[]> {
  const heights = new Map<string, number[]>()
  for (const { entry, height } of journal) {
    for (const change of entry.changes) {
      if (!isHolding(change) || change.type !== type || change.type === 'deposit') continue
      heights.set(change.value.id, [...(heights.get(change.value.id) ?? []), height])
    }
  }
  return heights
}

async function told(
  world: LedgerWorld,
  ledger: Pick<EmbeddedLedger | RemoteLedger, 'readHolding'>,
  holding: Named,
): Promise<Result<number[]>> {
  const heights: number[] = []
  const read = await world.clock.settle(ledger.readHolding(holding, ({ height }) => heights.push(height), never))
  return read.ok ? { ok: true, value: heights } : read
}

async function checkAll(world: LedgerWorld, ledger: EmbeddedLedger): Promise<number> {
  const journal = await journalOf(world, ledger)
  const service = new SimulatedService(world)
  service.ledger = ledger
  const remote = service.client()
  for (const type of ['escrow', 'campaign'] as const) {
    for (const [id, heights] of heightsIn(journal, type)) {
      const holding = { type, id: id as OperationId }
      assert.deepEqual(unwrap(await told(world, ledger, holding)), heights)
      assert.deepEqual(unwrap(await told(world, remote, holding)), heights)
    }
  }
  let ended = 0
  for (const [id, heights] of heightsIn(journal, 'lane')) {
    const last = journal[(heights.at(-1) ?? 0) - 1]
    const change = last?.entry.changes.find((each) => each.type === 'lane' && each.value.id === id)
    assert.ok(last !== undefined && change?.type === 'lane')
    const ending = { by: last.operation.type, id: last.operation.id, height: last.height, atMs: last.timeMs }
    const isOver = change.value.state.type === 'closed'
    const expected = isOver ? { ...change.value, ending } : change.value
    assert.deepEqual(unwrap(await world.clock.settle(ledger.lane(id as LaneId, never))), expected)
    assert.deepEqual(unwrap(await world.clock.settle(remote.lane(id as LaneId, never))), expected)
    if (isOver) ended++
  }
  await checkEscrows(world, ledger, journal)
  remote.close()
  return ended
}

async function checkEscrows(world: LedgerWorld, ledger: EmbeddedLedger, journal: readonly ReadRecord[]) {
  const all = heightsIn(journal, 'escrow')
  const of = async (account: AccountId | undefined) => {
    const heights: number[] = []
    unwrap(await world.clock.settle(ledger.readEscrows(account, ({ height }) => heights.push(height), never)))
    return heights
  }
  const inOrder = (heights: Iterable<readonly number[]>) => [...heights].flat().sort((a, b) => a - b)
  assert.deepEqual(await of(undefined), inOrder(all.values()))
  for (let index = 0; index < 6; index++) {
    const account = world.people.account(index)
    const own = [...all.values()].filter(([first = 0]) => {
      const change = journal[first - 1]?.entry.changes.find((each) => each.type === 'escrow')
      assert.ok(change?.type === 'escrow')
      const { payer, payee, arbiter } = change.value
      return [payer, payee, arbiter].includes(account)
    })
    assert.deepEqual(await of(account), inOrder(own))
  }
}

function entryJson(evidence: OperationEvidence | undefined) {
  assert.ok(evidence !== undefined)
  return { line: toBase64(evidence.line), receipt: signedReceiptCodec.toJson(evidence.receipt) }
}

function holdingKey(mark: number, id: Uint8Array, height: number): Uint8Array {
  const key = concatBytes([Uint8Array.of(mark), id, new Uint8Array(8)])
  writeUint64(key, key.length - 8, BigInt(height))
  return key
}

async function funded(seed = 1) {
  const world = new LedgerWorld({ seed })
  const ledger = await world.open()
  for (const index of [1, 2]) {
    const grant = { type: 'grant', to: world.people.account(index), invite: drawn(`invite ${index}`) } as const
    assert.equal(await world.submit(ledger, 0, grant), 'done')
  }
  const nowMs = unwrap(await ledger.timeMs(never))
  const fund: LedgerOperation = {
    type: 'escrow-fund',
    id: idOf('escrow'),
    payee: world.people.account(2),
    amount: tokens(100),
    timeoutAtMs: nowMs + 24 * hourMs,
    arbiter: world.people.account(3),
    terms: drawn('terms') as Hash256,
  }
  unwrap(await world.clock.settle(ledger.submit(world.people.sign(1, fund), never)))
  const escrow = fund.id
  const release = (whole: number) => world.submit(ledger, 1, { type: 'escrow-release', escrow, amount: tokens(whole) })
  return { world, ledger, fund, escrow, release }
}

describe('lanes that ended, escrows and air-drops', () => {
  test('are found by an index, here and elsewhere, as the journal has them; and after a restart', async () => {
    let ended = 0
    for (let seed = 1; seed <= 4; seed++) {
      const world = new LedgerWorld({ seed, snapshotEvery: 50 })
      const ledger = await world.open()
      await world.clock.settle(load(ledger, drawOperations(seed, 220), new Map(), 8))
      ended += await checkAll(world, ledger)
      unwrap(await world.clock.settle(ledger.close()))
      const again = await world.open()
      await checkAll(world, again)
      unwrap(await world.clock.settle(again.close()))
    }
    assert.ok(ended > 10, `${ended} lanes ended`)
  })

  test('an index that is not of the journal is made anew when the ledger is opened', async () => {
    const { world, ledger, escrow, release } = await funded()
    assert.equal(await release(10), 'done')
    const [, , fundHeight = 0] = (await journalOf(world, ledger)).map(({ height }) => height)
    unwrap(await world.clock.settle(ledger.close()))
    const id = unwrap(fromHex(escrow))
    const spoils: ((height: number) => void)[] = [
      (height) => world.disk.tamper('holdings', holdingKey(2, id, height), undefined),
      (height) => world.disk.tamper('holdings', holdingKey(2, id, height + 5), new Uint8Array(0)),
      (height) =>
        world.disk.tamper('holdings', holdingKey(4, accountAddress(world.people.account(2)), height), undefined),
    ]
    for (const spoil of spoils) {
      spoil(fundHeight)
      const again = await world.open()
      assert.deepEqual(unwrap(await told(world, again, { type: 'escrow', id: escrow })), [fundHeight, fundHeight + 1])
      await checkAll(world, again)
      unwrap(await world.clock.settle(again.close()))
    }
  })

  test('a ledger elsewhere that leaves out an entry, or adds another, is not believed', async () => {
    const { world, ledger, escrow, release } = await funded()
    // More than go into one answer.
    for (let count = 0; count < 40; count++) assert.equal(await release(1), 'done')
    const holding = { type: 'escrow', id: escrow } as const
    const other = (await journalOf(world, ledger))[0]
    assert.ok(other !== undefined)
    const evidence = unwrap(await world.clock.settle(ledger.evidenceAt(other.height)))
    const whole = await told(world, ledger, holding)
    assert.ok(whole.ok && whole.value.length === 41)
    type Told = Extract<ServiceAnswer, { readonly type: 'holding' }>
    const lies: ((answer: Told) => Told)[] = [
      (answer) => ({ ...answer, entries: answer.entries.slice(1) }),
      (answer) => ({ ...answer, entries: answer.entries.filter((_, index) => index !== 5) }),
      (answer) => ({ ...answer, entries: answer.entries.slice(0, 3) }),
      (answer) => ({ ...answer, entries: [] }),
      (answer) => ({ ...answer, entries: answer.entries.toReversed() }),
      (answer) => ({ ...answer, entries: [entryJson(evidence), ...answer.entries.slice(1)] }),
      (answer) => ({ ...answer, proof: { siblings: [], end: { type: 'empty' } } }),
    ]
    for (const lie of [undefined, ...lies]) {
      const service = new SimulatedService(world)
      service.ledger = ledger
      if (lie !== undefined) service.twist = (answer) => (answer.type === 'holding' ? lie(answer) : answer)
      const remote = service.client()
      const read = await told(world, remote, holding)
      if (lie === undefined) assert.deepEqual(read, whole)
      else assert.equal(!read.ok && read.code, 'ledger-untrue', String(lie))
      remote.close()
    }
  })

  test('a ledger elsewhere that names another end of a lane is not believed', async () => {
    const { world, ledger } = await funded()
    const nowMs = unwrap(await ledger.timeMs(never))
    const lanes = ['first', 'second'].map((name): LedgerOperation => {
      const payee = world.people.account(2)
      return { type: 'open-lane', id: idOf(name), payee, deposit: tokens(10), expiresAtMs: nowMs + 2 * hourMs }
    })
    for (const open of lanes) {
      unwrap(await world.clock.settle(ledger.submit(world.people.sign(1, open), never)))
      assert.equal(await world.submit(ledger, 2, { type: 'payee-close', lane: open.id as string as LaneId }), 'done')
    }
    const [first, second] = lanes.map(({ id }) => id as string as LaneId)
    assert.ok(first !== undefined && second !== undefined)
    const service = new SimulatedService(world)
    service.ledger = ledger
    const honest = service.client()
    const ended = unwrap(await world.clock.settle(honest.lane(first, never)))
    assert.deepEqual([ended?.state.type, ended?.ending?.by], ['closed', 'payee-close'])
    honest.close()
    const ofOther = unwrap(await world.clock.settle(ledger.attestLane(second))).ending
    service.twist = (answer) => (answer.type === 'lane' ? { ...answer, ending: entryJson(ofOther) } : answer)
    const deceived = service.client()
    const read = await world.clock.settle(deceived.lane(first, never))
    assert.equal(!read.ok && read.code, 'ledger-untrue')
    deceived.close()
  })
})
