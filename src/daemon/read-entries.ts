// All entries of a ledger in order, whosoever it is: one's own from its journal, another's from the export that it gives
// away. Guarantees: entries of another's ledger are verified from the genesis before they are believed, up to an end that
// its operator signed; one at a time in memory.
import { failure, type Result, success, unwrap } from '../base/errors.ts'
import { decodeLine, type ReadRecord } from '../ledger/journal-record.ts'
import type { UsedLedger } from './use-ledger.ts'
import { fetchExport, verifyExport } from './verify-ledger.ts'

const linesAtOnce = 1_000

/** The height of the last one. Errors: ledger-unreachable, ledger-untrue, interrupted, those of the ledger. */
export async function readEntries(
  { own, facts, address }: Pick<UsedLedger, 'own' | 'facts' | 'address'>,
  onEntry: (record: ReadRecord) => void,
  signal: AbortSignal,
): Promise<Result<number>> {
  if (own === undefined) {
    const chunks = address === undefined ? undefined : await fetchExport(address)
    if (chunks?.ok !== true) return chunks ?? failure('ledger-unreachable', 'it has no address')
    const verdict = await verifyExport(chunks.value, () => undefined, signal, onEntry)
    if (!verdict.ok) return verdict
    if ('lineNumber' in verdict.value) return failure('ledger-untrue', `its journal: ${verdict.value.detail}`)
    const { height, isHeadSigned } = verdict.value
    if (verdict.value.facts.rail !== facts.rail) return failure('ledger-untrue', 'the journal of another ledger')
    return isHeadSigned ? success(height) : failure('ledger-untrue', 'the end of its journal is not signed')
  }
  const last = own.head.height
  for (let height = 1; height <= last; ) {
    const lines = await own.lines(height, Math.min(linesAtOnce, last - height + 1))
    if (!lines.ok) return lines
    if (signal.aborted) return failure('interrupted', 'stopped before the end')
    for (const line of lines.value) onEntry(unwrap(decodeLine(line, facts.rail)).record)
    height += lines.value.length
  }
  return success(last)
}
