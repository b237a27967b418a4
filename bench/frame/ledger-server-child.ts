// A ledger that is served, in a process of its own, for a benchmark: says where it listens, and what it cost so far when
// asked. Ends with whoever started it.
import { join } from 'node:path'
import { unwrap } from '../../src/base/errors.ts'
import { openOwnLedger } from '../../src/daemon/open-ledger.ts'
import { readOperatorKey } from '../../src/daemon/operator-key.ts'
import { serveLedger } from '../../src/rails/ledger-server.ts'
import { toBase64 } from '../../src/rails/service-messages.ts'
import { planLoad } from './ledger-load.ts'

export interface ServedLedger {
  readonly url: string
  readonly genesis: string
}

export interface ServerCost {
  /** Microseconds of processor time so far. */
  readonly mainUs: number
  readonly allUs: number
  readonly groups: number
}

const [, , folder = ''] = process.argv
const ledger = unwrap(await openOwnLedger({ folder, makes: true }))
const operator = unwrap(readOperatorKey(join(folder, 'operator.key')))
for (const result of await Promise.all(
  planLoad(ledger.facts)
    .grants(operator)
    .map((each) => ledger.carryOut(each)),
)) {
  unwrap(result)
}
const plenty = { perSecond: 1e6, burst: 1e6 }
const server = unwrap(await serveLedger({ ledger, port: 0, allowances: { ofAddress: plenty, ofAccount: plenty } }))

function cost(): ServerCost {
  const [main, all] = [process.threadCpuUsage(), process.cpuUsage()]
  return { mainUs: main.user + main.system, allUs: all.user + all.system, groups: ledger.statistics.groups }
}

process.on('message', () => process.send?.(cost()))
process.on('disconnect', () => process.exit())
process.send?.({ url: server.urls[0]?.replace(/^http/, 'ws') ?? '', genesis: toBase64(ledger.facts.bytes) })
