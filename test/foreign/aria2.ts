// aria2 as a peer, driven over its JSON-RPC.
// Guarantees: as foreign-program.ts says; but it listens at all addresses, which aria2 cannot be kept from.
import { mkdirSync, readFileSync } from 'node:fs'
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

interface DownloadState {
  readonly gid: string
  readonly status: string
  readonly completedLength: string
  readonly totalLength: string
  readonly errorMessage?: string
  /** Of what a magnet link's metadata led to. */
  readonly followedBy?: readonly string[]
}

async function call(port: number, method: string, parameters: readonly unknown[]): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}/jsonrpc`, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: '1', method: `aria2.${method}`, params: parameters }),
  })
  const reply = (await response.json()) as { readonly result?: unknown; readonly error?: { readonly message: string } }
  if (reply.error !== undefined) throw new Error(`aria2 ${method}: ${reply.error.message}`)
  return reply.result
}

async function start(task: ForeignTask): Promise<ForeignPeer> {
  const [port, rpcPort] = [await freePort(), await freePort()]
  mkdirSync(task.folder, { recursive: true })
  const options = {
    'no-conf': true,
    'enable-rpc': true,
    'rpc-listen-port': rpcPort,
    'rpc-listen-all': false,
    'stop-with-process': process.pid,
    'dir': task.folder,
    'listen-port': port,
    'interface': task.address,
    'disable-ipv6': true,
    'enable-dht': false,
    'enable-dht6': false,
    'bt-enable-lpd': false,
    'enable-peer-exchange': false,
    'bt-require-crypto': task.requiresEncryption === true,
    'bt-min-crypto-level': task.requiresEncryption === true ? 'arc4' : 'plain',
    'check-integrity': task.role === 'seed',
    'seed-ratio': '0.0',
    'file-allocation': 'none',
    'console-log-level': 'info',
    'rpc-save-upload-metadata': false,
    'summary-interval': 0,
    'enable-color': false,
  }
  const commandArguments = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const started = startForeign('aria2', 'aria2c', commandArguments, task)
  return startedOr(started, async () => {
    await until('answer', () => call(rpcPort, 'getVersion', []), started)
    const isMagnet = task.source.startsWith('magnet:')
    const added = isMagnet
      ? call(rpcPort, 'addUri', [[task.source]])
      : call(rpcPort, 'addTorrent', [readFileSync(task.source).toString('base64')])
    const first = (await added) as string
    const progress = async () => {
      started.assertAlive()
      let state = (await call(rpcPort, 'tellStatus', [first])) as DownloadState
      const next = state.followedBy?.[0]
      if (isMagnet && next === undefined) return { doneBytes: 0, isComplete: false }
      if (next !== undefined) state = (await call(rpcPort, 'tellStatus', [next])) as DownloadState
      if (state.status === 'error') throw new Error(`aria2: ${state.errorMessage}`)
      const doneBytes = Number(state.completedLength)
      return { doneBytes, isComplete: doneBytes > 0 && doneBytes === Number(state.totalLength) }
    }
    if (task.role === 'seed') await until('seeding', async () => (await progress()).isComplete || undefined, started)
    return { port, progress, said: () => started.said(), stop: () => started.stop() }
  })
}

export const aria2: ForeignProgram = {
  name: 'aria2',
  origin: 'the Debian package aria2',
  versions: ['v1'],
  asksUdpTrackers: false,
  readsHybridLinks: false,
  followsLinks: true,
  dialsLoopback: true,
  remarks: [
    'sends bitfields late, in place of haves that would be longer',
    'says that nothing is left while it awaits the metadata of a magnet link',
    'takes a wrong info hash for that of a torrent with an empty key in it, as hybrid ones have',
    'asks no UDP tracker while its DHT is off',
  ],
  version: () => versionOf('aria2c', ['--version'], /aria2 version (\S+)/),
  start,
}
