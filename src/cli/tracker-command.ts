// `swarmbid tracker`: a small in-memory tracker over HTTP and UDP until it is interrupted.
// Guarantees: says where it listens once it does, one line a URL or one JSON object; Ctrl-C ends it with everything
// closed.
import { SwarmbidError } from '../base/errors.ts'
import { serveTracker } from '../daemon/serve-tracker.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'

export interface TrackerOptions {
  /** 0 takes any free port. */
  readonly port?: number
  /** IP addresses; this machine only where none is named. */
  readonly bind?: readonly string[]
  /** Seconds between announces. */
  readonly interval?: number
  readonly json?: boolean
}

const defaultTrackerPort = 6969

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

export async function runTracker(options: TrackerOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const { port = defaultTrackerPort, bind, interval } = options
  const started = await serveTracker({
    port,
    ...(bind === undefined ? undefined : { addresses: bind }),
    ...(interval === undefined ? undefined : { intervalSeconds: interval }),
  })
  if (!started.ok) throw new SwarmbidError(started.code, started.detail)
  const { urls, close } = started.value
  if (options.json === true) output.json({ type: 'listening', port: started.value.port, urls })
  else for (const url of urls) output.line(`${output.style.good('listening')} ${output.style.plain(url)}`)
  await aborted(signal)
  await close()
  return exitCodes.ok
}
