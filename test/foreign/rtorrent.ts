// rTorrent as a peer, without its screen, driven by XML-RPC in SCGI over a local socket.
// Guarantees: as foreign-program.ts says.
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
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

const callLimitMs = 10_000

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** The values of the reply in their order, whatever they are nested in. */
function call(socketPath: string, method: string, parameters: readonly string[]): Promise<string[]> {
  const values = parameters.map((text) => `<param><value><string>${escaped(text)}</string></value></param>`)
  const body = `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${values.join('')}</params></methodCall>`
  const headers = `CONTENT_LENGTH\0${Buffer.byteLength(body)}\0SCGI\0${'1'}\0`
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let reply = ''
    socket.setTimeout(callLimitMs, () => socket.destroy(new Error(`rtorrent ${method}: no reply`)))
    socket.on('data', (part: Buffer) => {
      reply += part.toString()
    })
    socket.once('error', reject)
    socket.once('end', () => {
      if (reply.includes('<fault>')) reject(new Error(`rtorrent ${method}: ${reply}`))
      else resolve([...reply.matchAll(/<(?:string|i8|i4)>([^<]*)</g)].map(([, value = '']) => value))
    })
    socket.write(`${headers.length}:${headers},${body}`)
  })
}

function writeSettings(task: ForeignTask, port: number, socketPath: string): string {
  mkdirSync(task.folder, { recursive: true })
  const session = join(task.home, 'session')
  mkdirSync(session)
  const path = join(task.home, 'rtorrent.rc')
  writeFileSync(
    path,
    `system.daemon.set = true
session.path.set = "${session}"
directory.default.set = "${task.folder}"
network.scgi.open_local = "${socketPath}"
network.bind_address.set = ${task.address}
network.port_range.set = ${port}-${port}
network.port_random.set = no
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = yes
protocol.encryption.set = ${task.requiresEncryption === true ? 'allow_incoming,require,require_rc4' : 'allow_incoming'}
log.open_file = "log", "${join(task.home, 'log')}"
log.add_output = "info", "log"
`,
  )
  return path
}

async function start(task: ForeignTask): Promise<ForeignPeer> {
  const port = await freePort()
  const socketPath = join(task.home, 'rpc')
  const settings = writeSettings(task, port, socketPath)
  const started = startForeign('rtorrent', 'rtorrent', ['-n', '-o', `import=${settings}`], task)
  return startedOr(started, async () => {
    await until('answer', () => call(socketPath, 'system.client_version', []), started)
    await call(socketPath, 'load.start', ['', task.source])
    const progress = async () => {
      started.assertAlive()
      const fields = ['d.is_meta=', 'd.complete=', 'd.is_active=', 'd.completed_bytes=', 'd.message=']
      const [isMeta, complete, isActive, doneBytes] = await call(socketPath, 'd.multicall2', ['', 'main', ...fields])
      if (isMeta !== '0') return { doneBytes: 0, isComplete: false }
      return { doneBytes: Number(doneBytes), isComplete: complete === '1' && isActive === '1' }
    }
    if (task.role === 'seed') await until('seeding', async () => (await progress()).isComplete || undefined, started)
    return { port, progress, said: () => started.said(), stop: () => started.stop() }
  })
}

export const rtorrent: ForeignProgram = {
  name: 'rtorrent',
  origin: 'the Debian package rtorrent',
  versions: ['v1', 'hybrid'],
  asksUdpTrackers: true,
  readsHybridLinks: false,
  followsLinks: true,
  dialsLoopback: true,
  remarks: ['does nothing with a magnet link that also has a version 2 info hash, so it is left out'],
  version: () => versionOf('rtorrent', ['-h'], /client version (\d\S*\d)/),
  start,
}
