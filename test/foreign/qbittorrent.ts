// qBittorrent without its window as a peer, driven over its web interface.
// Guarantees: as foreign-program.ts says.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
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

interface TorrentInfo {
  readonly state: string
  readonly completed: number
  readonly amount_left: number
  readonly size: number
}

const seedingStates = new Set(['uploading', 'stalledUP', 'forcedUP'])

/** What it tells of a torrent is from its last refresh, usually 1.5 s apart. */
function writeSettings(task: ForeignTask, port: number, webPort: number): void {
  mkdirSync(task.folder, { recursive: true })
  const folder = join(task.home, 'qBittorrent', 'config')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'qBittorrent.conf'),
    `[LegalNotice]
Accepted=true
[BitTorrent]
Session\\Port=${port}
Session\\Interface=lo
Session\\InterfaceAddress=${task.address}
Session\\BTProtocol=TCP
Session\\DHTEnabled=false
Session\\PeXEnabled=false
Session\\Encryption=${task.requiresEncryption === true ? 1 : 0}
Session\\LSDEnabled=false
Session\\MultiConnectionsPerIp=true
Session\\QueueingSystemEnabled=false
Session\\RefreshInterval=50
Session\\DefaultSavePath=${task.folder}
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port=${webPort}
WebUI\\LocalHostAuth=false
WebUI\\UseUPnP=false
`,
  )
}

async function call(port: number, path: string, body?: FormData): Promise<string> {
  const options = body === undefined ? {} : { method: 'POST', body }
  const response = await fetch(`http://127.0.0.1:${port}/api/v2/${path}`, options)
  const text = await response.text()
  if (!response.ok || text === 'Fails.') throw new Error(`qBittorrent ${path}: ${response.status} ${text}`)
  return text
}

function addForm(task: ForeignTask): FormData {
  const form = new FormData()
  form.set('savepath', task.folder)
  if (task.source.startsWith('magnet:')) form.set('urls', task.source)
  else form.set('torrents', new Blob([readFileSync(task.source)]), 'a.torrent')
  return form
}

async function start(task: ForeignTask): Promise<ForeignPeer> {
  const [port, webPort] = [await freePort(), await freePort()]
  writeSettings(task, port, webPort)
  const started = startForeign('qbittorrent-nox', 'qbittorrent-nox', [`--profile=${task.home}`], task)
  return startedOr(started, async () => {
    await until('answer', () => call(webPort, 'app/version'), started)
    await call(webPort, 'torrents/add', addForm(task))
    const progress = async () => {
      started.assertAlive()
      const [torrent] = JSON.parse(await call(webPort, 'torrents/info')) as readonly TorrentInfo[]
      if (torrent === undefined || torrent.size <= 0) return { doneBytes: 0, isComplete: false }
      return { doneBytes: torrent.completed, isComplete: seedingStates.has(torrent.state) }
    }
    if (task.role === 'seed') await until('seeding', async () => (await progress()).isComplete || undefined, started)
    return { port, progress, said: () => started.said(), stop: () => started.stop() }
  })
}

export const qbittorrent: ForeignProgram = {
  name: 'qbittorrent-nox',
  origin: 'the Debian package qbittorrent-nox',
  versions: ['v1', 'v2', 'hybrid'],
  asksUdpTrackers: true,
  readsHybridLinks: true,
  followsLinks: true,
  dialsLoopback: true,
  remarks: [],
  version: () => versionOf('qbittorrent-nox', ['--version'], /qBittorrent v(\S+)/),
  start,
}
