// Escrows and air-drops on a ledger that dies before each thing its disk does: asked again, all comes to the same end,
// every way out of an escrow included; the pool of an air-drop is paid once, however many claim at once (P13).
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { grantTree } from '../../src/ledger/campaign-tree.ts'
import type { LedgerOperation, SignedOperation } from '../../src/ports/ledger.ts'
import { drawn, hourMs, idOf, startMs, tokens } from '../ledger/ledger-harness.ts'
import { type Answers, LedgerWorld, load, verifyAll } from './ledger-world.ts'

const runMs = 10_000
const people = 40

type Script = (world: LedgerWorld) => readonly (readonly SignedOperation[])[]

/** What everybody has after the script, its parts one after the other, the operations of a part all at once. */
async function play(world: LedgerWorld, script: Script, crashPlace: number | undefined, isPowerLoss: boolean) {
  const parts = script(world)
  const answers: Answers = new Map()
  let things = 0
  let isDead = false
  const first = await world.open()
  world.disk.beforeEach = () => {
    if (crashPlace === undefined || things++ < crashPlace || isDead) return
    isDead = true
    world.disk.crash(isPowerLoss)
  }
  const all = (async () => {
    for (const part of parts) await load(first, part, answers, part.length)
  })()
  await world.clock.runUntil(() => isDead || answers.size === parts.flat().length, world.clock.nowMs() + runMs)
  if (!isDead) {
    await world.clock.settle(all)
    if (crashPlace !== undefined) return undefined
  }
  const ledger = isDead ? await world.open() : first
  const later: Answers = new Map()
  for (const part of parts) await world.clock.settle(load(ledger, part, later, part.length))
  for (const [id, answer] of answers)
    if (answer.ok) assert.deepEqual(later.get(id), answer, 'answered as the first time')
  await verifyAll(world, ledger)
  const has: bigint[] = []
  for (let index = 0; index < people; index++) has.push(await world.available(ledger, index))
  return has
}

async function playCrashes(script: Script): Promise<{ readonly has: readonly bigint[]; readonly crashes: number }> {
  const has = await play(new LedgerWorld({ seed: 1 }), script, undefined, false)
  assert.ok(has !== undefined)
  let crashes = 0
  for (const isPowerLoss of [false, true]) {
    for (let place = 0; ; place++) {
      const crashed = await play(new LedgerWorld({ seed: place + 1 }), script, place, isPowerLoss)
      if (crashed === undefined) break
      assert.deepEqual(crashed, has, `place ${place}, power loss ${isPowerLoss}`)
      crashes++
    }
  }
  return { has, crashes }
}

function grants(world: LedgerWorld, ...indexes: readonly number[]): readonly SignedOperation[] {
  return indexes.map((index) =>
    world.people.sign(0, {
      type: 'grant',
      id: idOf(`grant ${index}`),
      to: world.people.account(index),
      invite: drawn(`invite ${index}`),
    }),
  )
}

describe('a ledger killed at every await', () => {
  test('escrows come to the same end by every way out, and nobody takes what is not theirs', async () => {
    const { has, crashes } = await playCrashes((world) => {
      const { people: signers } = world
      const [payer, payee, arbiter, thief] = [1, 2, 3, 4] as const
      const by = (index: number, operation: LedgerOperation) => signers.sign(index, operation)
      const fund = (name: string) =>
        by(payer, {
          type: 'escrow-fund',
          id: idOf(name),
          payee: signers.account(payee),
          amount: tokens(100),
          timeoutAtMs: startMs + hourMs,
          arbiter: signers.account(arbiter),
          terms: drawn('terms'),
        })
      const names = ['released', 'refunded', 'ruled', 'silent'] as const
      const [released, refunded, ruled] = names.map((name) => idOf(name)) as [
        ReturnType<typeof idOf>,
        ReturnType<typeof idOf>,
        ReturnType<typeof idOf>,
      ]
      const release = (index: number, name: string, amount: number) =>
        by(index, { type: 'escrow-release', id: idOf(`${name} ${index}`), escrow: idOf(name), amount: tokens(amount) })
      const rule = (index: number, toPayee: number) =>
        by(index, {
          type: 'escrow-rule',
          id: idOf(`rule ${index}`),
          escrow: ruled,
          toPayee: tokens(toPayee),
          ruling: drawn('ruling'),
        })
      return [
        grants(world, payer),
        names.map(fund),
        // Liars first: none of this is theirs to do.
        [release(payee, 'released', 100), release(thief, 'released', 100), release(arbiter, 'ruled', 100)],
        [release(payer, 'released', 30), release(payer, 'refunded', 10)],
        [
          by(payee, { type: 'escrow-refund', id: idOf('back'), escrow: refunded }),
          by(payer, { type: 'escrow-refund', id: idOf('early'), escrow: released }),
          by(payee, { type: 'escrow-dispute', id: idOf('dispute'), escrow: ruled, evidence: drawn('evidence') }),
        ],
        [rule(thief, 100), rule(payee, 100)],
        [rule(arbiter, 60)],
      ]
    })
    assert.deepEqual(
      has.slice(1, 5),
      [10_000 - 400 + 90 + 40, 30 + 10 + 60, 0, 0].map((whole) => tokens(whole)),
    )
    assert.ok(crashes >= 20, `${crashes} crashes`)
  })

  test('an air-drop pays each grant once, and exactly its pool', async () => {
    const receivers = Array.from({ length: 24 }, (_, index) => 10 + index)
    const { has, crashes } = await playCrashes((world) => {
      const { people: signers } = world
      const tree = grantTree(receivers.map((index) => ({ to: signers.account(index), amount: tokens(index) })))
      const campaign = idOf('campaign')
      const propose: LedgerOperation = {
        type: 'campaign-propose',
        id: campaign,
        purpose: 'gift',
        approver: signers.account(2),
        root: tree.root,
        grantCount: receivers.length,
        pool: tokens(tree.total / tokens(1)),
        endsAtMs: startMs + hourMs,
        gates: [],
      }
      const claim = (place: number, name: string) => {
        const index = receivers[place] as number
        const grant = { index: place, to: signers.account(index), amount: tokens(index), proof: tree.proof(place) }
        return signers.sign(index, { type: 'campaign-claim', id: idOf(`${name} ${place}`), campaign, ...grant })
      }
      return [
        grants(world, 1),
        [signers.sign(1, propose)],
        [signers.sign(2, { type: 'campaign-approve', id: idOf('approve'), campaign, root: tree.root })],
        receivers.flatMap((_, place) => [claim(place, 'first'), claim(receivers.length - 1 - place, 'second')]),
      ]
    })
    for (const index of receivers) assert.equal(has[index], tokens(index))
    const paid = receivers.reduce((sum, index) => sum + index, 0)
    assert.equal(has[1], tokens(10_000 - paid))
    assert.ok(crashes >= 10, `${crashes} crashes`)
  })
})
