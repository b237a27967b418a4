// The ledger that a command is about: one's own, opened here or reached where another process of this machine serves it,
// or one that was joined. Guarantees: what its operator signed last is kept when it is let go of.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { failure, type Result, success } from '../base/errors.ts'
import { sha256 } from '../base/hash.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { type LedgerFacts, ledgerFacts } from '../ledger/genesis.ts'
import type { ReadRecord } from '../ledger/journal-record.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { EmbeddedLedger } from '../rails/embedded-ledger.ts'
import type { IndexedHolding } from '../rails/holding-index.ts'
import { connectLedger, type LedgerAddress } from '../rails/ledger-socket.ts'
import { RemoteLedger } from '../rails/remote-ledger.ts'
import { fromBase64, readAnswer } from '../rails/service-messages.ts'
import { addressOf, type JoinLine, parseJoinLine } from './join-line.ts'
import { type JoinedLedger, keepContradiction, readLedgers, refuseUntrue, rememberKnown } from './ledger-list.ts'
import { openOwnLedger } from './open-ledger.ts'
import { type AttestingLedger, attestsHere } from './rail-receipts.ts'

export interface UsedLedger {
  readonly ledger: Ledger
  readonly facts: LedgerFacts
  readonly where: 'own' | 'served' | 'joined'
  readonly attests: AttestingLedger
  /** Of the one that is open here. */
  readonly own?: EmbeddedLedger
  readonly address?: LedgerAddress
  /** Each entry of an escrow or air-drop, in order; after an error what was told does not count. */
  readHolding(holding: NamedHolding, onEntry: (record: ReadRecord) => void, signal: AbortSignal): Promise<Result<void>>
  close(): Promise<void>
}

/** An escrow or an air-drop. */
type NamedHolding = Exclude<IndexedHolding, { readonly type: 'lane' }>

const servingName = 'serving'
const greetingMs = 10_000
const patienceMs = 15_000

/** Of the owner's own ledger, below the data folder. */
export function ownFolder(dataFolder: string): string {
  return join(dataFolder, 'ledger')
}

/** Says where the own ledger is served, as long as it is; the way to take that back. */
export function announceServing(dataFolder: string, line: string): () => void {
  const path = join(ownFolder(dataFolder), servingName)
  writeFileSync(path, `${line}\n`, { mode: 0o600 })
  return () => rmSync(path, { force: true })
}

function readServing(dataFolder: string): JoinLine | undefined {
  try {
    const line = parseJoinLine(readFileSync(join(ownFolder(dataFolder), servingName), 'utf8'))
    return line.ok ? line.value : undefined
  } catch {
    return undefined
  }
}

/** What a ledger says of itself, if it is the one of that hash. Errors: ledger-unreachable, ledger-untrue. */
export function greetLedger(line: JoinLine): Promise<Result<LedgerFacts>> {
  return new Promise((resolve) => {
    const end = (result: Result<LedgerFacts>) => {
      clearTimeout(timer)
      socket.close()
      resolve(result)
    }
    const timer = setTimeout(() => end(failure('ledger-unreachable', 'the ledger did not answer in time')), greetingMs)
    const socket = connectLedger(addressOf(line))({
      onMessage(text) {
        const hello = readAnswer(text)
        if (!hello.ok || hello.value.type !== 'hello') {
          end(failure('ledger-unreachable', 'what answers there is no ledger'))
          return
        }
        const genesis = fromBase64(hello.value.genesis)
        const isIts = toHex(sha256(genesis)) === line.genesisHash
        end(isIts ? ledgerFacts(genesis) : failure('ledger-untrue', 'another ledger answers at this address'))
      },
      onClose: (why) => end(why),
    })
  })
}

function useRemote(
  dataFolder: string,
  line: JoinLine,
  joined: Pick<JoinedLedger, 'facts' | 'known'>,
  where: 'served' | 'joined',
): UsedLedger {
  const { facts, known } = joined
  const address = addressOf(line)
  const ledger = new RemoteLedger({
    facts,
    connect: connectLedger(address),
    clock: systemClock(),
    random: systemRandom(),
    scheme: secp256k1.scheme,
    patienceMs,
    ...(known === undefined ? {} : { known }),
    onContradiction: (contradiction) => keepContradiction(dataFolder, facts, contradiction),
  })
  return {
    ledger,
    attests: ledger,
    facts,
    where,
    address,
    readHolding: (holding, onEntry, signal) => ledger.readHolding(holding, onEntry, signal),
    async close() {
      if (where === 'joined' && ledger.known !== undefined) rememberKnown(dataFolder, facts, ledger.known)
      ledger.close()
    },
  }
}

/** The own ledger, here or where it is served; `makes`: also where there is none yet. */
export async function useOwnLedger(dataFolder: string, makes: boolean): Promise<Result<UsedLedger>> {
  const opened = await openOwnLedger({ folder: ownFolder(dataFolder), makes })
  if (opened.ok) {
    const own = opened.value
    const close = async () => {
      await own.close()
    }
    const readHolding: UsedLedger['readHolding'] = (holding, onEntry, signal) =>
      own.readHolding(holding, onEntry, signal)
    return success({ ledger: own, attests: attestsHere(own), facts: own.facts, where: 'own', own, readHolding, close })
  }
  const line = opened.code === 'store-locked' ? readServing(dataFolder) : undefined
  if (line === undefined) return opened
  const facts = await greetLedger(line)
  return facts.ok ? success(useRemote(dataFolder, line, { facts: facts.value }, 'served')) : facts
}

/**
 * By name, id, genesis hash, a part of either, or `own`; without any the own one, else the only one that was joined.
 * Errors: ledger-missing, ledger-ambiguous, ledger-untrue (it told two stories), and those of opening.
 */
export async function useLedger(dataFolder: string, wanted?: string): Promise<Result<UsedLedger>> {
  if (!isAbsolute(dataFolder)) return failure('usage', 'the data folder has to be an absolute path')
  if (wanted === 'own') return useOwnLedger(dataFolder, false)
  const joined = readLedgers(dataFolder)
  if (!joined.ok) return joined
  if (wanted === undefined) {
    const own = await useOwnLedger(dataFolder, false)
    if (own.ok || own.code !== 'ledger-missing') return own
  }
  const found = findLedgers(joined.value, wanted)
  const [first] = found
  if (first === undefined) return failure('ledger-missing', wanted ?? 'no ledger is here, and none was joined')
  if (found.length > 1) return failure('ledger-ambiguous', `${found.length} ledgers are meant; name one`)
  return refuseUntrue(dataFolder, first.facts) ?? success(useRemote(dataFolder, first.line, first, 'joined'))
}

/**
 * All that the owner trusts, its own first, then those that were joined, in their order; or the one that is wanted. Those
 * that are reached are not waited for. Errors: as useLedger.
 */
export async function useTrustedLedgers(dataFolder: string, wanted?: string): Promise<Result<readonly UsedLedger[]>> {
  if (wanted !== undefined) {
    const used = await useLedger(dataFolder, wanted)
    return used.ok ? success([used.value]) : used
  }
  const joined = readLedgers(dataFolder)
  if (!joined.ok) return joined
  const own = await useOwnLedger(dataFolder, false)
  if (!own.ok && own.code !== 'ledger-missing') return own
  const trusted = joined.value.filter(({ facts }) => refuseUntrue(dataFolder, facts) === undefined)
  const others = trusted.map((each) => useRemote(dataFolder, each.line, each, 'joined'))
  const all = own.ok ? [own.value, ...others] : others
  return all.length > 0 ? success(all) : failure('ledger-missing', 'no ledger is here, and none was joined')
}

/** Those that a name, an id or a part of one may mean. */
export function findLedgers(ledgers: readonly JoinedLedger[], wanted: string | undefined): readonly JoinedLedger[] {
  if (wanted === undefined) return ledgers
  const named = ledgers.filter(({ facts }) => facts.genesis.name === wanted)
  if (named.length > 0) return named
  const id = wanted.replace(/^swarmbid:/, '')
  return id.length < 4 ? [] : ledgers.filter(({ facts }) => toHex(facts.hash).startsWith(id))
}
