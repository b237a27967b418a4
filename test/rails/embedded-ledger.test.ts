// A ledger of one's own: whatever was answered survives a crash or a power loss at every await, nothing is done that was
// not asked for and nothing twice (P19, P20), whatever is asked again; a journal that was tampered with is refused at the
// entry; time is the ledger's own (P16), and what is overdue ends by itself.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fromHex } from '../../src/base/bytes.ts'
import { failure, unwrap } from '../../src/base/errors.ts'
import { checkReceipt, contradictionOf } from '../../src/ledger/receipts.ts'
import { provesRecord } from '../../src/ledger/state-commitment.ts'
import type { Lane, LaneId, LedgerOperation } from '../../src/ports/ledger.ts'
import type { EmbeddedLedger } from '../../src/rails/embedded-ledger.ts'
import { fakeScheme } from '../ledger/fake-signatures.ts'
import { drawn, hourMs, idOf, tokens } from '../ledger/ledger-harness.ts'
import { seededDraw } from '../ledger/random-operations.ts'
import { type Answers, drawOperations, fakeKey, LedgerWorld, load, never, verifyAll } from './ledger-world.ts'

const { SWARMBID_TEST_LONG: isLong } = process.env
const seeds = isLong === '1' ? 40 : 1
const clients = 5
const runMs = 10_000

/** Dies before the disk does its n-th thing; false: it did not do as many. */
async function crashAt(place: number, seed: number, isPowerLoss: boolean, snapshotEvery?: number): Promise<boolean> {
  const world = new LedgerWorld({ seed, ...(snapshotEvery === undefined ? {} : { snapshotEvery }) })
  const operations = drawOperations(seed, 40)
  const ledger = await world.open()
  const answers: Answers = new Map()
  let things = 0
  let isDead = false
  world.disk.beforeEach = () => {
    if (things++ < place || isDead) return
    isDead = true
    world.disk.crash(isPowerLoss)
  }
  const loaded = load(ledger, operations, answers, clients)
  await world.clock.runUntil(() => isDead, world.clock.nowMs() + runMs)
  if (!isDead) await world.clock.settle(loaded)
  if (!isDead) return false
  await assertKept(world, operations, answers, `seed ${seed}, place ${place}, power loss ${isPowerLoss}`)
  return true
}

/** After a crash: opened again, all that was answered is there; then all is asked again. */
async function assertKept(
  world: LedgerWorld,
  operations: ReturnType<typeof drawOperations>,
  answers: Answers,
  when: string,
): Promise<void> {
  const before = new Map(answers)
  const again = await world.open()
  const asked = new Set(operations.map(({ operation }) => operation.id))
  const kept = await verifyAll(world, again)
  assert.ok(
    kept.every((id) => asked.has(id)),
    `${when}: nothing is invented`,
  )
  for (const [id, answer] of before) {
    const outcome = unwrap(await world.clock.settle(again.outcome(id, never)))
    assert.deepEqual(outcome, answer.ok ? answer.value : undefined, `${when}: what was answered is so`)
  }
  const later: Answers = new Map()
  await world.clock.settle(load(again, operations, later, clients))
  for (const id of kept) {
    const [first, retried] = [before.get(id), later.get(id)]
    assert.ok(retried?.ok === true, `${when}: what is in the journal is answered`)
    if (first?.ok === true) assert.deepEqual(retried, first, `${when}: as the first time`)
  }
  const all = await verifyAll(world, again)
  assert.deepEqual(all.slice(0, kept.length), kept, `${when}: the journal only grows`)
  unwrap(await world.clock.settle(again.close()))
}

describe('embedded ledger, killed', () => {
  for (const isPowerLoss of [false, true]) {
    test(`at every await while snapshots are written, ${isPowerLoss ? 'power and all' : 'by a signal'}: the same`, async () => {
      let crashes = 0
      for (let place = 0; await crashAt(place, 3, isPowerLoss, 5); place++) crashes++
      assert.ok(crashes >= 20, `${crashes} crashes`)
    })

    test(`at every await, ${isPowerLoss ? 'with the power gone' : 'by a signal'}: what was answered stays`, async () => {
      let crashes = 0
      for (let seed = 1; seed <= seeds; seed++) {
        for (let place = 0; await crashAt(place, seed, isPowerLoss); place++) crashes++
      }
      assert.ok(crashes >= 12 * seeds, `${crashes} crashes`)
    })
  }

  test('again and again, with a disk that is full or fails between: nothing acknowledged is lost', async () => {
    const codes = new Set<string>()
    for (let seed = 1; seed <= 4 * seeds; seed++) {
      const world = new LedgerWorld({ seed, keptOperations: 8 })
      const operations = drawOperations(seed, 120)
      const answers: Answers = new Map()
      const draw = seededDraw(seed)
      for (let life = 0; life < 12; life++) {
        const ledger = await world.open()
        world.disk.failing = () => {
          if (draw(6) === 0) return { type: 'refused', failure: failure('disk-full', 'full') }
          return draw(12) === 0 ? { type: 'sync-failed' } : undefined
        }
        const lifeAnswers: Answers = new Map()
        void load(ledger, operations, lifeAnswers, clients)
        await world.clock.run(10 + 12 * life)
        for (const [id, answer] of lifeAnswers) {
          if (answer.ok) answers.set(id, answer)
          else codes.add(answer.code)
        }
        world.disk.failing = () => undefined
        world.disk.crash(life % 2 === 0)
      }
      assert.ok(answers.size > 20)
      await assertKept(world, operations, answers, `seed ${seed}`)
    }
    assert.ok(codes.has('disk-full') && codes.has('ledger-unreachable'), [...codes].join())
  })
})

async function withGrants(options = {}): Promise<{ world: LedgerWorld; ledger: EmbeddedLedger }> {
  const world = new LedgerWorld(options)
  const ledger = await world.open()
  for (const index of [1, 2]) {
    const grant = { type: 'grant', to: world.people.account(index), invite: drawn(`invite ${index}`) } as const
    assert.equal(await world.submit(ledger, 0, grant), 'done')
  }
  return { world, ledger }
}

function transfer(world: LedgerWorld, name: string, whole: number): LedgerOperation {
  return { type: 'transfer', id: idOf(name), to: world.people.account(2), amount: tokens(whole) }
}

describe('embedded ledger, opened by a snapshot', () => {
  /** A ledger that wrote snapshots, closed; all that it carried out, and its entries. */
  async function written(seed: number, count = 120) {
    const world = new LedgerWorld({ seed, snapshotEvery: 20 })
    const ledger = await world.open()
    const operations = drawOperations(seed, count)
    const answers: Answers = new Map()
    await world.clock.settle(load(ledger, operations, answers, clients))
    await world.clock.run(100)
    const { snapshotHeight } = ledger.statistics
    assert.ok(snapshotHeight >= 20)
    return { world, ledger, operations, answers, snapshotHeight }
  }

  test('it is the same one: state, answers, ids of long ago, and what it does next', async () => {
    for (let seed = 1; seed <= 3 * seeds; seed++) {
      const { world, ledger, operations, answers } = await written(seed)
      const { head } = ledger
      const [first] = operations
      assert.ok(first !== undefined)
      world.disk.crash(false)
      const again = await world.open()
      assert.ok(again.statistics.snapshotHeight > 0, 'it did not begin at the genesis')
      assert.deepEqual(again.head, head)
      const conflict = { ...first.operation, type: 'burn', amount: tokens(1) } as LedgerOperation
      const refused = await world.clock.settle(again.submit(world.people.sign(0, conflict), never))
      assert.equal(!refused.ok && refused.code, 'ledger-conflict')
      const later: Answers = new Map()
      await world.clock.settle(load(again, operations, later, clients))
      for (const [id, answer] of answers) if (answer.ok) assert.deepEqual(later.get(id), answer)
      const grown = await verifyAll(world, again)
      unwrap(await world.clock.settle(again.close()))
      const third = await world.open()
      assert.deepEqual(await verifyAll(world, third), grown)
    }
  })

  const key = (height: number, index?: number) =>
    Uint8Array.from([
      ...(index === undefined ? [] : [1]),
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      height,
      ...(index === undefined ? [] : [0, 0, 0, index]),
    ])

  test('a snapshot that is damaged, or is missing a part, is as good as none', async () => {
    const { world, ledger, snapshotHeight } = await written(5)
    const { head } = ledger
    const store = world.disk
    world.disk.crash(false)
    const read = unwrap(store.open())
    const chunk = unwrap(await world.clock.settle(read.get('snapshot', key(snapshotHeight, 0))))
    const header = unwrap(await world.clock.settle(read.get('snapshot', Uint8Array.of(0))))
    assert.ok(chunk !== undefined && header !== undefined)
    unwrap(await world.clock.settle(read.close()))
    const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
    const reopened = async () => {
      world.disk.crash(false)
      const again = await world.open()
      assert.deepEqual(again.head, head)
      await verifyAll(world, again)
      return again.statistics.snapshotHeight
    }
    assert.equal(await reopened(), snapshotHeight)
    for (let at = 0; at < chunk.length; at += 41) {
      store.tamper('snapshot', key(snapshotHeight, 0), flipped(chunk, at))
      assert.equal(await reopened(), 0, `byte ${at} of a chunk`)
    }
    store.tamper('snapshot', key(snapshotHeight, 0), undefined)
    assert.equal(await reopened(), 0)
    store.tamper('snapshot', key(snapshotHeight, 0), chunk)
    for (let at = 0; at < header.length; at += 7) {
      store.tamper('snapshot', Uint8Array.of(0), flipped(header, at))
      assert.equal(await reopened(), 0, `byte ${at} of the header`)
    }
    store.tamper('snapshot', Uint8Array.of(0), header)
    assert.equal(await reopened(), snapshotHeight)
  })

  test('a journal that was tampered with before the snapshot is refused all the same, naming the entry', async () => {
    const { world, ledger } = await written(6)
    const lines = unwrap(await world.clock.settle(ledger.lines(7, 2)))
    const [line, next] = lines as [Uint8Array, Uint8Array]
    const verdict = async () => {
      world.disk.crash(false)
      const opened = await world.tryOpen()
      return opened.ok ? 'opened' : `${opened.code} ${opened.detail}`
    }
    assert.equal(await verdict(), 'opened')
    world.disk.tamper(
      'journal',
      key(7),
      line.map((byte, index) => (index === 120 ? byte ^ 1 : byte)),
    )
    assert.match(await verdict(), /^ledger-damaged entry 7: /)
    world.disk.tamper('journal', key(7), next)
    assert.match(await verdict(), /^ledger-damaged entry 7: /)
    world.disk.tamper('journal', key(7), undefined)
    assert.match(await verdict(), /^ledger-damaged entry 7: /)
    world.disk.tamper('journal', key(7), line)
    assert.equal(await verdict(), 'opened')
    world.disk.tamper('operations', unwrap(fromHex(idOf('nobody'))), key(3))
    assert.match(await verdict(), /^ledger-damaged the index/)
  })
})

describe('embedded ledger', () => {
  test('a full disk undoes the group, refusals that rested on it too; with room it goes on', async () => {
    const { world, ledger } = await withGrants()
    const all = world.people.sign(1, transfer(world, 'all', 10_000))
    const more = world.people.sign(1, transfer(world, 'more', 1))
    world.disk.failing = () => ({ type: 'refused', failure: failure('disk-full', 'full') })
    const first = Promise.all([
      ledger.submit(all, never),
      ledger.submit(more, never),
      ledger.account(all.account, never),
    ])
    const [undone, alsoUndone, account] = await world.clock.settle(first)
    assert.deepEqual([undone.ok, alsoUndone.ok], [false, false])
    assert.equal(!undone.ok && undone.code, 'disk-full')
    assert.equal(!alsoUndone.ok && alsoUndone.code, 'disk-full')
    assert.equal(unwrap(account).available, tokens(10_000), 'no balance that was undone is shown')
    world.disk.failing = () => undefined
    unwrap(await world.clock.settle(ledger.submit(more, never)))
    const refused = await world.clock.settle(ledger.submit(all, never))
    assert.equal(!refused.ok && refused.code, 'funds-insufficient')
    await verifyAll(world, ledger)
  })

  test('after a failed sync it is over, and says so: the journal has to be read again', async () => {
    const { world, ledger } = await withGrants()
    world.disk.failing = () => ({ type: 'sync-failed' })
    const signed = world.people.sign(1, transfer(world, 'x', 1))
    const answers = await world.clock.settle(
      Promise.all([ledger.submit(signed, never), ledger.account(signed.account, never)]),
    )
    assert.deepEqual(
      answers.map((answer) => !answer.ok && answer.code),
      ['ledger-unreachable', 'ledger-unreachable'],
    )
    assert.equal((await world.clock.settle(ledger.failed)).code, 'ledger-unreachable')
    const late = await world.clock.settle(ledger.timeMs(never))
    assert.equal(!late.ok && late.code, 'ledger-unreachable')
    world.disk.failing = () => undefined
    world.disk.crash(false)
    const again = await world.open()
    unwrap(await world.clock.settle(again.submit(signed, never)))
    assert.equal(await world.available(again, 2), tokens(10_001))
  })

  test('the same operation from many at once, in memory or only in the journal, is done once', async () => {
    const { world, ledger } = await withGrants({ keptOperations: 4 })
    const early = world.people.sign(1, transfer(world, 'early', 5))
    unwrap(await world.clock.settle(ledger.submit(early, never)))
    for (let count = 0; count < 30; count++) {
      unwrap(await world.clock.settle(ledger.submit(world.people.sign(1, transfer(world, `one ${count}`, 1)), never)))
    }
    const fresh = world.people.sign(1, transfer(world, 'fresh', 7))
    const asked = [early, fresh, early, fresh, fresh, early].map((signed) => ledger.submit(signed, never))
    const answers = (await world.clock.settle(Promise.all(asked))).map(unwrap)
    for (const index of [2, 5]) assert.deepEqual(answers[index], answers[0])
    for (const index of [3, 4]) assert.deepEqual(answers[index], answers[1])
    const other = world.people.sign(1, transfer(world, 'early', 6))
    const conflict = await world.clock.settle(ledger.submit(other, never))
    assert.equal(!conflict.ok && conflict.code, 'ledger-conflict')
    assert.equal(await world.available(ledger, 2), tokens(10_000 + 5 + 30 + 7))
    assert.deepEqual(unwrap(await world.clock.settle(ledger.outcome(idOf('early'), never)))?.status, 'final')
    assert.equal(unwrap(await world.clock.settle(ledger.outcome(idOf('nothing'), never))), undefined)
    await verifyAll(world, ledger)
  })

  test('a journal that was tampered with is refused, naming the entry', async () => {
    const key = (height: number) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, height)
    const { world, ledger } = await withGrants()
    for (let count = 0; count < 5; count++) {
      unwrap(await world.clock.settle(ledger.submit(world.people.sign(1, transfer(world, `one ${count}`, 1)), never)))
    }
    const line = world.disk.value('journal', key(4)) as Uint8Array
    const last = world.disk.value('journal', key(7)) as Uint8Array
    const id = unwrap(fromHex(idOf('one 3')))
    unwrap(await world.clock.settle(ledger.close()))
    const verdict = async () => {
      const opened = await world.tryOpen()
      if (opened.ok) unwrap(await world.clock.settle(opened.value.close()))
      return opened.ok ? 'opened' : `${opened.code} ${opened.detail}`
    }
    const flipped = line.slice()
    flipped[300] = (flipped[300] ?? 0) ^ 1
    world.disk.tamper('journal', key(4), flipped)
    assert.match(await verdict(), /^ledger-damaged entry 4: /)
    world.disk.tamper('journal', key(4), undefined)
    assert.match(await verdict(), /^ledger-damaged entry 4: it is missing/)
    world.disk.tamper('journal', key(4), line)
    assert.equal(await verdict(), 'opened')
    world.disk.tamper('journal', key(8), last)
    assert.match(await verdict(), /^ledger-damaged entry 8: /)
    world.disk.tamper('journal', key(8), undefined)
    world.disk.tamper('operations', id, undefined)
    assert.match(await verdict(), /^ledger-damaged the index/)
    world.disk.tamper('operations', id, key(2))
    assert.match(await verdict(), /^ledger-damaged the index/)
  })

  test('another key than the operator of the genesis opens nothing', async () => {
    const { world, ledger } = await withGrants()
    unwrap(await world.clock.settle(ledger.close()))
    const store = unwrap(world.disk.open())
    const { clock } = world
    const ports = { store, clock, random: { fill: () => undefined, below: () => 0 }, scheme: fakeScheme }
    const { EmbeddedLedger: Opened } = await import('../../src/rails/embedded-ledger.ts')
    const opened = await clock.settle(Opened.open(world.people.facts.bytes, { ...ports, operator: fakeKey(1) }))
    assert.equal(!opened.ok && opened.code, 'signature-invalid')
  })

  test('what lanes do is told to both sides, once it is on the disk; an expired one closes by itself', async () => {
    const { world, ledger } = await withGrants()
    const heard: Lane[][] = [[], [], []]
    const leave = [1, 2, 3].map((index, at) =>
      ledger.watchLanes(world.people.account(index), (lane) => heard[at]?.push(lane)),
    )
    const openedMs = unwrap(await ledger.timeMs(never))
    const open: LedgerOperation = {
      type: 'open-lane',
      id: idOf('lane'),
      payee: world.people.account(2),
      deposit: tokens(10),
      expiresAtMs: openedMs + 2 * hourMs,
    }
    const lane = open.id as string as LaneId
    unwrap(await world.clock.settle(ledger.submit(world.people.sign(1, open), never)))
    assert.deepEqual(
      heard.map((lanes) => lanes.map(({ state }) => state.type)),
      [['open'], ['open'], []],
    )
    const claim = { type: 'claim', vouchers: [world.people.voucher(lane, 1, tokens(3))] } as const
    assert.equal(await world.submit(ledger, 2, claim), 'done')
    await world.clock.run(2 * hourMs + 5_000)
    assert.deepEqual(
      heard[0]?.map(({ state, claimed }) => [state.type, claimed]),
      [
        ['open', 0n],
        ['open', tokens(3)],
        ['closed', tokens(3)],
      ],
    )
    const ended = unwrap(await world.clock.settle(ledger.lane(lane, never)))
    assert.deepEqual([ended?.state.type, ended?.claimed, ended?.ending?.by], ['closed', tokens(3), 'close'])
    assert.equal(await world.available(ledger, 1), tokens(10_000 - 3))
    for (const go of leave) go()
    assert.equal(await world.submit(ledger, 1, { ...transfer(world, 'any', 1) }), 'done')
    await verifyAll(world, ledger)
  })

  test('while it is down its time stands still, and the date does not matter', async () => {
    const { world, ledger } = await withGrants()
    await world.clock.run(1_000)
    assert.equal(await world.submit(ledger, 1, { type: 'burn', amount: tokens(1) }), 'done')
    const beforeMs = unwrap(await ledger.timeMs(never))
    unwrap(await world.clock.settle(ledger.close()))
    world.clock.wallOffsetMs += 1_000 * hourMs
    await world.clock.run(50 * hourMs)
    const again = await world.open()
    const afterMs = unwrap(await again.timeMs(never))
    assert.ok(afterMs >= beforeMs - 50 && afterMs < beforeMs + 50, `${afterMs - beforeMs} ms passed`)
    await world.clock.run(700)
    assert.ok(Math.abs(unwrap(await again.timeMs(never)) - afterMs - 700) <= 1)
  })

  test('receipts and proofs are of one root, signed by the operator', async () => {
    const { world, ledger } = await withGrants()
    const signed = world.people.sign(1, transfer(world, 'x', 5))
    const { applied, group } = unwrap(await world.clock.settle(ledger.carryOut(signed)))
    const evidence = unwrap(await world.clock.settle(ledger.evidenceOf(signed.operation.id)))
    assert.ok(evidence !== undefined && group !== undefined)
    const attestedOperation = unwrap(checkReceipt(evidence.receipt, ledger.facts, fakeScheme))
    assert.ok(attestedOperation.type === 'operation' && attestedOperation.height === applied.height)
    assert.deepEqual(evidence.line, group.lines[applied.height - group.firstHeight])
    assert.deepEqual(unwrap(await world.clock.settle(ledger.evidenceAt(applied.height))), evidence)
    assert.equal(unwrap(await world.clock.settle(ledger.evidenceAt(applied.height + 1))), undefined)
    const head = unwrap(checkReceipt(ledger.signedHeadOf(group), ledger.facts, fakeScheme))
    assert.equal(contradictionOf(head, attestedOperation), undefined)
    const busy = ledger.submit(world.people.sign(1, transfer(world, 'y', 1)), never)
    const account = world.people.account(2)
    const attested = unwrap(await world.clock.settle(ledger.attestAccount(account)))
    unwrap(await busy)
    const { receipt: balance } = attested.receipt
    assert.ok(balance.type === 'balance' && balance.available === attested.record.available)
    const root = unwrap(fromHex(balance.stateRoot))
    assert.ok(provesRecord(root, 'account', account, attested.record, attested.proof))
    const nothing = unwrap(await world.clock.settle(ledger.attestLane(drawn('none') as string as LaneId)))
    assert.equal(nothing.lane, undefined)
    const { receipt: ofNothing } = nothing.receipt
    assert.ok(ofNothing.type === 'head')
    assert.ok(provesRecord(unwrap(fromHex(ofNothing.stateRoot)), 'lane', drawn('none'), undefined, nothing.proof))
  })

  test('an answer that is not waited for any more comes as interrupted; what was asked for happens', async () => {
    const { world, ledger } = await withGrants()
    const controller = new AbortController()
    const signed = world.people.sign(1, transfer(world, 'x', 5))
    const submitted = ledger.submit(signed, controller.signal)
    controller.abort()
    const answer = await world.clock.settle(submitted)
    assert.equal(!answer.ok && answer.code, 'interrupted')
    assert.equal((await world.clock.settle(ledger.submit(signed, never))).ok, true)
    assert.equal(await world.available(ledger, 2), tokens(10_005))
    unwrap(await world.clock.settle(ledger.close()))
    const late = await ledger.submit(signed, never)
    assert.equal(!late.ok && late.code, 'interrupted')
  })
})
