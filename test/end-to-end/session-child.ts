// A session of the product in a process of its own, on real ports, for tests that kill it, starve it or attack it.
// Says by lines of JSON what happens and takes commands by lines of JSON; see session-process.ts for both. Nothing is
// caught here: a defect ends the process with a trace.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { toHex } from '../../src/base/bytes.ts'
import { unwrap } from '../../src/base/errors.ts'
import { openSystemSession } from '../../src/daemon/open-session.ts'
import type { Command, TorrentId } from '../../src/session/commands.ts'
import { sessionConfig } from '../../src/session/session-config.ts'
import type { TorrentState } from '../../src/session/snapshots.ts'
import type { ChildOptions, SessionLine } from './session-process.ts'

const options = JSON.parse(process.argv[2] ?? '') as ChildOptions
const { rates, ...changes } = options.config ?? {}
const unlimited = Number.POSITIVE_INFINITY
const delays = monitorEventLoopDelay({ resolution: 5 })
delays.enable()

function say(line: SessionLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const session = unwrap(
  await openSystemSession(
    sessionConfig({
      stateFolder: options.stateFolder,
      downloadFolder: options.folder,
      listenAddresses: ['127.0.0.1'],
      bindTo: options.bindTo ?? '127.0.0.1',
      restoresAll: false,
      exemptLocalNetwork: false,
      rates: {
        downloadBytesPerSecond: rates?.downloadBytesPerSecond ?? unlimited,
        uploadBytesPerSecond: rates?.uploadBytesPerSecond ?? unlimited,
      },
      ...changes,
    }),
  ),
)
say({ type: 'listening', port: session.snapshot().listening[0]?.port ?? 0 })
// Starting the program is not what is measured.
delays.reset()

let { cursor } = session.snapshot()
let isReady = false

function tellChanges(): void {
  const changes = session.changesSince(cursor)
  cursor = changes.cursor
  assert.equal(changes.type, 'changes')
  if (changes.type !== 'changes') return
  for (const change of changes.changes) {
    if (change.type === 'piece') say({ type: 'piece', piece: change.piece, atMs: Date.now() })
    if (change.type === 'finished') say({ type: 'finished' })
    if (change.type === 'state') tellState(change.id, change.state)
  }
}

function tellState(id: TorrentId, state: TorrentState): void {
  if (!isReady && ['downloading', 'seeding', 'stopped'].includes(state.type)) {
    isReady = true
    say({ type: 'ready', pieces: toHex(unwrap(session.torrentSnapshot(id)).pieces) })
  }
  say({ type: 'state', state })
}

async function run(command: Command): Promise<void> {
  const outcome = await session.run(command)
  say({ type: 'outcome', command: command.type, outcome: outcome.ok ? { ok: true } : outcome })
}

const lines = createInterface(process.stdin)

async function end(): Promise<void> {
  lines.close()
  await session.close()
}
process.once('SIGTERM', () => void end())
// Whoever started it is gone.
lines.once('close', () => void end())

session.onChange(tellChanges)
const isLink = options.source.startsWith('magnet:')
const added = unwrap(
  await session.run({
    type: 'add',
    source: isLink
      ? { type: 'magnet', link: options.source }
      : { type: 'metainfo', bytes: readFileSync(options.source) },
    options: options.add ?? {},
  }),
)
assert.ok(added.type === 'added')
const { id } = added
function tellSnapshot(number: number): void {
  const { pieces, ...torrent } = unwrap(session.torrentSnapshot(id))
  const { rss } = process.memoryUsage()
  const { connections, halfOpen } = session.snapshot()
  const slowestMs = delays.percentile(99) / 1e6
  say({ type: 'snapshot', number, torrent, pieces: toHex(pieces), rssBytes: rss, slowestMs, connections, halfOpen })
}

if (options.rechecks === true) await run({ type: 'recheck', id })
lines.on('line', (text) => {
  const asked = JSON.parse(text) as { command?: Command; snapshot?: number }
  if (asked.command !== undefined) void run({ ...asked.command, id } as Command)
  if (asked.snapshot !== undefined) tellSnapshot(asked.snapshot)
})
say({ type: 'added', id })
