// The ledger that this machine operates, in a folder: its database and its operator's key. Opens with no set-up: where
// there is none, a ledger of play money (TEST) is made.
// Guarantees: the key is on the disk before the genesis that names it; one process has a ledger at a time.
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result } from '../base/errors.ts'
import { secp256k1 } from '../host/secp256k1.ts'
import { openSqliteStore } from '../host/sqlite-store.ts'
import { systemClock } from '../host/system-clock.ts'
import { systemRandom } from '../host/system-random.ts'
import { type Genesis, genesisCodec, ledgerFacts, testGenesis } from '../ledger/genesis.ts'
import type { Hash256 } from '../ports/ledger.ts'
import type { Random } from '../ports/random.ts'
import type { SigningKey } from '../ports/signatures.ts'
import type { Store } from '../ports/store.ts'
import { EmbeddedLedger } from '../rails/embedded-ledger.ts'
import { readGenesis, writeGenesis } from '../rails/journal-store.ts'
import { makeOperatorKey, readOperatorKey } from './operator-key.ts'

export interface OwnLedgerOptions {
  /** Absolute. */
  readonly folder: string
  /** Whether to make one where there is none. */
  readonly makes: boolean
  /** What is otherwise than in a ledger of play money, when it is made. */
  readonly change?: (genesis: Genesis) => Genesis
}

const databaseName = 'ledger.db'
const keyName = 'operator.key'

/**
 * Reads and verifies the whole journal. Errors: ledger-missing, store-locked, store-damaged, ledger-damaged (naming the
 * entry), file-not-found (the key), statement-malformed (the change), and those of writing.
 */
export async function openOwnLedger(options: OwnLedgerOptions): Promise<Result<EmbeddedLedger>> {
  const path = join(options.folder, databaseName)
  if (!options.makes && !existsSync(path)) return missing(options)
  const opened = await openSqliteStore(path)
  if (!opened.ok) return opened
  const ledger = await openInStore(opened.value, options)
  if (!ledger.ok) await opened.value.close()
  return ledger
}

function missing({ folder }: OwnLedgerOptions): Failure {
  return failure('ledger-missing', `${folder}: no ledger is there yet`)
}

async function openInStore(store: Store, options: OwnLedgerOptions): Promise<Result<EmbeddedLedger>> {
  const random = systemRandom()
  const keyPath = join(options.folder, keyName)
  const found = await readGenesis(store)
  if (!found.ok) return found
  let genesis = found.value
  if (genesis === undefined && !options.makes) return missing(options)
  const key = genesis === undefined ? keyForNew(keyPath, random) : readOperatorKey(keyPath)
  if (!key.ok) return key
  if (genesis === undefined) {
    genesis = newGenesis(options, key.value, random)
    const facts = ledgerFacts(genesis)
    if (!facts.ok) return facts
    const written = await writeGenesis(store, genesis)
    if (!written.ok) return written
  }
  return EmbeddedLedger.open(genesis, {
    store,
    clock: systemClock(),
    random,
    scheme: secp256k1.scheme,
    operator: key.value,
  })
}

/** One that is there already is of an attempt that ended before the genesis was written, or was put there. */
function keyForNew(path: string, random: Random): Result<SigningKey> {
  const there = readOperatorKey(path)
  return there.ok || there.code !== 'file-not-found' ? there : makeOperatorKey(path, random)
}

function newGenesis({ folder, change }: OwnLedgerOptions, key: SigningKey, random: Random): Uint8Array {
  const nonce = new Uint8Array(32)
  random.fill(nonce)
  const name = basename(folder).slice(0, 32)
  const genesis = testGenesis(name, toHex(key.address), systemClock().wallMs(), toHex(nonce) as Hash256)
  return genesisCodec.encode(change?.(genesis) ?? genesis)
}
