// WebTorrent as a peer, a Node process for each.
// Guarantees: as foreign-program.ts says; but it listens at all addresses and connects from the usual one of loopback,
// which WebTorrent cannot be kept from.
import { mkdirSync } from 'node:fs'
import type { ForeignPeer, ForeignProgram, ForeignProgress, ForeignTask } from './foreign-program.ts'
import { startedOr, startForeign, until } from './foreign-program.ts'
import { npmOrigin, npmUrl, npmVersion } from './npm-package.ts'

const program = `
const [url, source, folder, secure] = process.argv.slice(1)
const { default: WebTorrent } = await import(url)
const off = { dht: false, lsd: false, utp: false, utPex: false, natUpnp: false, natPmp: false }
const client = new WebTorrent({ ...off, secure: secure === 'secure' })
client.on('error', (error) => { console.log(error); process.exit(1) })
const torrent = client.add(source, { path: folder })
torrent.on('warning', (error) => console.log(String(error)))
const tell = () => process.send({ port: client.torrentPort, doneBytes: torrent.downloaded, isComplete: torrent.done })
setInterval(tell, 25)
torrent.on('done', tell)
// Its files are closed once it is destroyed.
process.on('SIGTERM', () => client.destroy(() => process.exit(0)))
process.on('disconnect', () => process.exit(0))
`

async function start(task: ForeignTask): Promise<ForeignPeer> {
  mkdirSync(task.folder, { recursive: true })
  const options = ['--input-type=module', '-e', program, npmUrl('webtorrent/index.js'), task.source, task.folder]
  if (task.requiresEncryption === true) options.push('secure')
  const started = startForeign('webtorrent', process.execPath, options, { ...task, hasChannel: true })
  let latest: (ForeignProgress & { readonly port: number }) | undefined
  started.process.on('message', (message) => {
    latest = message as ForeignProgress & { readonly port: number }
  })
  return startedOr(started, async () => {
    const isSeed = task.role === 'seed'
    const { port } = await until(
      isSeed ? 'seeding' : 'listening',
      () => (latest !== undefined && latest.port > 0 && (latest.isComplete || !isSeed) ? latest : undefined),
      started,
    )
    return {
      port,
      progress() {
        started.assertAlive()
        return latest ?? { doneBytes: 0, isComplete: false }
      },
      said: () => started.said(),
      stop: () => started.stop(),
    }
  })
}

export const webtorrent: ForeignProgram = {
  name: 'webtorrent',
  origin: npmOrigin,
  versions: ['v1', 'hybrid'],
  asksUdpTrackers: true,
  readsHybridLinks: true,
  followsLinks: true,
  dialsLoopback: true,
  remarks: [
    'connects encrypted only, unless told not to encrypt at all',
    'says over UDP that nothing is left while it awaits the metadata of a magnet link',
    'makes no empty file of a hybrid torrent',
  ],
  version: () => npmVersion('webtorrent'),
  start,
}
