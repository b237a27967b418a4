// Assertions for what only a bug in this program can break. They stay on in production.
// Never for input: bytes from outside are answered with a Failure (see errors.ts).

export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** Unwraps what is known to be there; for indexes the surrounding code has already bounded. */
export function present<T>(value: T | undefined | null, message: string): T {
  if (value === undefined || value === null) throw new AssertionError(message)
  return value
}

/** The default branch of a switch over a closed union; does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`)
}
