// Our DHT node and libtorrent's, both ways: what one announces or puts, the other finds (BEP 5, 44).
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLibtorrentMissing } from '../foreign/libtorrent.ts'
import { type LibtorrentDht, startLibtorrentDht } from '../foreign/libtorrent-dht.ts'
import { startSwarmbid, swarmbid } from './run-swarmbid.ts'

const theirHash = 'ab'.repeat(20)
const ourHash = 'cd'.repeat(20)
/** RFC 8032, test 1. */
const seed = '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'
const publicKey = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'

interface Said {
  readonly type?: string
  readonly port?: number
  readonly storedNodes?: number
  readonly target?: string
  readonly publicKey?: string
  readonly text?: string
  readonly sequence?: string
  readonly nodes?: number
}

describe('our DHT and libtorrent’s', () => {
  let folder: string
  let theirs: LibtorrentDht | undefined
  let node: ReturnType<typeof startSwarmbid> | undefined
  let port = 0

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'swarmbid-dht-'))
  })

  after(async () => {
    await node?.end('SIGINT')
    await theirs?.end()
    await rm(folder, { recursive: true })
  })

  /** The nodes of both, which know each other; started by the first test. */
  async function network(): Promise<LibtorrentDht> {
    if (theirs !== undefined) return theirs
    theirs = await startLibtorrentDht()
    const place = ['--bind', '127.0.0.1', '--bootstrap', `127.0.0.1:${theirs.port}`, '--state', join(folder, 'node')]
    node = startSwarmbid(['dht', 'run', '--json', '--port', '0', ...place])
    port = (await node.line('listening')).port ?? assert.fail()
    theirs.perform('node', port)
    // They answer each other's questions by now, or the tests say so.
    await node.line('status')
    return theirs
  }

  async function ask(...words: readonly string[]): Promise<Said[]> {
    const place = [
      '--bind',
      '127.0.0.1',
      '--bootstrap',
      `127.0.0.1:${port}`,
      '--state',
      join(folder, 'asker'),
      '--json',
    ]
    const { stdout, stderr } = await swarmbid(['dht', ...words, ...place])
    const lines = stdout.split('\n').filter((line) => line !== '')
    assert.ok(lines.length > 0, stderr)
    return lines.map((line) => JSON.parse(line) as Said)
  }

  test('a peer that libtorrent announces is found here', async (t) => {
    if (isLibtorrentMissing(t)) return
    const libtorrent = await network()
    let found: Said[] = []
    // libtorrent does not tell when its announce is done.
    for (let attempt = 0; attempt < 10 && !found.some(({ port: one }) => one === libtorrent.port); attempt++) {
      libtorrent.perform('announce', theirHash)
      await sleep(500)
      found = await ask('get-peers', theirHash)
    }
    assert.ok(found.some(({ type, port: one }) => type === 'peer' && one === libtorrent.port))
  })

  test('items that libtorrent puts are found here', async (t) => {
    if (isLibtorrentMissing(t)) return
    const libtorrent = await network()
    libtorrent.perform('put', 'theirs')
    const { target } = await libtorrent.line('target')
    await libtorrent.line('put', 30_000, ({ message = '' }) => message.includes(target ?? '?'))
    const [plain] = await ask('get', target ?? '')
    assert.equal(plain?.text, 'theirs')
    libtorrent.perform('put-mutable', seed, publicKey, 'theirs-changing', 'salt')
    await libtorrent.line('put', 30_000, ({ message = '' }) => message.includes(publicKey))
    const [changing] = await ask('get', publicKey, '--salt', 'salt')
    assert.equal(changing?.text, 'theirs-changing')
    assert.equal(changing?.publicKey, publicKey)
  })

  // These come last: whoever announces or puts gets into libtorrent's table, read-only or not, and it waits fifteen
  // seconds for each that has gone.
  test('a peer announced here is found by libtorrent', async (t) => {
    if (isLibtorrentMissing(t)) return
    const libtorrent = await network()
    const [done] = await ask('announce', ourHash, '--peer-port', '7002')
    assert.equal(done?.storedNodes, 2, 'our node and libtorrent’s took it')
    libtorrent.perform('get-peers', ourHash)
    await libtorrent.line('peers', 30_000, ({ ports = [] }) => ports.includes(7_002))
  })

  test('items put here are found by libtorrent', async (t) => {
    if (isLibtorrentMissing(t)) return
    const libtorrent = await network()
    const [plain] = await ask('put', 'plain text of ours')
    assert.equal(plain?.storedNodes, 2)
    libtorrent.perform('get', plain?.target ?? '')
    await libtorrent.line('item', 30_000, ({ message = '' }) => message.includes('plain text of ours'))
    const keyFile = join(folder, 'key')
    await ask('put', 'first', '--key', keyFile, '--salt', 'news')
    const [second] = await ask('put', 'second', '--key', keyFile, '--salt', 'news')
    assert.equal(second?.storedNodes, 2)
    assert.equal(second?.sequence, '2')
    assert.match(await readFile(keyFile, 'utf8'), /^[0-9a-f]{64}\n$/)
    libtorrent.perform('get-mutable', second?.publicKey ?? '', 'news')
    await libtorrent.line('item', 30_000, ({ message = '' }) => message.includes('second') && message.includes('seq=2'))
  })
})
