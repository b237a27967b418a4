// Waiting for an answer, but no longer than until a signal. What was asked for goes on; only its answer is not waited
// for. Guarantees: no listener stays behind.
import { failure, type Result } from '../base/errors.ts'

/** Errors besides: interrupted. */
export function unlessAborted<T>(answer: Promise<Result<T>>, signal: AbortSignal): Promise<Result<T>> {
  const interrupted = failure('interrupted', 'it was not waited for')
  if (signal.aborted) return Promise.resolve(interrupted)
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(interrupted)
    signal.addEventListener('abort', onAbort, { once: true })
    void answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
