// What a ledger that is served said of a request, in this program's words: which refusals are final, which are asked
// again. Guarantees: a ledger can make nobody believe in a code that is not one of a ledger.
import { type ErrorCode, type Failure, failure } from '../base/errors.ts'

const finalCodes = new Set<string>([
  'account-invalid',
  'funds-insufficient',
  'lane-closed',
  'ledger-conflict',
  'ledger-refused',
  'signature-invalid',
  'statement-malformed',
  'voucher-invalid',
] satisfies ErrorCode[])
const maxDetailLength = 500

/** Whether asking again would be answered alike. */
export function isFinalFailure({ code }: Failure): boolean {
  return finalCodes.has(code) || code === 'ledger-untrue'
}

export function failureOf({ code, detail }: { readonly code: string; readonly detail: string }): Failure {
  const isKnown = finalCodes.has(code) || code === 'ledger-busy'
  return failure(isKnown ? (code as ErrorCode) : 'ledger-unreachable', detail.slice(0, maxDetailLength))
}

/** To whoever waited as long as it had the patience to. */
export function unreachableOf({ code, detail }: Failure): Failure {
  return failure(code === 'ledger-busy' ? code : 'ledger-unreachable', detail)
}

export const silence = failure('ledger-unreachable', 'the ledger did not answer in time')
