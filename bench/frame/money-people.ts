// Who sells and who buys in benchmarks: a ledger of play money in a process of its own, and two people who trust it, each with
// a wallet of their own. Guarantees: loopback only; files lie in the benchmark's place, processes end with `close`.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { mainPath } from '../../test/end-to-end/run-swarmbid.ts'
import { startJsonProcess } from '../../test/foreign/json-process.ts'
import type { Environment } from '../measure.ts'
import type { Place } from './place.ts'

interface MoneyLine {
  readonly type?: string
  readonly joinLines?: readonly string[]
  readonly accounts?: readonly { readonly evmAddress: string }[]
}

export interface MoneyPeople {
  /** What each runs in. */
  readonly seller: Environment
  readonly payer: Environment
  close(): Promise<unknown>
}

const dayLimit = '5000'

function start(commandArguments: readonly string[], environment: Environment) {
  const options = { name: commandArguments.slice(0, 2).join(' '), environment }
  return startJsonProcess<MoneyLine>(process.execPath, [mainPath, ...commandArguments, '--json'], options)
}

async function told(environment: Environment, ...line: string[]): Promise<MoneyLine> {
  const child = start(line, environment)
  if ((await child.exit()) !== 0) throw new Error(`swarmbid ${line.join(' ')}: ${child.said()}`)
  return child.lines.at(-1) ?? {}
}

/** The payer may spend by itself. */
export async function moneyPeople(place: Place): Promise<MoneyPeople> {
  const SWARMBID_PASSPHRASE = randomBytes(16).toString('hex')
  const own = (name: string) => ({ ...place.environment, SWARMBID_PASSPHRASE, SWARMBID_DATA: join(place.folder, name) })
  const people = { operator: own('operator'), seller: own('seller'), payer: own('payer') }
  const ledger = start(['ledger', 'serve', '--port', '0'], people.operator)
  try {
    const { joinLines: [joinLine = ''] = [] } = await ledger.line('listening')
    for (const person of [people.seller, people.payer]) {
      const { accounts: [account] = [] } = await told(person, 'wallet', 'create')
      await told(person, 'ledger', 'join', joinLine)
      await told(people.operator, 'ledger', 'mint', account?.evmAddress ?? '')
    }
    await told(people.payer, 'wallet', 'spending', 'on')
    const limits = ['--per-day', dayLimit, '--per-payment', 'none', '--per-payee', '100%']
    await told(people.payer, 'wallet', 'limits', '--token', 'TEST', ...limits)
  } catch (error) {
    await ledger.end('SIGINT')
    throw error
  }
  return { seller: people.seller, payer: people.payer, close: () => ledger.end('SIGINT') }
}
