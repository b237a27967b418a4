// Peers found without any tracker, by real processes on loopback: a bare link, and the DHT of ours or of libtorrent.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { isLibtorrentMissing, startLibtorrent } from '../foreign/libtorrent.ts'
import { startLibtorrentDht } from '../foreign/libtorrent-dht.ts'
import { fillerBytes, temporaryFolder, writeFiles } from '../host/temporary-folder.ts'
import { type RunOptions, startSwarmbid, swarmbid } from './run-swarmbid.ts'

const content = fillerBytes(3_000_000, 7)
const infoHashes = ['--v1', '--hybrid', '--v2'] as const

interface Place {
  readonly folder: string
  readonly torrent: string
  /** Nothing but its info hashes. */
  readonly link: string
}

async function makePlace(t: TestContext, version: (typeof infoHashes)[number] = '--v1'): Promise<Place> {
  const folder = temporaryFolder(t)
  writeFiles(join(folder, 'seed'), { 'content.bin': content })
  const torrent = join(folder, 'content.torrent')
  const options = ['--format', version.slice(2), '-l', '64KiB', '-q', '-o', torrent]
  const made = await swarmbid(['create', join(folder, 'seed', 'content.bin'), ...options])
  assert.equal(made.exitCode, 0, made.stderr)
  const { stdout } = await swarmbid(['magnet', torrent])
  const link = stdout.trim().replace(/&(?!xt=).*$/, '')
  return { folder, torrent, link }
}

function started(t: TestContext, words: readonly string[], options: Pick<RunOptions, 'cwd'> = {}) {
  const child = startSwarmbid([...words, '--json'], options)
  t.after(() => child.end('SIGKILL'))
  return child
}

/** Only this machine, and a state of its own. */
function localOptions({ folder }: Place, name: string, bootstrapPort: number): string[] {
  const state = join(folder, `${name}-state`)
  return ['--bind', '127.0.0.1', '--state', state, '--dht-bootstrap', `127.0.0.1:${bootstrapPort}`]
}

/** Found by nobody who is not told. */
function aloneOptions({ folder }: Place, name: string): string[] {
  return ['--bind', '127.0.0.1', '--state', join(folder, `${name}-state`), '--no-dht']
}

async function seedingAlone(t: TestContext, place: Place): Promise<number> {
  const options = aloneOptions(place, 'seed')
  const seed = started(t, ['seed', place.torrent, join(place.folder, 'seed'), ...options])
  const { port = 0 } = await seed.line('listening')
  return port
}

/** With one peer named, and nothing else known but the link. */
async function downloadedFrom(place: Place, port: number): Promise<void> {
  const into = join(place.folder, 'leech')
  const options = ['--dir', into, ...aloneOptions(place, 'leech'), '--peer', `127.0.0.1:${port}`]
  const { exitCode, stderr } = await swarmbid(['download', place.link, ...options])
  assert.equal(exitCode, 0, stderr)
  assert.ok(readFileSync(join(into, 'content.bin')).equals(content))
}

async function downloaded(place: Place, bootstrapPort: number): Promise<void> {
  const into = join(place.folder, 'leech')
  const options = ['--dir', into, ...localOptions(place, 'leech', bootstrapPort)]
  const { exitCode, stderr } = await swarmbid(['download', place.link, ...options])
  assert.equal(exitCode, 0, stderr)
  assert.ok(readFileSync(join(into, 'content.bin')).equals(content))
}

const handshakeLength = 68
const extended = 20

/** The extensions that a peer offers to who says that it knows some (BEP 10). */
function offersOf(port: number, infoHash: string): Promise<string> {
  const protocol = Buffer.from('\x13BitTorrent protocol\0\0\0\0\0\x10\0\0', 'latin1')
  const peerId = Buffer.from('-XX0001-abcdefghijkl')
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(Buffer.concat([protocol, Buffer.from(infoHash, 'hex'), peerId]))
    })
    let said: Buffer = Buffer.alloc(0)
    socket.on('data', (part) => {
      said = Buffer.concat([said, part])
      for (let at = handshakeLength; at + 4 <= said.length; ) {
        const end = at + 4 + said.readUInt32BE(at)
        const message = said.subarray(at + 4, end)
        if (end <= said.length && message[0] === extended && message[1] === 0) {
          resolve(message.toString('latin1'))
          socket.destroy()
        }
        at = end
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`closed after ${said.length} bytes`)))
  })
}

describe('from nothing but a link', () => {
  for (const version of infoHashes) {
    test(`through our DHT alone: a ${version.slice(2)} torrent`, async (t) => {
      const place = await makePlace(t, version)
      assert.match(place.link, /^magnet:\?xt=urn:[^&]+(&xt=urn:[^&]+)?$/)
      const dhtOptions = ['--bind', '127.0.0.1', '--port', '0', '--bootstrap', '127.0.0.1:9']
      const node = started(t, ['dht', 'run', ...dhtOptions, '--state', join(place.folder, 'node-state')])
      const { port = 0 } = await node.line('listening')
      started(t, ['seed', place.torrent, join(place.folder, 'seed'), ...localOptions(place, 'seed', port)])
      await downloaded(place, port)
    })
  }

  test('through libtorrent’s DHT alone: our seed and our leecher know its node and nobody else', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t)
    const theirs = await startLibtorrentDht()
    t.after(() => theirs.end())
    started(t, ['seed', place.torrent, join(place.folder, 'seed'), ...localOptions(place, 'seed', theirs.port)])
    await downloaded(place, theirs.port)
  })

  test('through the DHT, a libtorrent seed to our leecher, and our seed to a libtorrent leecher', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t)
    const dhtOptions = ['--bind', '127.0.0.1', '--port', '0', '--bootstrap', '127.0.0.1:9']
    const node = started(t, ['dht', 'run', ...dhtOptions, '--state', join(place.folder, 'node-state')])
    const { port = 0 } = await node.line('listening')
    const settings = {
      enable_dht: true,
      dht_bootstrap_nodes: `127.0.0.1:${port}`,
      dht_restrict_routing_ips: false,
      dht_restrict_search_ips: false,
      dht_enforce_node_id: false,
      dht_ignore_dark_internet: false,
      dht_prefer_verified_node_ids: false,
      // It looks up before it knows a node, and then not for a quarter of an hour.
      dht_announce_interval: 3,
    }
    const seed = await startLibtorrent({
      source: place.torrent,
      folder: join(place.folder, 'seed'),
      isSeed: true,
      settings,
    })
    await downloaded(place, port)
    await seed.end()
    started(t, ['seed', place.torrent, join(place.folder, 'seed'), ...localOptions(place, 'second', port)])
    const leech = await startLibtorrent({
      source: place.link,
      folder: join(place.folder, 'theirs'),
      isSeed: false,
      settings,
    })
    t.after(() => leech.end())
    await leech.line('done', 60_000)
    assert.ok(readFileSync(join(place.folder, 'theirs', 'content.bin')).equals(content))
  })

  // The peer that is named gives next to nothing itself: three megabytes would take it most of an hour.
  test('through peer exchange alone: the peer that is named tells of the seed', async (t) => {
    const place = await makePlace(t)
    const seedPort = await seedingAlone(t, place)
    const slow = ['--download-limit', '1KiB', '--upload-limit', '1KiB', '--port', '0']
    const hubOptions = ['--dir', join(place.folder, 'hub'), ...aloneOptions(place, 'hub'), ...slow]
    const hub = started(t, ['download', place.torrent, '--peer', `127.0.0.1:${seedPort}`, ...hubOptions])
    const { port: hubPort = 0 } = await hub.line('listening')
    await downloadedFrom(place, hubPort)
  })

  test('through peer exchange alone: libtorrent tells ours of the seed', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t)
    const seedPort = await seedingAlone(t, place)
    const hub = await startLibtorrent({
      source: place.torrent,
      folder: join(place.folder, 'hub'),
      isSeed: false,
      uploadLimit: 1_024,
      downloadLimit: 1_024,
    })
    t.after(() => hub.end())
    hub.connect('127.0.0.1', seedPort)
    await hub.line('connected')
    await downloadedFrom(place, hub.port)
  })

  test('through peer exchange alone: ours tells libtorrent of the seed', async (t) => {
    if (isLibtorrentMissing(t)) return
    const place = await makePlace(t)
    const seedPort = await seedingAlone(t, place)
    const slow = ['--download-limit', '1KiB', '--upload-limit', '1KiB', '--port', '0']
    const hubOptions = ['--dir', join(place.folder, 'hub'), ...aloneOptions(place, 'hub'), ...slow]
    const hub = started(t, ['download', place.torrent, '--peer', `127.0.0.1:${seedPort}`, ...hubOptions])
    const { port: hubPort = 0 } = await hub.line('listening')
    const leech = await startLibtorrent({ source: place.link, folder: join(place.folder, 'theirs'), isSeed: false })
    t.after(() => leech.end())
    leech.connect('127.0.0.1', hubPort)
    await leech.line('done', 60_000)
    assert.ok(readFileSync(join(place.folder, 'theirs', 'content.bin')).equals(content))
  })

  test('a private torrent is not looked for, and says so at once', async (t) => {
    const folder = temporaryFolder(t)
    writeFiles(folder, { 'content.bin': content })
    const torrent = join(folder, 'content.torrent')
    await swarmbid(['create', join(folder, 'content.bin'), '--private', '-q', '-o', torrent])
    const place = { folder, torrent, link: '' }
    const options = ['--dir', join(folder, 'leech'), ...localOptions(place, 'leech', 9)]
    const { exitCode, stderr } = await swarmbid(['download', torrent, ...options])
    assert.equal(exitCode, 1)
    assert.match(stderr, /\(torrent-unreachable\)/)
  })

  test('--no-peer-exchange: peers are not told that others could be exchanged', async (t) => {
    const place = await makePlace(t)
    const { stdout } = await swarmbid(['info', '--json', place.torrent])
    const { infoHashV1 = '' } = JSON.parse(stdout) as { infoHashV1?: string }
    const offered = async (name: string, ...options: string[]) => {
      const words = ['seed', place.torrent, join(place.folder, 'seed'), ...aloneOptions(place, name), ...options]
      const { port = 0 } = await started(t, words).line('listening')
      return offersOf(port, infoHashV1)
    }
    assert.match(await offered('told'), /11:ut_metadata.*6:ut_pex/s)
    const kept = await offered('kept', '--no-peer-exchange')
    assert.match(kept, /11:ut_metadata/)
    assert.doesNotMatch(kept, /ut_pex/)
  })

  test('--no-dht: nothing is looked for', async (t) => {
    const place = await makePlace(t)
    const options = ['--dir', join(place.folder, 'leech'), ...localOptions(place, 'leech', 9), '--no-dht']
    const { exitCode, stderr } = await swarmbid(['download', place.link, ...options])
    assert.equal(exitCode, 1)
    assert.match(stderr, /\(torrent-unreachable\)/)
  })
})

interface PutLine {
  readonly type: string
  readonly link: string
  readonly sequence: string
}

describe('a torrent that changes (BEP 46)', () => {
  async function startedNode(t: TestContext, folder: string): Promise<number> {
    const options = ['--bind', '127.0.0.1', '--port', '0', '--bootstrap', '127.0.0.1:9']
    const { port = 0 } = await started(t, ['dht', 'run', ...options, '--state', join(folder, 'node-state')]).line(
      'listening',
    )
    return port
  }

  /** What is put under the one key of a folder. */
  async function put(folder: string, port: number, value: string, ...options: string[]): Promise<PutLine> {
    const own = ['--bind', '127.0.0.1', '--bootstrap', `127.0.0.1:${port}`, '--state', join(folder, 'put-state')]
    const words = ['dht', 'put', value, '--key', join(folder, 'key'), ...options, ...own, '--json']
    const { exitCode, stdout, stderr } = await swarmbid(words)
    assert.equal(exitCode, 0, stderr)
    return JSON.parse(stdout) as PutLine
  }

  test('its link alone is enough: the DHT has the torrent of today, and tomorrow another', async (t) => {
    const place = await makePlace(t)
    const port = await startedNode(t, place.folder)
    const other = fillerBytes(200_000, 8)
    writeFiles(join(place.folder, 'seed'), { 'tomorrow.bin': other })
    const tomorrow = join(place.folder, 'tomorrow.torrent')
    const made = await swarmbid(['create', join(place.folder, 'seed', 'tomorrow.bin'), '-q', '-o', tomorrow])
    assert.equal(made.exitCode, 0, made.stderr)
    const served = [place.torrent, tomorrow, join(place.folder, 'seed')]
    started(t, ['seed', ...served, ...localOptions(place, 'seed', port)])
    const first = await put(place.folder, port, place.link, '--torrent', '--salt', 'news')
    assert.match(first.link, /^magnet:\?xs=urn:btpk:[0-9a-f]{64}&s=6e657773$/)
    const link = { ...place, link: first.link }
    await downloaded(link, port)
    const { stdout } = await swarmbid(['magnet', tomorrow])
    const second = await put(place.folder, port, stdout.trim(), '--torrent', '--salt', 'news')
    assert.deepEqual([second.link, second.sequence], [first.link, '2'])
    const into = join(place.folder, 'second')
    const download = ['download', first.link, '--dir', into, ...localOptions(place, 'second', port)]
    const { exitCode, stderr } = await swarmbid(download)
    assert.equal(exitCode, 0, stderr)
    assert.ok(readFileSync(join(into, 'tomorrow.bin')).equals(other))
  })

  test('what leads nowhere is refused with the reason: no DHT, no item, an item that names no torrent', async (t) => {
    const folder = temporaryFolder(t)
    const place = { folder, torrent: '', link: '' }
    const port = await startedNode(t, folder)
    const refused = async (link: string, ...options: string[]) => {
      const words = ['download', link, '--dir', folder, ...localOptions(place, 'leech', port), ...options]
      const { exitCode, stderr } = await swarmbid(words)
      assert.equal(exitCode, 1)
      return /\(([a-z-]+)\)\s*$/.exec(stderr)?.[1]
    }
    const unknown = `magnet:?xs=urn:btpk:${'ab'.repeat(32)}`
    assert.equal(await refused(unknown, '--no-dht'), 'dht-off')
    assert.equal(await refused(unknown), 'dht-not-found')
    assert.equal(await refused('magnet:?xs=urn:btpk:abcd'), 'magnet-topic')
    await put(folder, port, 'no torrent at all', '--salt', 'news')
    const { stdout } = await swarmbid(['magnet', '--json', `${unknown}&s=6e`])
    assert.deepEqual(JSON.parse(stdout), {
      input: `${unknown}&s=6e`,
      magnet: `${unknown}&s=6e`,
      publicKey: 'ab'.repeat(32),
      salt: '6e',
    })
    const { link } = await put(folder, port, '00'.repeat(20), '--torrent', '--salt', 'other')
    assert.equal(await refused(link.replace(/&s=.*$/, '&s=6e657773')), 'dht-value')
  })
})
