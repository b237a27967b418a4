// Who takes part in swarms on shaped lines: people with wallets who trust one ledger, made once and copied for each swarm, so
// that every one of them begins with nothing behind it. Guarantees: a copy has the same keys, the same grants and no history.
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Scope, temporaryFolder } from '../host/temporary-folder.ts'
import { Owner } from './ledger-owner.ts'
import { type Line, shapedLinks } from './shaped-links.ts'

export interface KitPerson {
  readonly folder: string
  /** Of its first account. */
  readonly address: string
}

/** Folders, none of them in use. */
export interface Kit {
  readonly folder: string
  /** Of the ledger's owner. */
  readonly operator: string
  /** With 10,000 tokens, and leave to spend them. */
  readonly payers: readonly KitPerson[]
  /** With none. */
  readonly others: readonly KitPerson[]
}

/** What is refused is found out here, not in the middle of a run. */
const anyLine: Line = { uploadBitsPerSecond: 1_000_000, downloadBitsPerSecond: 1_000_000, delayMs: 1 }
/** On the switch, where nobody else serves anything. */
export const ledgerPort = '6970'
const atOnce = 2

/** Some at a time, in order. */
async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}

/** Makes them, with a ledger of play money; undefined: there are no shaped lines here. */
export async function makeKit(scope: Scope, payerCount: number, otherCount: number): Promise<Kit | undefined> {
  const net = shapedLinks([anyLine])
  if (net === undefined) return undefined
  try {
    const folder = temporaryFolder(scope)
    const operator = new Owner(join(folder, 'operator'), net.wrapper('switch'))
    const ledger = operator.serve(scope, 'serve', '--port', ledgerPort, '--bind', net.address('switch'))
    const { joinLines: [joinLine = ''] = [] } = await ledger.line('listening')
    const enter = async (name: string, isPayer: boolean): Promise<KitPerson> => {
      const person = new Owner(join(folder, name), net.wrapper('switch'))
      const [made] = await person.said('wallet', 'create')
      const { accounts = [] } = made as { readonly accounts?: readonly { readonly evmAddress: string }[] }
      const address = accounts[0]?.evmAddress ?? ''
      await person.told('join', joinLine)
      if (isPayer) {
        await person.maySpend('9000 TEST')
        await operator.told('mint', address)
      }
      return { folder: person.folder, address }
    }
    const names = (what: string, count: number) => Array.from({ length: count }, (_, index) => `${what} ${index}`)
    const payers = await inTurn(names('payer', payerCount), (name) => enter(name, true))
    const others = await inTurn(names('other', otherCount), (name) => enter(name, false))
    const exitCode = await ledger.end('SIGINT')
    if (exitCode !== 130) throw new Error(`the ledger ended with ${exitCode}: ${ledger.errors()}`)
    return { folder, operator: operator.folder, payers, others }
  } finally {
    net.remove()
  }
}

/** The same in a folder of its own. */
export function copyOf(kit: Kit, folder: string): Kit {
  mkdirSync(folder, { recursive: true })
  const copied = (from: string) => {
    const to = join(folder, from.slice(kit.folder.length + 1))
    cpSync(from, to, { recursive: true })
    return to
  }
  const people = (list: readonly KitPerson[]) => list.map((one) => ({ ...one, folder: copied(one.folder) }))
  return { ...kit, folder, operator: copied(kit.operator), payers: people(kit.payers), others: people(kit.others) }
}
