// A ledger of somebody else: whatever breaks between, an operation is done once and its answer comes; what is not signed
// by the operator is not believed, and two stories are found out and kept as proof.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Result, unwrap } from '../../src/base/errors.ts'
import { signedReceiptCodec } from '../../src/formats/money/receipt.ts'
import { checkReceipt, contradictionOf } from '../../src/ledger/receipts.ts'
import type { Lane, LaneId, LedgerOperation, OperationOutcome } from '../../src/ports/ledger.ts'
import { ByteRoom, RequestAllowance } from '../../src/rails/request-allowance.ts'
import type { ServiceAnswer } from '../../src/rails/service-messages.ts'
import { fakeScheme } from '../ledger/fake-signatures.ts'
import { drawn, hourMs, idOf, tokens } from '../ledger/ledger-harness.ts'
import { drawOperations, LedgerWorld, never, verifyAll } from './ledger-world.ts'
import { SimulatedService } from './simulated-service.ts'

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'done' : result.code
}

async function served(seed = 1) {
  const world = new LedgerWorld({ seed })
  const service = new SimulatedService(world, seed)
  service.ledger = await world.open()
  for (const index of [1, 2]) {
    const grant = { type: 'grant', to: world.people.account(index), invite: drawn(`invite ${index}`) } as const
    assert.equal(await world.submit(service.ledger, 0, grant), 'done')
  }
  return { world, service, ledger: service.ledger }
}

function transfer(world: LedgerWorld, name: string, whole: number, by = 1) {
  const operation: LedgerOperation = {
    type: 'transfer',
    id: idOf(name),
    to: world.people.account(3),
    amount: tokens(whole),
  }
  return world.people.sign(by, operation)
}

describe('remote ledger', () => {
  test('does what an embedded one does: operations, balances, lanes, outcomes, time, watching', async () => {
    const { world, service, ledger } = await served()
    const remote = service.client()
    const settle = <T>(promise: Promise<T>) => world.clock.settle(promise)
    const heard: Lane[] = []
    const leave = remote.watchLanes(world.people.account(2), (lane) => heard.push(lane))
    const nowMs = unwrap(await settle(remote.timeMs(never)))
    assert.ok(Math.abs(nowMs - unwrap(await ledger.timeMs(never))) < 50)
    const many = Array.from({ length: 700 }, (_, index) => remote.submit(transfer(world, `many ${index}`, 1), never))
    assert.ok((await settle(Promise.all(many))).every(({ ok }) => ok))
    assert.equal(unwrap(await settle(remote.account(world.people.account(3), never))).available, tokens(700))
    assert.ok(ledger.statistics.groups < 20, 'many share a frame and a group')
    const open: LedgerOperation = {
      type: 'open-lane',
      id: idOf('lane'),
      payee: world.people.account(2),
      deposit: tokens(10),
      expiresAtMs: nowMs + 2 * hourMs,
    }
    const opened = unwrap(await settle(remote.submit(world.people.sign(1, open), never)))
    const id = open.id as string as LaneId
    assert.deepEqual(unwrap(await settle(remote.lane(id, never))), opened.lanes?.[0])
    assert.deepEqual(unwrap(await settle(remote.outcome(open.id, never))), opened)
    assert.equal(unwrap(await settle(remote.outcome(idOf('nothing'), never))), undefined)
    assert.equal(unwrap(await settle(remote.lane(drawn('nothing') as string as LaneId, never))), undefined)
    const late: Lane[] = []
    const leaveLate = service.client().watchLanes(world.people.account(1), (lane) => late.push(lane))
    const atHome: Lane[] = []
    ledger.watchLanes(world.people.account(1), (lane) => atHome.push(lane))()
    ledger.watchLanes(world.people.account(1), (lane) => atHome.push(lane))
    await world.clock.run(1_000)
    assert.deepEqual([late, atHome], [opened.lanes, opened.lanes], 'what was there before is heard of')
    service.breakAll()
    await world.clock.run(1_000)
    assert.deepEqual(late.at(-1), opened.lanes?.[0], 'and again after a break')
    assert.equal(late.length, 2)
    leaveLate()
    heard.length = 1
    await world.clock.run(2 * hourMs + 5_000)
    assert.equal(late.length, 2, 'who left hears nothing')
    assert.deepEqual(
      heard.map(({ state }) => state.type),
      ['open', 'closed'],
    )
    leave()
    const refusals = await settle(
      Promise.all([
        remote.submit(transfer(world, 'too much', 1_000_000), never),
        remote.submit(transfer(world, 'many 0', 2), never),
        remote.submit({ ...transfer(world, 'forged', 1), account: world.people.account(2) }, never),
      ]),
    )
    assert.deepEqual(refusals.map(codeOf), ['funds-insufficient', 'ledger-conflict', 'signature-invalid'])
    remote.close()
    assert.equal(codeOf(await remote.submit(transfer(world, 'late', 1), never)), 'interrupted')
    await verifyAll(world, ledger)
  })

  test('whatever breaks, as often as it may, and though the ledger is killed: each is done once and answered', async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const world = new LedgerWorld({ seed })
      const service = new SimulatedService(world, seed)
      service.ledger = await world.open()
      service.breaksOneIn = 6
      const remote = service.client({ patienceMs: 600_000 })
      const operations = drawOperations(seed, 80)
      const answers = new Map<string, Result<OperationOutcome>>()
      let next = 0
      const client = async () => {
        for (let signed = operations[next++]; signed !== undefined; signed = operations[next++]) {
          answers.set(signed.operation.id, await remote.submit(signed, never))
        }
      }
      const loaded = Promise.all([client(), client(), client(), client()])
      for (let kill = 0; kill < 3; kill++) {
        await world.clock.run(300)
        service.ledger = undefined
        service.breakAll()
        world.disk.crash(kill % 2 === 0)
        await world.clock.run(500)
        service.ledger = await world.open()
      }
      await world.clock.settle(loaded, 3_600_000)
      service.breaksOneIn = 0
      assert.ok(service.breaks > 5, `${service.breaks} breaks`)
      const kept = new Set<string>(await verifyAll(world, service.ledger))
      for (const [id, answer] of answers) {
        assert.equal(answer.ok, kept.has(id), answer.ok ? 'done' : `${answer.code} ${answer.detail}`)
        if (!answer.ok) continue
        const outcome: unknown = unwrap(await world.clock.settle(service.ledger.outcome(id as never, never)))
        assert.deepEqual(outcome, answer.value)
      }
      remote.close()
    }
  })

  test('nobody there: it is said within the patience, and happens when somebody is again', async () => {
    const { world, service, ledger } = await served()
    service.ledger = undefined
    const remote = service.client({ patienceMs: 3_000 })
    const signed = transfer(world, 'x', 1)
    const startedMs = world.clock.nowMs()
    assert.equal(codeOf(await world.clock.settle(remote.submit(signed, never))), 'ledger-unreachable')
    assert.equal(codeOf(await world.clock.settle(remote.account(signed.account, never))), 'ledger-unreachable')
    assert.ok(world.clock.nowMs() - startedMs < 10_000)
    assert.ok(service.connections > 3 && service.connections < 30, 'ever more patiently')
    service.ledger = ledger
    assert.equal(codeOf(await world.clock.settle(remote.submit(signed, never))), 'done')
    const controller = new AbortController()
    service.ledger = undefined
    service.breakAll()
    const aborted = remote.submit(transfer(world, 'y', 1), controller.signal)
    controller.abort()
    assert.equal(codeOf(await world.clock.settle(aborted)), 'interrupted')
    remote.close()
  })

  test('a ledger that says it is busy is asked again, more slowly, and no more than it allows', async () => {
    const { world, service, ledger } = await served()
    service.ofAccount = new RequestAllowance({ perSecond: 20, burst: 5 })
    const remote = service.client()
    const many = Array.from({ length: 25 }, (_, index) => remote.submit(transfer(world, `${index} of many`, 1), never))
    const startedMs = world.clock.nowMs()
    const results = await world.clock.settle(Promise.all(many))
    assert.deepEqual([...new Set(results.map(codeOf))], ['done'])
    assert.ok(world.clock.nowMs() - startedMs >= 900)
    await verifyAll(world, ledger)
    remote.close()
  })
})

test('what an address may ask fills with time, no more than it holds; what is forgotten was full', () => {
  const allowance = new RequestAllowance({ perSecond: 10, burst: 20 })
  assert.equal(allowance.take('a', 20, 0), true)
  assert.equal(allowance.take('a', 1, 0), false)
  assert.equal(allowance.take('b', 21, 0), false)
  assert.equal(allowance.take('a', 5, 500), true)
  assert.equal(allowance.take('a', 1, 500), false)
  for (let other = 0; other < 70_000; other++) allowance.take(`other ${other}`, 1, 600)
  assert.equal(allowance.take('a', 2, 600), false, 'whoever used it up is not forgotten')
  assert.equal(allowance.take('a', 20, 10_000), true)
  const room = new ByteRoom(10)
  assert.deepEqual([room.take(6), room.take(6), room.take(4)], [true, false, true])
  room.give(6)
  assert.equal(room.take(6), true)
})

type Twist = (answer: ServiceAnswer) => ServiceAnswer | undefined

/** What somebody between, or a ledger without the operator's key, may try. */
const lies: Readonly<Record<string, Twist>> = {
  'another balance': (answer) => {
    if (answer.type !== 'account') return answer
    const signed = answer.receipt as { receipt: object }
    return { ...answer, receipt: { ...signed, receipt: { ...signed.receipt, available: '1' } } }
  },
  'an operation that is not in the chain': (answer) =>
    answer.type === 'submitted' ? { ...answer, lines: answer.lines.slice(1) } : answer,
  'no proof of what was done': (answer) => {
    if (answer.type !== 'submitted') return answer
    const { head: _, ...rest } = answer
    return rest
  },
  'the entry of another': (answer) =>
    answer.type === 'submitted' ? { ...answer, results: [...answer.results].reverse() } : answer,
  'fewer answers than questions': (answer) =>
    answer.type === 'submitted' ? { ...answer, results: answer.results.slice(1) } : answer,
}

describe('a ledger that lies', () => {
  for (const [name, twist] of Object.entries(lies)) {
    test(`${name}: is not believed, and nothing more is asked`, async () => {
      const { world, service } = await served()
      const remote = service.client()
      const account = world.people.account(1)
      unwrap(await world.clock.settle(remote.account(account, never)))
      service.twist = twist
      const asked = Promise.all([
        remote.submit(transfer(world, 'a', 1), never),
        remote.submit(transfer(world, 'b', 2), never),
        remote.account(account, never),
      ])
      const codes = (await world.clock.settle(asked)).map(codeOf)
      assert.ok(codes.includes('ledger-untrue'), codes.join())
      const { connections } = service
      assert.equal(codeOf(await world.clock.settle(remote.account(account, never))), 'ledger-untrue')
      await world.clock.run(100_000)
      assert.equal(service.connections, connections)
    })
  }

  test('an older state than it signed before', async () => {
    const { world, service } = await served()
    const remote = service.client()
    const account = world.people.account(1)
    let old: ServiceAnswer | undefined
    service.twist = (answer) => {
      if (answer.type === 'account') old ??= answer
      return answer.type === 'account' && old?.type === 'account' ? { ...old, number: answer.number } : answer
    }
    unwrap(await world.clock.settle(remote.account(account, never)))
    unwrap(await world.clock.settle(remote.submit(transfer(world, 'a', 1), never)))
    assert.equal(codeOf(await world.clock.settle(remote.account(account, never))), 'ledger-untrue')
  })

  test('another ledger at the same address is no lie, but nothing is asked of it', async () => {
    const { service, world } = await served()
    const { people } = new LedgerWorld({ change: (genesis) => ({ ...genesis, nonce: drawn('another') }) })
    const remote = service.client({ facts: people.facts, patienceMs: 2_000 })
    const answer = await world.clock.settle(remote.account(people.account(1), never))
    assert.ok(!answer.ok && answer.code === 'ledger-unreachable' && /another ledger/.test(answer.detail))
    remote.close()
  })

  test('two stories: the one told first is remembered, and both are the proof', async () => {
    const { world, service, ledger } = await served()
    const remote = service.client()
    unwrap(await world.clock.settle(remote.submit(transfer(world, 'a', 1), never)))
    const known = remote.known
    assert.ok(known !== undefined)
    remote.close()
    // The operator goes back to what was before and tells another story from there.
    unwrap(await world.clock.settle(ledger.close()))
    for (const [index, table] of ['journal', 'operations'].entries()) {
      const key = index === 0 ? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3) : Buffer.from(idOf('a'), 'hex')
      world.disk.tamper(table, new Uint8Array(key), undefined)
    }
    service.ledger = await world.open()
    const shorter = service.client({ known })
    const early = await world.clock.settle(shorter.account(world.people.account(1), never))
    assert.equal(codeOf(early), 'ledger-untrue', 'it goes back')
    assert.equal(await world.submit(service.ledger, 1, { type: 'burn', amount: tokens(1) }), 'done')
    for (const extra of [0, 1]) {
      if (extra === 1) assert.equal(await world.submit(service.ledger, 1, { type: 'burn', amount: tokens(1) }), 'done')
      const contradictions = service.contradictions.length
      const other = service.client({ known })
      const answer = await world.clock.settle(other.account(world.people.account(1), never))
      assert.equal(codeOf(answer), 'ledger-untrue')
      assert.equal(service.contradictions.length, contradictions + 1, `with ${extra} more entries`)
      const proof = service.contradictions.at(-1)
      assert.ok(proof !== undefined)
      const sides = [proof.first, proof.second].map((side) => {
        const kept = unwrap(signedReceiptCodec.decode(signedReceiptCodec.encode(side), world.people.facts.rail))
        return unwrap(checkReceipt(kept, world.people.facts, fakeScheme))
      })
      assert.ok(contradictionOf(sides[0] as never, sides[1] as never) !== undefined)
    }
  })

  test('after an honest restart the story goes on, from whatever height was known', async () => {
    const { world, service, ledger } = await served()
    const remote = service.client()
    unwrap(await world.clock.settle(remote.submit(transfer(world, 'a', 1), never)))
    const { known } = remote
    assert.ok(known !== undefined)
    unwrap(await world.clock.settle(remote.submit(transfer(world, 'b', 1), never)))
    remote.close()
    unwrap(await world.clock.settle(ledger.close()))
    service.ledger = await world.open()
    const later = service.client({ known })
    assert.equal(codeOf(await world.clock.settle(later.account(world.people.account(1), never))), 'done')
    assert.deepEqual(service.contradictions, [])
    later.close()
  })
})
