// The ledgers that the owner trusts besides its own: a file in the data folder, which `ledger join` and `ledger leave`
// change. With each the latest that its operator signed, so that a second story is found out after a restart, too.
// Guarantees: the file is replaced whole or not at all; one that is damaged is told, and left as it is; a ledger that is
// proved to have told two stories is refused from then on.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { toHex } from '../base/bytes.ts'
import { type Failure, failure, type Result, success } from '../base/errors.ts'
import { type SignedReceipt, signedReceiptCodec } from '../formats/money/receipt.ts'
import { explainSystemError, fileErrorCode, isSystemError } from '../host/file-error.ts'
import { makeFolders } from '../host/make-folders.ts'
import { reserveFile } from '../host/write-output.ts'
import { type LedgerFacts, ledgerFacts } from '../ledger/genesis.ts'
import type { Contradiction } from '../rails/ledger-witness.ts'
import { formatJoinLine, type JoinLine, parseJoinLine } from './join-line.ts'

export interface JoinedLedger {
  readonly line: JoinLine
  readonly facts: LedgerFacts
  readonly known?: SignedReceipt
}

const fileName = 'ledgers.json'
const maxLedgers = 256

const listSchema = v.strictObject({
  version: v.literal(1),
  ledgers: v.pipe(
    v.array(
      v.strictObject({
        line: v.string(),
        /** Base64. */
        genesis: v.string(),
        known: v.optional(v.unknown()),
      }),
    ),
    v.maxLength(maxLedgers),
  ),
})

/** Errors: ledger-list-damaged, file-unreadable. */
export function readLedgers(dataFolder: string): Result<readonly JoinedLedger[]> {
  const path = join(dataFolder, fileName)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (!isSystemError(error)) throw error
    if (error.code === 'ENOENT') return success([])
    return failure(fileErrorCode(error, 'read'), `${path}: ${explainSystemError(error)}`)
  }
  const ledgers = parseList(text)
  return ledgers === undefined ? failure('ledger-list-damaged', `${path}: not a list of ledgers`) : success(ledgers)
}

function parseList(text: string): readonly JoinedLedger[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  const checked = v.safeParse(listSchema, parsed)
  if (!checked.success) return undefined
  const ledgers: JoinedLedger[] = []
  for (const { line, genesis, known } of checked.output.ledgers) {
    const place = parseJoinLine(line)
    const facts = ledgerFacts(new Uint8Array(Buffer.from(genesis, 'base64')))
    if (!place.ok || !facts.ok || toHex(facts.value.hash) !== place.value.genesisHash) return undefined
    const receipt = known === undefined ? undefined : signedReceiptCodec.fromJson(known, facts.value.rail)
    if (receipt?.ok === false) return undefined
    ledgers.push({ line: place.value, facts: facts.value, ...(receipt === undefined ? {} : { known: receipt.value }) })
  }
  return ledgers
}

/** Errors: those of makeFolders. Throws file-unwritable, disk-full. */
export function writeLedgers(dataFolder: string, ledgers: readonly JoinedLedger[]): Result<void> {
  const made = makeFolders(dataFolder, (each) => mkdirSync(each, { mode: 0o700 }))
  if (!made.ok) return made
  if (ledgers.length > maxLedgers) return failure('ledger-refused', `more than ${maxLedgers} ledgers`)
  const list = {
    version: 1,
    ledgers: ledgers.map(({ line, facts, known }) => ({
      line: formatJoinLine(line),
      genesis: Buffer.from(facts.bytes).toString('base64'),
      ...(known === undefined ? {} : { known: signedReceiptCodec.toJson(known) }),
    })),
  }
  const file = reserveFile(join(dataFolder, fileName), true)
  file.commit(Buffer.from(`${JSON.stringify(list, undefined, 2)}\n`))
  return success(undefined)
}

/** Keeps what was signed last, unless the ledger was left meanwhile. */
export function rememberKnown(dataFolder: string, facts: LedgerFacts, known: SignedReceipt): Result<void> {
  const ledgers = readLedgers(dataFolder)
  if (!ledgers.ok) return ledgers
  const isIts = (ledger: JoinedLedger) => ledger.facts.rail === facts.rail
  const before = ledgers.value.find(isIts)
  if (before === undefined || (before.known?.receipt.height ?? 0) > known.receipt.height) return success(undefined)
  return writeLedgers(
    dataFolder,
    ledgers.value.map((ledger) => (isIts(ledger) ? { ...ledger, known } : ledger)),
  )
}

function proofPath(dataFolder: string, { hash }: LedgerFacts): string {
  return join(dataFolder, `two-stories-${toHex(hash).slice(0, 16)}.json`)
}

/** Where the proof is that this ledger told two stories; undefined: there is none. */
export function provedUntrue(dataFolder: string, facts: LedgerFacts): string | undefined {
  const path = proofPath(dataFolder, facts)
  return existsSync(path) ? path : undefined
}

/** Errors: ledger-untrue (it is proved that it told two stories: nothing it says is believed again). */
export function refuseUntrue(dataFolder: string, facts: LedgerFacts): Failure | undefined {
  const path = provedUntrue(dataFolder, facts)
  return path === undefined
    ? undefined
    : failure('ledger-untrue', `${facts.genesis.name} told two stories; the proof is ${path}`)
}

/** Keeps for good what proves that an operator told two stories; the path. */
export function keepContradiction(dataFolder: string, facts: LedgerFacts, contradiction: Contradiction): string {
  const path = proofPath(dataFolder, facts)
  const { detail, first, second } = contradiction
  const proof = {
    detail,
    genesis: Buffer.from(facts.bytes).toString('base64'),
    receipts: [first, second].map((each) => signedReceiptCodec.toJson(each)),
  }
  try {
    writeFileSync(path, `${JSON.stringify(proof, undefined, 2)}\n`, { flag: 'wx' })
  } catch (error) {
    // The first proof is enough.
    if (!isSystemError(error) || error.code !== 'EEXIST') throw error
  }
  return path
}
