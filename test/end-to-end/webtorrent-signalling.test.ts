// Two clients of npm's bittorrent-tracker find each other through our tracker over WebSocket, and connect with WebRTC.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { unwrap } from '../../src/base/errors.ts'
import { serveTracker } from '../../src/daemon/serve-tracker.ts'
import { isMissing } from '../foreign/foreign-program.ts'
import { type JsonProcess, startJsonProcess } from '../foreign/json-process.ts'
import { npmOrigin, npmUrl, npmVersion } from '../foreign/npm-package.ts'

const tracker = {
  name: 'bittorrent-tracker',
  origin: npmOrigin,
  version: () => npmVersion('bittorrent-tracker'),
}

interface Line {
  readonly type: 'update' | 'heard' | 'scrape' | 'warning'
  readonly complete?: number
  readonly incomplete?: number
  readonly text?: string
}

const program = `
const [module, url, id, left] = process.argv.slice(1)
const { Client } = await import(module)
const say = (line) => console.log(JSON.stringify(line))
const client = new Client({ infoHash: 'ab'.repeat(20), peerId: id.repeat(20), announce: [url], port: 6881 })
client.on('error', (error) => say({ type: 'warning', text: String(error) }))
client.on('warning', (error) => say({ type: 'warning', text: String(error) }))
client.on('update', ({ complete, incomplete }) => say({ type: 'update', complete, incomplete }))
client.on('scrape', ({ complete, incomplete }) => say({ type: 'scrape', complete, incomplete }))
client.on('peer', (peer) => {
  peer.on('connect', () => peer.send('from ' + id))
  peer.on('data', (data) => say({ type: 'heard', text: Buffer.from(data).toString() }))
})
client.start({ left: Number(left) })
process.stdin.on('data', () => client.scrape())
`

function client(url: string, id: string, left: number): JsonProcess<Line> {
  const options = ['--input-type=module', '-e', program, npmUrl('bittorrent-tracker/index.js'), url, id, `${left}`]
  return startJsonProcess<Line>(process.execPath, options, { name: `client ${id}` })
}

describe('browser peers', () => {
  test('are brought together by our tracker', async (t) => {
    if (isMissing(t, tracker)) return
    const service = unwrap(await serveTracker({ port: 0, addresses: ['127.0.0.1'] }))
    t.after(() => service.close())
    const url = `ws://127.0.0.1:${service.port}`
    const seed = client(url, 'a1', 0)
    t.after(() => seed.end('SIGKILL'))
    await seed.line('update')
    const leech = client(url, 'b2', 10)
    t.after(() => leech.end('SIGKILL'))
    const { complete, incomplete } = await leech.line('update')
    assert.deepEqual([complete, incomplete], [1, 1])
    assert.equal((await leech.line('heard')).text, 'from a1')
    assert.equal((await seed.line('heard')).text, 'from b2')
    leech.process.stdin?.write('\n')
    const scraped = await leech.line('scrape')
    assert.deepEqual([scraped.complete, scraped.incomplete], [1, 1])
  })
})
