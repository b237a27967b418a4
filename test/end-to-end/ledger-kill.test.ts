// SIGKILL at random moments of a ledger under load, again and again: no operation that was acknowledged is lost, none is
// there that was not asked for, none twice, and the journal verifies from its genesis, signatures and all. Twenty times;
// with SWARMBID_TEST_LONG=1 two hundred. The moments follow from a seed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { planLoad } from '../../bench/frame/ledger-load.ts'
import { simulatedRandom } from '../../sim/ports/simulated-random.ts'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../../src/daemon/operator-key.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { decodeLine } from '../../src/ledger/journal-record.ts'
import { JournalVerifier } from '../../src/ledger/verify-journal.ts'
import type { OperationId } from '../../src/ports/ledger.ts'
import type { EmbeddedLedger } from '../../src/rails/embedded-ledger.ts'
import { temporaryFolder } from '../host/temporary-folder.ts'
import { type LedgerLine, operationsOfLife, startLedger } from './ledger-process.ts'

const { SWARMBID_TEST_LONG: isLong } = process.env
const ledgers = isLong === '1' ? 10 : 1
const killsOfLedger = 20
const clients = 48
/** Of load before the kill, at most; some kills meet the opening. */
const maxLoadMs = 160

interface Checker {
  readonly verifier: JournalVerifier
  /** Heights of all there is, by id. */
  readonly heights: Map<OperationId, number>
}

/** Reads what came since the last time; it follows what was there before. */
async function readOn(ledger: EmbeddedLedger, { verifier, heights }: Checker): Promise<readonly OperationId[]> {
  const lines = unwrap(await ledger.lines(verifier.head.height + 1, 65_536))
  const ids: OperationId[] = []
  for (const line of lines) {
    assert.equal(verifier.push(line), undefined)
    const { record } = unwrap(decodeLine(line, ledger.facts.rail))
    ids.push(record.operation.id)
    heights.set(record.operation.id, record.height)
  }
  assert.equal(verifier.end(), undefined)
  assert.equal(verifier.head.height, ledger.head.height)
  return ids
}

type DoneLine = Extract<LedgerLine, { readonly type: 'done' }>

describe('a ledger killed under load', () => {
  test(`${ledgers * killsOfLedger} times: nothing acknowledged is lost, nothing invented`, async (t) => {
    const random = simulatedRandom(7)
    let [acknowledged, unanswered] = [0, 0]
    for (let number = 0; number < ledgers; number++) {
      const folder = join(temporaryFolder(t), 'ledger')
      let checker: Checker | undefined
      for (let life = 0; life < killsOfLedger; life++) {
        const child = startLedger(t, { folder, life, clients })
        if (life % 5 === 4) await delay(random.below(400))
        else {
          await child.line('ready')
          await delay(random.below(maxLoadMs))
        }
        assert.equal(await child.end('SIGKILL'), null, child.errors())
        const when = `ledger ${number}, life ${life}`
        const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
        checker ??= { verifier: new JournalVerifier(ledger.facts, secp256k1.scheme), heights: new Map() }
        const ids = await readOn(ledger, checker)
        const done = child.lines.filter((line): line is DoneLine => line.type === 'done')
        const askedCount = done.reduce((most, { index }) => Math.max(most, index + 1), 0) + clients
        const plan = planLoad(ledger.facts)
        const operations = operationsOfLife(plan, life)
        const asked = Array.from({ length: askedCount }, (_, index) => operations(index))
        for (const { index, height } of done) {
          assert.equal(checker.heights.get(operations(index).operation.id), height, `${when}: acknowledged and there`)
        }
        const grants = plan.grants(unwrap(readOperatorKey(join(folder, 'operator.key'))))
        const askedIds = new Set([...grants, ...asked].map(({ operation }) => operation.id))
        const granted = new Set(grants.map(({ operation }) => operation.id))
        assert.deepEqual(
          ids.filter((id) => !askedIds.has(id)),
          [],
          `${when}: nothing invented`,
        )
        acknowledged += done.length
        unanswered += ids.filter((id) => !granted.has(id)).length - done.length
        // Whoever got no answer asks again: what is there is not done twice.
        const inFlight = asked.filter(({ operation }) => checker?.heights.has(operation.id)).slice(-clients)
        for (const signed of inFlight) {
          const again = unwrap(await ledger.carryOut(signed))
          assert.equal(again.applied.height, checker.heights.get(signed.operation.id), when)
        }
        assert.equal(ledger.head.height, checker.verifier.head.height, when)
        unwrap(await ledger.close())
      }
    }
    t.diagnostic(`${acknowledged} acknowledged, ${unanswered} there that were not answered yet`)
    assert.ok(acknowledged > 20 * ledgers, 'the kills met a ledger at work')
  })
})
