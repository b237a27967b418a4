// A ledger on a real disk in a process of its own, under load until it is killed. Says by lines of JSON how many
// operations it was asked for and which of them were answered; what it is asked follows from its arguments.
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { planLoad } from '../../bench/frame/ledger-load.ts'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../../src/daemon/operator-key.ts'
import { type LedgerChildOptions, type LedgerLine, operationsOfLife } from './ledger-process.ts'

const { folder, life, clients } = JSON.parse(process.argv[2] ?? '') as LedgerChildOptions
/** Written when the call returns, also to a pipe that is full: whoever reads that it was answered can rely on it. */
function say(line: LedgerLine): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
const plan = planLoad(ledger.facts)
if (ledger.head.height === 0) {
  const operator = unwrap(readOperatorKey(join(folder, 'operator.key')))
  const granted = await Promise.all(plan.grants(operator).map((grant) => ledger.carryOut(grant)))
  for (const result of granted) unwrap(result)
}
const operations = operationsOfLife(plan, life)
say({ type: 'ready', height: ledger.head.height })

let next = 0
async function client(): Promise<void> {
  for (;;) {
    const index = next++
    const signed = operations(index)
    const carried = unwrap(await ledger.carryOut(signed))
    say({ type: 'done', index, height: carried.applied.height })
  }
}
await Promise.all(Array.from({ length: clients }, client))
