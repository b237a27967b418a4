// A reporter of Node's test runner that says only what failed, and why, so that it can stand once more below everything
// else. Guarantees: what failed only for what is in it is left out. Owns nothing.
import { inspect } from 'node:util'

interface TestEvent {
  readonly type: string
  readonly data: {
    readonly name?: string
    readonly file?: string
    readonly line?: number
    readonly skip?: unknown
    readonly todo?: unknown
    readonly details?: { readonly error?: Error & { readonly failureType?: string } }
  }
}

/** Of one failure, in characters: a difference of two large objects is not read here. */
const mostCharacters = 4_000

/** The name is Node's. */
export default async function* failures(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    const error = data.details?.error
    // A suite fails for what failed in it, which is told already.
    if (type !== 'test:fail' || error?.failureType === 'subtestsFailed' || data.todo !== undefined) continue
    const why = inspect(error?.cause ?? error).slice(0, mostCharacters)
    yield `✖ ${data.name ?? ''} (${data.file ?? ''}:${data.line ?? 0})\n${why.replaceAll(/^/gm, '  ')}\n`
  }
}
