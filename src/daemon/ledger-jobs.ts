// What the command line does with ledgers themselves, one job at a time: making one, showing what there is, joining,
// leaving, exporting. Payments on them are in ledger-payments.ts.
import { failure, type Result, success } from '../base/errors.ts'
import { parseTokenAmount } from '../base/token-amount.ts'
import type { Genesis } from '../ledger/genesis.ts'
import { exportGenesis, exportHead, exportLine } from '../rails/journal-export.ts'
import type { JoinLine } from './join-line.ts'
import { describeLedger, type LedgerChoice, type LedgerDescription, withLedger } from './ledger-choice.ts'
import { type JoinedLedger, provedUntrue, readLedgers, refuseUntrue, writeLedgers } from './ledger-list.ts'
import { openOwnLedger } from './open-ledger.ts'
import { findLedgers, greetLedger, ownFolder, type UsedLedger, useOwnLedger } from './use-ledger.ts'
import { fetchExport } from './verify-ledger.ts'

export interface OwnStatus extends LedgerDescription {
  /** 'served': by another process of this machine. */
  readonly where: UsedLedger['where']
  readonly height: number | undefined
}

export interface JoinedStatus extends LedgerDescription {
  readonly line: JoinLine
  /** Of the latest that its operator signed for us. */
  readonly knownHeight: number | undefined
  /** Where the proof is that it told two stories: it is used no more. */
  readonly provedUntrue: string | undefined
}

const linesAtOnce = 1_000

/** A new ledger of play money. Errors: file-exists, amount-invalid, statement-malformed, those of openOwnLedger. */
export async function initLedger(
  dataFolder: string,
  name: string | undefined,
  grantText: string | undefined,
): Promise<Result<LedgerDescription>> {
  const grant = grantText === undefined ? undefined : parseTokenAmount(grantText, 'TEST')
  if (grant?.ok === false) return grant
  const folder = ownFolder(dataFolder)
  const there = await openOwnLedger({ folder, makes: false })
  if (there.ok) await there.value.close()
  if (there.ok) return failure('file-exists', `${folder}: a ledger is there already`)
  if (there.code !== 'ledger-missing') return there
  const change = (genesis: Genesis): Genesis => ({
    ...genesis,
    ...(name === undefined ? {} : { name }),
    ...(grant === undefined ? {} : { minting: { type: 'invites', grant: grant.value.amount } }),
  })
  const made = await openOwnLedger({ folder, makes: true, change })
  if (!made.ok) return made
  const closed = await made.value.close()
  return closed.ok ? success(describeLedger(made.value.facts)) : closed
}

/** Errors: those of opening the own ledger, but that there is none; ledger-list-damaged. */
export async function ledgerStatus(
  dataFolder: string,
): Promise<Result<{ readonly own: OwnStatus | undefined; readonly joined: readonly JoinedStatus[] }>> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const joined = listed.value.map(({ line, facts, known }) => ({
    ...describeLedger(facts),
    line,
    knownHeight: known?.receipt.height,
    provedUntrue: provedUntrue(dataFolder, facts),
  }))
  const used = await useOwnLedger(dataFolder, false)
  if (!used.ok) return used.code === 'ledger-missing' ? success({ own: undefined, joined }) : used
  const { facts, where, own } = used.value
  const status = { ...describeLedger(facts), where, height: own?.head.height }
  await used.value.close()
  return success({ own: status, joined })
}

/** Errors: ledger-unreachable, ledger-untrue, and those of keeping it. */
export async function joinLedger(dataFolder: string, line: JoinLine): Promise<Result<LedgerDescription>> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const facts = await greetLedger(line)
  if (!facts.ok) return facts
  const refusal = refuseUntrue(dataFolder, facts.value)
  if (refusal !== undefined) return refusal
  const before = listed.value.find((ledger) => ledger.facts.rail === facts.value.rail)
  // It may have moved; what was signed before still counts.
  const joined: JoinedLedger = {
    line,
    facts: facts.value,
    ...(before?.known === undefined ? {} : { known: before.known }),
  }
  const written = writeLedgers(dataFolder, [...listed.value.filter((ledger) => ledger !== before), joined])
  return written.ok ? success(describeLedger(facts.value)) : written
}

/** Errors: ledger-missing, ledger-ambiguous. */
export function leaveLedger(dataFolder: string, wanted: string): Result<LedgerDescription> {
  const listed = readLedgers(dataFolder)
  if (!listed.ok) return listed
  const found = findLedgers(listed.value, wanted)
  const [first] = found
  if (first === undefined) return failure('ledger-missing', `${wanted}: no such ledger was joined`)
  if (found.length > 1) return failure('ledger-ambiguous', `${found.length} ledgers are meant; name one`)
  const written = writeLedgers(
    dataFolder,
    listed.value.filter((ledger) => ledger !== first),
  )
  return written.ok ? success(describeLedger(first.facts)) : written
}

/** The journal as text, in pieces. Errors: those of the ledger, ledger-unreachable. */
export function exportLedger(
  choice: LedgerChoice,
  write: (text: string) => Promise<void>,
  signal: AbortSignal,
): Promise<Result<LedgerDescription>> {
  return withLedger(choice, async ({ own, facts, address }) => {
    const ledger = describeLedger(facts)
    if (own === undefined) {
      const chunks = address === undefined ? undefined : await fetchExport(address)
      if (chunks?.ok !== true) return chunks ?? failure('ledger-unreachable', 'it has no address')
      const text = new TextDecoder('latin1')
      for await (const chunk of chunks.value) {
        if (signal.aborted) return failure('interrupted', 'stopped before the end')
        await write(text.decode(chunk))
      }
      return success(ledger)
    }
    const head = own.signedHead()
    await write(exportGenesis(facts.bytes))
    const last = head.receipt.height
    for (let height = 1; height <= last; ) {
      const lines = await own.lines(height, Math.min(linesAtOnce, last - height + 1))
      if (!lines.ok) return lines
      if (signal.aborted) return failure('interrupted', 'stopped before the end')
      await write(lines.value.map(exportLine).join(''))
      height += lines.value.length
    }
    await write(exportHead(head))
    return success(ledger)
  })
}
