// Starts ledger-child.ts and says what it is asked for, so that whoever kills it knows which operations there can be.
// Guarantees: ended by its id when the test has ended; the same life asks for the same operations.
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { LoadPlan } from '../../bench/frame/ledger-load.ts'
import type { SignedOperation } from '../../src/ports/ledger.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'

const childPath = fileURLToPath(new URL('./ledger-child.ts', import.meta.url))

export interface LedgerChildOptions {
  readonly folder: string
  /** Each life asks for operations of its own. */
  readonly life: number
  readonly clients: number
}

export type LedgerLine =
  | { readonly type: 'ready'; readonly height: number }
  | { readonly type: 'done'; readonly index: number; readonly height: number }

const batch = 50

/** The operations of a life by their number, signed a batch at a time. */
export function operationsOfLife(plan: LoadPlan, life: number): (index: number) => SignedOperation {
  const signed: SignedOperation[] = []
  return (index) => {
    while (signed.length <= index) signed.push(...plan.operations(batch, `life ${life}, ${signed.length}`))
    return signed[index] as SignedOperation
  }
}

export function startLedger(t: TestContext, options: LedgerChildOptions): JsonProcess<LedgerLine> {
  const child = startJsonProcess<LedgerLine>(process.execPath, [childPath, JSON.stringify(options)], { name: 'ledger' })
  t.after(() => child.end('SIGKILL'))
  return child
}
