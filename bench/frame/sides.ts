// Who takes part in a transfer: the product and libtorrent, as seeds and as leechers, each a process of its own.
// Guarantees: loopback only; a seed that has started has verified or is believed its content, so that what is watched
// from then on is seeding; a leecher's time is from its first connection to its last verified byte.
import { spawnSync } from 'node:child_process'
import { programVersion } from '../../src/cli/version.ts'
import { startSwarmbid } from '../../test/end-to-end/run-swarmbid.ts'
import { startLibtorrent } from '../../test/foreign/libtorrent.ts'
import type { Environment } from '../measure.ts'

export const transferLimitMs = 600_000
export const loopback = '127.0.0.1'
export const python = '/usr/bin/python3'

export interface SideTask {
  readonly torrent: string
  /** Where the content is or will be. */
  readonly folder: string
  /** For what the program keeps; not there yet. */
  readonly home: string
  /** Of our processes. */
  readonly environment: Environment
  /** That a seed may have; undefined: as is usual. */
  readonly maxConnections?: number
}

interface PeerPlace {
  readonly address: string
  readonly port: number
}

export interface RunningSeed {
  readonly pid: number
  /** More than one where the process plays several. */
  readonly places: readonly PeerPlace[]
  /** Connects to a leecher that cannot be told to; resolves when that has come about. */
  dial?(place: PeerPlace): Promise<void>
  /** Fails where the transfer, which is over, was not what it should have been. */
  check?(): Promise<void>
  stop(): Promise<unknown>
}

interface RunningLeech {
  readonly pid: number
  /** Seconds from the first connection to the last verified byte; undefined: a connection broke on the way. */
  finished(): Promise<number | undefined>
  stop(): Promise<unknown>
}

interface Side {
  readonly name: string
  readonly origin: string
  version(): string | undefined
}

export interface SeedSide extends Side {
  seed(task: SideTask): Promise<RunningSeed>
}

export interface LeechSide extends Side {
  leech(task: SideTask, seed: RunningSeed): Promise<RunningLeech>
}

export function pidOf({ pid }: { readonly pid?: number | undefined }): number {
  if (pid === undefined) throw new Error('no process')
  return pid
}

function ourOptions(task: SideTask): string[] {
  return ['--state', task.home, '--bind', loopback, '--port', '0', '--json']
}

export const swarmbid: SeedSide & LeechSide = {
  name: 'swarmbid',
  origin: 'this checkout',
  version: () => programVersion(),

  async seed(task) {
    const { maxConnections } = task
    const most = maxConnections === undefined ? [] : ['--max-peers', String(maxConnections)]
    const commandArguments = ['seed', task.torrent, task.folder, ...ourOptions(task), ...most]
    const started = startSwarmbid(commandArguments, { environment: task.environment })
    const { port } = await started.line('listening')
    if (port === undefined) throw new Error('no port')
    const places = [{ address: loopback, port }]
    return { pid: pidOf(started.process), places, stop: () => started.end() }
  },

  async leech(task, seed) {
    const peers = seed.places.flatMap(({ address, port }) => ['--peer', `${address}:${port}`])
    // It stays, so that its figures can be read when it is done.
    const commandArguments = ['download', task.torrent, '--dir', task.folder, ...ourOptions(task), ...peers, '--stay']
    const started = startSwarmbid(commandArguments, { environment: task.environment })
    await started.line('listening')
    return {
      pid: pidOf(started.process),
      async finished() {
        const { transferSeconds } = await started.line('done', transferLimitMs)
        if (transferSeconds === undefined) throw new Error(`it does not say how long it took; ${started.said()}`)
        return transferSeconds
      },
      stop: () => started.end(),
    }
  },
}

function libtorrentVersion(): string | undefined {
  const asked = spawnSync(python, ['-c', 'import libtorrent; print(libtorrent.__version__)'], { encoding: 'utf8' })
  return asked.status === 0 ? asked.stdout.trim() : undefined
}

export const libtorrent: SeedSide & LeechSide = {
  name: 'libtorrent',
  origin: 'the Debian package python3-libtorrent',
  version: libtorrentVersion,

  async seed({ torrent, folder, maxConnections }) {
    const settings = {
      // Whoever is not up yet is dialled again soon.
      min_reconnect_time: 1,
      ...(maxConnections === undefined
        ? {}
        : { connections_limit: 2 * maxConnections, max_peerlist_size: 2 * maxConnections, listen_queue_size: 1_024 }),
    }
    const started = await startLibtorrent({ source: torrent, folder, isSeed: true, settings })
    return {
      pid: pidOf(started.process),
      places: [{ address: loopback, port: started.port }],
      async dial({ address, port }) {
        started.connect(address, port)
        await started.line('connected')
      },
      stop: () => started.end(),
    }
  },

  async leech({ torrent, folder }, seed) {
    // As many connections as it is told of, at once.
    const settings = { connection_speed: 200, connections_limit: 1_000, min_reconnect_time: 1 }
    const started = await startLibtorrent({ source: torrent, folder, isSeed: false, settings })
    for (const { address, port } of seed.places) started.connect(address, port)
    return {
      pid: pidOf(started.process),
      async finished() {
        const { transferSeconds } = await started.line('done', transferLimitMs)
        if (transferSeconds === undefined) throw new Error(`it does not say how long it took; ${started.said()}`)
        const connections = started.lines.filter(({ type }) => type === 'connected').length
        return connections > seed.places.length ? undefined : transferSeconds
      },
      stop: () => started.end(),
    }
  },
}
