// Foreign trackers, each over HTTP and UDP on one port of loopback: opentracker, and bittorrent-tracker of npm.
// Guarantees: the tracker answers once it is started; its process is ended by its id.
import { chmodSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import {
  type ForeignProcess,
  type ForeignProgram,
  freePort,
  startedOr,
  startForeign,
  until,
  versionOf,
} from './foreign-program.ts'
import { npmOrigin, npmUrl, npmVersion } from './npm-package.ts'

export interface ForeignTracker extends Pick<ForeignProgram, 'name' | 'origin' | 'version'> {
  /** `home` is a folder of its own, `infoHash` what it will be asked for, in hexadecimal. */
  start(home: string, infoHash: string): Promise<RunningTracker>
}

interface RunningTracker {
  readonly urls: { readonly http: string; readonly udp: string }
  said(): string
  stop(): Promise<void>
}

const host = '127.0.0.1'

function isListening(port: number): Promise<boolean> {
  const socket = connect({ host, port })
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false))
    socket.once('connect', () => resolve(true))
  }).then((answer) => {
    socket.destroy()
    return answer === true
  })
}

function running(started: ForeignProcess, port: number): Promise<RunningTracker> {
  return startedOr(started, async () => {
    await until('answer', async () => (await isListening(port)) || undefined, started)
    return {
      urls: { http: `http://${host}:${port}/announce`, udp: `udp://${host}:${port}/announce` },
      said: () => started.said(),
      stop: () => started.stop(),
    }
  })
}

const npmProgram = `
const [url, port] = process.argv.slice(1)
const { Server } = await import(url)
const server = new Server({ http: true, udp: true, ws: false, stats: false })
server.on('error', (error) => { console.log(error); process.exit(1) })
server.on('warning', (error) => console.log(String(error)))
server.listen(Number(port), { http: '${host}', udp4: '${host}', udp6: '::1' })
`

export const foreignTrackers: readonly ForeignTracker[] = [
  {
    name: 'opentracker',
    origin: 'the Debian package opentracker',
    // It has none; its package does.
    version: () => versionOf('dpkg-query', ['--show', 'opentracker'], /^opentracker\s+(\S+)/),
    async start(home, infoHash) {
      const port = await freePort()
      // Debian's serves only torrents that are listed. Started by root it goes on as nobody, with this for its root.
      writeFileSync(join(home, 'listed'), `${infoHash}\n`)
      chmodSync(home, 0o755)
      const options = ['-i', host, '-p', `${port}`, '-P', `${port}`, '-w', 'listed', '-d', home]
      return running(startForeign('opentracker', 'opentracker', options, { home }), port)
    },
  },
  {
    name: 'bittorrent-tracker',
    origin: npmOrigin,
    version: () => npmVersion('bittorrent-tracker'),
    async start(home) {
      const port = await freePort()
      const options = ['--input-type=module', '-e', npmProgram, npmUrl('bittorrent-tracker/index.js'), `${port}`]
      return running(startForeign('bittorrent-tracker', process.execPath, options, { home }), port)
    },
  },
]
