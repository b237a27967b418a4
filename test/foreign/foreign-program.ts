// What all foreign programs have in common: how a test starts one as a peer, watches it and ends it.
// Guarantees: nothing but loopback (each peer may have an address of its own) and nothing but the trackers of the
// torrent (no DHT, exchange, mapping or local discovery); every wait has a limit and says what the program said last;
// a process is ended by its id, at the latest with this one.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

export interface ForeignTask {
  readonly role: 'seed' | 'leech'
  /** Path of a torrent file, or a magnet link; either names trackers. */
  readonly source: string
  /** The folder that the content lies in, or will. */
  readonly folder: string
  /** A folder that is empty and the program's own: configuration, state, logs. */
  readonly home: string
  /** Of loopback, to listen at and to connect from as far as the program can. */
  readonly address: string
  /** Talks to nobody but encrypted, payload and all (MSE). */
  readonly requiresEncryption?: boolean
  /** Bytes a second; only libtorrent is ever asked. */
  readonly uploadLimit?: number
  /** Peers uploaded to at once; only libtorrent is ever asked. */
  readonly uploadSlots?: number
  /** What it is run in, such as a network namespace; of those that are driven by addresses, none is. */
  readonly wrapper?: readonly string[]
}

export interface ForeignProgress {
  /** Verified; 0 while there is no metadata. */
  readonly doneBytes: number
  readonly isComplete: boolean
  /** From the first connection to the end, where the program knows it. */
  readonly seconds?: number
}

export interface ForeignPeer {
  /** Where it listens, at its task's address. */
  readonly port: number
  progress(): Promise<ForeignProgress> | ForeignProgress
  /** What it said last, for a failure. */
  said(): string
  /** Ends it as its user would, so that all it holds is in files afterwards. */
  stop(): Promise<void>
}

export interface ForeignProgram {
  readonly name: string
  /** Where it is from, for whoever lacks it. */
  readonly origin: string
  /** Of torrents that it can read. */
  readonly versions: readonly ('v1' | 'v2' | 'hybrid')[]
  readonly asksUdpTrackers: boolean
  /** Whether it reads magnet links with both a version 1 and a version 2 info hash. */
  readonly readsHybridLinks: boolean
  /** Whether it downloads by magnet link without fail. */
  readonly followsLinks: boolean
  /** Whether it connects to peers at loopback addresses that a tracker tells it. */
  readonly dialsLoopback: boolean
  /** What had to be found out about it the hard way, for the page on interoperation. */
  readonly remarks: readonly string[]
  /** Undefined where it is not installed. */
  version(): string | undefined
  /** Resolves once it listens; a seed has verified its content by then. */
  start(task: ForeignTask): Promise<ForeignPeer>
}

export interface ForeignProcess {
  readonly process: ChildProcess
  said(): string
  /** Fails where it ended already. */
  assertAlive(): void
  stop(signal?: NodeJS.Signals): Promise<void>
}

const { SWARMBID_REQUIRE_FOREIGN: foreignRequired } = process.env
const startLimitMs = 60_000
const stopLimitMs = 10_000
const pollMs = 50
const mostKeptOutput = 6_000
/** Below the ports that systems give out by themselves (Linux: from 32,768), so that nobody takes one in between. */
const firstPort = 20_000
const portCount = 12_000

const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

/** Skips the test where the program is missing, which is a failure where it is required (CI). */
export function isMissing(t: TestContext, program: Pick<ForeignProgram, 'name' | 'origin' | 'version'>): boolean {
  if (program.version() !== undefined) return false
  assert.notEqual(foreignRequired, '1', `${program.name} is missing: ${program.origin}`)
  t.skip(`needs ${program.name}: ${program.origin}`)
  return true
}

/** The first group of `pattern` in what the command prints, or undefined where there is no such command. */
export function versionOf(command: string, commandArguments: readonly string[], pattern: RegExp): string | undefined {
  const { status, stdout, stderr } = spawnSync(command, commandArguments, { encoding: 'utf8', timeout: startLimitMs })
  return status === null ? undefined : (pattern.exec(`${stdout}\n${stderr}`)?.[1] ?? undefined)
}

export function startForeign(
  name: string,
  command: string,
  commandArguments: readonly string[],
  options: Pick<ForeignTask, 'home' | 'wrapper'> & {
    /** For messages, of Node's kind. */ readonly hasChannel?: boolean
  },
): ForeignProcess {
  const [outer = command, ...before] = [...(options.wrapper ?? []), command]
  const child = spawn(outer, [...before, ...commandArguments], {
    stdio: ['ignore', 'pipe', 'pipe', ...(options.hasChannel === true ? (['ipc'] as const) : [])],
    cwd: options.home,
    // A locale, so that names of files that are not ASCII are written as they are.
    env: {
      ...process.env,
      LC_ALL: 'C.UTF-8',
      HOME: options.home,
      XDG_CONFIG_HOME: options.home,
      XDG_DATA_HOME: options.home,
    },
  })
  living.add(child)
  let output = ''
  let hasEnded = false
  const keep = (part: Buffer | string) => {
    output = `${output}${part}`.slice(-mostKeptOutput)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  const ended = new Promise<void>((resolve) => {
    const end = (how: string) => {
      hasEnded = true
      keep(`\n(${how})`)
      living.delete(child)
      resolve()
    }
    child.once('error', (error) => end(error.message))
    child.once('close', (code, signal) => end(`ended: ${code ?? signal}`))
  })
  const said = () => `${name} said last:\n${output}`
  return {
    process: child,
    said,
    assertAlive: () => assert.ok(!hasEnded, `${name} has ended. ${said()}`),
    async stop(signal = 'SIGTERM') {
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), stopLimitMs)
      await ended
      clearTimeout(timer)
    },
  }
}

/** Asks again and again until there is an answer; a question that fails counts as none. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined> | T | undefined,
  told: { said(): string; assertAlive?(): void },
  limitMs = startLimitMs,
): Promise<T> {
  const endMs = performance.now() + limitMs
  let problem = ''
  while (performance.now() < endMs) {
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      problem = ` (${error instanceof Error ? error.message : error})`
    }
    told.assertAlive?.()
    await sleep(pollMs)
  }
  throw new Error(`no ${what} in ${limitMs} ms${problem}. ${told.said()}`)
}

/** Starts a peer of a process that is up already, and ends the process where that fails. */
export async function startedOr<T>(started: ForeignProcess, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await started.stop('SIGKILL')
    throw error
  }
}

/** Seconds from the last look at which nothing had come to the first at which all had. Fails after the limit. */
export function whenComplete(peer: ForeignPeer, limitMs: number): Promise<number> {
  let startedMs = performance.now()
  const check = async () => {
    const nowMs = performance.now()
    const { doneBytes, isComplete, seconds } = await peer.progress()
    if (doneBytes === 0) startedMs = nowMs
    return isComplete ? (seconds ?? (performance.now() - startedMs) / 1000) : undefined
  }
  return until('complete content', check, peer, limitMs)
}

function isUdpFree(port: number, address: string): Promise<boolean> {
  const socket = createSocket('udp4')
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false))
    socket.bind(port, address, () => socket.close(() => resolve(true)))
  })
}

function isTcpFree(port: number, address: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, address, () => server.close(() => resolve(true)))
  })
}

let lastPort = Math.floor(Math.random() * portCount)

/** A port nobody has, TCP and UDP, at any address of this machine: for programs that cannot say which one they took. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < portCount; attempt++) {
    lastPort = (lastPort + 1) % portCount
    const port = firstPort + lastPort
    if ((await isTcpFree(port, '0.0.0.0')) && (await isUdpFree(port, '0.0.0.0'))) return port
  }
  throw new Error('no port is free')
}
