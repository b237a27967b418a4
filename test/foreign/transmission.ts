// Transmission as a peer: its daemon, driven over its RPC, and its one-shot command, whose output is read.
// Guarantees: as foreign-program.ts says.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ForeignPeer,
  type ForeignProgram,
  type ForeignTask,
  freePort,
  startedOr,
  startForeign,
  until,
  versionOf,
} from './foreign-program.ts'

interface TorrentState {
  readonly haveValid: number
  readonly leftUntilDone: number
  readonly metadataPercentComplete: number
  readonly status: number
  readonly error: number
  readonly errorString: string
}

const seedingStatus = 6
const sessionHeader = 'x-transmission-session-id'
const versionPattern = /(?:daemon|cli) (\d\S*)/

function writeSettings(task: ForeignTask, port: number, rpcPort: number): void {
  mkdirSync(task.folder, { recursive: true })
  const settings = {
    'bind-address-ipv4': task.address,
    'bind-address-ipv6': '::1',
    'dht-enabled': false,
    'download-dir': task.folder,
    'encryption': task.requiresEncryption === true ? 2 : 1,
    'lpd-enabled': false,
    'peer-port': port,
    'pex-enabled': false,
    'port-forwarding-enabled': false,
    'rpc-bind-address': '127.0.0.1',
    'rpc-port': rpcPort,
    'utp-enabled': false,
  }
  writeFileSync(join(task.home, 'settings.json'), JSON.stringify(settings))
}

type Call = (method: string, parameters: Readonly<Record<string, unknown>>) => Promise<unknown>

function rpcCaller(port: number): Call {
  let session = ''
  return async function call(method, parameters): Promise<unknown> {
    const response = await fetch(`http://127.0.0.1:${port}/transmission/rpc`, {
      method: 'POST',
      headers: { [sessionHeader]: session },
      body: JSON.stringify({ method, arguments: parameters }),
    })
    const body = await response.text()
    if (response.status === 409) {
      session = response.headers.get(sessionHeader) ?? ''
      return call(method, parameters)
    }
    const reply = JSON.parse(body) as { readonly result: string; readonly arguments: unknown }
    if (reply.result !== 'success') throw new Error(`transmission ${method}: ${reply.result}`)
    return reply.arguments
  }
}

async function torrentState(call: Call): Promise<TorrentState> {
  const fields = ['haveValid', 'leftUntilDone', 'metadataPercentComplete', 'status', 'error', 'errorString']
  const { torrents } = (await call('torrent-get', { fields })) as { readonly torrents: readonly TorrentState[] }
  const [torrent] = torrents
  if (torrent === undefined) throw new Error('transmission has no torrent')
  if (torrent.error === 3) throw new Error(`transmission: ${torrent.errorString}`)
  return torrent
}

async function startDaemon(task: ForeignTask): Promise<ForeignPeer> {
  const [port, rpcPort] = [await freePort(), await freePort()]
  writeSettings(task, port, rpcPort)
  const options = ['--foreground', '--config-dir', task.home, '--log-debug']
  const started = startForeign('transmission-daemon', 'transmission-daemon', options, task)
  const call = rpcCaller(rpcPort)
  return startedOr(started, async () => {
    await until('answer', async () => (await call('session-get', {})) ?? undefined, started)
    await call('torrent-add', { 'filename': task.source, 'download-dir': task.folder })
    if (task.role === 'seed') {
      const isSeeding = async () => (await torrentState(call)).status === seedingStatus || undefined
      await until('seeding', isSeeding, started)
    }
    return {
      port,
      async progress() {
        started.assertAlive()
        const { haveValid, leftUntilDone, metadataPercentComplete } = await torrentState(call)
        return { doneBytes: haveValid, isComplete: metadataPercentComplete === 1 && leftUntilDone === 0 }
      },
      said: () => started.said(),
      stop: () => started.stop(),
    }
  })
}

async function startOneShot(task: ForeignTask): Promise<ForeignPeer> {
  const port = await freePort()
  writeSettings(task, port, await freePort())
  const options = ['--config-dir', task.home, '--download-dir', task.folder, '--port', String(port), '--no-portmap']
  if (task.requiresEncryption === true) options.push('--encryption-required')
  // Its output is a screen of one line, which it would keep back by the kilobyte where there is no terminal.
  const commandArguments = ['--output=0', 'transmission-cli', ...options, task.source]
  const started = startForeign('transmission-cli', 'stdbuf', commandArguments, task)
  const isSeeding = () => /^.*(Seeding|Progress)/s.exec(started.said())?.[1] === 'Seeding'
  return startedOr(started, async () => {
    if (task.role === 'seed') await until('seeding', () => isSeeding() || undefined, started)
    return {
      port,
      progress() {
        started.assertAlive()
        const percent = Number(/^.*Progress: ([\d.]+)%/s.exec(started.said())?.[1] ?? 0)
        return { doneBytes: percent, isComplete: isSeeding() }
      },
      said: () => started.said(),
      stop: () => started.stop('SIGINT'),
    }
  })
}

/** Transmission 3.00 takes loopback addresses for impossible ones. */
const traits: Pick<ForeignProgram, 'versions' | 'asksUdpTrackers' | 'readsHybridLinks' | 'dialsLoopback' | 'remarks'> =
  {
    versions: ['v1'],
    asksUdpTrackers: true,
    readsHybridLinks: false,
    dialsLoopback: false,
    remarks: [
      'connects to no loopback address that a tracker tells, so we connect to it',
      'takes up to 10 s to be interested in a peer, or to unchoke one; asks for blocks once a second',
      'cannot read a torrent with an empty key in it, as hybrid ones have',
      'refuses the last of as many requests as it says it keeps, and tells so 10 s later',
      'makes no empty files',
    ],
  }

export const transmissionDaemon: ForeignProgram = {
  name: 'transmission-daemon',
  origin: 'the Debian package transmission-daemon',
  ...traits,
  followsLinks: true,
  version: () => versionOf('transmission-daemon', ['--version'], versionPattern),
  start: startDaemon,
}

export const transmissionCli: ForeignProgram = {
  name: 'transmission-cli',
  origin: 'the Debian package transmission-cli',
  ...traits,
  followsLinks: false,
  remarks: [...traits.remarks, 'now and then takes the arrival of metadata for its end'],
  version: () => versionOf('transmission-cli', ['--version'], versionPattern),
  start: startOneShot,
}
