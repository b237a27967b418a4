// `swarmbid tracker`: a tracker over HTTP, UDP and WebSocket until it is interrupted.
// Guarantees: says where it listens once it does, one line a URL or one JSON object; Ctrl-C ends it with everything
// closed and its swarms saved; a hang-up (SIGHUP) reads its lists again, if it has any.
import { SwarmbidError } from '../base/errors.ts'
import { serveTracker, type TrackerService, type TrackerServiceOptions } from '../daemon/serve-tracker.ts'
import type { CommandContext, CommandResult } from './command-context.ts'
import { exitCodes } from './exit-code.ts'

export interface TrackerOptions {
  /** 0 takes any free port. */
  readonly port?: number
  /** IP addresses; this machine only where none is named. */
  readonly bind?: readonly string[]
  /** Seconds between announces. */
  readonly interval?: number
  readonly state?: string
  readonly users?: string
  readonly allow?: string
  readonly deny?: string
  readonly redis?: string
  readonly behindProxy?: boolean
  readonly openStats?: boolean
  readonly maxTorrents?: number
  readonly maxTorrentsPerAddress?: number
  readonly maxRequestsPerAddress?: number
  readonly json?: boolean
}

const defaultTrackerPort = 6969

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Without what was not given. */
function given<T extends object>(fields: { readonly [name in keyof T]: T[name] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}

function serviceOptions(options: TrackerOptions): TrackerServiceOptions {
  const { maxTorrentsPerAddress, maxRequestsPerAddress } = options
  return {
    port: options.port ?? defaultTrackerPort,
    ...given<Omit<TrackerServiceOptions, 'port'>>({
      addresses: options.bind,
      intervalSeconds: options.interval,
      stateFile: options.state,
      usersFile: options.users,
      allowFile: options.allow,
      denyFile: options.deny,
      redis: options.redis,
      isBehindProxy: options.behindProxy,
      arePagesOpen: options.openStats,
      maxSwarms: options.maxTorrents,
      limits: given({ maxTorrents: maxTorrentsPerAddress, requestsPerSecond: maxRequestsPerAddress }),
    }),
  }
}

async function reload(service: TrackerService, json: boolean, { output }: CommandContext): Promise<void> {
  const read = await service.reload()
  if (!read.ok) {
    if (json) output.json({ type: 'reload-failed', code: read.code, message: read.detail })
    else output.failure(read.code, read.detail)
  } else if (json) output.json({ type: 'reloaded' })
  else output.line('lists read again')
}

export async function runTracker(options: TrackerOptions, context: CommandContext): CommandResult {
  const { output, signal } = context
  const { json = false, users, allow, deny } = options
  const started = await serveTracker(serviceOptions(options))
  if (!started.ok) throw new SwarmbidError(started.code, started.detail)
  const { value: service } = started
  if (users !== undefined || allow !== undefined || deny !== undefined) {
    context.takeHangUp(() => void reload(service, json, context))
  }
  const { port, urls, loadedPeers } = service
  if (json) output.json({ type: 'listening', port, urls, ...(options.state === undefined ? {} : { loadedPeers }) })
  else for (const url of urls) output.line(`${output.style.good('listening')} ${output.style.plain(url)}`)
  await aborted(signal)
  const closed = await service.close()
  if (!closed.ok) throw new SwarmbidError(closed.code, closed.detail)
  return exitCodes.ok
}
