// What every implementation of the Ledger port promises, as tests, in two parts: `core` of every rail (transfers, lanes,
// escrows, finality), `ledger` of those that are ledgers (ids of the client's, fees, air-drops). Guarantees: touches the
// port and nothing else, so that rails here, elsewhere and on a chain answer the same questions.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Result, unwrap } from '../../src/base/errors.ts'
import type { TokenAmount } from '../../src/base/token-amount.ts'
import { type GrantTree, grantTree } from '../../src/ledger/campaign-tree.ts'
import type {
  AccountId,
  Hash256,
  Lane,
  LaneId,
  Ledger,
  LedgerOperation,
  OperationId,
  OperationOutcome,
  SignedOperation,
  SignedVoucher,
} from '../../src/ports/ledger.ts'

/** Three accounts, 1 to 3, who have the same, 1,000 tokens or more. */
export interface LedgerUnderTest {
  readonly ledger: Ledger
  /** Within which a later voucher wins over a payer's wish to close. */
  readonly challengeMs: number
  /** The least time that a lane may live for. */
  readonly laneMs: number
  account(index: number): AccountId
  sign(by: number, operation: LedgerOperation): SignedOperation
  voucher(lane: LaneId, by: number, amount: bigint): SignedVoucher
  tokens(whole: number): TokenAmount
  /** 32 bytes, others each time. */
  draw(): Hash256
  /** Waits for an answer. */
  settle<T>(promise: Promise<T>): Promise<T>
  /** Lets time pass, the ledger's too. */
  pass(ms: number): Promise<void>
}

type Unnamed<T> = T extends unknown ? Omit<T, 'id'> : never

const never = new AbortController().signal

class Play {
  readonly rail: LedgerUnderTest

  constructor(rail: LedgerUnderTest) {
    this.rail = rail
  }

  submit(by: number, operation: LedgerOperation): Promise<Result<OperationOutcome>> {
    return this.rail.settle(this.rail.ledger.submit(this.rail.sign(by, operation), never))
  }

  named(operation: Unnamed<LedgerOperation>): LedgerOperation {
    return { ...operation, id: this.rail.draw() as string as OperationId } as LedgerOperation
  }

  /** Final, when it answers. */
  async does(by: number, operation: Unnamed<LedgerOperation>): Promise<OperationId> {
    const named = this.named(operation)
    const outcome = unwrap(await this.submit(by, named))
    assert.equal(outcome.status, 'final')
    assert.deepEqual(unwrap(await this.rail.settle(this.rail.ledger.outcome(named.id, never))), outcome)
    return named.id
  }

  /** With a code, and nothing has changed. */
  async refused(by: number, operation: Unnamed<LedgerOperation>): Promise<string> {
    const before = await this.all()
    const named = this.named(operation)
    const result = await this.submit(by, named)
    assert.equal(result.ok, false, `${operation.type} is refused`)
    assert.equal(unwrap(await this.rail.settle(this.rail.ledger.outcome(named.id, never))), undefined)
    assert.deepEqual(await this.all(), before)
    return result.ok ? '' : result.code
  }

  async has(index: number): Promise<readonly [bigint, bigint]> {
    const { ledger, settle, account } = this.rail
    const { available, locked } = unwrap(await settle(ledger.account(account(index), never)))
    return [available, locked]
  }

  async all(): Promise<readonly (readonly [bigint, bigint])[]> {
    return [await this.has(1), await this.has(2), await this.has(3)]
  }

  async lane(id: LaneId): Promise<Lane | undefined> {
    return unwrap(await this.rail.settle(this.rail.ledger.lane(id, never)))
  }

  /** Gone, or remembered as ended. */
  async hasEnded(id: LaneId, claimed: bigint): Promise<void> {
    const lane = await this.lane(id)
    assert.equal(lane?.state.type ?? 'closed', 'closed')
    if (lane !== undefined) assert.equal(lane.claimed, claimed)
  }

  async opens(deposit: TokenAmount, lifeMs = this.rail.laneMs): Promise<LaneId> {
    const expiresAtMs = (await this.nowMs()) + lifeMs
    const id = await this.does(1, { type: 'open-lane', payee: this.rail.account(2), deposit, expiresAtMs })
    return id as string as LaneId
  }

  async nowMs(): Promise<number> {
    return unwrap(await this.rail.settle(this.rail.ledger.timeMs(never)))
  }
}

export function ledgerCoreConformance(title: string, open: () => Promise<LedgerUnderTest>): void {
  const plays = async () => new Play(await open())

  describe(`ledger, core: ${title}`, () => {
    test('a transfer moves what it says, once it is final; more than there is moves nothing', async () => {
      const play = await plays()
      const { tokens, account } = play.rail
      const [[had]] = (await play.all()) as [readonly [bigint, bigint]]
      await play.does(1, { type: 'transfer', to: account(2), amount: tokens(12) })
      assert.deepEqual(await play.has(1), [had - tokens(12), 0n])
      assert.deepEqual(await play.has(2), [had + tokens(12), 0n])
      const tooMuch = { type: 'transfer', to: account(2), amount: (had - tokens(12) + 1n) as TokenAmount } as const
      assert.equal(await play.refused(1, tooMuch), 'funds-insufficient')
      const forged = play.rail.sign(1, play.named({ type: 'transfer', to: account(1), amount: tokens(1) }))
      const stolen = await play.rail.settle(play.rail.ledger.submit({ ...forged, account: account(2) }, never))
      assert.equal(!stolen.ok && stolen.code, 'signature-invalid')
    })

    test('a lane locks its deposit, so that it is always there; what is not there locks nothing', async () => {
      const play = await plays()
      const { tokens, account } = play.rail
      const [had] = await play.has(1)
      const lane = await play.opens(tokens(10))
      assert.deepEqual(await play.has(1), [had - tokens(10), tokens(10)])
      const { deposit, claimed, payer, payee, state } = (await play.lane(lane)) as Lane
      assert.deepEqual([deposit, claimed, payer, payee], [tokens(10), 0n, account(1), account(2)])
      assert.equal(state.type, 'open')
      await play.does(1, { type: 'top-up-lane', lane, amount: tokens(5) })
      assert.equal((await play.lane(lane))?.deposit, tokens(15))
      const rest = (had - tokens(15) + 1n) as TokenAmount
      assert.equal(await play.refused(1, { type: 'top-up-lane', lane, amount: rest }), 'funds-insufficient')
      const expiresAtMs = (await play.nowMs()) + play.rail.laneMs
      const open = { type: 'open-lane', payee: account(2), deposit: rest, expiresAtMs } as const
      assert.equal(await play.refused(1, open), 'funds-insufficient')
      assert.deepEqual(await play.has(1), [had - tokens(15), tokens(15)])
    })

    test('larger vouchers of the payer pay the difference, up to the deposit; the payee ends it at once', async () => {
      const play = await plays()
      const { tokens, voucher, account } = play.rail
      const [had] = await play.has(2)
      const lane = await play.opens(tokens(10))
      const claim = (by: number, amount: bigint) => ({ type: 'claim', vouchers: [voucher(lane, by, amount)] }) as const
      await play.does(3, claim(1, tokens(3)))
      assert.deepEqual(await play.has(2), [had + tokens(3), 0n])
      await play.does(2, claim(1, tokens(4)))
      assert.equal((await play.has(2))[0], had + tokens(4))
      for (const amount of [tokens(4), tokens(2)])
        assert.equal(await play.refused(2, claim(1, amount)), 'voucher-invalid')
      for (const by of [2, 3]) assert.equal(await play.refused(2, claim(by, tokens(5))), 'voucher-invalid')
      assert.equal(await play.refused(2, claim(1, tokens(10) + 1n)), 'voucher-invalid')
      for (const by of [1, 3]) await play.refused(by, { type: 'payee-close', lane })
      const [left] = await play.has(1)
      await play.does(2, { type: 'payee-close', lane, last: voucher(lane, 1, tokens(6)) })
      assert.equal((await play.has(2))[0], had + tokens(6))
      assert.deepEqual(await play.has(1), [left + tokens(4), 0n])
      await play.hasEnded(lane, tokens(6))
      assert.equal(await play.refused(2, claim(1, tokens(7))), 'lane-closed')
      assert.equal(account(1).startsWith(play.rail.ledger.rail), true)
    })

    test('when the payer asks for the end, a later voucher wins in the window; then the rest comes back', async () => {
      const play = await plays()
      const { tokens, voucher, challengeMs } = play.rail
      const [had] = await play.has(1)
      const lane = await play.opens(tokens(10))
      for (const by of [2, 3]) await play.refused(by, { type: 'request-close', lane })
      await play.does(1, { type: 'request-close', lane })
      const closing = (await play.lane(lane)) as Lane
      assert.equal(closing.state.type, 'closing')
      await play.refused(1, { type: 'close', lane })
      await play.refused(1, { type: 'top-up-lane', lane, amount: tokens(1) })
      await play.rail.pass(challengeMs / 2)
      await play.does(2, { type: 'claim', vouchers: [voucher(lane, 1, tokens(7))] })
      await play.rail.pass(challengeMs / 2 + 1_000)
      // Whoever ends it: some rails do it unasked.
      const end = await play.submit(3, play.named({ type: 'close', lane }))
      assert.equal(end.ok || end.code === 'lane-closed', true)
      await play.hasEnded(lane, tokens(7))
      assert.deepEqual(await play.has(1), [had - tokens(7), 0n])
      await play.refused(2, { type: 'claim', vouchers: [voucher(lane, 1, tokens(8))] })
    })

    test('from its expiry on nothing is claimed of a lane', async () => {
      const play = await plays()
      const { tokens, voucher, laneMs } = play.rail
      const all = await play.all()
      const lane = await play.opens(tokens(10))
      await play.rail.pass(laneMs + 1_000)
      await play.refused(2, { type: 'claim', vouchers: [voucher(lane, 1, tokens(7))] })
      const end = await play.submit(2, play.named({ type: 'close', lane }))
      assert.equal(end.ok || end.code === 'lane-closed', true)
      await play.hasEnded(lane, 0n)
      assert.deepEqual(await play.all(), all)
    })

    test('both sides of a lane hear of what becomes of it, others do not; time goes forward', async () => {
      const play = await plays()
      const { tokens, ledger, account, voucher } = play.rail
      const before = await play.nowMs()
      const heard: Lane[][] = [[], [], []]
      const leaves = [1, 2, 3].map((index) => ledger.watchLanes(account(index), (lane) => heard[index - 1]?.push(lane)))
      await play.rail.pass(500)
      const lane = await play.opens(tokens(10))
      await play.does(2, { type: 'claim', vouchers: [voucher(lane, 1, tokens(1))] })
      await play.does(2, { type: 'payee-close', lane })
      await play.rail.pass(500)
      for (const lanes of heard.slice(0, 2)) {
        assert.deepEqual(
          lanes
            .map(({ claimed, state }) => [claimed, state.type])
            .filter((each, at, all) => String(each) !== String(all[at - 1])),
          [
            [0n, 'open'],
            [tokens(1), 'open'],
            [tokens(1), 'closed'],
          ],
        )
      }
      assert.deepEqual(heard[2], [])
      for (const leave of leaves) leave()
      assert.ok((await play.nowMs()) > before)
    })

    test("an escrow pays by its payer, goes back by its payee or after its time; a dispute is its arbiter's", async () => {
      const play = await plays()
      const { tokens, account, draw } = play.rail
      const [[mine], [theirs]] = (await play.all()) as [readonly [bigint, bigint], readonly [bigint, bigint]]
      const timeoutAtMs = (await play.nowMs()) + 60_000
      const fund = { type: 'escrow-fund', payee: account(2), amount: tokens(10), timeoutAtMs, terms: draw() } as const
      const first = await play.does(1, fund)
      assert.deepEqual(await play.has(1), [mine - tokens(10), tokens(10)])
      await play.refused(2, { type: 'escrow-release', escrow: first, amount: tokens(1) })
      await play.refused(1, { type: 'escrow-refund', escrow: first })
      await play.does(1, { type: 'escrow-release', escrow: first, amount: tokens(4) })
      await play.does(2, { type: 'escrow-refund', escrow: first })
      assert.deepEqual(
        [await play.has(1), await play.has(2)],
        [
          [mine - tokens(4), 0n],
          [theirs + tokens(4), 0n],
        ],
      )
      await play.refused(1, { type: 'escrow-release', escrow: first, amount: tokens(1) })
      const second = await play.does(1, { ...fund, arbiter: account(3) })
      await play.refused(3, { type: 'escrow-rule', escrow: second, toPayee: tokens(1), ruling: draw() })
      await play.does(2, { type: 'escrow-dispute', escrow: second, evidence: draw() })
      await play.refused(2, { type: 'escrow-release', escrow: second, amount: tokens(1) })
      await play.refused(2, { type: 'escrow-rule', escrow: second, toPayee: tokens(10), ruling: draw() })
      await play.does(3, { type: 'escrow-rule', escrow: second, toPayee: tokens(3), ruling: draw() })
      assert.deepEqual(
        [await play.has(1), await play.has(2)],
        [
          [mine - tokens(7), 0n],
          [theirs + tokens(7), 0n],
        ],
      )
      const third = await play.does(1, fund)
      await play.rail.pass(61_000)
      const end = await play.submit(3, play.named({ type: 'escrow-refund', escrow: third }))
      assert.equal(end.ok || end.code === 'ledger-refused', true)
      assert.deepEqual(await play.has(1), [mine - tokens(7), 0n])
    })

    test('what is not waited for any more answers as interrupted', async () => {
      const play = await plays()
      const controller = new AbortController()
      controller.abort()
      const looks = [
        play.rail.ledger.timeMs(controller.signal),
        play.rail.ledger.account(play.rail.account(1), controller.signal),
      ]
      for (const look of looks) {
        const answer = await play.rail.settle<Result<unknown>>(look)
        assert.equal(!answer.ok && answer.code, 'interrupted')
      }
    })
  })
}

/** `openWithFees`: the same with 1 token for opening and a tenth of what lanes and escrows pay, both burned. */
export function ledgerConformance(
  title: string,
  open: () => Promise<LedgerUnderTest>,
  openWithFees: () => Promise<LedgerUnderTest>,
): void {
  describe(`ledger: ${title}`, () => {
    test('the same id and content is answered as the first time, however often at once; another content is refused', async () => {
      const play = new Play(await open())
      const { tokens, account, ledger, settle, sign } = play.rail
      const [had] = await play.has(2)
      const transfer = play.named({ type: 'transfer', to: account(2), amount: tokens(1) })
      const signed = sign(1, transfer)
      const answers = await settle(Promise.all(Array.from({ length: 20 }, () => ledger.submit(signed, never))))
      for (const answer of answers) assert.deepEqual(answer, answers[0])
      assert.equal(answers[0]?.ok, true)
      assert.deepEqual(await play.submit(1, transfer), answers[0])
      const others: readonly (readonly [number, LedgerOperation])[] = [
        [1, { ...transfer, amount: tokens(2) } as LedgerOperation],
        [1, { ...transfer, to: account(3) } as LedgerOperation],
        [3, transfer],
      ]
      for (const [by, operation] of others) {
        const conflict = await play.submit(by, operation)
        assert.equal(!conflict.ok && conflict.code, 'ledger-conflict')
      }
      assert.equal((await play.has(2))[0], had + tokens(1))
    })

    test('fees are taken as the genesis says, and told', async () => {
      const play = new Play(await openWithFees())
      const { tokens, account, voucher } = play.rail
      const [[mine], [theirs]] = (await play.all()) as [readonly [bigint, bigint], readonly [bigint, bigint]]
      const expiresAtMs = (await play.nowMs()) + play.rail.laneMs
      const opening = play.named({ type: 'open-lane', payee: account(2), deposit: tokens(10), expiresAtMs })
      assert.equal(unwrap(await play.submit(1, opening)).fee, tokens(1))
      assert.deepEqual(await play.has(1), [mine - tokens(11), tokens(10)])
      const lane = opening.id as string as LaneId
      const claim = play.named({ type: 'claim', vouchers: [voucher(lane, 1, tokens(10))] })
      assert.equal(unwrap(await play.submit(2, claim)).fee, tokens(1))
      assert.equal((await play.has(2))[0], theirs + tokens(9))
    })

    test('an air-drop pays each grant once, out of its pool, after another account approved its list', async () => {
      const play = new Play(await open())
      const { account, tokens, ledger, settle, sign } = play.rail
      const [had] = await play.has(1)
      const grants = [2, 3].map((index) => ({ to: account(index), amount: tokens(index) }))
      const tree: GrantTree = grantTree(grants)
      const endsAtMs = (await play.nowMs()) + 60_000
      const propose = {
        type: 'campaign-propose',
        purpose: 'gift',
        approver: account(2),
        root: tree.root,
        grantCount: 2,
        pool: tokens(6),
        endsAtMs,
        gates: [],
      } as const
      const campaign = await play.does(1, propose)
      const claimOf = (index: number) => {
        const grant = grants[index]
        assert.ok(grant !== undefined)
        return { type: 'campaign-claim', campaign, index, ...grant, proof: tree.proof(index) } as const
      }
      await play.refused(3, claimOf(1))
      await play.refused(1, { type: 'campaign-approve', campaign, root: tree.root })
      await play.does(2, { type: 'campaign-approve', campaign, root: tree.root })
      const [before] = await play.has(3)
      const many = Array.from({ length: 30 }, () => ledger.submit(sign(3, play.named(claimOf(1))), never))
      assert.equal((await settle(Promise.all(many))).filter(({ ok }) => ok).length, 1)
      assert.equal((await play.has(3))[0], before + tokens(3))
      await play.refused(3, { ...claimOf(0), amount: tokens(3) })
      await play.rail.pass(61_000)
      const end = await play.submit(3, play.named({ type: 'campaign-end', campaign }))
      assert.equal(end.ok || end.code === 'ledger-refused', true)
      assert.deepEqual(await play.has(1), [had - tokens(3), 0n])
    })
  })
}
