// How failure is told apart: a Failure is a value, returned for bytes and arguments from outside;
// a SwarmbidError carries the same code where an exception is the only way (I/O, command line).
// Codes and their meaning stand in error-table.ts alone.
import type { ErrorCode } from './error-table.ts'

export type { ErrorCode } from './error-table.ts'

export interface Failure {
  readonly ok: false
  readonly code: ErrorCode
  /** One sentence for a person: what was wrong and where; never a secret, and bounded in length. */
  readonly detail: string
}

export interface Success<T> {
  readonly ok: true
  readonly value: T
}

export type Result<T> = Success<T> | Failure

export function success<T>(value: T): Success<T> {
  return { ok: true, value }
}

export function failure(code: ErrorCode, detail: string): Failure {
  return { ok: false, code, detail }
}

export class SwarmbidError extends Error {
  override readonly name = 'SwarmbidError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.code = code
  }
}

/** Ends a parse from any depth; only inside `attempt`, which turns it back into a Failure. */
export function fail(code: ErrorCode, detail: string): never {
  throw new SwarmbidError(code, detail)
}

/** Runs a cold parser written with `fail`. Anything but a SwarmbidError is a bug and passes through. */
export function attempt<T>(parse: () => T): Result<T> {
  try {
    return success(parse())
  } catch (error) {
    if (error instanceof SwarmbidError) return failure(error.code, error.message)
    throw error
  }
}

/** The value, or the failure as an exception: for callers at the edge that handle exceptions anyway. */
export function unwrap<T>(result: Result<T>): T {
  if (!result.ok) throw new SwarmbidError(result.code, result.detail)
  return result.value
}
