// Starts session-child.ts and talks with it: the whole engine on real sockets and files, with the configuration that a
// test wants. Guarantees: ended by its id when the test has ended; a crash fails whoever waits for something of it.
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { AddOptions, TorrentCommand } from '../../src/session/commands.ts'
import type { SessionConfig } from '../../src/session/session-config.ts'
import type { TorrentSnapshot, TorrentState } from '../../src/session/snapshots.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'

const childPath = fileURLToPath(new URL('./session-child.ts', import.meta.url))

export interface ChildOptions {
  readonly stateFolder: string
  readonly folder: string
  /** Path of a torrent file, or a magnet link. */
  readonly source: string
  readonly bindTo?: string
  readonly add?: AddOptions
  /** Hashes all that is on disk first. */
  readonly rechecks?: boolean
  readonly config?: Partial<SessionConfig>
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly code: string; readonly detail: string }

interface ChildSnapshot {
  readonly type: 'snapshot'
  readonly number: number
  readonly torrent: Omit<TorrentSnapshot, 'pieces'>
  /** In hexadecimal, as on the wire. */
  readonly pieces: string
  readonly rssBytes: number
  /** 99 of 100 turns of the event loop are shorter. */
  readonly slowestMs: number
  readonly connections: number
  readonly halfOpen: number
}

export type SessionLine =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'added'; readonly id: string }
  /** The content was looked at: what is there. */
  | { readonly type: 'ready'; readonly pieces: string }
  | { readonly type: 'state'; readonly state: TorrentState }
  | { readonly type: 'piece'; readonly piece: number; readonly atMs: number }
  | { readonly type: 'finished' }
  | { readonly type: 'outcome'; readonly command: string; readonly outcome: Outcome }
  | ChildSnapshot

export interface SessionProcess extends JsonProcess<SessionLine> {
  readonly port: number
  snapshot(): Promise<ChildSnapshot>
  command(command: Omit<TorrentCommand, 'id'> & { readonly [option: string]: unknown }): Promise<Outcome>
  /** The first state of that type after `from` lines, said already or to come. */
  state(type: TorrentState['type'], timeoutMs?: number, from?: number): Promise<TorrentState>
}

export interface StartOptions {
  /** Put before the program, such as `prlimit --fsize=…`. */
  readonly wrapper?: readonly string[]
}

const maxExitMs = 20_000

export async function startSession(
  t: Pick<TestContext, 'after'>,
  options: ChildOptions,
  { wrapper = [] }: StartOptions = {},
): Promise<SessionProcess> {
  const commandLine = [...wrapper, process.execPath, childPath, JSON.stringify(options)]
  const [command = process.execPath, ...rest] = commandLine
  const started = startJsonProcess<SessionLine>(command, rest, { name: `session ${options.stateFolder}` })
  t.after(() => started.end('SIGKILL'))
  const listening = await started.line('listening')
  assert.ok(listening.type === 'listening')
  let asked = 0
  const tell = (line: object) => void started.process.stdin?.write(`${JSON.stringify(line)}\n`)
  return {
    ...started,
    port: listening.port,
    async snapshot() {
      await started.line('added')
      const number = ++asked
      tell({ snapshot: number })
      const fits = (line: SessionLine) => line.type === 'snapshot' && line.number === number
      return (await started.line('snapshot', undefined, fits)) as ChildSnapshot
    },
    async command(given) {
      await started.line('added')
      const before = started.lines.length
      tell({ command: given })
      const fits = (line: SessionLine) =>
        line.type === 'outcome' && line.command === given.type && started.lines.indexOf(line) >= before
      const line = await started.line('outcome', undefined, fits)
      assert.ok(line.type === 'outcome')
      return line.outcome
    },
    async state(type, timeoutMs, from = 0) {
      const fits = (line: SessionLine) =>
        line.type === 'state' && line.state.type === type && started.lines.indexOf(line) >= from
      const line = await started.line('state', timeoutMs, fits)
      assert.ok(line.type === 'state')
      return line.state
    },
  }
}

/** Ends in order, as a person would; a trace on standard error is a failure. */
export async function endInOrder(child: SessionProcess): Promise<void> {
  child.process.kill('SIGTERM')
  assert.equal(await child.exit(maxExitMs), 0, child.errors())
  assert.equal(child.errors(), '')
}
